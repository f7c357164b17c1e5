"""The gateway behind every route: settings, state, queues of faults and scripted answers, and the request log."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import islice
from typing import Any

from requesty_emulator.errors import GatewayError
from requesty_emulator.gateway.faults import FaultQueue
from requesty_emulator.gateway.feed import Feed
from requesty_emulator.gateway.records import RecordedRequest
from requesty_emulator.gateway.scripted import ScriptQueue
from requesty_emulator.gateway.settings import Settings
from requesty_emulator.gateway.state import State

logger = logging.getLogger("requesty_emulator")


class Core:
    """Shared by all routes of one emulator."""

    def __init__(
        self,
        settings: Settings,
        seed: int = 0,
        api_key: str | None = None,
        on_request: Callable[[RecordedRequest], None] | None = None,
    ) -> None:
        self.settings = settings
        self.state = State(settings, seed, api_key)
        self.faults = FaultQueue()
        self.scripts = ScriptQueue()
        self.requests: list[RecordedRequest] = []
        self.forgotten = 0
        self._kept_bytes = 0
        self.feed = Feed()
        self.on_request = on_request
        self.streams = 0
        self.open_requests = 0
        self.idle = threading.Condition()

    def clear(self) -> None:
        """Forget requests, faults, scripted answers and what was billed."""
        with self.idle:
            for record in self.requests:
                record.counted = 0
            self.requests.clear()
            self.forgotten = self._kept_bytes = 0
        self.faults.clear()
        self.scripts.clear()
        self.state.clear_ledger()
        self.feed.cleared()

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """A request, from its head to the end of its answer."""
        with self.idle:
            self.open_requests += 1
        try:
            yield
        finally:
            with self.idle:
                self.open_requests -= 1
                self.idle.notify_all()

    def opened(self, record: RecordedRequest) -> None:
        """A request arrived."""
        with self.idle:
            self.requests.append(record)
            record.counted = record.size
            self._kept_bytes += record.counted
            self._forget()
        self.feed.changed(record)

    def sent(self, record: RecordedRequest, piece: bytes) -> None:
        """A piece of the answer went out."""
        record.sent.add(time.time(), piece, self.settings.keep_answers)
        self.feed.changed(record)

    def _forget(self) -> None:
        """Drop the oldest requests beyond the stated number and size; the newest always stays."""
        number, size = self.settings.keep_requests, self.settings.keep_bytes
        drop, left = 0, self._kept_bytes
        for record in islice(self.requests, max(len(self.requests) - 1, 0)):
            over = number is not None and len(self.requests) - drop > number
            if not over and (size is None or left <= size):
                break
            left -= record.counted
            record.counted = 0
            drop += 1
        if drop:
            del self.requests[:drop]
            self._kept_bytes, self.forgotten = left, self.forgotten + drop

    def closed(self, record: RecordedRequest) -> None:
        """A request is over, however it ended."""
        record.finished = time.time()
        with self.idle:
            if record.counted:
                grown = record.size - record.counted
                record.counted += grown
                self._kept_bytes += grown
                self._forget()
        self.feed.changed(record)
        if self.on_request is not None:
            try:
                self.on_request(record)
            except Exception:
                logger.exception("the on_request callback failed")

    def retry_headers(self, error: GatewayError) -> None:
        """Add the configured ``Retry-After`` to a 429 or 503 that has none."""
        value = self.settings.retry_after
        if value is not None and error.status in (429, 503):
            error.headers.setdefault("retry-after", str(value))

    def spend(self, group_by: str) -> dict[str, Decimal]:
        """Billed USD by group."""
        return self.state.accounts.spend(group_by)


def usage_tokens(usage: dict[str, Any]) -> tuple[int, int]:
    """Input and output tokens of a served usage object, whichever route's words it uses."""
    return (
        int(usage.get("prompt_tokens") or usage.get("input_tokens") or 0),
        int(usage.get("completion_tokens") or usage.get("output_tokens") or 0),
    )
