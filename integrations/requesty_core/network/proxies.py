"""Proxies of the environment: for which hosts they are, and how far a tunnel through one has come.

``httpx`` reads ``NO_PROXY`` too, but knows no networks (``10.0.0.0/8``), and fails with every request where an entry is
not to its liking (``[::1]``, ``fd00::/8``).
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import urllib.request
from typing import Any

from .alarm import NO_ALARM, set_alarm
from .http import ConnectError, ConnectTimeout, ReadTimeout, Request, WriteTimeout

__all__ = ["BlockingTunnel", "LoopTunnel", "is_excluded"]


def is_excluded(host: str, port: int) -> bool:
    """Whether ``NO_PROXY`` says that requests to this host go there directly."""
    host = host.strip("[]").rstrip(".").lower()
    entries = urllib.request.getproxies().get("no", "").lower().split(",")
    return any(_matches(entry.strip().rpartition("://")[2], host, port) for entry in entries)


def _matches(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    network, address = _network(entry), _network(host)
    if network is not None:
        return address is not None and address.version == network.version and address[0] in network
    name, colon, number = entry.rpartition(":")
    if colon:
        return number == str(port) and _matches(name, host, port)
    # ".example.com" and "*.example.com" are the names below one, "example.com" is that too.
    name = entry.removeprefix("*").rstrip(".")
    return bool(name.strip(".")) and (host == name or host.endswith("." + name.removeprefix(".")))


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    """A network, or an address as the network of one; ``None`` for anything else."""
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


class Tunnel:
    """Watches the ``CONNECT`` of a request through a proxy: until it is answered, the limit is that of connecting.

    The library lets it wait as long as an answer of the gateway may take, says nothing of the difference, and begins to
    wait anew with every byte. What limits the whole of it is the subclass's.
    """

    def __init__(self, request: Request) -> None:
        self._timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        self._kept: dict[str, float | None] | None = None
        self._next = request.extensions.get("trace")

    def _hear(self, name: str, info: dict[str, Any]) -> None:
        if name.endswith("connect_tcp.complete"):
            self._connected(info["return_value"])
        elif name.endswith("send_request_headers.started") and info["request"].method == b"CONNECT":
            limit = self._timeouts.get("connect")
            self._kept = dict(self._timeouts)
            self._timeouts.update(read=limit, write=limit)
            if limit is not None:
                self._limit(limit)
        elif name.endswith("receive_response_headers.complete"):
            self.leave()

    def leave(self) -> bool:
        """The tunnel is through, or nobody waits for it any more; whether it was still being opened."""
        kept, self._kept = self._kept, None
        if kept is not None:
            self._timeouts.update(kept)
            self._unlimit()
        return kept is not None

    def failure(self, exc: Exception) -> Exception:
        """What to raise for an error of the library: before the tunnel stands, nothing reached the gateway."""
        if not self.leave():
            return exc
        if self._has_passed() or isinstance(exc, (ReadTimeout, WriteTimeout)):
            return ConnectTimeout(str(exc) or "the proxy did not open the tunnel in time")
        return ConnectError(f"the proxy: {str(exc) or type(exc).__name__}")

    def _connected(self, stream: Any) -> None:
        """The connection to the proxy stands."""

    def _limit(self, seconds: float) -> None:
        """From now on the tunnel has so long to open."""
        raise NotImplementedError

    def _unlimit(self) -> None:
        raise NotImplementedError

    def _has_passed(self) -> bool:
        """Whether it took longer."""
        raise NotImplementedError


class BlockingTunnel(Tunnel):
    """Of a synchronous request: when the limit has passed, the connection is shut down under whoever reads it."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._stream: Any = None
        self._alarm = NO_ALARM

    def hear(self, name: str, info: dict[str, Any]) -> None:
        """What the library tells of a request under way."""
        if self._next is not None:
            self._next(name, info)
        self._hear(name, info)

    def _connected(self, stream: Any) -> None:
        self._stream = stream

    def _limit(self, seconds: float) -> None:
        self._alarm = set_alarm(seconds, self._shut_down)

    def _shut_down(self) -> None:
        found = self._stream.get_extra_info("socket")
        if found is not None:
            with contextlib.suppress(OSError):  # Closed by the other side.
                found.shutdown(socket.SHUT_RDWR)

    def _unlimit(self) -> None:
        self._alarm.cancel()

    def _has_passed(self) -> bool:
        return self._alarm.went_off


class LoopTunnel(Tunnel):
    """Of an asynchronous request, which runs within :attr:`timeout`."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.timeout = asyncio.timeout(None)

    async def hear(self, name: str, info: dict[str, Any]) -> None:
        """What the library tells of a request under way."""
        if self._next is not None:
            await self._next(name, info)
        self._hear(name, info)

    def _limit(self, seconds: float) -> None:
        self.timeout.reschedule(asyncio.get_running_loop().time() + seconds)

    def _unlimit(self) -> None:
        if not self.timeout.expired():
            self.timeout.reschedule(None)

    def _has_passed(self) -> bool:
        return self.timeout.expired()
