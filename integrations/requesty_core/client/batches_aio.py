"""Performing an embeddings run in tasks; ``batches_sync`` is its counterpart."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial

from requesty_core.embeddings.batches import Batch
from requesty_core.embeddings.line import Line
from requesty_core.embeddings.run import EmbeddingsRun
from requesty_core.embeddings.vectors import BatchResult
from requesty_core.errors import RequestyError
from requesty_core.loops import running_loop

from .batches_sync import BatchExchange, _closed

__all__ = ["BatchTasks"]


class BatchTasks:
    """One run under way. Arguments as those of ``BatchThreads``."""

    def __init__(
        self,
        run: EmbeddingsRun,
        line: Line | None,
        exchange_for: Callable[[Batch], BatchExchange],
        send: Callable[[BatchExchange], Awaitable[BatchResult]],
        under_way: set[BatchTasks],
    ) -> None:
        self._run = run
        self._line = Line() if line is None else line
        self._exchange_for = exchange_for
        self._send = send
        self._under_way = under_way
        self._tasks: set[asyncio.Task[None]] = set()
        self._error: BaseException | None = None
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def steps(self) -> AsyncGenerator[None]:
        """Perform the run; yields whenever something has come of it. Closing and cancelling end it."""
        run, seen = self._run, 0
        self._loop = running_loop()
        self._under_way.add(self)
        try:
            while True:
                self._start()
                if run.changes == seen and not run.is_over:
                    await self._changed.wait()
                    self._changed.clear()
                if self._error is not None:
                    raise self._error
                if run.changes != seen or run.is_over:
                    seen, over = run.changes, run.is_over
                    yield
                    if over:
                        return
        finally:
            await self._leave()

    def stop(self) -> None:
        """The client is closed: what was reached is kept, nothing more is sent."""
        with self._line.condition:
            self._run.stop(_closed(), "the client was closed")
        self._wake(self._cancel)

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._changed.set()

    def _wake(self, call: Callable[[], object] | None = None) -> None:
        if self._loop is not None:
            # RuntimeError: the loop is closed, and with it the run.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(call or self._changed.set)

    def _start(self) -> None:
        """Take inputs, and start a task for every batch that may be sent."""
        run = self._run
        while run.wants:
            batch = run.cut()
            if batch is None:
                break
            run.add(batch)
        batches = []
        with self._line.condition:
            while run.ready and self._line.enter(run, run.rules.max_in_flight, self._wake):
                batches.append(run.next())
            if not run.ready:
                self._line.forget(run)
        for batch in batches:
            task = asyncio.get_running_loop().create_task(self._perform(batch))
            self._tasks.add(task)
            task.add_done_callback(partial(self._ended, batch))

    def _ended(self, batch: Batch, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            # Before it began: nothing of it has reported.
            self._report(partial(self._run.failed, batch, _closed()))

    async def _perform(self, batch: Batch) -> None:
        run = self._run
        report: Callable[[], None]
        try:
            exchange = self._exchange_for(batch)
            result = await self._send(exchange)
            report = partial(run.answered, batch, result, exchange.attempts)
        except RequestyError as error:
            report = partial(run.failed, batch, error)
        except asyncio.CancelledError:
            report = partial(run.failed, batch, _closed())
        except BaseException as error:  # noqa: BLE001 -- handed to the caller's task, which raises it
            report = partial(self._fail, error)
        self._report(report)

    def _report(self, report: Callable[[], None]) -> None:
        with self._line.condition:
            self._line.leave()
            report()
        self._changed.set()

    def _fail(self, error: BaseException) -> None:
        # What is no RequestyError comes from the caller's own callbacks: it is let out as it was raised.
        if self._error is None:
            self._error = error

    async def _leave(self) -> None:
        self._under_way.discard(self)
        with self._line.condition:
            self._line.forget(self._run)
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
