"""The tables of a store, and how older ones become today's. Versions only grow; each has one step to it."""

from __future__ import annotations

from requesty_core.errors import ConfigurationError

__all__ = ["ATTEMPTS", "MIGRATIONS", "VERSION", "steps_from"]

ATTEMPTS = (
    *("id", "at", "day", "model", "served_model", "provider", "framework", "key_id", "tags", "user_id", "trace_id"),
    *("request_id", "outcome", "phase", "status", "error", "input_tokens", "output_tokens", "total_tokens"),
    *("cached_tokens", "caching_tokens", "reasoning_tokens", "cost", "estimate", "latency", "first_token", "counted"),
    "resent",
)
"""Columns of ``requesty_attempts``. Money is in units of 10⁻¹² USD, time in microseconds, tags are a JSON list."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE IF NOT EXISTS requesty_attempts (
            id TEXT PRIMARY KEY, at BIGINT NOT NULL, day TEXT NOT NULL, model TEXT NOT NULL, served_model TEXT,
            provider TEXT, framework TEXT NOT NULL, key_id TEXT, tags TEXT NOT NULL, user_id TEXT, trace_id TEXT,
            request_id TEXT, outcome TEXT NOT NULL, phase TEXT NOT NULL, status INTEGER, error TEXT,
            input_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL, total_tokens BIGINT NOT NULL,
            cached_tokens BIGINT NOT NULL, caching_tokens BIGINT NOT NULL, reasoning_tokens BIGINT NOT NULL,
            cost BIGINT, estimate BIGINT, latency DOUBLE PRECISION NOT NULL, first_token DOUBLE PRECISION,
            counted INTEGER NOT NULL, resent INTEGER NOT NULL)""",
        "CREATE INDEX IF NOT EXISTS requesty_attempts_at ON requesty_attempts (at)",
    ),
    (
        """CREATE TABLE IF NOT EXISTS requesty_budgets (
            budget TEXT NOT NULL, period TEXT NOT NULL, spent BIGINT NOT NULL, calls BIGINT NOT NULL,
            unknown BIGINT NOT NULL, dearest BIGINT, PRIMARY KEY (budget, period))""",
        """CREATE TABLE IF NOT EXISTS requesty_reservations (
            id TEXT PRIMARY KEY, budget TEXT NOT NULL, period TEXT NOT NULL, amount BIGINT NOT NULL,
            expires BIGINT NOT NULL, settled INTEGER NOT NULL)""",
        "CREATE INDEX IF NOT EXISTS requesty_reservations_open ON requesty_reservations (budget, period, settled)",
        "CREATE INDEX IF NOT EXISTS requesty_reservations_expires ON requesty_reservations (expires)",
    ),
)
"""What makes version 1 out of nothing, version 2 out of version 1, …; in the SQL that SQLite and PostgreSQL share."""

VERSION = len(MIGRATIONS)
"""The version that this package reads and writes."""


def steps_from(version: int, shown: str) -> tuple[str, ...]:
    """The statements that bring a store from ``version`` to today's. Raises :class:`ConfigurationError` for a newer."""
    if version > VERSION:
        raise ConfigurationError(
            f"store: {shown} has schema version {version}, and this release knows up to {VERSION}; "
            "upgrade requesty-adapters"
        )
    return tuple(statement for step in MIGRATIONS[version:] for statement in step)
