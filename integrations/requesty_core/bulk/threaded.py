"""A run for synchronous code: requests go on in a thread of their own, rows are read in the caller's.

Iterators of databases and files are bound to the thread that made them, so the run asks its caller for rows, who reads
some whenever it waits for the next result.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

from requesty_core.lifetime import start_thread

from .engine import Engine
from .items import BulkItem, BulkReport
from .rows import Row

__all__ = ["ThreadedEngine"]

T = TypeVar("T")

_SLICE = 256
_SLICE_SECONDS = 0.02
"""Rows that come slowly are handed over as they come."""


class _Handed:
    """Rows that the caller's thread reads and the loop's takes."""

    def __init__(self, rows: Iterator[Row], mailbox: queue.SimpleQueue[object]) -> None:
        self._rows = rows
        self._mailbox = mailbox
        self._loop = asyncio.get_running_loop()
        self._arrived: asyncio.Future[list[Row]] | None = None
        self._ended = False
        self._problem: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[Row]:
        while not self._ended:
            self._arrived = self._loop.create_future()
            self._mailbox.put(self)
            for row in await self._arrived:
                yield row

    def read(self) -> None:
        """In the caller's thread: read some rows and hand them over."""
        rows: list[Row] = []
        until = time.monotonic() + _SLICE_SECONDS
        try:
            while self._problem is None and len(rows) < _SLICE and (not rows or time.monotonic() < until):
                rows.append(next(self._rows))
        except StopIteration:
            self._ended = True
        except Exception as problem:  # noqa: BLE001 -- the source's own: raised where the rows are asked for
            # After the rows that came before it.
            self._problem = problem
        self._loop.call_soon_threadsafe(self._give, rows)

    def _give(self, rows: list[Row]) -> None:
        if self._arrived is None or self._arrived.done():
            return
        if rows or self._problem is None:
            self._arrived.set_result(rows)
        else:
            self._arrived.set_exception(self._problem)


class ThreadedEngine:
    """An engine in a thread, with a synchronous face. Used by one thread at a time.

    Args:
        make: makes the engine on the thread's loop, given the rows.
        rows: read in the caller's thread.
    """

    def __init__(self, make: Callable[[AsyncIterator[Row]], Engine], rows: Iterator[Row]) -> None:
        self._mailbox: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._engine: Engine | None = None
        self._problem: BaseException | None = None
        self._ended: asyncio.Event | None = None
        self._waited: Future[list[BulkItem]] | None = None
        self._thread = start_thread(self._run, make, rows, name="requesty-bulk")
        self._started.wait()
        if self._problem is not None:
            raise self._problem

    def _run(self, make: Callable[[AsyncIterator[Row]], Engine], rows: Iterator[Row]) -> None:
        asyncio.run(self._main(make, rows))

    async def _main(self, make: Callable[[AsyncIterator[Row]], Engine], rows: Iterator[Row]) -> None:
        try:
            self._loop = asyncio.get_running_loop()
            self._ended = asyncio.Event()
            self._engine = make(aiter(_Handed(rows, self._mailbox)))
        except BaseException as problem:  # noqa: BLE001 -- raised in the caller's thread
            self._problem = problem
            return
        finally:
            self._started.set()
        await self._ended.wait()
        await self._engine.close()

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    @property
    def engine(self) -> Engine:
        """The engine; only what is safe from another thread may be asked of it."""
        assert self._engine is not None
        return self._engine

    def some(self) -> list[BulkItem]:
        """As :meth:`Engine.some`; reads rows while it waits."""
        if not self._thread.is_alive():
            return []
        # Left over by a Ctrl-C while it was waited for: what it brings is handed out now.
        future = self._waited
        if future is None:
            future = self._waited = self._submit(self.engine.some())
            future.add_done_callback(self._mailbox.put)
        while (message := self._mailbox.get()) is not future:
            if isinstance(message, _Handed):
                message.read()
        self._waited = None
        return future.result()

    @property
    def report(self) -> BulkReport:
        """The figures so far."""
        return self.engine.report

    def stop(self) -> None:
        """As :meth:`Engine.stop`."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.engine.stop)

    def close(self) -> None:
        """End at once, and wait for the thread's end."""
        loop, ended = self._loop, self._ended
        if loop is None or ended is None or not self._thread.is_alive():
            return
        loop.call_soon_threadsafe(ended.set)
        self._thread.join()
