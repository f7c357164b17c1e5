"""What the clients are told: options of the core and of the SDK, and the core settings made of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Protocol, TypedDict

from openai import Timeout
from openai._constants import OVERRIDE_CAST_TO_HEADER
from openai._types import NotGiven, Omit

from requesty_core import Budget, CallEvent, ClientSettings, CostLedger, FallbackPolicy, RequestyOptions, Step, Timeouts
from requesty_core.adapters import a_kind, check_headers, shown
from requesty_core.errors import ConfigurationError
from requesty_core.relay import AsyncHTTPClient, AsyncTransport, HTTPClient, TimeoutConfig, Transport

__all__ = ["SDK_OPTIONS", "TRANSPORTS", "ClientOptions", "chosen_timeout", "core_settings", "given", "merged"]


class SecretLike(Protocol):
    """What pydantic's ``SecretStr`` and others like it have."""

    def get_secret_value(self) -> str:
        """The key."""


class ClientOptions(TypedDict, total=False):
    """Settings of both clients: the core's, and those of the SDK that have a meaning here.

    Attributes:
        api_key: the key, an object with ``get_secret_value()``, or a callable asked before every request; default:
            ``REQUESTY_API_KEY``, now or, if it is not set yet, when the first request is made. No ``OPENAI_*``
            variable is ever used.
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
        tracing: whether calls open OpenTelemetry spans and count in its metrics, which needs its API;
            ``"content"`` records prompts and answers too.
        adapt: when the fields that the caller set follow a model's rules: ``"chain"`` (for the later models of a
            chain), ``"always"`` or ``"never"``.
        require: what the catalogue must show of every model before anything is sent to it, for example
            ``{"geolocation": "eu", "training": False, "retention": "none"}``; unknown is refused.
        window: context window of a model in tokens, for falling back when a prompt is too long.
        transport: an ``httpx`` transport or client to send with, instead of the shared one.
        http_client: the same under the SDK's name.
        default_headers, default_query: as in the SDK.
        organization, project, webhook_secret, websocket_base_url: as in the SDK, but never from the environment.
    """

    api_key: str | SecretLike | Callable[[], str] | Callable[[], Awaitable[str]] | None
    base_url: Any
    region: Literal["global", "eu", "us", "ap"] | None
    management_url: str | None
    feedback_url: str | None
    timeout: float | Timeouts | Timeout | TimeoutConfig | NotGiven | None
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
    on_event: Callable[[CallEvent], None] | None
    tracing: bool | Literal["content"]
    adapt: Literal["chain", "always", "never"]
    require: Mapping[str, Any] | None
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


SDK_OPTIONS = frozenset(
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
TRANSPORTS = frozenset(("transport", "http_client"))


def given(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, without the SDK's marks for those that were not."""
    return {name: value for name, value in options.items() if not isinstance(value, NotGiven)}


def core_settings(options: Mapping[str, Any]) -> ClientSettings:
    """The settings of the core client. Raises :class:`ConfigurationError` naming the one that is unusable."""
    core = {k: v for k, v in options.items() if k not in SDK_OPTIONS | TRANSPORTS}
    if core.get("base_url") is not None and hasattr(core["base_url"], "copy_with"):
        # A URL of the SDK's HTTP library, whichever of the two that is.
        core["base_url"] = str(core["base_url"])
    timeout: Any = core.get("timeout")
    if hasattr(timeout, "as_dict"):
        parts = timeout.as_dict()
        core["timeout"] = Timeouts(connect=parts["connect"], read=parts["read"], write=parts["write"])
    return replace(ClientSettings.build(**core), framework="openai")


def check_own(own: Mapping[str, Any]) -> None:
    """Raise :class:`ConfigurationError` for settings that the SDK would take, to fail with them at the first call."""
    check_own_headers(own.get("default_headers") or {}, "default_headers")
    query = own.get("default_query")
    if query is not None and not isinstance(query, Mapping):
        raise ConfigurationError(f"default_query: {shown(query)} is not a mapping; give names and values")
    for name in ("organization", "project", "webhook_secret", "websocket_base_url"):
        value = own.get(name)
        is_url = name == "websocket_base_url" and hasattr(value, "raw_path")
        if value is not None and not isinstance(value, str) and not is_url:
            raise ConfigurationError(f"{name}: is {a_kind(value)}; give a text")


def check_own_headers(headers: Any, setting: str) -> None:
    """Raise :class:`ConfigurationError` for what cannot be one header; the SDK would leave that to its HTTP library."""
    if not isinstance(headers, Mapping):
        check_headers(headers, setting)
    # The SDK's marks take a header out; bytes are its own, and so is the class of a binary answer, which is not sent.
    told = {
        name: value
        for name, value in headers.items()
        if name != OVERRIDE_CAST_TO_HEADER and not isinstance(value, (Omit, NotGiven, bytes))
    }
    for name, value in told.items():
        if value is None:
            raise ConfigurationError(f"{setting}: the value of {shown(name)} is None; leave the header out")
    check_headers(told, setting)


def chosen_timeout(http_client: Any) -> Any:
    """The timeout that a client was made with, which is the SDK's then; ``None`` for its library's default."""
    timeout = getattr(http_client, "timeout", None)
    if timeout is None or not hasattr(timeout, "as_dict") or set(timeout.as_dict().values()) == {5.0}:
        return None
    return timeout


def merged(kind: str, own: Any, more: Any, instead: Any) -> Any:
    """Default headers or query of a copy: the SDK's rule for its two arguments each."""
    if more is not None and instead is not None:
        raise ValueError(f"The `default_{kind}` and `set_default_{kind}` arguments are mutually exclusive")
    return instead if instead is not None else {**own, **(more or {})}
