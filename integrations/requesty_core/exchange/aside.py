"""What an event loop must not wait for itself: done in a thread, while other tasks go on.

Few threads, of our own: a database that does not answer must not take those in which the caller's program works. They
end when nothing came for a while.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from typing import Any, TypeVar

from requesty_core.errors import BudgetExceededError
from requesty_core.lifetime import after_fork, start_thread
from requesty_core.network.http import Request
from requesty_core.retry.fallback import Send

from .attempt import RunningAttempt
from .exchange import Exchange

__all__ = ["abegin"]

MOST = 8
"""Threads at once. Whatever they wait for is done one after the other anyway."""

IDLE_SECONDS = 1.0

T = TypeVar("T")


async def abegin(exchange: Exchange, send: Send, request: Request) -> RunningAttempt:
    """``exchange.begin``, without standing still while a budget waits for its database."""
    if not exchange.accounts.waits:
        return exchange.begin(send, request)
    try:
        reserved = await _aside(exchange.reserving(send, request), exchange.accounts.release)
    except BudgetExceededError as error:
        exchange.refused(send, error)
        raise
    return exchange.begin(send, request, reserved)


async def _aside(work: Callable[[], T], undo: Callable[[T], object]) -> T:
    """What ``work`` returns or raises, done in a thread; ``undo`` gets what it returned to nobody."""
    future = _workers.submit(work)
    try:
        return await asyncio.wrap_future(future)
    except BaseException:
        # The caller left, or the work itself failed; what was not begun by now is not begun any more.
        if not future.cancel():
            future.add_done_callback(lambda done: None if done.exception() else undo(done.result()))
        raise


class _Workers:
    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._jobs: deque[tuple[Future[Any], Callable[[], object]]] = deque()
        self._count = self._idle = 0

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have it done soon, with the caller's context variables."""
        future: Future[T] = Future()
        context = copy_context()
        job: tuple[Future[Any], Callable[[], object]] = (future, lambda: context.run(work))
        with self._ready:
            self._jobs.append(job)
            if self._idle >= len(self._jobs) or self._count >= MOST:
                self._ready.notify()
                return future
            self._count += 1
        try:
            start_thread(self._work, name="requesty-budget", serves_all=True)
        except RuntimeError:
            # No thread is to be had: the loop stands still for once, unless another thread took the job meanwhile.
            with self._ready:
                self._count -= 1
                is_left = job in self._jobs
                if is_left:
                    self._jobs.remove(job)
            if is_left:
                _do(*job)
        return future

    def _work(self) -> None:
        while (job := self._next()) is not None:
            _do(*job)
            # An idle thread keeps nothing alive.
            del job

    def _next(self) -> tuple[Future[Any], Callable[[], object]] | None:
        with self._ready:
            self._idle += 1
            try:
                if not self._jobs and not self._ready.wait_for(lambda: self._jobs, IDLE_SECONDS):
                    self._count -= 1
                    return None
                return self._jobs.popleft()
            finally:
                self._idle -= 1


def _do(future: Future[Any], work: Callable[[], object]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = work()
    except BaseException as error:  # noqa: BLE001 -- raised where it is waited for
        future.set_exception(error)
    else:
        future.set_result(result)


_workers = _Workers()


@after_fork
def _renew() -> None:
    global _workers
    _workers = _Workers()
