"""What one block of a history is, whichever provider or framework made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from requesty_core.errors import ConfigurationError
from requesty_core.replies.parts import joined_text, read_part
from requesty_core.wire.json import encode_json

from .calls import CALLS, RESULTS
from .items import CacheMark, Item, LeftOut, Part, Refusal, Result, Thought
from .sources import MEDIA, Block, extras_of, text_part

__all__ = ["read_block", "result_content"]

_TEXTS = frozenset(("text", "output_text", "input_text"))
_THOUGHTS = frozenset(("reasoning", "thinking", "reasoning_content"))

_UNTYPED = (
    "text",
    "toolUse",
    "toolResult",
    "functionCall",
    "functionResponse",
    "image",
    "document",
    "video",
    "audio",
    "reasoningContent",
    "guardContent",
    "cachePoint",
    "executableCode",
    "codeExecutionResult",
    "json",
    "image_url",
)
"""Keys that tell what a block without ``type`` is (Bedrock's Converse and Gemini's own forms)."""

_INLINE = ("inlineData", "inline_data", "fileData", "file_data")

_BEHIND = frozenset(
    (
        "redacted_thinking",
        "input_json_delta",
        "function_call_signature",
        "reference",
        "item_reference",
        "compaction",
        "server_tool_use",
        "server_tool_call",
        "server_tool_call_chunk",
        "server_tool_result",
        "mcp_tool_use",
        "mcp_list_tools",
        "mcp_approval_request",
        "mcp_approval_response",
        "container_upload",
        "web_search_result",
        "tool_reference",
    )
)
_BEHIND_ENDINGS = ("_tool_result", "_call", "_call_output")
"""Of tools that a provider runs itself: ``web_search_call``, ``code_execution_tool_result``, ``mcp_call``."""


def read_block(block: object, where: str) -> Sequence[Item]:
    """What a block is.

    Args:
        block: a string, or a mapping in the form of any provider.
        where: its place, such as ``messages[0].content[2]``, for errors and reasons.

    Raises:
        ConfigurationError: it is none, is broken, or the gateway has no form for it.
    """
    if isinstance(block, str):
        return [Part(text_part(str(block)))]
    if not isinstance(block, Mapping):
        raise ConfigurationError(f"{where}: {type(block).__name__} is not a content block; give a string or a dict")
    kind = block.get("type") or _untyped(block)
    if kind == "non_standard" and isinstance(block.get("value"), Mapping):
        return read_block(block["value"], where)
    items = _read(kind, block, where) if isinstance(kind, str) else None
    if items is None:
        raise ConfigurationError(
            f"{where}: a block of type {block.get('type')!r} cannot be sent; use text, image, file, audio or video"
        )
    cache = block.get("cache_control") or extras_of(block).get("cache_control")
    if cache is not None and items and isinstance(last := items[-1], Part):
        items = [*items[:-1], Part({**last.part, "cache_control": cache})]
    return items


def _untyped(block: Block) -> str | None:
    if any(isinstance(block.get(name), Mapping) for name in _INLINE):
        return "inline"
    return next((name for name in _UNTYPED if name in block), None)


def _read(kind: str, block: Block, where: str) -> Sequence[Item] | None:
    """What a block of one kind is; ``None`` for a kind that nobody knows."""
    if kind in _TEXTS:
        return _text(block, where)
    if kind in _THOUGHTS:
        return _thought(block, kind, where)
    if kind in MEDIA:
        return MEDIA[kind](block, where, _content)
    if kind in CALLS:
        return CALLS[kind](block, where)
    if kind in RESULTS:
        return RESULTS[kind](block, where, result_content)
    if kind in _OTHERS:
        return _OTHERS[kind](block, where)
    if kind in _BEHIND or kind.endswith(_BEHIND_ENDINGS):
        return [LeftOut(kind, f"{where}: a {kind} block means something to its own provider only")]
    return None


def _text(block: Block, where: str) -> list[Item]:
    text = joined_text(block.get("text"))
    if text is None:
        raise ConfigurationError(f"{where}: the {block.get('type', 'text')} block has no 'text'; give it a string")
    signature = block.get("thoughtSignature") or block.get("thought_signature")
    if block.get("thought") is True:
        return [Thought(text, signature if isinstance(signature, str) else None)]
    return [Part(text_part(str(text)))]


def _thought(block: Block, kind: str, where: str) -> list[Item]:
    read = read_part(block)
    extra = extras_of(block).get("signature")
    inner = block.get(kind)
    if isinstance(inner, Mapping):
        extra = inner.get("signature") or extra
    signature = read.signature or (extra if isinstance(extra, str) else None)
    if read.kind == "reasoning" or signature:
        return [Thought(read.text, signature)]
    return [LeftOut(kind, f"{where}: a {kind} block without text means something to its own provider only")]


def _refusal(block: Block, where: str) -> list[Item]:
    text = joined_text(block.get("refusal"))
    if not text:
        raise ConfigurationError(f"{where}: the refusal block has no 'refusal'")
    return [Refusal(text)]


def _converse_thought(block: Block, where: str) -> list[Item]:
    """Converse's own ``{"reasoningContent": {"reasoningText": {"text", "signature"}}}``."""
    inner = block["reasoningContent"]
    told = inner.get("reasoningText") if isinstance(inner, Mapping) else None
    if not isinstance(told, Mapping) or not isinstance(told.get("text"), str):
        return [LeftOut("reasoningContent", f"{where}: an encrypted thought means something to its own provider only")]
    signature = told.get("signature")
    return [Thought(told["text"], signature if isinstance(signature, str) else None)]


def _guarded(block: Block, where: str) -> list[Item]:
    """Converse's ``guardContent``: content that a guardrail looks at."""
    inner = block.get("guardContent") or block.get("guard_content") or block.get("text")
    if isinstance(inner, Mapping) and isinstance(inner.get("image"), Mapping):
        return [*read_block({"image": inner["image"]}, where)]
    text = joined_text(inner)
    if not text:
        raise ConfigurationError(f"{where}: the guardContent block has no text")
    return [Part(text_part(text))]


def _cache_point(block: Block, where: str) -> list[Item]:
    return [CacheMark({"type": "ephemeral"})]


def _code(block: Block, where: str) -> list[Item]:
    """Code that a provider ran in answering, and what it printed: both are part of the visible answer."""
    code = _said(block, "executable_code", "executableCode", "code")
    outputs = block.get("outputs")
    logs = [_said(item, "logs") for item in outputs if isinstance(item, Mapping)] if isinstance(outputs, list) else []
    texts = [f"```\n{text.strip()}\n```" for text in (code, *logs) if text]
    if not texts:
        return [LeftOut(str(block.get("type")), f"{where}: the block holds no code")]
    return [Part(text_part("\n".join(texts)))]


def _code_result(block: Block, where: str) -> list[Item]:
    text = _said(block, "code_execution_result", "codeExecutionResult", "output")
    if not text:
        return [LeftOut("code_execution_result", f"{where}: the code printed nothing")]
    return [Part(text_part(f"```\n{text.strip()}\n```"))]


def _said(block: Block, *names: str) -> str:
    """The first of the fields that holds a text, itself or under ``code`` or ``output``."""
    for name in names:
        value = block.get(name)
        if isinstance(value, Mapping):
            value = value.get("code") or value.get("output")
        if isinstance(value, str) and value:
            return value
    return ""


def _json(block: Block, where: str) -> list[Item]:
    return [Part(text_part(_as_json(block.get("json"), where)))]


def _found(block: Block, where: str) -> list[Item]:
    """Anthropic's ``search_result``: what a search of the caller's own has found."""
    heading = " ".join(str(block[name]) for name in ("title", "source") if isinstance(block.get(name), str))
    parts = _content(block.get("content"), f"{where}.content")
    return [Part(part) for part in ([text_part(heading)] if heading else []) + parts]


def _link(block: Block, where: str) -> list[Item]:
    """MCP's ``resource_link``: where something is."""
    told = [str(block[name]) for name in ("name", "title", "description", "uri") if isinstance(block.get(name), str)]
    if not told:
        raise ConfigurationError(f"{where}: the resource_link block has no 'uri'")
    return [Part(text_part(": ".join(told)))]


def _inline(block: Block, where: str) -> list[Item]:
    """Gemini's own ``inline_data`` and ``file_data``."""
    name = next(name for name in _INLINE if isinstance(block.get(name), Mapping))
    return MEDIA["media"](block[name], where, _content)


_OTHERS = {
    "refusal": _refusal,
    "reasoningContent": _converse_thought,
    "guardContent": _guarded,
    "guard_content": _guarded,
    "cachePoint": _cache_point,
    "cache_point": _cache_point,
    "executable_code": _code,
    "executableCode": _code,
    "code_interpreter_call": _code,
    "code_execution_result": _code_result,
    "codeExecutionResult": _code_result,
    "json": _json,
    "search_result": _found,
    "resource_link": _link,
    "inline": _inline,
}


def _content(value: object, where: str) -> list[dict[str, Any]]:
    """Parts of a content that stands inside a block: a string, one block or a list of them."""
    if value is None or value == "":
        return []
    blocks = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    parts: list[dict[str, Any]] = []
    for index, block in enumerate(blocks):
        for item in read_block(block, f"{where}[{index}]"):
            if isinstance(item, CacheMark) and parts:
                parts[-1]["cache_control"] = item.control
            elif isinstance(item, Part):
                parts.append(item.part)
            elif isinstance(item, Result):
                parts.extend([text_part(item.content)] if isinstance(item.content, str) else item.content)
            elif isinstance(item, LeftOut):
                raise ConfigurationError(item.reason)
            elif not isinstance(item, CacheMark):
                raise ConfigurationError(f"{where}[{index}]: a {type(item).__name__.lower()} does not belong here")
    return parts


def result_content(value: object, where: str) -> str | list[dict[str, Any]]:
    """What a tool message holds for a tool's result: a text as it is, blocks as parts, any other value as JSON text.

    Raises :class:`ConfigurationError` for a block or a value that cannot be sent.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Mapping) and "type" not in value:
        return _as_json(value, where)
    if isinstance(value, (Mapping, Sequence)) and not isinstance(value, (bytes, bytearray)):
        return _content([_result_block(item, where) for item in _listed(value)], where)
    return _as_json(value, where)


def _listed(value: Mapping[str, Any] | Sequence[Any]) -> Sequence[Any]:
    return [value] if isinstance(value, Mapping) else value


def _result_block(item: object, where: str) -> object:
    """A block of a result; data that is none becomes JSON text."""
    if isinstance(item, str) or (isinstance(item, Mapping) and ("type" in item or _untyped(item) is not None)):
        return item
    return text_part(_as_json(item, where))


def _as_json(value: object, where: str) -> str:
    try:
        return encode_json(value).decode()
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: {type(value).__name__} cannot be sent as JSON: {error}") from None
