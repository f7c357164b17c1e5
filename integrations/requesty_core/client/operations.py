"""For whoever runs a process that makes calls: what it does now, connections before the first call, an orderly end.

These speak of the process, not of one client: models and clients share connections, and frameworks make many of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from requesty_core.errors import ConfigurationError
from requesty_core.exchange.under_way import calls_under_way
from requesty_core.money.exact import total
from requesty_core.money.ledger import ledgers
from requesty_core.network.http import URL, Request, TransportError, transport_error
from requesty_core.network.loops import loop_transport
from requesty_core.network.settings import NetworkSettings
from requesty_core.network.shared import shared_transport
from requesty_core.retry.health import boards
from requesty_core.settings.checks import shown
from requesty_core.settings.config import check_count, check_seconds, gateway_url

__all__ = ["CallUnderWay", "ProcessSnapshot", "adrain", "awarm", "drain", "snapshot", "warm"]

_PAUSE = 0.01
_CONNECT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class CallUnderWay:
    """One call that has begun and not ended.

    Attributes:
        models: that are being asked, more than one while a call hedges; none while it waits before it asks again.
        attempt: the number of the newest attempt, from 1.
        seconds: since that attempt was sent.
        is_answering: whether its first token has come.
    """

    models: tuple[str, ...]
    attempt: int
    seconds: float
    is_answering: bool


@dataclass(frozen=True, slots=True)
class ProcessSnapshot:
    """What a process does at one moment. Holds no prompt, no answer and no key.

    Attributes:
        calls: under way, of every client and model of the process.
        cooling: seconds until a model that failed is asked again, on the board where that is longest.
        cost: USD in the ledgers that the process holds.
        unknown: attempts in them whose cost was not told.
    """

    calls: tuple[CallUnderWay, ...]
    cooling: Mapping[str, float]
    cost: Decimal
    unknown: int

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values, for a health route; the cost as text."""
        return {
            "calls": [
                {
                    "models": list(call.models),
                    "attempt": call.attempt,
                    "seconds": round(call.seconds, 3),
                    "is_answering": call.is_answering,
                }
                for call in self.calls
            ],
            "cooling": {model: round(seconds, 3) for model, seconds in self.cooling.items()},
            "cost": str(self.cost),
            "unknown": self.unknown,
        }


def snapshot() -> ProcessSnapshot:
    """What this process does now: calls under way, models that cool down, money spent."""
    calls = []
    for call in calls_under_way():
        live, now = call.live, call.clock()
        newest = max(live, key=lambda one: one.send.number, default=None)
        calls.append(
            CallUnderWay(
                models=tuple(one.model for one in live),
                attempt=len(call.attempts) if newest is None else newest.send.number,
                seconds=0.0 if newest is None else max(0.0, now - newest.started),
                is_answering=any(one.first_token is not None for one in live),
            )
        )
    cooling: dict[str, float] = {}
    for board in boards():
        for model, health in board.snapshot().items():
            if health.state == "open":
                cooling[model] = max(cooling.get(model, 0.0), health.seconds)
    totals = [ledger.total for ledger in ledgers()]
    return ProcessSnapshot(
        calls=tuple(calls),
        cooling=cooling,
        cost=total(one.cost for one in totals),
        unknown=sum(one.unknown for one in totals),
    )


def drain(timeout: float = 30.0) -> bool:
    """Wait until no call of this process is under way, before it ends; new ones are not refused.

    Streams that nobody reads count until they are closed. Returns whether all have ended within ``timeout`` seconds.
    Raises :class:`ConfigurationError` for a timeout that is no number of seconds.
    """
    end = _end(timeout)
    while calls_under_way():
        if time.monotonic() >= end:
            return False
        time.sleep(_PAUSE)
    return True


async def adrain(timeout: float = 30.0) -> bool:
    """Async :func:`drain`."""
    end = _end(timeout)
    while calls_under_way():
        if time.monotonic() >= end:
            return False
        await asyncio.sleep(_PAUSE)
    return True


def _end(timeout: float) -> float:
    check_seconds(timeout, "timeout", optional=False)
    return time.monotonic() + timeout


def warm(
    base_url: str | None = None, *, region: str | None = None, connections: int = 1, timeout: float = _CONNECT_SECONDS
) -> int:
    """Open connections to the gateway, so that the first calls need not: address, TCP, TLS. Nothing is sent.

    Args:
        base_url, region: of the gateway, as clients take them; by default from the environment, else the global one.
        connections: to be open and idle afterwards, for synchronous calls; :func:`awarm` is for the others.
        timeout: seconds for each.

    Returns how many were opened: none where a proxy is set, or ``httpx``'s own transport, which open theirs with the
    first request.

    Raises:
        ConnectionFailedError, RequestTimeoutError: the gateway cannot be reached.
        ConfigurationError: an unusable argument.
    """
    request, scheme = _opening(base_url, region, connections, timeout)
    transport: Any = shared_transport(scheme, NetworkSettings())
    try:
        return transport.warm(request, connections) if hasattr(transport, "warm") else 0
    except TransportError as error:
        raise transport_error(error, opened=False, model=None) from None


async def awarm(
    base_url: str | None = None,
    *,
    region: str | None = None,
    connections: int = 1,
    timeout: float = _CONNECT_SECONDS,
) -> int:
    """Async :func:`warm`, for the calls of the running event loop."""
    request, scheme = _opening(base_url, region, connections, timeout)
    transport: Any = await loop_transport(scheme, NetworkSettings())
    try:
        return await transport.warm(request, connections) if hasattr(transport, "warm") else 0
    except TransportError as error:
        raise transport_error(error, opened=False, model=None) from None


def _opening(base_url: str | None, region: str | None, connections: int, timeout: float) -> tuple[Request, str]:
    if check_count(connections, "connections") < 1:
        raise ConfigurationError(f"connections: {shown(connections)} is too small; give 1 or more")
    check_seconds(timeout, "timeout", optional=False)
    url = URL(gateway_url(base_url, region))
    return Request("GET", url, extensions={"timeout": {"connect": timeout, "pool": timeout}}), url.scheme
