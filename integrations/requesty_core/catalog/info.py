"""One entry of the catalogue, read defensively from what the gateway sends (wire contract, models list)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from requesty_core.money.usage import money
from requesty_core.values import Value

from .identity import Identity, identify
from .model_id import DEDICATED_PREFIXES, ModelId

__all__ = ["ModelInfo", "PriceTier", "read_model", "read_models"]


class PriceTier(Value, frozen=True):
    """Prices in USD per token of prompts longer than ``above`` tokens; a price that is not told is ``None``."""

    above: int
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    cached_price: Decimal | None = None
    caching_price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model. Prices are USD per token; what is not told is ``None``, which never means no.

    Attributes:
        api: ``chat``, ``embedding`` or a newer kind (absent on the wire means chat).
        tiers: all prices by prompt size where the gateway lists them, the flat ones (above 0) included; else empty.
        cached_price: of prompt tokens read from the provider's cache; ``caching_price`` of those written to it.
        max_input_tokens: the longest prompt, where it is less than the window.
        geolocation: ``global``, ``eu``, ``us``, ``uk``, ``ap``, ``sg`` or whatever the gateway adds.
        data_retention: whether the provider keeps prompts; ``data_retention_days`` for how long.
        data_used_for_training: whether the provider trains on prompts.
        retires: when the model will be withdrawn; ``None`` if no date is told.
        model_lab: the maker in the gateway's word; ``canonical_name`` groups all hosts of a model.
        input_modalities: of ``text``, ``image``, ``pdf``, ``audio``, ``video``.
        accepts_temperature: whether the upstream model takes sampling settings, by models.dev.
        as_of: the month that the snapshot's entry tells of; ``None`` for entries from the gateway.
        sources: the files of the snapshot that the entry was merged from.
        raw: the entry as received, unknown fields included.
    """

    id: str
    api: str = "chat"
    context_window: int | None = None
    max_output_tokens: int | None = None
    input_price: Decimal | None = None
    output_price: Decimal | None = None
    cached_price: Decimal | None = None
    caching_price: Decimal | None = None
    supports_caching: bool | None = None
    supports_vision: bool | None = None
    supports_computer_use: bool | None = None
    supports_reasoning: bool | None = None
    supports_tool_calling: bool | None = None
    supports_web_search: bool | None = None
    supports_image_generation: bool | None = None
    supports_json_object: bool | None = None
    supports_json_schema: bool | None = None
    supports_role_developer: bool | None = None
    geolocation: str | None = None
    description: str | None = None
    tiers: tuple[PriceTier, ...] = ()
    max_input_tokens: int | None = None
    data_retention: bool | None = None
    data_retention_days: int | None = None
    data_used_for_training: bool | None = None
    retires: datetime | None = None
    model_lab: str | None = None
    canonical_name: str | None = None
    quantization: str | None = None
    input_modalities: frozenset[str] | None = None
    output_modalities: frozenset[str] | None = None
    accepts_temperature: bool | None = None
    dimensions: int | None = None
    max_inputs: int | None = None
    max_request_tokens: int | None = None
    as_of: str | None = None
    sources: tuple[str, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def model_id(self) -> ModelId:
        """The id taken apart."""
        return ModelId.parse(self.id)

    @property
    def identity(self) -> Identity | None:
        """Which model this is, whoever hosts it; ``None`` for policies."""
        return identify(self.id)

    @property
    def application(self) -> str | None:
        """The application a dedicated id is tuned for (``coding``, ``cline``), else ``None``."""
        prefix = self.id.partition("/")[0]
        return prefix if prefix in DEDICATED_PREFIXES else None

    def tier(self, input_tokens: int) -> PriceTier | None:
        """The prices of a prompt of this size; ``None`` where the gateway lists one price for all sizes."""
        found = None
        for tier in self.tiers:
            # The makers say "prompts longer than": the threshold itself is still the lower tier.
            if tier.above == 0 or input_tokens > tier.above:
                found = tier
        return found


def _flag(entry: Mapping[str, Any], *names: str) -> bool | None:
    for name in names:
        value = entry.get(name)
        if isinstance(value, bool):
            return value
    return None


def _tokens(value: object) -> int | None:
    # 0 stands for "the provider's default" in max_output_tokens.
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _days(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _words(value: object) -> frozenset[str] | None:
    return frozenset(w for w in value if isinstance(w, str)) if isinstance(value, (list, tuple)) and value else None


def _moment(value: object) -> datetime | None:
    """Unix seconds (seen on the wire), or the text or number of the other spelling."""
    try:
        if isinstance(value, str) and not value.strip().isdigit():
            moment = datetime.fromisoformat(value.strip())
            return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, bool) or not isinstance(value, (int, float, str)) or not float(value):
            return None
        return datetime.fromtimestamp(float(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _tiers(value: object) -> tuple[PriceTier, ...]:
    if not isinstance(value, list):
        return ()
    tiers = []
    for entry in value:
        above = entry.get("prompt_tokens_threshold", 0) if isinstance(entry, Mapping) else None
        if isinstance(above, (int, float)) and not isinstance(above, bool) and above >= 0:
            names = ("input_price", "output_price", "cached_price", "caching_price")
            tiers.append(PriceTier(int(above), *(money(entry.get(name)) for name in names)))
    return tuple(sorted(tiers, key=lambda tier: tier.above))


def read_model(entry: Mapping[str, Any]) -> ModelInfo | None:
    """One catalogue entry, ``None`` if it has no id. Missing keys stay unknown; both names of a field are read."""
    model = entry.get("id")
    if not isinstance(model, str) or not model.strip():
        return None
    get = entry.get
    return ModelInfo(
        id=model,
        api=_text(get("api")) or "chat",
        context_window=_tokens(get("context_window")),
        max_output_tokens=_tokens(get("max_output_tokens")),
        input_price=money(get("input_price")),
        output_price=money(get("output_price")),
        cached_price=money(get("cached_price")),
        caching_price=money(get("caching_price")),
        supports_caching=_flag(entry, "supports_caching"),
        supports_vision=_flag(entry, "supports_vision"),
        supports_computer_use=_flag(entry, "supports_computer_use"),
        supports_reasoning=_flag(entry, "supports_reasoning"),
        supports_tool_calling=_flag(entry, "supports_tool_calling"),
        supports_web_search=_flag(entry, "supports_web_search"),
        supports_image_generation=_flag(entry, "supports_image_generation"),
        supports_json_object=_flag(entry, "supports_output_json_object"),
        supports_json_schema=_flag(entry, "supports_output_json_schema", "supports_json_schema"),
        supports_role_developer=_flag(entry, "supports_role_developer"),
        geolocation=_text(get("geolocation")),
        description=_text(get("description")),
        tiers=_tiers(get("pricing")),
        max_input_tokens=_tokens(get("max_input_tokens")),
        data_retention=_flag(entry, "data_retention"),
        data_retention_days=_days(get("data_retention_days")),
        data_used_for_training=_flag(entry, "data_used_for_training"),
        retires=_moment(get("retires")) or _moment(get("retires_at")),
        model_lab=_text(get("model_lab")),
        canonical_name=_text(get("model_canonical_name")) or _text(get("x_canonical_model_id")),
        quantization=_text(get("quantization")),
        input_modalities=_words(get("x_input_modalities")),
        output_modalities=_words(get("x_output_modalities")),
        accepts_temperature=_flag(entry, "x_accepts_temperature"),
        dimensions=_tokens(get("x_dimensions")),
        max_inputs=_tokens(get("x_max_inputs")),
        max_request_tokens=_tokens(get("x_max_request_tokens")),
        as_of=_text(get("as_of")),
        sources=tuple(get("sources") or ()) if isinstance(get("sources"), list) else (),
        raw=entry,
    )


def read_models(body: object) -> list[ModelInfo]:
    """The entries of a models answer in the order received; what is not an entry is passed over."""
    data = body.get("data") if isinstance(body, Mapping) else None
    models = (read_model(e) for e in data if isinstance(e, Mapping)) if isinstance(data, list) else ()
    return [m for m in models if m is not None]
