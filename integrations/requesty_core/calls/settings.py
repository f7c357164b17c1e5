"""What a client does before any IO: settings, routes, and the exchange of each kind of call."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from requesty_core.catalog.model_id import check_model
from requesty_core.embeddings.plan import (
    DEFAULT_BATCH_SIZE,
    DEFAULT_MAX_IN_FLIGHT,
    Batch,
    BatchResult,
    EmbeddingInput,
    EmbeddingsPlan,
    read_embeddings,
)
from requesty_core.errors import ConfigurationError
from requesty_core.exchange.body import build_body, chat_body, declared_tools
from requesty_core.exchange.stream import StreamExchange
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.money.accounts import Accounts
from requesty_core.money.budget import Budget
from requesty_core.money.ledger import CostLedger
from requesty_core.money.usage import Usage
from requesty_core.network.http import URL
from requesty_core.network.settings import DEFAULT_NETWORK, NetworkSettings
from requesty_core.replies.accumulate import Accumulator, read_completion
from requesty_core.replies.attempts import Attempt
from requesty_core.replies.protocols import StreamAccumulator
from requesty_core.replies.received import ReceivedResponse
from requesty_core.replies.reply import ChatReply, StreamEvent
from requesty_core.retry.fallback import FallbackEngine
from requesty_core.retry.health import HealthBoard
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step, steps_from
from requesty_core.settings.config import DEFAULT_MAX_RETRIES, DEFAULT_TIMEOUT, Config, Timeouts, check_count
from requesty_core.settings.options import RequestyOptions, check_headers, merge_headers
from requesty_core.telemetry.call import CallTelemetry
from requesty_core.telemetry.events import Observer

from .arguments import take_options
from .estimate import estimate_cost

if TYPE_CHECKING:
    # Imported where they are needed, to keep `import requesty_core` light.
    from requesty_core.replies.native import NativeEvent, NativeReply

__all__ = [
    "JSON_HEADERS",
    "CallOptions",
    "ChatStreamExchange",
    "ClientSettings",
    "Route",
]

ChatStreamExchange = StreamExchange[StreamEvent, ChatReply]


@dataclass(frozen=True, slots=True)
class Route:
    """Where one kind of call goes: method, full URL, headers of its own, and a body that is not JSON, if it has one."""

    method: str
    url: URL
    headers: Mapping[str, str] = field(default_factory=dict)
    streams: bool = False
    content: bytes | None = None


@dataclass(frozen=True, slots=True)
class CallOptions:
    """Settings of one call, laid over the client's."""

    steps: tuple[Step, ...]
    policy: FallbackPolicy
    timeouts: Timeouts
    max_retries: int
    options: RequestyOptions
    extra_headers: Mapping[str, str]
    extra_body: Mapping[str, Any]


_UNSET: Any = object()


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Everything a client was told, checked. Immutable but for the shared health board, ledger and budget."""

    config: Config
    fallbacks: tuple[Step, ...] = ()
    policy: FallbackPolicy = field(default_factory=FallbackPolicy)
    options: RequestyOptions = field(default_factory=RequestyOptions)
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    ledger: CostLedger | None = None
    budget: Budget | None = None
    on_event: Observer | None = None
    window: Callable[[str], int | None] | None = None
    tracing: bool = False
    network: NetworkSettings = DEFAULT_NETWORK
    health: HealthBoard = field(default_factory=HealthBoard)
    chat_route: Route = field(init=False)
    stream_route: Route = field(init=False)
    embeddings_route: Route = field(init=False)

    def __post_init__(self) -> None:
        url = URL(f"{self.config.base_url}/chat/completions")
        object.__setattr__(self, "chat_route", Route("POST", url, JSON_HEADERS))
        object.__setattr__(self, "stream_route", Route("POST", url, _STREAM_HEADERS, streams=True))
        embeddings = URL(f"{self.config.base_url}/embeddings")
        object.__setattr__(self, "embeddings_route", Route("POST", embeddings, JSON_HEADERS))

    @classmethod
    def build(
        cls,
        *,
        api_key: Any = None,
        base_url: str | None = None,
        region: str | None = None,
        management_url: str | None = None,
        feedback_url: str | None = None,
        timeout: Timeouts | float | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        fallbacks: Sequence[str | Step | dict[str, Any]] = (),
        fallback_policy: FallbackPolicy | None = None,
        options: RequestyOptions | Mapping[str, Any] | None = None,
        app_url: str | None = None,
        app_title: str | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        ledger: CostLedger | None = None,
        budget: Budget | None = None,
        on_event: Observer | None = None,
        window: Callable[[str], int | None] | None = None,
        tracing: bool = False,
        ca_bundle: str | os.PathLike[str] | None = None,
        client_cert: str | Sequence[str] | None = None,
        proxy: str | None = None,
        max_connections: int | None = None,
        max_response_bytes: int | None = None,
    ) -> ClientSettings:
        """Check and collect. Raises :class:`ConfigurationError` naming the setting."""
        return cls(
            config=Config.build(
                api_key=api_key,
                base_url=base_url,
                region=region,
                management_url=management_url,
                feedback_url=feedback_url,
                timeout=timeout,
                max_retries=max_retries,
                app_url=app_url,
                app_title=app_title,
                extra_headers=extra_headers,
            ),
            fallbacks=steps_from(fallbacks),
            policy=fallback_policy or FallbackPolicy(),
            options=RequestyOptions.coerce(options),
            extra_body=_mapping(extra_body, "extra_body"),
            ledger=ledger,
            budget=budget,
            on_event=on_event,
            window=window,
            tracing=tracing,
            network=NetworkSettings.build(
                ca_bundle=ca_bundle,
                client_cert=client_cert,
                proxy=proxy,
                max_connections=max_connections,
                max_response_bytes=max_response_bytes,
            ),
        )

    def call_options(
        self,
        model: str | Step,
        *,
        timeout: Timeouts | float | None = _UNSET,
        max_retries: int | None = None,
        fallbacks: Sequence[str | Step | dict[str, Any]] | None = None,
        fallback_policy: FallbackPolicy | None = None,
        options: RequestyOptions | Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        step: Step | None = None,
    ) -> CallOptions:
        """One call's settings: what it gives, over what the client has."""
        first = step or (model if isinstance(model, Step) else Step(check_model(model)))
        rest = self.fallbacks if fallbacks is None else steps_from(fallbacks)
        return CallOptions(
            steps=(first, *rest),
            policy=fallback_policy or self.policy,
            timeouts=self.config.timeouts if timeout is _UNSET else Timeouts.coerce(timeout),
            max_retries=self.config.max_retries if max_retries is None else check_count(max_retries, "max_retries"),
            options=self.options.merged(options),
            extra_headers=check_headers(extra_headers),
            extra_body={**self.extra_body, **_mapping(extra_body, "extra_body")},
        )

    def engine(self, call: CallOptions) -> FallbackEngine:
        """The decisions of one call."""
        return FallbackEngine(
            call.steps,
            policy=call.policy,
            timeouts=call.timeouts,
            max_retries=call.max_retries,
            health=self.health,
            random=_random,
            window=self.window or _known_window,
        )

    def accounts(self, call: CallOptions) -> Accounts:
        """Where one call is booked."""
        return Accounts(self.ledger, self.budget, call.options.tags or (), call.options.trace_id, estimate_cost)

    def telemetry(self, operation: str | None, call: CallOptions) -> CallTelemetry:
        """What one call leaves in the log and, if asked for and the operation has a name there, in traces."""
        key = self.config.api_key
        if not self.tracing or operation is None:
            return CallTelemetry(key.redact)
        from requesty_core.telemetry.tracing import start_span

        return CallTelemetry(key.redact, lambda: start_span(operation, call.steps[0].model, self.config.base_url))

    def headers_for(self, route: Route, call: CallOptions) -> dict[str, str]:
        """Header layers of one request; the key is added by the authentication."""
        if not call.extra_headers:
            return {**route.headers, **self.config.headers}
        return merge_headers(route.headers, self.config.headers, call.extra_headers)

    def chat(
        self, model: str | Step, messages: Sequence[Mapping[str, Any]], params: dict[str, Any]
    ) -> tuple[UnaryExchange[ChatReply], CallOptions]:
        """The exchange of a complete chat answer."""
        call, body = self._chat_call(model, messages, params, stream=False)
        declared = declared_tools(body)

        def read(received: ReceivedResponse) -> tuple[ChatReply, Usage | None]:
            reply = read_completion(received.json(), received.model, declared, received.context())
            return reply, reply.usage

        exchange = UnaryExchange(
            self.engine(call),
            body,
            read,
            accounts=self.accounts(call),
            observer=self.on_event,
            finish=_with_attempts,
            telemetry=self.telemetry("chat", call),
        )
        return exchange, call

    def chat_stream(
        self, model: str | Step, messages: Sequence[Mapping[str, Any]], params: dict[str, Any]
    ) -> tuple[ChatStreamExchange, CallOptions]:
        """The exchange of a streamed chat answer."""
        call, body = self._chat_call(model, messages, params, stream=True)
        declared = declared_tools(body)

        def accumulate(received: ReceivedResponse) -> Accumulator:
            return Accumulator(received.model, declared, received.context())

        exchange: ChatStreamExchange = StreamExchange(
            self.engine(call),
            body,
            accumulate,
            accounts=self.accounts(call),
            observer=self.on_event,
            telemetry=self.telemetry("chat", call),
        )
        return exchange, call

    def embeddings(
        self, model: str, inputs: EmbeddingInput, params: dict[str, Any]
    ) -> tuple[EmbeddingsPlan, Callable[[Batch], UnaryExchange[BatchResult]], CallOptions]:
        """Batches of an embeddings call, and the exchange of each."""
        own = take_options(params, ("batch_size", "max_in_flight", "on_batch"))
        batch_size = own.pop("batch_size", None)
        max_in_flight = own.pop("max_in_flight", None)
        on_batch = own.pop("on_batch", None)
        # The client's fallbacks are chat models; vectors of different models must never be mixed.
        own.setdefault("fallbacks", ())
        call = self.call_options(model, **own)
        plan = EmbeddingsPlan(
            model,
            inputs,
            DEFAULT_BATCH_SIZE if batch_size is None else batch_size,
            DEFAULT_MAX_IN_FLIGHT if max_in_flight is None else max_in_flight,
            on_batch,
        )
        fields = build_body({"encoding_format": "base64", **params}, call.options, call.extra_body)
        fields.pop("model", None)

        def exchange(batch: Batch) -> UnaryExchange[BatchResult]:
            def read(received: ReceivedResponse) -> tuple[BatchResult, Usage | None]:
                result = read_embeddings(received, len(batch.items))
                return result, result.usage

            return UnaryExchange(
                self.engine(call),
                {"input": list(batch.items), **fields},
                read,
                accounts=self.accounts(call),
                observer=self.on_event,
                telemetry=self.telemetry("embeddings", call),
            )

        return plan, exchange, call

    def native(
        self, path: str, model: str, fields: Mapping[str, Any], params: dict[str, Any]
    ) -> tuple[UnaryExchange[NativeReply], Route, CallOptions]:
        """The exchange of a complete answer of ``/messages`` or ``/responses``."""
        from requesty_core.replies.native import read_native

        call, body = self._native_body(model, {**fields, **params}, stream=False)
        exchange = UnaryExchange(
            self.engine(call),
            body,
            read_native,
            accounts=self.accounts(call),
            observer=self.on_event,
            finish=_native_attempts,
            telemetry=self.telemetry("chat", call),
        )
        return exchange, Route("POST", URL(f"{self.config.base_url}/{path}"), JSON_HEADERS), call

    def native_stream(
        self,
        path: str,
        model: str,
        fields: Mapping[str, Any],
        params: dict[str, Any],
        accumulate: Callable[[ReceivedResponse], StreamAccumulator[NativeEvent, NativeReply]],
    ) -> tuple[StreamExchange[NativeEvent, NativeReply], Route, CallOptions]:
        """The exchange of a streamed answer of ``/messages`` or ``/responses``."""
        call, body = self._native_body(model, {**fields, **params}, stream=True)
        exchange: StreamExchange[NativeEvent, NativeReply] = StreamExchange(
            self.engine(call),
            body,
            accumulate,
            accounts=self.accounts(call),
            observer=self.on_event,
            telemetry=self.telemetry("chat", call),
        )
        route = Route("POST", URL(f"{self.config.base_url}/{path}"), _STREAM_HEADERS, streams=True)
        return exchange, route, call

    def _native_body(self, model: str, params: dict[str, Any], *, stream: bool) -> tuple[CallOptions, dict[str, Any]]:
        own = take_options(params)
        call = self.call_options(model, **own)
        body = build_body(params, call.options, call.extra_body)
        body.pop("model", None)
        body.pop("stream", None)
        if stream:
            body["stream"] = True
        return call, body

    def _chat_call(
        self, model: str | Step, messages: Sequence[Mapping[str, Any]], params: dict[str, Any], *, stream: bool
    ) -> tuple[CallOptions, dict[str, Any]]:
        own = take_options(params)
        call = self.call_options(model, **own)
        body = chat_body(messages, params, stream=stream, options=call.options, extra_body=call.extra_body)
        body.pop("model", None)
        return call, body


def _native_attempts(reply: NativeReply, attempts: Sequence[Attempt]) -> NativeReply:
    return replace(reply, attempts=attempts)


def _with_attempts(reply: ChatReply, attempts: Sequence[Attempt]) -> ChatReply:
    return replace(reply, attempts=attempts)


JSON_HEADERS = {"Accept": "application/json", "Content-Type": "application/json", "Accept-Encoding": "gzip, deflate"}
# Compression of a stream would delay its tokens and cost more than it saves.
_STREAM_HEADERS = {"Accept": "text/event-stream", "Content-Type": "application/json", "Accept-Encoding": "identity"}
_random = random.Random()


def _known_window(model: str) -> int | None:
    """Context window by the bundled catalogue; asked only after an overflow."""
    from requesty_core.catalog.catalog import bundled

    return bundled().window(model)


def _mapping(value: Mapping[str, Any] | None, setting: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{setting}: {value!r} is not a mapping of JSON fields")
    return value
