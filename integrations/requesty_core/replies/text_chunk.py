"""The chunk that nearly all of a streamed answer consists of: one piece of text of one choice, and nothing else.

Read into these classes it costs a third of what a tree of dictionaries does. Whatever else a chunk brings is refused by
the decoder, and such a chunk is read in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .choice import ChoiceState
from .reply import TextDelta

__all__ = ["TEXT_FIELDS", "decode_text_chunk", "only_text"]

TEXT_FIELDS = frozenset(("id", "object", "created", "model", "choices", "system_fingerprint"))
"""Fields that a chunk of text may have."""

_DELTA_FIELDS = frozenset(("role", "content"))


class _Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: str
    role: str | None = None


class _Choice(msgspec.Struct, gc=False):
    # What else a choice may have says nothing about the answer.
    delta: _Delta
    index: int
    finish_reason: None = None
    logprobs: None = None


class _TextChunk(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    choices: tuple[_Choice]
    id: str | None = None
    object: str | None = None
    created: int | float | None = None
    model: str | None = None
    system_fingerprint: str | None = None


decode_text_chunk = msgspec.json.Decoder(_TextChunk).decode
"""Raises :data:`requesty_core.wire.json.UNREADABLE` for any other chunk."""


def only_text(chunk: Mapping[str, Any], part: str, choices: Mapping[int, ChoiceState]) -> TextDelta | None:
    """The event of a chunk of :data:`TEXT_FIELDS` that brings text and nothing else; ``None`` for any other.

    It also reads text in which a character is cut in two, which no decoder for JSON into classes takes.
    """
    try:
        (choice,) = chunk["choices"]
        delta, index = choice[part], choice["index"]
        text, state = delta.get("content"), choices[index]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if not text or type(text) is not str or type(index) is not int or not _DELTA_FIELDS.issuperset(delta):
        return None
    if choice.get("finish_reason") or choice.get("logprobs") or state.is_split or "\ud800" <= text[-1] <= "\udbff":
        return None
    state.texts.append(text)
    return TextDelta(text, index)
