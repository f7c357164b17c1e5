"""Rows as a table in a terminal, as lines with tabs in a pipe, or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

__all__ = ["note", "print_json", "print_rows", "shown"]


def print_rows(
    columns: Sequence[tuple[str, str]], rows: Sequence[Mapping[str, Any]], *, as_json: bool, noun: str
) -> None:
    """Print ``rows``; ``columns`` are (key, title) pairs, and ``noun`` is what one row is.

    JSON holds every key of the rows, the other forms the columns.
    """
    if as_json:
        print_json(rows)
        return
    console = Console()
    if not console.is_terminal:
        for row in rows:
            print("\t".join(shown(row[name]).replace("\t", " ") for name, _ in columns))
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, (_, title) in enumerate(columns):
        table.add_column(title, justify="left" if number == 0 else "right", no_wrap=number > 0, overflow="fold")
    for row in rows:
        table.add_row(*(shown(row[name]) for name, _ in columns))
    console.print(table, markup=False)
    console.print(f"{len(rows)} {noun}{'' if len(rows) == 1 else 's'}", style="dim", highlight=False)


def print_json(value: Any) -> None:
    """Print JSON; amounts are strings, so that they stay exact, and what is unknown is null."""
    print(json.dumps(value, indent=2, default=str, ensure_ascii=False))


def shown(value: Any) -> str:
    """A value for people: ``?`` is unknown."""
    if value is None:
        return "?"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def note(text: str) -> None:
    """A remark on standard error, which leaves standard output to the data."""
    Console(stderr=True).print(text, style="dim", markup=False, highlight=False, soft_wrap=True, emoji=False)
