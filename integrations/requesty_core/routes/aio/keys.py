"""API keys."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from requesty_core.routes.management import (
    ApiKeyInfo,
    NewApiKey,
    UsagePeriod,
    read_key,
    read_keys,
    read_new_key,
    read_nothing,
    read_usage,
)
from requesty_core.routes.management_arguments import Moment, Permission, Resolution, amount, moment, usage_query

from .manager import AsyncManager

__all__ = ["AsyncKeys"]


class AsyncKeys(AsyncManager):
    """``client.management.keys``."""

    async def list(self) -> builtins.list[ApiKeyInfo]:
        """Every key of the organisation."""
        return await self._manage("GET", ("apikey",), read_keys)

    async def create(
        self,
        name: str,
        *,
        monthly_limit: Decimal | float | str | None = None,
        permissions: Mapping[str, Permission] | None = None,
    ) -> NewApiKey:
        """Make a key. ``permissions`` maps ``manage`` and ``completions`` to none, read or write."""
        body: dict[str, Any] = {"name": name}
        if monthly_limit is not None:
            body["monthly_limit"] = str(amount(monthly_limit, "monthly_limit"))
        if permissions is not None:
            body["permissions"] = dict(permissions)
        return await self._manage("POST", ("apikey",), read_new_key, body=body)

    async def get(self, key_id: str = "self") -> ApiKeyInfo:
        """One key; ``self`` is the key in use."""
        return await self._manage("GET", ("apikey", key_id), read_key)

    async def delete(self, key_id: str) -> None:
        """Delete a key."""
        return await self._manage("DELETE", ("apikey", key_id), read_nothing)

    async def limit(self, key_id: str, monthly_limit: Decimal | float | str) -> None:
        """Set a key's monthly limit in USD; 0 removes it."""
        body = {"monthly_limit": str(amount(monthly_limit, "monthly_limit"))}
        return await self._manage("POST", ("apikey", key_id, "limit"), read_nothing, body=body)

    async def label(self, key_id: str, labels: Mapping[str, str]) -> None:
        """Replace all labels of a key."""
        body = {"labels": dict(labels)}
        return await self._manage("POST", ("apikey", key_id, "label"), read_nothing, body=body)

    async def expire(self, key_id: str, expires_at: Moment | None) -> None:
        """Set when a key expires, or ``None`` for never. An expired key cannot be revived (documented)."""
        body = {"expires_at": None if expires_at is None else moment(expires_at, "expires_at")}
        return await self._manage("POST", ("apikey", key_id, "expiry"), read_nothing, body=body)

    async def usage(
        self,
        key_id: str = "self",
        *,
        start: Moment,
        end: Moment | None = None,
        resolution: Resolution | None = None,
        group_by: Sequence[str] = (),
    ) -> builtins.list[UsagePeriod]:
        """Usage of a key from ``start`` to ``end`` (default: 24 hours), at most 100 days.

        ``group_by``: ``user_id``, ``model_requested``, ``model_used``, ``extra.FIELD``.
        """
        query = usage_query(start, end, resolution, group_by)
        return await self._manage("GET", ("apikey", key_id, "usage"), read_usage, query=query)
