"""A run as its user has it: an iterator of rows as they are settled."""

from __future__ import annotations

import os
import weakref
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Any, Self

from .checkpoint import Checkpoint
from .engine import Engine
from .items import BulkItem, BulkReport
from .plan import Plan
from .progress import Progress
from .rows import Row, read_rows
from .threaded import ThreadedEngine

__all__ = ["AsyncBulkRun", "BulkRun"]


class BulkRun:
    """Rows as they are settled: an iterator of :class:`BulkItem` and a context manager. Used by one thread at a time.

    What ended the run early is raised after everything that was settled has been handed out. Leaving the iteration
    leaves the requests under way, which are billed; :meth:`stop` waits for them.
    """

    def __init__(self, plan: Plan, rows: object) -> None:
        self._progress = Progress(plan.progress, len(rows) if hasattr(rows, "__len__") and not _is_path(rows) else None)
        source = read_rows(rows)
        checkpoint = plan.open()
        self._engine = ThreadedEngine(lambda handed: plan.engine(handed, checkpoint), source)
        self._ready: list[BulkItem] = []
        self._over = False
        self.was_stopped = False
        """Whether :meth:`stop` was called."""
        self._ends = weakref.finalize(self, _end, self._engine, self._progress)

    def __iter__(self) -> Iterator[BulkItem]:
        return self

    def __next__(self) -> BulkItem:
        if not self._ready and not self._over:
            try:
                self._ready = self._engine.some()
            except KeyboardInterrupt:
                raise
            except BaseException:
                self._finish()
                raise
            if not self._ready:
                self._finish()
            self._ready.reverse()
        if not self._ready:
            raise StopIteration
        self._progress.show(1, self.report, self._engine.engine.limit)
        return self._ready.pop()

    @property
    def report(self) -> BulkReport:
        """The figures so far: rows, requests, tokens, cost."""
        return self._engine.report

    def stop(self) -> None:
        """Send nothing more. The iteration goes on with what is under way, and ends."""
        self.was_stopped = True
        self._engine.stop()

    def _finish(self) -> None:
        self._over = True
        self._ends()

    def close(self) -> None:
        """End at once. Rows under way are not settled; a rerun asks them again."""
        self._ready.clear()
        self._finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _end(engine: ThreadedEngine, progress: Progress) -> None:
    engine.close()
    progress.close()


class AsyncBulkRun:
    """Asynchronous :class:`BulkRun`: iterate it with ``async for``, on one event loop."""

    def __init__(self, plan: Plan, rows: object) -> None:
        self._plan = plan
        total = len(rows) if hasattr(rows, "__len__") and not _is_path(rows) else None
        self._progress = Progress(plan.progress, total)
        self._source = _arows(rows)
        self._checkpoint: Checkpoint | None = plan.open()
        self._engine: Engine | None = None
        self._ready: list[BulkItem] = []
        self._over = False
        self.was_stopped = False
        """Whether :meth:`stop` was called."""

    def __aiter__(self) -> AsyncIterator[BulkItem]:
        return self

    async def __anext__(self) -> BulkItem:
        if not self._ready and not self._over:
            engine = self._started()
            try:
                self._ready = await engine.some()
            except Exception:
                await self.close()
                raise
            if not self._ready:
                await self.close()
            self._ready.reverse()
        if not self._ready:
            raise StopAsyncIteration
        engine = self._started()
        self._progress.show(1, engine.report, engine.limit)
        return self._ready.pop()

    def _started(self) -> Engine:
        if self._engine is None:
            self._engine = self._plan.engine(self._source, self._checkpoint)
        return self._engine

    @property
    def report(self) -> BulkReport:
        """The figures so far: rows, requests, tokens, cost."""
        return BulkReport() if self._engine is None else self._engine.report

    def stop(self) -> None:
        """Send nothing more. The iteration goes on with what is under way, and ends."""
        self.was_stopped = True
        if self._engine is not None:
            self._engine.stop()
        else:
            self._over = True

    async def close(self) -> None:
        """End at once. Rows under way are not settled; a rerun asks them again."""
        self._ready.clear()
        self._over = True
        self._progress.close()
        if self._engine is not None:
            await self._engine.close()
        elif self._checkpoint is not None:
            self._checkpoint.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


def _is_path(rows: object) -> bool:
    return isinstance(rows, (str, os.PathLike))


def _arows(rows: object) -> AsyncIterator[Row]:
    if isinstance(rows, AsyncIterable):
        return _numbered(rows)
    return _unhurried(read_rows(rows))


async def _numbered(rows: AsyncIterable[Any]) -> AsyncIterator[Row]:
    position = 0
    async for value in rows:
        yield Row(position, value)
        position += 1


async def _unhurried(rows: Iterator[Row]) -> AsyncIterator[Row]:
    for row in rows:
        yield row
