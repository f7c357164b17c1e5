"""The socket and the HTTP server below the emulator; it listens on loopback addresses only."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import threading
import time
from functools import partial
from typing import Any

import uvicorn

from requesty_emulator.errors import ConfigError
from requesty_emulator.gateway.connection import WireProtocol


class Server(uvicorn.Server):
    """uvicorn without its polling loop and signal handling: starts and stops within milliseconds."""

    def __init__(self, app: Any, keep_alive: float) -> None:
        # Called by uvicorn as it would call the class.
        protocol: Any = partial(WireProtocol, on_end=self._connection_ended)
        config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=keep_alive,  # type: ignore[arg-type]  # it goes to the loop's clock as it is
            h11_max_incomplete_event_size=256 * 1024,
            backlog=2048,
        )
        super().__init__(config)
        self.ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._halt: asyncio.Event | None = None
        self._address: Any = None
        self._probes: dict[tuple[str, int] | None, threading.Event] = {}

    def run_in_thread(self, sock: socket.socket) -> None:
        """Serve on ``sock`` until :meth:`stop`."""
        try:
            asyncio.run(self._run(sock))
        finally:
            self.ready.set()
            sock.close()

    async def _run(self, sock: socket.socket) -> None:
        self._loop, self._halt, self._address = asyncio.get_running_loop(), asyncio.Event(), sock.getsockname()
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup(sockets=[sock])
        self.ready.set()
        await self._halt.wait()
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if isinstance(connection, WireProtocol):
                connection.abort()
        # One turn of the loop lets the cut streams leave their handlers before the loop closes.
        await asyncio.sleep(0)

    def catch_up(self, timeout: float) -> bool:
        """Wait until all that was sent before this call has been read; false when the time is over first.

        True of a server that has stopped, which reads nothing more. A connection of its own is made behind those of the
        clients, and ended: when the server sees its end, whatever was sent before it has been read, because connections
        are accepted in their order and all that can be read is read in every turn of the loop.
        """
        until = time.monotonic() + timeout
        try:
            with socket.create_connection(self._address[:2], timeout) as probe:
                name = probe.getsockname()[:2]
                seen = self._probes[name] = threading.Event()
        except TimeoutError:
            return False
        except ConnectionRefusedError:
            return True
        try:
            return seen.wait(max(until - time.monotonic(), 0.0))
        finally:
            self._probes.pop(name, None)

    def _connection_ended(self, client: tuple[str, int] | None) -> None:
        probe = self._probes.get(client)
        if probe is not None:
            # What was read in the same turn as this end has its task begun by the next one.
            asyncio.get_running_loop().call_soon(probe.set)

    def stop(self) -> None:
        """Ask the server's thread to end."""
        loop, halt = self._loop, self._halt
        if loop is not None and halt is not None and not loop.is_closed():
            loop.call_soon_threadsafe(halt.set)


def loopback(host: str) -> str:
    """The host as an address; only loopback ones are taken."""
    name = "127.0.0.1" if host == "localhost" else host
    try:
        fine = ipaddress.ip_address(name).is_loopback
    except ValueError:
        fine = False
    if not fine:
        raise ConfigError(f"the emulator listens on loopback addresses only, not on {host!r}")
    return name


def checked_port(port: int) -> int:
    """A port number; 0 lets the system choose."""
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65535:
        raise ConfigError(f"port must be between 0 and 65535, not {port!r}")
    return port


def listen(host: str, port: int) -> socket.socket:
    """A socket that accepts connections; raises :class:`ConfigError` when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sets TCP_NODELAY only on sockets that name TCP; without it every answer takes 40 ms longer.
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as exc:
        sock.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from exc
    sock.listen(2048)
    sock.setblocking(False)
    return sock
