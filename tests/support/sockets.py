"""Real sockets on the loopback: a server that answers with bytes, pauses and hang-ups, and a port nobody listens on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NoReturn

import pytest

WAIT = "wait for the client to hang up"
CLOSE = "close the connection"
RESET = "reset the connection"
Action = bytes | float | str


class RawServer:
    """A socket server that answers each request with the actions its script gives: bytes, a pause, or a hang-up.

    It runs in a thread of its own, on one event loop, so hundreds of connections cost nothing.
    """

    def __init__(self, script: Callable[[int], Iterable[Action]], *, limit: int = 1000) -> None:
        self._script = script
        self._limit = limit
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.connections = 0
        self.requests: list[bytes] = []
        self.hung_up = threading.Event()
        """Set when a client hung up in the middle of an answer."""
        self._thread = threading.Thread(target=self._run, name="raw-server")
        self._thread.start()
        assert self._ready.wait(5)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        assert self.connections <= self._limit
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0
        )
        self.requests.append(head + await reader.readexactly(length))
        for action in self._script(len(self.requests)):
            if isinstance(action, bytes):
                writer.write(action)
                try:
                    await writer.drain()
                except ConnectionError:
                    self.hung_up.set()
                    raise
            elif isinstance(action, float):
                await asyncio.sleep(action)
            elif action == WAIT:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read(1) == b""
                self.hung_up.set()
                return False
            else:
                if action == RESET:
                    writer.transport.abort()
                return False
        return True

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    """Start raw servers; they are stopped after the test."""
    servers: list[RawServer] = []

    def start(script: Callable[[int], Iterable[Action]], **options: Any) -> RawServer:
        servers.append(RawServer(script, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def head(
    *, status: str = "200 OK", length: int | None = None, chunked: bool = False, headers: Sequence[str] = ()
) -> bytes:
    """A response head; without length and chunks the body lasts until the connection is closed."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/event-stream", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def http_chunk(data: bytes) -> bytes:
    """One chunk of the chunked transfer coding; empty data is the last chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def full(body: bytes, **options: Any) -> bytes:
    """A whole response with its length."""
    return head(length=len(body), **options) + body


def closed_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port


def no_tls() -> NoReturn:
    """Makes the TLS context of a client that must not need one."""
    raise AssertionError("no TLS here")
