"""What groups of routes have in common."""

from __future__ import annotations

from typing import Protocol, TypeVar

from requesty_core.calls.route import CallOptions, Route
from requesty_core.calls.settings import ClientSettings
from requesty_core.errors import RequestyError
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.routes.requests import RouteRequest

__all__ = ["AsyncResource", "AsyncRunner"]

T = TypeVar("T")


class AsyncRunner(Protocol):
    """The client, as far as resources need it."""

    @property
    def settings(self) -> ClientSettings:
        """Its settings."""

    async def run(self, exchange: UnaryExchange[T], route: Route, options: CallOptions) -> T:
        """Perform a unary exchange."""


class AsyncResource:
    """A group of routes of the client."""

    def __init__(self, client: AsyncRunner) -> None:
        self._client = client
        self._settings = client.settings

    async def _perform(self, request: RouteRequest[T]) -> T:
        while True:
            try:
                return await self._client.run(request.exchange, request.route, request.options)
            except RequestyError as error:
                other = request.after(error)
                if other is None:
                    raise
                request = other
