"""A streamed call."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from requesty_core.errors import (
    RequestyError,
)
from requesty_core.money.accounts import Accounts
from requesty_core.money.usage import Usage
from requesty_core.replies.protocols import StreamAccumulator, StreamReply
from requesty_core.replies.received import ReceivedResponse
from requesty_core.retry.fallback import FallbackEngine
from requesty_core.telemetry.call import CallTelemetry

from .adaptation import Adaptation
from .attempt import RunningAttempt
from .exchange import Exchange
from .reader import Reader

if TYPE_CHECKING:
    from requesty_core.telemetry.events import Observer

__all__ = ["StreamExchange"]

E = TypeVar("E")
R = TypeVar("R", bound="StreamReply")


class StreamExchange(Exchange, Generic[E, R]):
    """A streamed call. ``accumulate`` makes the accumulator of an attempt from its model and response context."""

    def __init__(
        self,
        engine: FallbackEngine,
        body: Mapping[str, Any],
        accumulate: Callable[[ReceivedResponse], StreamAccumulator[E, R]],
        *,
        accounts: Accounts,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
        telemetry: CallTelemetry | None = None,
        adaptation: Adaptation | None = None,
        later_bodies: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(
            engine,
            body,
            accounts=accounts,
            observer=observer,
            clock=clock,
            telemetry=telemetry,
            adaptation=adaptation,
            later_bodies=later_bodies,
        )
        self._accumulate = accumulate
        self.reply: R | None = None
        self.committed: Reader[E, R] | None = None

    def reader(self, running: RunningAttempt, status: int, headers: Mapping[str, str]) -> Reader[E, R]:
        """A reader for the body of a response with a 2xx status."""
        running.received = self.received(running, status, headers)
        reader = running.reader = Reader(running, self._accumulate(running.received), self.clock)
        return reader

    def commit(self, reader: Reader[E, R]) -> Sequence[E]:
        """The reader's attempt is the one the caller sees from now on; returns the events held back."""
        self.committed = reader
        self.telemetry.first_token()
        self._observing.committed(reader.running.send)
        return reader.release()

    def complete(self, reader: Reader[E, R], reply: R) -> Sequence[E]:
        """The attempt ended well; returns the stream's last events."""
        reader.running.served_model = getattr(reply, "served_model", None)
        self.succeed(reader.running, reply.usage)
        self.telemetry.answered(reply)
        self.reply = reader.accumulator.with_attempts(reply, tuple(self.attempts))
        reader.is_over = True
        return [*reader.late, *reader.accumulator.end_events(self.reply)]

    def cancel(self, running: RunningAttempt, usage: Usage | None = None) -> None:
        """As the base. Of an answer that was left while it was read, what had arrived is told."""
        if self.committed is not None and self.committed.running is running:
            partial = self.committed.partial()
            running.served_model = getattr(partial, "served_model", None)
            self.telemetry.left(partial)
        super().cancel(running, usage)

    def break_off(self, reader: Reader[E, R], error: RequestyError) -> None:
        """The attempt the caller is reading failed: nothing can follow it."""
        reader.is_over = True
        self.fail(reader.running, error)
        self.telemetry.failed(error)
