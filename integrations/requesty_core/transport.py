"""The only module that imports the HTTP library: its types under local names, the shared pools, and its errors as ours.

``httpx``'s own connection pool takes time quadratic in its connections, so requests are spread over several small
pools behind one transport. A transport belongs to a process (sync) or to an event loop (async) and is shared by every
client there, so constructing a client costs nothing and connections are reused between clients.
"""

from __future__ import annotations

import atexit
import functools
import os
import ssl
import threading
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import httpx

from .errors import (
    ConnectionFailedError,
    MalformedResponseError,
    RequestTimeoutError,
    RequestyError,
    TruncatedStreamError,
)
from .wire import encode_json

__all__ = [
    "URL",
    "AsyncClientTransport",
    "AsyncHTTPClient",
    "AsyncSpreadTransport",
    "AsyncTransport",
    "Auth",
    "ClientTransport",
    "HTTPClient",
    "Request",
    "Response",
    "SpreadTransport",
    "Transport",
    "TransportError",
    "as_async_transport",
    "as_transport",
    "headers_of",
    "make_async_transport",
    "make_transport",
    "multipart",
    "shared_transport",
    "transport_error",
]

Auth = httpx.Auth
Request = httpx.Request
Response = httpx.Response
URL = httpx.URL
Transport = httpx.BaseTransport
AsyncTransport = httpx.AsyncBaseTransport
HTTPClient = httpx.Client
AsyncHTTPClient = httpx.AsyncClient
TransportError = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)

PER_POOL = 8
KEEPALIVE_SECONDS = 30.0


def transport_error(exc: Exception, *, opened: bool, model: str | None) -> RequestyError:
    """The typed error for a failure of the HTTP library. ``opened`` tells whether response headers had arrived.

    Only the exception's own words are used: the request it may hold carries the key.
    """
    words = str(exc) or type(exc).__name__
    error: RequestyError
    if isinstance(exc, httpx.TimeoutException):
        what = {
            httpx.ConnectTimeout: "no connection within timeout.connect",
            httpx.ReadTimeout: "nothing arrived within timeout.read",
            httpx.WriteTimeout: "sending stalled longer than timeout.write",
        }.get(type(exc), words)
        error = RequestTimeoutError(f"timeout: {what}", requested_model=model)
    elif isinstance(exc, httpx.DecodingError):
        error = MalformedResponseError(f"the body cannot be decompressed ({words})", requested_model=model)
    elif opened:
        error = TruncatedStreamError(
            f"the connection broke while the answer was arriving ({words})", requested_model=model
        )
    else:
        error = ConnectionFailedError(f"no answer from the gateway ({words})", requested_model=model)
    error.__cause__ = None
    return error


def headers_of(response: httpx.Response) -> dict[str, str]:
    """Response headers with lower-case names; of a repeated one the last counts."""
    return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers.raw}


def multipart(fields: Mapping[str, Any], files: Mapping[str, Any]) -> tuple[bytes, str]:
    """Body and content type of a form with files; values that are no text are sent as JSON."""
    data = {k: v if isinstance(v, str) else encode_json(v).decode() for k, v in fields.items()}
    request = httpx.Request("POST", "http://form", data=data, files=files)
    return request.read(), request.headers["content-type"]


@functools.cache
def _ssl_context(scheme: str) -> ssl.SSLContext:
    if scheme == "http":
        # Never used for a connection; loading the certificate store for it would cost 30 ms.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return httpx.create_ssl_context()


_T = TypeVar("_T")


class _Pools(Generic[_T]):
    """Small pools, filled in order: the first with room takes the next request, so idle connections are found again."""

    def __init__(self, make: Callable[[], _T], per_pool: int) -> None:
        self._make = make
        self._per_pool = per_pool
        self._lock = threading.Lock()
        self.pools: list[_T] = []
        self.busy: list[int] = []

    def take(self) -> int:
        with self._lock:
            busy = self.busy
            for index, count in enumerate(busy):
                if count < self._per_pool:
                    busy[index] += 1
                    return index
            self.pools.append(self._make())
            busy.append(1)
            return len(busy) - 1

    def give(self, index: int) -> None:
        with self._lock:
            self.busy[index] -= 1

    @property
    def in_flight(self) -> int:
        with self._lock:
            return sum(self.busy)


class _Lease:
    """One request's place in a pool, given back exactly once."""

    __slots__ = ("_index", "_open", "_pools")

    def __init__(self, pools: _Pools[Any], index: int) -> None:
        self._pools = pools
        self._index = index
        self._open = True

    def release(self) -> None:
        if self._open:
            self._open = False
            self._pools.give(self._index)


class _Stream(httpx.SyncByteStream):
    __slots__ = ("_inner", "_lease")

    def __init__(self, inner: httpx.SyncByteStream, lease: _Lease) -> None:
        self._inner = inner
        self._lease = lease

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._inner)

    def close(self) -> None:
        try:
            self._inner.close()
        finally:
            self._lease.release()


class _AsyncStream(httpx.AsyncByteStream):
    __slots__ = ("_inner", "_lease")

    def __init__(self, inner: httpx.AsyncByteStream, lease: _Lease) -> None:
        self._inner = inner
        self._lease = lease

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inner.__aiter__()

    async def aclose(self) -> None:
        try:
            await self._inner.aclose()
        finally:
            self._lease.release()


_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=PER_POOL, keepalive_expiry=KEEPALIVE_SECONDS)


class SpreadTransport(httpx.BaseTransport):
    """A synchronous transport over several small pools. Thread-safe."""

    def __init__(self, make: Callable[[], httpx.BaseTransport] | None = None, per_pool: int = PER_POOL) -> None:
        self._pools = _Pools(make or functools.partial(_pool, "https"), per_pool)

    @property
    def in_flight(self) -> int:
        """Requests whose response is not closed yet."""
        return self._pools.in_flight

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send over the first pool with room."""
        index = self._pools.take()
        lease = _Lease(self._pools, index)
        try:
            response = self._pools.pools[index].handle_request(request)
        except BaseException:
            lease.release()
            raise
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Stream(response.stream, lease)
        return response

    def close(self) -> None:
        """Close every pool."""
        for pool in self._pools.pools:
            pool.close()


class AsyncSpreadTransport(httpx.AsyncBaseTransport):
    """An asynchronous transport over several small pools, for one event loop."""

    def __init__(self, make: Callable[[], httpx.AsyncBaseTransport] | None = None, per_pool: int = PER_POOL) -> None:
        self._pools = _Pools(make or functools.partial(_async_pool, "https"), per_pool)

    @property
    def in_flight(self) -> int:
        """Requests whose response is not closed yet."""
        return self._pools.in_flight

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send over the first pool with room."""
        index = self._pools.take()
        lease = _Lease(self._pools, index)
        try:
            response = await self._pools.pools[index].handle_async_request(request)
        except BaseException:
            lease.release()
            raise
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _AsyncStream(response.stream, lease)
        return response

    async def aclose(self) -> None:
        """Close every pool."""
        for pool in self._pools.pools:
            await pool.aclose()


class ClientTransport(httpx.BaseTransport):
    """A caller's own ``httpx.Client`` as a transport: its proxies, limits, hooks and certificates apply."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send through the client."""
        return self._client.send(request, stream=True, auth=None, follow_redirects=False)


class AsyncClientTransport(httpx.AsyncBaseTransport):
    """A caller's own ``httpx.AsyncClient`` as a transport."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send through the client."""
        return await self._client.send(request, stream=True, auth=None, follow_redirects=False)


def as_transport(given: httpx.BaseTransport | httpx.Client) -> httpx.BaseTransport:
    """A transport from a transport or a client."""
    return ClientTransport(given) if isinstance(given, httpx.Client) else given


def as_async_transport(given: httpx.AsyncBaseTransport | httpx.AsyncClient) -> httpx.AsyncBaseTransport:
    """An async transport from a transport or a client."""
    return AsyncClientTransport(given) if isinstance(given, httpx.AsyncClient) else given


def _pool(scheme: str) -> httpx.BaseTransport:
    return httpx.HTTPTransport(verify=_ssl_context(scheme), limits=_LIMITS, trust_env=False)


def _async_pool(scheme: str) -> httpx.AsyncBaseTransport:
    return httpx.AsyncHTTPTransport(verify=_ssl_context(scheme), limits=_LIMITS, trust_env=False)


def _proxy_configured(scheme: str) -> bool:
    proxies = urllib.request.getproxies()
    return scheme in proxies or "all" in proxies


def make_transport(scheme: str) -> httpx.BaseTransport:
    """A new transport for ``http`` or ``https``. With a proxy in the environment, ``httpx`` applies its own rules."""
    if _proxy_configured(scheme):
        return ClientTransport(httpx.Client(verify=_ssl_context(scheme), limits=_LIMITS))
    return SpreadTransport(functools.partial(_pool, scheme))


def make_async_transport(scheme: str) -> httpx.AsyncBaseTransport:
    """The same for an event loop."""
    if _proxy_configured(scheme):
        return AsyncClientTransport(httpx.AsyncClient(verify=_ssl_context(scheme), limits=_LIMITS))
    return AsyncSpreadTransport(functools.partial(_async_pool, scheme))


_shared: dict[str, httpx.BaseTransport] = {}
_shared_lock = threading.Lock()


def shared_transport(scheme: str) -> httpx.BaseTransport:
    """The process's synchronous transport for a scheme."""
    transport = _shared.get(scheme)
    if transport is None:
        with _shared_lock:
            transport = _shared.get(scheme)
            if transport is None:
                transport = _shared[scheme] = make_transport(scheme)
    return transport


def _close_shared() -> None:
    for transport in _shared.values():
        transport.close()
    _shared.clear()


def _forget_shared() -> None:
    # A child process must not talk over its parent's sockets.
    global _shared_lock
    _shared_lock = threading.Lock()
    _shared.clear()


atexit.register(_close_shared)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_shared)
