"""An asynchronous ``httpx`` transport on an event loop's own transports, for one loop (asyncio's or uvloop's).

Reads go past ``asyncio``'s stream layer: the protocol keeps what arrived, and wakes the one task that waits. What to
send and how to read the answer is :class:`~requesty_core.network.cycle.Cycle`'s part.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

from .connecting import connect_on_loop, lookup_on_loop
from .cycle import Cycle, Outgoing
from .http import (
    AsyncByteStream,
    AsyncTransport,
    ConnectError,
    ConnectTimeout,
    PoolTimeout,
    ReadError,
    Request,
    Response,
    WriteError,
)
from .pool import KEEP_CONNECTIONS, KEEP_SECONDS, Origin, Pool
from .sync import NO_DESCRIPTORS, is_silent

__all__ = ["LoopTransport"]

HIGH_WATER = 1024 * 1024
"""Bytes kept unread before the connection is told to wait."""

PROGRESS_SECONDS = 0.05
"""How often a stalled upload is looked at: what the system took meanwhile is progress."""


class Connection(asyncio.Protocol):
    """One connection: what has arrived, and the task that waits for something to happen."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, *, is_plain: bool) -> None:
        self._loop = loop
        self._sock = sock
        self._is_plain = is_plain
        # asyncio.Transport, or uvloop's, which only looks like one.
        self._transport: Any = None
        self._arrived: list[bytes] = []
        self._size = 0
        self._is_paused = False
        self._has_ended = False
        self._is_full = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self.idle_since = 0.0
        self.on_event: Callable[[Connection], None] | None = None
        """Called when something happens to the connection while it is idle."""

    # the loop calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""
        self._arrived.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """The other side will send no more."""
        self._has_ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if exc is not None and self._is_plain and not self._has_ended:
            # The loop stops reading when it cannot write; why the other side closed may have arrived already.
            with contextlib.suppress(OSError):
                self._arrived.append(self._sock.recv(HIGH_WATER))
        self._has_ended = True
        self._error = exc
        self._wake()

    def pause_writing(self) -> None:
        """The system takes no more for now."""
        self._is_full = True

    def resume_writing(self) -> None:
        """The system has taken everything."""
        self._is_full = False
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            if not waiter.done():
                waiter.set_result(True)
        elif self.on_event is not None:
            self.on_event(self)

    # the transport calls these

    async def read(self, cycle: Cycle) -> bytes:
        """What has arrived, waiting if nothing has; nothing at the connection's end."""
        if not self._arrived and not self._has_ended and not await self._happens(cycle.patience()):
            raise cycle.timed_out()
        arrived = self._arrived
        if arrived:
            data = arrived[0] if len(arrived) == 1 else b"".join(arrived)
            arrived.clear()
            self._size = 0
            if self._is_paused:
                self._is_paused = False
                self._transport.resume_reading()
            return data
        if self._error is not None:
            cycle.has_doubt = True
            raise ReadError(str(self._error)) from self._error
        return b""

    async def send(self, cycle: Cycle) -> None:
        """Send the request, and stop if something arrives first. Raises ``WriteTimeout`` when it stalls."""
        if not cycle.is_large:
            while (piece := cycle.unsent) is not None and not self._transport.is_closing():
                self._transport.write(piece)
                cycle.sent(len(piece))
            return
        self._transport.set_write_buffer_limits(0)
        try:
            while (piece := cycle.unsent) is not None:
                # One turn of the loop: an answer that is there already is seen before more is sent.
                await asyncio.sleep(0)
                if self._arrived or self._has_ended or self._transport.is_closing():
                    break
                self._transport.write(piece)
                cycle.sent(len(piece))
                await self._flush(cycle)
        finally:
            self._transport.set_write_buffer_limits()

    async def _flush(self, cycle: Cycle) -> None:
        stall, since = cycle.stall_limit(), self._loop.time()
        left = self._transport.get_write_buffer_size()
        while self._is_full and not self._arrived and not self._has_ended:
            if await self._happens(cycle.deadlines.cap(PROGRESS_SECONDS)):
                continue
            now, size = self._loop.time(), self._transport.get_write_buffer_size()
            if size < left:
                left, since = size, now
            elif (stall is not None and now - since >= stall) or cycle.deadlines.has_passed():
                raise cycle.timed_out(sending=True)

    async def _happens(self, limit: float | None) -> bool:
        """Wait until anything happens; false if nothing does within ``limit`` seconds."""
        if limit is None:
            self._deadline = 0.0
        elif limit <= 0.0:
            return False
        else:
            # One timer serves many waits: it looks at the latest deadline when it goes off.
            self._deadline = self._loop.time() + limit
            if self._timer is None:
                self._timer = self._loop.call_at(self._deadline, self._expire)
            elif self._timer.when() > self._deadline:
                self._timer.cancel()
                self._timer = self._loop.call_at(self._deadline, self._expire)
        waiter = self._waiter = self._loop.create_future()
        try:
            return bool(await waiter)
        finally:
            self._waiter = None

    def _expire(self) -> None:
        self._timer = None
        waiter = self._waiter
        if waiter is None or not self._deadline:
            return
        # A loop's clock may be coarser than its timers.
        if self._loop.time() < self._deadline - 0.001:
            self._timer = self._loop.call_at(self._deadline, self._expire)
        elif not waiter.done():
            waiter.set_result(False)

    @property
    def has_unsent(self) -> bool:
        """Whether the system has not taken everything that was sent."""
        return bool(self._transport.get_write_buffer_size())

    def is_usable(self, now: float) -> bool:
        """Whether an idle connection may carry another request: young enough, and silent.

        The socket itself is asked too: after a pause of the whole process the loop has not looked at it yet.
        """
        return (
            not self._has_ended
            and not self._arrived
            and now - self.idle_since <= KEEP_SECONDS
            and not self._transport.is_closing()
            and is_silent(self._sock)
        )

    def rest(self, on_event: Callable[[Connection], None]) -> None:
        """No request is under way; ``on_event`` is called when the connection ends or speaks unasked."""
        self.idle_since = self._loop.time()
        self.on_event = on_event
        self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Close at once, what is unsent included."""
        self.on_event = None
        self._stop_timer()
        if self._loop.is_closed():
            # Nothing runs on the loop any more that could close the socket.
            self._sock.close()
        elif self._transport is None:
            self._sock.close()
        else:
            self._transport.abort()

    def get_extra_info(self, name: str) -> Any:
        """Named as in ``httpcore``'s network streams."""
        return None if self._transport is None else self._transport.get_extra_info(name)


class LoopTransport(AsyncTransport):
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

    @property
    def in_flight(self) -> int:
        """Requests whose response is not closed yet."""
        return self._in_flight

    @property
    def idle(self) -> int:
        """Connections kept for the next request."""
        return self._pool.idle_count

    async def handle_async_request(self, request: Request) -> Response:
        """Send one request; returns when the headers are there. Raises the HTTP library's own exceptions."""
        url = request.url
        tls = url.scheme == "https"
        origin: Origin = (url.scheme, url.raw_host.decode("ascii"), url.port or (443 if tls else 80))
        outgoing = Outgoing(request, await request.aread())
        self._in_flight += 1
        try:
            connection, is_kept = await self._acquire(origin, outgoing)
            while True:
                cycle = Cycle(outgoing)
                self._in_use.add(connection)
                try:
                    first = await _converse(connection, cycle)
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
        return Response(
            cycle.parser.status,
            headers=cycle.parser.headers,
            stream=_Body(self, origin, connection, cycle, first),
            extensions={"http_version": b"HTTP/1.1", "network_stream": connection},
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
            elif connection.is_usable(loop.time()):
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
                return await _connect(origin, self._tls)
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


async def _connect(origin: Origin, tls: Callable[[], ssl.SSLContext]) -> Connection:
    """A new connection, TLS included."""
    scheme, host, port = origin
    loop = asyncio.get_running_loop()
    context = tls() if scheme == "https" else None
    sock = await connect_on_loop(await lookup_on_loop(host, port))
    connection = Connection(loop, sock, is_plain=context is None)
    try:
        # Neither the name nor several addresses are given to the loop: not every loop can race them.
        await loop.create_connection(
            lambda: connection, sock=sock, ssl=context, server_hostname=None if context is None else host
        )
    except BaseException:
        connection.close()
        raise
    return connection


async def _converse(connection: Connection, cycle: Cycle) -> bytes:
    """Send the request and read to the end of the response's head; returns the body bytes behind it."""
    await connection.send(cycle)
    first = b""
    while not cycle.parser.head_done:
        if cycle.unsent is None:
            first = cycle.receive(await connection.read(cycle))
        else:
            first = await _early(connection, cycle)
    if connection.has_unsent:
        cycle.stop_sending()
    return first


async def _early(connection: Connection, cycle: Cycle) -> bytes:
    """Something arrived before the request was sent: its answer, or the connection's end."""
    try:
        first = cycle.receive(await connection.read(cycle))
    except ReadError as exc:
        raise WriteError(str(exc)) from exc
    if not cycle.parser.head_done:
        # An interim response: go on sending.
        await connection.send(cycle)
    return first


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
        parser, receive = cycle.parser, cycle.receive
        while not parser.done:
            data = receive(await read(cycle))
            if data:
                yield data

    def distrust(self) -> None:
        """What the response said makes no sense: nothing more is to come from its connection."""
        self._cycle.has_doubt = True

    async def aclose(self) -> None:
        """Give the connection back."""
        if self._open:
            self._open = False
            self._transport.release(self._origin, self._connection, reusable=self._cycle.is_reusable)
