"""The management API (documented as an enterprise feature; the key needs the ``manage`` permission)."""

from __future__ import annotations

from collections.abc import Sequence

from requesty_core.routes.management import (
    Member,
    Organization,
    UsagePeriod,
    read_members,
    read_nothing,
    read_organization,
    read_usage,
)
from requesty_core.routes.management_arguments import Moment, Resolution, usage_query
from requesty_core.routes.requests import route_request

from .access_lists import AsyncAccessLists
from .groups import AsyncGroups
from .keys import AsyncKeys
from .manager import AsyncManager
from .resource import AsyncRunner

__all__ = ["AsyncManagement"]


class AsyncManagement(AsyncManager):
    """``client.management``."""

    def __init__(self, client: AsyncRunner) -> None:
        super().__init__(client)
        self.keys = AsyncKeys(client)
        self.groups = AsyncGroups(client)
        self.access_lists = AsyncAccessLists(client)

    async def organization(self) -> Organization:
        """The key's organisation."""
        return await self._manage("GET", ("org",), read_organization)

    async def usage(
        self,
        *,
        start: Moment,
        end: Moment | None = None,
        resolution: Resolution | None = None,
        group_by: Sequence[str] = (),
    ) -> list[UsagePeriod]:
        """Usage of the organisation; more ``group_by`` names than a key has: ``group_name``, ``api_key_id``, …"""
        query = usage_query(start, end, resolution, group_by)
        return await self._manage("GET", ("org", "usage"), read_usage, query=query)

    async def members(self) -> list[Member]:
        """Members of the organisation."""
        return await self._manage("GET", ("org", "member"), read_members)

    async def set_access_list(self, access_list_id: str | None) -> None:
        """Set the organisation's access list, or ``None`` for none."""
        body = {"access_list_id": access_list_id}
        return await self._manage("POST", ("org", "group", "access-list"), read_nothing, body=body)

    async def check_auth(self) -> None:
        """Check the key without cost.

        Raises ``AuthenticationError`` or ``PermissionDeniedError`` if it is not valid.
        """
        url = f"{self._settings.config.management_url}/v1/auth/check"
        return await self._perform(route_request(self._settings, "GET", url, read_nothing))
