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

_MARKS = ", ".join(f":{name}" for name in ATTEMPTS)
_INSERT = f"INSERT INTO requesty_attempts ({', '.join(ATTEMPTS)}) VALUES ({_MARKS}) ON CONFLICT (id) DO NOTHING"


def write(connection: Connection, entries: Iterable[Entry]) -> None:
    """Write entries; those that stand there already are left as they are."""
    from sqlalchemy import text

    every = list(entries)
    rows = [_values(entry) for entry in every if isinstance(entry, LedgerRow)]
    if rows:
        connection.execute(text(_INSERT), rows)
    settlements = [entry for entry in every if isinstance(entry, Settlement)]
    if settlements:
        from .budgets import settle

        settle(connection, settlements)


def _values(row: LedgerRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": row.at,
        "day": row.day,
        "model": row.model,
        "served_model": row.served_model,
        "provider": row.provider,
        "framework": row.framework,
        "key_id": row.key,
        "tags": tags_text(row.tags),
        "user_id": row.user,
        "trace_id": row.trace,
        "request_id": row.request_id,
        "outcome": row.outcome,
        "phase": row.phase,
        "status": row.status,
        "error": row.error,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "total_tokens": row.total_tokens,
        "cached_tokens": row.cached_tokens,
        "caching_tokens": row.caching_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "cost": to_units(row.cost),
        "estimate": to_units(row.estimate),
        "latency": row.latency,
        "first_token": row.time_to_first_token,
        "counted": int(row.counted),
    }


def tags_text(tags: Sequence[str]) -> str:
    """Tags as they stand in the column."""
    return json.dumps(list(dict.fromkeys(tags)), ensure_ascii=False)
