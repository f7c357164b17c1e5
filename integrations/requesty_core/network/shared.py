"""Which transport a request uses when the caller gave none: one per process (sync) or event loop (async).

It is shared by every client with the same settings, so constructing a client costs nothing and connections are reused
between clients. Where a proxy is set, here or in the environment, ``httpx``'s own client sends through it.
"""

from __future__ import annotations

import atexit
import functools
import os
import ssl
import threading
import urllib.request
from collections.abc import Callable
from typing import Any

from requesty_core.errors import ConfigurationError
from requesty_core.lifetime import after_fork

from .aio import LoopTransport
from .http import (
    AsyncHTTPClient,
    AsyncTransport,
    HTTPClient,
    Limits,
    Transport,
    create_ssl_context,
)
from .pool import KEEP_CONNECTIONS, KEEP_SECONDS, default_limit
from .settings import DEFAULT_NETWORK, Library, NetworkSettings, check_proxy, library_of_environment
from .sync import SocketTransport

__all__ = ["make_async_transport", "make_transport", "shared_transport", "tls_context"]


@functools.cache
def _tls(network: NetworkSettings = DEFAULT_NETWORK) -> ssl.SSLContext:
    """The one TLS context of these settings; loading the certificate store takes about 30 ms."""
    certificate = network.client_cert
    if network.ca_bundle is None:
        _check_certificate_folder()
    try:
        if network.ca_bundle is None:
            context = create_ssl_context()
        else:
            folder = os.path.isdir(network.ca_bundle)
            context = ssl.create_default_context(
                cafile=None if folder else network.ca_bundle, capath=network.ca_bundle if folder else None
            )
    except (OSError, ValueError) as exc:
        if isinstance(exc, OSError) and exc.filename is not None and exc.filename == os.environ.get("SSLKEYLOGFILE"):
            raise ConfigurationError(f"SSLKEYLOGFILE: cannot be written to ({exc.strerror})") from None
        setting = "ca_bundle" if network.ca_bundle else _certificate_variable()
        raise ConfigurationError(f"{setting}: no certificates can be read from it ({exc})") from None
    if certificate is not None:
        try:
            context.load_cert_chain(*((certificate,) if isinstance(certificate, str) else certificate))
        except (OSError, ValueError) as exc:
            raise ConfigurationError(f"client_cert: cannot be used ({exc})") from None
    context.set_alpn_protocols(["http/1.1"])
    return context


def tls_context() -> ssl.SSLContext:
    """The TLS context of a process that set nothing else. Raises :class:`ConfigurationError`."""
    return _tls()


def _check_certificate_folder() -> None:
    folder = os.environ.get("SSL_CERT_DIR")
    # The TLS library passes over a folder that is not there, and trusts nobody then.
    if folder and not os.environ.get("SSL_CERT_FILE") and not any(map(os.path.isdir, folder.split(os.pathsep))):
        raise ConfigurationError("SSL_CERT_DIR: no folder of this name exists; correct it or leave it out")


def _certificate_variable() -> str:
    return next((name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)), "SSL_CERT_FILE")


def _is_httpx(network: NetworkSettings) -> bool:
    return (network.library or library_of_environment()) == "httpx"


def _client(
    make: Callable[..., Any], scheme: str, network: NetworkSettings, keep: int | None, proxy: str | None
) -> Any:
    """A client of ``httpx``'s with these settings. Raises :class:`ConfigurationError` for a proxy it cannot use."""
    limits = Limits(
        max_connections=default_limit() if network.max_connections is None else network.max_connections,
        max_keepalive_connections=KEEP_CONNECTIONS if keep is None else keep,
        keepalive_expiry=KEEP_SECONDS,
    )
    arguments: dict[str, Any] = {"limits": limits, "trust_env": False}
    if scheme == "https" or network.ca_bundle or network.client_cert:
        arguments["verify"] = _tls(network)
    if proxy is not None:
        arguments["proxy"] = proxy if "://" in proxy else f"http://{proxy}"
    try:
        return make(**arguments)
    except (ValueError, ImportError, OSError) as exc:
        setting = "proxy" if network.proxy else _broken_variable(scheme)
        raise ConfigurationError(f"{setting}: cannot be used ({' '.join(str(exc).split())})") from None


def _check_proxies(scheme: str) -> None:
    for name in (scheme, "all"):
        url = urllib.request.getproxies().get(name)
        if url and url.partition("://")[0] in ("http", "https", url):
            check_proxy(url if "://" in url else f"http://{url}", _variable(f"{name}_proxy"))


def _variable(name: str) -> str:
    return next((n for n in (name, name.upper()) if os.environ.get(n)), name)


def _broken_variable(scheme: str) -> str:
    names = [f"{scheme}_proxy", "all_proxy", "http_proxy", "https_proxy"]
    found = [n for name in names for n in (name.upper(), name) if os.environ.get(n)]
    # Of several, the one with an address that httpx does not know is to blame.
    odd = [n for n in found if not os.environ[n].startswith(("http://", "https://"))]
    return (odd or found or [_certificate_variable()])[0]


def make_transport(scheme: str, *, keep: int | None = None, network: NetworkSettings = DEFAULT_NETWORK) -> Transport:
    """A new transport for ``http`` or ``https``; ``keep=0`` leaves no connection open after its response."""
    proxy = _proxy(scheme, network)
    direct: Transport | None = None
    if not _is_httpx(network):
        direct = SocketTransport(functools.partial(_tls, network), keep=keep, max_connections=network.max_connections)
        if proxy is None:
            return direct
    from .library import ByHost, OwnClient

    if direct is None:
        direct = OwnClient(_client(HTTPClient, scheme, network, keep, None))
    if proxy is None:
        return direct
    return ByHost(direct, OwnClient(_client(HTTPClient, scheme, network, keep, proxy)), network)


def make_async_transport(scheme: str, *, network: NetworkSettings = DEFAULT_NETWORK) -> AsyncTransport:
    """The same for the running event loop."""
    proxy = _proxy(scheme, network)
    direct: AsyncTransport | None = None
    if not _is_httpx(network):
        direct = LoopTransport(functools.partial(_tls, network), max_connections=network.max_connections)
        if proxy is None:
            return direct
    from .library import AsyncByHost, AsyncOwnClient

    if direct is None:
        direct = AsyncOwnClient(_client(AsyncHTTPClient, scheme, network, None, None))
    if proxy is None:
        return direct
    return AsyncByHost(direct, AsyncOwnClient(_client(AsyncHTTPClient, scheme, network, None, proxy)), network)


def _proxy(scheme: str, network: NetworkSettings) -> str | None:
    if network.proxy is not None:
        return network.proxy
    _check_proxies(scheme)
    proxies = urllib.request.getproxies()
    return proxies.get(scheme) or proxies.get("all") or None


_Key = tuple[str, NetworkSettings, Library | None]
_shared: dict[_Key, Transport] = {}
_lock = threading.Lock()


def shared_transport(scheme: str, network: NetworkSettings = DEFAULT_NETWORK) -> Transport:
    """The process's synchronous transport for a scheme and these settings."""
    key = scheme, network, library_of_environment()
    transport = _shared.get(key)
    if transport is None:
        with _lock:
            transport = _shared.get(key)
            if transport is None:
                transport = _shared[key] = make_transport(scheme, network=network)
    return transport


def _close() -> None:
    for transport in _shared.values():
        transport.close()
    _shared.clear()


@after_fork
def _forget() -> None:
    # A child process must not talk over its parent's connections.
    global _lock
    _lock = threading.Lock()
    _shared.clear()


atexit.register(_close)
