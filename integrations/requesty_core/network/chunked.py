"""A chunked body (RFC 9112, section 7.1), trailers included, without IO."""

from __future__ import annotations

import re

from .fields import MAX_HEAD_BYTES, MAX_LINE_BYTES, has_control, read_headers
from .http import RemoteProtocolError

__all__ = ["ChunkedBody"]

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,20})[ \t]*(?:;[\t\x20-\x7e\x80-\xff]*)?")
_BETWEEN = re.compile(rb"\r\n([0-9A-Fa-f]{1,8})\r\n")
_LONG_LINE = f"a chunk size and its extensions are longer than {MAX_LINE_BYTES} bytes"


class ChunkedBody:
    """Reads one chunked body, fed as it arrives."""

    __slots__ = ("_buffer", "_excess", "_parts", "_seen", "_trailing", "done", "has_more", "left")

    def __init__(self) -> None:
        self._buffer = b""
        self._excess = 0
        self._parts: list[bytes] = []
        self._seen = 0
        self._trailing = False
        self.left = 0
        """Bytes missing of the present chunk and of the line end behind it."""
        self.done = False
        """Whether the body is complete."""
        self.has_more = False
        """Whether bytes came behind its end."""

    def feed(self, data: bytes) -> bytes:
        """Take bytes; return the body bytes in them. Raises ``RemoteProtocolError`` for what is no chunk."""
        parts = self._parts = []
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        at, size, is_first = 0, len(data), True
        while at < size:
            left = self.left
            if left > 2:
                if size - at > left and is_first:
                    # Once: trying again behind each chunk would look at the same bytes again and again.
                    is_first = False
                    at = self._whole_chunks(data, at, parts)
                    left = self.left
                end = min(at + left - 2, size)
                parts.append(data[at:end])
                self.left = left - (end - at)
                at = end
                continue
            if left:
                if size - at < left:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise RemoteProtocolError("a chunk is longer than it says")
                at += 2
                self.left = 0
                continue
            if self._trailing:
                at = self._trailers(data, at)
                break
            end = data.find(b"\r\n", at)
            if end < 0:
                if size - at > MAX_LINE_BYTES:
                    raise RemoteProtocolError(_LONG_LINE)
                break
            length = self._length(data, at, end)
            at = end + 2
            if length:
                self.left = length + 2
            else:
                self._trailing = True
                self._seen = 0
                at = self._trailers(data, at)
                break
        self._buffer = data[at:]
        if self.done and self._buffer:
            self._buffer = b""
            self.has_more = True
        return b"".join(parts)

    def salvage(self) -> bytes:
        """The body bytes before what :meth:`feed` raised for."""
        return b"".join(self._parts)

    def _whole_chunks(self, data: bytes, at: int, parts: list[bytes]) -> int:
        """Take all chunks that are complete and follow each other; returns where the one begins that is not.

        Cutting at whatever looks like the line between two chunks is right if every piece has the length that its line
        said. If one has not, the bytes of a body looked like such a line, or something is wrong: one step at a time
        then, as where there are extensions.
        """
        pieces = _BETWEEN.split(data[at:] if at else data)
        lengths = [int(length, 16) for length in pieces[1::2]]
        bodies = pieces[::2]
        rest = bodies.pop()
        if not bodies or list(map(len, bodies)) != [self.left - 2, *lengths[:-1]] or not all(lengths[:-1]):
            return at
        parts += bodies
        at = len(data) - len(rest)
        if lengths[-1]:
            self.left = lengths[-1] + 2
            return at
        # The last chunk is not of this kind.
        self.left = 2
        return at - len(pieces[-2]) - 4

    def _length(self, data: bytes, at: int, end: int) -> int:
        """What the line before a chunk says of its length."""
        if end - at > MAX_LINE_BYTES:
            raise RemoteProtocolError(_LONG_LINE)
        match = _CHUNK_SIZE.fullmatch(data, at, end)
        if match is None:
            raise RemoteProtocolError(f"a chunk size is not a number: {data[at : min(end, at + 40)]!r}")
        length = int(match[1], 16)
        if end - at > 20:
            # Extensions that outweigh the body have no other purpose.
            self._excess = max(self._excess + end - at - 20 - length, 0)
            if self._excess > MAX_HEAD_BYTES:
                raise RemoteProtocolError("the chunk extensions are longer than the body")
        return length

    def _trailers(self, data: bytes, at: int) -> int:
        """Check and drop the trailers that are complete; returns where the rest begins."""
        while True:
            end = data.find(b"\r\n", at)
            length = (len(data) if end < 0 else end) - at
            if length > MAX_LINE_BYTES or self._seen + length > MAX_HEAD_BYTES:
                raise RemoteProtocolError("the trailers are too long")
            if end < 0:
                return at
            if end == at:
                self.done = True
                return end + 2
            line = data[at:end]
            if has_control(line) or b"\n" in line:
                raise RemoteProtocolError("a trailer contains a control character")
            read_headers([line])
            self._seen += end + 2 - at
            at = end + 2
