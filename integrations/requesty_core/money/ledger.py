"""Ledgers add up the usage and cost of calls: in total, and per model, tag and trace."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from requesty_core.lifetime import renewed_after_fork

from .usage import Usage

__all__ = ["CostLedger", "LedgerEntry", "LedgerSnapshot"]


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Totals of one group: attempts, tokens and money.

    Attributes:
        calls: attempts that were billed, or may have been: answered ones, and those that were sent and then lost.
        cost: the known costs in USD.
        unknown: attempts whose cost was not told.
        estimated: what those probably cost in USD, by catalogue prices; not part of ``cost``, and no more than a hint.
    """

    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)
    unknown: int = 0
    estimated: Decimal = Decimal(0)

    def plus(self, usage: Usage | None, estimate: Decimal | None = None) -> LedgerEntry:
        """This entry with one more attempt."""
        cost = None if usage is None else usage.cost
        return LedgerEntry(
            calls=self.calls + 1,
            input_tokens=self.input_tokens + (usage.input_tokens if usage else 0),
            output_tokens=self.output_tokens + (usage.output_tokens if usage else 0),
            cost=self.cost + (cost or 0),
            unknown=self.unknown + (cost is None),
            estimated=self.estimated + (estimate or 0 if cost is None else 0),
        )


@dataclass(frozen=True, slots=True)
class LedgerSnapshot:
    """What a ledger held at one moment: the total, and the same per requested model, tag and trace id."""

    total: LedgerEntry
    by_model: Mapping[str, LedgerEntry]
    by_tag: Mapping[str, LedgerEntry]
    by_trace: Mapping[str, LedgerEntry]


_ledgers: weakref.WeakSet[CostLedger] = weakref.WeakSet()


def ledgers() -> tuple[CostLedger, ...]:
    """Every ledger of this process that is in use."""
    return tuple(_ledgers)


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
        renewed_after_fork(self)
        _ledgers.add(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()

    def _clear(self) -> None:
        self._total = LedgerEntry()
        self._models: dict[str, LedgerEntry] = {}
        self._tags: dict[str, LedgerEntry] = {}
        self._traces: dict[str, LedgerEntry] = {}

    def record(
        self,
        model: str,
        usage: Usage | None,
        *,
        tags: Iterable[str] = (),
        trace_id: str | None = None,
        estimate: Decimal | None = None,
    ) -> None:
        """Add one attempt that was, or may have been, billed; ``estimate`` stands beside a cost that is unknown."""
        with self._lock:
            self._total = self._total.plus(usage, estimate)
            self._models[model] = self._models.get(model, LedgerEntry()).plus(usage, estimate)
            for tag in tags:
                self._tags[tag] = self._tags.get(tag, LedgerEntry()).plus(usage, estimate)
            if trace_id is not None:
                self._traces[trace_id] = self._traces.get(trace_id, LedgerEntry()).plus(usage, estimate)

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
        renewed_after_fork(self)
        _ledgers.add(self)
