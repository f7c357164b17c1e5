"""Usage reports of the management API (docs/contract.md, section 12)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from requesty_emulator.errors import bad_request
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.records import LedgerEntry
from requesty_emulator.validation import checks

_COUNTERS = {
    "chat": "completions_requests",
    "embedding": "embedding_requests",
    "image": "image_requests",
    "speech": "speech_requests",
    "transcription": "transcription_requests",
}
KEY_GROUPS = ("user_id", "model_requested", "model_used")
ORG_GROUPS = (
    *("group_name", "group_id", "user_id", "api_key_id", "model_requested", "model_used"),
    *("provider_used", "is_byok", "origin_title"),
)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)
_MAX_RANGE = timedelta(days=100)


def usage_report(call: Call, entries: Iterable[LedgerEntry], allowed: tuple[str, ...]) -> dict[str, Any]:
    """``{"usage": {PERIOD: …}}`` for the range, resolution and groups that the query asks for."""
    start, end, resolution, groups = _query(call, allowed)
    group_names = {group.id: group.name for group in call.core.state.groups.values()}
    periods: dict[str, list[LedgerEntry]] = {}
    for entry in entries:
        if start <= entry.at < end:
            periods.setdefault(_PERIOD[resolution](entry.at), []).append(entry)

    def value(entry: LedgerEntry, name: str) -> str:
        return group_names.get(entry.group_id or "", "") if name == "group_name" else entry.value(name)

    usage = {}
    for period, rows in sorted(periods.items()):
        usage[period] = _totals(rows)
        if groups:
            split: dict[tuple[str, ...], list[LedgerEntry]] = {}
            for entry in rows:
                split.setdefault(tuple(value(entry, name) for name in groups), []).append(entry)
            usage[period]["grouped_data"] = [
                {"group_by_values": dict(zip(groups, values, strict=True)), **_totals(part)}
                for values, part in sorted(split.items())
            ]
    return {"usage": usage}


def _query(call: Call, allowed: tuple[str, ...]) -> tuple[datetime, datetime, str, list[str]]:
    pairs = parse_qsl(call.query_string, keep_blank_values=True)
    if not pairs and call.record.raw:
        # An older docs page puts the range into a JSON body on GET.
        try:
            body = msgspec.json.decode(call.record.raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise bad_request("the body is not valid JSON") from exc
        for name, raw in checks.obj(body, "body").items():
            pairs += [(name, str(item)) for item in (raw if isinstance(raw, list) else [raw])]
    values = dict(pairs)
    if not values.get("start"):
        raise bad_request("missing required query parameter 'start'")
    start = _time(values["start"], "start")
    end = _time(values["end"], "end") if values.get("end") else min(start, _LATEST) + timedelta(hours=24)
    if end < start:
        raise bad_request("end must not be before start")
    if end - start > _MAX_RANGE:
        raise bad_request("the range must not exceed 100 days")
    resolution = checks.one_of(values.get("resolution") or "day", "resolution", _PERIOD)
    groups = [value for name, value in pairs if name in ("group_by", "group_by[]")]
    for name in groups:
        if name not in allowed and not re.fullmatch(r"extra\..+", name):
            raise bad_request(f"group_by must be one of {', '.join(allowed)} or extra.FIELD, not {name!r}")
    return start, end, resolution, groups


def _time(text: str, where: str) -> datetime:
    try:
        value = datetime.fromisoformat(text.replace(" ", "+"))
    except ValueError as exc:
        raise bad_request(f"{where} must be an RFC 3339 time, not {text!r}") from exc
    return value if value.tzinfo else value.replace(tzinfo=UTC)


_PERIOD: dict[str, Callable[[datetime], str]] = {
    "hour": lambda at: at.strftime("%Y-%m-%dT%H:00:00Z"),
    "day": lambda at: at.strftime("%Y-%m-%dT00:00:00Z"),
    "month": lambda at: at.strftime("%Y-%m-01T00:00:00Z"),
}


def _totals(rows: list[LedgerEntry]) -> dict[str, Any]:
    totals: dict[str, Any] = dict.fromkeys(_COUNTERS.values(), 0)
    for entry in rows:
        totals[_COUNTERS[entry.kind]] += entry.calls
    tokens_in = sum(entry.input_tokens for entry in rows)
    tokens_out = sum(entry.output_tokens for entry in rows)
    return {
        **totals,
        "total_requests": sum(entry.calls for entry in rows),
        "spend": money(sum((entry.spend for entry in rows), Decimal(0))),
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "total_tokens": tokens_in + tokens_out,
    }


def money(amount: Decimal) -> str:
    """A decimal string without an exponent, as management traffic carries money."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
