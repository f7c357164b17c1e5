"""Requests made by another client, carried out with the promises of this one; without IO.

Theory of operation. A program holds an OpenAI-style client, which writes requests and reads answers itself. A relay
stands below it, in the place of its transport: it recognises the route of a finished request, makes the exchange of
the core for it (retry, fallback with hold-back, classification, ledger, key), and hands the winning attempt's bytes
back as they came. The answer is read along on the way: that is how failures are found, usage is booked and the first
visible token decides. Readers who want decoded chunks rather than bytes get the same chunks the core has read, so
nothing is decoded twice.

Chat completions, responses, embeddings and models are read; any other route is passed on unread, with retries as far
as sending twice does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from requesty_core.calls.settings import CALL_OPTIONS, JSON_HEADERS, CallOptions, ClientSettings, Route
from requesty_core.errors import ConfigurationError, MalformedResponseError, RequestyError, error_from_body
from requesty_core.exchange.body import build_body, declared_tools
from requesty_core.exchange.exchange import (
    Accounts,
    Reader,
    ReceivedResponse,
    RunningAttempt,
    StreamAccumulator,
    StreamExchange,
    UnaryExchange,
)
from requesty_core.money.usage import Usage, parse_usage
from requesty_core.network.http import URL
from requesty_core.replies.accumulate import read_completion
from requesty_core.replies.attempts import Attempt, attempt_dict
from requesty_core.replies.native import read_native
from requesty_core.retry.backoff import RetryPolicy
from requesty_core.retry.fallback import FallbackPolicy, Step
from requesty_core.settings.config import Timeouts
from requesty_core.wire.json import JSONDecodeError, decode_json, encode_json

from .shapes import (
    ChatChunkAccumulator,
    Chunk,
    OpaqueAccumulator,
    ResponsesChunkAccumulator,
    tidy_completion,
    tidy_embeddings,
)

__all__ = ["CallDetails", "Incoming", "RelayCall", "Relayed", "StreamPart", "plan"]

MAX_READ_ALONG = 1024 * 1024
"""Longest body of an unread route that is kept to look for its usage."""

_STREAM_HEADERS = {"Accept": "text/event-stream", "Content-Type": "application/json", "Accept-Encoding": "identity"}
# What belongs to one connection or is decided anew for each attempt; "x-stainless-" headers tell of the retries and
# timeouts of generated clients, which are not those of the request that is sent.
_OWN_HEADERS = frozenset(
    {
        *("host", "connection", "keep-alive", "te", "upgrade", "expect", "transfer-encoding", "content-length"),
        *("accept", "accept-encoding", "content-type", "authorization", "proxy-authorization"),
    }
)


class StreamPart(NamedTuple):
    """Bytes of the answer as they came, and the decoded chunks that they completed."""

    data: bytes
    chunks: Sequence[Chunk]


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request as the other client wrote it. ``timeout`` is ``httpx``'s mapping of connect, read and write seconds."""

    method: str
    url: URL
    headers: Sequence[tuple[str, str]]
    content: bytes
    timeout: Mapping[str, float | None] | None = None


@dataclass(frozen=True, slots=True)
class CallDetails:
    """What is known of a call beside its answer.

    Attributes:
        requested_model: the id asked for by the attempt that answered (or failed last).
        served_model: the model the gateway names.
        provider: serving provider, if sent.
        request_id: the gateway's id for support.
        usage: tokens and cost, as far as they were told.
        attempts: every attempt, in order, failed ones included.
    """

    requested_model: str | None = None
    served_model: str | None = None
    provider: str | None = None
    request_id: str | None = None
    usage: Usage | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def cost(self) -> Decimal | None:
        """USD billed for the answer; ``None`` if the gateway did not say."""
        return None if self.usage is None else self.usage.cost

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values, without what is unknown; ``cost`` a float."""
        values = {
            "requested_model": self.requested_model,
            "served_model": self.served_model,
            "provider": self.provider,
            "request_id": self.request_id,
            "cost": None if self.cost is None else float(self.cost),
            "attempts": [attempt_dict(a) for a in self.attempts],
        }
        return {key: value for key, value in values.items() if value is not None}


class Relayed:
    """One call in progress or done: what the other client's response carries of it.

    ``error`` is set where the response tells of a failure.
    """

    def __init__(self, exchange: UnaryExchange[Any] | StreamExchange[Any, Any]) -> None:
        self._exchange = exchange
        self.received: ReceivedResponse | None = None
        self.reply: Any = None
        self.data: Any = None
        self.error: RequestyError | None = None
        self.parts: Any = None
        """Iterator (sync or async) of :class:`StreamPart` behind the response body of a streamed route;
        whoever takes it must not read the body too."""

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts so far."""
        return tuple(self._exchange.attempts)

    def details(self) -> CallDetails:
        """What is known by now; of a stream, what has arrived."""
        received, reply, error = self.received, self.reply, self.error
        exchange = self._exchange
        if isinstance(exchange, StreamExchange) and exchange.committed is not None:
            received = exchange.committed.running.received
            reply = exchange.reply or exchange.committed.partial()
        return CallDetails(
            requested_model=received.model if received is not None else getattr(error, "requested_model", None),
            served_model=getattr(reply, "served_model", None),
            provider=received.provider if received is not None else None,
            request_id=received.request_id if received is not None else getattr(error, "request_id", None),
            usage=getattr(reply, "usage", None),
            attempts=self.attempts,
        )

    def completion(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """A decoded chat completion or embeddings answer as OpenAI's own would be; any other body as it is."""
        if hasattr(self.reply, "tool_calls"):
            return tidy_completion(data, self.reply)
        return tidy_embeddings(data) if data.get("object") == "list" else data


@dataclass(frozen=True, slots=True)
class RelayCall:
    """A recognised request, ready to be performed by either client."""

    exchange: UnaryExchange[Relayed] | StreamExchange[Any, Any]
    route: Route
    options: CallOptions
    relayed: Relayed


def plan(settings: ClientSettings, incoming: Incoming) -> RelayCall:
    """The call a request stands for. Raises :class:`ConfigurationError` for one that cannot be sent.

    Fields of a JSON body that are call options of the core (``fallbacks``, ``max_retries``, ``options``, …) are taken
    out of it and obeyed: the other client's way of passing extra body fields is the caller's only way to give them.
    """
    path = _path(settings, incoming.url)
    if incoming.method == "GET" and path in ("/models", "/models/managed"):
        return _models(settings, incoming, path)
    if incoming.method == "POST" and path in _ROUTES:
        body = _json(incoming.content)
        if isinstance(body, dict) and isinstance(body.get("model"), str):
            return _ROUTES[path](settings, incoming, body)
        raise ConfigurationError("model: the request names no model; give one")
    return _opaque(settings, incoming, path)


def _path(settings: ClientSettings, url: URL) -> str:
    """The route's path below the base URL. The key goes nowhere else."""
    base = URL(settings.config.base_url)
    if (url.scheme, url.host, url.port) != (base.scheme, base.host, base.port):
        raise ConfigurationError(f"url: {url.scheme}://{url.host} is not the gateway ({base}); the key stays here")
    prefix = base.path.rstrip("/")
    if not url.path.startswith(f"{prefix}/"):
        raise ConfigurationError(f"url: {url.path} is not below the base URL ({base})")
    return url.path[len(prefix) :].rstrip("/")


def _json(content: bytes) -> Any:
    try:
        return decode_json(content)
    except JSONDecodeError:
        return None


def _headers(incoming: Incoming) -> dict[str, str]:
    """The caller's headers, without those that are decided here."""
    return {
        name: value
        for name, value in incoming.headers
        if name.lower() not in _OWN_HEADERS and not name.lower().startswith("x-stainless-")
    }


def _timeouts(settings: ClientSettings, incoming: Incoming) -> Timeouts:
    own = settings.config.timeouts
    given = incoming.timeout
    if given is None:
        return own
    return Timeouts(
        connect=given.get("connect"),
        read=given.get("read"),
        write=given.get("write"),
        total=own.total,
        first_token=own.first_token,
    )


def _take_options(settings: ClientSettings, incoming: Incoming, body: dict[str, Any]) -> dict[str, Any]:
    """Call options, taken out of the body and completed from the request."""
    own = {name: body.pop(name) for name in CALL_OPTIONS & body.keys()}
    own.setdefault("timeout", _timeouts(settings, incoming))
    own["extra_headers"] = {**_headers(incoming), **(own.get("extra_headers") or {})}
    policy = own.get("fallback_policy")
    if isinstance(policy, dict):
        own["fallback_policy"] = _policy(policy)
    return own


def _policy(fields: dict[str, Any]) -> FallbackPolicy:
    try:
        retry = fields.get("retry")
        return FallbackPolicy(**{**fields, **({"retry": RetryPolicy(**retry)} if isinstance(retry, dict) else {})})
    except TypeError as exc:
        raise ConfigurationError(f"fallback_policy: {exc}") from None


def _chat(settings: ClientSettings, incoming: Incoming, body: dict[str, Any]) -> RelayCall:
    model, messages = body.pop("model"), body.pop("messages", None)
    streams = body.pop("stream", None) is True
    wanted = body.get("stream_options")
    asked = isinstance(wanted, Mapping) and bool(wanted.get("include_usage"))
    own = _take_options(settings, incoming, body)
    options, fields = settings._chat_call(model, messages, {**body, **own}, stream=streams)
    declared = declared_tools(fields)
    if streams:

        def accumulate(received: ReceivedResponse) -> StreamAccumulator[Chunk, Any]:
            return ChatChunkAccumulator(received, declared, asked_usage=asked)

        return _stream_call(settings, incoming, options, fields, accumulate)
    return _unary_call(
        settings,
        incoming,
        options,
        fields,
        lambda received, data: read_completion(data, received.model, declared, received.context()),
    )


def _responses(settings: ClientSettings, incoming: Incoming, body: dict[str, Any]) -> RelayCall:
    streams = body.get("stream") is True
    options = settings.call_options(body.pop("model"), **_take_options(settings, incoming, body))
    fields = build_body(body, options.options, options.extra_body)
    if streams:
        return _stream_call(settings, incoming, options, fields, ResponsesChunkAccumulator)
    return _unary_call(settings, incoming, options, fields, lambda received, _: read_native(received)[0])


def _embeddings(settings: ClientSettings, incoming: Incoming, body: dict[str, Any]) -> RelayCall:
    own = _take_options(settings, incoming, body)
    # The client's fallbacks are chat models; vectors of different models must never be mixed.
    own.setdefault("fallbacks", ())
    options = settings.call_options(body.pop("model"), **own)
    fields = build_body(body, options.options, options.extra_body)
    given = fields.get("input")
    tokens = isinstance(given, list) and bool(given) and all(type(i) is int for i in given)
    count = len(given) if isinstance(given, list) and not tokens else 1
    return _unary_call(
        settings, incoming, options, fields, lambda received, data: _check_list(received, data, "embeddings", count)
    )


_ROUTES: Mapping[str, Callable[[ClientSettings, Incoming, dict[str, Any]], RelayCall]] = {
    "/chat/completions": _chat,
    "/responses": _responses,
    "/embeddings": _embeddings,
}


def _models(settings: ClientSettings, incoming: Incoming, path: str) -> RelayCall:
    options = _unbilled(settings, incoming, path, max_retries=None)
    return _unary_call(
        settings,
        incoming,
        options,
        None,
        lambda received, data: _check_list(received, data, "models", None),
        billed=False,
    )


def _unbilled(settings: ClientSettings, incoming: Incoming, name: str, max_retries: int | None) -> CallOptions:
    return settings.call_options(
        name,
        step=Step(name),
        fallbacks=(),
        max_retries=max_retries,
        timeout=_timeouts(settings, incoming),
        extra_headers=_headers(incoming),
    )


def _check_list(received: ReceivedResponse, data: Any, what: str, count: int | None) -> None:
    """Raise the typed error if a body is not a list answer with ``count`` entries (``None``: any number)."""
    entries = data.get("data") if isinstance(data, dict) else None
    if isinstance(data, dict) and entries is None and data.get("error") is not None:
        raise error_from_body(data["error"], in_stream=False, requested_model=received.model)
    if not isinstance(entries, list):
        raise MalformedResponseError(f"the answer is JSON but holds no {what}; check base_url")
    if count is not None and len(entries) != count:
        raise MalformedResponseError(f"{count} inputs were sent but {len(entries)} {what} came back")


def _unary_call(
    settings: ClientSettings,
    incoming: Incoming,
    options: CallOptions,
    fields: Mapping[str, Any] | None,
    read: Callable[[ReceivedResponse, Any], Any],
    *,
    billed: bool = True,
) -> RelayCall:
    """A call answered by one JSON body; ``read`` checks it and may return the core's reply."""

    def reader(received: ReceivedResponse) -> tuple[Relayed, Usage | None]:
        data = received.json()
        reply = read(received, data)
        usage = parse_usage(data.get("usage")) if isinstance(data, dict) else None
        relayed.received, relayed.data, relayed.reply = received, data, reply
        if reply is None and isinstance(data, dict):
            relayed.reply = _UsageOnly(usage, data.get("model"))
        return relayed, usage

    exchange = UnaryExchange(
        settings.engine(options),
        fields,
        reader,
        accounts=settings.accounts(options) if billed else Accounts(),
        observer=settings.on_event,
        telemetry=settings.telemetry(_operation(incoming), options),
    )
    relayed = Relayed(exchange)
    return RelayCall(exchange, Route(incoming.method, incoming.url, JSON_HEADERS), options, relayed)


@dataclass(frozen=True, slots=True)
class _UsageOnly:
    """What a body without a reply class of its own tells."""

    usage: Usage | None
    served_model: str | None


def _stream_call(
    settings: ClientSettings,
    incoming: Incoming,
    options: CallOptions,
    fields: Mapping[str, Any],
    accumulate: Callable[[ReceivedResponse], StreamAccumulator[Chunk, Any]],
) -> RelayCall:
    exchange = RelayStream(
        settings.engine(options),
        fields,
        accumulate,
        accounts=settings.accounts(options),
        observer=settings.on_event,
        telemetry=settings.telemetry(_operation(incoming), options),
    )
    route = Route(incoming.method, incoming.url, _STREAM_HEADERS, streams=True)
    return RelayCall(exchange, route, options, Relayed(exchange))


def _opaque(settings: ClientSettings, incoming: Incoming, path: str) -> RelayCall:
    """A route that is passed on unread. Reads, and calls of a model, are retried; other writes are sent once."""
    body = _json(incoming.content) if incoming.content[:1] == b"{" else None
    model = body.get("model") if isinstance(body, dict) else None
    billed = incoming.method == "POST" and (isinstance(model, str) or b'name="model"' in incoming.content)
    again = billed or incoming.method in ("GET", "HEAD")
    name = model if isinstance(model, str) and model else path or "/"
    options = _unbilled(settings, incoming, name, max_retries=None if again else 0)
    exchange = OpaqueStream(
        settings.engine(options),
        {},
        lambda received: OpaqueAccumulator(),
        accounts=settings.accounts(options) if billed else Accounts(),
        observer=settings.on_event,
        telemetry=settings.telemetry(_operation(incoming), options),
    )
    given = {name.lower(): value for name, value in incoming.headers}
    headers = {
        "Accept": given.get("accept", "*/*"),
        "Accept-Encoding": "identity",
        **({"Content-Type": given["content-type"]} if "content-type" in given else {}),
    }
    route = Route(incoming.method, incoming.url, headers, content=incoming.content)
    return RelayCall(exchange, route, options, Relayed(exchange))


def _operation(incoming: Incoming) -> str:
    """The GenAI operation a span of the call is named after."""
    return "embeddings" if str(incoming.url).endswith("/embeddings") else "chat"


class RelayStream(StreamExchange[Any, Any]):
    """A streamed exchange whose events are :class:`StreamPart`."""

    def reader(self, running: RunningAttempt, status: int, headers: Mapping[str, str]) -> Reader[Any, Any]:
        """A reader that keeps the bytes."""
        running.received = received = ReceivedResponse(status, headers, b"", running.model)
        reader = running.reader = RelayReader(running, self._accumulate(received), self.clock)
        return reader

    def complete(self, reader: Reader[Any, Any], reply: Any) -> Sequence[StreamPart]:
        """The attempt ended well; what the end of the bytes completed is the last part."""
        super().complete(reader, reply)
        assert isinstance(reader, RelayReader)
        return reader.rest()


class RelayReader(Reader[Any, Any]):
    """A reader that returns each arrival's bytes together with the chunks in it."""

    __slots__ = ("_parts",)

    def __init__(
        self, running: RunningAttempt, accumulator: StreamAccumulator[Any, Any], clock: Callable[[], float]
    ) -> None:
        super().__init__(running, _Recorder(accumulator), clock)
        self._parts: list[StreamPart] = []

    def feed(self, data: bytes) -> Sequence[StreamPart]:
        """Take bytes; return them with their chunks, or, while holding back, whether it is time to commit."""
        events = super().feed(data)
        recorder = self.accumulator
        assert isinstance(recorder, _Recorder)
        part = StreamPart(data, recorder.take())
        if recorder.closes_stream and recorder.is_finished:
            self._done = True
        if self.has_failed and not part.chunks:
            # The error is raised instead of shown: a reader of bytes would stop at it before it is on record.
            return ()
        if self.is_holding or self.is_done:
            # Many readers stop at the end mark, so what holds it is handed out once the end is on record.
            self._parts.append(part)
            return (part,) if events and self.is_holding else ()
        return (part,)

    def release(self) -> Sequence[StreamPart]:
        """Everything held back; from now on bytes pass straight through."""
        super().release()
        parts = self._take()
        if self.is_done:
            self._parts = [*parts[-1:]]
            parts = parts[:-1]
        return parts

    def ended(self) -> Any:
        """As the base; chunks that only the end completed are kept for :meth:`rest`."""
        is_plain = self._plain is not None
        reply = super().ended()
        recorder = self.accumulator
        assert isinstance(recorder, _Recorder)
        chunks = recorder.take()
        if is_plain:
            # A complete answer came instead of a stream: readers of bytes get it as the stream they asked for.
            self._parts = [StreamPart(_as_events(chunks), chunks)]
        elif chunks:
            self._parts.append(StreamPart(b"", chunks))
        return reply

    def rest(self) -> Sequence[StreamPart]:
        """What is left after the end."""
        return self._take()

    def _take(self) -> Sequence[StreamPart]:
        parts, self._parts = self._parts, []
        return parts


class _Recorder:
    """An accumulator that remembers what it returned since it was last asked."""

    def __init__(self, inner: StreamAccumulator[Any, Any]) -> None:
        self._inner = inner
        self._chunks: list[Chunk] = []
        self.closes_stream: bool = getattr(inner, "closes_stream", False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def feed(self, chunk: object) -> list[Chunk]:
        """As the inner accumulator."""
        chunks = self._inner.feed(chunk)
        self._chunks += chunks
        return chunks

    def feed_whole(self, body: object) -> list[Chunk]:
        """As the inner accumulator."""
        self._chunks += self._inner.feed_whole(body)
        return self._chunks

    def take(self) -> Sequence[Chunk]:
        """What was returned since the last time."""
        chunks, self._chunks = self._chunks, []
        return chunks


def _as_events(chunks: Iterable[Chunk]) -> bytes:
    events = [b"data: " + encode_json(chunk) + b"\n\n" for chunk in chunks]
    return b"".join((*events, b"data: [DONE]\n\n"))


class OpaqueStream(StreamExchange[Any, Any]):
    """A call whose answer is passed on unread."""

    def reader(self, running: RunningAttempt, status: int, headers: Mapping[str, str]) -> Reader[Any, Any]:
        """A reader that reads nothing but usage."""
        running.received = ReceivedResponse(status, headers, b"", running.model)
        reader = running.reader = OpaqueReader(running, self._accumulate(running.received), self.clock)
        return reader

    def content(self, send: Any) -> bytes:
        """The body is the route's own."""
        return b""


class OpaqueReader(Reader[Any, Any]):
    """Passes bytes on; a JSON body of moderate size is kept to find its usage at the end."""

    __slots__ = ("_kept", "_parts")

    def __init__(
        self, running: RunningAttempt, accumulator: StreamAccumulator[Any, Any], clock: Callable[[], float]
    ) -> None:
        super().__init__(running, accumulator, clock)
        assert running.received is not None
        is_json = "json" in running.received.headers.get("content-type", "")
        self._kept: list[bytes] | None = [] if is_json else None
        self._parts: list[StreamPart] = []

    def feed(self, data: bytes) -> Sequence[StreamPart]:
        """Pass the bytes on. The first of them commit."""
        if self._kept is not None:
            self._size += len(data)
            if self._size > MAX_READ_ALONG:
                self._kept = None
            else:
                self._kept.append(data)
        part = StreamPart(data, ())
        if self.is_holding:
            self._parts.append(part)
            self.running.first_token = self._clock()
        return (part,)

    def release(self) -> Sequence[StreamPart]:
        """The first bytes."""
        super().release()
        parts, self._parts = self._parts, []
        return parts

    def ended(self) -> Any:
        """The reply with the usage found."""
        reply = self.accumulator.finish(done=True)
        body = _json(b"".join(self._kept)) if self._kept else None
        if isinstance(body, dict):
            reply.usage = parse_usage(body.get("usage"))
        return reply
