"""Sending through ``httpx``'s own client: where a proxy is set, or the caller asked for it. Loaded for that alone."""

from __future__ import annotations

from .aio import LoopTransport
from .callers import AsyncClientTransport, ClientTransport
from .http import AsyncTransport, HTTPError, Request, Response, Transport
from .pool import origin_of
from .proxies import BlockingTunnel, LoopTunnel, is_excluded
from .settings import NetworkSettings

__all__ = ["AsyncByHost", "AsyncOwnClient", "ByHost", "OwnClient"]


class OwnClient(ClientTransport):
    """A client of the library that belongs to its transport, also through a proxy."""

    def handle_request(self, request: Request) -> Response:
        """Send one request; raises the library's own exceptions."""
        tunnel = BlockingTunnel(request)
        request.extensions["trace"] = tunnel.hear
        try:
            return super().handle_request(request)
        except HTTPError as exc:
            raise tunnel.failure(exc) from exc

    def close(self) -> None:
        """Close every connection."""
        self._client.close()


class AsyncOwnClient(AsyncClientTransport):
    """The same on an event loop."""

    async def handle_async_request(self, request: Request) -> Response:
        """Send one request; raises the library's own exceptions."""
        tunnel = LoopTunnel(request)
        request.extensions["trace"] = tunnel.hear
        try:
            async with tunnel.timeout:
                try:
                    return await super().handle_async_request(request)
                except HTTPError as exc:
                    raise tunnel.failure(exc) from exc
        except TimeoutError as exc:
            raise tunnel.failure(exc) from exc

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()


def _goes_directly(request: Request, network: NetworkSettings) -> bool:
    """Whether the environment's proxy is not for this host; one that was set in code is for every host."""
    _, host, port = origin_of(request)
    return network.proxy is None and is_excluded(host, port)


class ByHost(Transport):
    """Through a proxy, except to hosts that the environment excludes."""

    keeps_deadlines = True

    def __init__(self, direct: Transport, proxied: Transport, network: NetworkSettings) -> None:
        self._direct = direct
        self._proxied = proxied
        self._network = network

    def handle_request(self, request: Request) -> Response:
        """Send one request; raises the library's own exceptions."""
        transport = self._direct if _goes_directly(request, self._network) else self._proxied
        return transport.handle_request(request)

    def close(self) -> None:
        """Close every connection."""
        self._direct.close()
        self._proxied.close()


class AsyncByHost(AsyncTransport):
    """The same on an event loop."""

    def __init__(self, direct: AsyncTransport, proxied: AsyncTransport, network: NetworkSettings) -> None:
        self._direct = direct
        self._proxied = proxied
        self._network = network

    async def handle_async_request(self, request: Request) -> Response:
        """Send one request; raises the library's own exceptions."""
        transport = self._direct if _goes_directly(request, self._network) else self._proxied
        return await transport.handle_async_request(request)

    def abandon(self) -> None:
        """The loop is closed: close the connections that can be closed without it."""
        if isinstance(self._direct, LoopTransport):
            self._direct.abandon()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._direct.aclose()
        await self._proxied.aclose()
