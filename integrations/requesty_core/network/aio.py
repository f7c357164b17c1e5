"""An asynchronous ``httpx`` transport on asyncio's own transports and this room's ``http11``, for one loop.

Reads go past ``asyncio``'s stream layer: the protocol keeps what arrived, and wakes the one reader there can be.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

from .http import (
    AsyncByteStream,
    AsyncTransport,
    ConnectError,
    ConnectTimeout,
    ReadError,
    ReadTimeout,
    Request,
    Response,
    WriteError,
    WriteTimeout,
)
from .http11 import ResponseParser, encode_request
from .sync import KEEP_CONNECTIONS, KEEP_SECONDS, Origin

__all__ = ["LoopTransport"]

HIGH_WATER = 1024 * 1024
"""Bytes kept unread before the connection is told to wait."""


class _Connection(asyncio.Protocol):
    """One connection: what has arrived, and the reader or writer that waits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._arrived: list[bytes] = []
        self._size = 0
        self._paused = False
        self._ended = False
        self._error: Exception | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._deadline = 0.0
        self.idle_since = 0.0

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        # asyncio has set TCP_NODELAY already.
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._arrived.append(data)
        self._size += len(data)
        if self._size > HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self._ended = True
        self._wake()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._error = exc
        self._wake()
        self.resume_writing()

    def pause_writing(self) -> None:
        if self._writer is None:
            self._writer = self._loop.create_future()

    def resume_writing(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None and not writer.done():
            writer.set_result(None)

    # the transport calls these

    def _wake(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)

    async def read(self, limit: float | None, parser: ResponseParser) -> bytes:
        """What has arrived; waits if nothing has. At the connection's end the parser judges."""
        if not self._arrived and not self._ended:
            await self._wait(limit)
        if self._arrived:
            data = self._arrived[0] if len(self._arrived) == 1 else b"".join(self._arrived)
            self._arrived.clear()
            self._size = 0
            if self._paused and self._transport is not None:
                self._paused = False
                self._transport.resume_reading()
            return data
        if self._error is not None:
            raise ReadError(str(self._error)) from self._error
        parser.close()
        return b""

    async def _wait(self, limit: float | None) -> None:
        reader = self._reader = self._loop.create_future()
        if limit is not None:
            # One timer serves many reads: it looks at the latest deadline when it goes off.
            self._deadline = self._loop.time() + limit
            if self._timer is None:
                self._timer = self._loop.call_at(self._deadline, self._expire)
            elif self._timer.when() > self._deadline:
                self._timer.cancel()
                self._timer = self._loop.call_at(self._deadline, self._expire)
        else:
            self._deadline = 0.0
        try:
            await reader
        finally:
            self._reader = None

    def _expire(self) -> None:
        self._timer = None
        reader = self._reader
        if reader is None or not self._deadline:
            return
        if self._loop.time() < self._deadline:
            self._timer = self._loop.call_at(self._deadline, self._expire)
        elif not reader.done():
            reader.set_exception(ReadTimeout("timed out"))

    async def write(self, data: bytes, limit: float | None) -> None:
        """Send, waiting while the connection's buffers are full."""
        if self._transport is None or self._transport.is_closing():
            raise WriteError("the connection is closed")
        self._transport.write(data)
        if self._writer is not None:
            try:
                async with asyncio.timeout(limit):
                    await self._writer
            except TimeoutError as exc:
                raise WriteTimeout("timed out") from exc

    def is_usable(self, now: float) -> bool:
        """Whether an idle connection may carry another request."""
        return (
            not self._ended
            and not self._arrived
            and self._transport is not None
            and not self._transport.is_closing()
            and now - self.idle_since <= KEEP_SECONDS
        )

    def rest(self) -> None:
        """No request is under way."""
        self.idle_since = self._loop.time()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def close(self) -> None:
        """Close at once, what is unsent included."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # A closed loop has closed, or will never touch, the socket; abort() has nothing to schedule on.
        if self._transport is not None and not self._loop.is_closed():
            self._transport.abort()

    def get_extra_info(self, name: str) -> Any:
        """Named as in ``httpcore``'s network streams."""
        return None if self._transport is None else self._transport.get_extra_info(name)


class LoopTransport(AsyncTransport):
    """The transport. Use it on one event loop only; connections are kept per origin.

    Args:
        tls: makes the TLS context when the first ``https`` request needs one.
    """

    def __init__(self, tls: Callable[[], ssl.SSLContext]) -> None:
        self._tls = tls
        self._idle: dict[Origin, list[_Connection]] = {}
        self._in_flight = 0

    @property
    def in_flight(self) -> int:
        """Requests whose response is not closed yet."""
        return self._in_flight

    @property
    def idle(self) -> int:
        """Connections kept for the next request."""
        return sum(map(len, self._idle.values()))

    async def handle_async_request(self, request: Request) -> Response:
        """Send one request; returns when the headers are there. Raises the HTTP library's own exceptions."""
        timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        url = request.url
        tls = url.scheme == "https"
        origin: Origin = (url.scheme, url.raw_host.decode("ascii"), url.port or (443 if tls else 80))
        body = await request.aread()
        message = encode_request(request.method, url.raw_path, request.headers.raw, body)
        self._in_flight += 1
        connection: _Connection | None = None
        try:
            connection = self._reuse(origin) or await self._connect(origin, timeouts)
            parser = ResponseParser(request.method)
            await connection.write(message, timeouts.get("write"))
            first = b""
            while not parser.head_done:
                first = parser.feed(await connection.read(timeouts.get("read"), parser))
        except BaseException:
            if connection is not None:
                connection.close()
            self._in_flight -= 1
            raise
        stream = _Body(self, origin, connection, parser, first, timeouts)
        return Response(
            parser.status,
            headers=parser.headers,
            stream=stream,
            extensions={"http_version": b"HTTP/1.1", "network_stream": connection},
        )

    def _reuse(self, origin: Origin) -> _Connection | None:
        kept = self._idle.get(origin)
        now = asyncio.get_running_loop().time()
        while kept:
            connection = kept.pop()
            if connection.is_usable(now):
                return connection
            connection.close()
        return None

    async def _connect(self, origin: Origin, timeouts: dict[str, float | None]) -> _Connection:
        scheme, host, port = origin
        loop = asyncio.get_running_loop()
        tls = self._tls() if scheme == "https" else None
        try:
            async with asyncio.timeout(timeouts.get("connect")):
                _, connection = await loop.create_connection(
                    lambda: _Connection(loop),
                    host,
                    port,
                    ssl=tls,
                    server_hostname=None if tls is None else host,
                    happy_eyeballs_delay=0.25,
                )
        except TimeoutError as exc:
            raise ConnectTimeout(str(exc) or "timed out") from exc
        except (OSError, UnicodeError) as exc:
            raise ConnectError(str(exc)) from exc
        return connection

    def release(self, origin: Origin, connection: _Connection, *, reusable: bool) -> None:
        """A response is closed: keep its connection or close it."""
        self._in_flight -= 1
        if reusable:
            connection.rest()
            kept = self._idle.setdefault(origin, [])
            if len(kept) < KEEP_CONNECTIONS:
                kept.append(connection)
                return
        connection.close()

    async def aclose(self) -> None:
        """Close the idle connections; those in use close with their responses."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()
        # One turn of the loop lets the sockets close.
        await asyncio.sleep(0)


class _Body(AsyncByteStream):
    """A response's body; closing it gives the connection back."""

    def __init__(
        self,
        transport: LoopTransport,
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

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parser, connection, timeouts = self._parser, self._connection, self._timeouts
        first, self._first = self._first, b""
        if first:
            yield first
        while not parser.done:
            data = parser.feed(await connection.read(timeouts.get("read"), parser))
            if data:
                yield data

    async def aclose(self) -> None:
        if self._open:
            self._open = False
            parser = self._parser
            self._transport.release(self._origin, self._connection, reusable=parser.done and parser.keeps_alive)
