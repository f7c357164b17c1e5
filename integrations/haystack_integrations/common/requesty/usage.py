"""Usage as Haystack adds it up: plain data without ``None``, and the cost as a float."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from requesty_core import Usage
from requesty_core.adapters import cost_of

__all__ = ["usage_of", "usage_over"]


def usage_of(usage: Usage | None) -> dict[str, Any]:
    """The usage as received, ``cost`` a float, and nothing that is ``None``.

    ``Agent`` adds usage up over its steps: floats are summed, while a ``None`` would erase the sum.
    """
    if usage is None:
        return {}
    cleaned = _without_none(usage.raw)
    cleaned.pop("cost", None)
    cost = cost_of(usage)
    return cleaned if cost is None else {**cleaned, "cost": cost}


def _without_none(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_none(item) if isinstance(item, Mapping) else item
        for key, item in value.items()
        if item is not None
    }


def usage_over(usages: Iterable[Usage | None]) -> dict[str, Any]:
    """The counts of several calls added up, and their cost if each of them told it."""
    total: dict[str, Any] = {}
    is_priced = True
    for usage in usages:
        told = usage_of(usage)
        is_priced &= "cost" in told
        for name, value in told.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                total[name] = total.get(name, 0) + value
    return total if is_priced else {name: value for name, value in total.items() if name != "cost"}
