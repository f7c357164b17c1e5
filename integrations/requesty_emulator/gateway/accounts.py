"""What was billed and worked for: the newest entries one by one, the older ones as totals that stay exact."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from requesty_emulator.gateway.records import LedgerEntry, WorkedAnswer, now
from requesty_emulator.gateway.settings import Settings

__all__ = ["Accounts", "Totals"]

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Totals:
    """Exact sums since the start or the last clear, whatever is kept; costs in USD.

    ``lost`` are answers that were worked for and not sent to their end.
    """

    calls: int = 0
    billed: Decimal = Decimal(0)
    worked: int = 0
    worked_cost: Decimal = Decimal(0)
    lost: int = 0
    lost_cost: Decimal = Decimal(0)


class Accounts:
    """The books of one emulator; locked, because tests read them from their own thread.

    As many entries are kept as requests are (``keep_requests``). Older ones are added up by hour, kind, key, group,
    model and provider; what else they said (user, trace, title, tags, extra) is forgotten.
    """

    def __init__(self, settings: Settings) -> None:
        self.lock = threading.RLock()
        self.entries: list[LedgerEntry] = []
        self.worked: list[WorkedAnswer] = []
        self._settings = settings
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            self.entries.clear()
            self.worked.clear()
            self._older: dict[tuple[object, ...], LedgerEntry] = {}
            self._months: dict[tuple[int, int, str, str], Decimal] = {}
            self._totals = Totals()

    @property
    def totals(self) -> Totals:
        """The sums of all."""
        return self._totals

    def bill(self, entry: LedgerEntry) -> None:
        """Write one billed call down."""
        with self.lock:
            self.entries.append(entry)
            was = self._totals
            self._totals = replace(was, calls=was.calls + 1, billed=was.billed + entry.spend)
            for kind, name in (("key", entry.key_id), ("group", entry.group_id or "")):
                month = (entry.at.year, entry.at.month, kind, name)
                self._months[month] = self._months.get(month, Decimal(0)) + entry.spend
            for old in _dropped(self.entries, self._settings.keep_requests):
                self._add_up(old)

    def _add_up(self, entry: LedgerEntry) -> None:
        hour = entry.at.replace(minute=0, second=0, microsecond=0)
        who = (entry.kind, entry.key_id, entry.group_id)
        key = (hour, *who, entry.model_requested, entry.model_used, entry.provider_used)
        sums = self._older.get(key)
        if sums is None:
            sums = replace(entry, at=hour, user_id=None, trace_id=None, origin_title=None, request_id="")
            sums.tags, sums.extra = (), {}
            self._older[key] = sums
            return
        sums.calls += entry.calls
        sums.spend += entry.spend
        sums.input_tokens += entry.input_tokens
        sums.output_tokens += entry.output_tokens

    def all(self) -> list[LedgerEntry]:
        """The sums of older entries, then those that are kept."""
        with self.lock:
            return [*(replace(one) for one in self._older.values()), *self.entries]

    def monthly_spend(self, kind: str, name: str, at: datetime | None = None) -> Decimal:
        """Spend of a ``key`` or a ``group`` in the calendar month of ``at``, by default this one."""
        at = at or now()
        return self._months.get((at.year, at.month, kind, name), Decimal(0))

    def spend(self, group_by: str) -> dict[str, Decimal]:
        """Billed USD by one of the documented ``group_by`` names."""
        totals: dict[str, Decimal] = {}
        for entry in self.all():
            name = entry.value(group_by)
            totals[name] = totals.get(name, Decimal(0)) + entry.spend
        return totals

    def work(self, answer: WorkedAnswer) -> None:
        """Note an answer that was worked for; it is lost until it is delivered."""
        with self.lock:
            self.worked.append(answer)
            was = self._totals
            self._totals = replace(
                was,
                worked=was.worked + 1,
                worked_cost=was.worked_cost + answer.cost,
                lost=was.lost + 1,
                lost_cost=was.lost_cost + answer.cost,
            )
            _dropped(self.worked, self._settings.keep_requests)

    def deliver(self, answer: WorkedAnswer) -> None:
        """Note that an answer was sent to its end."""
        with self.lock:
            if not answer.delivered:
                answer.delivered = True
                was = self._totals
                self._totals = replace(was, lost=was.lost - 1, lost_cost=was.lost_cost - answer.cost)

    def lost(self, seen: Iterable[str] | None) -> list[WorkedAnswer]:
        """Kept answers that are not among those seen, or without ``seen`` that were not sent to their end."""
        known = None if seen is None else frozenset(seen)
        with self.lock:
            return [one for one in self.worked if (not one.delivered if known is None else one.request_id not in known)]


def _dropped(items: list[_Item], most: int | None) -> list[_Item]:
    """The oldest beyond ``most``, taken out."""
    over = 0 if most is None else max(len(items) - most, 0)
    old = items[:over]
    del items[:over]
    return old
