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
from typing import Any, Generic, Literal, Protocol, TypeVar, cast

from requesty_core.errors import (
    ErrorResponse,
    MalformedResponseError,
    RequestTimeoutError,
    RequestyError,
    TruncatedStreamError,
    error_from_status,
)
from requesty_core.money.budget import Budget
from requesty_core.money.ledger import CostLedger
from requesty_core.money.usage import Usage, parse_usage
from requesty_core.network.http import transport_error
from requesty_core.network.sse import MAX_EVENT_BYTES, ServerSentEvent, SSEDecoder
from requesty_core.replies.attempts import Attempt
from requesty_core.replies.reply import ChatReply, Message
from requesty_core.retry.backoff import parse_retry_after
from requesty_core.retry.fallback import Action, FallbackEngine, Send
from requesty_core.telemetry.call import CallTelemetry
from requesty_core.telemetry.events import AttemptFinished, AttemptStarted, CallCommitted, CallEvent, FellBack, Observer
from requesty_core.wire.json import JSONDecodeError, decode_json

from .body import encode_body

__all__ = [
    "Accounts",
    "Exchange",
    "Expired",
    "Reader",
    "ReceivedResponse",
    "RunningAttempt",
    "StreamAccumulator",
    "StreamExchange",
    "UnaryExchange",
    "rejection",
    "transport_failure",
    "usage_of",
]

T = TypeVar("T")
E = TypeVar("E")
R = TypeVar("R", bound="StreamReply")
Expired = Literal["first_token", "total"]


class StreamReply(Protocol):
    """What the reply of any streamed route has."""

    @property
    def usage(self) -> Usage | None:
        """Tokens and cost, as far as they were told."""


class StreamAccumulator(Protocol[E, R]):
    """What reads the decoded events of one streamed route."""

    @property
    def is_started(self) -> bool:
        """Whether any event was read."""

    @property
    def is_finished(self) -> bool:
        """Whether the answer's end was announced."""

    def feed(self, chunk: object) -> list[E]:
        """Read one decoded event; return what is new. Raises typed errors."""

    def feed_whole(self, body: object) -> list[E]:
        """Read a complete body that came instead of a stream."""

    def partial(self) -> R | None:
        """What has arrived so far."""

    def finish(self, *, done: bool) -> R:
        """The complete reply. Raises typed errors if it is not complete."""

    def with_attempts(self, reply: R, attempts: Sequence[Attempt]) -> R:
        """The reply with the call's attempts."""

    def end_events(self, reply: R) -> list[E]:
        """Events that close the stream."""

    def is_meaningful(self, event: E) -> bool:
        """Whether the caller would act on the event, so that no other attempt may follow it."""


class ReceivedResponse:
    """A complete response as the readers see it: status, lower-case headers, body, and what the headers tell."""

    __slots__ = ("content", "headers", "model", "provider", "request_id", "status")

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes, model: str) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self.model = model
        self.request_id = headers.get("x-requesty-request-id") or headers.get("fly-request-id")
        self.provider = headers.get("x-requesty-provider")

    def json(self) -> Any:
        """The decoded body. Raises ``MalformedResponseError`` if it is not JSON."""
        try:
            return decode_json(self.content)
        except JSONDecodeError as exc:
            excerpt = " ".join(self.content[:200].decode("utf-8", "replace").split())
            raise MalformedResponseError(f"the body is not JSON ({exc}): {excerpt}", status=self.status) from None

    def context(self) -> ChatReply:
        """A reply that holds what the headers tell, for readers to fill."""
        return ChatReply(
            Message(),
            requested_model=self.model,
            request_id=self.request_id,
            provider=self.provider,
            headers=self.headers,
        )


class Accounts:
    """Where the usage of a call is booked: ledger and budget, with the call's tags and trace id."""

    __slots__ = ("budget", "ledger", "tags", "trace_id")

    def __init__(
        self,
        ledger: CostLedger | None = None,
        budget: Budget | None = None,
        tags: Sequence[str] = (),
        trace_id: str | None = None,
    ) -> None:
        self.ledger = ledger
        self.budget = budget
        self.tags = tags
        self.trace_id = trace_id

    def check(self) -> None:
        """Raise ``BudgetExceededError`` if the next call may not be made."""
        if self.budget is not None:
            self.budget.check()

    def book(self, model: str, usage: Usage | None) -> None:
        """Count one attempt that was, or may have been, billed."""
        if self.ledger is not None:
            self.ledger.record(model, usage, tags=self.tags, trace_id=self.trace_id)
        if self.budget is not None:
            self.budget.record(usage)


class RunningAttempt:
    """One attempt under way."""

    __slots__ = ("first_token", "reader", "received", "send", "started")

    def __init__(self, send: Send, started: float) -> None:
        self.send = send
        self.started = started
        self.first_token: float | None = None
        self.received: ReceivedResponse | None = None
        self.reader: Reader[Any, Any] | None = None

    @property
    def model(self) -> str:
        """The model asked for."""
        return self.send.step.model

    @property
    def time_to_first_token(self) -> float | None:
        """Seconds from sending to the first token, if one came."""
        return None if self.first_token is None else self.first_token - self.started


class Exchange:
    """What unary and streamed calls share: actions, records, errors.

    Args:
        engine: decides about retries and fallback.
        body: the JSON body without ``model``; each attempt adds its own. ``None`` sends no body.
        accounts: where usage is booked.
        observer: is told about attempts.
        names_model: whether the body carries ``model``.
        telemetry: what the call leaves in the log and in traces.
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
    ) -> None:
        self.engine = engine
        self.accounts = accounts
        self.attempts: list[Attempt] = []
        self.clock = clock
        self._body = body
        self._observer = observer
        self._encoded: tuple[str, bytes] | None = None
        self._names_model = names_model
        self._hedge_after = engine.hedge_after
        self._last_failed: str | None = None
        self._live: list[RunningAttempt] = []
        self._observer_error: Exception | None = None
        self.telemetry = telemetry or CallTelemetry()
        accounts.check()

    @property
    def hedge_after(self) -> float | None:
        """Seconds after which :meth:`hedge` may be asked; ``None`` if the call does not hedge."""
        return self._hedge_after

    def hedge(self) -> Send | None:
        """An attempt to start beside the running one, if the engine has one left."""
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
        model = send.step.model
        if self._encoded is None or self._encoded[0] != model:
            body = {"model": model, **self._body} if self._names_model else self._body
            self._encoded = (model, encode_body(body))
        return self._encoded[1]

    def begin(self, send: Send) -> RunningAttempt:
        """An attempt is about to be sent."""
        if self._observer is not None:
            if self._last_failed is not None and self._last_failed != send.step.model:
                self._tell(FellBack(self._last_failed, send.step.model))
            self._tell(AttemptStarted(send.step.model, send.number))
        running = RunningAttempt(send, self.clock())
        self._live.append(running)
        return running

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
        if usage is None and isinstance(error.body, dict):
            usage = parse_usage(error.body.get("usage"))
        self._book_unfinished(running, usage)
        self.engine.failed(running.model, error, now, others_running=others_running)
        self._last_failed = running.model
        attempt = Attempt.failed(
            running.model,
            running.send.number,
            error,
            latency=now - running.started,
            ttft=running.time_to_first_token,
            usage=usage,
        )
        self._record(running, attempt)
        error.attempts = tuple(self.attempts)

    def cancel(self, running: RunningAttempt, usage: Usage | None = None) -> None:
        """An attempt was given up: lost a race, or the caller stopped."""
        self._book_unfinished(running, usage)
        if running.reader is not None:
            running.reader.is_over = True
        self.engine.cancelled(running.model)
        self._record(running, self._attempt(running, "cancelled", usage))

    def _book_unfinished(self, running: RunningAttempt, usage: Usage | None) -> None:
        """Book an attempt that did not end well: what was told of its usage, and as unknown if output had begun without
        a word of it. A refusal before any output is no call that anyone bills.
        """
        if usage is not None or running.first_token is not None:
            self.accounts.book(running.model, usage)

    def stop(self) -> None:
        """The call is over, however it ended. Attempts still under way were given up by the caller."""
        if self._observer_error is None:
            for running in tuple(self._live):
                self.cancel(running, None if running.reader is None else usage_of(running.reader))
        self.engine.close()
        self.telemetry.end()

    def succeed(self, running: RunningAttempt, usage: Usage | None) -> None:
        """An attempt answered."""
        self.engine.succeeded(running.model)
        self.accounts.book(running.model, usage)
        self._record(running, self._attempt(running, "ok", usage))

    def _attempt(self, running: RunningAttempt, outcome: Literal["ok", "cancelled"], usage: Usage | None) -> Attempt:
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
        )

    def _record(self, running: RunningAttempt, attempt: Attempt) -> None:
        self._live.remove(running)
        self.attempts.append(attempt)
        self.telemetry.attempt(attempt)
        self._tell(AttemptFinished(attempt))


def usage_of(reader: Reader[Any, Any]) -> Usage | None:
    """What the attempt behind a reader is known to have used so far."""
    partial = reader.partial()
    usage: Usage | None = None if partial is None else partial.usage
    return usage


def rejection(running: RunningAttempt, received: ReceivedResponse) -> RequestyError:
    """The typed error of a response whose status is not 2xx."""
    running.received = received
    return error_from_status(
        ErrorResponse(received.status, received.headers, received.content),
        requested_model=running.model,
        request_id=received.request_id,
        retry_after=parse_retry_after(received.headers, time.time()),
    )


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
    ) -> None:
        super().__init__(
            engine,
            body,
            accounts=accounts,
            observer=observer,
            clock=clock,
            names_model=names_model,
            telemetry=telemetry,
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
        self.succeed(running, usage)
        self.telemetry.answered(result)
        return result if self._finish is None else self._finish(result, tuple(self.attempts))


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
    ) -> None:
        super().__init__(engine, body, accounts=accounts, observer=observer, clock=clock, telemetry=telemetry)
        self._accumulate = accumulate
        self.reply: R | None = None
        self.committed: Reader[E, R] | None = None

    def reader(self, running: RunningAttempt, status: int, headers: Mapping[str, str]) -> Reader[E, R]:
        """A reader for the body of a response with a 2xx status."""
        running.received = ReceivedResponse(status, headers, b"", running.model)
        reader = running.reader = Reader(running, self._accumulate(running.received), self.clock)
        return reader

    def commit(self, reader: Reader[E, R]) -> Sequence[E]:
        """The reader's attempt is the one the caller sees from now on; returns the events held back."""
        self.committed = reader
        self._tell(CallCommitted(reader.running.model, reader.running.send.number))
        return reader.release()

    def complete(self, reader: Reader[E, R], reply: R) -> Sequence[E]:
        """The attempt ended well; returns the stream's last events."""
        self.succeed(reader.running, reply.usage)
        self.telemetry.answered(reply)
        self.reply = reader.accumulator.with_attempts(reply, tuple(self.attempts))
        reader.is_over = True
        return [*reader.late, *reader.accumulator.end_events(self.reply)]

    def break_off(self, reader: Reader[E, R], error: RequestyError) -> None:
        """The attempt the caller is reading failed: nothing can follow it."""
        reader.is_over = True
        self.fail(reader.running, error)
        self.telemetry.failed(error)


class Reader(Generic[E, R]):
    """Reads one attempt's bytes and holds its events back until the first meaningful one.

    A body that is no event stream (JSON or HTML under status 200) is kept whole and judged at its end.
    """

    __slots__ = (
        "_clock",
        "_decoder",
        "_done",
        "_failure",
        "_held",
        "_late",
        "_plain",
        "_size",
        "_undecided",
        "accumulator",
        "is_over",
        "running",
    )

    def __init__(
        self, running: RunningAttempt, accumulator: StreamAccumulator[E, R], clock: Callable[[], float]
    ) -> None:
        self.running = running
        self.accumulator = accumulator
        self.is_over = False
        """Whether the attempt has been recorded."""
        self._failure: RequestyError | None = None
        self._clock = clock
        self._decoder = SSEDecoder()
        self._done = False
        self._held: list[E] | None = []
        self._late: Sequence[E] = ()
        self._plain: list[bytes] | None = None
        self._size = 0
        self._undecided = True

    @property
    def has_failed(self) -> bool:
        """Whether the bytes held an error; the events before it were still returned."""
        return self._failure is not None

    def check(self) -> None:
        """Raise the error the bytes held, if any."""
        if self._failure is not None:
            raise self._failure

    @property
    def is_done(self) -> bool:
        """Whether ``[DONE]`` was seen; nothing after it matters."""
        return self._done

    @property
    def is_complete(self) -> bool:
        """Whether the answer itself has ended, be the connection closed properly or not."""
        return self._done or self.accumulator.is_finished

    @property
    def is_holding(self) -> bool:
        """Whether the caller has not seen any event yet."""
        return self._held is not None

    @property
    def late(self) -> Sequence[E]:
        """Events of a last line that the end of the body completed."""
        return self._late

    def partial(self) -> R | None:
        """What has arrived so far."""
        return self.accumulator.partial()

    def feed(self, data: bytes) -> Sequence[E]:
        """Take bytes; return the events in them. An error among them is raised by :meth:`check`.

        While events are held back, nothing is returned until one is meaningful; then :meth:`release` has them.
        """
        events: list[E] = []
        feed = self.accumulator.feed
        try:
            if self._held is not None and self._is_plain(data):
                return ()
            for event in self._decoder.feed(data):
                payload = event.data.strip()
                if payload == b"[DONE]":
                    self._done = True
                    break
                if not payload:
                    continue
                try:
                    chunk = decode_json(payload)
                except JSONDecodeError as exc:
                    raise _malformed(payload, exc) from None
                events += feed(_chunk(event, chunk))
        except RequestyError as error:
            self._failure = self._with_partial(error)
        held = self._held
        if held is None:
            return events
        held += events
        if any(map(self.accumulator.is_meaningful, events)):
            self.running.first_token = self._clock()
            return held
        return ()

    def release(self) -> Sequence[E]:
        """The events held back; from now on events pass straight through."""
        held, self._held = self._held, None
        return held or ()

    def ended(self) -> R:
        """The bytes ended: the reply. Raises if the answer is not complete."""
        try:
            events = self._read_plain() if self._plain is not None else self._read_rest()
            if self._held is not None:
                self._held += events
            else:
                self._late = events
            return self.accumulator.finish(done=self._done)
        except RequestyError as error:
            raise self._with_partial(error) from None

    def error_for(self, exc: Exception, expired: Expired | None) -> RequestyError:
        """The typed error for a transport failure or an expired limit while the body was arriving."""
        return self._with_partial(transport_failure(self.running, exc, expired, opened=True))

    def _with_partial(self, error: RequestyError) -> RequestyError:
        if error.partial is None:
            # Routes other than chat have a reply class of their own with the same usage attribute.
            error.partial = cast("ChatReply | None", self.partial())
        return error

    def _read_rest(self) -> Sequence[E]:
        events: list[E] = []
        if self._done:
            return events
        for event in self._decoder.close():
            if event.data.strip() == b"[DONE]":
                self._done = True
                continue
            try:
                chunk = decode_json(event.data)
            except JSONDecodeError:
                # Cut inside an event: the answer is truncated unless its end had been announced before.
                if self.accumulator.is_finished:
                    continue
                raise TruncatedStreamError("the stream was cut inside an event") from None
            events += self.accumulator.feed(_chunk(event, chunk))
        return events

    def _is_plain(self, data: bytes) -> bool:
        """Whether the body is no event stream; its first visible character decides, wherever the pieces are cut."""
        if self._plain is None:
            first = data.lstrip()[:1] if self._undecided else b""
            if first:
                self._undecided = False
            if first not in (b"{", b"[", b"<"):
                return False
            self._plain = []
        self._plain.append(data)
        self._size += len(data)
        if self._size > MAX_EVENT_BYTES:
            self._plain.clear()
            raise MalformedResponseError(f"the body is no event stream and longer than {MAX_EVENT_BYTES} bytes")
        return True

    def _read_plain(self) -> Sequence[E]:
        received = self.running.received
        assert received is not None
        received.content = b"".join(self._plain or ())
        events = self.accumulator.feed_whole(received.json())
        self._done = True
        self.running.first_token = self._clock()
        return events


def _chunk(event: ServerSentEvent, chunk: object) -> object:
    """The chunk of an event; an ``event: error`` line makes an error of a chunk that does not say so itself."""
    if event.event == b"error" and type(chunk) is dict and "error" not in chunk:
        return {"error": chunk}
    return chunk


def _malformed(payload: bytes, exc: Exception) -> RequestyError:
    excerpt = payload[:120].decode("utf-8", "replace")
    return MalformedResponseError(f"an event of the stream is not JSON ({exc}): {excerpt}")


def transport_failure(
    running: RunningAttempt, exc: Exception, expired: Expired | None, *, opened: bool
) -> RequestyError:
    """The typed error for a failure of the transport, or for the limit that expired."""
    timeouts = running.send.timeouts
    if expired == "first_token":
        return RequestTimeoutError(f"timeout: no first token within {timeouts.first_token} s (first_token_timeout)")
    if expired == "total":
        return RequestTimeoutError(f"timeout: the attempt took longer than {round(timeouts.total or 0.0, 3)} s")
    return transport_error(exc, opened=opened, model=running.model)
