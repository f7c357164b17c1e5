"""From Haystack messages and tools to the wire: pure functions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from haystack.dataclasses import (
    ChatMessage,
    ChatRole,
    FileContent,
    ImageContent,
    TextContent,
    ToolCall,
    ToolCallResult,
)
from haystack.tools import Toolset, ToolsType, flatten_tools_or_toolsets
from haystack.tools.tool import Tool

from requesty_core import ToolCall as CoreToolCall
from requesty_core.adapters import (
    audio_format,
    data_url,
    replayed_fields,
    split_data_url,
    strict_function,
    wire_tool_call,
)
from requesty_core.errors import ConfigurationError

from ._broken import answer_to, broken_calls
from ._replies import CALL_EXTRA

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
    ids = _Ids(messages)
    return [wire for index, message in enumerate(messages) for wire in _wire(message, f"messages[{index}]", ids)]


class _Ids:
    """The ids of calls; those that another provider left without one get one, and so do their results.

    ``answered`` are those of calls that have a result.
    """

    def __init__(self, messages: Sequence[ChatMessage]) -> None:
        self._messages = messages
        self._open: list[tuple[ToolCall, str]] = []
        self._count = 0

    @cached_property
    def answered(self) -> set[str | None]:
        return {result.origin.id for message in self._messages for result in message.tool_call_results}

    def of_call(self, call: ToolCall) -> str:
        if call.id:
            return call.id
        made = f"call_{self._count}"
        self._count += 1
        self._open.append((call, made))
        return made

    def of_result(self, result: ToolCallResult, where: str) -> str:
        origin = result.origin
        if origin.id:
            return origin.id
        same = [item for item in self._open if item[0] == origin]
        found = same or [item for item in self._open if item[0].tool_name == origin.tool_name]
        if found:
            self._open.remove(found[0])
            return found[0][1]
        raise ConfigurationError(f"{where}: no call of {origin.tool_name!r} stands before this result; give its id")


def _wire(message: ChatMessage, where: str, ids: _Ids) -> list[Wire]:
    if (text := _only_text(message)) is not None:
        return [_named({"role": message.role.value, "content": text}, message)]
    if message.tool_call_results:
        return [_tool_result(result, message, where, ids) for result in message.tool_call_results]
    if message.is_from(ChatRole.ASSISTANT):
        broken = broken_calls(message.meta)
        answers = [answer_to(call) for call in broken if call["id_"] not in ids.answered]
        return [_assistant(message, broken, where, ids), *answers]
    if not (message.texts or message.images or message.files):
        raise ConfigurationError(f"{where}: a {message.role.value} message has no content; give it a text")
    if message.is_from(ChatRole.USER):
        content = (
            [_part(part) for part in message.to_openai_dict_format()["content"]] if _is_mixed(message) else message.text
        )
    else:
        content = message.text if len(message.texts) == 1 else [_text(text) for text in message.texts]
    return [_named({"role": message.role.value, "content": _marked(content, message)}, message)]


def _only_text(message: ChatMessage) -> str | None:
    """The text of a message that holds nothing else, as nearly all of a history; each of its lists is a search."""
    parts = message._content
    return parts[0].text if len(parts) == 1 and type(parts[0]) is TextContent and not message.meta else None


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


def _tool_result(result: ToolCallResult, message: ChatMessage, where: str, ids: _Ids) -> Wire:
    given: Any = result.result
    content: Any = given if isinstance(given, str) else [_result_part(part, where) for part in given]
    return {"role": "tool", "tool_call_id": ids.of_result(result, where), "content": _marked(content, message)}


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


def _assistant(message: ChatMessage, broken: Sequence[Wire], where: str, ids: _Ids) -> Wire:
    wire = _named({"role": "assistant", "content": _said(message, where)}, message)
    if message.tool_calls or broken:
        calls = [_call(call, ids.of_call(call)) for call in message.tool_calls]
        wire["tool_calls"] = [*calls, *(wire_tool_call(**call) for call in broken)]
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
    extra = message.meta.get("message_extra")
    return {**wire, **replayed_fields(extra)} if isinstance(extra, Mapping) else wire


def _said(message: ChatMessage, where: str) -> Any:
    """What a model said and drew. Its pictures stand in ``meta["images"]``, others' in the message itself."""
    texts = message.texts
    shown = [_result_part(part, where) for part in (*message.images, *message.files)]
    own = message.meta.get("images")
    if isinstance(own, list):
        shown += [dict(part) for part in own if isinstance(part, Mapping) and part.get("type") == "image_url"]
    if not (texts or shown):
        return ""
    content = texts[0] if len(texts) == 1 and not shown else [*map(_text, texts), *shown]
    return _marked(content, message)


def _call(call: ToolCall, call_id: str) -> Wire:
    own = (call.extra or {}).get(CALL_EXTRA)
    kept: Mapping[str, Any] = own if isinstance(own, Mapping) else {}
    is_custom = kept.get("type") == "custom"
    arguments = call.arguments.get("input", "") if is_custom else json.dumps(call.arguments, ensure_ascii=False)
    kind = "custom" if is_custom else "function"
    return CoreToolCall(call.tool_name, arguments, call_id, kind, kept.get("fields") or {}).to_wire()


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
