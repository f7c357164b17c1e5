"""What the management API is given: amounts, moments, ranges, URLs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal

from requesty_core.calls.settings import ClientSettings
from requesty_core.errors import ConfigurationError
from requesty_core.money.usage import money

from .management import KINDS
from .requests import path_join

__all__ = [
    "Moment",
    "Permission",
    "Resolution",
    "Role",
    "amount",
    "management_url",
    "models_by_kind",
    "moment",
    "usage_query",
]

Permission = Literal["none", "read", "write"]
Resolution = Literal["hour", "day", "month"]
Role = Literal["admin", "member"]
Moment = datetime | date | str


def amount(value: Decimal | float | str, setting: str) -> Decimal:
    """USD. Raises :class:`ConfigurationError` naming the setting."""
    dollars = money(value)
    if dollars is None or dollars < 0:
        raise ConfigurationError(f"{setting}: {value!r} is not an amount; give USD as a number of at least 0")
    return dollars


def moment(value: Moment, setting: str) -> str:
    """RFC 3339 text; a moment without a zone is UTC. Raises :class:`ConfigurationError` naming the setting."""
    if isinstance(value, datetime):
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00Z"
    if isinstance(value, str) and value:
        return value
    raise ConfigurationError(f"{setting}: {value!r} is not a moment; give a datetime, a date or RFC 3339 text")


def usage_query(
    start: Moment, end: Moment | None, resolution: Resolution | None, group_by: Sequence[str]
) -> list[tuple[str, str]]:
    """The query of a usage route."""
    query = [("start", moment(start, "start"))]
    if end is not None:
        query.append(("end", moment(end, "end")))
    if resolution is not None:
        query.append(("resolution", resolution))
    if isinstance(group_by, str):
        group_by = [group_by]
    return [*query, *(("group_by", g) for g in group_by)]


def management_url(settings: ClientSettings, *segments: str) -> str:
    """The URL of a management route."""
    return path_join(f"{settings.config.management_url}/v1/manage", *segments)


def models_by_kind(models: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The models of an access list. Raises :class:`ConfigurationError` for a kind that does not exist."""
    for kind in models:
        if kind not in KINDS:
            raise ConfigurationError(f"access list: unknown kind {kind!r}; use {', '.join(KINDS)}")
    return {kind: list(ids) for kind, ids in models.items()}
