"""A relay as an ``httpx`` transport, for any program that takes an ``httpx`` client.

>>> client = httpx.Client(transport=RelayTransport(fallbacks=["anthropic/claude-sonnet-4-5"]))  # doctest: +SKIP
>>> openai.OpenAI(api_key="not used", base_url=..., http_client=client)  # doctest: +SKIP

Answers arrive as they were sent, HTTP errors as HTTP errors; what HTTP has no status for (a stream that breaks off, an
error under status 200) is raised as the ``httpx`` exception nearest to it, with the typed error in ``error``.
``response.extensions["requesty"]`` is the :class:`~requesty_core.relay.plan.Relayed` of the call.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping
from typing import Any

from requesty_core.client.client import AsyncRequestyClient, RequestyClient
from requesty_core.errors import ErrorKind, RequestyError
from requesty_core.exchange.stream import StreamExchange
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.network.http import (
    AsyncByteStream,
    AsyncHTTPClient,
    AsyncTransport,
    ByteStream,
    ConnectError,
    HTTPClient,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    Response,
    SyncByteStream,
    Transport,
)
from requesty_core.replies.received import ReceivedResponse
from requesty_core.wire.json import JSONDecodeError, decode_json

from .details import Relayed
from .incoming import Incoming
from .plan import RelayCall, plan
from .streams import StreamPart

__all__ = [
    "EXTENSION",
    "AsyncRelayTransport",
    "RelayConnectionError",
    "RelayProtocolError",
    "RelayResponse",
    "RelayTimeoutError",
    "RelayTransport",
    "relay_error",
]

EXTENSION = "requesty"
"""Key in ``response.extensions`` (the call's ``Relayed``) and in ``request.extensions`` (another core client)."""


class RelayTimeoutError(ReadTimeout):
    """A time limit passed; ``error`` is the typed error."""

    error: RequestyError


class RelayConnectionError(ConnectError):
    """No connection came about; ``error`` is the typed error."""

    error: RequestyError


class RelayProtocolError(RemoteProtocolError):
    """The answer is unusable or incomplete; ``error`` is the typed error."""

    error: RequestyError


_RAISED: Mapping[ErrorKind, type[RelayTimeoutError | RelayConnectionError | RelayProtocolError]] = {
    ErrorKind.TIMEOUT: RelayTimeoutError,
    ErrorKind.CONNECTION: RelayConnectionError,
}


def relay_error(error: RequestyError, request: Request) -> Exception:
    """The exception for a failure that has no HTTP status. Settings and budgets fail as what they are."""
    if error.kind in (ErrorKind.CONFIGURATION, ErrorKind.BUDGET):
        return error
    last = getattr(error, "errors", None) or (error,)
    raised = _RAISED.get(last[-1].kind, RelayProtocolError)(error.message, request=request)
    raised.error = error
    raised.__cause__ = error
    return raised


class RelayResponse(Response):
    """A response whose JSON was decoded on the way and is not decoded again."""

    def json(self, **kwargs: Any) -> Any:
        """The decoded body. Raises ``ValueError`` if it is not JSON."""
        if kwargs:
            return super().json(**kwargs)
        relayed = self.extensions.get(EXTENSION)
        data = relayed.data if isinstance(relayed, Relayed) else None
        if not isinstance(relayed, Relayed) or data is None:
            try:
                return decode_json(self.content)
            except JSONDecodeError:
                return super().json()
        # Handed out once: who changes it must not change what others read.
        relayed.data = None
        return data


def _incoming(request: Request, content: bytes) -> Incoming:
    return Incoming(
        request.method,
        request.url,
        [(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.headers.raw],
        content,
        request.extensions.get("timeout"),
    )


def _response(
    received: ReceivedResponse | Any,
    stream: SyncByteStream | AsyncByteStream,
    relayed: Relayed,
    status: int | None = None,
) -> Response:
    """A response in the other client's hands: the headers as sent, but for what no longer holds of the body."""
    headers = {k: v for k, v in received.headers.items() if k not in ("content-encoding", "transfer-encoding")}
    if isinstance(stream, ByteStream):
        headers["content-length"] = str(len(received.content))
    request_id = headers.get("x-requesty-request-id") or headers.get("fly-request-id")
    if request_id and "x-request-id" not in headers:
        # Clients of the OpenAI format look for the id there.
        headers["x-request-id"] = request_id
    return RelayResponse(
        received.status if status is None else status, headers=headers, stream=stream, extensions={EXTENSION: relayed}
    )


def _whole(relayed: Relayed) -> Response:
    assert relayed.received is not None
    return _response(relayed.received, ByteStream(relayed.received.content), relayed)


def _opened(call: RelayCall, stream: SyncByteStream | AsyncByteStream) -> Response:
    assert isinstance(call.exchange, StreamExchange)
    assert call.exchange.committed is not None
    received = call.exchange.committed.running.received
    response = _response(received, stream, call.relayed)
    if call.route.streams:
        response.headers["content-type"] = "text/event-stream"
        response.headers.pop("content-length", None)
    return response


def _failed(error: RequestyError, call: RelayCall, request: Request) -> Response:
    """The response that tells of a failure; raises where HTTP has no words for it."""
    got = error.response
    if got is None or got.status_code < 400:
        raise relay_error(error, request)
    call.relayed.error = error
    return _response(got, ByteStream(got.content), call.relayed, got.status_code)


class RelayTransport(Transport):
    """A synchronous transport that carries out every request as a core call. Thread-safe.

    Args:
        transport: what to send with, instead of the shared transport.
        client: a core client to use as it is.
        settings: arguments of :class:`RequestyClient`; the key of the request itself is not used.
    """

    def __init__(
        self,
        *,
        transport: Transport | HTTPClient | None = None,
        client: RequestyClient | None = None,
        **settings: Any,
    ) -> None:
        self._client = client or RequestyClient(transport=transport, **settings)

    def handle_request(self, request: Request) -> Response:
        """Returns the answer once it is certain to be one: complete, or at its first visible token.

        Raises an ``httpx`` exception with ``error``, or :class:`ConfigurationError` and
        :class:`BudgetExceededError` for what is not sent at all.
        """
        client: RequestyClient = request.extensions.get(EXTENSION) or self._client
        call = plan(client.settings, _incoming(request, request.read()))
        try:
            if isinstance(call.exchange, UnaryExchange):
                return _whole(client.run(call.exchange, call.route, call.options))
            parts = client.events(call.exchange, call.route, call.options)
            body = _Body(next(parts, None), parts, request)
            call.relayed.parts = body.parts() if call.route.streams else None
            return _opened(call, body)
        except RequestyError as error:
            return _failed(error, call, request)

    def close(self) -> None:
        """Close the transport that was given."""
        self._client.close()


class _Body(SyncByteStream):
    def __init__(self, first: StreamPart | None, rest: Generator[StreamPart], request: Request) -> None:
        self._first = first
        self._rest = rest
        self._request = request

    def parts(self) -> Iterator[StreamPart]:
        """The whole body; raises typed errors."""
        first, self._first = self._first, None
        if first is not None:
            yield first
        yield from self._rest

    def __iter__(self) -> Iterator[bytes]:
        try:
            for part in self.parts():
                if part.data:
                    yield part.data
        except RequestyError as error:
            raise relay_error(error, self._request) from error

    def close(self) -> None:
        self._rest.close()


class AsyncRelayTransport(AsyncTransport):
    """The same for ``httpx.AsyncClient``. Usable from one event loop after another."""

    def __init__(
        self,
        *,
        transport: AsyncTransport | AsyncHTTPClient | None = None,
        client: AsyncRequestyClient | None = None,
        **settings: Any,
    ) -> None:
        self._client = client or AsyncRequestyClient(transport=transport, **settings)

    async def handle_async_request(self, request: Request) -> Response:
        """As :meth:`RelayTransport.handle_request`."""
        client: AsyncRequestyClient = request.extensions.get(EXTENSION) or self._client
        call = plan(client.settings, _incoming(request, await request.aread()))
        try:
            if isinstance(call.exchange, UnaryExchange):
                return _whole(await client.run(call.exchange, call.route, call.options))
            parts = client.events(call.exchange, call.route, call.options)
            body = _AsyncBody(await anext(parts, None), parts, request)
            call.relayed.parts = body.parts() if call.route.streams else None
            return _opened(call, body)
        except RequestyError as error:
            return _failed(error, call, request)

    async def aclose(self) -> None:
        """Close the transport that was given."""
        await self._client.close()


class _AsyncBody(AsyncByteStream):
    def __init__(self, first: StreamPart | None, rest: AsyncGenerator[StreamPart], request: Request) -> None:
        self._first = first
        self._rest = rest
        self._request = request

    async def parts(self) -> AsyncIterator[StreamPart]:
        """The whole body; raises typed errors."""
        first, self._first = self._first, None
        if first is not None:
            yield first
        async for part in self._rest:
            yield part

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self.parts():
                if part.data:
                    yield part.data
        except RequestyError as error:
            raise relay_error(error, self._request) from error

    async def aclose(self) -> None:
        await self._rest.aclose()
