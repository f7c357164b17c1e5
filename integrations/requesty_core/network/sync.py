"""A synchronous ``httpx`` transport: sockets that do what a :class:`~requesty_core.network.cycle.Cycle` says.

It speaks HTTP/1.1 with and without TLS, keeps idle connections, and may be shared by any number of threads. Proxies and
HTTP/2 are left to ``httpx``'s own transport (see :mod:`~requesty_core.network.shared`).
"""

from __future__ import annotations

import errno
import ssl
import threading
import time
from collections.abc import Callable, Iterator

from requesty_core.lifetime import renewed_after_fork

from .cycle import Cycle, Outgoing
from .http import (
    ConnectError,
    FramesRequests,
    PoolTimeout,
    Reply,
    Request,
    Response,
    SyncByteStream,
    Transport,
    content_of,
)
from .idle import Sweeper, is_good
from .pool import KEEP_CONNECTIONS, Origin, Pool, Waiter, origin_of
from .sync_connection import Connection, converse, open_connection, read

__all__ = ["SocketTransport"]

NO_DESCRIPTORS = frozenset({errno.EMFILE, errno.ENFILE})


class SocketTransport(FramesRequests, Transport):
    """The transport. Thread-safe; connections are kept per origin.

    Args:
        tls: makes the TLS context when the first ``https`` request needs one.
        keep: idle connections kept per origin; 0 closes each with its response.
        max_connections: connections at a time; further requests wait in line. Default: from the process's file limit.
    """

    keeps_deadlines = True
    """Whether every wait ends with the deadlines that travel with the request."""

    def __init__(
        self, tls: Callable[[], ssl.SSLContext], *, keep: int | None = None, max_connections: int | None = None
    ) -> None:
        self._tls = tls
        # A signal handler may close a stream in the thread that holds it.
        self._lock = threading.RLock()
        self._pool: Pool[Connection] = Pool(max_connections, KEEP_CONNECTIONS if keep is None else keep)
        self._idle = self._pool.idle
        self._in_flight = 0
        self._sweeper = Sweeper(self._pool, self._lock)
        renewed_after_fork(self)

    def _after_fork(self) -> None:
        # The connections are the parent's; a child that closed them would end TLS for both.
        self._lock = threading.RLock()
        self._pool = self._pool.emptied()
        self._idle = self._pool.idle
        self._in_flight = 0
        self._sweeper = Sweeper(self._pool, self._lock)

    @property
    def in_flight(self) -> int:
        """Requests whose response is not closed yet."""
        with self._lock:
            return self._in_flight

    @property
    def idle(self) -> int:
        """Connections kept for the next request."""
        with self._lock:
            return self._pool.idle_count

    def warm(self, request: Request, connections: int) -> int:
        """Have so many idle connections to where ``request`` would go; returns how many were opened for that."""
        return _warmed(self, request, connections)

    def handle_request(self, request: Request) -> Response:
        """Send one request; returns when the headers are there. Raises the HTTP library's own exceptions."""
        origin = origin_of(request)
        outgoing = Outgoing(request, content_of(request) or request.read())
        with self._lock:
            self._in_flight += 1
        try:
            connection, is_kept = self._acquire(origin, outgoing)
            while True:
                cycle = Cycle(outgoing)
                try:
                    self._trace(request, connection)
                    outgoing.awaits(connection.abort)
                    first = converse(connection, cycle)
                    break
                except BaseException as exc:
                    connection.close()
                    if not (is_kept and isinstance(exc, Exception) and outgoing.may_resend(cycle, exc)):
                        self._drop()
                        raise
                # The place in the pool is kept for the fresh connection.
                connection, is_kept = self._open(origin, outgoing), False
        except BaseException:
            self._done()
            raise
        finally:
            outgoing.awaits(None)
        return Reply(
            cycle.parser.status,
            cycle.parser.headers,
            _Body(self, origin, connection, cycle, first),
            {"http_version": b"HTTP/1.1", "network_stream": connection},
        )

    def _trace(self, request: Request, connection: Connection) -> None:
        trace = request.extensions.get("trace")
        if trace is not None:
            trace("connection.connect_tcp.complete", {"return_value": connection})

    def _acquire(self, origin: Origin, outgoing: Outgoing) -> tuple[Connection, bool]:
        """A connection, and whether it was used before."""
        self._sweeper.sweep_if_due()
        while True:
            with self._lock:
                connection = self._pool.take(origin)
            if connection is None:
                granted = self._wait_for_place(origin, outgoing)
                if granted is None:
                    opened = self._open_or_wait(origin, outgoing)
                    if opened is None:
                        continue
                    return opened, False
                connection = granted
            if is_good(connection, time.monotonic()):
                return connection, True
            connection.close()
            self._drop()

    def _wait_for_place(self, origin: Origin, outgoing: Outgoing) -> Connection | None:
        """Wait until a connection may be opened (``None``) or is handed over."""
        turn = threading.Event()
        with self._lock:
            if self._pool.reserve():
                return None
            spare = self._pool.evict()
            waiter: Waiter[Connection] | None = None if spare else self._pool.enqueue(origin, turn.set)
        if spare is not None:
            spare.close()
            return None
        assert waiter is not None
        deadlines = outgoing.deadlines
        try:
            if turn.wait(deadlines.cap(outgoing.timeouts.get("pool"))):
                return waiter.connection
            deadlines.has_passed()
            raise PoolTimeout(f"all {self._pool.limit} connections are in use")
        except BaseException:
            with self._lock:
                left = self._pool.leave(waiter)
            if left is not None:
                left.close()
            raise

    def _open_or_wait(self, origin: Origin, outgoing: Outgoing) -> Connection | None:
        """A new connection; ``None`` if the system has no descriptor left while others of the pool are open."""
        try:
            return self._open(origin, outgoing, keeps_place=True)
        except ConnectError as exc:
            cause = exc.__cause__
            with self._lock:
                if isinstance(cause, OSError) and cause.errno in NO_DESCRIPTORS:
                    if self._pool.starve():
                        return None
                else:
                    self._pool.drop()
            raise
        except BaseException:
            self._drop()
            raise

    def _open(self, origin: Origin, outgoing: Outgoing, *, keeps_place: bool = False) -> Connection:
        """A new connection in a reserved place, which is given up if it fails."""
        try:
            return open_connection(origin, self._tls, outgoing.timeouts.get("connect"), outgoing.deadlines)
        except BaseException:
            if not keeps_place:
                self._drop()
            raise

    def release(self, origin: Origin, connection: Connection, *, reusable: bool) -> None:
        """A response is closed: keep its connection or close it."""
        if not reusable:
            # Closed first: whoever is next in line may need the descriptor.
            connection.close()
            with self._lock:
                self._pool.drop()
                self._in_flight -= 1
            return
        connection.idle_since = time.monotonic()
        with self._lock:
            unwanted = self._pool.give(origin, connection)
            self._in_flight -= 1
        if unwanted is not None:
            unwanted.close()
        else:
            self._sweeper.watch()

    def abort(self, connection: Connection, is_in_use: Callable[[], bool]) -> None:
        """Break off a connection that is in use; one that goes back to the pool meanwhile is found ended there."""
        with self._lock:
            if is_in_use():
                connection.abort()

    def _drop(self) -> None:
        with self._lock:
            self._pool.drop()

    def _done(self) -> None:
        with self._lock:
            self._in_flight -= 1

    def close(self) -> None:
        """Close the idle connections; those in use close with their responses."""
        with self._lock:
            kept = self._pool.clear()
        for connection in kept:
            connection.close()


class _Body(SyncByteStream):
    """A response's body; closing it gives the connection back."""

    def __init__(
        self, transport: SocketTransport, origin: Origin, connection: Connection, cycle: Cycle, first: bytes
    ) -> None:
        self._transport = transport
        self._origin = origin
        self._connection = connection
        self._cycle = cycle
        self._first = first
        self._open = True
        self._pool = transport._pool

    def __iter__(self) -> Iterator[bytes]:
        connection, cycle = self._connection, self._cycle
        first, self._first = self._first, b""
        if first:
            yield first
        parser, feed = cycle.parser, cycle.parser.feed
        while not parser.done:
            data = read(connection, cycle)
            data = feed(data) if data else cycle.receive(data)
            if data:
                yield data
        if parser.failure is not None:
            raise parser.failure

    def distrust(self) -> None:
        """What the response said makes no sense: nothing more is to come from its connection."""
        self._cycle.has_doubt = True

    def abort(self) -> None:
        """Break off the connection, from any thread, unless it was given back."""
        self._transport.abort(self._connection, lambda: self._open)

    def close(self) -> None:
        """Give the connection back."""
        if self._open:
            self._open = False
            if self._pool is not self._transport._pool:
                # It was begun before a fork: the connection and its place are the parent's.
                self._connection.close()
                return
            self._transport.release(self._origin, self._connection, reusable=self._cycle.is_reusable)


def _warmed(transport: SocketTransport, request: Request, connections: int) -> int:
    origin, outgoing, opened = origin_of(request), Outgoing(request, b""), 0
    while len(transport._idle.get(origin, ())) < connections:
        with transport._lock:
            if not transport._pool.reserve():
                break
            transport._in_flight += 1
        try:
            connection = transport._open(origin, outgoing)
        except BaseException:
            transport._done()
            raise
        transport.release(origin, connection, reusable=True)
        opened += 1
    return opened
