"""What came out, as a table of plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Outcome", "table"]


@dataclass(frozen=True)
class Outcome:
    """One cell: seconds it took, and what failed if anything did."""

    seconds: float
    failure: str | None = None

    @property
    def text(self) -> str:
        """As shown in a cell."""
        return f"{'ok' if self.failure is None else 'FAIL'} {self.seconds:.0f}s"


def table(
    rows: Sequence[str], groups: Sequence[str], columns: Sequence[str], outcomes: Mapping[tuple[str, str, str], Outcome]
) -> str:
    """A line for each of ``rows``; the cells by row, group and column, ``-`` where nothing was run."""
    heads = [(group, column) for group in groups for column in columns]
    first = max(map(len, ["extra", *rows]))
    cells = {
        (row, head): outcomes[(row, *head)].text if (row, *head) in outcomes else "-" for row in rows for head in heads
    }
    widths = {head: max([len(head[1]), *(len(cells[row, head]) for row in rows)]) for head in heads}
    span = {group: sum(widths[group, column] for column in columns) + 2 * (len(columns) - 1) for group in groups}
    lines = [
        "  ".join([" " * first, *(f"{group:<{max(span[group], 0)}}" for group in groups)]),
        "  ".join([f"{'extra':<{first}}", *(f"{head[1]:<{widths[head]}}" for head in heads)]),
        *("  ".join([f"{row:<{first}}", *(f"{cells[row, head]:<{widths[head]}}" for head in heads)]) for row in rows),
    ]
    return "\n".join(line.rstrip() for line in lines)
