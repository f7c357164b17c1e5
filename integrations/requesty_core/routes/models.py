"""The models routes: the key's own view, the managed ids, and both together as a catalogue with a time to live."""

from __future__ import annotations

import threading
import time
from typing import Any

from requesty_core.calls.settings import ClientSettings
from requesty_core.catalog.catalog import Catalog, ModelInfo, bundled, read_models
from requesty_core.errors import MalformedResponseError, RequestyError
from requesty_core.replies.received import ReceivedResponse
from requesty_core.telemetry.events import logger

from .call import ApiCall, AsyncEndpoint, AsyncResource, AsyncRunner, Resource, SyncEndpoint, SyncRunner, api_call

__all__ = ["AsyncModels", "Models"]

TIME_TO_LIVE = 3600.0


def _read(received: ReceivedResponse) -> list[ModelInfo]:
    body = received.json()
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise MalformedResponseError("the answer is JSON but not a list of models; check base_url")
    return read_models(body)


def _list(settings: ClientSettings, /, **options: Any) -> ApiCall[list[ModelInfo]]:
    """Models the key may use, its policies included, in the gateway's (random) order.

    An unknown key may be shown the public catalogue instead of an error (seen on the wire): this is no check of a key.
    Raises :class:`RequestyError`.
    """
    return api_call(settings, "GET", f"{settings.config.base_url}/models", _read, **options)


def _managed(settings: ClientSettings, /, **options: Any) -> ApiCall[list[ModelInfo]]:
    """Vendor-maintained ids without a provider (``claude-sonnet-4-5``). Raises :class:`RequestyError`."""
    return api_call(settings, "GET", f"{settings.config.base_url}/models/managed", _read, **options)


class _Kept:
    """A catalogue and when it was fetched."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._catalog: Catalog | None = None
        self._until = 0.0

    def fresh(self) -> Catalog | None:
        with self.lock:
            return self._catalog if time.monotonic() < self._until else None

    def keep(self, catalog: Catalog, seconds: float) -> Catalog:
        with self.lock:
            self._catalog, self._until = catalog, time.monotonic() + seconds
        return catalog

    def fallback(self, error: RequestyError) -> Catalog:
        """What to answer with when the gateway cannot: the last catalogue, else the bundled snapshot."""
        logger.warning("models: using %s (%s)", "the last catalogue" if self._catalog else "the bundled one", error)
        return self._catalog or bundled()


def _joined(models: list[ModelInfo], managed: list[ModelInfo]) -> Catalog:
    return Catalog([*managed, *models])


def _no_managed(error: RequestyError) -> list[ModelInfo]:
    logger.info("models: no managed models (%s)", error)
    return []


class Models(Resource):
    """``client.models``."""

    list = SyncEndpoint(_list)
    managed = SyncEndpoint(_managed)

    def __init__(self, client: SyncRunner) -> None:
        super().__init__(client)
        self._kept = _Kept()

    def catalog(self, *, refresh: bool = False, offline: bool = False, time_to_live: float = TIME_TO_LIVE) -> Catalog:
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
            models = self.list()
        except RequestyError as error:
            return self._kept.fallback(error)
        try:
            managed = self.managed()
        except RequestyError as error:
            managed = _no_managed(error)
        return self._kept.keep(_joined(models, managed), time_to_live)


class AsyncModels(AsyncResource):
    """``client.models`` of the asynchronous client."""

    list = AsyncEndpoint(_list)
    managed = AsyncEndpoint(_managed)

    def __init__(self, client: AsyncRunner) -> None:
        super().__init__(client)
        self._kept = _Kept()

    async def catalog(
        self, *, refresh: bool = False, offline: bool = False, time_to_live: float = TIME_TO_LIVE
    ) -> Catalog:
        """As :meth:`Models.catalog`."""
        if offline:
            return bundled()
        kept = None if refresh else self._kept.fresh()
        if kept is not None:
            return kept
        try:
            models = await self.list()
        except RequestyError as error:
            return self._kept.fallback(error)
        try:
            managed = await self.managed()
        except RequestyError as error:
            managed = _no_managed(error)
        return self._kept.keep(_joined(models, managed), time_to_live)
