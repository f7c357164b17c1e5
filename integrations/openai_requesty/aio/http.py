"""The HTTP client that the SDK sends with: the relay, without what only a client of the network needs."""

from __future__ import annotations

from datetime import timedelta
from time import perf_counter
from typing import Any

from requesty_core.relay import AsyncHTTPClient, AsyncRelayTransport, Request, Response

__all__ = ["AsyncRelayHTTPClient"]

_send = AsyncHTTPClient.send


class AsyncRelayHTTPClient(AsyncHTTPClient):
    """An ``httpx`` client above the relay, which decides about authentication and redirects itself.

    With hooks, for streams, and where a tool has replaced ``httpx``'s own ``send``, requests take ``httpx``'s way.
    """

    def __init__(self, relay: AsyncRelayTransport) -> None:
        super().__init__(transport=relay, trust_env=False)
        self._relay = relay

    async def send(self, request: Request, *, stream: bool = False, **how: Any) -> Response:
        """As ``httpx``'s."""
        if stream or self.is_closed or any(self.event_hooks.values()) or how.get("auth") is not None:
            return await super().send(request, stream=stream, **how)
        if AsyncHTTPClient.send is not _send:
            return await super().send(request, **how)
        began = perf_counter()
        response = await self._relay.handle_async_request(request)
        response.request = request
        try:
            await response.aread()
        except BaseException:
            await response.aclose()
            raise
        response.elapsed = timedelta(seconds=perf_counter() - began)
        if "set-cookie" in response.headers:
            self.cookies.extract_cookies(response)
        return response
