"""The worker: an actor that holds one client and its connections, and settles the rows of the batches it is given."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow

from requesty_core.bulk.items import BulkItem
from requesty_core.bulk.plan import Plan, chat_plan, embed_plan
from requesty_core.bulk.rows import Row
from requesty_core.bulk.shards import Shards
from requesty_core.bulk.table import columns_of
from requesty_core.lifetime import start_thread

__all__ = ["BulkWorker"]

_REPORT = 0.25
"""Seconds between two reports to the limit that the workers share."""

_log = logging.getLogger("requesty_ray")

_FORMS = {
    "answer": pyarrow.string(),
    "finish_reason": pyarrow.string(),
    "error": pyarrow.string(),
    "error_class": pyarrow.string(),
    "served_model": pyarrow.string(),
    "input_tokens": pyarrow.int64(),
    "output_tokens": pyarrow.int64(),
    "cost": pyarrow.float64(),
    "resumed": pyarrow.bool_(),
    "vector": pyarrow.list_(pyarrow.float32()),
}


class BulkWorker:
    """A callable class for ``map_batches`` with ``batch_format="pyarrow"``.

    Args:
        kind: ``chat`` or ``embed``.
        arguments: of the plan; a client among them has left its key behind, and takes that of the worker's environment.
        folder: of the checkpoint, if there is one.
        limit: the actor that holds the limit of all workers; ``None`` for a worker on its own.
    """

    def __init__(self, kind: str, arguments: Mapping[str, Any], folder: Path | None, limit: Any = None) -> None:
        self._plan: Plan = (chat_plan if kind == "chat" else embed_plan)(**arguments)
        # Held, so that the limit is what it was from one batch to the next.
        self._limiter = self._plan.limiter
        self._kept = None if folder is None else Shards(folder, self._plan.name)
        self._limit = limit
        self._name = uuid.uuid4().hex
        self._loop = asyncio.new_event_loop()
        # One batch at a time: the checkpoint's view is brought up to date before each.
        self._turn = threading.Lock()
        start_thread(self._loop.run_forever, name="requesty-bulk", serves_all=True)
        if limit is not None:
            asyncio.run_coroutine_threadsafe(self._share(), self._loop)

    def __call__(self, batch: pyarrow.Table) -> pyarrow.Table:
        """The batch with the columns of its answers; what ends the run is raised."""
        with self._turn:
            if self._kept is not None:
                self._kept.refresh()
            rows = batch.to_pylist()
            items = asyncio.run_coroutine_threadsafe(self._settle(rows), self._loop).result()
        kind = self._plan.job.kind
        added = [columns_of(item, kind) for item in items]
        for name in added[0] if added else ():
            column = pyarrow.array([row[name] for row in added], _FORMS[name])
            batch = batch.append_column(name, column)
        return batch

    async def _settle(self, rows: list[Any]) -> list[BulkItem]:
        engine = self._plan.engine(_numbered(rows), None if self._kept is None else _Lent(self._kept))
        items: list[BulkItem] = []
        while some := await engine.some():
            items += some
        return items

    async def _share(self) -> None:
        """Tell the shared limit how it goes here, and do as it says."""
        told = 0
        while True:
            refusals, now = self._limiter.refusals, time.monotonic()
            report = self._limit.report.remote(
                self._name, self._limiter.under_way, refusals - told, self._limiter.held_back(now)
            )
            told = refusals
            try:
                self._limiter.cap, hold = await asyncio.wrap_future(report.future())
            except Exception as error:  # noqa: BLE001 -- whatever Ray raises where the actor is gone
                _log.warning("the workers' shared limit is gone (%s); this worker keeps its own", type(error).__name__)
                self._limiter.cap = None
                return
            if hold:
                self._limiter.hold(time.monotonic() + hold)
            await asyncio.sleep(_REPORT)


class _Lent:
    """The worker's checkpoint for one batch, whose end does not close it."""

    def __init__(self, kept: Shards) -> None:
        self.begin, self.find, self.add = kept.begin, kept.find, kept.add

    def close(self) -> None:
        """It stays open for the next batch."""


async def _numbered(rows: list[Any]) -> AsyncIterator[Row]:
    for position, value in enumerate(rows):
        yield Row(position, value)
