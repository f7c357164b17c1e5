"""What is asked of a store: totals by one name, and rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Literal, get_args

from requesty_core.errors import ConfigurationError
from requesty_core.money.entries import LedgerEntry
from requesty_core.settings.checks import shown

from .rows import LedgerRow, from_units
from .schema import ATTEMPTS

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["By", "Filters", "Moment", "rows", "totals"]

By = Literal["model", "tag", "user", "day", "framework", "key", "trace"]
Moment = datetime | date | str

_COLUMNS = {
    "model": "model",
    "user": "user_id",
    "day": "day",
    "framework": "framework",
    "key": "key_id",
    "trace": "trace_id",
}

# Sums in two halves: SQLite adds in 64 bits.
_SUMS = """count(*), sum(input_tokens), sum(output_tokens),
    sum(cost / 1000000), sum(cost % 1000000), sum(CASE WHEN cost IS NULL THEN 1 ELSE 0 END),
    sum(CASE WHEN cost IS NULL THEN estimate / 1000000 ELSE 0 END),
    sum(CASE WHEN cost IS NULL THEN estimate % 1000000 ELSE 0 END)"""


@dataclass(frozen=True, slots=True)
class Filters:
    """Which attempts are meant: all that match everything given.

    ``since`` is the first moment and ``until`` the first one after, UTC; a date is its midnight.
    """

    since: Moment | None = None
    until: Moment | None = None
    model: str | None = None
    tag: str | None = None
    user: str | None = None
    framework: str | None = None
    key: str | None = None
    trace: str | None = None

    def where(self) -> tuple[str, dict[str, Any]]:
        """The condition, tags aside, and its values. Raises :class:`ConfigurationError` for what is no moment."""
        values: dict[str, Any] = {
            name: value for name in _COLUMNS if name != "day" and (value := getattr(self, name)) is not None
        }
        parts = [f"{_COLUMNS[name]} = :{name}" for name in values]
        for name, operator in (("since", ">="), ("until", "<")):
            given = getattr(self, name)
            if given is not None:
                values[name] = microseconds(given, name)
                parts.append(f"at {operator} :{name}")
        return " AND ".join(parts) or "1 = 1", values

    def takes(self, tags: list[str]) -> bool:
        """Whether an attempt with these tags is meant."""
        return self.tag is None or self.tag in tags


def microseconds(moment: object, setting: str) -> int:
    """Microseconds since 1970. Raises :class:`ConfigurationError` for what is neither a date nor a time."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError:
            raise ConfigurationError(
                f"{setting}: {shown(moment)} is no date; write it as 2026-11-26 or 2026-11-26T08:00Z"
            ) from None
    if isinstance(moment, date) and not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if not isinstance(moment, datetime):
        raise ConfigurationError(f"{setting}: {shown(moment)} is no date; give a date, a datetime or its ISO text")
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round((aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1_000_000)


def totals(connection: Connection, by: By | None, filters: Filters) -> dict[str | None, LedgerEntry]:
    """What was spent, by the values of one name; what has none of it is under ``None``. Without ``by``, one entry.

    An attempt with several tags counts under each. Raises :class:`ConfigurationError` for an unknown name.
    """
    from sqlalchemy import text

    if by is not None and by not in get_args(By):
        raise ConfigurationError(f"by: {shown(by)} is unknown; use one of {', '.join(get_args(By))}")
    column = _COLUMNS.get(by or "", "NULL")
    # A few sets of tags are common to many attempts: they are taken apart here, which no two databases do alike.
    has_tags = by == "tag" or filters.tag is not None
    names = f"{column}, {'tags' if has_tags else 'NULL'}"
    where, values = filters.where()
    groups = [name for name in (column, "tags" if has_tags else "NULL") if name != "NULL"]
    query = f"SELECT {names}, {_SUMS} FROM requesty_attempts WHERE counted = 1 AND {where}"
    if groups:
        query += f" GROUP BY {', '.join(groups)}"
    found: dict[str | None, LedgerEntry] = {}
    for value, tags_text, *sums in connection.execute(text(query), values):
        tags = json.loads(tags_text) if tags_text else []
        if not filters.takes(tags) or not sums[0]:
            continue
        for name in (tags or [None]) if by == "tag" else [value]:
            found[name] = found.get(name, LedgerEntry()).joined(_entry(sums))
    return dict(sorted(found.items(), key=lambda item: (item[0] is None, item[0] or "")))


def _entry(sums: list[Any]) -> LedgerEntry:
    calls, tokens_in, tokens_out, cost_high, cost_low, unknown, estimate_high, estimate_low = (
        int(n or 0) for n in sums
    )
    return LedgerEntry(
        calls=calls,
        input_tokens=tokens_in,
        output_tokens=tokens_out,
        cost=from_units(cost_high * 1_000_000 + cost_low),
        unknown=unknown,
        estimated=from_units(estimate_high * 1_000_000 + estimate_low),
    )


def rows(connection: Connection, filters: Filters) -> Iterator[LedgerRow]:
    """Every attempt meant, the oldest first."""
    from sqlalchemy import text

    where, values = filters.where()
    query = f"SELECT {', '.join(ATTEMPTS)} FROM requesty_attempts WHERE {where} ORDER BY at, id"
    for found in connection.execution_options(yield_per=1000).execute(text(query), values).mappings():
        tags = json.loads(found["tags"])
        if filters.takes(tags):
            yield _row(found, tags)


def _row(found: Any, tags: list[str]) -> LedgerRow:
    same = (
        *("id", "at", "model", "served_model", "provider", "framework", "request_id", "outcome", "phase", "status"),
        *("error", "input_tokens", "output_tokens", "total_tokens", "cached_tokens", "caching_tokens"),
        *("reasoning_tokens", "latency"),
    )
    return LedgerRow(
        **{name: found[name] for name in same},
        key=found["key_id"],
        tags=tuple(tags),
        user=found["user_id"],
        trace=found["trace_id"],
        cost=None if found["cost"] is None else from_units(found["cost"]),
        estimate=None if found["estimate"] is None else from_units(found["estimate"]),
        time_to_first_token=found["first_token"],
        counted=bool(found["counted"]),
        resent=bool(found["resent"]),
    )
