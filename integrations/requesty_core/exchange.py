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
from dataclasses import replace
from typing import Any, Generic, Literal, TypeVar

from .accumulate import Accumulator
from .attempts import Attempt
from .config import Timeouts
from .errors import (
    ErrorResponse,
    MalformedResponseError,
    RequestTimeoutError,
    RequestyError,
    TruncatedStreamError,
    error_from_status,
)
from .fallback import Action, FallbackEngine, Send
from .observe import AttemptFinished, AttemptStarted, CallCommitted, CallEvent, FellBack, Observer
from .reply import (
    ChatReply,
    Message,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    StreamEvent,
)
from .request import encode_body
from .retry import parse_retry_after
from .sse import MAX_EVENT_BYTES, ServerSentEvent, SSEDecoder
from .transport import transport_error
from .usage import Budget, CostLedger, Usage, parse_usage
from .wire import JSONDecodeError, decode_json

__all__ = [
    "Accounts",
    "Exchange",
    "Expired",
    "Reader",
    "Running",
    "StreamExchange",
    "UnaryExchange",
    "Wired",
    "total_error",
]

T = TypeVar("T")
Expired = Literal["first_token", "total"]


class Wired:
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


class Running:
    """One attempt under way."""

    __slots__ = ("first_token", "reader", "send", "started", "wired")

    def __init__(self, send: Send, started: float) -> None:
        self.send = send
        self.started = started
        self.first_token: float | None = None
        self.wired: Wired | None = None
        self.reader: Reader | None = None

    @property
    def model(self) -> str:
        """The model asked for."""
        return self.send.step.model


class Exchange:
    """What unary and streamed calls share: actions, records, errors.

    Args:
        engine: decides about retries and fallback.
        body: the JSON body without ``model``; each attempt adds its own. ``None`` sends no body.
        accounts: where usage is booked.
        observer: is told about attempts.
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
    ) -> None:
        self.engine = engine
        self.accounts = accounts
        self.attempts: list[Attempt] = []
        self.clock = clock
        self._body = body
        self._observer = observer
        self._encoded: tuple[str, bytes] | None = None
        self._names_model = True
        self._last_failed: str | None = None
        self._live: list[Running] = []
        self._observer_error: Exception | None = None
        accounts.check()

    def next(self) -> Action:
        """The next action. Raises the call's final error, all attempts attached, when nothing is left."""
        self._check_observer()
        try:
            return self.engine.next(self.clock())
        except RequestyError as error:
            error.attempts = tuple(self.attempts)
            raise

    def content(self, send: Send) -> bytes:
        """Body bytes of an attempt."""
        if self._body is None:
            return b""
        model = send.step.model
        if self._encoded is None or self._encoded[0] != model:
            self._encoded = (model, encode_body({"model": model, **self._body}))
        return self._encoded[1]

    def begin(self, send: Send) -> Running:
        """An attempt is about to be sent."""
        if self._observer is not None:
            if self._last_failed is not None and self._last_failed != send.step.model:
                self._tell(FellBack(self._last_failed, send.step.model))
            self._tell(AttemptStarted(send.step.model, send.number))
        running = Running(send, self.clock())
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

    def fail(self, running: Running, error: RequestyError, *, others_running: bool = False) -> None:
        """An attempt failed: record it and let the engine decide what is next."""
        self._check_observer()
        now = self.clock()
        wired = running.wired
        if error.requested_model is None:
            error.requested_model = running.model
        if wired is not None:
            if error.request_id is None:
                error.request_id = wired.request_id
            if error.response is None:
                error.response = ErrorResponse(wired.status, wired.headers, wired.content)
            if error.retry_after is None:
                error.retry_after = parse_retry_after(wired.headers, time.time())
            if error.status is None and wired.status >= 400:
                error.status = wired.status
        usage = error.partial.usage if error.partial is not None else None
        if usage is None and isinstance(error.body, dict):
            usage = parse_usage(error.body.get("usage"))
        ttft = None if running.first_token is None else running.first_token - running.started
        attempt = Attempt.failed(
            running.model, running.send.number, error, latency=now - running.started, ttft=ttft, usage=usage
        )
        if usage is not None:
            self.accounts.book(running.model, usage)
        self.engine.failed(running.model, error, now, others_running=others_running)
        self._last_failed = running.model
        self._record(running, attempt)
        error.attempts = tuple(self.attempts)

    def cancel(self, running: Running, usage: Usage | None = None) -> None:
        """An attempt was given up: lost a race, or the caller stopped."""
        if usage is not None:
            self.accounts.book(running.model, usage)
        ttft = None if running.first_token is None else running.first_token - running.started
        self.engine.cancelled(running.model)
        self._record(
            running,
            Attempt(
                running.model,
                running.send.number,
                "cancelled",
                status=None if running.wired is None else running.wired.status,
                request_id=None if running.wired is None else running.wired.request_id,
                latency=self.clock() - running.started,
                time_to_first_token=ttft,
                usage=usage,
            ),
        )

    def stop(self) -> None:
        """The call is over, however it ended. Attempts still under way were given up by the caller: what was told of
        their usage is booked.
        """
        if self._observer_error is None:
            for running in tuple(self._live):
                partial = None if running.reader is None else running.reader.partial()
                if running.reader is not None:
                    running.reader.is_over = True
                self.cancel(running, None if partial is None else partial.usage)
        self.engine.close()

    def _succeed(self, running: Running, usage: Usage | None) -> None:
        now = self.clock()
        wired = running.wired
        self.engine.succeeded(running.model)
        self.accounts.book(running.model, usage)
        self._record(
            running,
            Attempt(
                running.model,
                running.send.number,
                "ok",
                status=None if wired is None else wired.status,
                request_id=None if wired is None else wired.request_id,
                latency=now - running.started,
                time_to_first_token=None if running.first_token is None else running.first_token - running.started,
                usage=usage,
            ),
        )

    def _record(self, running: Running, attempt: Attempt) -> None:
        self._live.remove(running)
        self.attempts.append(attempt)
        self._tell(AttemptFinished(attempt))

    def reject(self, running: Running, wired: Wired, *, others_running: bool = False) -> None:
        """A response whose status is not 2xx arrived whole."""
        running.wired = wired
        error = error_from_status(
            ErrorResponse(wired.status, wired.headers, wired.content),
            requested_model=running.model,
            request_id=wired.request_id,
            retry_after=parse_retry_after(wired.headers, time.time()),
        )
        self.fail(running, error, others_running=others_running)


class UnaryExchange(Exchange, Generic[T]):
    """A call answered by one complete body. ``reader`` turns it into the result or raises a typed error."""

    def __init__(
        self,
        engine: FallbackEngine,
        body: Mapping[str, Any] | None,
        reader: Callable[[Wired], tuple[T, Usage | None]],
        *,
        accounts: Accounts,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(engine, body, accounts=accounts, observer=observer, clock=clock)
        self._reader = reader
        self.result: T | None = None

    def received(self, running: Running, wired: Wired) -> bool:
        """A response arrived whole. Returns whether it is the call's result; else ask :meth:`next` again."""
        if not 200 <= wired.status < 300:
            self.reject(running, wired)
            return False
        running.wired = wired
        try:
            result, usage = self._reader(wired)
        except RequestyError as error:
            self.fail(running, error)
            return False
        self.result = result
        self._succeed(running, usage)
        return True


class StreamExchange(Exchange):
    """A streamed chat call. Between ``opened`` and ``ended`` the shell passes bytes to :meth:`feed`.

    ``declared_tools`` as in :class:`~requesty_core.accumulate.Accumulator`.
    """

    def __init__(
        self,
        engine: FallbackEngine,
        body: Mapping[str, Any],
        *,
        declared_tools: frozenset[str] | None,
        accounts: Accounts,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(engine, body, accounts=accounts, observer=observer, clock=clock)
        self._declared = declared_tools
        self.reply: ChatReply | None = None
        self.committed: Reader | None = None

    def opened(self, running: Running, status: int, headers: Mapping[str, str]) -> Reader | None:
        """Headers arrived. Returns a reader for the body, or ``None`` if the body is an error to read whole."""
        if not 200 <= status < 300:
            return None
        running.wired = Wired(status, headers, b"", running.model)
        running.reader = Reader(self, running, self._declared)
        return running.reader

    def commit(self, reader: Reader) -> None:
        """The reader's attempt is the one the caller sees from now on."""
        self.committed = reader
        reader.release()
        self._tell(CallCommitted(reader.running.model, reader.running.send.number))

    def lost(self, running: Running, reader: Reader | None, error: RequestyError, others_running: bool = False) -> None:
        """An attempt ended in ``error``; raises it if the caller has already seen part of this attempt."""
        if reader is not None:
            reader.is_over = True
            if error.partial is None:
                error.partial = reader.partial()
        self.fail(running, error, others_running=others_running)
        if reader is not None and self.committed is reader:
            raise error

    def broke(
        self,
        running: Running,
        reader: Reader | None,
        exc: Exception,
        expired: Expired | None = None,
        *,
        opened: bool,
        others_running: bool = False,
    ) -> Sequence[StreamEvent]:
        """The transport failed, or a time limit ``expired``. Returns the last events if the answer had ended before."""
        self._check_observer()
        if reader is not None and reader.is_over:
            return ()
        timeouts = running.send.timeouts
        if reader is not None and reader.is_complete and expired != "first_token":
            try:
                return reader.ended()
            except RequestyError as incomplete:
                error: RequestyError = incomplete
        elif expired == "first_token":
            error = RequestTimeoutError(
                f"timeout: no first token within {timeouts.first_token} s (first_token_timeout)"
            )
        elif expired == "total":
            error = total_error(timeouts)
        else:
            error = transport_error(exc, opened=opened, model=running.model)
        self.lost(running, reader, error, others_running)
        return ()

    def complete(self, reader: Reader, reply: ChatReply) -> ChatReply:
        """The attempt ended well."""
        self._succeed(reader.running, reply.usage)
        self.reply = replace(reply, attempts=tuple(self.attempts))
        return self.reply


class Reader:
    """Reads one attempt's bytes and holds its events back until the first meaningful one.

    A body that is no event stream (JSON or HTML under status 200) is kept whole and judged at its end.
    """

    __slots__ = (
        "_accumulator",
        "_declared",
        "_decoder",
        "_done",
        "_exchange",
        "_held",
        "_plain",
        "_size",
        "_undecided",
        "failure",
        "is_over",
        "running",
    )

    def __init__(self, exchange: StreamExchange, running: Running, declared_tools: frozenset[str] | None) -> None:
        assert running.wired is not None
        self.running = running
        self.is_over = False
        self.failure: RequestyError | None = None
        """Set when the bytes held an error; the events before it were still returned."""
        self._exchange = exchange
        self._declared = declared_tools
        self._accumulator = Accumulator(running.model, declared_tools, running.wired.context())
        self._decoder = SSEDecoder()
        self._done = False
        self._held: list[StreamEvent] | None = []
        self._plain: list[bytes] | None = None
        self._size = 0
        self._undecided = True

    @property
    def is_done(self) -> bool:
        """Whether ``[DONE]`` was seen; nothing after it matters."""
        return self._done

    @property
    def is_complete(self) -> bool:
        """Whether the answer has ended as far as its choices go, be the connection closed properly or not."""
        return self._done or self._accumulator.is_finished

    @property
    def is_holding(self) -> bool:
        """Whether the caller has not seen any event yet."""
        return self._held is not None

    def partial(self) -> ChatReply | None:
        """What has arrived so far."""
        return self._accumulator.partial()

    def feed(self, data: bytes) -> Sequence[StreamEvent]:
        """Take bytes; return the events the caller may see. An error among them ends up in ``failure``."""
        events: list[StreamEvent] = []
        feed = self._accumulator.feed
        try:
            if self._held is not None and self._is_plain(data):
                return ()
            for event in self._decoder.feed(data):
                payload = event.data
                if payload == b"[DONE]":
                    self._done = True
                    break
                try:
                    chunk = decode_json(payload)
                except JSONDecodeError as exc:
                    raise self._malformed(payload, exc) from None
                events += feed(_chunk(event, chunk))
        except RequestyError as error:
            if error.partial is None:
                error.partial = self.partial()
            self.failure = error
        held = self._held
        if held is None:
            return events
        held += events
        if any(map(_is_meaningful, events)):
            self.running.first_token = self._exchange.clock()
            return held
        return ()

    def release(self) -> None:
        """The caller has the held events: from now on events pass straight through."""
        self._held = None

    def ended(self) -> Sequence[StreamEvent]:
        """The bytes ended. Returns the last events; raises if the answer is not complete."""
        events = self._read_plain() if self._plain is not None else self._read_rest()
        reply = self._accumulator.finish(done=self._done)
        self.is_over = True
        reply = self._exchange.complete(self, reply)
        held, self._held = self._held, None
        return [*(held or ()), *events, MessageEnd(reply)]

    def _read_rest(self) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if self._done:
            return events
        for event in self._decoder.close():
            if event.data == b"[DONE]":
                self._done = True
                continue
            try:
                chunk = decode_json(event.data)
            except JSONDecodeError:
                # Cut inside an event: the answer is truncated unless its end had been announced before.
                if self._accumulator.is_finished:
                    continue
                raise TruncatedStreamError("the stream was cut inside an event", partial=self.partial()) from None
            events += self._accumulator.feed(_chunk(event, chunk))
        return events

    def _is_plain(self, data: bytes) -> bool:
        """Whether the body is no event stream; its first visible character decides, wherever the pieces are cut."""
        if self._plain is None:
            first = data.lstrip()[:1] if self._undecided else b""
            if first:
                self._undecided = False
            if first not in (b"{", b"<"):
                return False
            self._plain = []
        self._plain.append(data)
        self._size += len(data)
        if self._size > MAX_EVENT_BYTES:
            self._plain.clear()
            raise MalformedResponseError(f"the body is no event stream and longer than {MAX_EVENT_BYTES} bytes")
        return True

    def _read_plain(self) -> list[StreamEvent]:
        wired = self.running.wired
        assert wired is not None
        wired.content = b"".join(self._plain or ())
        body = wired.json()
        if type(body) is dict and "choices" not in body and body.get("error") is None:
            raise MalformedResponseError(
                "the answer is JSON but neither a stream nor a chat completion; check base_url"
            )
        events = self._accumulator.feed(body, "message")
        self._done = True
        self.running.first_token = self._exchange.clock()
        return events

    def _malformed(self, payload: bytes, exc: Exception) -> RequestyError:
        excerpt = payload[:120].decode("utf-8", "replace")
        return MalformedResponseError(f"an event of the stream is not JSON ({exc}): {excerpt}")


def _chunk(event: ServerSentEvent, chunk: object) -> object:
    """The chunk of an event; an ``event: error`` line makes an error of a chunk that does not say so itself."""
    if event.event == b"error" and type(chunk) is dict and "error" not in chunk:
        return {"error": chunk}
    return chunk


def _is_meaningful(event: StreamEvent) -> bool:
    """Whether an event is something a user sees or a program acts on; role, id and bare signatures are not."""
    if isinstance(event, ReasoningDelta):
        return bool(event.text)
    return not isinstance(event, MessageStart)


def total_error(timeouts: Timeouts) -> RequestTimeoutError:
    """The error of an attempt that took longer than its ``timeout`` (or what the deadline left of it)."""
    return RequestTimeoutError(f"timeout: the attempt took longer than {round(timeouts.total or 0.0, 3)} s")
