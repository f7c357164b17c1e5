"""From LlamaIndex content blocks to the gateway's content parts.

A block with no counterpart on the wire is refused by name; nothing is dropped, and nothing is downloaded.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import filetype  # type: ignore[import-untyped]
from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)

from requesty_core.adapters import data_url
from requesty_core.errors import ConfigurationError

__all__ = ["add_block", "wire_content"]

Part = dict[str, Any]


def wire_content(blocks: Iterable[Any], role: str, where: str) -> str | list[Part]:
    """Content of one message that no model wrote: a string if it is text only, else parts.

    Raises :class:`ConfigurationError` naming the block that cannot be sent.
    """
    parts: list[Part] = []
    for index, block in enumerate(blocks):
        add_block(block, role, f"{where}.blocks[{index}]", parts)
    if all(part.keys() == {"type", "text"} for part in parts):
        # The separator is the one of ChatMessage.content.
        return "\n".join(part["text"] for part in parts)
    return parts


def add_block(block: Any, role: str, where: str, parts: list[Part]) -> None:
    """Add the parts of a block, or its mark to the last one. Raises :class:`ConfigurationError` naming the block."""
    kind = getattr(block, "block_type", type(block).__name__)
    if isinstance(block, CachePoint):
        if not parts:
            raise ConfigurationError(f"{where}: a cache point marks the block before it, and there is none")
        parts[-1]["cache_control"] = _cache(block, where)
    elif isinstance(block, (ThinkingBlock, ToolCallBlock)):
        raise ConfigurationError(f"{where}: a {kind} block belongs in an assistant message, not a {role} one")
    elif isinstance(block, (CitableBlock, CitationBlock)):
        parts.append({"type": "text", "text": f"{block.title} ({block.source}):"})
        nested = block.content if isinstance(block, CitableBlock) else [block.cited_content]
        for inner in nested:
            add_block(inner, role, where, parts)
    else:
        convert = _CONVERTERS.get(type(block))
        if convert is None:
            known = ", ".join(sorted(cls.__name__ for cls in _CONVERTERS))
            raise ConfigurationError(f"{where}: a block of type {kind!r} cannot be sent; use one of {known}")
        parts.append(convert(block, where))


def _cache(block: CachePoint, where: str) -> Part:
    control = block.cache_control
    # 5 minutes is what `ephemeral` means when nothing is said.
    return {"type": control.type} if control.ttl == "5m" else {"type": control.type, "ttl": control.ttl}


def _text(block: TextBlock, where: str) -> Part:
    return {"type": "text", "text": block.text}


def _url(block: ImageBlock | VideoBlock | DocumentBlock | AudioBlock) -> str | None:
    return str(block.url) if block.url else None


def _given(resolve: Callable[[], Any], kind: str, where: str) -> bytes:
    """The bytes of a block. Raises for a block without any."""
    try:
        data = resolve().read()
    except (ValueError, OSError) as error:
        raise ConfigurationError(f"{where}: the {kind} block has no readable content ({error})") from None
    if isinstance(data, str):
        data = data.encode()
    return bytes(data)


def _data_url(data: bytes, media_type: str | None, kind: str, setting: str, where: str) -> tuple[str, str]:
    """(data URL of base64 ``data``, its media type), guessed from the bytes if it is not given."""
    if not media_type:
        guess = filetype.guess(b64decode(data[:4096]))
        media_type = guess.mime if guess else None
    if not media_type:
        raise ConfigurationError(f"{where}: the type of the {kind} is unknown; set {setting}")
    return data_url(media_type, data.decode("ascii")), media_type


def _image(block: ImageBlock, where: str) -> Part:
    image: dict[str, Any] = {}
    if (url := _url(block)) is not None and not block.image:
        image["url"] = url
        # Gemini needs the type of an image given by URL (seen in the vendor's own SDK).
        if block.image_mimetype and not url.startswith("data:"):
            image["mime_type"] = block.image_mimetype
    else:
        data = _given(lambda: block.resolve_image(as_base64=True), "image", where)
        image["url"], _ = _data_url(_encoded(block.image, data), block.image_mimetype, "image", "image_mimetype", where)
    if block.detail:
        image["detail"] = block.detail
    return {"type": "image_url", "image_url": image}


def _encoded(source: Any, data: bytes) -> bytes:
    """``data`` in base64. Core's ``resolve_*`` hand a stream object through as it is, unencoded."""
    return b64encode(data) if hasattr(source, "read") else data


def _audio(block: AudioBlock, where: str) -> Part:
    url = _url(block)
    if url is not None and not block.audio and not url.startswith("data:"):
        raise ConfigurationError(f"{where}: audio by URL cannot be sent; give 'audio' bytes or a 'path'")
    data = _encoded(block.audio, _given(lambda: block.resolve_audio(as_base64=True), "audio", where))
    return {"type": "input_audio", "input_audio": {"data": data.decode("ascii"), "format": block.format or "mp3"}}


def _document(block: DocumentBlock, where: str) -> Part:
    source = _url(block)
    media_type = block.document_mimetype
    if source is None or block.data:
        data = b64encode(_given(block.resolve_document, "document", where))
        source, media_type = _data_url(data, media_type, "document", "document_mimetype", where)
    return _file(source, media_type, _file_name(block.title, block.path, media_type, "input_document"))


def _video(block: VideoBlock, where: str) -> Part:
    source = _url(block)
    media_type = block.video_mimetype
    if source is None or block.video:
        data = _encoded(block.video, _given(lambda: block.resolve_video(as_base64=True), "video", where))
        source, media_type = _data_url(data, media_type, "video", "video_mimetype", where)
    return _file(source, media_type, _file_name(None, block.path, media_type, "video"))


def _file(source: str, media_type: str | None, name: str) -> Part:
    part: Part = {"type": "input_file", "filename": name, "file_data": source}
    if media_type:
        part["mime_type"] = media_type
    return part


def _file_name(title: str | None, path: Any, media_type: str | None, default: str) -> str:
    """The title if it was chosen, else the file's own name, else one whose ending tells the type."""
    if title and title != default:
        return title
    if path:
        return Path(str(path)).name
    ending = (media_type or "").partition("/")[2]
    return f"{default}.{ending}" if ending.isalnum() else default


_CONVERTERS: Mapping[type, Callable[[Any, str], Part]] = {
    TextBlock: _text,
    ImageBlock: _image,
    AudioBlock: _audio,
    DocumentBlock: _document,
    VideoBlock: _video,
}
