"""The strict forms of values that hold no others, and what strict mode can only say in a description."""

from __future__ import annotations

import json
from typing import Any

from .keywords import NOTED, SIMPLE_TYPES, STRICT_BOUNDS, STRICT_FORMATS, has_lookaround, json_type, types_of

__all__ = ["NoStrictFormError", "choice", "described", "simple"]

Schema = dict[str, Any]
_MAX_NOTE = 300
#: How a keyword is told in a description, and values of keywords that tell nothing.
_TOLD = {"default": "null stands for"}
_UNTOLD: tuple[Any, ...] = (None, [], {}, "")


class NoStrictFormError(Exception):
    """The schema has no strict form; the message is the JSON path and the reason, in one line."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(path, why)

    def __str__(self) -> str:
        return ": ".join(self.args)


def choice(node: Schema, path: str, *, nullable: bool) -> Schema:
    """``enum`` and ``const``, with the type that strict mode wants beside them."""
    values = node["enum"] if "enum" in node else [node["const"]]
    if not isinstance(values, list):
        raise NoStrictFormError(path, "'enum' must be a list")
    if "const" in node:
        values = [value for value in values if value == node["const"]]
    allowed = types_of({"type": node["type"]}) if "type" in node else None
    values = [value for value in values if allowed is None or _is_one_of(value, allowed)]
    if not values:
        raise NoStrictFormError(path, "no value fits")
    if any(isinstance(value, (dict, list)) for value in values):
        raise NoStrictFormError(path, "strict mode has no constant objects or arrays")
    words = list(dict.fromkeys(_number(json_type(value), allowed) for value in values))
    if words == ["null"]:
        return {"type": "null", **described(node, nullable=nullable)}
    given = {"const": values[0]} if "const" in node else {"enum": values}
    return {"type": words[0] if len(words) == 1 else words, **given, **described(node, nullable=nullable)}


def simple(node: Schema, path: str, *, nullable: bool) -> Schema:
    """A string, number, boolean or null, or one of several of these."""
    words = types_of(node)
    for word in words:
        if word not in SIMPLE_TYPES:
            raise NoStrictFormError(path, f"{word!r} is no JSON type")
    kept: Schema = {}
    noted: Schema = {}
    for word in words:
        for key in STRICT_BOUNDS.get(word, ()):
            if key in node:
                (kept if _enforced(key, node[key]) else noted)[key] = node[key]
    return {"type": node["type"], **kept, **described(node, noted, nullable=nullable)}


def described(node: Schema, noted: Schema | None = None, *, nullable: bool) -> Schema:
    """The description, with what strict mode has no keyword for; empty without either."""
    told = _TOLD if nullable else {}
    notes = {told.get(key, key): node[key] for key in NOTED if node.get(key) not in _UNTOLD}
    if notes.get("uniqueItems") is False:
        del notes["uniqueItems"]
    text = node.get("description")
    parts = [text] if isinstance(text, str) and text else []
    line = "; ".join(
        f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in (notes | (noted or {})).items()
    )
    if line and len(line) <= _MAX_NOTE:
        parts.append(f"({line})")
    return {"description": " ".join(parts)} if parts else {}


def _enforced(key: str, value: Any) -> bool:
    if key == "format":
        return value in STRICT_FORMATS
    return key != "pattern" or not has_lookaround(value)


def _is_one_of(value: Any, words: list[str]) -> bool:
    word = json_type(value)
    return word in words or (word == "integer" and "number" in words)


def _number(word: str, allowed: list[str] | None) -> str:
    return "number" if word == "integer" and allowed is not None and "integer" not in allowed else word
