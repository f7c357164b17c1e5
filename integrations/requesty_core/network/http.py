"""The only module that imports the HTTP library: its types under local names, and its errors as ours.

Everything else in the package speaks of requests, responses and transports through the names here, so that a move to
another library with ``httpx``'s interface is a change of this file.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import httpx

from requesty_core.errors import (
    ConfigurationError,
    ConnectionFailedError,
    MalformedResponseError,
    RequestTimeoutError,
    RequestyError,
    TruncatedStreamError,
)
from requesty_core.wire.json import encode_json

__all__ = [
    "FRAMING",
    "LIBRARY",
    "URL",
    "AsyncByteStream",
    "AsyncHTTPClient",
    "AsyncTransport",
    "Auth",
    "ByteStream",
    "ConnectError",
    "ConnectTimeout",
    "DecodingError",
    "FramesRequests",
    "HTTPClient",
    "HTTPError",
    "Headers",
    "Limits",
    "LocalProtocolError",
    "PoolTimeout",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "Reply",
    "Request",
    "Response",
    "SyncByteStream",
    "TimeoutConfig",
    "Transport",
    "TransportError",
    "WriteError",
    "WriteTimeout",
    "complete_request",
    "content_of",
    "create_ssl_context",
    "headers_of",
    "is_encoded",
    "library_error",
    "made_headers",
    "make_request",
    "multipart",
    "parsed_url",
    "timeouts_of",
    "transport_error",
]

LIBRARY: Any = httpx
Auth = httpx.Auth
Request = httpx.Request
Response = httpx.Response
Headers = httpx.Headers
URL = httpx.URL
Transport = httpx.BaseTransport
AsyncTransport = httpx.AsyncBaseTransport
HTTPClient = httpx.Client
HTTPError = httpx.HTTPError
AsyncHTTPClient = httpx.AsyncClient
SyncByteStream = httpx.SyncByteStream
AsyncByteStream = httpx.AsyncByteStream
ByteStream = httpx.ByteStream
TimeoutConfig = httpx.Timeout
ConnectError = httpx.ConnectError
ConnectTimeout = httpx.ConnectTimeout
PoolTimeout = httpx.PoolTimeout
DecodingError = httpx.DecodingError
LocalProtocolError = httpx.LocalProtocolError
ReadError = httpx.ReadError
WriteError = httpx.WriteError
WriteTimeout = httpx.WriteTimeout
Limits = httpx.Limits
create_ssl_context = httpx.create_ssl_context
ReadTimeout = httpx.ReadTimeout
RemoteProtocolError = httpx.RemoteProtocolError
TransportError = (
    *(httpx.HTTPError, httpx.StreamError, httpx.InvalidURL),
    *(ConnectionError, TimeoutError, EOFError, ssl.SSLError, socket.gaierror),
)
"""What a transport raises where a connection fails: the library's own, and what a caller's may let through."""


_UNSENT = (
    *(httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.WriteError, httpx.WriteTimeout),
    *(httpx.ProxyError, httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL),
)


def transport_error(exc: Exception, *, opened: bool, model: str | None, where: str | None = None) -> RequestyError:
    """The typed error for a failure of the HTTP library. ``opened`` tells whether response headers had arrived,
    ``where`` the scheme and host that were asked.

    Only the exception's own words are used: the request it may hold carries the key.
    """
    words = str(exc) or type(exc).__name__
    error: RequestyError
    if isinstance(exc, httpx.TimeoutException):
        what = {
            httpx.ConnectTimeout: "no connection within timeout.connect",
            httpx.ReadTimeout: "nothing arrived within timeout.read",
            httpx.WriteTimeout: "sending stalled longer than timeout.write",
            httpx.PoolTimeout: f"{words}; none was free within timeout.pool (see max_connections)",
        }.get(type(exc), words)
        error = RequestTimeoutError(f"timeout: {what}", requested_model=model)
    elif isinstance(exc, TimeoutError):
        error = RequestTimeoutError(f"timeout: {words}", requested_model=model)
    elif isinstance(exc, httpx.DecodingError):
        error = MalformedResponseError(f"the body cannot be read: {words}", requested_model=model)
        # It would be as long, or as broken, the next time.
        error.__dict__["is_retryable"] = False
    elif opened:
        error = TruncatedStreamError(
            f"the connection broke while the answer was arriving ({words})", requested_model=model
        )
    else:
        error = ConnectionFailedError(f"no answer from the gateway ({words}){_place(where)}", requested_model=model)
    # Until the request is out in full nobody works on it, so nobody bills it.
    error.was_sent = not isinstance(exc, _UNSENT)
    error.__cause__ = None
    return error


def _place(where: str | None) -> str:
    return "" if where is None else f"; check base_url ({where}), network and proxy"


FRAMING = frozenset(
    (
        *("host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection"),
        *("te", "trailer", "upgrade", "expect"),
    )
)
"""Headers that say how a message is framed and by whom it is received (RFC 9112, sections 3.2 and 6)."""


@lru_cache(maxsize=64)
def parsed_url(url: str) -> httpx.URL:
    """A URL below ``base_url``. Raises :class:`ConfigurationError` for one that the library could not send to."""
    try:
        parsed = httpx.URL(url)
        parsed.host  # noqa: B018 -- reading it decodes names such as "xn--…", which every request does
    except (httpx.InvalidURL, UnicodeError) as exc:
        raise ConfigurationError(f"base_url: names no usable host ({exc})") from None
    return parsed


_WITH_LENGTH = frozenset(("POST", "PUT", "PATCH"))


def made_headers(url: httpx.URL, headers: Mapping[str, str]) -> httpx.Headers:
    """Headers for requests to ``url``; those that would frame one, or send it elsewhere, are left out."""
    # Text and bytes side by side, which the library takes and does not say.
    lines: list[tuple[Any, Any]] = [
        ("Host", url.netloc),
        *(pair for pair in headers.items() if pair[0].lower() not in FRAMING),
    ]
    return httpx.Headers(lines)


def make_request(
    method: str, url: httpx.URL, headers: httpx.Headers, content: bytes, extensions: dict[str, Any]
) -> httpx.Request:
    """A request with a complete body, and a copy of ``headers``, which :func:`made_headers` made."""
    # Given as a stream, because httpx would look through the headers three more times for what is known here.
    return httpx.Request(method, url, headers=headers, stream=_Content(content), extensions=extensions)


class _Content(httpx.ByteStream):
    """A complete body."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


def content_of(request: httpx.Request) -> bytes | None:
    """The body of a request that :func:`make_request` made; ``None`` for any other, which is to be read."""
    stream = request.stream
    return stream.data if type(stream) is _Content else None


class FramesRequests:
    """A transport of ours: a request needs neither its length among the headers nor a body that was read."""


def complete_request(request: httpx.Request, transport: httpx.BaseTransport | httpx.AsyncBaseTransport) -> None:
    """What every other transport expects of a request: its length among the headers, and a body that was read."""
    if isinstance(transport, FramesRequests):
        return
    content = request.read()
    if content or request.method in _WITH_LENGTH:
        request.headers["Content-Length"] = str(len(content))


class Reply(httpx.Response):
    """A response of a transport of ours: ``httpx`` reads its headers when somebody asks for them."""

    def __init__(
        self,
        status: int,
        lines: list[tuple[bytes, bytes]],
        stream: httpx.SyncByteStream | httpx.AsyncByteStream,
        extensions: dict[str, Any],
    ) -> None:
        super().__init__(status, stream=stream, extensions=extensions)
        self.lines = lines
        """The headers as they came."""
        self._headers: httpx.Headers | None = None

    @property
    def headers(self) -> httpx.Headers:
        """The headers."""
        if self._headers is None:
            self._headers = httpx.Headers(self.lines)
        return self._headers

    @headers.setter
    def headers(self, headers: httpx.Headers) -> None:
        self._headers = headers


def timeouts_of(request: httpx.Request) -> dict[str, float | None]:
    """The limits of single waits that a request carries: ``connect``, ``read``, ``write``, ``pool``."""
    timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
    return timeouts


def headers_of(response: httpx.Response) -> dict[str, str]:
    """Response headers with lower-case names; of a repeated one the last counts."""
    return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in _lines(response)}


def _lines(response: httpx.Response) -> list[tuple[bytes, bytes]]:
    return response.lines if type(response) is Reply else response.headers.raw


def is_encoded(response: httpx.Response) -> bool:
    """Whether the body has a content encoding."""
    for name, _ in _lines(response):  # noqa: SIM110 -- a generator costs more than the few headers there are
        if name.lower() == b"content-encoding":
            return True
    return False


def multipart(fields: Mapping[str, Any], files: Mapping[str, Any]) -> tuple[bytes, str]:
    """Body and content type of a form with files; values that are no text are sent as JSON."""
    data = {k: v if isinstance(v, str) else encode_json(v).decode() for k, v in fields.items()}
    request = httpx.Request("POST", "http://form", data=data, files=files)
    return request.read(), request.headers["content-type"]


def library_error(exc: Any) -> httpx.HTTPError | httpx.StreamError:
    """An exception of ``httpx``, or of its continuation under another name, as ``httpx``'s own."""
    if isinstance(exc, (httpx.HTTPError, httpx.StreamError)):
        return exc
    own = getattr(httpx, type(exc).__name__, httpx.TransportError)
    if not (isinstance(own, type) and issubclass(own, httpx.RequestError)):
        own = httpx.TransportError
    return own(str(exc))
