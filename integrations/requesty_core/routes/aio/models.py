"""The models routes."""

from __future__ import annotations

import builtins
from typing import Any

from requesty_core.catalog.cache import keep
from requesty_core.catalog.catalog import Catalog, ModelInfo, bundled
from requesty_core.errors import RequestyError
from requesty_core.routes.models import (
    TIME_TO_LIVE,
    KeptCatalog,
    fetched_catalog,
    no_managed,
    read_entries,
    read_model_list,
)
from requesty_core.routes.requests import route_request

from .resource import AsyncResource, AsyncRunner

__all__ = ["AsyncModels"]


class AsyncModels(AsyncResource):
    """``client.models``."""

    def __init__(self, client: AsyncRunner) -> None:
        super().__init__(client)
        self._kept = KeptCatalog()

    async def list(self, **options: Any) -> builtins.list[ModelInfo]:
        """Models the key may use, its policies included, in the gateway's (random) order.

        An unknown key may be shown the public catalogue instead of an error (seen on the wire): this is no check of a
        key. Raises :class:`RequestyError`.
        """
        url = f"{self._settings.config.base_url}/models"
        return await self._perform(route_request(self._settings, "GET", url, read_model_list, **options))

    async def managed(self, **options: Any) -> builtins.list[ModelInfo]:
        """Vendor-maintained ids without a provider (``claude-sonnet-4-5``). Raises :class:`RequestyError`."""
        url = f"{self._settings.config.base_url}/models/managed"
        return await self._perform(route_request(self._settings, "GET", url, read_model_list, **options))

    async def catalog(
        self, *, refresh: bool = False, offline: bool = False, time_to_live: float = TIME_TO_LIVE
    ) -> Catalog:
        """The catalogue, fetched at most once in ``time_to_live`` seconds.

        ``refresh`` fetches anew; ``offline`` never asks the gateway and uses the bundled snapshot. If the gateway
        cannot answer, the last catalogue or the snapshot is used and a warning is logged.
        """
        if offline:
            return bundled()
        kept = None if refresh else self._kept.fresh()
        if kept is not None:
            return kept
        try:
            return self._kept.keep(await self._fetch(), time_to_live)
        except RequestyError as error:
            return self._kept.fallback(error)

    async def refresh(self) -> Catalog:
        """Fetch the catalogue, and let windows, prices and ``require`` go by it from now on.

        It holds for every client and adapter of this gateway address in this process and, by a file in the user's cache
        folder (``REQUESTY_CACHE_DIR``), in others, for a day. The snapshot still tells of what the key may not use.
        ``skipped`` counts odd entries. Raises :class:`RequestyError` if the gateway cannot answer; nothing changes
        then.
        """
        catalog = await self._fetch()
        self._kept.keep(catalog, TIME_TO_LIVE)
        return keep(self._settings.config.base_url, catalog)

    async def _fetch(self) -> Catalog:
        base = self._settings.config.base_url
        models = await self._perform(route_request(self._settings, "GET", f"{base}/models", read_entries))
        try:
            managed = await self._perform(route_request(self._settings, "GET", f"{base}/models/managed", read_entries))
        except RequestyError as error:
            managed = no_managed(error)
        return fetched_catalog(managed, models)
