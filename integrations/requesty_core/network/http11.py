"""HTTP/1.1 from bytes, without IO: a request to send, and a response as it arrives.

Theory of operation. ``httpx``'s own parser makes an object per HTTP chunk, and gateways send one chunk per token; that
is most of what a streamed token costs a client. :class:`ResponseParser` takes what one read from the socket gave and
returns the body bytes in it, however many chunks they were. It knows the three ways a body can end (chunked, by length,
by the connection) and nothing of what the bytes mean. What it does not understand is a ``RemoteProtocolError``, never
a guess; what it understands but has reason to doubt ends the connection with the response. Every part that a server
could make endless (heads, interim responses, chunk extensions, trailers) is bounded, and reading it costs time in
proportion to its length, however small the pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .chunked import ChunkedBody
from .fields import MAX_HEAD_BYTES, has_control, read_headers
from .http import FRAMING, LocalProtocolError, RemoteProtocolError

__all__ = ["MAX_HEAD_BYTES", "ResponseParser", "encode_head"]


_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: .*)?")
_HEAD_END = re.compile(rb"\n\r?\n")
_BEGINNING = b"HTTP/1."
_NO_BODY = frozenset({204, 304})
_NO_LENGTH = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})

# Decided here alone.
_OURS = frozenset(name.encode() for name in FRAMING)


def encode_head(
    method: str, target: bytes, host: bytes, headers: Iterable[tuple[bytes, bytes]], body_length: int
) -> bytes:
    """The head of a request whose body has ``body_length`` bytes.

    ``Host``, ``Content-Length`` and everything else that frames the message is written here; such headers of the
    caller's are left out. Raises ``LocalProtocolError`` for a header that would be more than one.
    """
    lines = [method.encode("ascii") + b" " + target + b" HTTP/1.1", b"Host: " + host]
    lines += [name + b": " + value for name, value in headers if name.lower() not in _OURS]
    if body_length or method not in _NO_LENGTH:
        lines.append(b"Content-Length: %d" % body_length)
    head = b"\r\n".join(lines)
    if head.count(b"\n") != len(lines) - 1 or head.count(b"\r") != len(lines) - 1 or b"\0" in head:
        raise LocalProtocolError("a request header contains a line break or NUL")
    if b" " in target:
        raise LocalProtocolError("the request's path contains a space")
    return head + b"\r\n\r\n"


class ResponseParser:
    """Reads one response.

    Call :meth:`feed` with what the socket gave until ``head_done``, then read ``status`` and ``headers``; body bytes
    come out of :meth:`feed` until ``done``. :meth:`close` tells it that the connection ended.
    """

    __slots__ = (
        "_chunked",
        "_head",
        "_left",
        "_method",
        "_seen",
        "_until_close",
        "done",
        "failure",
        "head_done",
        "headers",
        "keeps_alive",
        "status",
    )

    def __init__(self, method: str = "POST") -> None:
        self._method = method
        self._head = bytearray()
        self._left = 0
        self._seen = 0
        self._chunked: ChunkedBody | None = None
        self._until_close = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.head_done = False
        """Whether status and headers are there."""
        self.done = False
        """Whether the body is complete, or cannot be read any further."""
        self.failure: RemoteProtocolError | None = None
        """Why it cannot: to be raised when the bytes before were handed on, however all of them arrived."""
        self.keeps_alive = False
        """Whether the connection may carry another request once the body is complete."""

    @property
    def has_begun(self) -> bool:
        """Whether any byte of a response was seen."""
        return self.head_done or self._seen > 0 or bool(self._head)

    @property
    def expected(self) -> int:
        """Body bytes known to be missing; a reader of a large body may ask the socket for so many at once."""
        return self._left if self._chunked is None else self._chunked.left

    def feed(self, data: bytes) -> bytes:
        """Take bytes; return the body bytes in them.

        Raises ``RemoteProtocolError`` for a head that is not HTTP/1.1; of a body ``failure`` tells.
        """
        if self.head_done:
            return self._body(data)
        try:
            rest = self._read_heads(data)
            return b"" if rest is None else self._body(rest)
        except RemoteProtocolError:
            self.keeps_alive = False
            raise

    def close(self) -> None:
        """The connection ended. Raises ``RemoteProtocolError`` unless that is where the body ends."""
        if self.failure is not None:
            raise self.failure
        if self.done:
            return
        if not self.head_done:
            what = "in the middle of the response headers" if self.has_begun else "without sending a response"
            raise RemoteProtocolError(f"the server closed the connection {what}")
        if not self._until_close:
            raise RemoteProtocolError("the server closed the connection before the body was complete")
        self.done = True

    # the head

    def _read_heads(self, data: bytes) -> bytes | None:
        """Read heads, interim ones included; returns what follows the final one, ``None`` while it is not complete."""
        buffer = self._head
        # The two bytes before may be the beginning of the blank line.
        searched = max(len(buffer) - 2, 0)
        buffer += data
        while True:
            match = _HEAD_END.search(buffer, searched)
            if match is None:
                if buffer[: len(_BEGINNING)] != _BEGINNING[: len(buffer)]:
                    # Whoever speaks another protocol may never send what would end a head.
                    raise _no_http(bytes(buffer))
                if self._seen + len(buffer) > MAX_HEAD_BYTES:
                    raise RemoteProtocolError(f"response headers are longer than {MAX_HEAD_BYTES} bytes")
                return None
            head = bytes(buffer[: match.start()])
            del buffer[: match.end()]
            searched = 0
            self._seen += match.end()
            if self._seen > MAX_HEAD_BYTES:
                raise RemoteProtocolError(f"response headers are longer than {MAX_HEAD_BYTES} bytes")
            if self._read_head(head):
                rest = bytes(buffer)
                buffer.clear()
                return rest

    def _read_head(self, head: bytes) -> bool:
        """Read status and headers; false for an interim response, which the real one follows."""
        head = head.removesuffix(b"\r").replace(b"\r\n", b"\n")
        lines = head.split(b"\n")
        match = _STATUS_LINE.fullmatch(lines[0])
        if match is None:
            raise _no_http(lines[0])
        if has_control(head):
            raise RemoteProtocolError("the response headers contain a control character")
        headers = read_headers(lines[1:])
        status = int(match[2])
        if status < 200:
            if status == 101:
                raise RemoteProtocolError("the server switched protocols without being asked")
            return False
        self.status = status
        self.headers = headers
        self._frame(minor=int(match[1]))
        self.head_done = True
        return True

    def _frame(self, minor: int) -> None:
        """Decide where the body ends and whether the connection lives on."""
        fields: dict[bytes, list[bytes]] = {b"connection": [], b"transfer-encoding": [], b"content-length": []}
        for name, value in self.headers:
            found = fields.get(name.lower())
            if found is not None:
                found.append(value)
        tokens = _words(fields[b"connection"])
        self.keeps_alive = b"close" not in tokens and (minor == 1 or b"keep-alive" in tokens)
        encodings = _words(fields[b"transfer-encoding"])
        length = _length(fields[b"content-length"])
        if self._method == "HEAD" or self.status in _NO_BODY:
            self.done = True
            if self._method != "HEAD" and (length or encodings) and self.status != 304:
                self.keeps_alive = False  # A body is announced where none may be: one might follow.
        elif encodings:
            if encodings != [b"chunked"]:
                raise RemoteProtocolError(f"unknown transfer encoding {b', '.join(encodings)!r}")
            self._chunked = ChunkedBody()
            if length is not None or minor == 0:
                self.keeps_alive = False  # Others may see another end of this body (RFC 9112, section 6.1).
        elif length is not None:
            self._left = length
            self.done = length == 0
        else:
            self._until_close = True
            self.keeps_alive = False

    # the body

    def _body(self, data: bytes) -> bytes:
        if self.done:
            if data:
                self.keeps_alive = False  # Bytes nobody asked for: the connection is out of step.
            return b""
        chunked = self._chunked
        if chunked is not None:
            try:
                data = chunked.feed(data)
            except RemoteProtocolError as exc:
                self.failure, self.done, self.keeps_alive = exc, True, False
                return chunked.salvage()
            if chunked.done:
                self.done = True
                self.keeps_alive = self.keeps_alive and not chunked.has_more
            return data
        if self._until_close:
            return data
        if len(data) > self._left:
            data = data[: self._left]
            self.keeps_alive = False
        self._left -= len(data)
        self.done = self._left == 0
        return data


def _words(values: list[bytes]) -> list[bytes]:
    """The words of a header that is a list, however many times it was sent."""
    return [word for part in b",".join(values).lower().split(b",") if (word := part.strip())] if values else []


def _no_http(data: bytes) -> RemoteProtocolError:
    line = data.split(b"\n")[0]
    return RemoteProtocolError(f"the server did not answer with HTTP/1.1: {line[:80]!r}")


def _length(values: Sequence[bytes]) -> int | None:
    """The content length; ``None`` if there is none."""
    if not values:
        return None
    lengths = {v.strip() for field in values for v in field.split(b",")}
    length = lengths.pop()
    if lengths or not length.isdigit() or len(length) > 18:
        raise RemoteProtocolError("the content length is not one number")
    return int(length)
