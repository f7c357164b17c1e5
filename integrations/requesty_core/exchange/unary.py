"""A call answered by one complete body."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from requesty_core.money.accounts import Accounts
from requesty_core.money.usage import Usage
from requesty_core.replies.attempts import Attempt
from requesty_core.replies.received import ReceivedResponse
from requesty_core.retry.fallback import FallbackEngine
from requesty_core.telemetry.call import CallTelemetry

from .adaptation import Adaptation
from .attempt import RunningAttempt, rejection
from .exchange import Exchange

if TYPE_CHECKING:
    from requesty_core.telemetry.events import Observer

__all__ = ["UnaryExchange"]

T = TypeVar("T")


class UnaryExchange(Exchange, Generic[T]):
    """A call answered by one complete body.

    ``reader`` turns the body into the result and its usage, or raises a typed error; ``finish`` may add the attempts
    to the result.
    """

    def __init__(
        self,
        engine: FallbackEngine,
        body: Mapping[str, Any] | None,
        reader: Callable[[ReceivedResponse], tuple[T, Usage | None]],
        *,
        accounts: Accounts,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
        names_model: bool = True,
        finish: Callable[[T, Sequence[Attempt]], T] | None = None,
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
            names_model=names_model,
            telemetry=telemetry,
            adaptation=adaptation,
            later_bodies=later_bodies,
        )
        self._reader = reader
        self._finish = finish

    def read(self, running: RunningAttempt, received: ReceivedResponse) -> tuple[T, Usage | None]:
        """What a complete response says. Raises the typed error if it is not a usable answer."""
        if not 200 <= received.status < 300:
            raise rejection(running, received)
        running.received = received
        return self._reader(received)

    def complete(self, running: RunningAttempt, answer: tuple[T, Usage | None]) -> T:
        """The answer read from ``running`` is the call's result."""
        result, usage = answer
        running.served_model = getattr(result, "served_model", None)
        self.succeed(running, usage)
        self.telemetry.answered(result)
        return result if self._finish is None else self._finish(result, tuple(self.attempts))
