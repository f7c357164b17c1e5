"""A sync and an async client over one set of settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from requesty_core.calls.settings import ClientSettings
from requesty_core.client import AsyncRequestyClient, RequestyClient
from requesty_core.network.callers import as_async_transport, as_transport
from requesty_core.network.http import AsyncHTTPClient, AsyncTransport, HTTPClient, Transport

__all__ = ["ClientPair"]


class ClientPair:
    """Both clients of an adapter object. Copies share settings, health, ledger and budget; pickles lack the key.

    Args:
        transport, async_transport: passed to the clients; ``None`` uses the shared ones.
        names: what the adapter calls these two.
        framework: the adapter's name in ledgers.
        built: settings that were checked before, instead of ``settings``.
        settings: arguments of :class:`RequestyClient`.
    """

    def __init__(
        self,
        *,
        transport: Transport | HTTPClient | None = None,
        async_transport: AsyncTransport | AsyncHTTPClient | None = None,
        names: tuple[str, str] = ("transport", "async_transport"),
        built: ClientSettings | None = None,
        framework: str = "core",
        **settings: Any,
    ) -> None:
        shared = replace(ClientSettings.build(**settings) if built is None else built, framework=framework)
        self.settings = shared
        network = shared.network
        sync = None if transport is None else as_transport(transport, network, names[0])
        aio = None if async_transport is None else as_async_transport(async_transport, network, names[1])
        self.sync = RequestyClient(settings=shared, transport=sync)
        self.aio = AsyncRequestyClient(settings=shared, transport=aio)

    def close(self) -> None:
        """Close the sync transport, if one was given."""
        self.sync.close()

    async def aclose(self) -> None:
        """Close both transports, if they were given."""
        self.sync.close()
        await self.aio.close()
