"""``--attach``: files as content parts of a question, by their media type."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

from requesty_core.histories.media import media_part

from .problems import UsageProblemError

__all__ = ["MOST_BYTES", "attached"]

MOST_BYTES = 20_000_000
"""Larger files are refused before anything is sent: encoded, they exceed what providers take in a request."""

_IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_KINDS = "an image (png, jpeg, gif, webp), a PDF, audio or text in UTF-8"


def attached(path: Path) -> dict[str, Any]:
    """The content part of a file: ``image_url``, ``input_file``, ``input_audio``, or its text under its name.

    Raises ``UsageProblemError`` for a file that cannot be read, is empty, larger than 20 MB, or of another kind.
    """
    data = _read(path)
    media_type = mimetypes.guess_type(path.name)[0] or ""
    if media_type in _IMAGES:
        return media_part("image", "--attach", data=data, media_type=media_type)
    if media_type == "application/pdf":
        return media_part("file", "--attach", data=data, media_type=media_type, filename=path.name)
    if media_type.startswith("audio/"):
        return media_part("audio", "--attach", data=data, media_type=media_type)
    text = None if media_type.startswith(("image/", "video/")) else _text(data)
    if text is None:
        what = f"{media_type} is not" if media_type else "the file is not"
        raise UsageProblemError(f"--attach: {path}: {what} {_KINDS}; convert it, or leave it out")
    return {"type": "text", "text": f"{path.name}:\n{text}"}


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # One byte more than allowed tells that there is more, also of what has no size, such as a pipe.
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageProblemError(f"--attach: {path}: {error.strerror or 'cannot be read'}") from None
    if not data:
        raise UsageProblemError(f"--attach: {path}: the file is empty; leave it out")
    if len(data) > MOST_BYTES:
        raise UsageProblemError(f"--attach: {path}: larger than {MOST_BYTES // 1_000_000} MB; attach a part of it")
    return data


def _text(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text
