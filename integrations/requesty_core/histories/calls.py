"""Blocks that are a tool's call or its result, in the form of any provider."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from requesty_core.errors import ConfigurationError

from .items import Item, Result, ToolCall
from .sources import Block, extras_of

__all__ = ["CALLS", "RESULTS", "CallIds", "ReadResult", "arguments_text"]

ReadResult = Callable[[object, str], str | list[dict[str, Any]]]


def arguments_text(value: object, where: str) -> str:
    """Arguments as JSON text: text stays as it came, whether it is whole or not.

    Raises :class:`ConfigurationError` for what is neither text nor JSON.
    """
    if value is None:
        return "{}"
    if isinstance(value, str):
        return str(value)
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: the arguments of the call cannot be sent as JSON: {error}") from None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _call(block: Block, where: str) -> list[Item]:
    """OpenAI's ``function_call`` and Gemini's, Anthropic's ``tool_use``, standard ``tool_call`` blocks."""
    name = _text(block.get("name"))
    if not name:
        raise ConfigurationError(f"{where}: the {block.get('type')} block has no 'name'")
    given = next((block[key] for key in ("arguments", "args", "input") if block.get(key) is not None), None)
    kind = block.get("type")
    # Of OpenAI's items `id` is the item's own; results refer to `call_id`.
    own = "call_id" if kind == "function_call" and block.get("call_id") else "id"
    extra = extras_of(block).get("extra_content")
    if kind == "tool_use" and given == {} and isinstance(block.get("partial_json"), str):
        given = block["partial_json"]
    arguments = arguments_text(given, where)
    return [ToolCall(name, arguments, _text(block.get(own)), extra={"extra_content": extra} if extra else {})]


def _custom_call(block: Block, where: str) -> list[Item]:
    call_id = _text(block.get("call_id")) or _text(block.get("id"))
    return [ToolCall(_text(block.get("name")), _text(block.get("input")), call_id, "custom")]


def _tool_use(block: Block, where: str) -> list[Item]:
    """Converse's own ``{"toolUse": {"toolUseId", "name", "input"}}``."""
    inner = _inner(block, "toolUse", where)
    return [
        ToolCall(_text(inner.get("name")), arguments_text(inner.get("input"), where), _text(inner.get("toolUseId")))
    ]


def _function_call(block: Block, where: str) -> list[Item]:
    """Gemini's own ``{"functionCall": {"name", "args"}}``."""
    inner = _inner(block, "functionCall", where)
    return [ToolCall(_text(inner.get("name")), arguments_text(inner.get("args"), where), _text(inner.get("id")))]


def _inner(block: Block, name: str, where: str) -> Block:
    inner = block.get(name)
    if not isinstance(inner, Mapping):
        raise ConfigurationError(f"{where}: the {name} block holds no mapping")
    return inner


def _result(block: Block, where: str, read: ReadResult) -> list[Item]:
    call_id = next((_text(block[key]) for key in ("tool_use_id", "call_id", "tool_call_id") if block.get(key)), "")
    content = block.get("output") if "output" in block else block.get("content")
    name = block.get("name")
    return [Result(call_id, name if isinstance(name, str) else None, read(content, f"{where}.content"))]


def _tool_result(block: Block, where: str, read: ReadResult) -> list[Item]:
    """Converse's own ``{"toolResult": {"toolUseId", "content"}}``."""
    inner = _inner(block, "toolResult", where)
    return [Result(_text(inner.get("toolUseId")), None, read(inner.get("content"), f"{where}.content"))]


def _function_response(block: Block, where: str, read: ReadResult) -> list[Item]:
    """Gemini's own ``{"functionResponse": {"name", "response"}}``."""
    inner = _inner(block, "functionResponse", where)
    name = _text(inner.get("name"))
    return [Result(_text(inner.get("id")), name or None, read(inner.get("response"), f"{where}.response"))]


CALLS: Mapping[str, Callable[[Block, str], list[Item]]] = {
    "tool_call": _call,
    "tool_call_chunk": _call,
    "invalid_tool_call": _call,
    "tool_use": _call,
    "function_call": _call,
    "custom_tool_call": _custom_call,
    "toolUse": _tool_use,
    "functionCall": _function_call,
}
"""Readers of calls by the type of the block."""

RESULTS: Mapping[str, Callable[[Block, str, ReadResult], list[Item]]] = {
    "tool_result": _result,
    "function_call_output": _result,
    "custom_tool_call_output": _result,
    "toolResult": _tool_result,
    "functionResponse": _function_response,
}
"""Readers of results by the type of the block."""


class CallIds:
    """Ids for calls that have none, and for the results that answer them by name.

    The legacy ``function_call`` and Gemini's calls have no id; their results name the function. One object serves one
    conversation, from its first message to its last.
    """

    def __init__(self) -> None:
        self._made = 0
        self._open: dict[str, list[str]] = {}

    def called(self, name: str) -> str:
        """A new id for a call of ``name``; the same conversation gets the same ids each time."""
        self._made += 1
        made = f"call_{self._made:04d}_history"
        self._open.setdefault(name, []).append(made)
        return made

    def answered(self, name: str | None) -> str | None:
        """The id of the oldest call of ``name`` without a result; ``None`` if there is none."""
        waiting = self._open.get(name or "")
        return waiting.pop(0) if waiting else None
