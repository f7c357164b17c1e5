"""Asking the server that is recorded, and handing on its answer piece by piece as it arrives.

``http.client`` in a thread for each request: the standard library's, so that the emulator stays free of client code and
of dependencies, and one that shows an answer's pieces as the wire has them. Nothing here tries again or follows.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from requesty_emulator.cassettes.tape import Ending
from requesty_emulator.errors import ConfigError

__all__ = ["Head", "Part", "Request", "Upstream"]

CONNECT = 15.0
SILENCE = 600.0
"""Seconds without a byte after which an answer is given up."""
LARGEST = 64 * 1024 * 1024
"""Bytes of an answer; a larger one is cut there."""
_PIECE = 65_536
#: Of one hop only, or made anew for the next one. Answers are asked for uncompressed, so that a cassette can be read.
_HOP = ("connection", "keep-alive", "proxy-connection", "transfer-encoding", "te", "trailer", "upgrade", "expect")
_NOT_FORWARDED = frozenset([*_HOP, "host", "content-length", "accept-encoding"])


@dataclass(frozen=True, slots=True)
class Request:
    """What to ask: ``target`` is the path with its query, ``headers`` are as they came."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """Status and headers of an answer. ``length`` is what it promises, None for one sent in chunks."""

    status: int
    headers: tuple[tuple[str, str], ...]
    length: int | None


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of the body, or how it ended; ``failed`` is said when there was no answer at all."""

    data: bytes = b""
    ending: Ending | None = None
    failed: str | None = None
    at: float = 0.0


class Upstream:
    """An OpenAI-compatible server by its base URL, with or without ``/v1``.

    Raises :class:`ConfigError` with one line for a URL that is none, or that carries a key.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ConfigError(f"upstream {url!r}: is no URL: {error}") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"upstream {url!r}: must begin with https:// or http:// and name a host")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ConfigError("upstream: must be a plain URL; the key belongs in the client's header")
        self.secure = parts.scheme == "https"
        self.host = parts.hostname
        self.port = port or (443 if self.secure else 80)
        self._base = parts.path.rstrip("/") or "/v1"
        self._tls = ssl.create_default_context() if self.secure else None

    def check(self) -> None:
        """Connect once. Raises :class:`ConfigError` with one line if nobody listens there."""
        try:
            socket.create_connection((self.host, self.port), timeout=CONNECT).close()
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConfigError(f"upstream {self.host}:{self.port}: cannot connect: {reason}") from None

    def target(self, path: str, query: str) -> str:
        """Where a request for ``path`` goes: what stands below ``/v1`` here stands below the base URL there."""
        where = self._base + path[3:] if path == "/v1" or path.startswith("/v1/") else path
        return f"{where}?{query}" if query else where

    def connection(self) -> http.client.HTTPConnection:
        """A connection of its own for one request."""
        if self._tls is not None:
            return http.client.HTTPSConnection(self.host, self.port, timeout=CONNECT, context=self._tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=CONNECT)


class Fetch:
    """One request under way: ``parts`` has the :class:`Head` first, then :class:`Part` until one has an ending."""

    def __init__(self, upstream: Upstream, request: Request) -> None:
        self._upstream = upstream
        self._request = request
        self._loop = asyncio.get_running_loop()
        self.parts: asyncio.Queue[Head | Part] = asyncio.Queue()
        self._connection = upstream.connection()
        # http.client forgets the socket once it has read the head of an answer that ends the connection.
        self._sock: socket.socket | None = None
        self._left = False
        threading.Thread(target=self._run, name="requesty-cassette", daemon=True).start()

    def leave(self) -> None:
        """Close the connection: whoever asked has gone, and the server should not go on answering."""
        self._left = True
        if self._sock is not None:
            # Closed already: the answer has ended by itself.
            with contextlib.suppress(OSError):
                # Not the method of a TLS socket, which takes the session away from the thread that reads.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)

    def _put(self, item: Head | Part) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.parts.put_nowait, item)

    def _run(self) -> None:
        try:
            self._ask(self._put)
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            self._put(Part(failed=f"{self._upstream.host}:{self._upstream.port}: {reason}", ending="cut"))
        finally:
            self._connection.close()

    def _ask(self, put: Callable[[Head | Part], None]) -> None:
        request, connection = self._request, self._connection
        connection.connect()
        self._sock = connection.sock
        self._sock.settimeout(SILENCE)
        if self._left:
            raise ConnectionAbortedError("the client has gone")
        connection.putrequest(request.method, request.target, skip_accept_encoding=True)
        for name, value in request.headers:
            if name.lower() not in _NOT_FORWARDED:
                connection.putheader(name, value)
        connection.putheader("Accept-Encoding", "identity")
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            connection.putheader("Content-Length", str(len(request.body)))
        # One connection for each request: an answer without a length ends where it is closed.
        connection.putheader("Connection", "close")
        connection.endheaders(request.body or None)
        response = connection.getresponse()
        length = response.length
        put(Head(response.status, tuple(response.getheaders()), length))
        started, size = time.perf_counter(), 0
        try:
            while data := response.read1(_PIECE):
                size += len(data)
                if size > LARGEST:
                    break
                put(Part(data, at=time.perf_counter() - started))
        except (OSError, http.client.HTTPException, ValueError):
            put(Part(ending="cut"))
            return
        short = size > LARGEST or (length is not None and size < length and request.method != "HEAD")
        put(Part(ending="cut" if short or self._left else "complete"))
