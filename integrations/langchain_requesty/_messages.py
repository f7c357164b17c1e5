"""From LangChain messages to the gateway's chat messages: pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from requesty_core.adapters import wire_tool_call
from requesty_core.errors import ConfigurationError

from ._content import parts_of, wire_content

__all__ = ["wire_messages"]

Wire = dict[str, Any]


def wire_messages(messages: Sequence[BaseMessage]) -> list[Wire]:
    """The ``messages`` of a request. Raises :class:`ConfigurationError` naming what cannot be sent."""
    return [wire for index, message in enumerate(messages) for wire in _wire(message, f"messages[{index}]")]


def _wire(message: BaseMessage, where: str) -> Iterator[Wire]:
    if isinstance(message, HumanMessage):
        yield from _human(message, where)
    elif isinstance(message, AIMessage):
        yield _assistant(message, where)
    elif isinstance(message, ToolMessage):
        yield _tool(message, where)
    elif isinstance(message, SystemMessage):
        role = message.additional_kwargs.get("__openai_role__", "system")
        yield _named({"role": role, "content": _content(message, where)}, message)
    elif isinstance(message, ChatMessage):
        yield _named({"role": message.role, "content": _content(message, where)}, message)
    elif isinstance(message, FunctionMessage):
        raise ConfigurationError(f"{where}: FunctionMessage is not accepted by the gateway; use ToolMessage")
    else:
        raise ConfigurationError(f"{where}: {type(message).__name__} cannot be sent; use a chat message")


def _named(wire: Wire, message: BaseMessage) -> Wire:
    if message.name:
        wire["name"] = message.name
    return wire


def _content(message: BaseMessage, where: str) -> str | list[Wire]:
    """Content of a message; a cache mark given for the whole message moves onto its last part."""
    content = wire_content(message.content, f"{where}.content")
    cache = message.additional_kwargs.get("cache_control")
    if cache is None:
        return content or ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if parts:
        parts[-1].setdefault("cache_control", cache)
    return parts


def _human(message: HumanMessage, where: str) -> Iterator[Wire]:
    """A user turn; Anthropic-style ``tool_result`` blocks in it become the tool turns they stand for."""
    if isinstance(message.content, str) or not any(_is(block, "tool_result") for block in message.content):
        yield _named({"role": "user", "content": _content(message, where)}, message)
        return
    rest: list[Any] = []
    for index, block in enumerate(message.content):
        if not isinstance(block, dict) or not _is(block, "tool_result"):
            rest.append(block)
            continue
        spot = f"{where}.content[{index}]"
        inner = block.get("content") or ""
        content = wire_content(inner, f"{spot}.content")
        if block.get("cache_control") is not None:
            content = [{"type": "text", "text": content}] if isinstance(content, str) else content
            content[-1]["cache_control"] = block["cache_control"]
        yield {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": content}
    if rest:
        yield _named({"role": "user", "content": parts_of(rest, f"{where}.content")}, message)


def _is(block: object, kind: str) -> bool:
    return isinstance(block, Mapping) and block.get("type") == kind


def _tool(message: ToolMessage, where: str) -> Wire:
    content = _content(message, where)
    return {"role": "tool", "tool_call_id": message.tool_call_id, "content": content}


def _assistant(message: AIMessage, where: str) -> Wire:
    content = _content(message, where)
    wire: Wire = _named({"role": "assistant", "content": content}, message)
    calls = [*_calls(message)]
    if calls:
        wire["tool_calls"] = calls
        wire["content"] = content or None
    reasoning, signature = _reasoning(message)
    if reasoning:
        wire["reasoning_content"] = reasoning
    if signature:
        wire["reasoning_signature"] = signature
    refusal = message.additional_kwargs.get("refusal")
    if isinstance(refusal, str) and refusal and not (isinstance(content, list) and _has(content, "refusal")):
        wire["refusal"] = refusal
        wire["content"] = content or None
    return wire


def _has(parts: list[Wire], kind: str) -> bool:
    return any(part.get("type") == kind for part in parts)


def _calls(message: AIMessage) -> Iterator[Wire]:
    """Tool calls in wire form; those whose arguments were not valid JSON go back as they came."""
    seen: set[str | None] = set()
    for call in message.tool_calls:
        seen.add(call["id"])
        yield wire_tool_call(call["id"], call["name"], json.dumps(call["args"], ensure_ascii=False))
    for bad in message.invalid_tool_calls:
        seen.add(bad["id"])
        yield wire_tool_call(bad["id"], bad["name"] or "", bad["args"] or "")
    # Anthropic-style blocks that were never parsed into tool_calls.
    for block in message.content:
        if isinstance(block, dict) and block.get("type") == "tool_use" and block.get("id") not in seen:
            arguments = json.dumps(block.get("input") or {}, ensure_ascii=False)
            yield wire_tool_call(block.get("id"), str(block.get("name")), arguments)


def _reasoning(message: AIMessage) -> tuple[str, str | None]:
    """Reasoning text and signature, from v1 or Anthropic blocks, else from ``additional_kwargs``."""
    texts: list[str] = []
    signature: str | None = None
    for block in message.content:
        if not isinstance(block, dict) or block.get("type") not in ("reasoning", "thinking"):
            continue
        texts.append(str(block.get("reasoning") or block.get("thinking") or ""))
        extras = block.get("extras")
        signature = (
            block.get("signature") or (extras.get("signature") if isinstance(extras, dict) else None) or signature
        )
    kwargs = message.additional_kwargs
    text = "".join(texts) or kwargs.get("reasoning_content") or ""
    signature = signature or kwargs.get("reasoning_signature")
    return (text if isinstance(text, str) else "", signature if isinstance(signature, str) else None)
