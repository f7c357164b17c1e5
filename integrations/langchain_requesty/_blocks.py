"""Standard content blocks (v1) of our messages and chunks, registered under LangChain's extension point.

Theory of operation. LangChain joins blocks of a stream by their ``index``, and numbers blocks without one by counting
changes of type. Tool-call pieces carry the call's own number, so text before a tool call would be joined with it into
one broken block. Every block of ours therefore has an index of its own kind (``lc_rs_0`` reasoning, ``lc_txt_0``
text, ``lc_tc_N`` tool call, ``lc_img_N`` image, ``lc_rf_0`` refusal), which LangChain joins only with its like.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.messages import content as types
from langchain_core.messages.block_translators import register_translator

from requesty_core.adapters import image_address, split_data_url

from ._tool_calls import CALL_EXTRAS, PROVIDER

__all__ = ["register_blocks"]

Block = dict[str, Any]


def register_blocks() -> None:
    """Tell LangChain how to read our messages. Idempotent."""
    register_translator(PROVIDER, _of_message, _of_chunk)


def _of_message(message: AIMessage) -> list[types.ContentBlock]:
    blocks = _body(message)
    blocks += _calls(message)
    return cast("list[types.ContentBlock]", blocks)


def _of_chunk(chunk: AIMessageChunk) -> list[types.ContentBlock]:
    blocks = _body(chunk, streamed=True)
    if chunk.chunk_position == "last":
        blocks += _calls(chunk)
        blocks += getattr(chunk, "closing", ())
    else:
        for piece in chunk.tool_call_chunks:
            block: Block = {"type": "tool_call_chunk", "id": piece["id"], "name": piece["name"], "args": piece["args"]}
            if piece["index"] is not None:
                block["index"] = f"lc_tc_{piece['index']}"
            blocks.append(block)
    return cast("list[types.ContentBlock]", blocks)


_CALLS = ("tool_call", "invalid_tool_call")


def _calls(message: AIMessage) -> list[Block]:
    in_content = {b.get("id") for b in message.content if isinstance(b, dict) and b.get("type") in _CALLS}
    blocks: list[Block] = [
        {"type": "tool_call", "name": call["name"], "args": call["args"], "id": call["id"]}
        for call in message.tool_calls
        if call["id"] not in in_content
    ]
    blocks += [
        {"type": "invalid_tool_call", "name": c["name"], "args": c["args"], "id": c["id"], "error": c["error"]}
        for c in message.invalid_tool_calls
        if c["id"] not in in_content
    ]
    extras = message.additional_kwargs.get(CALL_EXTRAS) or {}
    return [{**block, "extras": extras[block["id"]]} if block["id"] in extras else block for block in blocks]


def _body(message: AIMessage, *, streamed: bool = False) -> list[Block]:
    """Everything but the tool calls, in the order reasoning, text, images, refusal."""
    kwargs = message.additional_kwargs
    blocks: list[Block] = []
    reasoning, signature = kwargs.get("reasoning_content"), kwargs.get("reasoning_signature")
    if reasoning or signature:
        block: Block = {"type": "reasoning", "reasoning": reasoning or ""}
        if signature:
            block["extras"] = {"signature": signature}
        blocks.append(_indexed(block, "lc_rs_0", streamed))
    annotations = [_annotation(item) for item in kwargs.get("annotations") or ()]
    texts = _texts(message.content)
    if annotations and not texts:
        texts = [{"type": "text", "text": ""}]
    if annotations:
        texts[-1] = {**texts[-1], "annotations": annotations}
    blocks += [_indexed(text, f"lc_txt_{n}", streamed) for n, text in enumerate(texts)]
    blocks += [_indexed(_image(item), f"lc_img_{n}", streamed) for n, item in enumerate(kwargs.get("images") or ())]
    if refusal := kwargs.get("refusal"):
        blocks.append(_indexed(_refusal(refusal), "lc_rf_0", streamed))
    return blocks


def _indexed(block: Block, index: str, streamed: bool) -> Block:
    return {**block, "index": index} if streamed else block


def _texts(content: str | list[str | dict[Any, Any]]) -> list[Block]:
    """Text of a message whose content is a string, or the blocks a user put there."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return [{"type": "text", "text": item} if isinstance(item, str) else item for item in content]


def _annotation(item: Mapping[str, Any]) -> Block:
    """A v1 citation from ``{"type": "url_citation", "url_citation": {…}}``; anything else is kept whole."""
    cited = item.get("url_citation")
    if item.get("type") != "url_citation" or not isinstance(cited, Mapping):
        return {"type": "non_standard_annotation", "value": dict(item)}
    citation: Block = {"type": "citation"}
    for key, name in (
        ("url", "url"),
        ("title", "title"),
        ("start_index", "start_index"),
        ("end_index", "end_index"),
        ("content", "cited_text"),
    ):
        if cited.get(key) is not None:
            citation[name] = cited[key]
    extras = {key: value for key, value in item.items() if key not in ("type", "url_citation")}
    if extras:
        citation["extras"] = extras
    return citation


def _image(item: Mapping[str, Any]) -> Block:
    """A v1 image from ``{"type": "image_url", "image_url": {"url": …}}``; anything else is kept whole."""
    url = image_address(item)
    if url is None:
        return {"type": "non_standard", "value": dict(item)}
    if (data := split_data_url(url)) is not None:
        return {"type": "image", "base64": data[1], "mime_type": data[0]}
    return {"type": "image", "url": url}


def _refusal(text: str) -> Block:
    # A block type of its own since langchain-core 1.7.5.
    if "refusal" in types.KNOWN_BLOCK_TYPES:
        return {"type": "refusal", "refusal": text}
    return {"type": "non_standard", "value": {"type": "refusal", "refusal": text}}
