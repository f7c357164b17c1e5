"""Two schemas that must both hold, as one: what ``allOf`` and keywords beside ``$ref`` mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .keywords import json_type, types_of

__all__ = ["ContradictionError", "UnmergeableError", "merged"]

_MAX_PAIRS = 32
_ANNOTATIONS = frozenset(
    ("description", "title", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment", "discriminator")
)


class UnmergeableError(Exception):
    """The two schemas have no common form; the message says why in one line."""


class ContradictionError(UnmergeableError):
    """No value is valid under both schemas."""


def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """The schema whose values are valid under both. Of annotations the first wins.

    Nested schemas that both have are joined by an ``allOf`` of their own, which is merged when it is reached.
    Raises :class:`UnmergeableError`; :class:`ContradictionError` if there is no such value.
    """
    out = {**first, **{key: value for key, value in second.items() if key not in first}}
    for key in first.keys() & second.keys():
        if key not in _ANNOTATIONS and key not in ("properties", "additionalProperties") and first[key] != second[key]:
            out[key] = _joined(key, first[key], second[key])
    if "type" not in first or "type" not in second:
        # A type that only one of them names holds for both; the other's keywords may only imply theirs.
        _check_implied(first, second)
    if _is_object(first) or _is_object(second):
        _join_objects(first, second, out)
    return out


def _check_implied(first: dict[str, Any], second: dict[str, Any]) -> None:
    left, right = types_of(first), types_of(second)
    if left and right and not _common_types(left, right):
        raise ContradictionError(f"no value is both {' or '.join(left)} and {' or '.join(right)}")


def _is_object(node: dict[str, Any]) -> bool:
    return "properties" in node or "additionalProperties" in node


def _join_objects(first: dict[str, Any], second: dict[str, Any], out: dict[str, Any]) -> None:
    closed = [node for node in (first, second) if node.get("additionalProperties") is False]
    rests = [node["additionalProperties"] for node in (first, second) if "additionalProperties" in node]
    if any(isinstance(rest, dict) and rest for rest in rests) and first != second:
        raise UnmergeableError("additionalProperties with a schema cannot be joined with another object")
    mine, other = first.get("properties") or {}, second.get("properties") or {}
    names: dict[str, Any] = {}
    for name in (*mine, *(name for name in other if name not in mine)):
        if any(name not in (node.get("properties") or {}) and not node.get("patternProperties") for node in closed):
            # A closed part that does not know the name forbids it.
            if name in (out.get("required") or ()):
                raise ContradictionError(f"{name!r} is required by one part and forbidden by a closed one")
            continue
        both = name in mine and name in other and mine[name] != other[name]
        names[name] = {"allOf": [mine[name], other[name]]} if both else mine.get(name, other.get(name))
    if "properties" in first or "properties" in second:
        out["properties"] = names
    if closed:
        out["additionalProperties"] = False


def _joined(key: str, left: Any, right: Any) -> Any:
    try:
        return _JOIN[key](left, right)
    except KeyError:
        if key == "const":
            raise ContradictionError("two constants differ") from None
        raise UnmergeableError(f"{key!r} differs between the parts of an allOf") from None
    except TypeError:
        raise UnmergeableError(f"{key!r} cannot be read in the parts of an allOf") from None


def _common_types(left: list[str], right: list[str]) -> list[str]:
    common = [word for word in left if word in right or (word == "integer" and "number" in right)]
    return [*common, *(word for word in right if word == "integer" and "number" in left and word not in common)]


def _types(left: Any, right: Any) -> Any:
    common = _common_types(types_of({"type": left}), types_of({"type": right}))
    if not common:
        raise ContradictionError(f"no value is both {left!r} and {right!r}")
    return common[0] if len(common) == 1 else common


def _enums(left: list[Any], right: list[Any]) -> list[Any]:
    common = [value for value in left if any(value == item and json_type(value) == json_type(item) for item in right)]
    if not common:
        raise ContradictionError("the enums have no value in common")
    return common


def _pairs(left: list[Any], right: list[Any]) -> list[Any]:
    if len(left) * len(right) > _MAX_PAIRS:
        raise UnmergeableError("the unions of an allOf have too many combinations")
    return [{"allOf": [one, other]} for one in left for other in right]


def _multiple(left: float, right: float) -> float:
    small, large = sorted((left, right))
    if small <= 0 or (large / small) % 1:
        raise UnmergeableError("'multipleOf' differs between the parts of an allOf")
    return large


def _both(left: Any, right: Any) -> Any:
    if left is False or right is False:
        return False
    return {"allOf": [left, right]}


_JOIN: dict[str, Callable[[Any, Any], Any]] = {
    "type": _types,
    "enum": _enums,
    "required": lambda left, right: [*left, *(name for name in right if name not in left)],
    "items": _both,
    "anyOf": _pairs,
    "oneOf": _pairs,
    "multipleOf": _multiple,
    "uniqueItems": lambda left, right: left or right,
    **dict.fromkeys(("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"), max),
    **dict.fromkeys(("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"), min),
}
