"""Prompts and answers as the GenAI conventions write them on spans: JSON text of messages made of parts.

Of media only their kind and size are kept: a trace is no place for a picture.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from requesty_core.replies.reply import ChatReply, Message
from requesty_core.wire.json import JSONDecodeError, decode_json, encode_json

__all__ = ["answer_content", "request_content"]

_INSTRUCTIONS = ("instructions", "system")


def request_content(body: Mapping[str, Any]) -> dict[str, str]:
    """What a body of the chat, messages, responses or embeddings route says, as attributes."""
    found: dict[str, Any] = {}
    messages = body.get("messages", body.get("input"))
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    if isinstance(messages, (list, tuple)):
        found["gen_ai.input.messages"] = [_message(m) for m in messages]
    for name in _INSTRUCTIONS:
        if body.get(name):
            found["gen_ai.system_instructions"] = list(_parts(body[name]))
    if body.get("tools"):
        found["gen_ai.tool.definitions"] = body["tools"]
    return {name: _text(value) for name, value in found.items()}


def answer_content(reply: Any) -> dict[str, str]:
    """What a reply says, as attributes."""
    if isinstance(reply, ChatReply):
        said = [_choice(choice) for choice in reply.choices or (reply.message,)]
    else:
        body = getattr(reply, "body", None)
        if not isinstance(body, Mapping):
            return {}
        items = body.get("output")
        said = [_message(i) for i in items] if isinstance(items, list) else [_message({"role": "assistant", **body})]
    return {"gen_ai.output.messages": _text(said)}


def _text(value: Any) -> str:
    try:
        return encode_json(value).decode()
    except (TypeError, ValueError):
        return str(value)


def _choice(message: Message) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if message.reasoning:
        parts.append({"type": "reasoning", "content": message.reasoning})
    if message.text:
        parts.append({"type": "text", "content": message.text})
    if message.refusal:
        parts.append({"type": "refusal", "content": message.refusal})
    parts += [_call(c.id, c.name, c.arguments) for c in message.tool_calls]
    parts += [{"type": "blob", "modality": "image"} for _ in message.images]
    return {"role": "assistant", "parts": parts, "finish_reason": message.finish_reason or ""}


def _message(message: Any) -> dict[str, Any]:
    """A message, or an item of the responses route, of which some are no messages."""
    if not isinstance(message, Mapping):
        return {"role": "user", "parts": list(_parts(message))}
    kind = message.get("type")
    if kind == "function_call":
        return {"role": "assistant", "parts": [_call(*(message.get(k) for k in ("call_id", "name", "arguments")))]}
    if kind == "function_call_output":
        return {"role": "tool", "parts": [_answer(message.get("call_id"), message.get("output"))]}
    role = str(message.get("role") or "assistant")
    if role == "tool":
        return {"role": role, "parts": [_answer(message.get("tool_call_id"), message.get("content"))]}
    parts = list(_parts(message.get("content", message.get("summary"))))
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            parts.append(_call(call.get("id"), function.get("name"), function.get("arguments")))
    return {"role": role, "parts": parts}


def _parts(content: Any) -> Iterator[dict[str, Any]]:
    if content is None:
        return
    for part in content if isinstance(content, (list, tuple)) else [content]:
        yield _part(part)


def _part(part: Any) -> dict[str, Any]:
    if not isinstance(part, Mapping):
        return {"type": "text", "content": part if isinstance(part, str) else _text(part)}
    kind = str(part.get("type") or "text")
    if kind in ("thinking", "reasoning", "summary_text"):
        return {"type": "reasoning", "content": part.get("thinking") or part.get("text") or ""}
    if "text" in part:
        return {"type": "text", "content": part["text"]}
    if kind == "tool_use":
        return _call(part.get("id"), part.get("name"), part.get("input"))
    if kind == "tool_result":
        return _answer(part.get("tool_use_id"), part.get("content"))
    return _medium(kind, part)


def _medium(kind: str, part: Mapping[str, Any]) -> dict[str, Any]:
    modality = next((word for word in ("image", "audio", "video") if word in kind), "file")
    address = part.get("image_url")
    if isinstance(address, Mapping):
        address = address.get("url")
    if isinstance(address, str) and not address.startswith("data:"):
        return {"type": "uri", "modality": modality, "uri": address}
    return {"type": "blob", "modality": modality, "size": len(_text(part))}


def _call(call_id: Any, name: Any, arguments: Any) -> dict[str, Any]:
    if isinstance(arguments, str):
        with contextlib.suppress(JSONDecodeError):
            arguments = decode_json(arguments)
    return {"type": "tool_call", "id": call_id, "name": name, "arguments": arguments}


def _answer(call_id: Any, content: Any) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": call_id, "response": content}
