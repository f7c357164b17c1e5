"""Compressed bodies, without IO, and never more of them than allowed.

A few kilobytes can become gigabytes. So decompressing yields pieces of bounded size, and stops at a bounded total.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from .http import DecodingError

__all__ = ["MAX_RESPONSE_BYTES", "BodyTooLargeError", "Decoder", "Gatherer", "Plain", "decoder_for"]

MAX_RESPONSE_BYTES = 128 * 1024 * 1024
"""Longest complete body, and most that a compressed one may become, unless set otherwise."""

PIECE_BYTES = 256 * 1024
SLICE_BYTES = 16 * 1024
"""Compressed bytes looked at together: each of the tiny members that they may hold leaves a copy of the rest."""
_GZIP = b"\x1f\x8b"


class BodyTooLargeError(DecodingError):
    """A body is longer than allowed."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the body is longer than {limit} bytes (max_response_bytes)")
        self.limit = limit

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.limit,)


class Decoder:
    """Decompresses a body of one content coding, ``gzip`` or ``deflate``.

    Args:
        coding: the name of the coding.
        limit: most bytes the body may become.
    """

    def __init__(self, coding: str, limit: int) -> None:
        self._is_deflate = coding == "deflate"
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS if self._is_deflate else zlib.MAX_WBITS | 16)
        self._has_begun = False
        self._limit = limit
        self._size = 0
        self._between = b""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take compressed bytes; yields what they become. Raises ``DecodingError``."""
        for at in range(0, len(data), SLICE_BYTES):
            yield from self._feed(data[at : at + SLICE_BYTES])

    def _feed(self, data: bytes) -> Iterator[bytes]:
        if self._is_deflate and not self._has_begun:
            # Two bytes tell whether the envelope is there.
            data = self._between + data
            if len(data) < 2:
                self._between = data
                return
            self._between = b""
        while data:
            if self._zlib.eof:
                data = self._between + data
                if not self._begin_member(data):
                    return
            piece = self._decompress(data)
            self._has_begun = True
            data = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            self._size += len(piece)
            if self._size > self._limit:
                raise BodyTooLargeError(self._limit)
            if piece:
                yield piece

    def _begin_member(self, data: bytes) -> bool:
        """Whether another member of a gzip file begins (RFC 1952, section 2.2); other bytes behind it are padding."""
        self._between = data[:2]
        if self._is_deflate or data[:2] != _GZIP:
            return False
        self._between = b""
        self._zlib = zlib.decompressobj(zlib.MAX_WBITS | 16)
        return True

    def _decompress(self, data: bytes) -> bytes:
        try:
            return self._zlib.decompress(data, PIECE_BYTES)
        except zlib.error as exc:
            if self._is_deflate and not self._has_begun:
                # Some send what the coding's name says, without the envelope that the standard wants.
                self._is_deflate = False
                self._zlib = zlib.decompressobj(-zlib.MAX_WBITS)
                return self._decompress(data)
            raise DecodingError(str(exc)) from exc

    def close(self) -> None:
        """The body has ended. Raises ``DecodingError`` if it is not complete."""
        if not self._zlib.eof if self._has_begun else self._between:
            raise DecodingError("the compressed body is not complete")


class Plain:
    """Stands where a decoder would, for a body that is not compressed."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bytes themselves."""
        yield data

    def close(self) -> None:
        """Nothing can be missing."""


# Words that are no coding at all ("none", "utf-8") are passed over, as other clients do.
_CODINGS = frozenset({"gzip", "x-gzip", "deflate", "br", "zstd", "compress", "x-compress", "dcb", "dcz"})
_READABLE = frozenset({"gzip", "x-gzip", "deflate"})


def decoder_for(encoding: str, limit: int) -> Decoder | None:
    """What reads a body with this ``Content-Encoding``; ``None`` if it is not encoded.

    Raises ``DecodingError`` for codings that no request of ours asks for.
    """
    codings = [coding for word in encoding.split(",") if (coding := word.strip().lower()) in _CODINGS]
    if not codings:
        return None
    if len(codings) > 1 or codings[0] not in _READABLE:
        raise DecodingError(f"the content encoding {encoding[:40]!r} was not asked for")
    return Decoder(codings[0], limit)


class Gatherer:
    """Collects a complete body of bounded length."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._pieces: list[bytes] = []

    def add(self, piece: bytes) -> None:
        """Take a piece. Raises :class:`BodyTooLargeError`."""
        self._size += len(piece)
        if self._size > self._limit:
            raise BodyTooLargeError(self._limit)
        self._pieces.append(piece)

    def body(self) -> bytes:
        """Everything that was taken."""
        return b"".join(self._pieces)
