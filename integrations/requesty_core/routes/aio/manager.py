"""What groups of management routes have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from requesty_core.replies.received import ReceivedResponse
from requesty_core.routes.management_arguments import management_url
from requesty_core.routes.requests import RouteRequest, route_request

from .resource import AsyncResource

__all__ = ["AsyncManager"]

T = TypeVar("T")


class AsyncManager(AsyncResource):
    """A group of management routes."""

    async def _manage(
        self,
        method: str,
        path: tuple[str, ...],
        read: Callable[[ReceivedResponse], T],
        *,
        body: Mapping[str, Any] | None = None,
        query: Iterable[tuple[str, str]] = (),
    ) -> T:
        return await self._perform(self._management_request(method, path, read, body=body, query=query))

    def _management_request(
        self,
        method: str,
        path: tuple[str, ...],
        read: Callable[[ReceivedResponse], T],
        *,
        body: Mapping[str, Any] | None = None,
        query: Iterable[tuple[str, str]] = (),
    ) -> RouteRequest[T]:
        url = management_url(self._settings, *path)
        return route_request(self._settings, method, url, read, body=body, query=query)
