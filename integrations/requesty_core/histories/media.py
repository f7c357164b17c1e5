"""Images, documents, audio and video as the gateway's content parts (docs/contract.md, section 3)."""

from __future__ import annotations

from base64 import b64encode
from typing import Any, Literal
from urllib.parse import unquote_to_bytes, urlsplit

from requesty_core.errors import ConfigurationError

__all__ = ["MediaKind", "audio_format", "data_url", "media_part", "split_data_url"]

MediaKind = Literal["image", "audio", "video", "file"]

_DEFAULT_TYPES = {"audio": "audio/wav", "video": "video/mp4", "file": "application/pdf"}
_AUDIO_FORMATS = {"mpeg": "mp3", "wave": "wav", "vnd.wave": "wav"}


def data_url(media_type: str, payload: str) -> str:
    """A data URL of base64 text."""
    return f"data:{media_type};base64,{payload}"


def split_data_url(url: str) -> tuple[str, str] | None:
    """``(media type, base64 text)`` of a base64 data URL; ``None`` for any other address."""
    head, comma, payload = url.partition(",")
    if not comma or not head.startswith("data:") or not head.endswith(";base64"):
        return None
    return head[len("data:") : -len(";base64")], payload


def audio_format(media_type: str) -> str:
    """The ``format`` of an ``input_audio`` part: ``wav`` for ``audio/x-wav``, ``mp3`` for ``audio/mpeg``."""
    kind = media_type.partition(";")[0].strip().lower().partition("/")[2].removeprefix("x-")
    return _AUDIO_FORMATS.get(kind, kind)


def media_part(
    kind: MediaKind,
    where: str,
    *,
    url: object = None,
    data: object = None,
    file_id: object = None,
    media_type: object = None,
    filename: object = None,
    detail: object = None,
) -> dict[str, Any]:
    """The content part of an image, audio, a video or a file.

    Args:
        kind: what it is. Images become ``image_url``, audio ``input_audio``, video and files ``input_file`` parts; a
            file given by id becomes OpenAI's ``file`` part.
        where: the block's place, such as ``messages[0].content[2]``, for the error.
        url: a web address or a data URL.
        data: bytes, or base64 text (a whole data URL is taken as well).
        file_id: the provider's id of an uploaded file.
        media_type: such as ``image/png``. Base64 images need it.
        filename, detail: sent with the part, if given.

    Raises:
        ConfigurationError: nothing usable is given, or the gateway has no form for it (images and audio by id, audio by
            web address, addresses that are not ``http(s)``).
    """
    media_type = media_type if isinstance(media_type, str) and media_type else None
    address = _address(kind, where, url, data, media_type)
    if address is None:
        if kind in ("image", "audio") or not isinstance(file_id, str) or not file_id:
            raise ConfigurationError(_missing(kind, where, file_id))
        return {"type": "file", "file": {"file_id": file_id}}
    if kind == "audio":
        return _audio(address, where)
    if kind == "image":
        image: dict[str, Any] = {"url": address}
        if detail:
            image["detail"] = detail
        # Gemini needs the type of an image given by URL (seen in the vendor's own SDK).
        if media_type and not address.startswith("data:"):
            image["mime_type"] = media_type
        return {"type": "image_url", "image_url": image}
    part = {"type": "input_file", "file_data": address, "filename": filename or _file_name(kind, media_type)}
    return {**part, "mime_type": media_type} if media_type else part


def _missing(kind: str, where: str, file_id: object) -> str:
    article = "an" if kind in ("image", "audio") else "a"
    if file_id:
        return f"{where}: {article} {kind} given by id cannot be sent; give 'base64'" + (
            "" if kind == "audio" else " or 'url'"
        )
    return f"{where}: the {kind} block has neither 'url' nor 'base64'; give one"


def _address(kind: str, where: str, url: object, data: object, media_type: str | None) -> str | None:
    """A web address or base64 data URL; ``None`` if neither is given."""
    if isinstance(url, str) and url:
        return _checked_url(kind, where, str(url))
    if isinstance(data, (bytes, bytearray, memoryview)):
        data = b64encode(data).decode("ascii")
    if not isinstance(data, str) or not data:
        return None
    if data.startswith("data:"):
        return _checked_url(kind, where, str(data))
    media_type = media_type or _DEFAULT_TYPES.get(kind)
    if not media_type:
        raise ConfigurationError(f"{where}: base64 data needs 'mime_type', such as 'image/png'")
    return data_url(media_type, str(data))


def _checked_url(kind: str, where: str, url: str) -> str:
    if url.startswith("data:"):
        head, comma, payload = url.partition(",")
        if not comma:
            raise ConfigurationError(f"{where}: the data URL of the {kind} has no data; give data:TYPE;base64,DATA")
        if head.endswith(";base64"):
            return url
        return data_url(head[len("data:") :] or "text/plain", b64encode(unquote_to_bytes(payload)).decode("ascii"))
    scheme = urlsplit(url).scheme.lower()
    if scheme not in ("http", "https"):
        raise ConfigurationError(
            f"{where}: a {scheme or 'relative'} address cannot be sent; give an https or data URL, or 'base64'"
        )
    return url


def _audio(address: str, where: str) -> dict[str, Any]:
    split = split_data_url(address)
    if split is None:
        raise ConfigurationError(f"{where}: audio by URL cannot be sent; give 'base64'")
    media_type, data = split
    return {"type": "input_audio", "input_audio": {"data": data, "format": audio_format(media_type)}}


def _file_name(kind: str, media_type: str | None) -> str:
    """A name whose ending tells the type."""
    ending = (media_type or _DEFAULT_TYPES[kind]).partition(";")[0].partition("/")[2]
    return f"{kind}.{ending}"
