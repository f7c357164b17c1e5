"""A ledger held against the gateway's own usage report, day by day: what is the same, and what differs and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from .entries import LedgerEntry

__all__ = ["Reported", "Verdict", "reconcile"]

TOLERANCE = Decimal("0.000001")
"""USD by which two sums may differ and still be called the same: reports may be rounded."""

Cause = Literal["same", "unknown", "not_in_ledger", "not_at_gateway"]


@dataclass(frozen=True, slots=True)
class Reported:
    """What the gateway reports of one day: requests and USD."""

    calls: int = 0
    cost: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One day of one key.

    ``cause``: ``same``; ``unknown`` (the gateway has more, and the ledger has attempts whose cost it was not told);
    ``not_in_ledger`` (the gateway has more, with nothing in the ledger to explain it); ``not_at_gateway`` (the ledger
    has more).
    """

    day: str
    ledger: LedgerEntry
    gateway: Reported
    cause: Cause

    @property
    def difference(self) -> Decimal:
        """USD that the gateway reports beyond the ledger; negative where the ledger has more."""
        return self.gateway.cost - self.ledger.cost

    @property
    def why(self) -> str:
        """The cause in words."""
        ledger, more = self.ledger, abs(self.difference)
        if self.cause == "same":
            return "the same"
        if self.cause == "unknown":
            calls = "1 attempt" if ledger.unknown == 1 else f"{ledger.unknown} attempts"
            return f"{more:f} more at the gateway: {calls} of unknown cost, about {ledger.estimated:f}"
        if self.cause == "not_in_ledger":
            return f"{more:f} more at the gateway: calls that were not booked here"
        return f"{more:f} more in the ledger: another key, or counted on another day"


def reconcile(ledger: Mapping[str, LedgerEntry], gateway: Mapping[str, Reported]) -> list[Verdict]:
    """A verdict for each day (``2026-11-26``, UTC) that either knows, in order."""
    days = sorted(ledger.keys() | gateway.keys())
    return [_judge(day, ledger.get(day, LedgerEntry()), gateway.get(day, Reported())) for day in days]


def _judge(day: str, ledger: LedgerEntry, gateway: Reported) -> Verdict:
    difference = gateway.cost - ledger.cost
    cause: Cause = "not_in_ledger" if difference > 0 else "not_at_gateway"
    if abs(difference) <= TOLERANCE:
        cause = "same"
    elif difference > 0 and ledger.unknown:
        cause = "unknown"
    return Verdict(day, ledger, gateway, cause)
