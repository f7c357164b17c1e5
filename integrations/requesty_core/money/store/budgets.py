"""Budgets that several processes share: reservations and what is spent, changed in one transaction each."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from requesty_core.money.limits import Standing

from .rows import Settlement, from_units, to_units

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["forget", "open_period", "reserve", "settle", "standing"]


def standing(connection: Connection, budget: str, period: str, now: int) -> Standing:
    """How the budget stands; reservations that expired before ``now`` (microseconds) are no more."""
    from sqlalchemy import text

    names = {"budget": budget, "period": period, "now": now}
    found = connection.execute(
        text("SELECT spent, calls, unknown, dearest FROM requesty_budgets WHERE budget = :budget AND period = :period"),
        names,
    ).first()
    reserved = connection.execute(
        text(
            "SELECT sum(amount) FROM requesty_reservations "
            "WHERE budget = :budget AND period = :period AND settled = 0 AND expires > :now"
        ),
        names,
    ).scalar()
    spent, calls, unknown, dearest = found or (0, 0, 0, None)
    return Standing(
        from_units(int(spent)),
        from_units(int(reserved or 0)),
        int(calls),
        int(unknown),
        None if dearest is None else from_units(int(dearest)),
    )


def open_period(connection: Connection, budget: str, period: str) -> None:
    """Make the budget's line, if it has none, and hold it until the transaction ends."""
    from sqlalchemy import text

    names = {"budget": budget, "period": period}
    connection.execute(
        text(
            "INSERT INTO requesty_budgets (budget, period, spent, calls, unknown) VALUES (:budget, :period, 0, 0, 0) "
            "ON CONFLICT (budget, period) DO NOTHING"
        ),
        names,
    )
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT 1 FROM requesty_budgets WHERE budget = :budget AND period = :period FOR UPDATE"), names
        )


def reserve(connection: Connection, identity: str, budget: str, period: str, amount: Decimal, expires: int) -> None:
    """Set aside ``amount`` until ``expires`` (microseconds) or its settlement."""
    from sqlalchemy import text

    connection.execute(
        text(
            "INSERT INTO requesty_reservations (id, budget, period, amount, expires, settled) "
            "VALUES (:id, :budget, :period, :amount, :expires, 0)"
        ),
        {"id": identity, "budget": budget, "period": period, "amount": to_units(amount) or 0, "expires": expires},
    )


def forget(connection: Connection, before: int) -> None:
    """Drop reservations that ended or expired before a moment (microseconds)."""
    from sqlalchemy import text

    connection.execute(text("DELETE FROM requesty_reservations WHERE expires < :before"), {"before": before})


def settle(connection: Connection, settlements: Iterable[Settlement]) -> None:
    """End reservations and count what they cost; one that is settled already is left as it is."""
    # In one order everywhere, so that two processes never wait for each other.
    for one in sorted(settlements, key=lambda settlement: (settlement.budget, settlement.period)):
        open_period(connection, one.budget, one.period)
        if _ends(connection, one) and one.counted:
            _count(connection, one)


def _ends(connection: Connection, one: Settlement) -> bool:
    from sqlalchemy import text

    names = {"id": one.id, "budget": one.budget, "period": one.period}
    done = connection.execute(
        text("UPDATE requesty_reservations SET settled = 1 WHERE id = :id AND settled = 0"), names
    )
    if done.rowcount:
        return True
    # Where the reservation could not be made, its settlement still counts, once.
    made = connection.execute(
        text(
            "INSERT INTO requesty_reservations (id, budget, period, amount, expires, settled) "
            "VALUES (:id, :budget, :period, 0, :expires, 1) ON CONFLICT (id) DO NOTHING"
        ),
        {**names, "expires": one.at},
    )
    return bool(made.rowcount)


def _count(connection: Connection, one: Settlement) -> None:
    from sqlalchemy import text

    cost, names = to_units(one.cost), {"budget": one.budget, "period": one.period}
    connection.execute(
        text(
            "UPDATE requesty_budgets SET spent = spent + :cost, calls = calls + 1, unknown = unknown + :unknown "
            "WHERE budget = :budget AND period = :period"
        ),
        {"cost": cost or 0, "unknown": int(cost is None), **names},
    )
    if cost is not None:
        connection.execute(
            text(
                "UPDATE requesty_budgets SET dearest = :cost WHERE budget = :budget AND period = :period "
                "AND (dearest IS NULL OR dearest < :cost)"
            ),
            {"cost": cost, **names},
        )
