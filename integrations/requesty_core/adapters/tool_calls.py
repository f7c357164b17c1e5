"""Tool calls between the wire and the frameworks: the wire's dictionary, and arguments read strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from requesty_core.replies.arguments import read_arguments

if TYPE_CHECKING:
    from requesty_core.replies.reply import Message, ToolCall

__all__ = ["ReadCall", "call_summary", "read_arguments", "read_calls", "wire_tool_call"]


def wire_tool_call(id_: str | None, name: str, arguments: str) -> dict[str, Any]:
    """One of an assistant message's ``tool_calls``; ``arguments`` is JSON text."""
    return {"id": id_ or "", "type": "function", "function": {"name": name, "arguments": arguments}}


def call_summary(call: ToolCall) -> dict[str, Any]:
    """``name``, ``arguments`` (JSON text) and ``id``, for metadata."""
    return {"name": call.name, "arguments": call.arguments, "id": call.id}


class ReadCall(NamedTuple):
    """A call of a reply, read strictly: whole, with its arguments, or marked, with the problem.

    Attributes:
        call: the call as received.
        arguments: its arguments; ``None`` if they are not whole.
        problem: why they are not; ``None`` if they are.
    """

    call: ToolCall
    arguments: dict[str, Any] | None
    problem: str | None


def read_calls(message: Message, *, custom_input: str = "input") -> list[ReadCall]:
    """The calls of a reply, each whole or marked: the one rule that every adapter keeps.

    Args:
        message: a choice of a reply.
        custom_input: the name under which a custom tool's plain text stands in ``arguments``.
    """
    return [ReadCall(call, *_read(call, custom_input)) for call in message.tool_calls]


def _read(call: ToolCall, custom_input: str) -> tuple[dict[str, Any], None] | tuple[None, str]:
    if call.type == "custom" and not call.is_cut:
        return {custom_input: call.arguments}, None
    return read_arguments(call.arguments, cut=call.is_cut)
