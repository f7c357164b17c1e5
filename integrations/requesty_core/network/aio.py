"""An asynchronous ``httpx`` transport on an event loop's own transports, for one loop (asyncio's or uvloop's).

Reads go past ``asyncio``'s stream layer: the protocol keeps what arrived, and wakes the one task that waits. What to
send and how to read the answer is :class:`~requesty_core.network.cycle.Cycle`'s part.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable

from .aio_connection import Connection, converse, open_connection
from .arrived import ROOM_BYTES
from .cycle import Cycle, Outgoing
from .http import (
    AsyncByteStream,
    AsyncTransport,
    ConnectError,
    ConnectTimeout,
    FramesRequests,
    PoolTimeout,
    Reply,
    Request,
    Response,
    content_of,
)
from .pool import KEEP_CONNECTIONS, KEEP_SECONDS, Origin, Pool, origin_of
from .sync import NO_DESCRIPTORS

__all__ = ["LoopTransport"]


class LoopTransport(FramesRequests, AsyncTransport):
    """The transport. Use it on one event loop only; connections are kept per origin.

    Args:
        tls: makes the TLS context when the first ``https`` request needs one.
        max_connections: connections at a time; further requests wait in line. Default: from the process's file limit.
    """

    def __init__(self, tls: Callable[[], ssl.SSLContext], *, max_connections: int | None = None) -> None:
        self._tls = tls
        self._pool: Pool[Connection] = Pool(max_connections, KEEP_CONNECTIONS)
        self._idle = self._pool.idle
        self._in_use: set[Connection] = set()
        self._in_flight = 0
        self._reaper: asyncio.TimerHandle | None = None
        self._room = memoryview(bytearray(ROOM_BYTES))

    @property
    def in_flight(self) -> int:
        """Requests whose response is not closed yet."""
        return self._in_flight

    @property
    def idle(self) -> int:
        """Connections kept for the next request."""
        return self._pool.idle_count

    async def warm(self, request: Request, connections: int) -> int:
        """Have so many idle connections to where ``request`` would go; returns how many were opened for that.

        Raises the HTTP library's own exceptions.
        """
        origin, outgoing, opened = origin_of(request), Outgoing(request, b""), 0
        while len(self._idle.get(origin, ())) < connections and self._pool.reserve():
            self._in_flight += 1
            try:
                connection = await self._open(origin, outgoing)
            except BaseException:
                self._in_flight -= 1
                raise
            self.release(origin, connection, reusable=True)
            opened += 1
        return opened

    async def handle_async_request(self, request: Request) -> Response:
        """Send one request; returns when the headers are there. Raises the HTTP library's own exceptions."""
        origin = origin_of(request)
        outgoing = Outgoing(request, content_of(request) or await request.aread())
        self._in_flight += 1
        try:
            connection, is_kept = await self._acquire(origin, outgoing)
            while True:
                cycle = Cycle(outgoing)
                self._in_use.add(connection)
                outgoing.awaits(connection.close)
                try:
                    first = await converse(connection, cycle)
                    break
                except BaseException as exc:
                    self._in_use.discard(connection)
                    connection.close()
                    if not (is_kept and isinstance(exc, Exception) and outgoing.may_resend(cycle, exc)):
                        self._pool.drop()
                        raise
                # The place in the pool is kept for the fresh connection.
                connection, is_kept = await self._open(origin, outgoing), False
        except BaseException:
            self._in_flight -= 1
            raise
        finally:
            outgoing.awaits(None)
        return Reply(
            cycle.parser.status,
            cycle.parser.headers,
            _Body(self, origin, connection, cycle, first),
            {"http_version": b"HTTP/1.1", "network_stream": connection},
        )

    async def _acquire(self, origin: Origin, outgoing: Outgoing) -> tuple[Connection, bool]:
        """A connection, and whether it was used before."""
        loop = asyncio.get_running_loop()
        while True:
            connection = self._pool.take(origin)
            if connection is None:
                connection = await self._wait_for_place(origin, outgoing)
            if connection is None:
                opened = await self._open_or_wait(origin, outgoing)
                if opened is not None:
                    return opened, False
            elif loop.time() - connection.idle_since <= KEEP_SECONDS and connection.is_usable():
                connection.on_event = None
                return connection, True
            else:
                connection.close()
                self._pool.drop()

    async def _wait_for_place(self, origin: Origin, outgoing: Outgoing) -> Connection | None:
        """Wait until a connection may be opened (``None``) or is handed over."""
        if self._pool.reserve():
            return None
        spare = self._pool.evict()
        if spare is not None:
            spare.close()
            return None
        turn = asyncio.get_running_loop().create_future()
        waiter = self._pool.enqueue(origin, lambda: None if turn.done() else turn.set_result(None))
        deadlines = outgoing.deadlines
        try:
            async with asyncio.timeout(deadlines.cap(outgoing.timeouts.get("pool"))):
                await turn
        except BaseException as exc:
            left = self._pool.leave(waiter)
            if left is not None:
                left.close()
            if not isinstance(exc, TimeoutError):
                raise
            deadlines.has_passed()
            raise PoolTimeout(f"all {self._pool.limit} connections are in use") from exc
        return waiter.connection

    async def _open_or_wait(self, origin: Origin, outgoing: Outgoing) -> Connection | None:
        """A new connection; ``None`` if the system has no descriptor left while others of the pool are open."""
        try:
            return await self._open(origin, outgoing, keeps_place=True)
        except ConnectError as exc:
            cause = exc.__cause__
            if not (isinstance(cause, OSError) and cause.errno in NO_DESCRIPTORS):
                self._pool.drop()
            elif self._pool.starve():
                return None
            raise
        except BaseException:
            self._pool.drop()
            raise

    async def _open(self, origin: Origin, outgoing: Outgoing, *, keeps_place: bool = False) -> Connection:
        """A new connection in a reserved place, which is given up if it fails."""
        deadlines = outgoing.deadlines
        try:
            async with asyncio.timeout(deadlines.cap(outgoing.timeouts.get("connect"))):
                return await open_connection(origin, self._tls, self._room)
        except BaseException as exc:
            if not keeps_place:
                self._pool.drop()
            if isinstance(exc, TimeoutError):
                deadlines.has_passed()
                raise ConnectTimeout(str(exc) or "timed out") from exc
            if isinstance(exc, (OSError, UnicodeError)):
                raise ConnectError(str(exc)) from exc
            raise

    def release(self, origin: Origin, connection: Connection, *, reusable: bool) -> None:
        """A response is closed: keep its connection or close it."""
        self._in_flight -= 1
        self._in_use.discard(connection)
        if not reusable:
            connection.close()
            self._pool.drop()
            return
        connection.rest(self._ended)
        unwanted = self._pool.give(origin, connection)
        if unwanted is not None:
            unwanted.close()
        elif self._reaper is None:
            self._reaper = asyncio.get_running_loop().call_later(KEEP_SECONDS, self._reap)

    def _ended(self, connection: Connection) -> None:
        """Something happened to an idle connection: it is of no more use."""
        if self._pool.remove(connection):
            connection.close()

    def _reap(self) -> None:
        """Close the idle connections that are too old."""
        self._reaper = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in self._pool.sift(lambda connection: now - connection.idle_since < KEEP_SECONDS):
            connection.close()
        if self._pool.idle_count:
            self._reaper = loop.call_later(KEEP_SECONDS, self._reap)

    def abandon(self) -> None:
        """The loop is closed: close every connection, those in use too."""
        for connection in self._in_use:
            connection.close()
        self._in_use.clear()
        self._close_idle()

    def _close_idle(self) -> None:
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        for connection in self._pool.clear():
            connection.close()

    async def aclose(self) -> None:
        """Close the idle connections; those in use close with their responses."""
        self._close_idle()
        # One turn of the loop lets the sockets close.
        await asyncio.sleep(0)


class _Body(AsyncByteStream):
    """A response's body; closing it gives the connection back."""

    def __init__(
        self, transport: LoopTransport, origin: Origin, connection: Connection, cycle: Cycle, first: bytes
    ) -> None:
        self._transport = transport
        self._origin = origin
        self._connection = connection
        self._cycle = cycle
        self._first = first
        self._open = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        read, cycle = self._connection.read, self._cycle
        first, self._first = self._first, b""
        if first:
            yield first
        parser, feed = cycle.parser, cycle.parser.feed
        while not parser.done:
            data = await read(cycle)
            data = feed(data) if data else cycle.receive(data)
            if data:
                yield data
        if parser.failure is not None:
            raise parser.failure

    def distrust(self) -> None:
        """What the response said makes no sense: nothing more is to come from its connection."""
        self._cycle.has_doubt = True

    async def aclose(self) -> None:
        """Give the connection back."""
        if self._open:
            self._open = False
            self._transport.release(self._origin, self._connection, reusable=self._cycle.is_reusable)
