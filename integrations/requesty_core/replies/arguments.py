"""Tool arguments as an object, or what keeps them from being one."""

from __future__ import annotations

from typing import Any

from requesty_core.wire.json import JSONDecodeError, decode_json

__all__ = ["CUT_BEFORE_ARGUMENTS", "read_arguments"]

CUT_BEFORE_ARGUMENTS = "the answer ended before the arguments of the call"


def read_arguments(text: str) -> tuple[dict[str, Any], None] | tuple[None, str]:
    """``(arguments, None)``, or ``(None, problem)`` for text that is not one JSON object.

    Nothing is repaired: a completed guess would run a tool with what the model never asked for. The wire spells "no
    arguments" as an empty text, white space or ``null``.
    """
    if not text.strip():
        return {}, None
    try:
        value = decode_json(text)
    except JSONDecodeError as error:
        return None, f"the arguments are not valid JSON: {error}"
    if value is None:
        return {}, None
    if not isinstance(value, dict):
        return None, f"the arguments are not a JSON object but a {type(value).__name__}"
    return value, None
