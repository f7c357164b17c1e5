"""The model catalogue: what the gateway says about its models, with look-ups that understand ids.

A catalogue informs (context windows, prices, capabilities); it never decides whether an id may be used, because the
gateway adds and removes models without notice. ``None`` means the catalogue does not say.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

from requesty_core.money.usage import Usage, money
from requesty_core.wire.json import decode_json

from .model_id import DEDICATED_PREFIXES, ModelId

__all__ = ["Catalog", "ModelInfo", "bundled", "estimate", "read_models"]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model. Prices are USD per token; a price or capability that is not told is ``None``.

    ``geolocation`` is ``global``, ``eu``, ``us``, ``sg`` or whatever the gateway adds; ``api`` is ``chat`` or
    ``embedding`` (absent on the wire means chat). ``raw`` is the entry as received.
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
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def model_id(self) -> ModelId:
        """The id taken apart."""
        return ModelId.parse(self.id)

    @property
    def application(self) -> str | None:
        """The application a dedicated id is tuned for (``coding``, ``cline``), else ``None``."""
        prefix = self.id.partition("/")[0]
        return prefix if prefix in DEDICATED_PREFIXES else None


def _flag(entry: Mapping[str, Any], *names: str) -> bool | None:
    for name in names:
        value = entry.get(name)
        if isinstance(value, bool):
            return value
    return None


def _tokens(value: object) -> int | None:
    # 0 stands for "the provider's default" in max_output_tokens.
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def read_model(entry: Mapping[str, Any]) -> ModelInfo | None:
    """One catalogue entry, ``None`` if it has no id. Missing keys stay unknown; both names of a flag are read."""
    model = entry.get("id")
    if not isinstance(model, str) or not model.strip():
        return None
    return ModelInfo(
        id=model,
        api=_text(entry.get("api")) or "chat",
        context_window=_tokens(entry.get("context_window")),
        max_output_tokens=_tokens(entry.get("max_output_tokens")),
        input_price=money(entry.get("input_price")),
        output_price=money(entry.get("output_price")),
        cached_price=money(entry.get("cached_price")),
        caching_price=money(entry.get("caching_price")),
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
        geolocation=_text(entry.get("geolocation")),
        description=_text(entry.get("description")),
        raw=entry,
    )


def read_models(body: object) -> list[ModelInfo]:
    """The entries of a models answer in the order received; what is not an entry is passed over."""
    data = body.get("data") if isinstance(body, Mapping) else None
    models = (read_model(e) for e in data if isinstance(e, Mapping)) if isinstance(data, list) else ()
    return [m for m in models if m is not None]


class Catalog(Mapping[str, ModelInfo]):
    """Models by id. Indexing is exact; :meth:`lookup` understands regions and variants."""

    def __init__(self, models: Iterable[ModelInfo]) -> None:
        self._models = {m.id: m for m in models}

    def __getitem__(self, model: str) -> ModelInfo:
        return self._models[model]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def lookup(self, model: str) -> ModelInfo | None:
        """What is known of an id; without its ``:variant`` or ``@region`` if only that is listed.

        ``None`` for policies (they may use any model) and for ids that are not listed.
        """
        for key in ModelId.parse(model).lookup_keys:
            found = self._models.get(key)
            if found is not None:
                return found
        return None

    def window(self, model: str) -> int | None:
        """Context window of an id in tokens, if known."""
        found = self.lookup(model)
        return None if found is None else found.context_window

    def filter(
        self,
        *,
        api: str | None = None,
        provider: str | None = None,
        application: str | None = None,
        geolocation: str | None = None,
        min_context: int | None = None,
        max_input_price: Decimal | float | None = None,
        max_output_price: Decimal | float | None = None,
        where: Callable[[ModelInfo], bool] | None = None,
        **supports: bool,
    ) -> list[ModelInfo]:
        """Models that meet every condition, by id; a fact the catalogue does not state never meets one.

        Prices are USD per token. Capabilities are given by name without ``supports_``: ``vision=True``,
        ``tool_calling=True``. Raises ``TypeError`` for an unknown capability.
        """
        flags = {name: f"supports_{name}" for name in supports}
        for name, attribute in flags.items():
            if attribute not in ModelInfo.__slots__:
                raise TypeError(f"filter() knows no capability {name!r}")

        def fits(m: ModelInfo) -> bool:
            return (
                (api is None or m.api == api)
                and (provider is None or m.model_id.prefix == provider)
                and (application is None or m.application == application)
                and (geolocation is None or m.geolocation == geolocation)
                and (min_context is None or (m.context_window or 0) >= min_context)
                and _at_most(m.input_price, max_input_price)
                and _at_most(m.output_price, max_output_price)
                and all(getattr(m, flags[name]) is wanted for name, wanted in supports.items())
                and (where is None or where(m))
            )

        return sorted((m for m in self._models.values() if fits(m)), key=lambda m: m.id)


def _at_most(price: Decimal | None, limit: Decimal | float | None) -> bool:
    return limit is None or (price is not None and price <= Decimal(str(limit)))


@cache
def bundled() -> Catalog:
    """A snapshot of facts that ships with the package (2025-07), for look-ups without a request."""
    data = importlib.resources.files("requesty_core").joinpath("data/catalog.json").read_bytes()
    return Catalog(read_models(decode_json(data)))


def estimate(usage: Usage, model: ModelInfo) -> Usage | None:
    """The usage with a cost computed from catalogue prices, marked ``estimated``; ``None`` if a price is unknown.

    Cache reads and writes are part of the input tokens and priced on their own where the catalogue has a price.
    """
    if model.input_price is None or model.output_price is None:
        return None
    cached = model.input_price if model.cached_price is None else model.cached_price
    caching = model.input_price if model.caching_price is None else model.caching_price
    plain = max(usage.input_tokens - usage.cached_tokens - usage.caching_tokens, 0)
    cost = (
        plain * model.input_price
        + usage.cached_tokens * cached
        + usage.caching_tokens * caching
        + usage.output_tokens * model.output_price
    )
    return Usage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        cached_tokens=usage.cached_tokens,
        caching_tokens=usage.caching_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost=cost,
        raw=usage.raw,
        estimated=True,
    )
