"""``keys`` and ``usage``: what the management API knows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from requesty_core import RequestyClient

from .output import note, print_rows

__all__ = ["show_keys", "show_usage"]


def show_keys(client: RequestyClient, *, as_json: bool) -> None:
    """The organisation's keys; never their secrets. Raises ``RequestyError``."""
    rows = [
        {
            "name": key.name,
            "spent": key.monthly_spend,
            "limit": key.monthly_limit,
            "expires": key.expires_at,
            "id": key.id,
        }
        for key in client.management.keys.list()
    ]
    if not as_json:
        for row in rows:
            row["limit"] = "none" if row["limit"] == 0 else row["limit"]
    if not rows:
        note("The organisation has no keys that this one may see.")
        if as_json:
            print("[]")
        return
    columns = (("name", "key"), ("spent", "spent USD"), ("limit", "limit USD"), ("expires", "expires"), ("id", "id"))
    print_rows(columns, rows, as_json=as_json, noun="key")


def show_usage(client: RequestyClient, *, days: int, group_by: list[str], as_json: bool) -> None:
    """Usage of the key by day, or by what it is grouped by. Raises ``RequestyError``."""
    end = datetime.now(tz=UTC)
    start = end - timedelta(days=days)
    rows: list[dict[str, Any]] = []
    for period in client.management.keys.usage(start=start, end=end, resolution="day", group_by=group_by):
        for entry in period.groups or (period,):
            rows.append(
                {
                    "period": period.period[:10],
                    "group": ", ".join(str(value) or "-" for value in entry.group.values()),
                    "requests": entry.total_requests,
                    "input_tokens": entry.input_tokens,
                    "output_tokens": entry.output_tokens,
                    "tokens": entry.total_tokens,
                    "spend": entry.spend,
                }
            )
    if not rows:
        note(f"Nothing was used in the last {days} day{'' if days == 1 else 's'}.")
        if as_json:
            print("[]")
        return
    columns = [("period", "day"), ("requests", "requests"), ("tokens", "tokens"), ("spend", "USD")]
    if group_by:
        columns.insert(1, ("group", ", ".join(group_by)))
    print_rows(columns, rows, as_json=as_json, noun="row")
