"""The models routes: the key's own view, the managed ids, and both together as a catalogue with a time to live."""

from __future__ import annotations

import threading
import time

from requesty_core.catalog.catalog import Catalog, ModelInfo, bundled, read_models
from requesty_core.errors import MalformedResponseError, RequestyError
from requesty_core.replies.received import ReceivedResponse
from requesty_core.telemetry.events import logger

__all__ = ["TIME_TO_LIVE", "KeptCatalog", "no_managed", "read_model_list"]

TIME_TO_LIVE = 3600.0
"""Seconds for which a fetched catalogue is good."""


def read_model_list(received: ReceivedResponse) -> list[ModelInfo]:
    """The models of an answer of either route."""
    body = received.json()
    if not isinstance(body, dict) or not isinstance(body.get("data"), list):
        raise MalformedResponseError("the answer is JSON but not a list of models; check base_url")
    return read_models(body)


class KeptCatalog:
    """A catalogue and when it was fetched."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None
        self._until = 0.0

    def fresh(self) -> Catalog | None:
        """The catalogue, if its time has not passed."""
        with self._lock:
            return self._catalog if time.monotonic() < self._until else None

    def keep(self, models: list[ModelInfo], managed: list[ModelInfo], seconds: float) -> Catalog:
        """The catalogue of both lists, good for ``seconds`` from now."""
        catalog = Catalog([*managed, *models])
        with self._lock:
            self._catalog, self._until = catalog, time.monotonic() + seconds
        return catalog

    def fallback(self, error: RequestyError) -> Catalog:
        """What to answer with when the gateway cannot: the last catalogue, else the bundled snapshot."""
        logger.warning("models: using %s (%s)", "the last catalogue" if self._catalog else "the bundled one", error)
        return self._catalog or bundled()


def no_managed(error: RequestyError) -> list[ModelInfo]:
    """What stands for the managed models where the gateway does not list them."""
    logger.info("models: no managed models (%s)", error)
    return []
