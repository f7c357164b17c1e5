"""What kinds of media a request holds beside its text, in the words of the catalogue's modalities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["media_of"]

_KINDS = {
    "image_url": "image",
    "input_image": "image",
    "image": "image",
    "input_audio": "audio",
    "video_url": "video",
    "input_video": "video",
}
"""By the type of a part, in all three formats. Files are left out: what they hold is not known."""


def media_of(body: Mapping[str, Any]) -> frozenset[str]:
    """The kinds of media in the turns of a body; of ``image``, ``audio`` and ``video``."""
    found = set[str]()
    for turn in body.get("messages") or body.get("input") or ():
        content = turn.get("content") if isinstance(turn, Mapping) else None
        if isinstance(content, list):
            found.update(_KINDS[kind] for part in content if (kind := _type_of(part)) in _KINDS)
    return frozenset(found)


def _type_of(part: object) -> Any:
    return part.get("type") if isinstance(part, Mapping) else None
