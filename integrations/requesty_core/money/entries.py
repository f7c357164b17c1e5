"""Totals of a group of attempts: tokens and money."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from requesty_core.values import Value

from .exact import EXACT, total
from .usage import Usage

__all__ = ["LedgerEntry", "LedgerSnapshot"]


class LedgerEntry(Value, frozen=True):
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
            self.calls + 1,
            self.input_tokens + (usage.input_tokens if usage else 0),
            self.output_tokens + (usage.output_tokens if usage else 0),
            self.cost if cost is None else EXACT.add(self.cost, cost),
            self.unknown + (cost is None),
            self.estimated if estimate is None or cost is not None else EXACT.add(self.estimated, estimate),
        )

    def joined(self, other: LedgerEntry) -> LedgerEntry:
        """Both groups as one."""
        return LedgerEntry(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=total((self.cost, other.cost)),
            unknown=self.unknown + other.unknown,
            estimated=total((self.estimated, other.estimated)),
        )


class LedgerSnapshot(Value, frozen=True):
    """What a ledger held at one moment: the total, and the same per requested model, tag and trace id.

    After 10,000 models, or tags, further ones are added up as ``(others)``; of trace ids there are as many as the
    ledger was told to keep, those used last.
    """

    total: LedgerEntry
    by_model: Mapping[str, LedgerEntry]
    by_tag: Mapping[str, LedgerEntry]
    by_trace: Mapping[str, LedgerEntry]
