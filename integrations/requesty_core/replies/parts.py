"""Content that is a list of parts instead of text: what each kind of part holds.

Seen from relays in front of Anthropic (``thinking``), Mistral (``thinking`` with a list inside, ``reference``),
OpenAI's Responses format (``output_text``, ``refusal``, ``reasoning`` with ``summary``), image models (``image_url``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

__all__ = ["ContentPart", "as_image", "joined_text", "read_part"]

_BASE64_IMAGES = {"iVBOR": "png", "/9j/": "jpeg", "R0lG": "gif", "UklGR": "webp", "Qk": "bmp"}


class ContentPart(NamedTuple):
    """What a part holds: its kind, its text, and the signature of reasoning. ``other`` is kept as it came."""

    kind: Literal["text", "reasoning", "refusal", "image", "other"]
    text: str = ""
    signature: str | None = None


def read_part(part: object) -> ContentPart:
    """What one part of a content list holds."""
    if isinstance(part, str):
        return ContentPart("text", part)
    if not isinstance(part, Mapping):
        return ContentPart("other")
    kind = part.get("type")
    if kind in ("text", "output_text"):
        text = joined_text(part.get("text"))
        return ContentPart("other") if text is None else ContentPart("text", text)
    if kind in ("thinking", "reasoning", "reasoning_content"):
        found = (joined_text(part.get(name)) for name in (kind, "text", "thinking", "reasoning", "content", "summary"))
        text = next((text for text in found if text), "")
        signature = part.get("signature")
        signature = signature if isinstance(signature, str) and signature else None
        return ContentPart("reasoning", text, signature) if text or signature else ContentPart("other")
    if kind == "refusal" and isinstance(part.get("refusal"), str):
        return ContentPart("refusal", part["refusal"])
    return ContentPart("image") if kind == "image_url" else ContentPart("other")


def joined_text(value: object) -> str | None:
    """The text of a field that is a string, an object with ``text``, or a list of those; ``None`` for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return (
            joined_text(value.get("text")) if "text" in value or "value" not in value else joined_text(value["value"])
        )
    if isinstance(value, list):
        texts = [joined_text(item) for item in value]
        return None if None in texts else "".join(text for text in texts if text)
    return None


def as_image(item: object) -> dict[str, Any] | None:
    """An image as ``{"type": "image_url", "image_url": {"url": …}}``; ``None`` for what is no image.

    Images were seen as such objects, with ``image_url`` as a plain string, as ``{"url": …}``, ``{"b64_json": …}``, and
    as a bare URL or base64 text.
    """
    if isinstance(item, str):
        return _from_url(_image_url(item)) if item else None
    if not isinstance(item, Mapping):
        return None
    given = item.get("image_url")
    if isinstance(given, Mapping) and isinstance(given.get("url"), str):
        return dict(item)
    for value in (given, item.get("url"), item.get("b64_json")):
        if isinstance(value, str) and value:
            rest = {k: v for k, v in item.items() if k not in ("url", "b64_json", "image_url")}
            return {**rest, **_from_url(_image_url(value))}
    return None


def _image_url(value: str) -> str:
    if value.startswith(("data:", "http:", "https:", "/")) and not value.startswith("/9j/"):
        return value
    kind = next((kind for start, kind in _BASE64_IMAGES.items() if value.startswith(start)), None)
    return value if kind is None else f"data:image/{kind};base64,{value}"


def _from_url(url: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url}}
