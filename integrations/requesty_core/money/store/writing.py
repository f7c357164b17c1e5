"""What is written into a store's tables: rows and settlements, each once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from .rows import Entry, LedgerRow, Settlement, to_units
from .schema import ATTEMPTS

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["write"]

_INSERTS = {
    # By the mark of a value; statements and values go to the driver as they are, which takes a third of the time.
    mark: f"INSERT INTO requesty_attempts ({', '.join(ATTEMPTS)}) VALUES ({', '.join([mark] * len(ATTEMPTS))}) "
    "ON CONFLICT (id) DO NOTHING"
    for mark in ("?", "%s")
}


def write(connection: Connection, entries: Iterable[Entry]) -> None:
    """Write entries; those that stand there already are left as they are."""
    every = list(entries)
    rows = [_values(entry) for entry in every if isinstance(entry, LedgerRow)]
    if rows:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        connection.exec_driver_sql(_INSERTS[mark], rows)
    settlements = [entry for entry in every if isinstance(entry, Settlement)]
    if settlements:
        from .budgets import settle

        settle(connection, settlements)


def _values(row: LedgerRow) -> tuple[Any, ...]:
    """In the order of ``ATTEMPTS``."""
    return (
        row.id,
        row.at,
        row.day,
        row.model,
        row.served_model,
        row.provider,
        row.framework,
        row.key,
        tags_text(row.tags),
        row.user,
        row.trace,
        row.request_id,
        row.outcome,
        row.phase,
        row.status,
        row.error,
        row.input_tokens,
        row.output_tokens,
        row.total_tokens,
        row.cached_tokens,
        row.caching_tokens,
        row.reasoning_tokens,
        to_units(row.cost),
        to_units(row.estimate),
        row.latency,
        row.time_to_first_token,
        int(row.counted),
        int(row.resent),
    )


def tags_text(tags: Sequence[str]) -> str:
    """Tags as they stand in the column."""
    return "[]" if not tags else json.dumps(list(dict.fromkeys(tags)), ensure_ascii=False)
