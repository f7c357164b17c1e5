"""From LangChain content blocks to the gateway's content parts.

Accepts plain strings, LangChain v1 blocks, OpenAI parts and Anthropic blocks. ``cache_control`` is kept wherever it
stands. A block with no counterpart on the wire is refused by name; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from requesty_core.adapters import audio_format, data_url
from requesty_core.errors import ConfigurationError

__all__ = ["parts_of", "wire_content"]

Block = Mapping[str, Any]
Part = dict[str, Any]

# Blocks of assistant turns that travel in fields of their own, or that only mark where something stood.
_ELSEWHERE = frozenset(
    (
        "reasoning",
        "thinking",
        "redacted_thinking",
        "tool_call",
        "tool_call_chunk",
        "tool_use",
        "input_json_delta",
        "invalid_tool_call",
        "server_tool_call",
        "server_tool_call_chunk",
        "server_tool_result",
    )
)


def wire_content(content: str | Sequence[Any], where: str) -> str | list[Part]:
    """Content of one message: a string stays one, and a list of bare text blocks stays a list (cache marks)."""
    return content if isinstance(content, str) else parts_of(content, where)


def parts_of(blocks: Sequence[Any], where: str) -> list[Part]:
    """Content parts. Raises :class:`ConfigurationError` for a block that cannot be sent, naming it."""
    parts: list[Part] = []
    for index, block in enumerate(blocks):
        if isinstance(block, str):
            if block:
                parts.append({"type": "text", "text": block})
            continue
        part = _part(block, f"{where}[{index}]")
        if part is not None:
            parts.append(part)
    return parts


def _part(block: Any, where: str) -> Part | None:
    if not isinstance(block, Mapping):
        raise ConfigurationError(f"{where}: {type(block).__name__} is not a content block; give a string or a dict")
    kind = block.get("type")
    if kind in _ELSEWHERE:
        return None
    if kind == "non_standard" and isinstance(block.get("value"), Mapping):
        return _part(block["value"], where)
    convert = _CONVERTERS.get(kind) if isinstance(kind, str) else None
    if convert is None:
        known = ", ".join(sorted(_CONVERTERS))
        raise ConfigurationError(f"{where}: a block of type {kind!r} cannot be sent; use one of {known}")
    part = convert(block, where)
    cache = block.get("cache_control") or _extras(block).get("cache_control")
    if cache is not None:
        part["cache_control"] = cache
    return part


def _extras(block: Block) -> Block:
    extras = block.get("extras")
    return extras if isinstance(extras, Mapping) else {}


def _text(block: Block, where: str) -> Part:
    return {"type": "text", "text": str(block.get("text") or "")}


def _refusal(block: Block, where: str) -> Part:
    return {"type": "refusal", "refusal": str(block.get("refusal") or "")}


def _source(block: Block, where: str) -> tuple[str | None, str | None, str | None]:
    """(URL, base64 data, media type) of a v1, v0 or Anthropic block; for an id neither is set."""
    source = block.get("source")
    if isinstance(source, Mapping):
        if source.get("type") == "url":
            return source.get("url"), None, source.get("media_type")
        return None, source.get("data"), source.get("media_type")
    data = block.get("base64")
    if data is None and block.get("source_type") == "base64":
        data = block.get("data")
    return block.get("url"), data, block.get("mime_type")


def _data_url(block: Block, where: str, default_type: str | None = None) -> str:
    url, data, media_type = _source(block, where)
    if isinstance(url, str) and url:
        return url
    media_type = media_type or default_type
    if not isinstance(data, str) or not data:
        raise ConfigurationError(f"{where}: the {block.get('type')} block has neither 'url' nor 'base64'; give one")
    if not media_type:
        raise ConfigurationError(f"{where}: base64 data needs 'mime_type', such as 'image/png'")
    return data_url(media_type, data)


def _image(block: Block, where: str) -> Part:
    image: dict[str, Any] = {"url": _data_url(block, where)}
    detail = block.get("detail") or _extras(block).get("detail")
    if detail:
        image["detail"] = detail
    # Gemini needs the type of an image given by URL (seen in the vendor's own SDK).
    if not image["url"].startswith("data:") and block.get("mime_type"):
        image["mime_type"] = block["mime_type"]
    return {"type": "image_url", "image_url": image}


def _image_url(block: Block, where: str) -> Part:
    image = block.get("image_url")
    if isinstance(image, str):
        image = {"url": image}
    if not isinstance(image, Mapping) or not isinstance(image.get("url"), str):
        raise ConfigurationError(f"{where}: the image_url block has no 'url'")
    return {"type": "image_url", "image_url": dict(image)}


def _audio(block: Block, where: str) -> Part:
    url, data, media_type = _source(block, where)
    if not isinstance(data, str) or not data:
        hint = "audio by URL cannot be sent; give 'base64'" if url else "the audio block has no 'base64'"
        raise ConfigurationError(f"{where}: {hint}")
    return {"type": "input_audio", "input_audio": {"data": data, "format": audio_format(media_type or "audio/wav")}}


def _file(block: Block, where: str) -> Part:
    file_id = block.get("file_id") or (block.get("id") if block.get("source_type") == "id" else None)
    if file_id:
        return {"type": "file", "file": {"file_id": file_id}}
    if block.get("source_type") == "text" or (isinstance(block.get("source"), Mapping) and _is_text(block["source"])):
        return {"type": "text", "text": str(block.get("text") or block.get("url") or block["source"].get("data"))}
    kind = block.get("type")
    default = "video/mp4" if kind == "video" else "application/pdf"
    part: Part = {"type": "input_file", "file_data": _data_url(block, where, default)}
    media_type = _source(block, where)[2]
    name = block.get("filename") or _extras(block).get("filename") or block.get("title")
    metadata = block.get("metadata")
    if not name and isinstance(metadata, Mapping):
        name = metadata.get("filename") or metadata.get("name")
    part["filename"] = name or f"{kind}.{(media_type or default).partition('/')[2]}"
    if media_type:
        part["mime_type"] = media_type
    return part


def _is_text(source: Block) -> bool:
    return source.get("type") == "text"


def _openai_file(block: Block, where: str) -> Part:
    return (
        {"type": "file", "file": dict(block["file"])} if isinstance(block.get("file"), Mapping) else _file(block, where)
    )


def _as_given(block: Block, where: str) -> Part:
    return {key: value for key, value in block.items() if key not in ("index", "cache_control")}


_CONVERTERS: Mapping[str, Callable[[Block, str], Part]] = {
    "text": _text,
    "text-plain": _text,
    "refusal": _refusal,
    "image": _image,
    "image_url": _image_url,
    "audio": _audio,
    "input_audio": _as_given,
    "file": _openai_file,
    "document": _file,
    "video": _file,
    "input_file": _as_given,
    "file_input": _as_given,
}
