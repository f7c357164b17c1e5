"""The settings that every adapter offers, under one name and with one meaning.

Adapters take their lists of keywords from here; a framework's own word for a setting (Haystack's ``api_base_url``,
LangChain's ``requesty_api_key``) is renamed by the adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from requesty_core.calls.settings import ClientSettings
from requesty_core.errors import ConfigurationError
from requesty_core.settings.config import check_count

if TYPE_CHECKING:
    from requesty_core.catalog.prepared import Adapt
    from requesty_core.money.budget import Budget
    from requesty_core.money.ledger import CostLedger
    from requesty_core.retry.policy import FallbackPolicy
    from requesty_core.retry.steps import Step
    from requesty_core.settings.config import Timeouts
    from requesty_core.settings.options import RequestyOptions
    from requesty_core.telemetry.events import CallEvent

__all__ = [
    "CHAIN_SETTINGS",
    "CONNECTION_SETTINGS",
    "ChainSettings",
    "ConnectionSettings",
    "check_positive",
    "check_setting",
]


class ConnectionSettings(TypedDict, total=False):
    """Where requests go, as whom, and where their cost is counted: settings of every model and embedder.

    Attributes:
        api_key: the key, an object with ``get_secret_value()``, or a callable asked before every request. Default:
            ``REQUESTY_API_KEY``, read now or, if it is not set yet, by the first request.
        base_url: the gateway's base URL, verbatim. Default: ``region``, else ``REQUESTY_BASE_URL``, else the global
            router.
        region: ``global``, ``eu``, ``us`` or ``ap``, instead of ``base_url``.
        timeout: longest silence in seconds, or :class:`requesty_core.Timeouts`; ``None`` waits forever.
        max_retries: further attempts on one model after a retryable failure; 0 means one request.
        options: the ``requesty`` object of every request.
        app_url, app_title: attribution (``HTTP-Referer``, ``X-Title``), sent only if set.
        extra_headers, extra_body: sent with every request.
        ledger: adds up usage and cost of every attempt.
        budget: refuses the next call once it is spent.
        on_event: called with every event of a call: attempts, waits, fallbacks, commitment.
        tracing: whether calls open OpenTelemetry spans and count in its metrics, which needs its API;
            ``"content"`` records prompts and answers too.
        require: what the catalogue must show of every model before anything is sent to it, for example
            ``{"geolocation": "eu", "training": False, "retention": "none"}``; unknown is refused.
    """

    api_key: Any
    base_url: str | None
    region: str | None
    timeout: Timeouts | float | None
    max_retries: int
    options: RequestyOptions | Mapping[str, Any] | None
    app_url: str | None
    app_title: str | None
    extra_headers: Mapping[str, str] | None
    extra_body: Mapping[str, Any] | None
    ledger: CostLedger | None
    budget: Budget | None
    on_event: Callable[[CallEvent], None] | None
    tracing: bool | Literal["content"]
    require: Mapping[str, Any] | None


class ChainSettings(TypedDict, total=False):
    """Settings of every chat model beside :class:`ConnectionSettings`. Embedders have none: vectors never mix.

    Attributes:
        fallbacks: models to try when the first one fails: ids, or steps with retries and timeouts of their own.
        fallback_policy: rules of retry, cool-down, deadline and hedging.
        adapt: when the fields that the caller set follow a model's rules: ``"chain"`` (for the later models of a
            chain), ``"always"`` or ``"never"``.
    """

    fallbacks: Sequence[str | Step | dict[str, Any]]
    fallback_policy: FallbackPolicy | None
    adapt: Adapt


CONNECTION_SETTINGS: tuple[str, ...] = tuple(ConnectionSettings.__annotations__)
"""Names of :class:`ConnectionSettings`."""

CHAIN_SETTINGS: tuple[str, ...] = tuple(ChainSettings.__annotations__)
"""Names of :class:`ChainSettings`."""


def check_positive(**counts: object) -> None:
    """Raise :class:`ConfigurationError` naming the first of ``counts`` that is not a whole number of at least 1."""
    for name, value in counts.items():
        if check_count(value, name) == 0:
            raise ConfigurationError(f"{name}: 0 is too small; give 1 or more")


def check_setting(name: str, value: Any) -> None:
    """Raise :class:`ConfigurationError` if one of the settings cannot be ``value``, whatever else is set.

    For frameworks that check types themselves: their word for what is wrong is replaced by the core's.
    """
    if name in CONNECTION_SETTINGS or name in CHAIN_SETTINGS:
        ClientSettings.build(**{name: value})
