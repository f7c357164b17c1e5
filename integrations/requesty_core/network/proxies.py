"""Proxies of the environment: which one, for which hosts, and how far a tunnel through one has come.

``httpx`` reads ``NO_PROXY`` too, but knows no networks (``10.0.0.0/8``), and fails with every request where an entry is
not to its liking (``[::1]``, ``fd00::/8``).
"""

from __future__ import annotations

import ipaddress
import urllib.request
from typing import Any

from .http import ConnectError, ConnectTimeout, ReadTimeout, Request, WriteTimeout

__all__ = ["Tunnel", "environment_proxy", "is_excluded"]


def environment_proxy(scheme: str) -> str | None:
    """The URL of the environment's proxy for a scheme, as it was written; ``None`` if there is none."""
    proxies = urllib.request.getproxies()
    return proxies.get(scheme) or proxies.get("all") or None


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

    The library lets it wait as long as an answer of the gateway may take, and says nothing of the difference.
    """

    def __init__(self, request: Request) -> None:
        self._timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        self._kept: dict[str, float | None] | None = None
        self._next = request.extensions.get("trace")

    def hear(self, name: str, info: dict[str, Any]) -> None:
        """What the library tells of a request under way."""
        if self._next is not None:
            self._next(name, info)
        if name.endswith("send_request_headers.started") and info["request"].method == b"CONNECT":
            limit = self._timeouts.get("connect")
            self._kept = dict(self._timeouts)
            self._timeouts.update(read=limit, write=limit)
        elif name.endswith("receive_response_headers.complete"):
            self.leave()

    async def ahear(self, name: str, info: dict[str, Any]) -> None:
        """The same for the asynchronous library."""
        self.hear(name, info)

    def leave(self) -> bool:
        """The tunnel is through, or nobody waits for it any more; whether it was still being opened."""
        kept, self._kept = self._kept, None
        if kept is not None:
            self._timeouts.update(kept)
        return kept is not None

    def failure(self, exc: Exception) -> Exception:
        """What to raise for an error of the library: before the tunnel stands, nothing reached the gateway."""
        if not self.leave():
            return exc
        if isinstance(exc, (ReadTimeout, WriteTimeout)):
            return ConnectTimeout(str(exc))
        return ConnectError(f"the proxy: {str(exc) or type(exc).__name__}")
