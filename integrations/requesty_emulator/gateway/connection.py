"""The connection below a request: noticing that the client left, waiting cheaply, closing abruptly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate
from functools import lru_cache
from typing import Any, Protocol

from starlette.types import Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol


@lru_cache(maxsize=1)
def _dated(second: int) -> list[tuple[bytes, bytes]]:
    return [(b"date", formatdate(second, usegmt=True).encode())]


class Connection(Protocol):
    """What the delivery of an answer needs from the connection."""

    lost: bool

    async def pause(self, seconds: float | None) -> bool:
        """Wait; ``None`` waits for the client to leave. False when the connection is gone."""

    def abort(self) -> None:
        """Close the connection at once, without ending the answer."""

    async def write(self, send: Send, data: bytes) -> bool:
        """Send one piece of a streamed body; false when the connection is gone."""


class WireProtocol(H11Protocol):
    """uvicorn's HTTP/1.1 protocol that hands itself to the application as ``scope["state"]["connection"]``.

    ``on_end`` is called at its end with the client's address.
    """

    def __init__(self, *args: Any, on_end: Callable[[tuple[str, int] | None], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lost = False
        self._on_end = on_end
        self._waiter: asyncio.Future[None] | None = None
        self.app_state = {**self.app_state, "connection": self}

    def data_received(self, data: bytes) -> None:
        """Date the answer, as servers do; uvicorn's own clock is a loop that this server goes without."""
        self.server_state.default_headers = _dated(int(time.time()))
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits to send the next piece, then let uvicorn tidy up."""
        self.lost = True
        self._wake()
        super().connection_lost(exc)
        self._on_end(self.client)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def pause(self, seconds: float | None) -> bool:
        """Wait without a task of its own: one timer and one future."""
        if self.lost or (seconds is not None and seconds <= 0):
            return not self.lost
        self._waiter = self.loop.create_future()
        timer = None if seconds is None else self.loop.call_later(seconds, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()
        return not self.lost

    def abort(self) -> None:
        """Close the socket; what the kernel already has is still delivered."""
        self.lost = True
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.abort()

    async def write(self, send: Send, data: bytes) -> bool:
        """Write one HTTP chunk straight to the transport: h11 would only frame it the same way."""
        if self.flow.write_paused and not self.lost:
            await self.flow.drain()
        if self.lost or self.transport.is_closing():
            return False
        if self.scope["http_version"] == "1.1" and self.scope["method"] != "HEAD":
            self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            await send({"type": "http.response.body", "body": data, "more_body": True})
        return True


class PlainConnection:
    """Stand-in where no socket is below, for instance under an in-process ASGI transport."""

    def __init__(self) -> None:
        self.lost = False

    async def pause(self, seconds: float | None) -> bool:
        """Sleep."""
        await asyncio.sleep(3600 if seconds is None else seconds)
        return True

    def abort(self) -> None:
        """Fail the request, which is the only way to break an in-process answer."""
        self.lost = True
        raise ConnectionAbortedError("the emulated gateway closed the connection")

    async def write(self, send: Send, data: bytes) -> bool:
        """Send through ASGI."""
        await send({"type": "http.response.body", "body": data, "more_body": True})
        return True


def connection_of(scope: Scope) -> Connection:
    """The connection that a request came by."""
    connection: Connection | None = scope.get("state", {}).get("connection")
    return PlainConnection() if connection is None else connection
