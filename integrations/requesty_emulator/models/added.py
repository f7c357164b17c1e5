"""Models that a test or a scenario puts beside the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from requesty_emulator.errors import ConfigError, GatewayError
from requesty_emulator.models.catalogue import find, from_entry
from requesty_emulator.models.model import Model
from requesty_emulator.models.rules import UpstreamRules

__all__ = ["make_model"]

_FACTS = frozenset(
    {
        "api",
        "input_price",
        "output_price",
        "cached_price",
        "caching_price",
        "context_window",
        "max_output_tokens",
        "pricing",
        "geolocation",
        "data_retention",
        "data_retention_days",
        "data_used_for_training",
        "retires",
        "model_lab",
        "model_canonical_name",
        "supports_caching",
        "supports_vision",
        "supports_computer_use",
        "supports_reasoning",
        "supports_image_generation",
        "supports_tool_calling",
        "supports_output_json_schema",
    }
)
#: What an entry is when nothing else is said: a chat model of today that costs a little.
_DEFAULTS: Mapping[str, Any] = {
    "input_price": 1e-6,
    "output_price": 2e-6,
    "context_window": 128_000,
    "supports_tool_calling": True,
    "supports_vision": True,
}


def make_model(
    model_id: str,
    like: str | None = None,
    rules: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Model:
    """A model by facts in the words of the models list, over those of ``like``; raises :class:`ConfigError`.

    Without ``rules`` it refuses what the table of upstream rules says of its name; ``{}`` lets it take everything.
    """
    if not isinstance(model_id, str) or not model_id.strip() or model_id.startswith("policy/"):
        raise ConfigError(f"add_model: {model_id!r} is no model id")
    facts = dict(facts or {})
    for name in facts:
        if name not in _FACTS:
            raise ConfigError(f"add_model: unknown fact {name!r}; known: {', '.join(sorted(_FACTS))}")
    base: dict[str, Any] = dict(_DEFAULTS)
    own = UpstreamRules.of(rules)
    if like is not None:
        try:
            pattern = find(like)
        except GatewayError as error:
            raise ConfigError(f"add_model: like {like!r} is no model of the catalogue") from error
        base, own = pattern.entry(), own if rules is not None else pattern.rules
        if not pattern.schema and pattern.schema is not None:
            base["supports_output_json_schema"] = False
    try:
        made = from_entry({**base, **facts, "id": model_id})
    except (TypeError, ValueError, ArithmeticError, AttributeError, KeyError) as error:
        raise ConfigError(f"add_model {model_id!r}: a fact is not what the models list has there ({error})") from error
    return replace(made, rules=own)
