"""One model of the emulated gateway."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

__all__ = ["Model", "Tier", "geolocation"]


@dataclass(frozen=True, slots=True)
class Tier:
    """Prices of prompts longer than ``above`` tokens, USD per token."""

    above: int
    input_price: Decimal
    output_price: Decimal
    cached_price: Decimal | None = None
    caching_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One catalogue entry. ``id`` is the id as listed; ``max_output`` 0 means the provider's default.

    ``rules`` names what the model refuses beyond the table of :mod:`requesty_emulator.models.rules`.
    """

    id: str
    input_price: Decimal
    output_price: Decimal
    cached_price: Decimal | None
    caching_price: Decimal | None
    context_window: int
    max_output: int
    api: str = "chat"
    created: int = 1747765524
    caching: bool = False
    vision: bool = False
    computer_use: bool = False
    reasoning: bool = False
    images: bool = False
    dimensions: int = 0
    managed: bool = False
    tools: bool | None = None
    schema: bool | None = None
    temperature: bool | None = None
    tiers: tuple[Tier, ...] = ()
    canonical: str | None = None
    lab: str | None = None
    retires: int | None = None
    place: str | None = None
    retention: bool = False
    retention_days: int = 0
    training: bool = False
    rules: Any = None
    inputs: frozenset[str] | None = None
    """Kinds of media that a prompt may hold beside text; ``None`` where the facts do not say."""

    @property
    def provider(self) -> str:
        """Prefix before the first slash, or the provider that would serve a managed id."""
        return self.id.split("/", 1)[0] if "/" in self.id else self.family

    @property
    def bare(self) -> str:
        """Id as the wire usually shows it in ``model``: no provider prefix, no region, no variant."""
        name = self.id.rsplit("/", 1)[-1]
        return name.split("@", 1)[0].split(":", 1)[0]

    @property
    def family(self) -> str:
        """Whose model it is, whoever hosts it: decides reasoning text, caching, schema and upstream rules."""
        return family(self.id)

    def tier(self, prompt: int) -> Tier:
        """The prices of a prompt of this size (tiers by prompt size seen in the gateway's list)."""
        found = Tier(0, self.input_price, self.output_price, self.cached_price, self.caching_price)
        for tier in self.tiers:
            if prompt > tier.above:
                found = tier
        return found

    def entry(self) -> dict[str, Any]:
        """The object that ``GET /v1/models`` lists (documented and seen on the wire)."""
        chat = self.api == "chat"
        schema = self.family in {"openai", "anthropic", "google", "xai"} if self.schema is None else self.schema
        listed: dict[str, Any] = {
            "id": self.id,
            "object": "model",
            "created": self.created,
            "owned_by": "system",
            "api": self.api,
            "input_price": float(self.input_price),
            "output_price": float(self.output_price),
            "caching_price": _number(self.caching_price),
            "cached_price": _number(self.cached_price),
            "context_window": self.context_window,
            "max_output_tokens": self.max_output,
            "supports_caching": self.caching,
            "supports_vision": self.vision,
            "supports_computer_use": self.computer_use,
            "supports_reasoning": self.reasoning,
            "supports_tool_calling": chat and self.tools is not False,
            "supports_web_search": chat and self.family in {"openai", "anthropic", "google", "xai", "perplexity"},
            "supports_image_generation": self.images,
            "supports_output_json_object": chat,
            "supports_output_json_schema": chat and schema,
            "supports_role_developer": chat and self.family == "openai",
            "geolocation": self.place or geolocation(self.id),
            "data_retention": self.retention or self.id.startswith("openai/"),
            "data_retention_days": self.retention_days,
            "data_used_for_training": self.training,
            "privacy_comments": "",
            "description": "",
            "model_lab": self.lab or self.family,
            "model_canonical_name": self.canonical or self.bare,
            "retires": self.retires,
        }
        if self.tiers:
            listed["pricing"] = [_tier_entry(t) for t in (self.tier(0), *self.tiers)]
        return {name: value for name, value in listed.items() if value is not None}


def _number(price: Decimal | None) -> float | None:
    return None if price is None else float(price)


def _tier_entry(tier: Tier) -> dict[str, Any]:
    entry = {
        "prompt_tokens_threshold": tier.above,
        "input_price": float(tier.input_price),
        "output_price": float(tier.output_price),
        "cached_price": _number(tier.cached_price),
        "caching_price": _number(tier.caching_price),
    }
    return {name: value for name, value in entry.items() if value is not None}


_FAMILIES = tuple(
    (re.compile(pattern), name)
    for pattern, name in (
        ("claude", "anthropic"),
        ("gemini|gemma", "google"),
        ("deepseek", "deepseek"),
        ("grok", "xai"),
        ("qwq|qwen", "alibaba"),
        (r"gpt-|chatgpt|text-embedding|(^|/)o\d(-|$|:|@)", "openai"),
        ("sonar", "perplexity"),
        ("nemotron", "nvidia"),
        ("llama", "meta"),
        ("kimi", "moonshot"),
        (r"(^|/)(zai-)?glm-", "zai"),
        ("minimax", "minimaxi"),
        ("mi[sx]tral|devstral|leanstral", "mistral"),
    )
)


def family(model_id: str) -> str:
    """The maker by the id's name, else the prefix."""
    name = model_id.lower()
    for needle, maker in _FAMILIES:
        if needle.search(name):
            return maker
    return model_id.split("/", 1)[0] if "/" in model_id else "requesty"


_PLACES = (
    (
        r"^eu$|^eu-(central-1|north|south|west-[13])|^europe-(?!west[26]$)|^(sweden|france|germany|italy|poland|spain)",
        "eu",
    ),
    (r"^uk|^eu-west-2$|^europe-west2$", "uk"),
    (r"^us|^(east|west|central|northcentral|southcentral)us", "us"),
    (r"^ap|^asia|^(japan|korea|australia|southeastasia)", "ap"),
)


def geolocation(model_id: str) -> str:
    """Where an id's region is; ids without one run anywhere."""
    region = model_id.partition("@")[2]
    return next((place for pattern, place in _PLACES if region and re.search(pattern, region)), "global")
