"""Performing an embeddings run in threads; ``batches_aio`` is its counterpart.

Inputs are taken in the caller's thread, requests are made in threads of the run, and the caller's thread waits for what
they report. It alone is interrupted by Ctrl-C, and when it leaves, for whatever reason, the requests under way are cut
off and no other begins. A run that needs one request at a time needs no threads.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from functools import partial

from requesty_core.embeddings.batches import Batch
from requesty_core.embeddings.line import Line
from requesty_core.embeddings.run import EmbeddingsRun
from requesty_core.embeddings.vectors import BatchResult
from requesty_core.errors import ConnectionFailedError, RequestyError
from requesty_core.exchange.interrupt import Interrupt, Interrupted
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.lifetime import start_thread

__all__ = ["BatchExchange", "BatchThreads"]

BatchExchange = UnaryExchange[BatchResult]

LEAVE_SECONDS = 2.0
"""How long to wait, when leaving, for threads whose connections were cut."""

WAIT_SECONDS = 1.0
"""Longest wait at a time: on some systems Ctrl-C does not end a wait."""


class BatchThreads:
    """One run under way.

    Args:
        run: decides.
        line: the client's line of requests; ``None`` for a call that does not wait in it.
        exchange_for: makes the exchange of a batch.
        send: performs an exchange.
        under_way: holds the run while it is under way.
    """

    def __init__(
        self,
        run: EmbeddingsRun,
        line: Line | None,
        exchange_for: Callable[[Batch], BatchExchange],
        send: Callable[[BatchExchange, Interrupt], BatchResult],
        under_way: set[BatchThreads],
    ) -> None:
        self._run = run
        self._line = Line() if line is None else line
        self._exchange_for = exchange_for
        self._send = send
        self._under_way = under_way
        self._interrupt = Interrupt()
        self._threads: list[threading.Thread] = []
        self._error: BaseException | None = None
        self._left = False

    def steps(self) -> Generator[None]:
        """Perform the run; yields whenever something has come of it. Closing ends it."""
        run, seen = self._run, 0
        self._under_way.add(self)
        try:
            while True:
                self._take_inputs()
                if self._is_alone:
                    self._one_by_one()
                else:
                    self._employ()
                with self._line.condition:
                    while self._error is None and run.changes == seen and not run.is_over:
                        self._line.condition.wait(WAIT_SECONDS)
                    if self._error is not None:
                        raise self._error
                    seen, over = run.changes, run.is_over
                yield
                if over:
                    return
        finally:
            self._leave()

    def stop(self) -> None:
        """The client is closed: what was reached is kept, nothing more is sent."""
        with self._line.condition:
            self._run.stop(_closed(), "the client was closed")
            self._line.condition.notify_all()
        self._interrupt.set()

    def _take_inputs(self) -> None:
        run = self._run
        while run.wants:
            # Not under the lock: inputs may be slow to come.
            batch = run.cut()
            if batch is None:
                return
            with self._line.condition:
                run.add(batch)
                self._line.condition.notify_all()

    @property
    def _is_alone(self) -> bool:
        run = self._run
        return not self._threads and (run.rules.max_in_flight == 1 or (run.queued <= 1 and not run.wants))

    def _one_by_one(self) -> None:
        """Send one batch in this thread."""
        with self._line.condition:
            while not self._may_send():
                if self._run.is_over:
                    return
                self._line.condition.wait(WAIT_SECONDS)
            batch = self._run.next()
        self._perform(batch)
        if self._error is not None:
            raise self._error

    def _employ(self) -> None:
        """As many threads as there is work for."""
        most = min(self._run.rules.max_in_flight, len(self._threads) + self._run.queued)
        while len(self._threads) < most:
            # A copy of its own: callables for the key, and callbacks, see the caller's context.
            self._threads.append(start_thread(self._work, name="requesty-embeddings"))

    def _work(self) -> None:
        while True:
            with self._line.condition:
                while not self._left and not self._may_send():
                    self._line.condition.wait()
                if self._left:
                    return
                batch = self._run.next()
            self._perform(batch)

    def _may_send(self) -> bool:
        if not self._run.ready:
            self._line.forget(self._run)
            return False
        return self._line.enter(self._run, self._run.rules.max_in_flight)

    def _perform(self, batch: Batch) -> None:
        """Send a batch that was taken from the run, and report."""
        run = self._run
        report: Callable[[], None]
        try:
            exchange = self._exchange_for(batch)
            result = self._send(exchange, self._interrupt)
            report = partial(run.answered, batch, result, exchange.attempts)
        except RequestyError as error:
            report = partial(run.failed, batch, error)
        except Interrupted:
            report = partial(run.failed, batch, _closed())
        except BaseException as error:  # noqa: BLE001 -- handed to the caller's thread, which raises it
            report = partial(self._fail, error)
        with self._line.condition:
            self._line.leave()
            report()
            self._line.condition.notify_all()

    def _fail(self, error: BaseException) -> None:
        # What is no RequestyError comes from the caller's own callbacks, or is Ctrl-C: it is let out as it was raised.
        if self._error is None:
            self._error = error

    def _leave(self) -> None:
        self._under_way.discard(self)
        with self._line.condition:
            self._left = True
            self._line.forget(self._run)
            self._line.condition.notify_all()
        self._interrupt.set()
        end = time.monotonic() + LEAVE_SECONDS
        for thread in self._threads:
            thread.join(max(end - time.monotonic(), 0.0))


def _closed() -> ConnectionFailedError:
    error = ConnectionFailedError("the client was closed, or the run given up, before the answer came")
    error.__dict__["is_retryable"] = False
    return error
