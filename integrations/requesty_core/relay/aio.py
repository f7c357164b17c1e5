"""The relay as an asynchronous ``httpx`` transport, for any program that takes an ``httpx`` client.

>>> transport = AsyncRelayTransport(fallbacks=["anthropic/claude-sonnet-4-5"])  # doctest: +SKIP
>>> client = httpx.AsyncClient(transport=transport)  # doctest: +SKIP
>>> openai.AsyncOpenAI(api_key="not used", base_url=..., http_client=client)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

from requesty_core.client.aio.client import AsyncRequestyClient
from requesty_core.errors import RequestyError
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.network.http import AsyncByteStream, AsyncHTTPClient, AsyncTransport, Request, Response

from .http import EXTENSION, failed_response, opened_response, read_request, relay_error, whole_response
from .plan import plan
from .streams import StreamPart

__all__ = ["AsyncRelayTransport"]


class AsyncRelayTransport(AsyncTransport):
    """An asynchronous transport that performs every request as a core call. Usable from one event loop after another.

    Args:
        transport: what to send with, instead of the shared transport.
        client: a core client to use as it is.
        settings: arguments of :class:`AsyncRequestyClient`; the key of the request itself is not used.
    """

    def __init__(
        self,
        *,
        transport: AsyncTransport | AsyncHTTPClient | None = None,
        client: AsyncRequestyClient | None = None,
        **settings: Any,
    ) -> None:
        self._client = client or AsyncRequestyClient(transport=transport, **settings)

    async def handle_async_request(self, request: Request) -> Response:
        """Returns the answer once it is certain to be one: complete, or at its first visible token.

        Raises an ``httpx`` exception with ``error``, or :class:`ConfigurationError` and
        :class:`BudgetExceededError` for what is not sent at all.
        """
        client: AsyncRequestyClient = request.extensions.get(EXTENSION) or self._client
        planned = plan(client.settings, read_request(request, await request.aread()))
        try:
            if isinstance(planned.exchange, UnaryExchange):
                return whole_response(await client.run(planned.exchange, planned.route, planned.options))
            parts, close = client.start(planned.exchange, planned.route, planned.options)
            body = _AsyncBody(await anext(parts, None), parts, close, request)
            planned.relayed.parts = body.parts() if planned.route.streams else None
            return opened_response(planned, body)
        except RequestyError as error:
            return failed_response(error, planned, request)

    async def aclose(self) -> None:
        """Close the transport that was given."""
        await self._client.close()


class _AsyncBody(AsyncByteStream):
    def __init__(
        self,
        first: StreamPart | None,
        rest: AsyncGenerator[StreamPart],
        close: Callable[[], Awaitable[None]],
        request: Request,
    ) -> None:
        self._first = first
        self._rest = rest
        self._close = close
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
        await self._close()
