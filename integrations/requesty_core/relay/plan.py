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

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from requesty_core.calls.embedding import base64_adaptation
from requesty_core.calls.exchanges import chat_call
from requesty_core.calls.route import JSON_HEADERS, READ_HEADERS, CallOptions, Route
from requesty_core.calls.settings import ClientSettings
from requesty_core.embeddings.vectors import check_answer
from requesty_core.errors import ConfigurationError, MalformedResponseError, error_from_body
from requesty_core.exchange.adaptation import Adaptation
from requesty_core.exchange.body import build_body, declared_tools
from requesty_core.exchange.stream import StreamExchange
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.money.accounts import Accounts
from requesty_core.money.usage import Usage, parse_usage
from requesty_core.replies.accumulate import read_completion
from requesty_core.replies.native import read_native
from requesty_core.replies.protocols import StreamAccumulator
from requesty_core.replies.received import ReceivedResponse
from requesty_core.retry.steps import Step

from .details import Relayed
from .incoming import Incoming, _headers, _json, _operation, _path, _take_options, _timeouts
from .shapes import (
    ChatChunkAccumulator,
    Chunk,
    OpaqueAccumulator,
    ResponsesChunkAccumulator,
)
from .streams import OpaqueStream, RelayStream

__all__ = ["RelayCall", "plan"]

_MODEL_FIELD = re.compile(rb'name="model"[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n([^\r\n]*)\r\n')
_STREAM_HEADERS = {"Accept": "text/event-stream", "Content-Type": "application/json", "Accept-Encoding": "identity"}


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


def _chat(settings: ClientSettings, incoming: Incoming, body: dict[str, Any]) -> RelayCall:
    model, messages = body.pop("model"), body.pop("messages", None)
    streams = body.pop("stream", None) is True
    wanted = body.get("stream_options")
    asked = isinstance(wanted, Mapping) and bool(wanted.get("include_usage"))
    own = _take_options(settings, incoming, body)
    options, fields, _ = chat_call(settings, model, messages, {**body, **own}, stream=streams)
    declared = declared_tools(fields)
    if streams:

        def accumulate(received: ReceivedResponse) -> StreamAccumulator[Chunk, Any]:
            return ChatChunkAccumulator(received, declared, asked_usage=asked)

        return _stream_call(settings, incoming, options, fields, accumulate, settings.adaptation(options))
    return _unary_call(
        settings,
        incoming,
        options,
        fields,
        lambda received, data: read_completion(data, received.model, declared, received),
        adaptation=settings.adaptation(options),
    )


def _responses(settings: ClientSettings, incoming: Incoming, body: dict[str, Any]) -> RelayCall:
    streams = body.get("stream") is True
    options = settings.call_options(body.pop("model"), **_take_options(settings, incoming, body))
    fields = build_body(body, options.options, options.extra_body)
    settings.check_candidates(fields)
    if streams:
        return _stream_call(
            settings, incoming, options, fields, ResponsesChunkAccumulator, settings.adaptation(options, "responses")
        )
    return _unary_call(
        settings,
        incoming,
        options,
        fields,
        lambda received, _: read_native(received)[0],
        adaptation=settings.adaptation(options, "responses"),
    )


def _embeddings(settings: ClientSettings, incoming: Incoming, body: dict[str, Any]) -> RelayCall:
    own = _take_options(settings, incoming, body)
    # The client's fallbacks are chat models; vectors of different models must never be mixed.
    own.setdefault("fallbacks", ())
    options = settings.call_options(body.pop("model"), **own)
    fields = build_body(body, options.options, options.extra_body)
    settings.check_candidates(fields)
    given, dimensions = fields.get("input"), fields.get("dimensions")
    tokens = isinstance(given, list) and bool(given) and all(type(i) is int for i in given)
    count = len(given) if isinstance(given, list) and not tokens else 1

    def check(received: ReceivedResponse, data: Any) -> None:
        check_answer(received, data, count, dimensions)

    # The OpenAI SDK asks for base64 by itself, and reads either form.
    return _unary_call(settings, incoming, options, fields, check, adaptation=base64_adaptation(settings))


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
    adaptation: Adaptation | None = None,
) -> RelayCall:
    """A call answered by one JSON body; ``read`` checks it and may return the core's reply."""

    def reader(received: ReceivedResponse) -> tuple[Relayed, Usage | None]:
        data = received.json()
        reply = read(received, data)
        usage = parse_usage(data.get("usage")) if isinstance(data, dict) else None
        relayed.received, relayed.data, relayed.reply = received, data, reply
        if reply is None and isinstance(data, dict):
            relayed.reply = _UsageOnly(usage, data.get("model"), received.request_id, received.provider)
        return relayed, usage

    exchange = UnaryExchange(
        settings.engine(options, fields),
        fields,
        reader,
        accounts=settings.accounts(options) if billed else Accounts(),
        observer=settings.on_event,
        telemetry=settings.telemetry(_operation(incoming) if billed else None, options),
        adaptation=adaptation,
    )
    relayed = Relayed(exchange)
    headers = READ_HEADERS if fields is None else JSON_HEADERS
    return RelayCall(exchange, Route(incoming.method, incoming.url, headers), options, relayed)


@dataclass(frozen=True, slots=True)
class _UsageOnly:
    """What an answer without a reply class of its own tells."""

    usage: Usage | None
    served_model: str | None
    request_id: str | None
    provider: str | None


def _stream_call(
    settings: ClientSettings,
    incoming: Incoming,
    options: CallOptions,
    fields: Mapping[str, Any],
    accumulate: Callable[[ReceivedResponse], StreamAccumulator[Chunk, Any]],
    adaptation: Adaptation | None = None,
) -> RelayCall:
    exchange = RelayStream(
        settings.engine(options, fields),
        fields,
        accumulate,
        accounts=settings.accounts(options),
        observer=settings.on_event,
        telemetry=settings.telemetry(_operation(incoming), options),
        adaptation=adaptation,
    )
    route = Route(incoming.method, incoming.url, _STREAM_HEADERS, streams=True)
    return RelayCall(exchange, route, options, Relayed(exchange))


def _opaque_answer(received: ReceivedResponse) -> OpaqueAccumulator:
    """What passes an answer on. Raises :class:`MalformedResponseError` for a web page: no model gives one."""
    if received.headers.get("content-type", "").startswith("text/html"):
        raise MalformedResponseError("the answer is a web page (text/html); check base_url")
    return OpaqueAccumulator()


def _form_model(content: bytes) -> str:
    """The field ``model`` of a multipart form, empty if it cannot be told."""
    found = _MODEL_FIELD.search(content)
    return found[1].decode("utf-8", "replace") if found else ""


def _opaque(settings: ClientSettings, incoming: Incoming, path: str) -> RelayCall:
    """A route that is passed on unread. Reads, and calls of a model, are retried; other writes are sent once."""
    body = _json(incoming.content) if incoming.content[:1] == b"{" else None
    model = body.get("model") if isinstance(body, dict) else None
    billed = incoming.method == "POST" and (isinstance(model, str) or b'name="model"' in incoming.content)
    again = billed or incoming.method in ("GET", "HEAD")
    if billed:
        model = model if isinstance(model, str) else _form_model(incoming.content)
        settings.check_models([model])
        settings.check_candidates(body or {})
    elif settings.require is not None and incoming.method == "POST":
        raise ConfigurationError("require: the request names no model, and the gateway's default may be any; name one")
    name = model if isinstance(model, str) and model else path or "/"
    options = _unbilled(settings, incoming, name, max_retries=None if again else 0)
    exchange = OpaqueStream(
        settings.engine(options),
        {},
        _opaque_answer if incoming.method == "POST" else lambda received: OpaqueAccumulator(),
        accounts=settings.accounts(options) if billed else Accounts(),
        observer=settings.on_event,
        telemetry=settings.telemetry(_operation(incoming) if billed else None, options),
    )
    # Pictures and sound are dear, and what went out in full may have been worked on.
    exchange.is_sent_once = billed and path.startswith(("/images/", "/audio/"))
    exchange.is_repeatable = again and not exchange.is_sent_once
    given = {name.lower(): value for name, value in incoming.headers}
    headers = {
        "Accept": given.get("accept", "*/*"),
        "Accept-Encoding": "identity",
        **({"Content-Type": given["content-type"]} if "content-type" in given else {}),
    }
    route = Route(incoming.method, incoming.url, headers, content=incoming.content)
    return RelayCall(exchange, route, options, Relayed(exchange))
