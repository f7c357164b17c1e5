"""Tool calls between the wire and the frameworks: the wire's dictionary, and arguments read strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requesty_core.wire.json import JSONDecodeError, decode_json

if TYPE_CHECKING:
    from requesty_core.replies.reply import ToolCall

__all__ = ["call_summary", "read_arguments", "wire_tool_call"]


def wire_tool_call(id_: str | None, name: str, arguments: str) -> dict[str, Any]:
    """One of an assistant message's ``tool_calls``; ``arguments`` is JSON text."""
    return {"id": id_ or "", "type": "function", "function": {"name": name, "arguments": arguments}}


def call_summary(call: ToolCall) -> dict[str, Any]:
    """``name``, ``arguments`` (JSON text) and ``id``, for metadata."""
    return {"name": call.name, "arguments": call.arguments, "id": call.id}


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
