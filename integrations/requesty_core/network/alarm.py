"""Deadlines for synchronous reads: one daemon thread that runs a callback when a moment has passed.

``httpx`` can limit a single read, not a whole answer, and a blocked thread cannot limit itself. The callback shuts the
socket down, which wakes the reader. The thread is started on first use and costs a heap operation per deadline.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from requesty_core.lifetime import after_fork, start_thread

__all__ = ["NO_ALARM", "Alarm", "set_alarm"]


class Alarm:
    """A pending callback. ``went_off`` tells whether it ran; after :meth:`cancel` it never will."""

    __slots__ = ("_callback", "_clock", "_lock", "went_off")

    def __init__(self, callback: Callable[[], None], clock: _Clock | None = None) -> None:
        self._callback: Callable[[], None] | None = callback
        self._clock = clock
        self._lock = threading.Lock()
        self.went_off = False

    def cancel(self) -> None:
        """Forget the callback; waits for it if it is just running."""
        with self._lock:
            was_pending = self._callback is not None
            self._callback = None
        if was_pending and self._clock is not None:
            self._clock.cancelled()

    @property
    def is_pending(self) -> bool:
        """Whether the callback is still to run."""
        return self._callback is not None

    def ring(self) -> None:
        """Run the callback unless it was cancelled."""
        with self._lock:
            callback, self._callback = self._callback, None
            if callback is not None:
                self.went_off = True
                callback()


class _NoAlarm(Alarm):
    """Shared by every call without a limit, so it has nothing that threads would wait for each other at."""

    def cancel(self) -> None:
        pass


NO_ALARM: Alarm = _NoAlarm(lambda: None)
"""Stands where no limit was asked for; it is never scheduled."""


class _Clock:
    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._heap: list[tuple[float, int, Alarm]] = []
        self._numbers = itertools.count()
        self._cancelled = 0
        self._thread: threading.Thread | None = None

    def add(self, seconds: float, alarm: Alarm) -> None:
        when = time.monotonic() + seconds
        with self._condition:
            heapq.heappush(self._heap, (when, next(self._numbers), alarm))
            if self._thread is None:
                self._thread = start_thread(self._run, name="requesty-deadlines", serves_all=True)
            elif self._heap[0][2] is alarm:
                self._condition.notify()

    def cancelled(self) -> None:
        """An alarm in the heap will not ring; when most of them will not, they leave it."""
        with self._condition:
            self._cancelled += 1
            if self._cancelled > 32 and self._cancelled * 2 > len(self._heap):
                self._heap = [entry for entry in self._heap if entry[2].is_pending]
                heapq.heapify(self._heap)
                self._cancelled = 0

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._heap:
                    self._condition.wait()
                when, _, alarm = self._heap[0]
                wait = when - time.monotonic()
                if wait > 0:
                    self._condition.wait(wait)
                    continue
                heapq.heappop(self._heap)
            alarm.ring()


_clock = _Clock()


@after_fork
def _renew() -> None:
    # Threads do not survive a fork.
    global _clock
    _clock = _Clock()


def set_alarm(seconds: float, callback: Callable[[], None]) -> Alarm:
    """Run ``callback`` on the alarm thread after ``seconds`` unless the returned alarm is cancelled before."""
    clock = _clock
    alarm = Alarm(callback, clock)
    clock.add(seconds, alarm)
    return alarm
