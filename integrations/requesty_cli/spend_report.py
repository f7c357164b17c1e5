"""``spend``: what a ledger's store holds, as a table, JSON or a picture, and held against the gateway's report."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from requesty_core import CostLedger, LedgerEntry, RequestyClient
from requesty_core.errors import ConfigurationError
from requesty_core.money.reconcile import Reported, Verdict, reconcile
from requesty_core.money.store.location import Location
from requesty_core.settings.fingerprint import is_fingerprint, key_fingerprint

from .output import check_writable, note, print_json, print_rows
from .problems import ExtraMissingError, UsageProblemError
from .spend import NAMES

if TYPE_CHECKING:
    from requesty_core.money.history import LedgerHistory
    from requesty_core.money.store.reading import By

__all__ = ["check_picture", "day_of", "grouping", "open_history", "plot_spend", "show_reconciled", "show_spend"]

VARIABLE = "REQUESTY_LEDGER"
REPORT_DAYS = 100
"""Longest range of one usage report (documented)."""


def open_history(ledger: str | None) -> LedgerHistory:
    """The history of a ledger that exists. Raises ``UsageProblemError`` in one line."""
    place = ledger or os.environ.get(VARIABLE)
    if not place:
        raise UsageProblemError(f"--ledger: give the path or URL of a ledger, or set {VARIABLE}")
    try:
        location = Location.of(place, "--ledger")
        if location.path is not None and not location.path.exists():
            raise UsageProblemError(f"--ledger: {location.shown} does not exist; give the one that the clients write")
        return CostLedger(store=place).history
    except ConfigurationError as error:
        raise UsageProblemError(error.message.replace("store:", "--ledger:", 1)) from None


def grouping(text: str) -> By:
    """What to add up by. Raises ``UsageProblemError`` for an unknown name."""
    for name in NAMES:
        if text == name:
            return cast("By", name)
    raise UsageProblemError(f"--by: {text[:40]!r} is unknown; use one of {', '.join(NAMES)}")


def day_of(text: str | None, option: str) -> date | None:
    """The day that an option names: a date, or so many days back (``7d``). Raises ``UsageProblemError``."""
    if text is None:
        return None
    if text.endswith("d") and text[:-1].isdecimal():
        return datetime.now(UTC).date() - timedelta(days=min(int(text[:-1]), 36_500))
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageProblemError(f"{option}: {text[:40]!r} is no day; write 2026-11-26, or 7d for a week ago") from None


def show_spend(history: LedgerHistory, *, by: By, since: date | None, as_json: bool) -> dict[str | None, LedgerEntry]:
    """Print what was spent by one name; returns it. Raises ``ConfigurationError`` if it cannot be read."""
    found = history.totals(by, since=since)
    rows = [{by: name, **_record(entry)} for name, entry in found.items()]
    if as_json:
        print_json(rows)
        return found
    if not rows:
        note("The ledger has no attempts" + ("." if since is None else f" since {since}."))
        return found
    shown = [{**row, by: "-" if row[by] is None else row[by]} for row in rows]
    columns = [(by, by), ("calls", "calls"), ("tokens", "tokens"), ("cost", "USD"), ("unknown", "unknown")]
    print_rows(columns, shown, as_json=False, noun=by)
    total = history.total(since=since)
    note(f"Total: {_calls(total.calls)}, {total.cost:f} USD.")
    if total.unknown:
        note(f"{_calls(total.unknown)} of unknown cost, about {total.estimated:f} USD more.")
    return found


def _record(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "calls": entry.calls,
        "input_tokens": entry.input_tokens,
        "output_tokens": entry.output_tokens,
        "tokens": entry.input_tokens + entry.output_tokens,
        "cost": f"{entry.cost:f}",
        "unknown": entry.unknown,
        "estimated": f"{entry.estimated:f}",
    }


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"


def check_picture(path: Path) -> None:
    """Raise ``UsageProblemError`` or ``ExtraMissingError`` where no picture could be made."""
    if path.suffix.lower() not in (".png", ".svg"):
        raise UsageProblemError(f"--plot: {path.name} is no picture; give a name that ends in .png or .svg")
    if not path.parent.is_dir():
        raise UsageProblemError(f"--plot: the folder {path.parent} does not exist")
    check_writable(path, "--plot")
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as missing:
        raise ExtraMissingError(missing.name or "matplotlib", "plot") from None


def plot_spend(found: Mapping[str | None, LedgerEntry], by: str, path: Path) -> None:
    """A bar for each group: known cost, and on top what the calls of unknown cost probably cost."""
    check_picture(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = ["-" if name is None else name for name in found]
    known = [float(entry.cost) for entry in found.values()]
    guessed = [float(entry.estimated) for entry in found.values()]
    figure = Figure(figsize=(8, max(2.0, 0.35 * len(names) + 1.2)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.barh(names, known, color="#4e79a7", label="cost")
    if any(guessed):
        axes.barh(names, guessed, left=known, color="#f28e2b", label="unknown, estimated")
        axes.legend(frameon=False)
    axes.invert_yaxis()
    axes.set_xlabel("USD")
    axes.set_title(f"Spend by {by}", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    note(f"{path} written.")


def key_ids(client: RequestyClient, given: list[str]) -> dict[str, str]:
    """The gateway's id of each key to compare, by fingerprint; the key in use is ``self``."""
    found = {key_fingerprint(client.settings.config.api_key.get()): "self"}
    for pair in given:
        name, separator, identity = pair.partition("=")
        if not separator or not is_fingerprint(name) or not identity:
            raise UsageProblemError("--key-id: write it as FINGERPRINT=ID, with the fingerprint that --by key shows")
        found[name] = identity
    return found


def show_reconciled(
    history: LedgerHistory, client: RequestyClient, *, since: date | None, keys: list[str], as_json: bool
) -> bool:
    """Hold the ledger against the gateway's reports, by day and key; whether nothing differs.

    Raises ``RequestyError``.
    """
    start = since or datetime.now(UTC).date() - timedelta(days=30)
    ids = key_ids(client, keys)
    verdicts = {name: _compared(history, client, name, identity, start) for name, identity in ids.items()}
    others = {name: entry for name, entry in history.totals("key", since=start).items() if name not in ids}
    if as_json:
        print_json([_told(name, one) for name, every in verdicts.items() for one in every])
    else:
        for name, every in verdicts.items():
            _print_key(name, every, start)
    for other, entry in others.items():
        note(f"Not compared: {other or 'no key'}, {_calls(entry.calls)}, {entry.cost:f} USD; see --key-id.")
    return all(one.cause == "same" for every in verdicts.values() for one in every)


def _compared(history: LedgerHistory, client: RequestyClient, name: str, identity: str, start: date) -> list[Verdict]:
    booked = {day or "": entry for day, entry in history.totals("day", key=name, since=start).items()}
    reported: dict[str, Reported] = {}
    end, at = datetime.now(UTC), datetime(start.year, start.month, start.day, tzinfo=UTC)
    while at < end:
        until = min(at + timedelta(days=REPORT_DAYS - 1), end + timedelta(minutes=1))
        for period in client.management.keys.usage(identity, start=at, end=until, resolution="day"):
            if period.total_requests or period.spend:
                reported[period.period[:10]] = Reported(period.total_requests, period.spend or Reported().cost)
        at = until
    return reconcile(booked, reported)


def _told(key: str, one: Verdict) -> dict[str, Any]:
    return {
        "day": one.day,
        "key": key,
        "cause": one.cause,
        "ledger_calls": one.ledger.calls,
        "ledger_cost": f"{one.ledger.cost:f}",
        "unknown": one.ledger.unknown,
        "estimated": f"{one.ledger.estimated:f}",
        "gateway_calls": one.gateway.calls,
        "gateway_cost": f"{one.gateway.cost:f}",
        "difference": f"{one.difference:f}",
    }


def _print_key(key: str, every: list[Verdict], start: date) -> None:
    print(f"{key} since {start}:")
    if not every:
        print("  nothing in the ledger, nothing at the gateway")
    for one in every:
        if one.cause == "same":
            print(f"  {one.day}  the same, {one.ledger.cost:f} USD")
            continue
        print(f"  {one.day}  DIFFERS")
        print(f"    ledger   {one.ledger.cost:f} USD, {_calls(one.ledger.calls)}")
        print(f"    gateway  {one.gateway.cost:f} USD, {_calls(one.gateway.calls)}")
        amount, _, rest = one.why.partition(": ")
        print(f"    {amount}:")
        print(f"      {rest}")
