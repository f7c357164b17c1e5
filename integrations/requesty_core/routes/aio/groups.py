"""Groups of members."""

from __future__ import annotations

import builtins
from decimal import Decimal
from typing import Any

from requesty_core.routes.management import Group, read_group, read_groups, read_id, read_nothing
from requesty_core.routes.management_arguments import Role, amount

from .manager import AsyncManager

__all__ = ["AsyncGroups"]


class AsyncGroups(AsyncManager):
    """``client.management.groups``."""

    async def list(self) -> builtins.list[Group]:
        """Every group, without members."""
        return await self._manage("GET", ("group",), read_groups)

    async def create(self, name: str, *, monthly_limit: Decimal | float | str | None = None) -> str:
        """Make a group; returns its id."""
        body: dict[str, Any] = {"name": name}
        if monthly_limit is not None:
            body["monthly_limit"] = float(amount(monthly_limit, "monthly_limit"))
        return await self._manage("POST", ("group",), read_id("group_id"), body=body)

    async def get(self, group_id: str) -> Group:
        """One group with its members."""
        return await self._manage("GET", ("group", group_id), read_group)

    async def delete(self, group_id: str) -> None:
        """Delete a group."""
        return await self._manage("DELETE", ("group", group_id), read_nothing)

    async def add_member(self, group_id: str, user_id: str, role: Role = "member") -> None:
        """Put a member into a group."""
        body = {"user_id": user_id, "role": role}
        return await self._manage("POST", ("group", group_id, "member"), read_nothing, body=body)

    async def remove_member(self, group_id: str, user_id: str) -> None:
        """Take a member out of a group."""
        return await self._manage("DELETE", ("group", group_id, "member"), read_nothing, body={"user_id": user_id})

    async def set_role(self, group_id: str, user_id: str, role: Role) -> None:
        """Change a member's role. Sources differ on the path; the second is tried where the first does not exist."""
        members = ("group", group_id, "member")
        body = {"user_id": user_id, "role": role}
        first = self._management_request("PUT", (*members, user_id, "role"), read_nothing, body={"role": role})
        second = self._management_request("PUT", members, read_nothing, body=body)
        return await self._perform(first.or_else(second))
