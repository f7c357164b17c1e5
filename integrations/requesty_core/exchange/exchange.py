"""One logical call, without IO: the engine's decisions, the attempts' record, and the reading of what arrives.

Theory of operation. The IO shell (``client``) owns sockets and sleep and nothing else. It asks an exchange for the
next action, performs it, and reports what happened: a complete response (:class:`UnaryExchange`), or an opened
response, its bytes and its end (:class:`StreamExchange`). The exchange classifies, records, tells ledger and budget,
and decides through the engine. A stream is held back until its first meaningful event; until then a failure moves on
to the next attempt and the caller sees nothing of it, afterwards it is raised with the partial reply.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from requesty_core.errors import BudgetExceededError, RequestyError
from requesty_core.money.accounts import Accounts, is_billed
from requesty_core.money.usage import Usage, parse_usage
from requesty_core.network.auth import key_of, key_origin
from requesty_core.network.http import Request
from requesty_core.replies.attempts import Attempt, Phase
from requesty_core.replies.received import ReceivedResponse
from requesty_core.retry.fallback import Action, FallbackEngine, Send
from requesty_core.telemetry.call import CallTelemetry

from .adaptation import Adaptation
from .attempt import RunningAttempt, complete_error, phase_of
from .contents import Contents
from .observing import Observing
from .reader import usage_of
from .under_way import noted, over

if TYPE_CHECKING:
    from requesty_core.telemetry.events import Observer

__all__ = ["Exchange"]


class Exchange:
    """What unary and streamed calls share: actions, records, errors.

    Args:
        engine: decides about retries and fallback.
        body: the JSON body without ``model``; each attempt adds its own. ``None`` sends no body.
        accounts: where usage is booked.
        observer: is told about attempts.
        names_model: whether the body carries ``model``.
        telemetry: what the call leaves in the log and in traces.
        adaptation: how the body follows the rules of each attempt's model; ``None`` sends it to all as it is.
        later_bodies: bodies of the chain's second model and those after it, where they are not the first one's.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        engine: FallbackEngine,
        body: Mapping[str, Any] | None,
        *,
        accounts: Accounts,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
        names_model: bool = True,
        telemetry: CallTelemetry | None = None,
        adaptation: Adaptation | None = None,
        later_bodies: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.engine = engine
        self.accounts = accounts
        self.attempts: list[Attempt] = []
        self.clock = clock
        self._contents = Contents(body, later_bodies, adaptation, names_model=names_model)
        self._observing = Observing(observer)
        self.is_repeatable = names_model
        """Whether a request whose answer got lost may simply be sent again; other writes may have happened."""
        self.is_sent_once = False
        """Whether a request that went out in full is not sent again, to no model: it may have been worked on."""
        self._hedge_after = engine.hedge_after
        self._live: list[RunningAttempt] = []
        self._is_abandoned = False
        self.telemetry = telemetry or CallTelemetry()
        self.telemetry.asked(body)

    @property
    def live(self) -> tuple[RunningAttempt, ...]:
        """The attempts under way."""
        return tuple(self._live)

    @property
    def hedge_after(self) -> float | None:
        """Seconds after which :meth:`hedge` may be asked; ``None`` if the call does not hedge."""
        return self._hedge_after

    def hedge(self) -> Send | None:
        """An attempt to start beside the running one, if the engine has one left; the budget may still refuse it."""
        return self.engine.hedge(self.clock())

    def next(self) -> Action:
        """The next action. Raises the call's final error, all attempts attached, when nothing is left."""
        self._observing.check()
        try:
            return self.engine.next(self.clock())
        except RequestyError as error:
            error.attempts = tuple(self.attempts)
            self.telemetry.failed(error)
            raise

    def content(self, send: Send) -> bytes:
        """Body bytes of an attempt."""
        return self._contents.of(send)

    def begin(self, send: Send, request: Request | None = None, reserved: Decimal | None = None) -> RunningAttempt:
        """An attempt is about to be sent. Raises :class:`BudgetExceededError` if it may not be.

        ``reserved`` is what :meth:`reserving` set aside for it, where that was done before.
        """
        key = None if request is None else key_of(request)
        if reserved is None and self.accounts.budget is not None:
            try:
                reserved = self.reserving(send, request)()
            except BudgetExceededError as error:
                self.refused(send, error)
                raise
        try:
            self._observing.started(send)
        except BaseException:
            self.accounts.release(reserved)
            raise
        running = RunningAttempt(send, self.clock())
        running.reserved, running.key = reserved, key
        running.key_origin = "" if request is None else key_origin(request)
        running.prepared = self._contents.prepared(send)
        if not self._live:
            noted(self)
        self._live.append(running)
        return running

    def reserving(self, send: Send, request: Request | None) -> Callable[[], Decimal | None]:
        """What sets aside the probable cost of an attempt, in whichever thread it is called."""
        key = None if request is None else key_of(request)
        return partial(self.accounts.reserve, send.step.model, self._estimate(send), key)

    def refused(self, send: Send, error: BudgetExceededError) -> None:
        """The budget has no room for an attempt."""
        self.engine.cancelled(send.step.model)
        error.attempts = tuple(self.attempts)
        if not self._live:
            # Beside another attempt, which goes on alone, the call has not failed.
            self.telemetry.failed(error)

    def _estimate(self, send: Send, usage: Usage | None = None) -> Decimal | None:
        """What an attempt probably costs, or cost by what it told; ``None`` if nothing is known of its price."""
        ask = self.accounts.estimate
        return None if ask is None else ask(send.step.model, self._contents.first or {}, len(self.content(send)), usage)

    def received(
        self, running: RunningAttempt, status: int, headers: Mapping[str, str], content: bytes = b""
    ) -> ReceivedResponse:
        """The response of an attempt, as readers see it: without keys."""
        return ReceivedResponse(status, headers, content, running.model, self.telemetry.blotter)

    def fail(self, running: RunningAttempt, error: RequestyError, *, others_running: bool = False) -> None:
        """An attempt failed: record it and let the engine decide what is next."""
        self._observing.check()
        now = self.clock()
        complete_error(error, running)
        self.telemetry.clean(error)
        usage = error.partial.usage if error.partial is not None else None
        running.served_model = getattr(error.partial, "served_model", None)
        if usage is None and isinstance(error.body, dict):
            usage = parse_usage(error.body.get("usage"))
        phase, estimate = self._unfinished(running, usage, error)
        if self.is_sent_once and phase in ("sent", "answering"):
            self.engine.give_up(running.model, error)
        elif (
            others_running
            or not self._contents.learn(error, running.prepared, running.send)
            or not self.engine.again(running.model, error)
        ):
            self.engine.failed(running.model, error, now, others_running=others_running)
        if self._is_abandoned:
            self.engine.close()
        self._observing.failed(running.model)
        self._record(running, running.failed(error, now, usage, phase, estimate))
        error.attempts = tuple(self.attempts)

    def abandon(self) -> None:
        """The caller wants no answer any more: nothing is tried after the attempt that is under way."""
        self._is_abandoned = True
        self.engine.close()

    def cancel(self, running: RunningAttempt, usage: Usage | None = None) -> None:
        """An attempt was given up: lost a race, or the caller stopped."""
        phase, estimate = self._unfinished(running, usage)
        if running.reader is not None:
            running.reader.is_over = True
        self.engine.cancelled(running.model)
        self._record(running, running.ended("cancelled", self.clock(), usage, phase, estimate))

    def _unfinished(
        self, running: RunningAttempt, usage: Usage | None, error: RequestyError | None = None
    ) -> tuple[Phase, Decimal | None]:
        """How far an attempt came that did not end well and, if it may have been billed an unknown amount, what it
        probably cost.
        """
        phase = phase_of(running, error)
        is_unknown = is_billed(phase, usage) and (usage is None or usage.cost is None)
        return phase, self._estimate(running.send) if is_unknown else None

    def stop(self) -> None:
        """The call is over, however it ended. Attempts still under way were given up by the caller."""
        if self._observing.error is None:
            for running in tuple(self._live):
                self.cancel(running, None if running.reader is None else usage_of(running.reader))
        self.engine.close()
        self.telemetry.end()
        over(self)

    def succeed(self, running: RunningAttempt, usage: Usage | None) -> None:
        """An attempt answered."""
        self.engine.succeeded(running.model)
        is_told = usage is not None and usage.cost is not None
        estimate = None if is_told else self._estimate(running.send, usage)
        self._record(running, running.ended("ok", self.clock(), usage, "answered", estimate))

    def _record(self, running: RunningAttempt, attempt: Attempt) -> None:
        self._live.remove(running)
        self.attempts.append(attempt)
        self.accounts.settle(
            running.reserved,
            attempt,
            key=running.key,
            served_model=running.served_model,
            provider=None if running.received is None else running.received.provider,
        )
        self.telemetry.attempt(attempt)
        self._observing.finished(attempt)
