"""Requests that measure: how long the gateway takes to answer, and what its clock says."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from requesty_core import RequestyError
from requesty_core.network.http import URL, Request, TransportError, transport_error
from requesty_core.network.shared import shared_transport
from requesty_core.settings.config import USER_AGENT, Timeouts

__all__ = ["Probe", "Sample", "clock_skew", "probe"]

PATH = "/models/managed"
"""A public route with a small body; any status measures as well."""
SLOWEST = 10.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One request: seconds from sending to the end of the answer, its status, and the ``Date`` of its header."""

    seconds: float
    status: int
    date: str | None
    received: float
    """When it had arrived, in seconds of the local clock since 1970."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What several requests over one connection measured. The first one, which connected, is kept apart."""

    first: Sample
    others: Sequence[Sample]

    @property
    def shortest(self) -> float:
        """Seconds of the quickest request."""
        return min(s.seconds for s in self.others)

    @property
    def median(self) -> float:
        """Seconds of the middle one."""
        return statistics.median(s.seconds for s in self.others)


def probe(base_url: str, requests: int = 5) -> Probe:
    """Measure the gateway with ``requests`` requests after a first one, none with a key. Raises ``RequestyError``."""
    first = _measure(base_url)
    return Probe(first, [_measure(base_url) for _ in range(requests)])


def _measure(base_url: str) -> Sample:
    url = URL(base_url + PATH)
    timeouts = Timeouts.coerce(SLOWEST)
    request = Request(
        "GET",
        url,
        headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
        extensions={
            "timeout": {"connect": timeouts.connect, "read": timeouts.read, "write": timeouts.write, "pool": None}
        },
    )
    started = time.perf_counter()
    try:
        response = shared_transport(url.scheme).handle_request(request)
        try:
            response.read()
        finally:
            response.close()
    except TransportError as error:
        raise _failure(error) from None
    return Sample(time.perf_counter() - started, response.status_code, response.headers.get("date"), time.time())


def _failure(error: Exception) -> RequestyError:
    return transport_error(error, opened=False, model=None)


def clock_skew(sample: Sample) -> float | None:
    """Seconds the local clock is ahead of the gateway's; ``None`` if its answer tells no usable date.

    The header has whole seconds and was made some time during the request, so a second or so means nothing.
    """
    if sample.date is None:
        return None
    try:
        told = parsedate_to_datetime(sample.date)
    except ValueError:
        return None
    if told.tzinfo is None:
        told = told.replace(tzinfo=UTC)
    halfway = datetime.fromtimestamp(sample.received - sample.seconds / 2, tz=UTC)
    # The header was cut to its second: half of one is the best guess of what is missing.
    return (halfway - told).total_seconds() - 0.5
