"""Whether the keywords of a schema have values of the kind they must have, so that the other modules may rely on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .keywords import DEFINITIONS, ONE_SCHEMA, SCHEMA_LISTS, SCHEMA_MAPS

__all__ = ["malformed"]

_NUMBERS = frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"))
_COUNTS = frozenset(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"))
_TEXTS = frozenset(("pattern", "format"))
_TYPES = frozenset(("string", "number", "integer", "boolean", "object", "array", "null"))


def malformed(root: Any) -> str | None:
    """The first keyword whose value is of the wrong kind, in one line that begins with the JSON path; else ``None``."""
    return next(_faults(root, "$"), None)


def _faults(node: Any, path: str) -> Iterator[str]:
    if isinstance(node, bool):
        return
    if not isinstance(node, dict):
        yield f"{path}: a schema must be an object or a boolean"
        return
    for key, value in node.items():
        if wanted := _wanted(key, value):
            yield f"{path}: {key!r} must be {wanted}"
        elif key in SCHEMA_MAPS or key in DEFINITIONS:
            for name, inner in value.items():
                yield from _faults(inner, f"{path}.{key}.{name}")
        elif key in SCHEMA_LISTS or (key == "items" and isinstance(value, list)):
            for index, inner in enumerate(value):
                yield from _faults(inner, f"{path}.{key}[{index}]")
        elif key in ONE_SCHEMA:
            yield from _faults(value, f"{path}.{key}")


def _wanted(key: str, value: Any) -> str | None:
    """What the keyword's value must be, if it is not."""
    if key == "type":
        words = value if isinstance(value, list) else [value]
        known = words and all(isinstance(word, str) and word in _TYPES for word in words)
        return None if known else "the name of a JSON type or a list of such names"
    if key in SCHEMA_MAPS or key in DEFINITIONS:
        return None if isinstance(value, dict) else "an object"
    if key in SCHEMA_LISTS:
        return None if isinstance(value, list) and value else "a list that is not empty"
    if key == "enum":
        return None if isinstance(value, list) else "a list"
    if key == "required":
        return None if isinstance(value, list) and all(isinstance(name, str) for name in value) else "a list of names"
    if key in _NUMBERS:
        # Draft 4 had booleans here.
        return None if isinstance(value, (int, float)) and not isinstance(value, bool) else "a number"
    if key in _COUNTS:
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return None if whole else "a whole number that is not negative"
    if key in _TEXTS:
        return None if isinstance(value, str) else "a text"
    return None
