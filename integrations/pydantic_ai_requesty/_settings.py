"""``RequestyModelSettings``, and what of it is no field of the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx2
from pydantic_ai.models.openai import OpenAIChatModelSettings

from requesty_core import FallbackPolicy, RequestyOptions, Step, Timeouts
from requesty_core.adapters import CHAIN_SETTINGS, CONNECTION_SETTINGS, meant, shown, unknown_setting
from requesty_core.errors import ConfigurationError

__all__ = ["RequestyModelSettings", "call_options", "options_of", "timeouts_of"]


class RequestyModelSettings(OpenAIChatModelSettings, total=False):
    """Settings of one request or, given to a model, of all its requests.

    ``timeout``, ``max_retries`` (literal: 0 means one request), ``extra_headers`` and ``extra_body`` of
    :class:`~pydantic_ai.settings.ModelSettings` work as everywhere; ``thinking`` becomes ``reasoning_effort`` and
    ``cache`` becomes ``requesty.auto_cache``.
    """

    requesty_auto_cache: bool
    """Ask for (``True``) or suppress (``False``) provider prompt caching; unset leaves it to the gateway."""

    requesty_tags: Sequence[str]
    """Labels for analytics."""

    requesty_user_id: str
    """End user, for analytics and load-balancing stickiness."""

    requesty_trace_id: str
    """Conversation or task, for analytics and load-balancing stickiness: one id keeps one model."""

    requesty_extra: Mapping[str, Any]
    """Further analytics keys; usage reports group by ``extra.KEY``."""

    requesty_reasoning_effort: str
    """``none``, ``min``, ``low``, ``medium``, ``high``, ``xhigh``, ``max``, or a token budget such as ``"4096"``."""

    requesty_thinking_budget: int
    """Budget in tokens for Claude and Gemini, sent as ``thinking``; must be below ``max_tokens``."""

    requesty_top_k: int
    """Sampling among the most likely tokens, where the provider has it."""

    requesty_models: Sequence[str]
    """Candidate models the gateway may route among (the body's ``models``)."""

    requesty_fallbacks: Sequence[str | Step | dict[str, Any]]
    """Models to try when this one fails, instead of the model's own."""

    requesty_fallback_policy: FallbackPolicy
    """Rules of retry, cool-down, deadline and hedging, instead of the model's own."""


_OWN = frozenset(RequestyModelSettings.__annotations__)
# Settings of the provider and the model, which have no effect here.
_NOT_HERE = frozenset((*CONNECTION_SETTINGS, *CHAIN_SETTINGS)) - frozenset(OpenAIChatModelSettings.__annotations__)
_KNOWN = frozenset(RequestyModelSettings.__annotations__) | frozenset(OpenAIChatModelSettings.__annotations__)
_PLAIN = sorted(name for name in _KNOWN if not name.startswith(("openai_", "requesty_")))
_OTHERWISE = "settings that are no fields of the request are in RequestyModelSettings"

_OPTIONS = {
    "requesty_auto_cache": "auto_cache",
    "requesty_tags": "tags",
    "requesty_user_id": "user_id",
    "requesty_trace_id": "trace_id",
    "requesty_extra": "extra",
}
_CALL = {
    "requesty_fallbacks": "fallbacks",
    "requesty_fallback_policy": "fallback_policy",
    "max_retries": "max_retries",
}
_WIRE = {"requesty_top_k": "top_k", "requesty_models": "models"}


def options_of(settings: Mapping[str, Any], *, cache: Any = None) -> RequestyOptions | None:
    """The gateway's ``requesty`` object, ``None`` if nothing of it is set. ``cache`` is the unified setting."""
    values = {name: settings[key] for key, name in _OPTIONS.items() if settings.get(key) is not None}
    if cache:
        values.setdefault("auto_cache", True)
    return RequestyOptions(**values) if values else None


def call_options(settings: Mapping[str, Any], *, cache: Any = None) -> dict[str, Any]:
    """Arguments of the core client that are no fields of the chat model's own, and the fields it has no name for.

    Raises :class:`ConfigurationError` for a ``requesty_…`` setting that there is not, and for one of the provider or
    the model, which would have no effect: Pydantic AI passes over names it does not know.
    """
    for name in settings:
        if name in _NOT_HERE:
            raise ConfigurationError(f"{name}: is no setting of a request; give it to the model or its provider")
        if name.startswith("requesty_") and name not in _OWN:
            raise ConfigurationError(unknown_setting("RequestyModelSettings", name, _OWN, _OTHERWISE))
        if name not in _KNOWN and (near := meant(name, _PLAIN, 0.85)):
            # A name that is nothing like ours may be meant for another model of the same agent.
            raise ConfigurationError(f"{name}: is no model setting and would have no effect; did you mean {near}?")
    for name in ("extra_headers", "extra_body"):
        if (given := settings.get(name)) is not None and not isinstance(given, Mapping):
            raise ConfigurationError(f"{name}: {shown(given)} is not a mapping; give names and values, such as a dict")
    call = {name: settings[key] for key, name in (_CALL | _WIRE).items() if settings.get(key) is not None}
    if (budget := settings.get("requesty_thinking_budget")) is not None:
        call["thinking"] = {"type": "enabled", "budget_tokens": budget}
    if (options := options_of(settings, cache=cache)) is not None:
        call["options"] = options
    return call


def timeouts_of(timeout: Any) -> Timeouts | float | None:
    """A timeout of either HTTP library as the core's; numbers pass through."""
    if isinstance(timeout, httpx2.Timeout):
        return Timeouts(connect=timeout.connect, read=timeout.read, write=timeout.write)
    return timeout  # type: ignore[no-any-return]
