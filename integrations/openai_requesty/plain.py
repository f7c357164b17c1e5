"""Keeping large requests cheap.

Before it sends a request, the SDK walks messages and tools along their type annotations to rename fields and turn
iterables into lists: milliseconds for a long conversation. Plain JSON values need none of it, so they go past, as extra
fields of the body; anything else takes the SDK's way.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

__all__ = ["past"]


def _plain(value: Any) -> bool:
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return True
    if kind is dict:
        return all(type(k) is str and _plain(v) for k, v in value.items())
    return kind is list and all(map(_plain, value))


def _json(items: Any) -> Any:
    """A list with the SDK's own messages among its items turned into what they were on the wire."""
    if type(items) is not list:
        return items
    return [
        item.model_dump(exclude_unset=True, mode="json", exclude=getattr(item, "__api_exclude__", None))
        if isinstance(item, BaseModel)
        else item
        for item in items
    ]


def past(arguments: dict[str, Any], *names: str) -> dict[str, Any]:
    """The arguments, with those named moved to ``extra_body`` if they are plain JSON."""
    moved = {name: _json(arguments[name]) for name in names if name in arguments}
    moved = {name: value for name, value in moved.items() if type(value) is list and value and _plain(value)}
    if not moved:
        return arguments
    rest = {name: value for name, value in arguments.items() if name not in moved}
    if "messages" in moved:
        rest["messages"] = []  # A required argument; the moved ones replace it.
    return {**rest, "extra_body": {**moved, **(arguments.get("extra_body") or {})}}
