"""Tokens and money of a call, and the ledgers and budgets that add them up.

Cost is ``Decimal`` USD or ``None``. ``None`` means the gateway did not say; it is never turned into zero, and zero
(a free model) is never turned into ``None``.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from typing import Any

from .errors import BudgetExceededError, ConfigurationError

__all__ = [
    "Budget",
    "CostLedger",
    "LedgerEntry",
    "LedgerSnapshot",
    "Usage",
    "count",
    "money",
    "parse_usage",
    "sum_usage",
]


def money(value: object) -> Decimal | None:
    """A finite amount from a JSON number or decimal string, else ``None``. The gateway sends both forms."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    try:
        amount = Decimal(str(value) if isinstance(value, float) else value)
    except InvalidOperation:
        return None
    # Beyond any exponent that arithmetic can carry, it is no amount: adding it up would fail.
    return amount if amount.is_finite() and abs(amount.adjusted()) < 10_000 else None


def count(value: object) -> int:
    """A number of tokens or requests; 0 for anything that is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return 0
    return max(int(value), 0)


def _add_money(left: Decimal | None, right: Decimal | None) -> Decimal | None:
    if left is None or right is None:
        return None
    return left + right


@dataclass(frozen=True, slots=True)
class Usage:
    """Usage of one call or of several added together.

    Attributes:
        input_tokens: prompt tokens, cache reads and writes included.
        output_tokens: completion tokens, reasoning included.
        total_tokens: as reported; may exceed input + output (seen with Gemini thinking).
        cached_tokens: prompt tokens read from the provider's cache.
        caching_tokens: prompt tokens written to the provider's cache.
        reasoning_tokens: part of ``output_tokens`` spent on reasoning.
        cost: USD as billed by the gateway; ``None`` if it did not say.
        raw: the usage object as received, unknown fields included.
        estimated: the cost was computed from catalogue prices at the caller's request.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cached_tokens: int = 0
    caching_tokens: int = 0
    reasoning_tokens: int = 0
    cost: Decimal | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    estimated: bool = False

    def __add__(self, other: Usage) -> Usage:
        """Add counts; the cost of a sum is known only if both costs are."""
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            total_tokens=self.total_tokens + other.total_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            caching_tokens=self.caching_tokens + other.caching_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cost=_add_money(self.cost, other.cost),
            estimated=self.estimated or other.estimated,
        )


def sum_usage(usages: Iterable[Usage]) -> Usage | None:
    """The usages added together, ``None`` for none. The cost is ``None`` as soon as one of them is unknown."""
    total: Usage | None = None
    for usage in usages:
        total = usage if total is None else total + usage
    return None if total is None else replace(total, raw=total.raw)


def parse_usage(raw: object) -> Usage | None:
    """Read a usage object in chat, embeddings, Messages or Responses spelling; ``None`` if it is not an object."""
    if not isinstance(raw, Mapping):
        return None
    prompt = raw.get("prompt_tokens")
    completion = raw.get("completion_tokens")
    input_tokens = count(raw.get("input_tokens") if prompt is None else prompt)
    output_tokens = count(raw.get("output_tokens") if completion is None else completion)
    details = raw.get("prompt_tokens_details") or raw.get("input_tokens_details")
    details = details if isinstance(details, Mapping) else {}
    out_details = raw.get("completion_tokens_details") or raw.get("output_tokens_details")
    out_details = out_details if isinstance(out_details, Mapping) else {}
    cached = details.get("cached_tokens", raw.get("cache_read_input_tokens"))
    caching = details.get("caching_tokens", raw.get("cache_creation_input_tokens"))
    cost = money(raw.get("cost"))
    return Usage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        total_tokens=count(raw.get("total_tokens")) or input_tokens + output_tokens,
        cached_tokens=count(cached),
        caching_tokens=count(caching),
        reasoning_tokens=count(out_details.get("reasoning_tokens")),
        cost=money(raw.get("total_cost")) if cost is None else cost,
        raw=raw,
    )


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Totals of one group. ``cost`` adds the known costs; ``unknown`` counts the calls whose cost was not told."""

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    unknown: int = 0

    def plus(self, usage: Usage | None) -> LedgerEntry:
        """This entry with one more call."""
        cost = None if usage is None else usage.cost
        return LedgerEntry(
            calls=self.calls + 1,
            input_tokens=self.input_tokens + (usage.input_tokens if usage else 0),
            output_tokens=self.output_tokens + (usage.output_tokens if usage else 0),
            cost=self.cost + (cost or 0),
            unknown=self.unknown + (cost is None),
        )


@dataclass(frozen=True, slots=True)
class LedgerSnapshot:
    """What a ledger held at one moment: the total, and the same per requested model, tag and trace id."""

    total: LedgerEntry
    by_model: Mapping[str, LedgerEntry]
    by_tag: Mapping[str, LedgerEntry]
    by_trace: Mapping[str, LedgerEntry]


class CostLedger:
    """Adds up usage and cost of every attempt of every client it is given to. Safe to share between threads.

    >>> ledger = CostLedger()
    >>> ledger.record("openai/gpt-4o-mini", Usage(input_tokens=3, cost=Decimal("0.01")), tags=["docs"])
    >>> ledger.total.cost
    Decimal('0.01')
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self._total = LedgerEntry()
        self._models: dict[str, LedgerEntry] = {}
        self._tags: dict[str, LedgerEntry] = {}
        self._traces: dict[str, LedgerEntry] = {}

    def record(self, model: str, usage: Usage | None, *, tags: Iterable[str] = (), trace_id: str | None = None) -> None:
        """Add one billed attempt."""
        with self._lock:
            self._total = self._total.plus(usage)
            self._models[model] = self._models.get(model, LedgerEntry()).plus(usage)
            for tag in tags:
                self._tags[tag] = self._tags.get(tag, LedgerEntry()).plus(usage)
            if trace_id is not None:
                self._traces[trace_id] = self._traces.get(trace_id, LedgerEntry()).plus(usage)

    @property
    def total(self) -> LedgerEntry:
        """Everything recorded since the last reset."""
        with self._lock:
            return self._total

    def _snapshot(self) -> LedgerSnapshot:
        return LedgerSnapshot(self._total, dict(self._models), dict(self._tags), dict(self._traces))

    def snapshot(self) -> LedgerSnapshot:
        """A copy of the totals that later calls do not change."""
        with self._lock:
            return self._snapshot()

    def reset(self) -> LedgerSnapshot:
        """Start from zero; returns what was held, so that no call is lost between reading and clearing."""
        with self._lock:
            snapshot = self._snapshot()
            self._clear()
            return snapshot

    def __deepcopy__(self, memo: dict[int, Any]) -> CostLedger:
        # A ledger is an account, not a value: copies of a model keep booking on the same account.
        return self

    def __getstate__(self) -> LedgerSnapshot:
        return self.snapshot()

    def __setstate__(self, state: LedgerSnapshot) -> None:
        self._lock = threading.Lock()
        self._total = state.total
        self._models, self._tags, self._traces = dict(state.by_model), dict(state.by_tag), dict(state.by_trace)


class Budget:
    """Refuses the next call once ``limit`` USD are spent; a call in flight is never cut off.

    Calls whose cost the gateway does not tell cannot be counted; ``unknown`` says how many there were.
    """

    def __init__(self, limit: Decimal | float | str) -> None:
        amount = money(limit)
        if amount is None or amount < 0:
            raise ConfigurationError(f"budget: {limit!r} is not an amount; give USD as a number of at least 0")
        self.limit = amount
        self._ledger = CostLedger()

    @property
    def spent(self) -> Decimal:
        """USD spent so far."""
        return self._ledger.total.cost

    @property
    def unknown(self) -> int:
        """Calls whose cost was not told, which ``spent`` therefore lacks."""
        return self._ledger.total.unknown

    def record(self, usage: Usage | None) -> None:
        """Count one attempt."""
        self._ledger.record("", usage)

    def check(self) -> None:
        """Raise :class:`BudgetExceededError` if the budget is spent."""
        spent = self.spent
        if spent >= self.limit:
            raise BudgetExceededError(
                f"budget: {spent} of {self.limit} USD is spent; raise the limit or use a new Budget"
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> Budget:
        # A budget is shared by all copies of a model, or a copy would be a way around it.
        return self
