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
from typing import Any, Literal

from requesty_core.catalog.prepare import Prepared
from requesty_core.errors import (
    BudgetExceededError,
    ErrorKind,
    ErrorResponse,
    RequestyError,
)
from requesty_core.money.accounts import Accounts, is_billed
from requesty_core.money.usage import Usage, parse_usage
from requesty_core.network.auth import key_of, key_origin
from requesty_core.network.http import Request
from requesty_core.replies.attempts import Attempt, Phase
from requesty_core.replies.received import ReceivedResponse
from requesty_core.retry.backoff import parse_retry_after
from requesty_core.retry.fallback import Action, FallbackEngine, Send
from requesty_core.telemetry.call import CallTelemetry
from requesty_core.telemetry.events import AttemptFinished, AttemptStarted, CallEvent, FellBack, Observer

from .adaptation import Adaptation
from .attempt import RunningAttempt, phase_of
from .body import encode_body
from .reader import usage_of
from .under_way import noted, over

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
        self._body = body
        self._observer = observer
        self._later_bodies = later_bodies
        self._adaptation = adaptation
        self._encoded: tuple[Send, object, bytes, Prepared] | None = None
        self._names_model = names_model
        self.is_repeatable = names_model
        """Whether a request whose answer got lost may simply be sent again; other writes may have happened."""
        self.is_sent_once = False
        """Whether a request that went out in full is not sent again, to no model: it may have been worked on."""
        self._hedge_after = engine.hedge_after
        self._last_failed: str | None = None
        self._live: list[RunningAttempt] = []
        self._observer_error: Exception | None = None
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
        self._check_observer()
        try:
            return self.engine.next(self.clock())
        except RequestyError as error:
            error.attempts = tuple(self.attempts)
            self.telemetry.failed(error)
            raise

    def content(self, send: Send) -> bytes:
        """Body bytes of an attempt."""
        if self._body is None:
            return b""
        return self._content(self._body, send)[0]

    def _content(self, body: Mapping[str, Any], send: Send) -> tuple[bytes, Prepared]:
        encoded = self._encoded
        if encoded is not None and encoded[0] is send:
            return encoded[2:]
        adaptation, model = self._adaptation, send.step.model
        key = (send.position, model if adaptation is None else adaptation.key(send))
        if 0 < send.position <= len(self._later_bodies):
            body = self._later_bodies[send.position - 1]
        if encoded is None or encoded[1] != key:
            prepared = Prepared(body) if adaptation is None else adaptation.prepare(body, send)
            sent = {"model": model, **prepared.body} if self._names_model else prepared.body
            encoded = send, key, encode_body(sent), prepared
        self._encoded = send, *encoded[1:]
        return encoded[2:]

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
            self._tell_of_start(send)
        except BaseException:
            self.accounts.release(reserved)
            raise
        running = RunningAttempt(send, self.clock())
        running.reserved, running.key = reserved, key
        running.key_origin = "" if request is None else key_origin(request)
        if self._adaptation is not None and self._body is not None:
            running.prepared = self._content(self._body, send)[1]
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

    def _tell_of_start(self, send: Send) -> None:
        if self._observer is not None:
            if self._last_failed is not None and self._last_failed != send.step.model:
                self._tell(FellBack(self._last_failed, send.step.model))
            self._tell(AttemptStarted(send.step.model, send.number))

    def _estimate(self, send: Send, usage: Usage | None = None) -> Decimal | None:
        """What an attempt probably costs, or cost by what it told; ``None`` if nothing is known of its price."""
        ask = self.accounts.estimate
        return None if ask is None else ask(send.step.model, self._body or {}, len(self.content(send)), usage)

    def _tell(self, event: CallEvent) -> None:
        if self._observer is not None:
            try:
                self._observer(event)
            except Exception as exc:
                self._observer_error = exc
                raise

    def _check_observer(self) -> None:
        # What the caller's own hook raised ends the call, whatever its class: it must not look like a failed attempt.
        if self._observer_error is not None:
            raise self._observer_error

    def received(
        self, running: RunningAttempt, status: int, headers: Mapping[str, str], content: bytes = b""
    ) -> ReceivedResponse:
        """The response of an attempt, as readers see it: without keys."""
        return ReceivedResponse(status, headers, content, running.model, self.telemetry.blotter)

    def fail(self, running: RunningAttempt, error: RequestyError, *, others_running: bool = False) -> None:
        """An attempt failed: record it and let the engine decide what is next."""
        self._check_observer()
        now = self.clock()
        received = running.received
        if error.requested_model is None:
            error.requested_model = running.model
        if received is not None:
            if error.request_id is None:
                error.request_id = received.request_id
            if error.response is None:
                error.response = ErrorResponse(received.status, received.headers, received.content)
            if error.retry_after is None:
                error.retry_after = parse_retry_after(received.headers, time.time())
        self.telemetry.clean(error)
        usage = error.partial.usage if error.partial is not None else None
        running.served_model = getattr(error.partial, "served_model", None)
        if usage is None and isinstance(error.body, dict):
            usage = parse_usage(error.body.get("usage"))
        phase, estimate = self._unfinished(running, usage, error)
        if self.is_sent_once and phase in ("sent", "answering"):
            self.engine.give_up(running.model, error)
        elif others_running or not self._is_refusal(running, error) or not self.engine.again(running.model, error):
            self.engine.failed(running.model, error, now, others_running=others_running)
        if self._is_abandoned:
            self.engine.close()
        self._last_failed = running.model
        attempt = Attempt.failed(
            running.model,
            running.send.number,
            error,
            latency=now - running.started,
            ttft=running.time_to_first_token,
            usage=usage,
            phase=phase,
            estimate=estimate,
            resent_after=running.resent_after,
            left_out=running.left_out,
        )
        self._record(running, attempt)
        error.attempts = tuple(self.attempts)

    def _is_refusal(self, running: RunningAttempt, error: RequestyError) -> bool:
        """Whether the model refused a field that the call can do without; it is left out from then on."""
        if self._adaptation is None or running.prepared is None or error.kind is not ErrorKind.BAD_REQUEST:
            return False
        return self._adaptation.learn(error, running.prepared, running.send)

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
        self._record(running, self._attempt(running, "cancelled", usage, phase, estimate))

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
        if self._observer_error is None:
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
        self._record(running, self._attempt(running, "ok", usage, estimate=estimate))

    def _attempt(
        self,
        running: RunningAttempt,
        outcome: Literal["ok", "cancelled"],
        usage: Usage | None,
        phase: Phase = "answered",
        estimate: Decimal | None = None,
    ) -> Attempt:
        received = running.received
        return Attempt(
            running.model,
            running.send.number,
            outcome,
            status=None if received is None else received.status,
            request_id=None if received is None else received.request_id,
            latency=self.clock() - running.started,
            time_to_first_token=running.time_to_first_token,
            usage=usage,
            phase=phase,
            estimate=estimate,
            resent_after=running.resent_after,
            left_out=running.left_out,
        )

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
        if self._observer is not None:
            self._tell(AttemptFinished(attempt))
