"""What a row of the table is."""

from __future__ import annotations

from dataclasses import dataclass

from .looks import Look

__all__ = ["Row", "row", "untestable"]


@dataclass(frozen=True, slots=True)
class Row:
    """One fact. ``sections`` cite the contract (``4``, or ``19-6`` for a conflict), ``ask`` names the request.

    ``answered`` rows read an answer, so a refusal says nothing about them; the others are about the refusal.
    A row without ``ask`` cannot be tested, and ``why`` says why.
    """

    sections: tuple[str, ...]
    fact: str
    ask: str = ""
    look: Look | None = None
    answered: bool = True
    why: str = ""


def untestable(sections: str, fact: str, why: str) -> Row:
    """A fact that no request can test; ``sections`` with spaces between."""
    return Row(tuple(sections.split()), fact, why=why)


def row(sections: str, fact: str, ask: str, look: Look, *, answered: bool = True) -> Row:
    """A fact that a request tests; ``sections`` with spaces between."""
    return Row(tuple(sections.split()), fact, ask, look, answered)
