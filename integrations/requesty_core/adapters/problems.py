"""One line for a setting that cannot be used: its name, what is wrong, what to do. Values are never shown.

A value may be the key (a tuple because of a trailing comma, two arguments swapped); its type says enough. This is for
classes of pydantic, whose own errors are several lines and hold the values; this package does not import it.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

__all__ = ["wrong_value"]

_WORDS: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    dict: "a mapping",
    list: "a list",
    tuple: "a list",
}
# What a type alone does not tell.
_MENDS = {
    "api_key": "a text or a function that returns one",
    "timeout": "seconds or Timeouts(…)",
    "fallbacks": "a list of models",
    "models": "a list of models",
    "options": "a mapping or RequestyOptions(…)",
    "budget": "a Budget, such as Budget('1.00')",
    "ledger": "a CostLedger",
    "on_event": "a function that takes an event",
    "fallback_policy": "a FallbackPolicy",
}


def wrong_value(error: Any, annotations: Mapping[str, Any], shown: Mapping[str, str] | None = None) -> str:
    """The line for the first value that pydantic refused.

    Args:
        error: its ``ValidationError``.
        annotations: types of the fields, by name.
        shown: names under which fields are known to the caller, where they differ.
    """
    first = error.errors(include_url=False, include_context=False)[0]
    place = first["loc"] or ("settings",)
    name = str(place[0])
    # Of the place only positions in the caller's own value are of use; the rest are pydantic's words for types.
    index = "".join(f"[{part}]" for part in place[1:] if isinstance(part, int))
    where = f"{(shown or {}).get(name, name)}{index}"
    kind, value = first["type"], first["input"]
    if kind == "value_error":
        return f"{where}: {first['msg'].removeprefix('Value error, ')}"
    if isinstance(value, (int, float)) and kind.startswith(("greater", "less")):
        return f"{where}: {value} is out of range; {first['msg'].removeprefix('Input ')}"
    wanted = _MENDS.get(name) or _wanted(annotations.get(name)) or "another one"
    if kind in ("literal_error", "enum"):
        return f"{where}: not one of the values there are; give {wanted}"
    return f"{where}: a value of type {type(value).__name__} cannot be used; give {wanted}"


def _wanted(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _wanted(get_args(annotation)[0])
    if origin is Literal:
        return " or ".join(repr(value) for value in get_args(annotation))
    if origin in (Union, types.UnionType):
        words = [_wanted(part) for part in get_args(annotation) if part is not type(None)]
        return " or ".join(dict.fromkeys(word for word in words if word))
    if origin is Callable:
        return "a function"
    plain = origin or annotation
    if isinstance(plain, type) and issubclass(plain, Enum):
        return " or ".join(repr(member.value) for member in plain)
    if getattr(plain, "__name__", "") == "SecretStr":
        return "a text"
    return _WORDS.get(plain) or (f"a {plain.__name__}" if isinstance(plain, type) else "")
