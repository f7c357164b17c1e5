"""The chunk that nearly all of a streamed answer consists of: one piece of text of one choice, and nothing else.

Read into these classes it costs a third of what a tree of dictionaries does. Whatever else a chunk brings is refused by
the decoder, and such a chunk is read in full.
"""

from __future__ import annotations

import msgspec

__all__ = ["decode_text_chunk"]


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
