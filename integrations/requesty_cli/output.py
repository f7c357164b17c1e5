"""Rows as a table in a terminal, as lines with tabs in a pipe, or as JSON."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from .harmless import harmless, harmless_json, one_line
from .problems import UsageProblemError

__all__ = ["check_writable", "dim_console", "note", "print_json", "print_rows", "shown"]


def check_writable(path: Path, option: str) -> None:
    """Raise ``UsageProblemError`` where a file could not be written. Asked before anything is paid; leaves nothing."""
    try:
        if path.exists():
            with path.open("ab"):
                pass
        else:
            descriptor, made = tempfile.mkstemp(prefix=f".{path.name[:32]}.", dir=path.absolute().parent)
            os.close(descriptor)
            os.unlink(made)
    except OSError as error:
        raise UsageProblemError(f"{option}: {path} cannot be written: {error.strerror or error}") from None


LONGEST_WHOLE = 12
"""Characters of a text that is kept in one line."""


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
            print("\t".join(shown(row[name]) for name, _ in columns))
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, (name, title) in enumerate(columns):
        # In a narrow terminal long texts fold; figures and short words are never cut.
        fold = any(isinstance(row[name], str) and len(row[name]) > LONGEST_WHOLE for row in rows)
        table.add_column(title, justify="left" if number == 0 else "right", no_wrap=not fold, overflow="fold")
    for row in rows:
        table.add_row(*(Text(shown(row[name])) for name, _ in columns))
    console.print(table)
    console.print(f"{len(rows)} {noun}{'' if len(rows) == 1 else 's'}", style="dim", highlight=False)


def print_json(value: Any) -> None:
    """Print JSON; amounts are strings, so that they stay exact, and what is unknown is null."""
    print(harmless_json(json.dumps(value, indent=2, default=str, ensure_ascii=False)))


def shown(value: Any) -> str:
    """A value for people, in one line: ``?`` is unknown."""
    if value is None:
        return "?"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:f}" if isinstance(value, Decimal) else one_line(str(value))


def note(text: str) -> None:
    """A remark on standard error, which leaves standard output to the data."""
    dim_console().print(harmless(text))


def dim_console() -> Console:
    """Standard error, for what is said beside the data. Texts are printed as they are, and wrapped by the terminal."""
    return Console(stderr=True, style="dim", markup=False, highlight=False, soft_wrap=True, emoji=False)
