"""A synchronous ``httpx`` transport on plain sockets and :mod:`~requesty_core.network.http11`.

It speaks HTTP/1.1 with and without TLS, keeps idle connections, and may be shared by any number of threads. Proxies and
HTTP/2 are left to ``httpx``'s own transport (see :mod:`~requesty_core.network.shared`).
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .http import (
    ConnectError,
    ConnectTimeout,
    ReadError,
    ReadTimeout,
    Request,
    Response,
    SyncByteStream,
    Transport,
    WriteError,
    WriteTimeout,
)
from .http11 import ResponseParser, encode_request

__all__ = ["SocketTransport"]

READ_BYTES = 64 * 1024
LARGE_READ_BYTES = 1024 * 1024
KEEP_SECONDS = 30.0
KEEP_CONNECTIONS = 64
Origin = tuple[str, str, int]


class _Connection:
    """One socket, and when it was last used."""

    __slots__ = ("idle_since", "sock")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.idle_since = 0.0

    def is_usable(self, now: float) -> bool:
        """Whether an idle connection may carry another request: young enough, and silent (a readable one is closed)."""
        if now - self.idle_since > KEEP_SECONDS:
            return False
        poll = select.poll() if hasattr(select, "poll") else None
        try:
            if poll is None:
                return not select.select([self.sock], [], [], 0)[0]
            poll.register(self.sock, select.POLLIN | select.POLLERR | select.POLLHUP)
            return not poll.poll(0)
        except (OSError, ValueError):
            return False

    def close(self) -> None:
        # OSError: the other side was quicker.
        with contextlib.suppress(OSError):
            self.sock.close()

    def get_extra_info(self, name: str) -> Any:
        """Named as in ``httpcore``'s network streams, so that deadlines work on either."""
        return self.sock if name == "socket" else None


class SocketTransport(Transport):
    """The transport. Thread-safe; connections are kept per origin.

    Args:
        tls: makes the TLS context when the first ``https`` request needs one.
        keep: idle connections kept per origin; 0 closes each with its response.
    """

    def __init__(self, tls: Callable[[], ssl.SSLContext], *, keep: int | None = None) -> None:
        self._tls = tls
        self._keep = KEEP_CONNECTIONS if keep is None else keep
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[_Connection]] = {}
        self._in_flight = 0

    @property
    def in_flight(self) -> int:
        """Requests whose response is not closed yet."""
        with self._lock:
            return self._in_flight

    @property
    def idle(self) -> int:
        """Connections kept for the next request."""
        with self._lock:
            return sum(map(len, self._idle.values()))

    def handle_request(self, request: Request) -> Response:
        """Send one request; returns when the headers are there. Raises the HTTP library's own exceptions."""
        timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        url = request.url
        tls = url.scheme == "https"
        origin: Origin = (url.scheme, url.raw_host.decode("ascii"), url.port or (443 if tls else 80))
        body = request.read()
        message = encode_request(request.method, url.raw_path, request.headers.raw, body)
        with self._lock:
            self._in_flight += 1
        connection: _Connection | None = None
        try:
            connection = self._reuse(origin) or self._connect(origin, timeouts)
            trace = request.extensions.get("trace")
            if trace is not None:
                trace("connection.connect_tcp.complete", {"return_value": connection})
            parser = ResponseParser(request.method)
            _write(connection.sock, message, timeouts.get("write"))
            first = b""
            while not parser.head_done:
                first = parser.feed(_read(connection.sock, timeouts.get("read"), parser))
        except BaseException:
            if connection is not None:
                connection.close()
            self._done()
            raise
        stream = _Body(self, origin, connection, parser, first, timeouts)
        return Response(
            parser.status,
            headers=parser.headers,
            stream=stream,
            extensions={"http_version": b"HTTP/1.1", "network_stream": connection},
        )

    def _reuse(self, origin: Origin) -> _Connection | None:
        now = time.monotonic()
        while True:
            with self._lock:
                kept = self._idle.get(origin)
                connection = kept.pop() if kept else None
            if connection is None or connection.is_usable(now):
                return connection
            connection.close()

    def _connect(self, origin: Origin, timeouts: dict[str, float | None]) -> _Connection:
        scheme, host, port = origin
        limit = timeouts.get("connect")
        try:
            sock = socket.create_connection((host, port), limit)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if scheme == "https":
                    sock = self._tls().wrap_socket(sock, server_hostname=host)
            except BaseException:
                sock.close()
                raise
        except TimeoutError as exc:
            raise ConnectTimeout(str(exc) or "timed out") from exc
        except (OSError, UnicodeError) as exc:
            raise ConnectError(str(exc)) from exc
        return _Connection(sock)

    def release(self, origin: Origin, connection: _Connection, *, reusable: bool) -> None:
        """A response is closed: keep its connection or close it."""
        if reusable:
            connection.idle_since = time.monotonic()
            with self._lock:
                kept = self._idle.setdefault(origin, [])
                if len(kept) < self._keep:
                    kept.append(connection)
                    self._in_flight -= 1
                    return
        connection.close()
        self._done()

    def _done(self) -> None:
        with self._lock:
            self._in_flight -= 1

    def close(self) -> None:
        """Close the idle connections; those in use close with their responses."""
        with self._lock:
            kept = [c for connections in self._idle.values() for c in connections]
            self._idle.clear()
        for connection in kept:
            connection.close()


class _Body(SyncByteStream):
    """A response's body; closing it gives the connection back."""

    def __init__(
        self,
        transport: SocketTransport,
        origin: Origin,
        connection: _Connection,
        parser: ResponseParser,
        first: bytes,
        timeouts: dict[str, float | None],
    ) -> None:
        self._transport = transport
        self._origin = origin
        self._connection = connection
        self._parser = parser
        self._first = first
        self._timeouts = timeouts
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        parser, sock, timeouts = self._parser, self._connection.sock, self._timeouts
        first, self._first = self._first, b""
        if first:
            yield first
        while not parser.done:
            data = parser.feed(_read(sock, timeouts.get("read"), parser))
            if data:
                yield data

    def close(self) -> None:
        if self._open:
            self._open = False
            parser = self._parser
            self._transport.release(self._origin, self._connection, reusable=parser.done and parser.keeps_alive)


def _read(sock: socket.socket, limit: float | None, parser: ResponseParser) -> bytes:
    """What the socket has. At its end the parser judges; an empty result then means that the body is complete."""
    try:
        sock.settimeout(limit)
        data = sock.recv(READ_BYTES if parser.expected <= READ_BYTES else LARGE_READ_BYTES)
    except TimeoutError as exc:
        raise ReadTimeout(str(exc) or "timed out") from exc
    except OSError as exc:
        raise ReadError(str(exc)) from exc
    if not data:
        parser.close()
    return data


def _write(sock: socket.socket, data: bytes, limit: float | None) -> None:
    try:
        sock.settimeout(limit)
        sock.sendall(data)
    except TimeoutError as exc:
        raise WriteTimeout(str(exc) or "timed out") from exc
    except OSError as exc:
        raise WriteError(str(exc)) from exc
