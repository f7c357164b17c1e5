"""One connection on an event loop, and what a :class:`~requesty_core.network.cycle.Cycle` wants of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from math import inf
from typing import Any

from .addresses import tls_name
from .arrived import Arrived
from .connecting import connect_on_loop, lookup_on_loop
from .cycle import Cycle
from .http import ReadError, WriteError
from .pool import Origin
from .sync_connection import PROGRESS_SECONDS, is_silent, unconfirmed
from .waiting import Waiting

__all__ = ["Connection", "converse", "open_connection"]

HIGH_WATER = 96 * 1024
"""Bytes kept unread before the connection is told to wait.

Some loops (uvloop) read on as long as there is something. What waits in the system's buffers meanwhile costs nothing;
what was read leaves the processor's cache before it is worked on.
"""

HELD_BYTES = 1024 * 1024
"""Most that is still read of a connection that was lost."""


class Connection(asyncio.BufferedProtocol):
    """One connection: what has arrived, and the task that waits for something to happen.

    ``room`` is where the loop puts what it reads, ``ROOM_BYTES`` long. All connections of a loop may share one: what is
    in it is taken out before the loop reads anything else.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, room: memoryview) -> None:
        self._loop = loop
        self._sock = sock
        self._room = room
        self._is_plain = True
        # asyncio.Transport, or uvloop's, which only looks like one.
        self._transport: Any = None
        # What reads from the system. A TLS transport that is told to wait holds bytes which uvloop drops at the end.
        self._source: Any = None
        self._arrived = Arrived()
        self._is_paused = False
        self._has_ended = False
        self._is_full = False
        self._error: Exception | None = None
        self._waiting = Waiting(loop)
        self.idle_since = 0.0
        self.on_event: Callable[[Connection], None] | None = None
        """Called when something happens to the connection while it is idle."""

    # the loop calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, or TLS above it."""
        self._transport = transport
        self._source = self._source or transport
        self._is_plain = transport.get_extra_info("ssl_object") is None

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to put what arrives."""
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes arrived."""
        self._arrived.add(bytes(self._room[:nbytes]))
        if self._arrived.size > HIGH_WATER and not self._is_paused:
            self._is_paused = True
            self._source.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """The other side will send no more."""
        self._has_ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if exc is not None and self._is_plain and not self._has_ended and (data := _held(self._sock)):
            # Why the other side closed.
            self._arrived.add(data)
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
        if not self._waiting.wake() and self.on_event is not None:
            self.on_event(self)

    # the transport calls these

    async def read(self, cycle: Cycle) -> bytes:
        """What has arrived, waiting if nothing has; nothing at the connection's end."""
        if not self._arrived and not self._has_ended:
            if not await self._waiting.happens(cycle.patience()):
                raise cycle.timed_out()
        elif cycle.deadlines.next != inf and cycle.deadlines.has_passed():
            # More keeps arriving than is read, so there is nothing to wait for.
            raise cycle.timed_out()
        if self._arrived:
            data = self._arrived.take()
            if self._is_paused and self._arrived.size <= HIGH_WATER:
                self._is_paused = False
                self._source.resume_reading()
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
        # Full as soon as anything waits, free when nothing does. (At 0, TLS would count as full for ever.)
        self._transport.set_write_buffer_limits(high=1, low=0)
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
            # uvloop's transport refuses any change once it is closed, which an early answer can bring about.
            if not self._transport.is_closing():
                self._transport.set_write_buffer_limits()

    async def _flush(self, cycle: Cycle) -> None:
        stall, since = cycle.stall_limit(), self._loop.time()
        left = self._transport.get_write_buffer_size() + unconfirmed(self._sock)
        while self._is_full and not self._arrived and not self._has_ended:
            if await self._waiting.happens(cycle.deadlines.cap(PROGRESS_SECONDS)):
                continue
            now, size = self._loop.time(), self._transport.get_write_buffer_size() + unconfirmed(self._sock)
            if size < left:
                left, since = size, now
            elif (stall is not None and now - since >= stall) or cycle.deadlines.has_passed():
                raise cycle.timed_out(sending=True)

    @property
    def has_unsent(self) -> bool:
        """Whether the system has not taken everything that was sent."""
        return bool(self._transport.get_write_buffer_size())

    def is_usable(self) -> bool:
        """Whether an idle connection may carry another request.

        The socket itself is asked too: after a pause of the whole process the loop has not looked at it yet.
        """
        return not self._has_ended and not self._arrived and not self._transport.is_closing() and is_silent(self._sock)

    def rest(self, on_event: Callable[[Connection], None]) -> None:
        """No request is under way; ``on_event`` is called when the connection ends or speaks unasked."""
        self.idle_since = self._loop.time()
        self.on_event = on_event
        self._waiting.stop()

    def close(self) -> None:
        """Close at once, what is unsent included."""
        self.on_event = None
        self._waiting.stop()
        if self._transport is None or self._loop.is_closed():
            # Nothing runs on a closed loop that could close the socket.
            self._sock.close()
        else:
            self._transport.abort()

    def get_extra_info(self, name: str) -> Any:
        """Named as in ``httpcore``'s network streams."""
        return None if self._transport is None else self._transport.get_extra_info(name)


async def open_connection(origin: Origin, tls: Callable[[], ssl.SSLContext], room: memoryview) -> Connection:
    """A new connection, TLS included; it reads into ``room``, which the connections of the loop share."""
    scheme, host, port = origin
    loop = asyncio.get_running_loop()
    context = tls() if scheme == "https" else None
    sock = await connect_on_loop(await lookup_on_loop(host, port))
    connection = Connection(loop, sock, room)
    try:
        # Neither the name nor several addresses are given to the loop: not every loop can race them.
        raw, _ = await loop.create_connection(lambda: connection, sock=sock)
        if context is not None:
            await _secure(raw, connection, context, host, sock)
    except BaseException:
        connection.close()
        raise
    return connection


async def _secure(raw: Any, connection: Connection, context: ssl.SSLContext, host: str, sock: socket.socket) -> None:
    """Put TLS between a connection and its plain transport."""
    secure = await asyncio.get_running_loop().start_tls(raw, connection, context, server_hostname=tls_name(host))
    if secure is None or raw.is_closing():
        raise ConnectionResetError("the connection was closed while TLS was set up")
    connection.connection_made(secure)
    raw.set_protocol(_LastWords(raw.get_protocol(), sock))


class _LastWords(asyncio.BufferedProtocol):
    """Between the plain transport and TLS: TLS gets what the system still holds when the connection is lost."""

    def __init__(self, tls: Any, sock: socket.socket) -> None:
        self._tls = tls
        self._sock = sock
        # On the way of every byte, so nothing of this class is.
        self.get_buffer = tls.get_buffer  # type: ignore[method-assign]
        self.buffer_updated = tls.buffer_updated  # type: ignore[method-assign]
        self.eof_received = tls.eof_received  # type: ignore[method-assign]
        self.pause_writing = tls.pause_writing  # type: ignore[method-assign]
        self.resume_writing = tls.resume_writing  # type: ignore[method-assign]

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        if exc is not None:
            for data in iter(lambda: _held(self._sock), b""):
                self._feed(memoryview(data))
        self._tls.connection_lost(exc)

    def _feed(self, data: memoryview) -> None:
        while data:
            room = self._tls.get_buffer(len(data))
            count = min(len(room), len(data))
            room[:count] = data[:count]
            self._tls.buffer_updated(count)
            data = data[count:]


def _held(sock: socket.socket) -> bytes:
    """What the system holds of a connection that is lost; the loop stops reading when it cannot write."""
    try:
        return sock.recv(HELD_BYTES)
    except OSError:
        return b""


async def converse(connection: Connection, cycle: Cycle) -> bytes:
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
