"""One limit for all workers that ask one model: what the provider refuses one of them, all of them hear of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["ClusterLimit", "Share", "cluster_limit"]

_ALIVE = 5.0
"""Seconds after which a worker that does not report is gone."""
_ROUND = 1.0
"""Seconds in which refusals count once."""
_GROWTH = 1.1
"""Growth of the limit in each second without a refusal."""


@dataclass(frozen=True, slots=True)
class Share:
    """What a worker may do: so many requests at a time, and none for so many seconds."""

    most: int
    hold: float


class ClusterLimit:
    """The limit, without IO: times are seconds of one clock.

    Args:
        most: requests at a time of each worker.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._workers: dict[str, tuple[float, int]] = {}
        self._limit = math.inf
        self._until = -math.inf
        self._halved = -math.inf
        self._grown = -math.inf

    def report(self, worker: str, under_way: int, refusals: int, hold: float, now: float) -> Share:
        """The share of a worker, which has so many requests under way, and had so many refused since it last told.

        ``hold`` is for how many seconds it was told to wait.
        """
        self._workers[worker] = (now, under_way)
        for name in [name for name, (seen, _) in self._workers.items() if now - seen > _ALIVE]:
            del self._workers[name]
        self._until = max(self._until, now + hold)
        if refusals and now - self._halved >= _ROUND:
            self._limit = max(1.0, sum(count for _, count in self._workers.values()) / 2)
            self._halved = self._grown = now
        elif now - self._grown >= _ROUND and math.isfinite(self._limit):
            self._limit = max(self._limit * _GROWTH, self._limit + 1)
            self._grown = now
        if self._limit >= self._most * len(self._workers):
            self._limit = math.inf
        share = self._most if math.isinf(self._limit) else int(self._limit / len(self._workers))
        return Share(max(1, min(share, self._most)), max(0.0, self._until - now))


def cluster_limit(address: str, model: str, most: int) -> Any:
    """The actor that holds the limit of a model at an address in this cluster; made if there is none."""
    import hashlib
    import time

    import ray

    class Limit:
        def __init__(self) -> None:
            self._limit = ClusterLimit(most)

        def report(self, worker: str, under_way: int, refusals: int, hold: float) -> tuple[int, float]:
            share = self._limit.report(worker, under_way, refusals, hold, time.monotonic())
            return share.most, share.hold

    name = hashlib.sha256(f"{address} {model}".encode()).hexdigest()[:16]
    options = {"name": f"requesty-limit-{name}", "get_if_exists": True, "num_cpus": 0}
    return ray.remote(Limit).options(**options).remote()
