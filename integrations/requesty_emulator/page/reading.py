"""What a prompt and an answer say, read from their bytes in any of the gateway's formats. Pure and total.

Bytes that are cut, spoiled or of another shape give what can be read of them: a page that shows faults must not have
one of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

__all__ = ["Said", "answer_of", "prompt_of", "tools_of"]

#: One piece of a conversation: who says it, of what kind it is (text, reasoning, call, result, file), and its text.
Said = dict[str, str]


def prompt_of(body: Any) -> list[Said]:
    """What a request says, in order."""
    if not isinstance(body, dict):
        return []
    said: list[Said] = []
    for name in ("system", "instructions"):
        said += _content("system", body.get(name))
    for name in ("messages", "input"):
        value = body.get(name)
        if isinstance(value, str):
            said.append(_said("user" if name == "messages" else "input", "text", value))
        for item in _objects(value):
            said += _turn(item)
        if isinstance(value, list):
            said += [_said("input", "text", item) for item in value if isinstance(item, str)]
    if isinstance(body.get("prompt"), str):
        said.append(_said("input", "text", body["prompt"]))
    return said


def tools_of(body: Any) -> list[dict[str, str]]:
    """Name and description of each tool that a request offers."""
    tools = []
    for tool in _objects(body.get("tools") if isinstance(body, dict) else None):
        inner = _object(tool.get("function")) or tool
        name, about = inner.get("name") or tool.get("type"), inner.get("description")
        tools.append({"name": str(name or "?"), "description": about if isinstance(about, str) else ""})
    return tools


def answer_of(data: bytes, content_type: str) -> list[Said]:
    """What an answer says: its texts, reasoning, calls; empty where it is an error, a file, or cannot be read."""
    if "event-stream" in content_type:
        return _streamed(_events(data))
    return _whole(_decoded(data))


def _whole(body: Any) -> list[Said]:
    if not isinstance(body, dict):
        return []
    said: list[Said] = []
    for choice in _objects(body.get("choices")):
        said += _turn({"role": "assistant", **_object(choice.get("message"))})
    said += _content("assistant", body.get("content"))
    for item in _objects(body.get("output")):
        said += _turn({"role": "assistant", **item})
    vectors = _objects(body.get("data"))
    if vectors and vectors[0].get("object") == "embedding":
        first = vectors[0].get("embedding")
        size = f" of {len(first)} numbers" if isinstance(first, list) else ""
        said.append(_said("assistant", "text", f"{len(vectors)} vector{'s' * (len(vectors) > 1)}{size}"))
    return said


def _turn(item: dict[str, Any]) -> Iterator[Said]:
    """A message of any format, or an item of the Responses format."""
    kind, role = item.get("type"), str(item.get("role") or "user")
    if kind in ("function_call", "custom_tool_call"):
        yield _call("assistant", item.get("name"), item.get("arguments") or item.get("input"))
        return
    if kind in ("function_call_output", "custom_tool_call_output"):
        yield from _content("tool", item.get("output"), "result")
        return
    if kind == "reasoning":
        yield from _content(role, item.get("summary"), "reasoning")
        return
    for name in ("reasoning_content", "reasoning"):
        if isinstance(item.get(name), str):
            yield _said(role, "reasoning", item[name])
    yield from _content(role, item.get("content"), "result" if role == "tool" else "text")
    if isinstance(item.get("refusal"), str):
        yield _said(role, "refusal", item["refusal"])
    for made in _objects(item.get("tool_calls")):
        function = _object(made.get("function"))
        yield _call(role, function.get("name"), function.get("arguments"))


def _content(role: str, value: Any, kind: str = "text") -> Iterator[Said]:
    if isinstance(value, str):
        if value:
            yield _said(role, kind, value)
        return
    for part in _objects(value):
        what = str(part.get("type") or "")
        if what == "tool_use":
            yield _call(role, part.get("name"), part.get("input"))
        elif what == "tool_result":
            yield from _content("tool", part.get("content"), "result")
        elif what == "thinking":
            yield _said(role, "reasoning", str(part.get("thinking") or ""))
        elif isinstance(part.get("text"), str):
            yield _said(role, kind, part["text"])
        elif isinstance(part.get("refusal"), str):
            yield _said(role, "refusal", part["refusal"])
        elif what:
            yield _said(role, "file", what)


# streams


def _events(data: bytes) -> Iterator[dict[str, Any]]:
    for line in data.splitlines():
        if line.startswith(b"data:"):
            event = _decoded(line[5:].strip())
            if isinstance(event, dict):
                yield event


def _streamed(events: Iterable[dict[str, Any]]) -> list[Said]:
    """Deltas of any format put together: each place in an answer (choice, block, item, call) is one piece."""
    pieces: dict[tuple[Any, ...], Said] = {}

    def add(place: tuple[Any, ...], kind: str, text: Any, name: Any = None) -> None:
        made = pieces.setdefault((*place, kind), _said("assistant", kind, ""))
        if isinstance(name, str) and name:
            made["name"] = name
        if isinstance(text, str):
            made["text"] += text

    for event in events:
        for choice in _objects(event.get("choices")):
            _chat_delta(add, choice)
        _typed_delta(add, event)
    return [made for made in pieces.values() if made["text"] or made.get("name")]


def _chat_delta(add: Any, choice: dict[str, Any]) -> None:
    index, delta = _key(choice.get("index")), _object(choice.get("delta"))
    for name, kind in (
        ("reasoning_content", "reasoning"),
        ("reasoning", "reasoning"),
        ("content", "text"),
        ("refusal", "refusal"),
    ):
        if isinstance(delta.get(name), str) and delta[name]:
            add((index,), kind, delta[name])
    for made in _objects(delta.get("tool_calls")):
        function = _object(made.get("function"))
        add((index, _key(made.get("index"))), "call", function.get("arguments"), function.get("name"))


def _typed_delta(add: Any, event: dict[str, Any]) -> None:
    """Events of the Messages and of the Responses format, which say their type."""
    kind, place = event.get("type"), (_key(event.get("index", event.get("output_index"))),)
    delta = event.get("delta")
    if kind == "content_block_start":
        block = _object(event.get("content_block"))
        if block.get("type") == "tool_use":
            add(place, "call", "", block.get("name"))
    elif kind == "content_block_delta":
        inner = _object(delta)
        names = (("text", "text"), ("thinking", "reasoning"), ("partial_json", "call"))
        for name, what in names:
            if isinstance(inner.get(name), str):
                add(place, what, inner[name])
    elif kind == "response.output_item.added":
        item = _object(event.get("item"))
        if item.get("type") == "function_call":
            add(place, "call", "", item.get("name"))
    elif kind == "response.output_text.delta":
        add(place, "text", delta)
    elif kind == "response.function_call_arguments.delta":
        add(place, "call", delta)
    elif kind in ("response.reasoning_summary_text.delta", "response.reasoning_text.delta"):
        add(place, "reasoning", delta)
    elif kind == "response.refusal.delta":
        add(place, "refusal", delta)


# shapes


def _said(role: str, kind: str, text: str) -> Said:
    return {"role": role, "kind": kind, "text": text}


def _call(role: str, name: Any, arguments: Any) -> Said:
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    return {**_said(role, "call", text), "name": str(name or "?")}


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _key(value: Any) -> Any:
    return value if isinstance(value, int) else 0


def _decoded(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
