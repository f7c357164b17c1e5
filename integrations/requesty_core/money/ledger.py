"""Ledgers add up the usage and cost of calls: in total, and per model, tag and trace; in a store they last."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from requesty_core.errors import ConfigurationError
from requesty_core.lifetime import renewed_after_fork
from requesty_core.settings.config import check_count

from .entries import LedgerEntry, LedgerSnapshot
from .usage import Usage

if TYPE_CHECKING:
    from .history import LedgerHistory
    from .store.rows import LedgerRow
    from .store.store import Store

__all__ = ["CostLedger", "LedgerEntry", "LedgerSnapshot"]


class CostLedger:
    """Adds up usage and cost of every attempt of every client it is given to. Safe to share between threads.

    Args:
        store: where every attempt is written down for good: the path of an SQLite file (made if there is none), or a
            URL, ``sqlite:///PATH`` or ``postgresql://USER@HOST/NAME``. Needs the extra ``[ledger]``. Any number of
            ledgers, threads and processes may have one store. Without one, everything is in this object.
        traces: how many trace ids have totals of their own: those used last. 0 adds up none. A store keeps them all.

    ``total``, ``snapshot`` and ``reset`` are of what this object booked; ``history`` is of everything in the store.
    Raises :class:`ConfigurationError` in one line for a store that cannot be used, and
    :class:`~requesty_core.extras.MissingExtraError` where SQLAlchemy is not installed. A store that fails later fails
    no call: see ``pending``.

    >>> ledger = CostLedger()
    >>> ledger.record("openai/gpt-4o-mini", Usage(input_tokens=3, cost=Decimal("0.01")), tags=["docs"])
    >>> ledger.total.cost
    Decimal('0.01')
    """

    def __init__(self, store: str | os.PathLike[str] | None = None, *, traces: int = 1_000) -> None:
        self._most_traces = check_count(traces, "ledger: traces")
        self._store = None if store is None else _opened(store)
        self._set_up()
        self._clear()

    def _set_up(self) -> None:
        self._after_fork()
        renewed_after_fork(self)
        _ledgers.add(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()

    def _clear(self) -> None:
        self._late: list[tuple[str, Usage | None, Iterable[str], str | None, Decimal | None]] = []
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
        tags = tuple(tags)
        self._add(model, usage, tags, trace_id, estimate)
        if self._store is not None:
            from .store.rows import row

            now = time.time_ns() // 1000
            self._store.put([row(model, usage, at=now, tags=tags, trace=trace_id, estimate=estimate)])

    def book(self, row: LedgerRow, usage: Usage | None = None) -> None:
        """Add one attempt with everything that is known of it; one that is not ``counted`` is only written down.

        ``usage`` is the row's, for callers that have it at hand.
        """
        if row.counted:
            self._add(row.model, usage or row.usage, row.tags, row.trace, row.estimate)
        if self._store is not None:
            self._store.put([row])

    def _add(
        self, model: str, usage: Usage | None, tags: Iterable[str], trace: str | None, estimate: Decimal | None
    ) -> None:
        # Added up when somebody asks, or many at once: in the middle of a call this costs several times as much.
        with self._lock:
            self._late.append((model, usage, tags, trace, estimate))
            if len(self._late) >= _MOST_LATE:
                self._add_up()

    def _add_up(self) -> None:
        late, self._late = self._late, []
        for model, usage, tags, trace, estimate in late:
            self._total = self._total.plus(usage, estimate)
            _book(self._models, model, usage, estimate)
            for tag in tags:
                _book(self._tags, tag, usage, estimate)
            if trace is not None and self._most_traces:
                # Out and in again: the order is that of their last use.
                self._traces[trace] = self._traces.pop(trace, _NOTHING).plus(usage, estimate)
                while len(self._traces) > self._most_traces:
                    del self._traces[next(iter(self._traces))]

    @property
    def total(self) -> LedgerEntry:
        """Everything this object recorded since the last reset."""
        with self._lock:
            self._add_up()
            return self._total

    def _snapshot(self) -> LedgerSnapshot:
        self._add_up()
        return LedgerSnapshot(self._total, dict(self._models), dict(self._tags), dict(self._traces))

    def snapshot(self) -> LedgerSnapshot:
        """A copy of the totals that later calls do not change."""
        with self._lock:
            return self._snapshot()

    def reset(self) -> LedgerSnapshot:
        """Start from zero; returns what was held, so that no call is lost between reading and clearing.

        What stands in the store stays there.
        """
        with self._lock:
            snapshot = self._snapshot()
            self._clear()
            return snapshot

    @property
    def is_lasting(self) -> bool:
        """Whether it has a store."""
        return self._store is not None

    @property
    def history(self) -> LedgerHistory:
        """What stands in the store. Raises :class:`ConfigurationError` if there is none."""
        from .history import LedgerHistory

        return LedgerHistory(self._needed())

    @property
    def pending(self) -> int:
        """Attempts booked that the database does not have yet; they are in the journal, and are tried again."""
        return 0 if self._store is None else self._store.pending

    @property
    def lost(self) -> int:
        """Attempts booked that no database, journal or memory could take; 0 in all but a full disk."""
        return 0 if self._store is None else self._store.lost

    @property
    def problem(self) -> str | None:
        """Why the store could not be written when that was last tried; ``None`` if it could."""
        return None if self._store is None else self._store.problem

    def flush(self, timeout: float = 5.0) -> bool:
        """Write what is pending, now; whether nothing is left. Without a store there is nothing to do."""
        return True if self._store is None else self._store.flush(timeout)

    def close(self) -> None:
        """Write what is pending and let go of files and connections, which the next attempt opens again."""
        if self._store is not None:
            self._store.close()

    def _needed(self) -> Store:
        if self._store is None:
            raise ConfigurationError("ledger: has no store; make it with CostLedger(store='spend.db')")
        return self._store

    def __deepcopy__(self, memo: dict[int, Any]) -> CostLedger:
        # A ledger is an account, not a value: copies of a model keep booking on the same account.
        return self

    def __getstate__(self) -> tuple[LedgerSnapshot, str | None, int]:
        return self.snapshot(), None if self._store is None else pickled(self._store), self._most_traces

    def __setstate__(self, state: tuple[LedgerSnapshot, str | None, int]) -> None:
        held, place, self._most_traces = state
        self._store = None if place is None else _opened(place)
        self._set_up()
        self._late = []
        self._total = held.total
        self._models, self._tags, self._traces = dict(held.by_model), dict(held.by_tag), dict(held.by_trace)


def _book(groups: dict[str, LedgerEntry], name: str, usage: Usage | None, estimate: Decimal | None) -> None:
    """Add an attempt to its group, or to that of all others where there are too many."""
    if name not in groups and len(groups) >= _MOST_GROUPS:
        name = OTHERS
    groups[name] = groups.get(name, _NOTHING).plus(usage, estimate)


_NOTHING = LedgerEntry()
_MOST_GROUPS = 10_000
_MOST_LATE = 100
OTHERS = "(others)"
"""The models, or tags, that a ledger met after its first 10,000."""


def _opened(store: object) -> Store:
    from .store.location import Location
    from .store.store import open_store

    return open_store(Location.of(store))


def pickled(store: Store) -> str:
    """The place of a store as a pickle keeps it. Raises :class:`ConfigurationError` if a password is part of it."""
    location = store.location
    if location.has_password:
        raise ConfigurationError(
            f"store: {location.shown} has a password in its URL, which no pickle keeps; "
            "set PGPASSWORD or use a password file"
        )
    return str(location.path) if location.path is not None else location.url


_ledgers: weakref.WeakSet[CostLedger] = weakref.WeakSet()


def ledgers() -> tuple[CostLedger, ...]:
    """Every ledger of this process that is in use."""
    return tuple(_ledgers)
