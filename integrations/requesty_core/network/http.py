"""The only module that imports the HTTP library: its types under local names, and its errors as ours.

Everything else in the package speaks of requests, responses and transports through the names here, so that a move to
another library with ``httpx``'s interface is a change of this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from requesty_core.errors import (
    ConnectionFailedError,
    MalformedResponseError,
    RequestTimeoutError,
    RequestyError,
    TruncatedStreamError,
)
from requesty_core.wire.json import encode_json

__all__ = [
    "URL",
    "AsyncByteStream",
    "AsyncClientTransport",
    "AsyncHTTPClient",
    "AsyncTransport",
    "Auth",
    "ByteStream",
    "ClientTransport",
    "ConnectError",
    "ConnectTimeout",
    "HTTPClient",
    "Limits",
    "LocalProtocolError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "Request",
    "Response",
    "SyncByteStream",
    "TimeoutConfig",
    "Transport",
    "TransportError",
    "WriteError",
    "WriteTimeout",
    "as_async_transport",
    "as_transport",
    "create_ssl_context",
    "headers_of",
    "multipart",
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
SyncByteStream = httpx.SyncByteStream
AsyncByteStream = httpx.AsyncByteStream
ByteStream = httpx.ByteStream
TimeoutConfig = httpx.Timeout
ConnectError = httpx.ConnectError
ConnectTimeout = httpx.ConnectTimeout
LocalProtocolError = httpx.LocalProtocolError
ReadError = httpx.ReadError
WriteError = httpx.WriteError
WriteTimeout = httpx.WriteTimeout
Limits = httpx.Limits
create_ssl_context = httpx.create_ssl_context
ReadTimeout = httpx.ReadTimeout
RemoteProtocolError = httpx.RemoteProtocolError
TransportError = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)


_UNSENT = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.WriteError, httpx.WriteTimeout),
    *(httpx.ProxyError, httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL),
)


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
    # Until the request is out in full nobody works on it, so nobody bills it.
    error.was_sent = not isinstance(exc, _UNSENT)
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
