"""The model catalogue: what the gateway says about its models, with look-ups that understand ids.

A catalogue informs (context windows, prices, capabilities); it never decides whether an id may be used, because the
gateway adds and removes models without notice. ``None`` means the catalogue does not say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Self

from requesty_core.wire.json import decode_json

from .identity import identify
from .info import ModelInfo, PriceTier, read_model, read_models
from .model_id import ModelId
from .prices import EstimatedUsage, estimate

__all__ = ["Catalog", "EstimatedUsage", "ModelInfo", "PriceTier", "bundled", "estimate", "read_models"]

#: Variants that are price tiers of a host: what they cost is known only where the catalogue lists them.
PRICE_VARIANTS = frozenset({"flex", "priority"})
RETIRING_WITHIN = timedelta(days=90)
"""How long before a model is withdrawn its users are told."""
_MOST_FOUND = 1024
"""Ids without an entry of which is remembered what others say of them."""
_UNPRICED: dict[str, Any] = {
    "input_price": None,
    "output_price": None,
    "cached_price": None,
    "caching_price": None,
    "tiers": (),
}
_ELSEWHERE: dict[str, Any] = {
    "geolocation": None,
    "data_retention": None,
    "data_retention_days": None,
    "data_used_for_training": None,
    "retires": None,
    "raw": {},
}

#: Facts that are the same wherever a model runs, so that one entry may fill what another leaves open.
_OF_THE_MODEL = (
    "context_window",
    "max_output_tokens",
    "supports_vision",
    "supports_reasoning",
    "supports_tool_calling",
    "supports_json_schema",
    "supports_image_generation",
    "input_modalities",
    "output_modalities",
    "accepts_temperature",
    "canonical_name",
)


class Catalog(Mapping[str, ModelInfo]):
    """Models by id. Indexing is exact; :meth:`lookup` understands hosts, regions and variants.

    Attributes:
        as_of: the month a snapshot tells of, or the time (ISO 8601) a live catalogue was fetched; ``None`` if unknown.
        skipped: odd entries of the answer that were passed over.
    """

    def __init__(self, models: Iterable[ModelInfo], *, as_of: str | None = None, skipped: int = 0) -> None:
        # Entries become a ModelInfo when asked for: of some six hundred, a program looks at two.
        self._models: dict[str, ModelInfo | Mapping[str, Any]] = {m.id: m for m in models}
        self._same: dict[tuple[str | None, str], list[str]] | None = None
        self._found: dict[str, ModelInfo | None] = {}
        self.as_of = as_of
        self.skipped = skipped

    @classmethod
    def from_entries(cls, entries: Iterable[object], *, as_of: str | None = None) -> Self:
        """A catalogue of wire entries; what is no entry is passed over and counted in ``skipped``."""
        catalog = cls((), as_of=as_of)
        for entry in entries:
            name = entry.get("id") if isinstance(entry, Mapping) else None
            if isinstance(entry, Mapping) and isinstance(name, str) and name.strip():
                catalog._models[name] = entry
            else:
                catalog.skipped += 1
        return catalog

    def __getitem__(self, model: str) -> ModelInfo:
        found = self._models[model]
        if isinstance(found, ModelInfo):
            return found
        info = read_model(found)
        assert info is not None
        self._models[model] = info
        return info

    def __contains__(self, model: object) -> bool:
        return model in self._models

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def entries(self) -> list[Mapping[str, Any]]:
        """The entries as received."""
        return [m.raw if isinstance(m, ModelInfo) else m for m in self._models.values()]

    def lookup(self, model: str) -> ModelInfo | None:
        """What is known of an id: its own entry, else that of the id without variant or region, else of the same model.

        A price holds for the very id only: the price tiers ``:flex`` and ``:priority``, another host, and the region of
        a managed id (about a tenth dearer, by the gateway's word) have an unknown price unless they are listed.
        The same goes for where a host runs and what it keeps. ``None`` for policies (they may use any model) and for
        models that are not listed anywhere.
        """
        if model in self._models:
            return self[model]
        found = self._found
        if model in found:
            return found[model]
        info = self._derived(model)
        if len(found) >= _MOST_FOUND:
            # Another one, because other threads may be reading this.
            found = self._found = {}
        found[model] = info
        return info

    def _derived(self, model: str) -> ModelInfo | None:
        """What other entries say of an id that has none."""
        parsed = ModelId.parse(model)
        for key in parsed.lookup_keys:
            if key in self._models:
                unpriced = parsed.variant in PRICE_VARIANTS or (parsed.kind == "managed" and parsed.region)
                elsewhere = parsed.region is not None and "@" not in key
                return replace(self[key], **(_UNPRICED if unpriced else {}), **(_ELSEWHERE if elsewhere else {}))
        return self._same_model(model)

    def _same_model(self, model: str) -> ModelInfo | None:
        """What holds for a model wherever it runs, from the entry that says most lately."""
        identity = identify(model)
        if identity is None:
            return None
        if self._same is None:
            index: dict[tuple[str | None, str], list[str]] = {}
            for name in self._models:
                if (other := identify(name)) is not None:
                    index.setdefault((other.maker, other.model), []).append(name)
            self._same = index
        names = self._same.get((identity.maker, identity.model), ())
        if not names:
            return None

        def rank(name: str) -> tuple[bool, str, bool, int, str]:
            other, info = identify(name), self[name]
            assert other is not None
            dated = other.snapshot == identity.snapshot
            return not dated, _backwards(info.as_of), other.host != other.maker, len(name), name

        best, *others = (self[name] for name in sorted(names, key=rank))
        facts = {
            name: next((value for other in others if (value := getattr(other, name)) is not None), None)
            for name in _OF_THE_MODEL
            if getattr(best, name) is None
        }
        return replace(best, **{**facts, **_UNPRICED, **_ELSEWHERE, "id": model})

    def retiring(self, within: timedelta = RETIRING_WITHIN, *, now: datetime | None = None) -> list[ModelInfo]:
        """Models that are withdrawn within this time (or were already), the soonest first."""
        until = (now or datetime.now(UTC)) + within
        models = (self[name] for name in self._models)
        return sorted((m for m in models if m.retires and m.retires <= until), key=lambda m: (m.retires, m.id))

    def window(self, model: str) -> int | None:
        """Context window of an id in tokens, if known."""
        found = self.lookup(model)
        return None if found is None else found.context_window

    def filter(
        self,
        *,
        api: str | None = None,
        provider: str | None = None,
        maker: str | None = None,
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
                and (maker is None or (m.identity is not None and m.identity.maker == maker))
                and (application is None or m.application == application)
                and (geolocation is None or m.geolocation == geolocation)
                and (min_context is None or (m.context_window or 0) >= min_context)
                and _at_most(m.input_price, max_input_price)
                and _at_most(m.output_price, max_output_price)
                and all(getattr(m, flags[name]) is wanted for name, wanted in supports.items())
                and (where is None or where(m))
            )

        return sorted((m for m in self.values() if fits(m)), key=lambda m: m.id)


def _at_most(price: Decimal | None, limit: Decimal | float | None) -> bool:
    return limit is None or (price is not None and price <= Decimal(str(limit)))


def _backwards(text: str | None) -> str:
    """Text that sorts the other way round; what has no date (a live entry) comes first."""
    return "" if text is None else "".join(chr(0x10FF - ord(c)) for c in text if ord(c) < 0x10FF)


@cache
def bundled() -> Catalog:
    """The snapshot that ships with the package, for look-ups without a request; ``as_of`` tells its month."""
    import importlib.resources

    data = importlib.resources.files("requesty_core").joinpath("data/catalog.json").read_bytes()
    body = decode_json(data)
    return Catalog.from_entries(body["data"], as_of=body["as_of"])
