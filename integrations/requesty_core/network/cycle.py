"""One request and its response on one connection, without IO.

Theory of operation. A shell owns a connection and does three things with it: send, receive, wait. What to send, what
the received bytes mean, how long a wait may be and what its passing means, and whether the connection may be used again
afterwards is decided here, the same for every shell. An answer may come before the request was sent to its end (413,
429): then the rest is not sent, and the connection carries nothing more. Any doubt has the same consequence: malformed
bytes, bytes nobody asked for, an unread rest, a failed send.
"""

from __future__ import annotations

from collections.abc import Callable

from .deadlines import NO_DEADLINES, Deadlines, deadlines_of
from .http import ReadTimeout, Request, TransportError, WriteTimeout, timeouts_of
from .http11 import ResponseParser, encode_head

__all__ = ["PIECE_BYTES", "RESEND", "RESENT", "UNSENT", "Cycle", "Outgoing"]

PIECE_BYTES = 64 * 1024
"""Most that is handed to the system at once; between two pieces an early answer is looked for."""

RESEND = "requesty_resend"
"""Key of a request's extensions: whether it may be sent again when a kept connection ends without a byte of an answer.

Reading requests may always be (RFC 9110, section 9.2.2); others only if whoever sends them says so.
"""

RESENT = "requesty_resent"
"""Key under which a transport leaves the error after which it sent the request again."""

UNSENT = "requesty_unsent"
"""Key that stands in a request's extensions as long as a transport of ours has sent nothing of it."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


class Outgoing:
    """A request as bytes, and what comes with it. Made once, used by one cycle or, on a stale connection, by two."""

    __slots__ = ("body", "deadlines", "head", "method", "request", "timeouts")

    def __init__(self, request: Request, body: bytes) -> None:
        url = request.url
        self.request = request
        self.method = request.method
        self.body = body
        self.head = encode_head(request.method, url.raw_path, url.netloc, request.headers.raw, len(body))
        self.timeouts = timeouts_of(request)
        self.deadlines: Deadlines = deadlines_of(request.extensions)
        request.extensions[UNSENT] = True

    def awaits(self, abort: Callable[[], None] | None) -> None:
        """The head of the answer is awaited, and ``abort`` ends that; ``None`` when it is no longer."""
        if self.deadlines is not NO_DEADLINES:
            self.deadlines.awaits(abort)

    def may_resend(self, cycle: Cycle, exc: Exception) -> bool:
        """Whether the request may be sent again after ``exc``; if so, it is noted in the request's extensions."""
        extensions = self.request.extensions
        if (
            cycle.parser.has_begun
            or RESENT in extensions
            or not isinstance(exc, TransportError)
            or isinstance(exc, (ReadTimeout, WriteTimeout))
            or self.deadlines.broken_off
            or not (self.method in _SAFE or extensions.get(RESEND))
        ):
            return False
        extensions[RESENT] = exc
        return True


class Cycle:
    """What happens between taking a connection and giving it back."""

    __slots__ = ("_at", "_out", "_timeouts", "deadlines", "has_doubt", "is_large", "parser")

    def __init__(self, outgoing: Outgoing) -> None:
        head, body = outgoing.head, outgoing.body
        outgoing.request.extensions.pop(UNSENT, None)
        self._out = [memoryview(head + body)] if len(body) <= PIECE_BYTES else [memoryview(body), memoryview(head)]
        self._at = 0
        self.is_large = len(self._out) > 1
        """Whether sending takes several pieces, so that an answer may come before its end."""
        self._timeouts = outgoing.timeouts
        self.deadlines = outgoing.deadlines
        self.parser = ResponseParser(outgoing.method)
        self.has_doubt = False
        """Whether the connection must not be used again, whatever the parser says."""

    # sending

    @property
    def unsent(self) -> memoryview | None:
        """The next bytes to send, at most ``PIECE_BYTES``; ``None`` when there is nothing more to send."""
        return self._out[-1][self._at : self._at + PIECE_BYTES] if self._out else None

    def sent(self, count: int) -> None:
        """So many bytes of :attr:`unsent` are on their way."""
        self._at += count
        if self._at == len(self._out[-1]):
            self._out.pop()
            self._at = 0

    def stop_sending(self) -> None:
        """The other side does not want the rest; there may be an answer that says why."""
        self._out.clear()
        self.has_doubt = True

    # receiving

    def receive(self, data: bytes) -> bytes:
        """Take what arrived (nothing: the connection ended); returns body bytes. Raises ``RemoteProtocolError``."""
        parser = self.parser
        if not data:
            self.has_doubt = True
            parser.close()
            return b""
        body = parser.feed(data)
        if self._out and parser.head_done:
            self.stop_sending()
        return body

    @property
    def is_reusable(self) -> bool:
        """Whether the connection may carry another request."""
        return self.parser.done and self.parser.keeps_alive and not self.has_doubt and not self._out

    # waiting

    def patience(self) -> float | None:
        """Seconds the next wait may take: the shorter of a stall's limit and what the deadlines leave."""
        return self.deadlines.cap(self._timeouts.get("write" if self._out else "read"))

    def stall_limit(self) -> float | None:
        """Seconds without progress allowed while sending."""
        return self._timeouts.get("write")

    def timed_out(self, *, sending: bool = False) -> Exception:
        """What to raise when a wait took longer than :meth:`patience` allowed."""
        self.has_doubt = True
        self.deadlines.has_passed()
        return WriteTimeout("timed out") if sending or self._out else ReadTimeout("timed out")
