"""Clients and transports of the caller's own as transports of ours: ``httpx``'s and ``httpx2``'s, sync and async.

A client is used as a client: its headers, params, cookies, authentication, proxies, mounts and event hooks apply, and
so do its timeouts where the caller chose them. ``httpx2`` continues ``httpx`` under another name, so its classes are
spoken to with requests and responses of its own; it is never imported, an object of it shows that it is there.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from types import ModuleType
from typing import Any

from msgspec.structs import replace

from requesty_core.errors import ConfigurationError
from requesty_core.settings.config import USER_AGENT, Timeouts

from .bounded import within
from .http import (
    FRAMING,
    LIBRARY,
    AsyncByteStream,
    AsyncTransport,
    Request,
    Response,
    SyncByteStream,
    Transport,
    library_error,
)
from .settings import DEFAULT_NETWORK, NetworkSettings, check_library

__all__ = ["as_async_transport", "as_transport"]

_DEFAULTS = Timeouts()
_CONNECTION = frozenset(("host", "connection", "keep-alive", "proxy-connection"))


def as_transport(given: Any, network: NetworkSettings = DEFAULT_NETWORK, setting: str = "transport") -> Transport:
    """A synchronous transport from a transport, a client, or the name of a library to send with.

    Raises :class:`ConfigurationError` for anything else, and for one that carries asynchronous calls only.
    """
    if isinstance(given, str):
        return _NamedTransport(replace(network, library=check_library(given, setting)))
    library = _library_of(given)
    if library is not None:
        if isinstance(given, library.Client):
            return ClientTransport(given, library)
        if isinstance(given, library.BaseTransport):
            if library is not LIBRARY:
                return _ForeignTransport(given, library)
            return given if getattr(given, "keeps_deadlines", False) else _PlainTransport(given)
    raise _wrong_kind(given, setting, "sync", "httpx.Client or httpx.BaseTransport")


def as_async_transport(
    given: Any, network: NetworkSettings = DEFAULT_NETWORK, setting: str = "transport"
) -> AsyncTransport:
    """The same for asynchronous calls."""
    if isinstance(given, str):
        return _AsyncNamedTransport(replace(network, library=check_library(given, setting)))
    library = _library_of(given)
    if library is not None:
        if isinstance(given, library.AsyncClient):
            return AsyncClientTransport(given, library)
        if isinstance(given, library.AsyncBaseTransport):
            return given if library is LIBRARY else _AsyncForeignTransport(given, library)
    raise _wrong_kind(given, setting, "async", "httpx.AsyncClient or httpx.AsyncBaseTransport")


def _library_of(given: Any) -> Any:
    """The library whose client or transport this is, sync or async."""
    second: ModuleType | None = sys.modules.get("httpx2")
    for library in (LIBRARY, second):
        if library is not None and isinstance(
            given, (library.Client, library.AsyncClient, library.BaseTransport, library.AsyncBaseTransport)
        ):
            return library
    return None


def _wrong_kind(given: Any, setting: str, mode: str, wanted: str) -> ConfigurationError:
    kind = given.__name__ + " itself" if isinstance(given, type) else f"a {type(given).__name__}"
    if kind[2] in "AEIOUaeiou" and kind.startswith("a "):
        kind = f"an {kind[2:]}"
    return ConfigurationError(f"{setting}: {kind} cannot carry {mode} calls; give {wanted}, or 'httpx'")


def _timeouts(request: Request, client: Any, library: Any) -> dict[str, float | None]:
    """The limits of a request sent through a client.

    A limit that the caller chose for the client stands in for our default, and shortens what was chosen here. A client
    that was made without timeouts has the library's default of 5 seconds, which nobody chose.
    """
    ours: dict[str, float | None] = request.extensions.get("timeout", {})
    if client.timeout == library.Timeout(5.0):
        return ours
    theirs: dict[str, float | None] = client.timeout.as_dict()
    joined = dict(ours)
    for name, limit in theirs.items():
        own = ours.get(name)
        if own is None or own == getattr(_DEFAULTS, name):
            joined[name] = limit
        elif limit is not None:
            joined[name] = min(own, limit)
    return joined


def _headers(request: Request, client: Any) -> list[tuple[bytes, bytes]]:
    """The request's headers; the name of the client's program, where the caller gave it one, instead of ours."""
    theirs, ours = (headers.get("user-agent", "") for headers in (client.headers, request.headers))
    is_chosen = theirs and not theirs.startswith("python-httpx")
    if not (is_chosen and ours == USER_AGENT):
        return request.headers.raw
    return [(name, value) for name, value in request.headers.raw if name.lower() != b"user-agent"]


def _through(client: Any, library: Any, request: Request) -> tuple[Any, dict[str, Any]]:
    """The request as the client would have built it, and the arguments to send it with."""
    if client.is_closed:
        raise ConfigurationError("transport: the HTTP client that was given is closed; keep it open while it is used")
    timeouts = _timeouts(request, client, library)
    if "timeout" in request.extensions:
        request.extensions["timeout"] = timeouts
    built = client.build_request(
        request.method,
        str(request.url),
        headers=_headers(request, client),
        content=request.content or None,
        extensions={**request.extensions, "timeout": timeouts},
    )
    _frame(built, len(request.content))
    options: dict[str, Any] = {"stream": True, "follow_redirects": False}
    if client.auth is None:
        options["auth"] = None
    return built, options


def _frame(built: Any, length: int) -> None:
    """Take back what headers of the client say of the request's framing; how its connection is used is its own."""
    for name in FRAMING & built.headers.keys():
        if name not in _CONNECTION:
            del built.headers[name]
    if length:
        built.headers["content-length"] = str(length)


class ClientTransport(Transport):
    """A caller's own ``Client``."""

    keeps_deadlines = True

    def __init__(self, client: Any, library: Any = LIBRARY) -> None:
        self._client = client
        self._library = library

    def handle_request(self, request: Request) -> Response:
        """Send through the client."""
        request.read()
        built, options = _through(self._client, self._library, request)
        try:
            response = within(request.extensions, lambda: self._client.send(built, **options))
        except self._library.HTTPStatusError as exc:
            return _judged(exc.response)
        except _failures(self._library) as exc:
            raise library_error(exc) from exc
        return response if self._library is LIBRARY else _response(response, _Stream(response, self._library))

    def close(self) -> None:
        """The client is its owner's to close."""


class AsyncClientTransport(AsyncTransport):
    """A caller's own ``AsyncClient``."""

    def __init__(self, client: Any, library: Any = LIBRARY) -> None:
        self._client = client
        self._library = library

    async def handle_async_request(self, request: Request) -> Response:
        """Send through the client."""
        await request.aread()
        built, options = _through(self._client, self._library, request)
        try:
            response = await self._client.send(built, **options)
        except self._library.HTTPStatusError as exc:
            return _judged(exc.response)
        except _failures(self._library) as exc:
            raise library_error(exc) from exc
        return response if self._library is LIBRARY else _response(response, _AsyncStream(response, self._library))

    async def aclose(self) -> None:
        """The client is its owner's to close."""


class _NamedTransport(Transport):
    """The process's transport of the library that was named."""

    keeps_deadlines = True

    def __init__(self, network: NetworkSettings) -> None:
        self._network = network

    def handle_request(self, request: Request) -> Response:
        from .shared import shared_transport

        return shared_transport(request.url.scheme, self._network).handle_request(request)


class _AsyncNamedTransport(AsyncTransport):
    """The running loop's transport of the library that was named."""

    def __init__(self, network: NetworkSettings) -> None:
        self._network = network

    async def handle_async_request(self, request: Request) -> Response:
        from .loops import loop_transport

        transport = await loop_transport(request.url.scheme, self._network)
        return await transport.handle_async_request(request)


def _foreign_request(library: Any, request: Request) -> Any:
    return library.Request(
        request.method,
        str(request.url),
        headers=request.headers.raw,
        content=request.content,
        extensions=request.extensions,
    )


class _ForeignTransport(Transport):
    """A transport of the other library."""

    keeps_deadlines = True

    def __init__(self, transport: Any, library: Any) -> None:
        self._transport = transport
        self._library = library

    def handle_request(self, request: Request) -> Response:
        request.read()
        try:
            foreign = _foreign_request(self._library, request)
            response = within(request.extensions, lambda: self._transport.handle_request(foreign))
        except _failures(self._library) as exc:
            raise library_error(exc) from exc
        return _response(response, _Stream(response, self._library))

    def close(self) -> None:
        self._transport.close()


class _PlainTransport(Transport):
    """A transport of the caller's own, which knows no deadlines."""

    keeps_deadlines = True

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def handle_request(self, request: Request) -> Response:
        return within(request.extensions, lambda: self._transport.handle_request(request))

    def close(self) -> None:
        self._transport.close()


class _AsyncForeignTransport(AsyncTransport):
    """The same for asynchronous calls."""

    def __init__(self, transport: Any, library: Any) -> None:
        self._transport = transport
        self._library = library

    async def handle_async_request(self, request: Request) -> Response:
        await request.aread()
        try:
            response = await self._transport.handle_async_request(_foreign_request(self._library, request))
        except _failures(self._library) as exc:
            raise library_error(exc) from exc
        return _response(response, _AsyncStream(response, self._library))

    async def aclose(self) -> None:
        await self._transport.aclose()


def _failures(library: Any) -> tuple[type[Exception], ...]:
    return (library.HTTPError, library.StreamError, library.InvalidURL)


def _judged(response: Any) -> Response:
    """What a hook of the caller's refused, usually with ``raise_for_status``: the status says more than the hook."""
    read = response.is_stream_consumed
    return Response(response.status_code, headers=_decoded_headers(response), content=response.content if read else b"")


def _decoded_headers(response: Any) -> list[tuple[bytes, bytes]]:
    framing = (b"content-encoding", b"content-length", b"transfer-encoding")
    return [(k, v) for k, v in response.headers.raw if k.lower() not in framing]


def _response(response: Any, stream: SyncByteStream | AsyncByteStream) -> Response:
    # A hook that has read the body has decoded it.
    headers = _decoded_headers(response) if response.is_stream_consumed else response.headers.raw
    return Response(response.status_code, headers=headers, stream=stream, extensions=response.extensions)


class _Stream(SyncByteStream):
    def __init__(self, response: Any, library: Any) -> None:
        self._response = response
        self._library = library

    def __iter__(self) -> Iterator[bytes]:
        if self._response.is_stream_consumed:
            yield self._response.content
            return
        try:
            yield from self._response.iter_raw()
        except (self._library.HTTPError, self._library.StreamError) as exc:
            raise library_error(exc) from exc

    def close(self) -> None:
        self._response.close()


class _AsyncStream(AsyncByteStream):
    def __init__(self, response: Any, library: Any) -> None:
        self._response = response
        self._library = library

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._response.is_stream_consumed:
            yield self._response.content
            return
        try:
            async for piece in self._response.aiter_raw():
                yield piece
        except (self._library.HTTPError, self._library.StreamError) as exc:
            raise library_error(exc) from exc

    async def aclose(self) -> None:
        await self._response.aclose()
