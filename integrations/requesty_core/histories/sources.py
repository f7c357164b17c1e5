"""Blocks that hold an image, a document, audio or video, in the form of any provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from requesty_core.errors import ConfigurationError
from requesty_core.replies.parts import joined_text

from .items import Item, Part
from .media import MediaKind, media_part, split_data_url

__all__ = ["MEDIA", "Block", "ReadContent", "extras_of", "text_part"]

Block = Mapping[str, Any]
ReadContent = Callable[[object, str], Sequence[dict[str, Any]]]

_DOCUMENTS = {
    "pdf": "application/pdf",
    "csv": "text/csv",
    "html": "text/html",
    "txt": "text/plain",
    "md": "text/markdown",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def extras_of(block: Block) -> Block:
    """What a standard block carries beside its own fields."""
    extras = block.get("extras")
    return extras if isinstance(extras, Mapping) else {}


def text_part(text: str) -> dict[str, Any]:
    """A text part."""
    return {"type": "text", "text": text}


def _first(block: Block, *names: str) -> Any:
    return next((block[name] for name in names if block.get(name)), None)


def _source(block: Block, kind: str) -> dict[str, Any]:
    """Arguments for :func:`media_part`: where the data of a block is, and of which type it is."""
    inner = block.get(kind)
    if isinstance(inner, Mapping):
        block = {**block, **inner}
    elif isinstance(inner, (bytes, bytearray)):
        block = {**block, "data": inner}
    elif isinstance(inner, str) and inner:
        block = {**block, ("url" if ":" in inner[:9] else "data"): inner}
    source = block.get("source")
    if isinstance(source, Mapping):
        location = source.get("s3Location")
        block = {**block, "url": None, "data": None, "base64": None, **source}
        if isinstance(location, Mapping):
            block = {**block, "url": location.get("uri")}
    media_type = _first(block, "mime_type", "media_type", "mimeType", "mediaType")
    form = block.get("format")
    if not media_type and isinstance(form, str) and form:
        media_type = _DOCUMENTS.get(form) if kind in ("document", "file") else f"{kind}/{form}"
    return {
        "url": _first(block, "url", "file_uri", "fileUri", "file_url"),
        "data": _first(block, "base64", "data", "bytes", "blob", "file_data"),
        "file_id": block.get("file_id") or (block.get("id") if block.get("source_type") == "id" else None),
        "media_type": media_type,
    }


def _name(block: Block) -> str | None:
    metadata = block.get("metadata")
    named = _first(block, "filename", "title", "name", "document_name") or _first(extras_of(block), "filename", "title")
    if not named and isinstance(metadata, Mapping):
        named = _first(metadata, "filename", "name")
    return named if isinstance(named, str) else None


def _image(block: Block, where: str, read: ReadContent) -> list[Item]:
    if "image_url" in block:
        return _image_url(block, where, read)
    detail = block.get("detail") or extras_of(block).get("detail")
    return [Part(media_part("image", where, **_source(block, "image"), detail=detail))]


def _image_url(block: Block, where: str, read: ReadContent) -> list[Item]:
    image = block.get("image_url")
    if isinstance(image, str):
        image = {"url": image, **({"detail": block["detail"]} if block.get("detail") else {})}
    if block.get("file_id") and not image:
        media_part("image", where, file_id=block["file_id"])
    if not isinstance(image, Mapping) or not isinstance(image.get("url"), str) or not image["url"]:
        raise ConfigurationError(f"{where}: the image_url block has no 'url'")
    checked = media_part("image", where, url=image["url"])["image_url"]["url"]
    return [Part({"type": "image_url", "image_url": {**image, "url": checked}})]


def _image_file(block: Block, where: str, read: ReadContent) -> list[Item]:
    inner = block.get("image_file")
    return [Part(media_part("image", where, file_id=inner.get("file_id") if isinstance(inner, Mapping) else None))]


def _generated_image(block: Block, where: str, read: ReadContent) -> list[Item]:
    """OpenAI's ``image_generation_call``: the image that it made."""
    media_type = f"image/{block.get('output_format') or 'png'}"
    return [Part(media_part("image", where, data=block.get("result"), media_type=media_type))]


def _audio(block: Block, where: str, read: ReadContent) -> list[Item]:
    transcript = block.get("transcript") or extras_of(block).get("transcript")
    part = media_part("audio", where, **_source(block, "audio"))
    return [Part({**part, "transcript": transcript} if isinstance(transcript, str) and transcript else part)]


def _input_audio(block: Block, where: str, read: ReadContent) -> list[Item]:
    inner = block.get("input_audio")
    if isinstance(inner, str):
        given = {"url": inner} if ":" in inner[:9] else {"data": inner}
        return [Part(media_part("audio", where, **given))]
    if not isinstance(inner, Mapping) or not isinstance(inner.get("data"), str) or not inner["data"]:
        raise ConfigurationError(f"{where}: the input_audio block has no 'data'; give it in base64")
    return [Part({"type": "input_audio", "input_audio": dict(inner)})]


def _file(block: Block, where: str, read: ReadContent) -> list[Item]:
    """A file or document of any provider; one that holds text becomes text, under its title."""
    inner = block.get("file")
    if isinstance(inner, Mapping):
        if not any(isinstance(inner.get(key), str) and inner[key] for key in ("file_id", "file_data", "file_url")):
            raise ConfigurationError(f"{where}: the file block has neither 'file_id' nor 'file_data'; give one")
        return [Part({"type": "file", "file": dict(inner)})]
    kind = "document" if isinstance(block.get("document"), Mapping) else "file"
    whole = {**block, **block["document"]} if kind == "document" else block
    texts = _document_texts(whole, where, read)
    if texts is not None:
        return _titled(whole, texts)
    return [Part(media_part("file", where, **_source(whole, kind), filename=_name(whole)))]


def _document_texts(block: Block, where: str, read: ReadContent) -> list[dict[str, Any]] | None:
    """Parts of a document whose content is text or blocks; ``None`` for any other."""
    source = block.get("source")
    if block.get("source_type") == "text":
        return [_required_text(block.get("text") or block.get("url") or block.get("data"), where)]
    if not isinstance(source, Mapping):
        return None
    if source.get("type") == "text":
        return [_required_text(source.get("data") or source.get("text"), where)]
    if "type" not in source and source.get("text"):
        return [_required_text(source["text"], where)]
    return [*read(source["content"], f"{where}.source.content")] if source.get("content") else None


def _required_text(value: object, where: str) -> dict[str, Any]:
    text = joined_text(value)
    if not text:
        raise ConfigurationError(f"{where}: the document has no text")
    return text_part(text)


def _titled(block: Block, parts: list[dict[str, Any]]) -> list[Item]:
    """The parts of a document, with its title and context before them."""
    heading = "\n".join(
        text for name in ("title", "name", "context") if isinstance(text := block.get(name), str) and text
    )
    if heading and parts and parts[0].get("type") == "text":
        parts = [{**parts[0], "text": f"{heading}\n\n{parts[0]['text']}"}, *parts[1:]]
    elif heading:
        parts = [text_part(heading), *parts]
    return [Part(part) for part in parts]


def _plain(block: Block, where: str, read: ReadContent) -> list[Item]:
    """A standard ``text-plain`` block: a text, or a file that holds one."""
    text = joined_text(block.get("text"))
    if text is None or (not text and "text" not in block):
        source = _source(block, "file")
        source["media_type"] = source["media_type"] or "text/plain"
        return [Part(media_part("file", where, **source, filename=_name(block)))]
    return _titled(block, [text_part(text)])


def _input_file(block: Block, where: str, read: ReadContent) -> list[Item]:
    """The gateway's own part as given; OpenAI's with an id or an address in the gateway's form."""
    if isinstance(block.get("file_data"), str) and block["file_data"]:
        return [Part({key: value for key, value in block.items() if key not in ("index", "cache_control", "extras")})]
    return [Part(media_part("file", where, **_source(block, "file"), filename=_name(block)))]


def _video(block: Block, where: str, read: ReadContent) -> list[Item]:
    given = block.get("video_url")
    if given is not None:
        url = given.get("url") if isinstance(given, Mapping) else given
        return [Part(media_part("video", where, url=url, filename=_name(block)))]
    return [Part(media_part("video", where, **_source(block, "video"), filename=_name(block)))]


def _document_url(block: Block, where: str, read: ReadContent) -> list[Item]:
    """Mistral's."""
    return [Part(media_part("file", where, url=block.get("document_url"), filename=_name(block)))]


def _media(block: Block, where: str, read: ReadContent) -> list[Item]:
    """Gemini's: the media type tells what it is."""
    source = _source(block, "file")
    url = source["url"]
    split = split_data_url(url) if isinstance(url, str) else None
    media_type = str(source["media_type"] or (split[0] if split else ""))
    family = media_type.partition("/")[0]
    kind: MediaKind = family if family in ("image", "audio", "video") else "file"  # type: ignore[assignment]
    name = None if kind in ("image", "audio") else _name(block)
    return [Part(media_part(kind, where, **source, filename=name))]


def _resource(block: Block, where: str, read: ReadContent) -> list[Item]:
    """MCP's embedded resource: a text, or data of any type."""
    inner = block.get("resource")
    if not isinstance(inner, Mapping):
        raise ConfigurationError(f"{where}: the resource block has no 'resource'")
    text = joined_text(inner.get("text"))
    if text:
        return [Part(text_part(text))]
    return _media({**inner, "uri": None}, where, read)


MEDIA: Mapping[str, Callable[[Block, str, ReadContent], list[Item]]] = {
    "image": _image,
    "image_url": _image_url,
    "input_image": _image_url,
    "image_file": _image_file,
    "image_generation_call": _generated_image,
    "audio": _audio,
    "input_audio": _input_audio,
    "file": _file,
    "document": _file,
    "text-plain": _plain,
    "input_file": _input_file,
    "file_input": _input_file,
    "video": _video,
    "video_url": _video,
    "document_url": _document_url,
    "media": _media,
    "resource": _resource,
}
"""Readers by the type of the block."""
