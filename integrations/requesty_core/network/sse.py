"""Server-sent events from bytes, without IO.

Theory of operation. The decoder is fed byte strings cut anywhere and returns the events that are complete. Line ends
(LF, CRLF, CR) are unified on the way in, remembering a CR at the end of a piece so that a CRLF cut in two counts once.
Text waits in a list of pieces until a blank line closes the event, so a large event that arrives in many pieces is
joined once. What a block of lines means is decided in one function; a block that is a single ``data:`` line, which is
nearly all of them, takes a short cut through it.

The gateway sends ``data:`` lines only; ``event:`` lines, comments and CRLF were seen from relays in front of it, and
errors as an ``error:`` line (llama.cpp) or as a bare JSON object from servers that failed under way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from requesty_core.errors import MalformedResponseError

__all__ = ["MAX_EVENT_BYTES", "SSEDecoder", "ServerSentEvent"]

MAX_EVENT_BYTES = 64 * 1024 * 1024
"""Longest single event accepted; a generated image in one chunk is a few megabytes."""


class ServerSentEvent(NamedTuple):
    """One event: its ``data`` lines joined with LF, and the value of its ``event:`` line if it had one."""

    data: bytes
    event: bytes | None = None


class SSEDecoder:
    """Incremental decoder: any split of the same bytes gives the same events.

    >>> decoder = SSEDecoder()
    >>> decoder.feed(b"data: 1\\n"), decoder.feed(b"\\ndata: 2\\n\\n")
    ([], [ServerSentEvent(data=b'1', event=None), ServerSentEvent(data=b'2', event=None)])
    """

    __slots__ = ("_fresh", "_limit", "_pending_cr", "_pieces", "_size", "_tail_newline")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._pending_cr = False
        self._tail_newline = False
        self._fresh = True
        self._limit = max_event_bytes

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Take more bytes; return the events they complete. Raises ``MalformedResponseError`` for an endless event."""
        return [ServerSentEvent(event) if isinstance(event, bytes) else event for event in self.read(data)]

    def read(self, data: bytes) -> Sequence[bytes | ServerSentEvent]:
        """As :meth:`feed`; an event that is nothing but one line of data, as nearly all are, comes as these bytes.

        An object for each of thousands costs more than to find them: the garbage collector looks at them all.
        """
        if self._fresh or self._pending_cr or b"\r" in data:
            data = self._normalise(data)
        if not data:
            return []
        # The blank line that ends an event may itself be cut in two: its first LF is then the last byte kept here.
        split_here = self._tail_newline and data[0] == 10
        if not split_here and b"\n\n" not in data:
            self._keep(data)
            return []
        if self._pieces:
            self._pieces.append(data)
            data = b"".join(self._pieces)
            self._pieces.clear()
            self._size = 0
        end = data.rfind(b"\n\n")
        rest, data = data[end + 2 :], data[:end]
        self._tail_newline = False
        if rest:
            self._keep(rest)
        if data.startswith(b"data: "):
            # Nothing but events of one line each, if there are no other line ends than those between them.
            payloads = data[6:].split(b"\n\ndata: ")
            if data.count(b"\n") == 2 * len(payloads) - 2:
                return payloads
        events: list[bytes | ServerSentEvent] = []
        for block in data.split(b"\n\n"):
            if block.startswith(b"data: ") and b"\n" not in block:
                events.append(block[6:])
            elif (event := _parse_block(block)) is not None:
                events.append(event)
        return events

    def close(self) -> list[ServerSentEvent]:
        """The event that the end of the stream left open, if any; whether it is complete is the reader's to judge."""
        block = b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        event = _parse_block(block)
        return [] if event is None else [event]

    def _keep(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            self._pieces.clear()
            raise MalformedResponseError(f"an event of the stream is longer than {self._limit} bytes")
        self._pieces.append(data)
        self._tail_newline = data[-1] == 10

    def _normalise(self, data: bytes) -> bytes:
        if not data:
            return data
        if self._fresh:
            # A byte-order mark may arrive in pieces; hold it back until it is decided.
            data = b"".join((*self._pieces, data))
            self._pieces.clear()
            self._size = 0
            if len(data) < 3 and b"\xef\xbb\xbf".startswith(data):
                self._pieces.append(data)
                return b""
            self._fresh = False
            data = data.removeprefix(b"\xef\xbb\xbf")
        if self._pending_cr and data.startswith(b"\n"):
            data = data[1:]
            if not data:
                self._pending_cr = False
                return data
        self._pending_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _parse_block(block: bytes) -> ServerSentEvent | None:
    """The event of one block of LF-separated lines; ``None`` for comments and blocks without data."""
    data: list[bytes] = []
    name: bytes | None = None
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if value.startswith(b" "):
            value = value[1:]
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        elif field == b"error":
            # No field of the format: llama.cpp's server writes its errors this way.
            data.append(value)
            name = b"error"
        elif line.startswith(b"{") and b'"error"' in line:
            # A bare error object: a server that failed under way dropped out of the format.
            data.append(line)
    return ServerSentEvent(b"\n".join(data), name) if data else None
