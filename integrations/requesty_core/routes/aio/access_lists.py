"""Access lists."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from requesty_core.routes.management import AccessList, read_access_list, read_access_lists, read_id, read_nothing
from requesty_core.routes.management_arguments import models_by_kind

from .manager import AsyncManager

__all__ = ["AsyncAccessLists"]


class AsyncAccessLists(AsyncManager):
    """``client.management.access_lists``."""

    async def list(self) -> builtins.list[AccessList]:
        """Every access list."""
        return await self._manage("GET", ("access-list",), read_access_lists)

    async def create(self, name: str, *, auto_approve: bool = False, **models: Sequence[str]) -> str:
        """Make an access list; ``models`` by kind: chat, embedding, image, transcription, speech. Returns its id."""
        body = {"name": name, "auto_approve": auto_approve, **models_by_kind(models)}
        return await self._manage("POST", ("access-list",), read_id("id"), body=body)

    async def get(self, list_id: str) -> AccessList:
        """One access list."""
        return await self._manage("GET", ("access-list", list_id), read_access_list)

    async def update(
        self, list_id: str, *, name: str | None = None, auto_approve: bool | None = None, **models: Sequence[str]
    ) -> None:
        """Change parts of an access list."""
        named = {"name": name, "auto_approve": auto_approve}
        body = {**{k: v for k, v in named.items() if v is not None}, **models_by_kind(models)}
        return await self._manage("PATCH", ("access-list", list_id), read_nothing, body=body)

    async def delete(self, list_id: str) -> None:
        """Delete an access list."""
        return await self._manage("DELETE", ("access-list", list_id), read_nothing)
