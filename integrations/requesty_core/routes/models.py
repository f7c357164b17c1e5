"""The models routes: the key's own view, the managed ids, and both together as a catalogue with a time to live."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from typing import Any

from requesty_core.catalog.catalog import Catalog, ModelInfo, bundled, read_models
from requesty_core.errors import MalformedResponseError, RequestyError
from requesty_core.lifetime import renewed_after_fork
from requesty_core.replies.received import ReceivedResponse
from requesty_core.telemetry.log import logger
from requesty_core.telemetry.words import described

__all__ = ["TIME_TO_LIVE", "KeptCatalog", "fetched_catalog", "no_managed", "read_entries", "read_model_list"]

TIME_TO_LIVE = 3600.0
"""Seconds for which a fetched catalogue is good."""


def read_entries(received: ReceivedResponse) -> list[Any]:
    """The entries of an answer of either route, as received."""
    body = received.json()
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise MalformedResponseError("the answer is JSON but not a list of models; check base_url")
    entries: list[Any] = body["data"]
    return entries


def read_model_list(received: ReceivedResponse) -> list[ModelInfo]:
    """The models of an answer of either route; what is no entry is passed over."""
    return read_models({"data": read_entries(received)})


def fetched_catalog(managed: list[Any], models: list[Any]) -> Catalog:
    """The catalogue of the entries of both routes, as of now."""
    return Catalog.from_entries([*managed, *models], as_of=datetime.now(UTC).isoformat(timespec="seconds"))


class KeptCatalog:
    """A catalogue and when it was fetched."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None
        self._until = 0.0
        renewed_after_fork(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()

    def fresh(self) -> Catalog | None:
        """The catalogue, if its time has not passed."""
        with self._lock:
            return self._catalog if time.monotonic() < self._until else None

    def keep(self, catalog: Catalog, seconds: float) -> Catalog:
        """The catalogue, good for ``seconds`` from now."""
        with self._lock:
            self._catalog, self._until = catalog, time.monotonic() + seconds
        return catalog

    def fallback(self, error: RequestyError) -> Catalog:
        """What to answer with when the gateway cannot: the last catalogue, else the bundled snapshot."""
        logger.warning(
            "models: using %s (%s)", "the last catalogue" if self._catalog else "the bundled one", described(error)
        )
        return self._catalog or bundled()


def no_managed(error: RequestyError) -> list[Any]:
    """What stands for the managed models where the gateway does not list them."""
    logger.info("models: no managed models (%s)", described(error))
    return []
