"""What adapters share: a sync and an async client over one set of settings, error recasting, and common metadata."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from requesty_core.calls.settings import ClientSettings
from requesty_core.client import AsyncRequestyClient, RequestyClient
from requesty_core.errors import ErrorKind, RequestyError, recast
from requesty_core.network.http import AsyncHTTPClient, AsyncTransport, HTTPClient, Transport

from .metadata import reply_metadata

__all__ = ["ClientPair", "raising_as", "reply_metadata"]


class ClientPair:
    """Both clients of an adapter object. Copies share settings, health, ledger and budget; pickles lack the key.

    Args:
        transport, async_transport: passed to the clients; ``None`` uses the shared ones.
        settings: arguments of :class:`RequestyClient`.
    """

    def __init__(
        self,
        *,
        transport: Transport | HTTPClient | None = None,
        async_transport: AsyncTransport | AsyncHTTPClient | None = None,
        **settings: Any,
    ) -> None:
        shared = ClientSettings.build(**settings)
        self.settings = shared
        self.sync = RequestyClient(settings=shared, transport=transport)
        self.aio = AsyncRequestyClient(settings=shared, transport=async_transport)

    def close(self) -> None:
        """Close the sync transport, if one was given."""
        self.sync.close()

    async def aclose(self) -> None:
        """Close both transports, if they were given."""
        self.sync.close()
        await self.aio.close()


@contextmanager
def raising_as(classes: Mapping[ErrorKind, type[RequestyError]]) -> Generator[None]:
    """Within the block, errors of the core leave as the adapter's class for their kind, every detail kept."""
    try:
        yield
    except RequestyError as error:
        cls = classes.get(error.kind)
        if cls is None or isinstance(error, cls):
            raise
        raise recast(error, cls) from error.__cause__
