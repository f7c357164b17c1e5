"""From Haystack messages and tools to the wire: pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from haystack.dataclasses import ChatMessage, ChatRole, FileContent, ImageContent, TextContent, ToolCallResult
from haystack.tools import Toolset, ToolsType, flatten_tools_or_toolsets
from haystack.tools.tool import Tool

from requesty_core.adapters import audio_format, data_url, split_data_url, strict_function, wire_tool_call
from requesty_core.errors import ConfigurationError

__all__ = ["checked_messages", "flat_tools", "wire_messages", "wire_tools"]

Wire = dict[str, Any]


def checked_messages(messages: Any) -> list[ChatMessage]:
    """The messages of a run; a string is one user message. Raises ``TypeError`` for anything else."""
    if isinstance(messages, str):
        return [ChatMessage.from_user(messages)]
    if isinstance(messages, list) and all(isinstance(message, ChatMessage) for message in messages):
        return messages
    raise TypeError(f"messages: expected a list of ChatMessage or a string, got {type(messages).__name__}")


def wire_messages(messages: Sequence[ChatMessage]) -> list[Wire]:
    """The ``messages`` of a request. Raises :class:`ConfigurationError` naming what cannot be sent."""
    return [wire for index, message in enumerate(messages) for wire in _wire(message, f"messages[{index}]")]


def _wire(message: ChatMessage, where: str) -> list[Wire]:
    if message.tool_call_results:
        return [_tool_result(result, message, where) for result in message.tool_call_results]
    if message.is_from(ChatRole.ASSISTANT):
        return [_assistant(message)]
    if not (message.texts or message.images or message.files):
        raise ConfigurationError(f"{where}: a {message.role.value} message has no content; give it a text")
    if message.is_from(ChatRole.USER):
        content = (
            [_part(part) for part in message.to_openai_dict_format()["content"]] if _is_mixed(message) else message.text
        )
    else:
        content = message.text if len(message.texts) == 1 else [_text(text) for text in message.texts]
    return [_named({"role": message.role.value, "content": _marked(content, message)}, message)]


def _is_mixed(message: ChatMessage) -> bool:
    return bool(message.images or message.files or len(message.texts) > 1)


def _named(wire: Wire, message: ChatMessage) -> Wire:
    return {**wire, "name": message.name} if message.name is not None else wire


def _text(text: str) -> Wire:
    return {"type": "text", "text": text}


def _marked(content: Any, message: ChatMessage) -> Any:
    """Content with ``meta["cache_control"]`` on its last part."""
    mark = message.meta.get("cache_control")
    if not isinstance(mark, Mapping):
        return content
    parts = [_text(content)] if isinstance(content, str) else list(content)
    return [*parts[:-1], {**parts[-1], "cache_control": dict(mark)}]


def _part(part: Wire) -> Wire:
    """Haystack's own part, except that files take the gateway's form, and audio in a file becomes an audio part."""
    if part["type"] != "file":
        return part
    data = split_data_url(part["file"]["file_data"])
    if data is None or not data[0].startswith("audio/"):
        return {"type": "input_file", **part["file"]}
    return {"type": "input_audio", "input_audio": {"data": data[1], "format": audio_format(data[0])}}


def _tool_result(result: ToolCallResult, message: ChatMessage, where: str) -> Wire:
    if result.origin.id is None:
        raise ConfigurationError(f"{where}: the tool call {result.origin.tool_name!r} has no id; give it one")
    given: Any = result.result
    content: Any = given if isinstance(given, str) else [_result_part(part, where) for part in given]
    return {"role": "tool", "tool_call_id": result.origin.id, "content": _marked(content, message)}


def _result_part(part: Any, where: str) -> Wire:
    if isinstance(part, TextContent):
        return _text(part.text)
    if isinstance(part, ImageContent):
        image: Wire = {"url": data_url(part.mime_type or "image/jpeg", part.base64_image)}
        return {"type": "image_url", "image_url": {**image, "detail": part.detail} if part.detail else image}
    if isinstance(part, FileContent):
        data = data_url(part.mime_type or "application/pdf", part.base64_data)
        return {"type": "input_file", "file_data": data, "filename": part.filename or "file"}
    raise ConfigurationError(f"{where}: a tool result cannot hold {type(part).__name__}; give text, image or file")


def _assistant(message: ChatMessage) -> Wire:
    texts = message.texts
    wire: Wire = {"role": "assistant", "content": texts[0] if len(texts) == 1 else [_text(t) for t in texts] or ""}
    wire = _named({**wire, "content": _marked(wire["content"], message) if texts else ""}, message)
    if message.tool_calls:
        wire["tool_calls"] = [
            wire_tool_call(call.id or f"call_{number}", call.tool_name, json.dumps(call.arguments, ensure_ascii=False))
            for number, call in enumerate(message.tool_calls)
        ]
        wire["content"] = wire["content"] or None
    reasoning = "".join(item.reasoning_text for item in message.reasonings)
    signatures = [item.extra["signature"] for item in message.reasonings if item.extra.get("signature")]
    if reasoning:
        wire["reasoning_content"] = reasoning
    if signatures:
        wire["reasoning_signature"] = signatures[-1]
    refusal = message.meta.get("refusal")
    if isinstance(refusal, str) and refusal:
        wire["refusal"] = refusal
        wire["content"] = wire["content"] or None
    return wire


def flat_tools(tools: ToolsType | None) -> list[Tool]:
    """A flat list of tools. Raises ``ValueError`` for two of one name, ``TypeError`` for what is no tool."""
    given = tools if tools is None or isinstance(tools, Toolset) else list(tools)
    flat = flatten_tools_or_toolsets(given)
    names = [tool.name for tool in flat]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"tools: the name {twice[0]!r} is used twice; give each tool a name of its own")
    return flat


def wire_tools(tools: Sequence[Tool], *, strict: bool) -> list[Wire]:
    """Tools in wire form; the tools themselves are never changed.

    Raises `ConfigurationError` for `strict` and parameters without a strict form.
    """
    wired = []
    for tool in tools:
        spec = dict(tool.tool_spec)
        if strict:
            spec = strict_function(spec, where="tools_strict")
        wired.append({"type": "function", "function": spec})
    return wired
