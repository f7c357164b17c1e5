"""Model catalogue: the July 2025 recording plus an emulator-side table of newer ids.

Prices are USD per token, as on the wire (seen on the wire, July 2025).
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from requesty_emulator.errors import GatewayError, bad_request

EFFORTS = ("none", "min", "low", "medium", "high", "xhigh", "max")
_VARIANT = re.compile(r"^(?:none|min|low|medium|high|xhigh|max|flex|\d+)$")
_REGION = re.compile(r"^[a-z]{2}[a-z0-9-]*$")
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Model:
    """One catalogue entry. ``id`` is the id as listed; ``max_output`` 0 means the provider's default."""

    id: str
    input_price: Decimal
    output_price: Decimal
    cached_price: Decimal
    caching_price: Decimal
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

    @property
    def provider(self) -> str:
        """Prefix before the first slash, or the provider that would serve a managed id."""
        return self.id.split("/", 1)[0] if "/" in self.id else _managed_provider(self.id)

    @property
    def bare(self) -> str:
        """Id as the wire usually shows it in ``model``: no provider prefix, no region, no variant."""
        name = self.id.rsplit("/", 1)[-1]
        return name.split("@", 1)[0].split(":", 1)[0]

    @property
    def family(self) -> str:
        """Whose model it is, whoever hosts it: decides reasoning text, caching and schema rules."""
        name = self.id.lower()
        for needle, family in _FAMILIES:
            if needle in name:
                return family
        return self.provider

    def entry(self) -> dict[str, Any]:
        """The object that ``GET /v1/models`` lists (documented and seen on the wire)."""
        chat = self.api == "chat"
        return {
            "id": self.id,
            "object": "model",
            "created": self.created,
            "owned_by": "system",
            "api": self.api,
            "input_price": float(self.input_price),
            "output_price": float(self.output_price),
            "caching_price": float(self.caching_price),
            "cached_price": float(self.cached_price),
            "context_window": self.context_window,
            "max_output_tokens": self.max_output,
            "supports_caching": self.caching,
            "supports_vision": self.vision,
            "supports_computer_use": self.computer_use,
            "supports_reasoning": self.reasoning,
            "supports_tool_calling": chat,
            "supports_web_search": chat and self.family in {"openai", "anthropic", "google", "xai", "perplexity"},
            "supports_image_generation": self.images,
            "supports_output_json_object": chat,
            "supports_output_json_schema": chat and self.family in {"openai", "anthropic", "google", "xai"},
            "supports_role_developer": chat and self.family == "openai",
            "geolocation": _geolocation(self.id),
            "data_retention": False,
            "data_retention_days": 0,
            "privacy_comments": "",
            "description": "",
        }


_FAMILIES = (
    ("claude", "anthropic"),
    ("gemini", "google"),
    ("deepseek", "deepseek"),
    ("grok", "xai"),
    ("qwq", "alibaba"),
    ("qwen", "alibaba"),
    ("gpt-", "openai"),
    ("chatgpt", "openai"),
    ("text-embedding", "openai"),
    ("/o1", "openai"),
    ("/o3", "openai"),
    ("/o4", "openai"),
    ("sonar", "perplexity"),
    ("llama", "meta"),
)

# id, input and output USD per million tokens, cache-read share, window, max output, reasoning
_NEWER: tuple[tuple[str, str, str, str, int, int, bool], ...] = (
    ("openai/gpt-5", "1.25", "10", "0.1", 400_000, 128_000, True),
    ("openai/gpt-5-mini", "0.25", "2", "0.1", 400_000, 128_000, True),
    ("openai/gpt-5-nano", "0.05", "0.4", "0.1", 400_000, 128_000, True),
    ("openai/gpt-5.1", "1.25", "10", "0.1", 400_000, 128_000, True),
    ("openai/gpt-5.6", "1.5", "12", "0.1", 400_000, 128_000, True),
    ("anthropic/claude-sonnet-4-5", "3", "15", "0.1", 200_000, 64_000, True),
    ("anthropic/claude-haiku-4-5", "1", "5", "0.1", 200_000, 64_000, True),
    ("anthropic/claude-opus-4-5", "5", "25", "0.1", 200_000, 64_000, True),
    ("bedrock/claude-sonnet-4-5", "3", "15", "0.1", 200_000, 64_000, True),
    ("bedrock/claude-haiku-4-5", "1", "5", "0.1", 200_000, 64_000, True),
    ("vertex/claude-sonnet-4-5", "3", "15", "0.1", 200_000, 64_000, True),
    ("vertex/gemini-2.5-pro", "1.25", "10", "0.25", 1_048_576, 65_536, True),
    ("vertex/gemini-2.5-flash", "0.3", "2.5", "0.25", 1_048_576, 65_536, True),
    ("google/gemini-2.5-flash-lite", "0.1", "0.4", "0.25", 1_048_576, 65_536, True),
    ("google/gemini-3-pro", "2", "12", "0.1", 1_048_576, 65_536, True),
    ("azure/gpt-4o", "2.5", "10", "0.5", 128_000, 16_384, False),
    ("azure/gpt-4.1", "2", "8", "0.25", 1_047_576, 32_768, False),
    ("azure/gpt-5-mini", "0.25", "2", "0.1", 400_000, 128_000, True),
    ("xai/grok-4-fast", "0.2", "0.5", "0.25", 2_000_000, 30_000, True),
    ("groq/llama-3.3-70b-versatile", "0.59", "0.79", "1", 131_072, 32_768, False),
    ("mistral/mistral-medium-latest", "0.4", "2", "1", 131_072, 0, False),
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
_EMBEDDINGS = (
    ("openai/text-embedding-3-small", "0.02", 1536),
    ("openai/text-embedding-3-large", "0.13", 3072),
    ("openai/text-embedding-ada-002", "0.1", 1536),
)
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
_MANAGED = (
    ("claude-sonnet-4-5", "anthropic/claude-sonnet-4-5"),
    ("claude-haiku-4-5", "anthropic/claude-haiku-4-5"),
    ("claude-opus-4-5", "anthropic/claude-opus-4-5"),
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


def _managed_provider(bare: str) -> str:
    name = bare.split("@", 1)[0]
    return next((target.split("/", 1)[0] for managed, target in _MANAGED if managed == name), "requesty")


def _geolocation(model_id: str) -> str:
    region = model_id.partition("@")[2]
    if region.startswith("eu") or region == "swedencentral":
        return "eu"
    return "us" if region.startswith(("us", "eastus")) else "global"


def _price(value: object) -> Decimal:
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value or 0))


def _recorded() -> Iterator[Model]:
    # The data file is shared, the code is not: the path is found without importing the package.
    spec = importlib.util.find_spec("requesty_core")
    if spec is None or not spec.submodule_search_locations:
        return
    raw = Path(spec.submodule_search_locations[0], "data", "catalog.json").read_bytes()
    for item in msgspec.json.decode(raw)["data"]:
        yield Model(
            id=item["id"],
            input_price=_price(item.get("input_price")),
            output_price=_price(item.get("output_price")),
            cached_price=_price(item.get("cached_price")),
            caching_price=_price(item.get("caching_price")),
            context_window=int(item.get("context_window") or 0),
            max_output=int(item.get("max_output_tokens") or 0),
            created=int(item.get("created") or 1747765524),
            caching=bool(item.get("supports_caching")),
            vision=bool(item.get("supports_vision")),
            computer_use=bool(item.get("supports_computer_use")),
            reasoning=bool(item.get("supports_reasoning")),
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
    for name, price, dims in _EMBEDDINGS:
        unit = Decimal(price) / _MILLION
        yield Model(name, unit, _NOTHING, unit, unit, 8192, 0, api="embedding", dimensions=dims)
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
    """Every listed model by id, in a stable order."""
    models = {model.id: model for model in _recorded()}
    for model in _newer():
        models.setdefault(model.id, model)
    return models


@cache
def managed() -> dict[str, Model]:
    """Vendor-maintained bare ids (seen by clients in September 2026), with their ``@eu`` variants."""
    listed = {}
    for name, target in _MANAGED:
        model = replace(catalogue()[target], id=name, managed=True)
        listed[name] = model
        listed[f"{name}@eu"] = replace(model, id=f"{name}@eu")
    return listed


def find(model_id: str) -> Model:
    """Resolve an id of the documented grammar; 400 for a malformed one, 404 for one that nobody serves."""
    if model_id.endswith((":free", "/")) or model_id.startswith("/") or not model_id.strip():
        raise bad_request(f'invalid model {model_id!r}, expected: "provider/model"')
    known = catalogue().get(model_id) or managed().get(model_id)
    if known is not None:
        return known
    base, _, region = model_id.partition("@")
    name, _, variant = base.partition(":")
    if (region and not _REGION.match(region)) or (variant and not _VARIANT.match(variant)):
        raise GatewayError(404)
    if "@" not in model_id and ":" not in model_id and not name.startswith("openai-responses/"):
        raise GatewayError(404)
    prefix, _, rest = name.partition("/")
    lookup = f"openai/{rest}" if prefix == "openai-responses" else name
    found = catalogue().get(base) or catalogue().get(lookup) or managed().get(lookup)
    if found is None:
        raise GatewayError(404)
    return replace(found, id=model_id)


def variant_effort(model_id: str) -> str | None:
    """Reasoning effort or budget named by a ``:variant`` suffix, if it names one (seen in the catalogue)."""
    variant = model_id.partition("@")[0].partition(":")[2]
    return variant if variant in EFFORTS or variant.isdigit() else None
