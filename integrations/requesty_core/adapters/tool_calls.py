"""Tool calls between the wire and the frameworks: the wire's dictionary, and arguments read strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from requesty_core.replies.arguments import CUT_BEFORE_ARGUMENTS, read_arguments

if TYPE_CHECKING:
    from requesty_core.replies.reply import ToolCall

__all__ = ["call_summary", "read_arguments", "read_call", "wire_tool_call"]


def wire_tool_call(id_: str | None, name: str, arguments: str) -> dict[str, Any]:
    """One of an assistant message's ``tool_calls``; ``arguments`` is JSON text."""
    return {"id": id_ or "", "type": "function", "function": {"name": name, "arguments": arguments}}


def call_summary(call: ToolCall) -> dict[str, Any]:
    """``name``, ``arguments`` (JSON text) and ``id``, for metadata."""
    return {"name": call.name, "arguments": call.arguments, "id": call.id}


def read_call(call: ToolCall) -> tuple[dict[str, Any], None] | tuple[None, str]:
    """``(arguments, None)`` of a whole call, else ``(None, problem)``, by :func:`read_arguments`.

    The input of a custom tool, which is plain text, becomes ``{"input": text}``. A call that the end of the answer cut
    before any arguments is not a call without arguments.
    """
    if call.is_cut:
        return None, CUT_BEFORE_ARGUMENTS
    if call.type == "custom":
        return {"input": call.arguments}, None
    return read_arguments(call.arguments)
