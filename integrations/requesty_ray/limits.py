"""The actor that holds the limit which the workers of a cluster share."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import ray

from requesty_core.bulk.cluster import ClusterLimit

__all__ = ["cluster_limit"]


def cluster_limit(address: str, model: str, most: int) -> Any:
    """The actor that holds the limit of a model at an address in this cluster; made if there is none."""

    class Limit:
        def __init__(self) -> None:
            self._limit = ClusterLimit(most)

        def report(self, worker: str, under_way: int, refusals: int, hold: float) -> tuple[int, float]:
            share = self._limit.report(worker, under_way, refusals, hold, time.monotonic())
            return share.most, share.hold

    name = hashlib.sha256(f"{address} {model}".encode()).hexdigest()[:16]
    options = {"name": f"requesty-limit-{name}", "get_if_exists": True, "num_cpus": 0}
    return ray.remote(Limit).options(**options).remote()
