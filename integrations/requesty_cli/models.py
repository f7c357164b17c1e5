"""``models``: the catalogue, filtered and sorted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from requesty_core import RequestyClient
from requesty_core.catalog.catalog import RETIRING_WITHIN, Catalog, ModelInfo, bundled

from .output import note, print_rows
from .problems import UsageProblemError

__all__ = ["CAPABILITIES", "Filters", "Sort", "age_of", "fetch", "ordered", "retiring", "show_models"]

MILLION = Decimal(1_000_000)
CAPABILITIES = tuple(
    name.removeprefix("supports_").replace("_", "-")
    for name in ModelInfo.__dataclass_fields__
    if name.startswith("supports_")
)
COLUMNS = (
    ("id", "model"),
    ("context", "context"),
    ("input", "USD/M in"),
    ("output", "USD/M out"),
    ("tool_calling", "tools"),
    ("vision", "vision"),
)


class Sort(StrEnum):
    """What models can be sorted by."""

    ID = "id"
    INPUT_PRICE = "input-price"
    OUTPUT_PRICE = "output-price"
    CONTEXT = "context"


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions; ``None`` and empty ones do not filter. Prices are USD for a million tokens.

    A fact the catalogue does not state never meets a condition.
    """

    search: str | None = None
    capability: tuple[str, ...] = ()
    provider: str | None = None
    app: str | None = None
    hosted_in: str | None = None
    max_input_price: float | None = None
    max_output_price: float | None = None
    min_context: int | None = None

    def __post_init__(self) -> None:
        for name in self.capability:
            if name.replace("_", "-") not in CAPABILITIES:
                raise UsageProblemError(f"--capability: {name!r} is unknown; use one of {', '.join(CAPABILITIES)}")

    def apply(self, catalog: Catalog) -> list[ModelInfo]:
        """The models that meet every condition, by id."""
        wanted: dict[str, Any] = {name.replace("-", "_"): True for name in self.capability}
        search = None if self.search is None else self.search.lower()
        return catalog.filter(
            provider=self.provider,
            application=self.app,
            geolocation=self.hosted_in,
            min_context=self.min_context,
            max_input_price=_per_token(self.max_input_price),
            max_output_price=_per_token(self.max_output_price),
            where=lambda model: search is None or search in model.id.lower(),
            **wanted,
        )

    def options(self) -> dict[str, Filters]:
        """What was asked for, as typed, and the filters without that one condition."""
        without: dict[str, Filters] = {}
        if self.search is not None:
            without[f"the text {self.search!r}"] = replace(self, search=None)
        for name in self.capability:
            rest = tuple(other for other in self.capability if other != name)
            without[f"--capability {name}"] = replace(self, capability=rest)
        for name in ("provider", "app", "hosted_in", "max_input_price", "max_output_price", "min_context"):
            value = getattr(self, name)
            if value is not None:
                shown = f"{value:g}" if isinstance(value, float) else value
                empty: dict[str, Any] = {name: None}
                without[f"--{name.replace('_', '-')} {shown}"] = replace(self, **empty)
        return without


def _per_token(price: float | None) -> Decimal | None:
    return None if price is None else Decimal(str(price)) / MILLION


def ordered(models: list[ModelInfo], sort: Sort, descending: bool) -> list[ModelInfo]:
    """The models in order; those whose value is unknown come last either way."""
    if sort is Sort.ID:
        return sorted(models, key=lambda m: m.id, reverse=descending)
    read: Mapping[Sort, Callable[[ModelInfo], Decimal | int | None]] = {
        Sort.INPUT_PRICE: lambda m: m.input_price,
        Sort.OUTPUT_PRICE: lambda m: m.output_price,
        Sort.CONTEXT: lambda m: m.context_window,
    }
    value = read[sort]
    known = [m for m in models if value(m) is not None]
    unknown = [m for m in models if value(m) is None]
    return sorted(known, key=lambda m: value(m) or 0, reverse=descending) + unknown


def fetch(client: RequestyClient) -> Catalog:
    """What the gateway lists now, managed ids included; kept for every process, as ``client.models.refresh()`` does.

    Raises ``RequestyError``; there is no silent stand-in.
    """
    client.models.refresh()
    return client.models.catalog()


def show_models(
    filters: Filters,
    *,
    client: RequestyClient | None,
    sort: Sort,
    descending: bool,
    as_json: bool,
) -> None:
    """Print the models that meet every condition; without a client, from the catalogue in the package.

    Raises ``RequestyError``.
    """
    catalog = bundled() if client is None else fetch(client)
    found = ordered(filters.apply(catalog), sort, descending)
    if not found:
        if as_json:
            print("[]")
        note(explain(filters, catalog, offline=client is None))
        return
    print_rows(COLUMNS, [row(model) for model in found], as_json=as_json, noun="model")
    if client is None:
        note(f"Catalogue {age_of(catalog)}; without --offline the gateway is asked.")
    if going := retiring(found):
        note(going)


def age_of(catalog: Catalog, today: date | None = None) -> str:
    """How old a catalogue is: "of 2026-09, 2 months old"."""
    if catalog.as_of is None:
        return "of unknown age"
    months = re.match(r"(\d{4})-(\d{2})", catalog.as_of)
    today = today or datetime.now(UTC).date()
    old = 0 if months is None else (today.year - int(months[1])) * 12 + today.month - int(months[2])
    age = "of this month" if old <= 0 else f"{old} month{'' if old == 1 else 's'} old"
    return f"of {catalog.as_of[:10]}, {age}"


def retiring(models: Iterable[ModelInfo], now: datetime | None = None) -> str | None:
    """Which of the models are withdrawn within 90 days, in one line; ``None`` if none is."""
    until = (now or datetime.now(UTC)) + RETIRING_WITHIN
    going = sorted((m.retires, m.id) for m in models if m.retires is not None and m.retires <= until)
    if not going:
        return None
    named = ", ".join(f"{name} ({when:%Y-%m-%d})" for when, name in going)
    return f"Retiring within {RETIRING_WITHIN.days} days: {named}"


def explain(filters: Filters, catalog: Catalog, *, offline: bool) -> str:
    """Why nothing was found: what each condition costs."""
    if not len(catalog):
        return "The gateway lists no models for this key."
    if offline and filters.hosted_in is not None:
        return (
            "--hosted-in: the catalogue that ships with the package does not say where models run; leave out --offline"
        )
    lines = [f"No model of {len(catalog)} meets every condition."]
    for told, without in filters.options().items():
        left = len(without.apply(catalog))
        if left:
            lines.append(f"Without {told}: {left} model{'' if left == 1 else 's'}.")
    if len(lines) == 1 and filters.options():
        lines.append("Leaving out one of them does not help; try fewer.")
    return "\n".join(lines)


def row(model: ModelInfo) -> dict[str, Any]:
    """What is printed of a model. Prices are USD for a million tokens."""
    flags = {
        name.removeprefix("supports_"): getattr(model, name)
        for name in ModelInfo.__dataclass_fields__
        if name.startswith("supports_")
    }
    return {
        "id": model.id,
        "api": model.api,
        "context": model.context_window,
        "max_output": model.max_output_tokens,
        "input": _per_million(model.input_price),
        "output": _per_million(model.output_price),
        "cache_read": _per_million(model.cached_price),
        "cache_write": _per_million(model.caching_price),
        "hosted_in": model.geolocation,
        "app": model.application,
        "retires": None if model.retires is None else f"{model.retires:%Y-%m-%d}",
        **flags,
    }


def _per_million(price: Decimal | None) -> Decimal | None:
    if price is None:
        return None
    # Plain digits: normalize() alone turns 10 into 1E+1.
    return Decimal(f"{(price * MILLION).normalize():f}")
