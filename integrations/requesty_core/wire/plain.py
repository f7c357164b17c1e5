"""What may be sent: Python values as plain JSON values, strictly.

Theory of operation. msgspec is the fastest encoder there is, but it is generous: NaN becomes ``null``, bytes become
base64, a set becomes a list, a ``Decimal`` or a date becomes text. A request must not change on its way, so a body is
looked through first. Nearly every body holds nothing but plain ``dict``, ``list``, ``str`` and numbers; one loop over
its containers tells (:func:`is_plain`). Anything else is converted if ``json.dumps`` would take it (subclasses of those
types, tuples), if it is an enumeration or a NumPy scalar, and refused with its place if not.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from itertools import islice
from math import isfinite
from typing import Any

__all__ = ["NotJSONError", "is_plain", "plain_json"]

MAX_DEPTH = 200
"""Deepest nesting that is sent; the readers of common servers give up at 512 or 1000, some earlier."""

_SCALARS = frozenset((str, int, bool, type(None)))
_MOST_CONTAINERS = 1_000_000
_LARGEST = 1.7976931348623157e308


class NotJSONError(ValueError):
    """A value that JSON cannot hold. ``path`` is its place in the body, ``reason`` what it is and what to give."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def is_plain(value: Mapping[str, Any]) -> bool:
    """Whether a body holds nothing but plain containers, text, finite numbers, booleans and ``None``.

    One that holds itself, or more than a million containers, is called not plain, which is slower but right.
    """
    if type(value) is not dict:
        return False
    found: list[Any] = [value]
    for container in islice(found, _MOST_CONTAINERS):
        if type(container) is dict:
            for key in container:
                if type(key) is not str:
                    return False
            items = container.values()
        else:
            items = container
        for item in items:
            if type(item) is str:
                continue
            kind = type(item)
            if kind is dict or kind is list:
                found.append(item)
            elif kind is float:
                if not -_LARGEST <= item <= _LARGEST:
                    return False
            elif kind not in _SCALARS:
                return False
    return len(found) <= _MOST_CONTAINERS


def plain_json(value: Any, path: str = "") -> Any:
    """The value as plain JSON values, copied where something had to be converted. Raises :class:`NotJSONError`."""
    return _plain(value, path, MAX_DEPTH)


def _plain(value: Any, path: str, depth: int) -> Any:
    kind = type(value)
    if kind in _SCALARS:
        return value
    if depth == 0:
        raise NotJSONError(
            _shorten(path), f"cannot be sent as JSON: it is nested deeper than {MAX_DEPTH} levels, or holds itself"
        )
    if isinstance(value, Enum):
        return _plain(value.value, path, depth - 1)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return _finite(float.__float__(value), path)
    if isinstance(value, Mapping):
        return _plain_mapping(value, path, depth)
    if isinstance(value, (list, tuple)):
        return [_plain(item, f"{path}[{place}]", depth - 1) for place, item in enumerate(value)]
    if kind.__module__ == "numpy" and getattr(value, "ndim", None) == 0 and callable(getattr(value, "item", None)):
        scalar = value.item()
        if type(scalar) is not kind:
            return _plain(scalar, path, depth - 1)
    advice = _ADVICE.get(kind.__name__, "give text, a number, a list or a dict")
    raise NotJSONError(path, f"cannot be sent as JSON: it is of type {kind.__name__}; {advice}")


def _plain_mapping(value: Mapping[Any, Any], path: str, depth: int) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for key, item in value.items():
        name = _key(key, path)
        if name in plain:
            raise NotJSONError(
                path, f"cannot be sent as JSON: two of its keys are {name!r} as text; give different ones"
            )
        plain[name] = _plain(item, f"{path}.{name}" if path else name, depth - 1)
    return plain


def _key(key: Any, path: str) -> str:
    if isinstance(key, Enum):
        key = key.value
    if isinstance(key, str):
        return str.__str__(key)
    # As json.dumps writes them.
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    if isinstance(key, int):
        return int.__repr__(key)
    if isinstance(key, float):
        return float.__repr__(_finite(key, path))
    raise NotJSONError(path, f"cannot be sent as JSON: a key is of type {type(key).__name__}; give text")


def _finite(value: float, path: str) -> float:
    if not isfinite(value):
        raise NotJSONError(path, f"cannot be sent as JSON: it is {value!r}; give a finite number")
    return value


def _shorten(path: str) -> str:
    return path if len(path) <= 60 else f"{path[:57]}..."


_ADVICE = {
    "bytes": "give text, or base64 text where the field takes a file",
    "bytearray": "give text, or base64 text where the field takes a file",
    "set": "give a list",
    "frozenset": "give a list",
    "Decimal": "give a float, or text",
    "datetime": "give text, such as its isoformat()",
    "date": "give text, such as its isoformat()",
    "time": "give text, such as its isoformat()",
    "timedelta": "give a number of seconds",
    "UUID": "give text: str(…)",
    "ndarray": "give a list: .tolist()",
    "Series": "give a list: .tolist()",
    "generator": "give a list",
}
