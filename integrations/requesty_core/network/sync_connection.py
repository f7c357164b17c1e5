"""One socket that a thread waits for, and what a :class:`~requesty_core.network.cycle.Cycle` wants of it."""

from __future__ import annotations

import contextlib
import math
import select
import socket
import ssl
import sys
import time
from collections.abc import Callable
from typing import Any

from .addresses import lookup, tls_name
from .connecting import connect
from .cycle import Cycle
from .deadlines import Deadlines
from .http import ConnectError, ConnectTimeout, ReadError, WriteError
from .pool import Origin

if sys.platform == "linux":
    import fcntl
    import termios

__all__ = ["PROGRESS_SECONDS", "Connection", "converse", "is_silent", "open_connection", "read", "unconfirmed"]

PROGRESS_SECONDS = 0.05
"""How often a stalled upload is looked at: what the system took meanwhile, or the other side confirmed, is progress."""

LONGEST_WAIT = 2_147_483.0
"""Seconds that are waited for at most, 24 days: systems take no number of milliseconds beyond 31 bits."""

READ_BYTES = 64 * 1024
LARGE_READ_BYTES = 256 * 1024
# Larger ones are taken from the system and given back with every read, page by page.


class Connection:
    """One socket, and when it was last used.

    The socket never blocks. The system is asked to wait where there is something to wait for: before bytes are read,
    and when it has no room for more to send, which a request seldom meets.
    """

    __slots__ = ("_arrival", "_pending", "idle_since", "sock")

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.sock = sock
        self.idle_since = 0.0
        self._pending = sock.pending if isinstance(sock, ssl.SSLSocket) else None
        self._arrival = _poll_for(sock, reads=True)

    def send(self, data: memoryview, limit: float | None) -> int:
        """Send as much as fits; returns how much that was. Raises ``TimeoutError`` and ``OSError``."""
        _check(limit)
        end = None
        while True:
            try:
                return self.sock.send(data)
            except ssl.SSLWantReadError:
                reads = True
            except (BlockingIOError, ssl.SSLWantWriteError):
                reads = False
            end = _end_of(limit) if end is None else end
            self._wait(reads, _left(end))

    def receive(self, limit: float | None, most: int = READ_BYTES) -> bytes:
        """What arrives next; nothing at the connection's end. Raises ``TimeoutError`` and ``OSError``."""
        _check(limit)
        # Of TLS, a part may have been read from the socket already.
        if self._pending is None or not self._pending():
            self._wait(True, limit)
        end = None
        while True:
            try:
                return self.sock.recv(most)
            except (BlockingIOError, ssl.SSLWantReadError):
                reads = True
            except ssl.SSLWantWriteError:
                reads = False
            end = _end_of(limit) if end is None else end
            self._wait(reads, _left(end))

    def _wait(self, reads: bool, limit: float | None) -> None:
        if limit is not None:
            _check(limit)
            limit = min(limit, LONGEST_WAIT)
        if self._arrival is None:
            ready = select.select([self.sock] if reads else [], [] if reads else [self.sock], [], limit)
            if not any(ready):
                raise TimeoutError("timed out")
            return
        poll = self._arrival if reads else _poll_for(self.sock, reads=False)
        if not poll.poll(None if limit is None else limit * 1000):
            raise TimeoutError("timed out")

    def receive_now(self) -> bytes | None:
        """What has arrived; ``None`` if that is nothing yet."""
        try:
            return self.sock.recv(READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def wait(self, limit: float | None) -> tuple[bool, bool]:
        """Wait until the socket can be read or written; says which."""
        if hasattr(select, "poll"):
            poll = select.poll()
            poll.register(self.sock, select.POLLIN | select.POLLOUT)
            events = poll.poll(None if limit is None else limit * 1000)
            mask = events[0][1] if events else 0
            broken = bool(mask & ~(select.POLLIN | select.POLLOUT))
            return bool(mask & select.POLLIN) or broken, bool(mask & select.POLLOUT)
        readable, writable, _ = select.select([self.sock], [self.sock], [], limit)
        return bool(readable), bool(writable)

    def is_usable(self) -> bool:
        """Whether an idle connection is silent: a readable one is closed, or out of step."""
        if is_silent(self.sock):
            return True
        # TLS speaks for itself too: session tickets, new keys.
        with contextlib.suppress(OSError):
            return isinstance(self.sock, ssl.SSLSocket) and self.receive_now() is None
        return False

    def abort(self) -> None:
        """Break the connection off, from any thread: whoever reads from it meets its end."""
        # OSError: it was closed in the same moment.
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        # OSError: the other side was quicker.
        with contextlib.suppress(OSError):
            self.sock.close()

    def get_extra_info(self, name: str) -> Any:
        """Named as in ``httpcore``'s network streams, so that deadlines work on either."""
        return self.sock if name == "socket" else None


def _poll_for(sock: socket.socket, *, reads: bool) -> Any:
    """What waits for one of the two; ``None`` where the system has no such call."""
    if not hasattr(select, "poll"):
        return None
    poll = select.poll()
    poll.register(sock, select.POLLIN if reads else select.POLLOUT)
    return poll


def _check(limit: float | None) -> None:
    """Nothing is sent or read once the time is over. Raises ``TimeoutError``."""
    if limit is not None and limit <= 0.0:
        raise TimeoutError("timed out")


def _end_of(limit: float | None) -> float:
    return math.inf if limit is None else time.monotonic() + limit


def _left(end: float) -> float | None:
    return None if end == math.inf else end - time.monotonic()


def is_silent(sock: socket.socket) -> bool:
    """Whether nothing has arrived on a socket, neither bytes nor its end."""
    try:
        if not hasattr(select, "poll"):
            return not select.select([sock], [], [], 0)[0]
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        return not poll.poll(0)
    except (OSError, ValueError):
        return False


def unconfirmed(sock: socket.socket) -> int:
    """Bytes that the system took and the other side has not confirmed; 0 where the system does not say.

    The system takes more only when a good part of its buffer, megabytes at times, is free.
    """
    if sys.platform != "linux":
        return 0
    # ValueError: it is closed.
    with contextlib.suppress(OSError, ValueError):
        return int.from_bytes(fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)), sys.byteorder)
    return 0


def open_connection(
    origin: Origin, tls: Callable[[], ssl.SSLContext], limit: float | None, deadlines: Deadlines
) -> Connection:
    """A new connection, TLS included. ``limit`` holds for finding an address, connecting and TLS together."""
    scheme, host, port = origin
    context = tls() if scheme == "https" else None
    limit = deadlines.cap(limit)
    end = None if limit is None else time.monotonic() + limit

    def left() -> float | None:
        if end is None:
            return None
        seconds = end - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("timed out")
        return seconds

    try:
        addresses = lookup(host, port, left())
        sock = connect(addresses, left())
        if context is not None:
            try:
                sock.settimeout(left())
                sock = context.wrap_socket(sock, server_hostname=tls_name(host), do_handshake_on_connect=False)
                sock.do_handshake()
            except BaseException:
                sock.close()
                raise
    except TimeoutError as exc:
        deadlines.has_passed()
        raise ConnectTimeout(str(exc) or "timed out") from exc
    except (OSError, UnicodeError) as exc:
        raise ConnectError(str(exc)) from exc
    return Connection(sock)


def converse(connection: Connection, cycle: Cycle) -> bytes:
    """Send the request and read to the end of the response's head; returns the body bytes behind it."""
    first = _upload(connection, cycle)
    receive = cycle.receive
    while not cycle.parser.head_done:
        first = receive(read(connection, cycle))
    return first


def _upload(connection: Connection, cycle: Cycle) -> bytes:
    """Send the request, and stop if the answer comes first; returns body bytes of such an answer."""
    looks = False
    stall, since, left = cycle.stall_limit(), time.monotonic(), 0
    while (piece := cycle.unsent) is not None:
        # A large upload is looked at now and then: what the other side confirmed meanwhile is progress.
        limit = cycle.deadlines.cap(PROGRESS_SECONDS) if cycle.is_large else cycle.patience()
        writable = True
        try:
            if looks:
                readable, writable = connection.wait(limit)
                if readable:
                    data = connection.receive_now()
                    if data is not None:
                        body = cycle.receive(data)
                        if cycle.parser.head_done:
                            return body
                elif not writable:
                    raise TimeoutError
            if writable:
                cycle.sent(connection.send(piece, limit))
                if cycle.is_large:
                    since, left = time.monotonic(), unconfirmed(connection.sock)
        except TimeoutError as exc:
            now, size = time.monotonic(), unconfirmed(connection.sock)
            if not cycle.is_large or cycle.deadlines.has_passed():
                raise cycle.timed_out() from exc
            if size < left:
                since, left = now, size
            elif stall is not None and now - since >= stall:
                raise cycle.timed_out() from exc
        except OSError as exc:
            return _last_words(connection, cycle, exc)
        looks = True
    return b""


def _last_words(connection: Connection, cycle: Cycle, failure: OSError) -> bytes:
    """The answer of a server that stopped reading. Raises ``WriteError`` if it left none."""
    cycle.stop_sending()
    body = b""
    try:
        while not cycle.parser.head_done:
            data = connection.receive(cycle.patience())
            if not data:
                raise WriteError(str(failure)) from failure
            body = cycle.receive(data)
    except OSError as exc:
        raise WriteError(str(failure)) from exc
    return body


def read(connection: Connection, cycle: Cycle) -> bytes:
    """What the socket has; nothing at its end."""
    try:
        return connection.receive(
            cycle.patience(), READ_BYTES if cycle.parser.expected <= READ_BYTES else LARGE_READ_BYTES
        )
    except TimeoutError as exc:
        raise cycle.timed_out() from exc
    except OSError as exc:
        cycle.has_doubt = True
        raise ReadError(str(exc)) from exc
