"""Names of schemas and tools as the wire takes them, and back."""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["legal_name", "legal_names"]

_LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]+")
_MAX = 64


def legal_name(name: str, *, fallback: str = "response") -> str:
    """The name as the wire takes it (``^[a-zA-Z0-9_-]{1,64}$``); one that is legal comes back unchanged.

    Args:
        name: any text, such as the name of a generic class (``Page[Item]``).
        fallback: the name where nothing of it is legal.
    """
    if _LEGAL.fullmatch(name):
        return name
    return _ILLEGAL.sub("_", name).strip("_")[:_MAX] or fallback


def legal_names(names: Iterable[str], *, fallback: str = "tool") -> dict[str, str]:
    """Each name's legal one, no two alike; a name that is legal keeps itself. Reverse the mapping to map back."""
    wanted = list(dict.fromkeys(names))
    legal = {name: name for name in wanted if _LEGAL.fullmatch(name)}
    taken = set(legal)
    for name in wanted:
        if name in legal:
            continue
        stem = made = legal_name(name, fallback=fallback)
        number = 2
        while made in taken:
            made, number = f"{stem[: _MAX - len(str(number)) - 1]}_{number}", number + 1
        taken.add(made)
        legal[name] = made
    return {name: legal[name] for name in wanted}
