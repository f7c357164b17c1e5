"""HTTP/1.1 from bytes, without IO: a request to send, and a response as it arrives.

Theory of operation. ``httpx``'s own parser makes an object per HTTP chunk, and gateways send one chunk per token; that
is most of what a streamed token costs a client. :class:`ResponseParser` takes what one read from the socket gave and
returns the body bytes in it, however many chunks they were. It knows the three ways a body can end (chunked, by length,
by the connection) and nothing of what the bytes mean. What it does not understand is a ``RemoteProtocolError``, never
a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .http import LocalProtocolError, RemoteProtocolError

__all__ = ["MAX_HEAD_BYTES", "ResponseParser", "encode_request"]

MAX_HEAD_BYTES = 256 * 1024
"""Longest status line and headers accepted."""

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;.*)?")
_NO_BODY = frozenset({204, 304})


def encode_request(method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    """The bytes of a request. Raises ``LocalProtocolError`` for a header that would be more than one."""
    lines = [method.encode("ascii") + b" " + target + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in headers]
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
        raise LocalProtocolError("a request header contains a line break or NUL")
    return head + b"\r\n\r\n" + body


class ResponseParser:
    """Reads one response.

    Call :meth:`feed` with what the socket gave until ``head_done``, then read ``status`` and ``headers``; body bytes
    come out of :meth:`feed` until ``done``. :meth:`close` tells it that the connection ended.
    """

    __slots__ = (
        "_buffer",
        "_chunked",
        "_left",
        "_method",
        "_until_close",
        "done",
        "head_done",
        "headers",
        "keeps_alive",
        "status",
    )

    def __init__(self, method: str = "POST") -> None:
        self._method = method
        self._buffer = b""
        self._left = 0
        self._chunked = False
        self._until_close = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.head_done = False
        """Whether status and headers are there."""
        self.done = False
        """Whether the body is complete."""
        self.keeps_alive = False
        """Whether the connection may carry another request once the body is complete."""

    def feed(self, data: bytes) -> bytes:
        """Take bytes; return the body bytes in them. Raises ``RemoteProtocolError`` for what is not HTTP/1.1."""
        if self.head_done:
            return self._body(data)
        self._buffer += data
        while True:
            end, skip = _head_end(self._buffer)
            if end < 0:
                if len(self._buffer) > MAX_HEAD_BYTES:
                    raise RemoteProtocolError(f"response headers are longer than {MAX_HEAD_BYTES} bytes")
                return b""
            head, self._buffer = self._buffer[:end], self._buffer[end + skip :]
            if self._read_head(head):
                break
        rest, self._buffer = self._buffer, b""
        return self._body(rest)

    @property
    def expected(self) -> int:
        """Body bytes known to be missing; a reader of a large body may ask the socket for so many at once."""
        return self._left

    def close(self) -> None:
        """The connection ended. Raises ``RemoteProtocolError`` unless that is where the body ends."""
        if self.done:
            return
        if not self.head_done:
            what = "in the middle of the response headers" if self._buffer else "without sending a response"
            raise RemoteProtocolError(f"the server closed the connection {what}")
        if not self._until_close:
            raise RemoteProtocolError("the server closed the connection before the body was complete")
        self.done = True

    def _read_head(self, head: bytes) -> bool:
        """Read status and headers; false for an interim response, which the real one follows."""
        lines = head.replace(b"\r\n", b"\n").split(b"\n")
        match = _STATUS_LINE.fullmatch(lines[0])
        if match is None:
            raise RemoteProtocolError(f"the server did not answer with HTTP/1.1: {lines[0][:80]!r}")
        status = int(match[2])
        if status < 200:
            if status == 101:
                raise RemoteProtocolError("the server switched protocols without being asked")
            return False
        self.status = status
        self.headers = _headers(lines[1:])
        self.head_done = True
        self._frame(minor=int(match[1]))
        return True

    def _frame(self, minor: int) -> None:
        """Decide where the body ends and whether the connection lives on."""
        fields: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            fields.setdefault(name.lower(), []).append(value)
        connection = b",".join(fields.get(b"connection", ())).lower()
        tokens = {t.strip() for t in connection.split(b",")}
        self.keeps_alive = b"close" not in tokens and (minor == 1 or b"keep-alive" in tokens)
        encodings = [
            e.strip() for e in b",".join(fields.get(b"transfer-encoding", ())).lower().split(b",") if e.strip()
        ]
        if self._method == "HEAD" or self.status in _NO_BODY:
            self.done = True
        elif encodings:
            if encodings != [b"chunked"]:
                raise RemoteProtocolError(f"unknown transfer encoding {b', '.join(encodings)!r}")
            self._chunked = True
        elif b"content-length" in fields:
            lengths = {v.strip() for field in fields[b"content-length"] for v in field.split(b",")}
            length = lengths.pop()
            if lengths or not length.isdigit() or len(length) > 18:
                raise RemoteProtocolError("the content length is not one number")
            self._left = int(length)
            self.done = self._left == 0
        else:
            self._until_close = True
            self.keeps_alive = False

    def _body(self, data: bytes) -> bytes:
        if self.done:
            if data:
                self.keeps_alive = False  # Bytes nobody asked for: the connection is out of step.
            return b""
        if self._chunked:
            return self._chunks(data)
        if self._until_close:
            return data
        if len(data) > self._left:
            data = data[: self._left]
            self.keeps_alive = False
        self._left -= len(data)
        self.done = self._left == 0
        return data

    def _chunks(self, data: bytes) -> bytes:
        """Body bytes of chunked data. ``_left`` counts what is missing of a chunk and of the line end behind it."""
        parts: list[bytes] = []
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        at, size = 0, len(data)
        while at < size:
            if self._left > 2:
                end = min(at + self._left - 2, size)
                parts.append(data[at:end])
                self._left -= end - at
                at = end
                continue
            if self._left:
                if size - at < 2:
                    break
                if data[at : at + 2] != b"\r\n":
                    raise RemoteProtocolError("a chunk is longer than it says")
                at += 2
                self._left = 0
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                if size - at > 4096:
                    raise RemoteProtocolError("a chunk size is not a number")
                break
            match = _CHUNK_SIZE.fullmatch(data, at, end)
            if match is None:
                raise RemoteProtocolError(f"a chunk size is not a number: {data[at : min(end, at + 40)]!r}")
            length = int(match[1], 16)
            if length == 0:
                at = self._trailers(data, at, end + 2)
                break
            at = end + 2
            self._left = length + 2
        self._buffer = data[at:]
        if self.done and self._buffer:
            self._buffer = b""
            self.keeps_alive = False
        return b"".join(parts)

    def _trailers(self, data: bytes, last_chunk: int, at: int) -> int:
        """Pass over the trailers; returns where to go on: behind them, or back at the last chunk if they are cut."""
        while True:
            end = data.find(b"\r\n", at)
            if end < 0:
                if len(data) - last_chunk > MAX_HEAD_BYTES:
                    raise RemoteProtocolError("trailers are too long")
                return last_chunk
            if end == at:
                self.done = True
                return end + 2
            at = end + 2


def _head_end(buffer: bytes) -> tuple[int, int]:
    """Where the head ends and how long the blank line behind it is; -1 while it is not there."""
    end = buffer.find(b"\r\n\r\n")
    bare = buffer.find(b"\n\n")
    if bare >= 0 and (end < 0 or bare < end):
        return bare, 2
    return end, 4


def _headers(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    headers: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and headers:
            name, value = headers[-1]
            headers[-1] = (name, value + b" " + line.strip())
            continue
        name, colon, value = line.partition(b":")
        if not colon or _TOKEN.fullmatch(name) is None:
            raise RemoteProtocolError(f"a response header is malformed: {line[:80]!r}")
        headers.append((name, value.strip(b" \t")))
    return headers
