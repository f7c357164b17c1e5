"""Content parts of chat messages: which are accepted, and their plain text."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from requesty_emulator.errors import bad_request
from requesty_emulator.validation import checks

#: Part types per role; ``file_input`` and ``file`` are the older and the OpenAI spelling of ``input_file``.
_PARTS = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_file", "file_input", "file", "input_audio"),
    "tool": ("text", "image_url", "input_file", "file_input", "file"),
    "assistant": ("text", "refusal", "image_url"),
}
#: Estimated prompt tokens of one attachment.
ATTACHMENT_TOKENS = 256


def check_content(content: object, where: str, role: str) -> None:
    """Refuse anything but a string or an array of well-formed parts that this role may carry."""
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise bad_request(f"{where} must be a string or an array of parts, not {checks.kind(content)}")
    for index, item in enumerate(checks.array(content, where, empty=False)):
        spot = f"{where}[{index}]"
        part = checks.obj(item, spot)
        word = part.get("type")
        if word not in _PARTS[role]:
            raise bad_request(
                f"{spot}.type {word!r} is not a content part of a {role} message; expected {', '.join(_PARTS[role])}"
            )
        _CHECKS[word](part, spot)
        if part.get("cache_control") is not None:
            control = checks.obj(part["cache_control"], f"{spot}.cache_control")
            checks.one_of(control.get("type"), f"{spot}.cache_control.type", ("ephemeral",))


def _text(part: dict[str, Any], where: str) -> None:
    checks.string(part.get("text"), f"{where}.text")


def _refusal(part: dict[str, Any], where: str) -> None:
    checks.string(part.get("refusal"), f"{where}.refusal")


def _image(part: dict[str, Any], where: str) -> None:
    image = checks.obj(part.get("image_url"), f"{where}.image_url")
    url = checks.string(image.get("url"), f"{where}.image_url.url", empty=False)
    if url.startswith("data:"):
        _data_url(url, f"{where}.image_url.url", "image/")
    elif not url.startswith(("https://", "http://")):
        raise bad_request(f"{where}.image_url.url must be an https or data URL")
    if image.get("detail") is not None:
        checks.one_of(image["detail"], f"{where}.image_url.detail", ("auto", "low", "high", "original"))


def _file(part: dict[str, Any], where: str) -> None:
    inner, spot = part, where
    if part["type"] == "file":
        inner, spot = checks.obj(part.get("file"), f"{where}.file"), f"{where}.file"
    data = next((inner[name] for name in ("file_data", "file_url", "file_id") if inner.get(name)), None)
    text = checks.string(data, f"{spot}.file_data", empty=False)
    if inner.get("filename") is not None:
        checks.string(inner["filename"], f"{spot}.filename")
    if text.startswith("data:"):
        _data_url(text, f"{spot}.file_data", "")


def _audio(part: dict[str, Any], where: str) -> None:
    audio = checks.obj(part.get("input_audio"), f"{where}.input_audio")
    checks.string(audio.get("data"), f"{where}.input_audio.data", empty=False)
    checks.string(audio.get("format"), f"{where}.input_audio.format", empty=False)


_CHECKS = {
    "text": _text,
    "refusal": _refusal,
    "image_url": _image,
    "input_file": _file,
    "file_input": _file,
    "file": _file,
    "input_audio": _audio,
}


def _data_url(url: str, where: str, prefix: str) -> None:
    head, comma, payload = url.partition(",")
    media_type = head[5:].split(";", 1)[0]
    if not comma or not head.endswith(";base64") or not media_type.startswith(prefix):
        raise bad_request(f"{where} must look like data:{prefix or 'TYPE/'}…;base64,…")
    try:
        base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise bad_request(f"{where} does not hold valid base64") from exc


def plain_text(content: object) -> str:
    """The text of a message's content, attachments left out."""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return ""
    return "\n".join(part["text"] for part in content if isinstance(part.get("text"), str))


def attachments(content: object) -> list[str]:
    """Part types of everything that is not text."""
    if not isinstance(content, list):
        return []
    return [part["type"] for part in content if part.get("type") not in ("text", "refusal")]


def has_cache_mark(message: dict[str, Any]) -> bool:
    """Whether a hand-placed Anthropic cache breakpoint sits on a message or one of its parts."""
    if message.get("cache_control"):
        return True
    content = message.get("content")
    return isinstance(content, list) and any(part.get("cache_control") for part in content)
