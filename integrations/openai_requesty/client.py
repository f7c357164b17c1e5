"""``OpenAI`` and ``AsyncOpenAI`` whose calls are carried out by the core.

The SDK writes requests and reads answers as ever; below it, in place of its transport, stands the core's relay. So
everything the SDK can do (helpers, raw and streaming responses, ``with_options``) works unchanged, and everything the
core promises holds for it. What is overridden here is only what the transport cannot know: typed errors, models and
streams built from what the core has decoded, and settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

import openai
from openai import AsyncOpenAI, OpenAI
from openai._compat import cached_property, model_copy
from openai._types import NotGiven
from pydantic import BaseModel

from requesty_core.calls.settings import ClientSettings
from requesty_core.client.client import AsyncRequestyClient, RequestyClient
from requesty_core.errors import ConfigurationError
from requesty_core.money.budget import Budget
from requesty_core.money.ledger import CostLedger
from requesty_core.network.http import (
    AsyncHTTPClient,
    AsyncTransport,
    HTTPClient,
    TimeoutConfig,
    Transport,
)
from requesty_core.relay.http import EXTENSION, AsyncRelayTransport, RelayTransport
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_core.schemas import CompiledSchema
from requesty_core.settings.config import ApiKey, Timeouts
from requesty_core.settings.options import RequestyOptions
from requesty_core.telemetry.call import redacted
from requesty_core.telemetry.events import Observer

from .decode import builder
from .details import attach, relayed_of
from .errors import error_in, raising, sdk_error, status_error
from .formats import restore_completion, wanted
from .streams import AsyncRequestyStream, RequestyStream, stream_class

if TYPE_CHECKING:
    from .resources import AsyncRequestyChat, RequestyChat

__all__ = ["AsyncRequestyOpenAI", "ClientOptions", "RequestyOpenAI"]

HIDDEN = "**********"
"""What ``client.api_key`` shows: the key itself is only ever in the header of a request."""


class ClientOptions(TypedDict, total=False):
    """Settings of both clients: the core's, and those of the SDK that have a meaning here.

    Attributes:
        api_key: the key, an object with ``get_secret_value()``, or a callable asked before every request; default:
            ``REQUESTY_API_KEY`` when the first request is made. No ``OPENAI_*`` variable is ever used.
        base_url: the gateway's base URL, verbatim.
        region: ``global``, ``eu``, ``us`` or ``ap``, instead of ``base_url``.
        timeout: seconds of silence, ``Timeouts``, or the SDK's own ``Timeout``; ``None`` waits forever.
        max_retries: further attempts after a retryable failure; the SDK's own retries are off.
        fallbacks: models to try when the requested one fails (chat completions and responses).
        fallback_policy: the rules of retry and fallback.
        options: the ``requesty`` object of every request.
        app_url, app_title: attribution, sent only if set.
        extra_headers, extra_body: sent with every request.
        ledger, budget: where cost is counted and limited.
        on_event: called with every event of a call.
        tracing: whether requests open OpenTelemetry spans, if its API is installed.
        window: context window of a model in tokens, for falling back when a prompt is too long.
        transport: an ``httpx`` transport or client to send with, instead of the shared one.
        http_client: the same under the SDK's name.
        default_headers, default_query: as in the SDK.
        organization, project, webhook_secret, websocket_base_url: as in the SDK, but never from the environment.
    """

    api_key: Any
    base_url: Any
    region: str | None
    management_url: str | None
    feedback_url: str | None
    timeout: Any
    max_retries: int
    fallbacks: Sequence[str | Step | dict[str, Any]]
    fallback_policy: FallbackPolicy | None
    options: RequestyOptions | Mapping[str, Any] | None
    app_url: str | None
    app_title: str | None
    extra_headers: Mapping[str, str] | None
    extra_body: Mapping[str, Any] | None
    ledger: CostLedger | None
    budget: Budget | None
    on_event: Observer | None
    tracing: bool
    window: Callable[[str], int | None] | None
    transport: Transport | AsyncTransport | HTTPClient | AsyncHTTPClient | None
    http_client: Any
    default_headers: Mapping[str, str] | None
    default_query: Mapping[str, object] | None
    organization: str | None
    project: str | None
    webhook_secret: str | None
    websocket_base_url: Any
    _strict_response_validation: bool


_SDK_OPTIONS = frozenset(
    (
        "default_headers",
        "default_query",
        "organization",
        "project",
        "webhook_secret",
        "websocket_base_url",
        "_strict_response_validation",
    )
)
_TRANSPORTS = frozenset(("transport", "http_client"))


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if not isinstance(value, NotGiven)}


def _settings(options: Mapping[str, Any]) -> ClientSettings:
    core = {k: v for k, v in options.items() if k not in _SDK_OPTIONS | _TRANSPORTS}
    if core.get("base_url") is not None:
        core["base_url"] = str(core["base_url"])
    timeout: Any = core.get("timeout")
    if hasattr(timeout, "as_dict"):
        given = timeout.as_dict()
        core["timeout"] = Timeouts(connect=given["connect"], read=given["read"], write=given["write"])
    return ClientSettings.build(**core)


# In every instance the SDK's client comes after ``_Shared``; which of the two is not known here.
_Sdk: Any = object


class _Shared(_Sdk):  # type: ignore[misc]
    """What the two clients have in common: everything but ``await``."""

    _stream_base: Any

    def __init__(self, *, _parent: Any = None, **options: Unpack[ClientOptions]) -> None:
        given = _given(options)
        unknown = given.keys() - ClientOptions.__annotations__.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__}: {', '.join(sorted(unknown))} has no meaning for this gateway")
        if given.get("transport") is not None and given.get("http_client") is not None:
            raise ConfigurationError("http_client: the same as transport; give only one of them")
        with raising():
            given["api_key"] = ApiKey(given.get("api_key"))
            settings = _settings(given)
            if _parent is not None:
                settings = replace(settings, health=_parent._core.settings.health)
            transport = given.get("transport") or given.get("http_client")
            core = self._make_core(settings, transport)
        shares = _parent is not None and _parent._transport_given is transport
        timeouts = settings.config.timeouts
        # Placeholders keep the SDK from looking into the environment; what they stand for is put right below.
        super().__init__(
            api_key=HIDDEN,
            base_url=settings.config.base_url,
            timeout=TimeoutConfig(connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=None),
            max_retries=0,
            http_client=_parent._client if shares else self._make_http(core),
            organization=given.get("organization") or "",
            project=given.get("project") or "",
            webhook_secret=given.get("webhook_secret") or "",
            websocket_base_url=given.get("websocket_base_url"),
            default_headers=given.get("default_headers"),
            default_query=given.get("default_query"),
            _strict_response_validation=given.get("_strict_response_validation", False),
        )
        self.organization = given.get("organization")
        self.project = given.get("project")
        self.webhook_secret = given.get("webhook_secret")
        self.admin_api_key: Any = None
        self._custom_headers: Any = dict(given.get("default_headers") or {})
        self._ambient_authorizations: frozenset[str] = frozenset()
        self._default_stream_cls = self._stream_base
        self._options = given
        self._transport_given = transport
        self._core = core

    def _make_core(self, settings: ClientSettings, transport: Any) -> Any:
        raise NotImplementedError

    def _make_http(self, core: Any) -> Any:
        raise NotImplementedError

    # Settings

    @property
    def api_key(self) -> str:
        """A placeholder; assign to change the key."""
        return HIDDEN

    @api_key.setter
    def api_key(self, key: Any) -> None:
        if self._is_wired:
            self._rewire(api_key=ApiKey(key))

    @property
    def base_url(self) -> Any:
        """Where requests go; assign to change it."""
        return super().base_url

    @base_url.setter
    def base_url(self, url: Any) -> None:
        if self._is_wired:
            self._rewire(base_url=str(url), region=None)
        super(_Shared, type(self)).base_url.fset(self, url)

    @property
    def max_retries(self) -> int:
        """Further attempts after a retryable failure, made by the core; assign to change it."""
        return self._core.settings.config.max_retries if self._is_wired else 0

    @max_retries.setter
    def max_retries(self, value: int) -> None:
        if self._is_wired:
            self._rewire(max_retries=value)

    @property
    def _is_wired(self) -> bool:
        return "_core" in self.__dict__

    def _rewire(self, **changes: Any) -> None:
        with raising():
            options = {**self._options, **changes}
            settings = replace(_settings(options), health=self._core.settings.health)
            self._options, self._core = options, self._make_core(settings, self._transport_given)

    def copy(
        self,
        *,
        default_headers: Mapping[str, str] | None = None,
        set_default_headers: Mapping[str, str] | None = None,
        default_query: Mapping[str, object] | None = None,
        set_default_query: Mapping[str, object] | None = None,
        _extra_kwargs: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> Self:
        """A client with some settings changed: any of :class:`ClientOptions`, and the SDK's ``set_default_…``.

        The copy shares connections, ledger, budget and the memory of failing models.
        """
        options = {**self._options, "timeout": self._timeout_in_force}
        for name, value in _given(changes).items():
            if value is not None or name in ("timeout", "fallback_policy", "options", "ledger", "budget", "on_event"):
                options[name] = value
        if changes.get("base_url") is not None and changes.get("region") is None:
            options.pop("region", None)
        if changes.get("region") is not None and changes.get("base_url") is None:
            options.pop("base_url", None)
        for name in _TRANSPORTS & changes.keys():
            if changes[name] is not None:
                options.update({other: None for other in _TRANSPORTS if other != name})
        options["default_headers"] = _merged("headers", self._custom_headers, default_headers, set_default_headers)
        options["default_query"] = _merged("query", self._custom_query, default_query, set_default_query)
        return type(self)(**options, **(_extra_kwargs or {}), _parent=self)

    with_options = copy

    @property
    def _timeout_in_force(self) -> Any:
        """The timeout in force: the one given, or the one assigned to ``client.timeout`` since."""
        timeouts = self._core.settings.config.timeouts
        now = getattr(self, "timeout", None)
        own = TimeoutConfig(connect=timeouts.connect, read=timeouts.read, write=timeouts.write, pool=None)
        return timeouts if now == own else now

    def __copy__(self) -> Self:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # Settings are immutable; connections, ledger and budget are shared resources.
        twin = memo[id(self)] = self.copy()
        return twin

    def __reduce__(self) -> tuple[Any, ...]:
        # The key pickles to "ask the environment".
        return _restored, (type(self), {**self._options, "timeout": self._timeout_in_force})

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={str(self.base_url)!r})"

    # What the SDK asks its client

    @property
    def user_agent(self) -> str:
        """The core's, or the caller's own."""
        headers = self._core.settings.config.headers
        return next((v for k, v in headers.items() if k.lower() == "user-agent"), "requesty-adapters")

    def platform_headers(self) -> dict[str, str]:
        """None: the gateway has no use for them."""
        return {}

    def _before(self, options: Any, stream_cls: Any) -> tuple[Any, Any]:
        """The options and the stream class of one request, as it is to be made."""
        headers = options.headers if isinstance(options.headers, Mapping) else {}
        if any(name.lower() == "authorization" for name in headers):
            raise sdk_error(
                ConfigurationError("extra_headers: 'Authorization' cannot be set here; use api_key or with_options"),
                None,
            )
        options = model_copy(options)
        options.max_retries = 0
        parser = options.post_parser
        if callable(parser) and not isinstance(parser, _Carry):
            options.post_parser = _Carry(parser, wanted())
        return options, stream_class(stream_cls)

    def _process_response_data(self, *, data: object, cast_to: Any, response: Any) -> Any:
        relayed = relayed_of(response)
        shaped = data if relayed is None or not isinstance(data, dict) else relayed.completion(data)

        def slow(data: Any) -> Any:
            return super(_Shared, self)._process_response_data(data=data, cast_to=cast_to, response=response)

        strict = getattr(self, "_strict_response_validation", False)
        result = (slow if strict else builder(cast_to, slow))(shaped)
        if relayed is not None and relayed.parts is None and isinstance(result, BaseModel):
            attach(result, relayed.details())
        return result

    def _make_status_error(self, err_msg: str, *, body: object, response: Any) -> openai.APIStatusError:
        # A server that echoes the key must not carry it into logs and traces.
        redact = self._core.settings.config.api_key.redact
        made: openai.APIStatusError = super()._make_status_error(
            redact(err_msg), body=redacted(body, redact), response=response
        )
        error = error_in(response)
        return made if error is None else status_error(error, made)


def _merged(kind: str, own: Any, more: Any, instead: Any) -> Any:
    if more is not None and instead is not None:
        raise ValueError(f"The `default_{kind}` and `set_default_{kind}` arguments are mutually exclusive")
    return instead if instead is not None else {**own, **(more or {})}


def _restored(cls: type[Any], options: dict[str, Any]) -> Any:
    return cls(**options)


class _Carry:
    """A parser of the SDK's that makes a new object of an answer; the call's details go with it.

    Args:
        parse: the SDK's parser.
        compiled: the schema that the answer's text is restored to before it is parsed.
    """

    def __init__(self, parse: Callable[[Any], Any], compiled: CompiledSchema | None = None) -> None:
        self._parse = parse
        self._compiled = compiled

    def __call__(self, answer: Any) -> Any:
        if self._compiled is not None:
            restore_completion(answer, self._compiled)
        parsed = self._parse(answer)
        details = getattr(answer, "__dict__", {}).get("_requesty")
        if details is not None and isinstance(parsed, BaseModel):
            attach(parsed, details)
        return parsed


class RequestyOpenAI(_Shared, OpenAI):
    """``openai.OpenAI`` for the Requesty gateway. Usable from many threads at once.

    Settings: :class:`ClientOptions`. Single calls may differ by ``client.with_options(fallbacks=[…])``, or by call
    options in ``extra_body`` (``fallbacks``, ``max_retries``, ``options``). Errors: see :mod:`openai_requesty.errors`.
    """

    _stream_base = RequestyStream

    def _make_core(self, settings: ClientSettings, transport: Any) -> RequestyClient:
        return RequestyClient(settings=settings, transport=transport)

    def _make_http(self, core: RequestyClient) -> HTTPClient:
        return HTTPClient(transport=RelayTransport(client=core), trust_env=False)

    def _prepare_request(self, request: Any) -> None:
        super()._prepare_request(request)
        request.extensions[EXTENSION] = self._core

    def request(self, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        """As the SDK's; ``options.max_retries`` counts the core's retries."""
        retries = options.max_retries
        if isinstance(retries, int) and retries != self.max_retries:
            return self.copy(max_retries=retries).request(
                cast_to, _without_retries(options), stream=stream, stream_cls=stream_cls
            )
        options, stream_cls = self._before(options, stream_cls)
        with raising():
            return super().request(cast_to, options, stream=stream, stream_cls=stream_cls)

    @cached_property
    def chat(self) -> RequestyChat:
        """Chat completions."""
        from .resources import RequestyChat

        return RequestyChat(self)


class AsyncRequestyOpenAI(_Shared, AsyncOpenAI):
    """``openai.AsyncOpenAI`` for the Requesty gateway. Usable from one event loop after another.

    As :class:`RequestyOpenAI`; ``api_key`` may also be an async callable.
    """

    _stream_base = AsyncRequestyStream

    def _make_core(self, settings: ClientSettings, transport: Any) -> AsyncRequestyClient:
        return AsyncRequestyClient(settings=settings, transport=transport)

    def _make_http(self, core: AsyncRequestyClient) -> AsyncHTTPClient:
        return AsyncHTTPClient(transport=AsyncRelayTransport(client=core), trust_env=False)

    async def _prepare_request(self, request: Any) -> None:
        await super()._prepare_request(request)
        request.extensions[EXTENSION] = self._core

    async def request(self, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        """As :meth:`RequestyOpenAI.request`."""
        retries = options.max_retries
        if isinstance(retries, int) and retries != self.max_retries:
            return await self.copy(max_retries=retries).request(
                cast_to, _without_retries(options), stream=stream, stream_cls=stream_cls
            )
        options, stream_cls = self._before(options, stream_cls)
        with raising():
            return await super().request(cast_to, options, stream=stream, stream_cls=stream_cls)

    @cached_property
    def chat(self) -> AsyncRequestyChat:
        """Chat completions."""
        from .resources import AsyncRequestyChat

        return AsyncRequestyChat(self)


def _without_retries(options: Any) -> Any:
    options = model_copy(options)
    options.max_retries = NotGiven()
    return options
