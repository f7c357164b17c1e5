"""How models have been doing lately: healthy, cooling down, or ready to be probed."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from requesty_core.errors import RequestyError
from requesty_core.lifetime import renewed_after_fork

from .policy import FallbackPolicy

__all__ = ["HealthBoard"]


@dataclass(slots=True)
class _Health:
    failures: int = 0
    open_until: float = 0.0
    probing: bool = False


class HealthBoard:
    """Recent failures per model, shared by all calls of one client. Thread-safe."""

    def __init__(self) -> None:
        # A signal handler may end a call in the thread that holds it.
        self._lock = threading.RLock()
        self._models: dict[str, _Health] = {}
        renewed_after_fork(self)

    def _after_fork(self) -> None:
        # Whoever probes, probes for the parent.
        self._lock = threading.RLock()
        for health in self._models.values():
            health.probing = False

    def state(self, model: str, now: float) -> str:
        """``closed``, ``open`` or ``half_open``."""
        with self._lock:
            health = self._models.get(model)
            if health is None or health.open_until == 0.0:
                return "closed"
            return "open" if now < health.open_until or health.probing else "half_open"

    def admit(self, model: str, now: float) -> bool:
        """Whether a call with an alternative may use the model now; the one that may probe it is noted."""
        if not self._models:
            return True
        with self._lock:
            health = self._models.get(model)
            if health is None or health.open_until == 0.0:
                return True
            if now < health.open_until or health.probing:
                return False
            health.probing = True
            return True

    def failed(self, model: str, now: float, policy: FallbackPolicy, error: RequestyError) -> None:
        """Note a failure; enough of them in a row open the model's circuit."""
        with self._lock:
            health = self._models.setdefault(model, _Health())
            health.failures += 1
            health.probing = False
            if policy.cooldown and health.failures >= policy.cooldown_after:
                asked = min(error.retry_after or 0.0, policy.retry.max_retry_after)
                health.open_until = now + max(policy.cooldown, asked)

    def succeeded(self, model: str) -> None:
        """Note a success: the model is healthy again."""
        if self._models:
            with self._lock:
                self._models.pop(model, None)

    def released(self, model: str) -> None:
        """A probe ended without a verdict (cancelled): let another call try."""
        if self._models:
            with self._lock:
                health = self._models.get(model)
                if health is not None:
                    health.probing = False

    def __deepcopy__(self, memo: dict[int, Any]) -> HealthBoard:
        return self

    def __reduce__(self) -> tuple[type[HealthBoard], tuple[()]]:
        return HealthBoard, ()
