"""Which transport a request uses when the caller gave none: one per process (sync) or event loop (async).

It is shared by every client there, so constructing a client costs nothing and connections are reused between clients.
Where the environment names a proxy, ``httpx``'s own client applies its own rules.
"""

from __future__ import annotations

import atexit
import functools
import os
import ssl
import threading
import urllib.request

from .aio import LoopTransport
from .http import (
    AsyncClientTransport,
    AsyncHTTPClient,
    AsyncTransport,
    ClientTransport,
    HTTPClient,
    Limits,
    Transport,
    create_ssl_context,
)
from .sync import SocketTransport

__all__ = ["make_async_transport", "make_transport", "shared_transport"]

_LIMITS = Limits(max_connections=None, max_keepalive_connections=64, keepalive_expiry=30.0)


@functools.cache
def _tls() -> ssl.SSLContext:
    """The one TLS context; loading the certificate store takes about 30 ms."""
    context = create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def _proxy_configured(scheme: str) -> bool:
    proxies = urllib.request.getproxies()
    return scheme in proxies or "all" in proxies


def make_transport(scheme: str, *, keep: int | None = None) -> Transport:
    """A new transport for ``http`` or ``https``; ``keep=0`` leaves no connection open after its response."""
    if _proxy_configured(scheme):
        limits = _LIMITS if keep is None else Limits(max_connections=None, max_keepalive_connections=keep)
        return ClientTransport(HTTPClient(limits=limits))
    return SocketTransport(_tls, keep=keep)


def make_async_transport(scheme: str) -> AsyncTransport:
    """The same for the running event loop."""
    if _proxy_configured(scheme):
        return AsyncClientTransport(AsyncHTTPClient(limits=_LIMITS))
    return LoopTransport(_tls)


_shared: dict[str, Transport] = {}
_lock = threading.Lock()


def shared_transport(scheme: str) -> Transport:
    """The process's synchronous transport for a scheme."""
    transport = _shared.get(scheme)
    if transport is None:
        with _lock:
            transport = _shared.get(scheme)
            if transport is None:
                transport = _shared[scheme] = make_transport(scheme)
    return transport


def _close() -> None:
    for transport in _shared.values():
        transport.close()
    _shared.clear()


def _forget() -> None:
    # A child process must not talk over its parent's connections.
    global _lock
    _lock = threading.Lock()
    _shared.clear()


atexit.register(_close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
