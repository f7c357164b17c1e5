"""Waiting on an event loop for something to happen, but not for ever."""

from __future__ import annotations

import asyncio

__all__ = ["Waiting"]


class Waiting:
    """One task at a time waits here."""

    __slots__ = ("_deadline", "_loop", "_timer", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiter: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0

    def wake(self) -> bool:
        """Something happened; false if nobody waits for it."""
        waiter, self._waiter = self._waiter, None
        if waiter is None:
            return False
        if not waiter.done():
            waiter.set_result(True)
        return True

    async def happens(self, limit: float | None) -> bool:
        """Wait until anything happens; false if nothing does within ``limit`` seconds."""
        if limit is None:
            self._deadline = 0.0
        elif limit <= 0.0:
            return False
        else:
            # One timer serves many waits: it looks at the latest deadline when it goes off.
            self._deadline = self._loop.time() + limit
            if self._timer is None:
                self._timer = self._loop.call_at(self._deadline, self._expire)
            elif self._timer.when() > self._deadline:
                self._timer.cancel()
                self._timer = self._loop.call_at(self._deadline, self._expire)
        waiter = self._waiter = self._loop.create_future()
        try:
            return bool(await waiter)
        finally:
            self._waiter = None

    def _expire(self) -> None:
        self._timer = None
        waiter = self._waiter
        if waiter is None or not self._deadline:
            return
        # A loop's clock may be coarser than its timers.
        if self._loop.time() < self._deadline - 0.001:
            self._timer = self._loop.call_at(self._deadline, self._expire)
        elif not waiter.done():
            waiter.set_result(False)

    def stop(self) -> None:
        """Nobody waits any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
