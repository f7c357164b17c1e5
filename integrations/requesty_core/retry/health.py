"""How models have been doing lately: healthy, cooling down, or ready to be probed."""

from __future__ import annotations

import threading
import time
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from requesty_core.errors import RequestyError
from requesty_core.lifetime import renewed_after_fork
from requesty_core.values import Value

if TYPE_CHECKING:
    from .policy import FallbackPolicy

__all__ = ["HealthBoard", "ModelHealth", "boards"]

_MOST_MODELS = 1024
"""Models that a board remembers: those that failed last."""

_boards: weakref.WeakSet[HealthBoard] = weakref.WeakSet()


def boards() -> tuple[HealthBoard, ...]:
    """Every board of this process that is in use."""
    return tuple(_boards)


class _Health(msgspec.Struct):
    failures: int = 0
    open_until: float = 0.0
    probing: bool = False


class ModelHealth(Value, frozen=True):
    """How one model does.

    Attributes:
        failures: in a row.
        state: ``closed`` (it is asked), ``open`` (it is passed over) or ``half_open`` (the next call may try it).
        seconds: until it may be tried again; 0 unless ``state`` is ``open``.
    """

    failures: int
    state: Literal["closed", "open", "half_open"]
    seconds: float


class HealthBoard:
    """Recent failures per model, of the 1,024 models that failed last. Thread-safe.

    A client has one for its calls. Give one to several, ``FallbackPolicy(health=board)``, where models are made for a
    single request, or where clients should learn from each other: what one saw fail, the others pass over. It belongs
    to the process: it is not saved or pickled with the policy, and a copy of a policy shares it.
    """

    def __init__(self) -> None:
        # A signal handler may end a call in the thread that holds it.
        self._lock = threading.RLock()
        self._models: OrderedDict[str, _Health] = OrderedDict()
        _boards.add(self)
        renewed_after_fork(self)

    def _after_fork(self) -> None:
        # Whoever probes, probes for the parent.
        self._lock = threading.RLock()
        for health in self._models.values():
            health.probing = False

    def state(self, model: str, now: float) -> Literal["closed", "open", "half_open"]:
        """``closed``, ``open`` or ``half_open``."""
        with self._lock:
            return _state(self._models.get(model), now)

    def snapshot(self) -> dict[str, ModelHealth]:
        """The models that failed lately."""
        now = time.monotonic()
        with self._lock:
            return {
                model: ModelHealth(health.failures, _state(health, now), max(0.0, health.open_until - now))
                for model, health in self._models.items()
            }

    def clear(self) -> None:
        """Forget every failure, as after an outage that is known to be over."""
        with self._lock:
            self._models.clear()

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
            self._models.move_to_end(model)
            if len(self._models) > _MOST_MODELS:
                self._models.popitem(last=False)
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


def _state(health: _Health | None, now: float) -> Literal["closed", "open", "half_open"]:
    if health is None or health.open_until == 0.0:
        return "closed"
    return "open" if now < health.open_until or health.probing else "half_open"
