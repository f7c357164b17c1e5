"""The exchange of each kind of call: its body, how its answer is read, and what it is booked and traced with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from msgspec.structs import replace

from requesty_core.errors import ConfigurationError
from requesty_core.exchange.body import build_body, chat_body, declared_tools
from requesty_core.exchange.stream import StreamExchange
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.money.accounts import Accounts
from requesty_core.money.usage import Usage
from requesty_core.network.http import URL
from requesty_core.replies.accumulate import Accumulator, read_completion
from requesty_core.replies.attempts import Attempt
from requesty_core.replies.protocols import StreamAccumulator
from requesty_core.replies.received import ReceivedResponse
from requesty_core.replies.reply import ChatReply, StreamEvent, with_attempts
from requesty_core.retry.steps import Step
from requesty_core.telemetry.call import CallTelemetry

from .arguments import take_options
from .route import JSON_HEADERS, STREAM_HEADERS, CallOptions, Route
from .settings import ClientSettings

if TYPE_CHECKING:
    # Imported where they are needed, to keep `import requesty_core` light.
    from requesty_core.replies.native import NativeEvent, NativeReply
    from requesty_core.telemetry.events import Observer

__all__ = [
    "ChatStreamExchange",
    "chat_call",
    "chat_exchange",
    "chat_stream_exchange",
    "native_exchange",
    "native_stream_exchange",
    "watched",
]

ChatStreamExchange = StreamExchange[StreamEvent, ChatReply]
NativePath = Literal["messages", "responses"]


def chat_exchange(
    settings: ClientSettings, model: str | Step, messages: Sequence[Mapping[str, Any]], params: dict[str, Any]
) -> tuple[UnaryExchange[ChatReply], CallOptions]:
    """The exchange of a complete chat answer."""
    call, body, later = chat_call(settings, model, messages, params, stream=False)
    declared = declared_tools(body, *later)

    def read(received: ReceivedResponse) -> tuple[ChatReply, Usage | None]:
        reply = read_completion(received.json(), received.model, declared, received)
        return reply, reply.usage

    exchange = UnaryExchange(
        settings.engine(call, body),
        body,
        read,
        finish=with_attempts,
        adaptation=settings.adaptation(call),
        later_bodies=later,
        **watched(settings, call, "chat"),
    )
    return exchange, call


def chat_stream_exchange(
    settings: ClientSettings, model: str | Step, messages: Sequence[Mapping[str, Any]], params: dict[str, Any]
) -> tuple[ChatStreamExchange, CallOptions]:
    """The exchange of a streamed chat answer."""
    call, body, later = chat_call(settings, model, messages, params, stream=True)
    declared = declared_tools(body, *later)

    def accumulate(received: ReceivedResponse) -> Accumulator:
        return Accumulator(received.model, declared, received)

    exchange: ChatStreamExchange = StreamExchange(
        settings.engine(call, body),
        body,
        accumulate,
        adaptation=settings.adaptation(call),
        later_bodies=later,
        **watched(settings, call, "chat"),
    )
    return exchange, call


def native_exchange(
    settings: ClientSettings, path: NativePath, model: str, fields: Mapping[str, Any], params: dict[str, Any]
) -> tuple[UnaryExchange[NativeReply], Route, CallOptions]:
    """The exchange of a complete answer of ``/messages`` or ``/responses``."""
    from requesty_core.replies.native import read_native

    call, body = _native_body(settings, model, {**fields, **params}, stream=False)
    exchange = UnaryExchange(
        settings.engine(call, body),
        body,
        read_native,
        finish=_native_attempts,
        adaptation=settings.adaptation(call, path),
        **watched(settings, call, "chat"),
    )
    return exchange, Route("POST", URL(f"{settings.config.base_url}/{path}"), JSON_HEADERS), call


def native_stream_exchange(
    settings: ClientSettings,
    path: NativePath,
    model: str,
    fields: Mapping[str, Any],
    params: dict[str, Any],
    accumulate: Callable[[ReceivedResponse], StreamAccumulator[NativeEvent, NativeReply]],
) -> tuple[StreamExchange[NativeEvent, NativeReply], Route, CallOptions]:
    """The exchange of a streamed answer of ``/messages`` or ``/responses``."""
    call, body = _native_body(settings, model, {**fields, **params}, stream=True)
    exchange: StreamExchange[NativeEvent, NativeReply] = StreamExchange(
        settings.engine(call, body),
        body,
        accumulate,
        adaptation=settings.adaptation(call, path),
        **watched(settings, call, "chat"),
    )
    route = Route("POST", URL(f"{settings.config.base_url}/{path}"), STREAM_HEADERS, streams=True)
    return exchange, route, call


def _native_body(
    settings: ClientSettings, model: str, params: dict[str, Any], *, stream: bool
) -> tuple[CallOptions, dict[str, Any]]:
    own = take_options(params)
    call = settings.call_options(model, **own)
    body = build_body(params, call.options, call.extra_body)
    body.pop("model", None)
    body.pop("stream", None)
    settings.check_candidates(body)
    if stream:
        body["stream"] = True
    return call, body


def chat_call(
    settings: ClientSettings,
    model: str | Step,
    messages: Sequence[Mapping[str, Any]],
    params: dict[str, Any],
    *,
    stream: bool,
) -> tuple[CallOptions, dict[str, Any], list[dict[str, Any]]]:
    """Settings of one chat call, the fields of its body, and those of later models where they are others.

    The fields are without the model: every step has its own.
    """
    own = take_options(params, ("fallback_params",))
    later: Sequence[Mapping[str, Any] | None] = own.pop("fallback_params", ())
    call = settings.call_options(model, **own)

    def body(messages: Sequence[Mapping[str, Any]], fields: Mapping[str, Any]) -> dict[str, Any]:
        made = chat_body(messages, fields, stream=stream, options=call.options, extra_body=call.extra_body)
        made.pop("model", None)
        settings.check_candidates(made)
        return made

    if later and len(later) != len(call.steps) - 1:
        raise ConfigurationError(
            f"fallback_params: {len(later)} for {len(call.steps) - 1} fallbacks; give one for each"
        )
    first = body(messages, params)
    if not later:
        return call, first, []
    return call, first, [first if one is None else body(one.get("messages", messages), one) for one in later]


class Watched(TypedDict):
    accounts: Accounts
    observer: Observer | None
    telemetry: CallTelemetry


def watched(settings: ClientSettings, call: CallOptions, operation: str) -> Watched:
    """Where a call is booked, and who is told of it."""
    return {
        "accounts": settings.accounts(call),
        "observer": settings.on_event,
        "telemetry": settings.telemetry(operation, call),
    }


def _native_attempts(reply: NativeReply, attempts: Sequence[Attempt]) -> NativeReply:
    return replace(reply, attempts=attempts)
