"""Model catalogue: the facts that ship with the package, and ids that only the emulator adds.

Prices are USD per token, as on the wire (seen on the wire, July 2025).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from requesty_emulator.errors import GatewayError, bad_request
from requesty_emulator.models.model import Model, Tier

EFFORTS = ("none", "min", "low", "medium", "high", "xhigh", "max")
_VARIANT = re.compile(r"^(?:none|min|low|medium|high|xhigh|max|flex|priority|\d+)$")
_REGION = re.compile(r"^[a-z]{2}[a-z0-9-]*$")


# id, input and output USD per million tokens, cache-read share, window, max output, reasoning
_NEWER: tuple[tuple[str, str, str, str, int, int, bool], ...] = (
    ("bedrock/claude-sonnet-4-5", "3", "15", "0.1", 200_000, 64_000, True),
    ("bedrock/claude-haiku-4-5", "1", "5", "0.1", 200_000, 64_000, True),
    ("vertex/claude-sonnet-4-5", "3", "15", "0.1", 200_000, 64_000, True),
    ("vertex/gemini-2.5-pro", "1.25", "10", "0.25", 1_048_576, 65_536, True),
    ("vertex/gemini-2.5-flash", "0.3", "2.5", "0.25", 1_048_576, 65_536, True),
    ("google/gemini-3-pro", "2", "12", "0.1", 1_048_576, 65_536, True),
    ("azure/gpt-4o", "2.5", "10", "0.5", 128_000, 16_384, False),
    ("azure/gpt-4.1", "2", "8", "0.25", 1_047_576, 32_768, False),
    ("azure/gpt-5-mini", "0.25", "2", "0.1", 400_000, 128_000, True),
    ("xai/grok-4-fast", "0.2", "0.5", "0.25", 2_000_000, 30_000, True),
    ("groq/llama-3.3-70b-versatile", "0.59", "0.79", "1", 131_072, 32_768, False),
    ("zai/GLM-4.6", "0.6", "2.2", "0.18", 200_000, 128_000, True),
    ("moonshot/kimi-k2", "0.6", "2.5", "0.25", 131_072, 0, False),
    ("minimaxi/MiniMax-M2", "0.3", "1.2", "1", 204_800, 131_072, True),
    ("fireworks/deepseek-v3p1", "0.56", "1.68", "1", 163_840, 0, True),
    ("coding/claude-sonnet-4-5", "3", "15", "0.1", 200_000, 64_000, True),
    ("cline/claude-sonnet-4-5", "3", "15", "0.1", 200_000, 64_000, True),
)
_REGIONS = {
    "bedrock/claude-sonnet-4-5": ("eu-central-1", "eu-west-1", "us-east-1", "us-west-2"),
    "bedrock/claude-haiku-4-5": ("eu-central-1", "us-east-1"),
    "vertex/claude-sonnet-4-5": ("europe-west1", "us-east5"),
    "vertex/gemini-2.5-pro": ("europe-west4", "us-central1"),
    "azure/gpt-4.1": ("swedencentral", "eastus2"),
    "azure/gpt-4o": ("swedencentral", "uksouth"),
}
# id, api kind, input and output USD per million tokens
_MEDIA = (
    ("openai/gpt-image-1", "image", "5", "40"),
    ("azure/openai/gpt-image-1", "image", "5", "40"),
    ("openai/gpt-4o-mini-tts", "speech", "0.6", "12"),
    ("openai/tts-1", "speech", "15", "0"),
    ("openai/tts-1-hd", "speech", "30", "0"),
    ("openai/gpt-4o-transcribe", "transcription", "2.5", "10"),
    ("openai/gpt-4o-mini-transcribe", "transcription", "1.25", "5"),
    ("openai/whisper-1", "transcription", "0", "0"),
)
#: Managed names of 2025 that the list of 2026 has no more, or only with a zone; kept for programs that use them.
_MANAGED = (
    ("gpt-5", "openai/gpt-5"),
    ("gpt-5-mini", "openai/gpt-5-mini"),
    ("gpt-5-nano", "openai/gpt-5-nano"),
    ("gpt-4o", "openai/gpt-4o"),
    ("gpt-4o-mini", "openai/gpt-4o-mini"),
    ("gpt-4.1", "openai/gpt-4.1"),
    ("gpt-4.1-mini", "openai/gpt-4.1-mini"),
    ("gemini-2.5-pro", "vertex/gemini-2.5-pro"),
    ("gemini-2.5-flash", "vertex/gemini-2.5-flash"),
    ("deepseek-chat", "deepseek/deepseek-chat"),
    ("grok-4", "xai/grok-4"),
    ("glm-4.6", "zai/GLM-4.6"),
    ("kimi-k2", "moonshot/kimi-k2"),
)
_MILLION = Decimal(1_000_000)


def _price(value: object) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value or 0))


def _known(value: object) -> Decimal | None:
    return None if value is None else _price(value)


@cache
def _facts() -> dict[str, Model]:
    # The data file is shared, the code is not: the path is found without importing the package.
    spec = importlib.util.find_spec("requesty_core")
    if spec is None or not spec.submodule_search_locations:
        return {}
    raw = Path(spec.submodule_search_locations[0], "data", "catalog.json").read_bytes()
    return {item["id"]: from_entry(item) for item in msgspec.json.decode(raw)["data"]}


def _inputs(item: Mapping[str, Any]) -> frozenset[str] | None:
    told = item.get("x_input_modalities")
    if told is not None:
        return frozenset(told)
    seeing = item.get("supports_vision")
    return None if seeing is None else frozenset(("image",) if seeing else ())


def from_entry(item: Mapping[str, Any]) -> Model:
    """A model by its wire entry; keys with ``x_`` are facts of the upstream model."""
    tiers = [tier for tier in item.get("pricing") or () if tier.get("prompt_tokens_threshold")]
    return Model(
        id=item["id"],
        api=item.get("api", "chat"),
        input_price=_price(item.get("input_price")),
        output_price=_price(item.get("output_price")),
        cached_price=_known(item.get("cached_price")),
        caching_price=_known(item.get("caching_price")),
        context_window=int(item.get("context_window") or 0),
        max_output=int(item.get("max_output_tokens") or 0),
        created=int(item.get("created") or 1747765524),
        caching=bool(item.get("supports_caching", item.get("cached_price"))),
        vision=bool(item.get("supports_vision")),
        computer_use=bool(item.get("supports_computer_use")),
        reasoning=bool(item.get("supports_reasoning")),
        images=bool(item.get("supports_image_generation")),
        dimensions=int(item.get("x_dimensions") or 0),
        managed="/" not in item["id"],
        tools=item.get("supports_tool_calling"),
        schema=item.get("supports_output_json_schema"),
        temperature=item.get("x_accepts_temperature"),
        inputs=_inputs(item),
        tiers=tuple(
            Tier(
                int(tier["prompt_tokens_threshold"]),
                _price(tier.get("input_price")),
                _price(tier.get("output_price")),
                _known(tier.get("cached_price")),
                _known(tier.get("caching_price")),
            )
            for tier in tiers
        ),
        canonical=item.get("model_canonical_name") or item.get("x_canonical_model_id"),
        lab=item.get("model_lab"),
        retires=item.get("retires"),
        place=item.get("geolocation"),
        retention=bool(item.get("data_retention")),
        retention_days=int(item.get("data_retention_days") or 0),
        training=bool(item.get("data_used_for_training")),
    )


def _newer() -> Iterator[Model]:
    for name, price_in, price_out, cached, window, limit, reasoning in _NEWER:
        unit = Decimal(price_in) / _MILLION
        model = Model(
            id=name,
            input_price=unit,
            output_price=Decimal(price_out) / _MILLION,
            cached_price=unit * Decimal(cached),
            caching_price=unit * Decimal("1.25") if "claude" in name else unit,
            context_window=window,
            max_output=limit,
            caching=True,
            vision=True,
            computer_use="claude" in name,
            reasoning=reasoning,
        )
        yield model
        for region in _REGIONS.get(name, ()):
            yield replace(model, id=f"{name}@{region}")
    for name, api, price_in, price_out in _MEDIA:
        unit = Decimal(price_in) / _MILLION
        out = Decimal(price_out) / _MILLION
        yield Model(name, unit, out, unit, unit, 32_000, 0, api=api, images=api == "image")
    flash = Decimal("0.3") / _MILLION
    yield Model(
        "google/gemini-2.5-flash-image",
        flash,
        Decimal("2.5") / _MILLION,
        flash / 4,
        flash,
        32_768,
        8_192,
        vision=True,
        images=True,
    )


@cache
def catalogue() -> dict[str, Model]:
    """Every listed routed model by id, in a stable order."""
    models = {name: model for name, model in _facts().items() if "/" in name}
    for model in _newer():
        models.setdefault(model.id, model)
    return models


@cache
def managed() -> dict[str, Model]:
    """Vendor-maintained bare ids (the list of September 2026, and older names), with their ``@eu`` variants."""
    listed = {name: model for name, model in _facts().items() if "/" not in name}
    for name, target in _MANAGED:
        model = catalogue()[target]
        listed.setdefault(name, replace(model, id=name, managed=True))
        listed.setdefault(f"{name}@eu", replace(model, id=f"{name}@eu", managed=True, place="eu"))
    return listed


def find(model_id: str, added: Mapping[str, Model] | None = None) -> Model:
    """Resolve an id of the documented grammar; 400 for a malformed one, 404 for one that nobody serves.

    ``added`` are models that a test put beside the catalogue.
    """
    if model_id.endswith((":free", "/")) or model_id.startswith("/") or not model_id.strip():
        raise bad_request(f'invalid model {model_id!r}, expected: "provider/model"')
    added = added or {}
    known = added.get(model_id) or catalogue().get(model_id) or managed().get(model_id)
    if known is not None:
        return known
    base, _, region = model_id.partition("@")
    name, _, variant = base.partition(":")
    if (region and not _REGION.match(region)) or (variant and not _VARIANT.match(variant)):
        raise GatewayError(404)
    # `openai-responses/MODEL` and `azure/openai-responses/MODEL` are ways to run the model of that name.
    *segments, last = name.split("/")
    responses = "openai-responses" in segments
    if "@" not in model_id and ":" not in model_id and not responses:
        raise GatewayError(404)
    names = (base, name, f"openai/{last}") if responses else (base, name)
    found = next((m for known in (added, catalogue(), managed()) for n in names if (m := known.get(n))), None)
    if found is None:
        raise GatewayError(404)
    return _varied(replace(found, id=model_id, place=None), variant)


def _varied(model: Model, variant: str) -> Model:
    """``:priority`` costs twice as much (seen in the gateway's list), ``:flex`` half (the makers' pages)."""
    factor = {"priority": Decimal(2), "flex": Decimal("0.5")}.get(variant)
    if factor is None:
        return model
    scaled: dict[str, Any] = {
        name: None if (price := getattr(model, name)) is None else price * factor
        for name in ("input_price", "output_price", "cached_price", "caching_price")
    }
    return replace(model, tiers=(), **scaled)


def variant_effort(model_id: str) -> str | None:
    """Reasoning effort or budget named by a ``:variant`` suffix, if it names one (seen in the catalogue)."""
    variant = model_id.partition("@")[0].partition(":")[2]
    return variant if variant in EFFORTS or variant.isdigit() else None
