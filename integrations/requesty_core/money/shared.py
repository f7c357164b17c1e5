"""A budget in a store: its reservations are rows, made and settled in transactions that no other process comes between.

While the store cannot be written, attempts are not refused for it: the budget goes on by what this process knows, and
what was spent meanwhile is carried over with the journal.
"""

from __future__ import annotations

import os
import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING

from requesty_core.errors import BudgetExceededError

from .ledger import pickled
from .limits import Scope, Standing, refusal, reservation
from .store.budgets import forget, open_period, reserve, standing
from .store.location import Location
from .store.rows import Settlement, new_id
from .store.store import open_store

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from .store.database import Database
from .exact import difference, total

__all__ = ["Shared"]

KEPT_SECONDS = 7 * 24 * 3600
"""How long a reservation is remembered after its end, so that a journal found late counts nothing twice."""

_BETWEEN_SECONDS = 3600.0


class Shared:
    """One budget's account in a store.

    Args:
        place: of the store.
        name: of the budget in it.
        expiry: seconds that a reservation of a process that died stays.
    """

    def __init__(self, place: str | os.PathLike[str], name: str, expiry: float) -> None:
        self._store = open_store(Location.of(place, "budget: store"))
        self._name = name
        self._expiry = round(expiry * 1e6)
        self._known: dict[str, Standing] = {}
        self._lock = threading.Lock()
        self._forgotten = 0.0

    @property
    def place(self) -> str:
        """Where it is, for a pickle."""
        return pickled(self._store)

    def standing(self, period: str) -> Standing:
        """How the budget stands. Raises :class:`ConfigurationError` where the store cannot be read."""

        def ask(database: Database) -> Standing:
            with database.reading() as connection:
                return standing(connection, self._name, period, _now())

        return self._store.read(ask)

    def reserve(self, estimate: Decimal | None, limit: Decimal, scope: Scope, period: str) -> tuple[str, Decimal]:
        """Set aside; the id and the amount. Raises :class:`BudgetExceededError`."""
        identity = new_id()

        def attempt(connection: Connection) -> tuple[Standing, Decimal, str | None]:
            open_period(connection, self._name, period)
            self._clean(connection)
            now = standing(connection, self._name, period, _now())
            amount = reservation(estimate, now, limit)
            why = refusal(now, amount, limit, scope, period)
            if why is None:
                reserve(connection, identity, self._name, period, amount, _now() + self._expiry)
            return now, amount, why

        found = self._store.transact(attempt)
        with self._lock:
            if found is None:
                now = self._known.get(period, Standing())
                amount = reservation(estimate, now, limit)
                why = refusal(now, amount, limit, scope, period)
            else:
                now, amount, why = found
            if why is not None:
                raise BudgetExceededError(why)
            self._known[period] = Standing(now.spent, now.reserved + amount, now.calls, now.unknown, now.dearest)
        return identity, amount

    def _clean(self, connection: Connection) -> None:
        if time.monotonic() - self._forgotten > _BETWEEN_SECONDS or not self._forgotten:
            forget(connection, _now() - KEPT_SECONDS * 1_000_000)
            self._forgotten = time.monotonic()

    def settle(self, identity: str, amount: Decimal, period: str, cost: Decimal | None, *, counted: bool) -> None:
        """End a reservation and count ``cost``; it is in the store, or in its journal, when this returns."""
        one = Settlement(
            id=identity or new_id(), at=_now(), budget=self._name, period=period, cost=cost, counted=counted
        )
        self._store.put([one], now=True)
        with self._lock:
            now = self._known.get(period, Standing())
            spent = total((now.spent, cost)) if counted and cost is not None else now.spent
            self._known[period] = Standing(spent, max(difference(now.reserved, amount), Decimal(0)), 0, 0, now.dearest)


def _now() -> int:
    return time.time_ns() // 1000
