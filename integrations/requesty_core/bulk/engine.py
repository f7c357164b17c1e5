"""Performing a run on an event loop: reads rows, starts requests as the limiter and the run allow, hands rows out."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

from requesty_core.client import AsyncRequestyClient

from .checkpoint import Kept
from .decisions import Rules, Unit, last_failure
from .items import BulkItem, BulkReport
from .jobs import Asked, Job, Outcome
from .limiter import Limiter, Ticket
from .rows import Row
from .run import BulkState
from .tally import THROTTLED

__all__ = ["Engine"]

_BREATH = 64
"""Rows after which the loop gets a turn while a source is read that never waits."""


class Engine:
    """One run under way on one loop.

    Args:
        source: the rows, as one reads them.
        shared: whether somebody else has money of the budget under way.
    """

    def __init__(
        self,
        job: Job,
        client: AsyncRequestyClient,
        limiter: Limiter,
        rules: Rules,
        checkpoint: Kept | None,
        source: AsyncIterator[Row],
        *,
        shared: Callable[[], bool],
    ) -> None:
        self._job = job
        self._client = client
        self._limiter = limiter
        self._rules = rules
        self._checkpoint = checkpoint
        self._source = source
        self.state = BulkState(job, rules, checkpoint, now=time.monotonic(), shared=shared)
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[Callable[[], None]]] = set()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._feeder = self._loop.create_task(self._feed())
        self._closed = False

    async def some(self) -> list[BulkItem]:
        """Rows to hand out, at least one; none at the end. Raises what ended the run, after everything else."""
        while True:
            items = []
            while (item := self.state.pop()) is not None:
                items.append(item)
            if items:
                self._room.set()
                self._start()
                return items
            if self.state.is_quiet:
                await self.close()
                if self.state.end is not None:
                    raise self.state.end
                return []
            self._changed.clear()
            self._start()
            if not self.state.is_quiet:
                await self._changed.wait()

    async def _feed(self) -> None:
        try:
            count = 0
            async for row in self._source:
                self.state.add(row)
                self._changed.set()
                self._start()
                count += 1
                if count % _BREATH == 0:
                    await asyncio.sleep(0)
                while not self.state.has_room:
                    if self.state.end is not None or self.state.stopped:
                        return
                    self._room.clear()
                    await self._room.wait()
        except asyncio.CancelledError as error:
            self._cancelled(error)
            raise
        except Exception as error:  # noqa: BLE001 -- the source's own: raised where the rows are read
            self.state.fail(None, error)
        finally:
            self.state.all_read = True
            self._changed.set()
            self._start()

    def _start(self) -> None:
        """Send what may be sent."""
        state, now = self.state, time.monotonic()
        while not self._closed and state.ready(now) and len(self._tasks) < self._rules.most:
            ticket = self._limiter.enter(self, now, self._wake)
            if ticket is None:
                break
            task = self._loop.create_task(self._ask(state.take(now), ticket))
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, ticket))
        self._set_timer(now)

    def _set_timer(self, now: float) -> None:
        """Look again when the next repetition is due, or what holds everything back has passed."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        due = self.state.due()
        held = self._limiter.held_back(now)
        waits = [held] if held and self.state.ready(now) else []
        if due is not None and due > now:
            waits.append(due - now)
        if waits:
            self._timer = self._loop.call_later(min(waits), self._start)

    def _wake(self) -> None:
        # From another thread, of a run that shares the limit; its loop may be gone by then, or go in this moment.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._start)

    async def _ask(self, unit: Unit, ticket: Ticket) -> Callable[[], None]:
        """Ask for a unit and note what came; returns what the limiter is to be told."""
        tell: Callable[[], None] = partial(self._limiter.leave, ticket, most=self._rules.most)
        try:
            asked = await self._job.ask(self._client, unit.tasks)
            tell = self._verdict(asked, ticket)
            self.state.report(unit, asked, time.monotonic())
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 -- the caller's own hooks, or a full disk: raised to who reads
            self.state.fail(unit, error)
        return tell

    def _ended(self, ticket: Ticket, task: asyncio.Task[Callable[[], None]]) -> None:
        # Only now is there room for another. Here and not at the end of `_ask`, because a task that is cancelled before
        # its first step runs nothing of it.
        self._tasks.discard(task)
        if task.cancelled():
            self.state.under_way -= 1
            self._cancelled(asyncio.CancelledError())
            self._limiter.leave(ticket, most=self._rules.most)
        else:
            task.result()()
        self._changed.set()
        self._start()

    def _cancelled(self, error: asyncio.CancelledError) -> None:
        # By somebody else, as at the end of a loop whose run was not closed: there is nobody to send more for.
        if not self._closed:
            self.state.fail(None, error)

    def _verdict(self, came: Asked, ticket: Ticket) -> Callable[[], None]:
        """What the limiter learns of a request."""
        most, limiter = self._rules.most, self._limiter
        failed = next((one.error for one in came.outcomes if _is_throttled(one)), None)
        if failed is not None:
            asked = failed.retry_after or 0.0
            # A wait that is not granted ends this run, and must not hold back another that may find things changed.
            granted = asked if asked <= self._rules.retry.max_retry_after else 0.0
            return partial(limiter.refused, ticket, time.monotonic(), granted)
        if any(one.error_kind in THROTTLED for one in came.attempts):
            limiter.throttled(ticket)
        if any(one.is_done for one in came.outcomes):
            return partial(limiter.answered, ticket, most=most)
        return partial(limiter.leave, ticket, most=most)

    def stop(self) -> None:
        """Send nothing more; what is under way is still settled and handed out."""
        self.state.stopped = True
        self._room.set()
        self._changed.set()

    @property
    def report(self) -> BulkReport:
        """The figures so far."""
        return self.state.tally.report(time.monotonic())

    @property
    def limit(self) -> int:
        """Requests that may be under way at a time now."""
        return min(self._limiter.limit, self._rules.most)

    async def close(self) -> None:
        """End at once: what is under way is left, and its rows are not settled."""
        if self._closed:
            return
        self._closed = True
        self._set_timer(0.0)
        self._limiter.forget(self)
        # Those that are done may be of a loop that has ended.
        tasks: list[asyncio.Task[Any]] = [one for one in (self._feeder, *self._tasks) if not one.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._checkpoint is not None:
            self._checkpoint.close()


def _is_throttled(outcome: Outcome) -> bool:
    return outcome.error is not None and last_failure(outcome.error).kind in THROTTLED
