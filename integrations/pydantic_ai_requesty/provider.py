"""``RequestyProvider``: the gateway as a Pydantic AI provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Literal

from openai import NotGiven, Omit
from pydantic_ai.models import get_user_agent
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.providers import Provider

from requesty_core import (
    AsyncChatStream,
    Budget,
    CallEvent,
    ChatReply,
    CostLedger,
    RequestyOptions,
    Step,
    StreamEvent,
    Timeouts,
)
from requesty_core.adapters import (
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    ClientPair,
    Restorer,
    legal_call,
    original_names,
)
from requesty_core.errors import ConfigurationError

from ._errors import known_arguments, pydantic_ai_errors
from ._profile import profile_for
from ._settings import timeouts_of

__all__ = ["CALL", "MAPPED", "ChatClient", "NamedStream", "RequestyProvider"]

CALL = "requesty call"
"""Key under which :class:`RequestyModel` hands arguments of the core client through the ``extra_body`` of a call."""
MAPPED = "mapped"
"""Argument of a call that is not to be sent, only mapped."""


class RequestyProvider(Provider["ChatClient"]):
    """Where requests go, as whom, and where their cost is booked. For ``RequestyModel`` and ``RequestyEmbeddingModel``.

    One provider may serve many models, threads and event loops one after another; it holds no connection of its own.

    Args:
        api_key: the key, an object with ``get_secret_value()``, or a callable asked before every request; default:
            ``REQUESTY_API_KEY``, now or, if it is not set yet, when the first request is made.
        base_url: the gateway's OpenAI-style base URL, taken verbatim. Default: ``region``, else
            ``REQUESTY_BASE_URL``, else the global router.
        region: ``global``, ``eu``, ``us`` or ``ap``, instead of ``base_url``.
        app_url, app_title: attribution, sent only if set.
        timeout: seconds of silence, or :class:`requesty_core.Timeouts`; ``None`` waits forever.
        max_retries: further attempts on the same model after a retryable failure; 0 means one request.
        options: default gateway options (``auto_cache``, ``tags``, ``user_id``, ``trace_id``, ``extra``).
        extra_headers, extra_body: sent with every request.
        ledger, budget: where cost is counted and limited.
        on_event: called with every event of a call: attempts, waits, fallbacks, commitment.
        tracing: whether calls open OpenTelemetry spans of their own, beside Pydantic AI's, and count in its metrics;
            ``"content"`` records prompts and answers too.
        adapt: when the fields that the caller set follow a model's rules: ``"chain"`` (for the later models of a
            chain), ``"always"`` or ``"never"``.
        require: what the catalogue must show of every model before anything is sent to it, for example
            ``{"geolocation": "eu", "training": False, "retention": "none"}``; unknown is refused.
        http_client: an ``httpx`` async client or transport to send with, instead of the shared one; not closed here.

    Raises:
        UserError: a setting is unusable; the message names it.
    """

    @known_arguments
    def __init__(
        self,
        *,
        api_key: Any = None,
        base_url: str | None = None,
        region: str | None = None,
        app_url: str | None = None,
        app_title: str | None = None,
        timeout: Timeouts | float | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        options: RequestyOptions | Mapping[str, Any] | None = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        ledger: CostLedger | None = None,
        budget: Budget | None = None,
        on_event: Callable[[CallEvent], None] | None = None,
        tracing: bool | Literal["content"] = False,
        adapt: Literal["chain", "always", "never"] = "chain",
        require: Mapping[str, Any] | None = None,
        http_client: Any = None,
    ) -> None:
        with pydantic_ai_errors(""):
            self._pair = ClientPair(
                framework="pydantic_ai",
                api_key=api_key,
                base_url=base_url,
                region=region,
                app_url=app_url,
                app_title=app_title,
                timeout=timeout,
                max_retries=max_retries,
                options=options,
                extra_headers=extra_headers,
                extra_body=extra_body,
                ledger=ledger,
                budget=budget,
                on_event=on_event,
                tracing=tracing,
                adapt=adapt,
                require=require,
                async_transport=http_client,
                names=("http_client", "http_client"),
            )
        self._client = ChatClient(self._pair)

    @property
    def name(self) -> str:
        """``requesty``."""
        return "requesty"

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._pair.aio.base_url

    @property
    def client(self) -> ChatClient:
        """The client of ``RequestyModel``; it answers with the core's replies, so it is no ``AsyncOpenAI``."""
        return self._client

    @property
    def clients(self) -> ClientPair:
        """The core's clients (``.sync`` and ``.aio``): catalogue, feedback, management, images and audio."""
        return self._pair

    @staticmethod
    def model_profile(model_name: str) -> ModelProfile | None:
        """What the bundled catalogue and the vendor's own profile know of a model id."""
        return profile_for(model_name)


class ChatClient:
    """What ``OpenAIChatModel`` asks of an OpenAI client, over the core's: ``.chat.completions.create`` and its address.

    Nothing of the SDK is underneath, so its retries, decoding and validation are not either.
    """

    def __init__(self, pair: ClientPair) -> None:
        self._pair = pair
        self.chat = self
        self.completions = self
        # Read by Pydantic AI when it passes `max_retries` on.
        self._client = None

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._pair.aio.base_url

    def with_options(self, **options: Any) -> ChatClient:
        """The client itself: what Pydantic AI sets here, ``max_retries``, comes with each call."""
        return self

    async def create(
        self,
        *,
        model: str,
        messages: list[Any],
        stream: bool = False,
        timeout: Any = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_body: Mapping[str, Any] | None = None,
        **params: Any,
    ) -> ChatReply | Any:
        """The core's reply or, with ``stream``, its event stream; values "omitted" or "not given" are not sent.

        A call that is only to be mapped is not sent: the fields of its request are returned.
        """
        body = dict(extra_body or {})
        call: dict[str, Any] | None = body.pop(CALL, None)
        with pydantic_ai_errors(model):
            if call is None:
                raise ConfigurationError(
                    "provider: RequestyProvider works with RequestyModel and RequestyEmbeddingModel"
                )
            fields = {name: value for name, value in params.items() if not isinstance(value, (Omit, NotGiven))}
            fields.pop("stream_options", None)
            if call.pop(MAPPED, False):
                return {**fields, "messages": messages, **body, **call}
            if timeout is not None and not isinstance(timeout, (Omit, NotGiven)):
                fields["timeout"] = timeouts_of(timeout)
            names = original_names(fields.get("tools"))
            fields = legal_call({"messages": messages, **fields})
            fields |= {"extra_headers": _chosen(extra_headers), "extra_body": body, **call}
            if later := fields.get("fallback_params"):
                fields["fallback_params"] = [params and legal_call(params) for params in later]
            first: str | Step = fields.pop("step", None) or model
            restorer = Restorer({}, names=names)
            if stream:
                events = self._pair.aio.stream(model=first, **fields)
                return NamedStream(events, restorer) if names else events
            return restorer.reply(await self._pair.aio.chat(model=first, **fields))


def _chosen(headers: Mapping[str, str] | None) -> Mapping[str, str] | None:
    """Headers that somebody set. Pydantic AI's default ``User-Agent`` would go before what the provider's headers, or
    the caller's HTTP client, say; and headers of one request are made anew each time."""
    if headers is None or headers.get("User-Agent") != get_user_agent():
        return headers
    return {name: value for name, value in headers.items() if name != "User-Agent"}


class NamedStream:
    """The events of a stream, with the tools' own names where others had to be sent."""

    def __init__(self, stream: AsyncChatStream, names: Restorer) -> None:
        self._stream = stream
        self._events = names.aevents(stream)

    async def __aenter__(self) -> NamedStream:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self

    async def __anext__(self) -> StreamEvent:
        return await anext(self._events)

    async def close(self) -> None:
        """Close the connection."""
        await self._stream.close()
