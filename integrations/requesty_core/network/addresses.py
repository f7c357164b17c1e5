"""From a host's name to its addresses, in the order in which to try them, and how their sockets are set up.

Looking a name up blocks and cannot be interrupted; where a limit holds, a thread does it and the caller stops waiting.
Any number of callers that ask for the same name at once share one thread.
"""

from __future__ import annotations

import queue
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

from requesty_core.lifetime import after_fork, start_thread

__all__ = ["STAGGER_SECONDS", "Address", "Found", "lookup", "new_socket", "numeric", "start_lookup", "tls_name"]

Address = tuple[int, int, int, tuple[str, int] | tuple[str, int, int, int]]
"""Family, type, protocol and the address itself."""

Found = list[Address] | Exception

STAGGER_SECONDS = 0.25
"""How long one address has before the next is tried beside it (RFC 8305, section 5)."""

# A connection that a router on the way has forgotten is found after 30 + 3 * 10 seconds; some forget after 60.
_PROBES = (("TCP_KEEPIDLE", 30), ("TCP_KEEPALIVE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


def new_socket(address: Address) -> socket.socket:
    """An unconnected socket for an address, which sends at once and finds out when the other side is gone."""
    family, kind, protocol, _ = address
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in _PROBES:
            option = getattr(socket, name, None)
            if option is not None:
                sock.setsockopt(socket.IPPROTO_TCP, option, value)
    except BaseException:
        sock.close()
        raise
    return sock


def numeric(host: str, port: int) -> list[Address] | None:
    """The address that ``host`` is already; ``None`` if it is a name."""
    if not (host[-1:].isdigit() or ":" in host):
        return None
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except OSError:
        return None
    return _in_order(found)


def tls_name(host: str) -> str:
    """The name that a certificate has for a host: without the final dot of an absolute name (RFC 6066, section 3)."""
    return host.removesuffix(".")


def lookup(host: str, port: int, limit: float | None) -> list[Address]:
    """The addresses of a host. Raises ``TimeoutError`` after ``limit`` seconds, and what the resolver raises."""
    addresses = numeric(host, port)
    if addresses is not None:
        return addresses
    if limit is None:
        return _resolve(host, port)
    answers: queue.SimpleQueue[Found] = queue.SimpleQueue()
    start_lookup(host, port, answers.put)
    try:
        found = answers.get(timeout=limit)
    except queue.Empty:
        raise TimeoutError("no address within the limit") from None
    if isinstance(found, Exception):
        raise found
    return found


_lock = threading.Lock()
_asked: dict[tuple[str, int], list[Callable[[Found], None]]] = {}


def start_lookup(host: str, port: int, tell: Callable[[Found], None]) -> None:
    """Look a host up in a thread, which calls ``tell`` with the addresses or the error."""
    key = host, port
    with _lock:
        others = _asked.get(key)
        if others is not None:
            others.append(tell)
            return
        _asked[key] = [tell]
    start_thread(_answer, *key, name="requesty-addresses", serves_all=True)


def _answer(host: str, port: int) -> None:
    found: Found
    try:
        found = _resolve(host, port)
    except Exception as exc:  # noqa: BLE001 -- handed to whoever asked, who raises it
        found = exc
    with _lock:
        told = _asked.pop((host, port), [])
    for tell in told:
        tell(found)


def _resolve(host: str, port: int) -> list[Address]:
    return _in_order(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def _in_order(found: Iterable[tuple[int, int, int, str, Any]]) -> list[Address]:
    """Families take turns, the resolver's first choice begins (RFC 8305, section 4)."""
    families: dict[int, list[Address]] = {}
    for family, kind, protocol, _, address in found:
        families.setdefault(family, []).append((family, kind, protocol, address))
    order: list[Address] = []
    lists = list(families.values())
    for turn in range(max(map(len, lists), default=0)):
        order += [addresses[turn] for addresses in lists if turn < len(addresses)]
    return order


@after_fork
def _renew() -> None:
    # Neither the threads nor whoever asked them live on in a child process.
    global _lock
    _lock = threading.Lock()
    _asked.clear()
