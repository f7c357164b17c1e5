"""Routing policies as the gateway documents them: fallback, load balancing, latency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Literal

from requesty_emulator.errors import ConfigError

#: Statuses that end a model's retries at once (documented: auth and invalid-request errors skip ahead).
SKIP_STATUSES = frozenset({400, 401, 403, 404, 413, 422})
#: The chain is described as bounded near 15 seconds.
CHAIN_SECONDS = 15.0


@dataclass(slots=True, kw_only=True)
class Policy:
    """A routing policy, addressed as ``policy/NAME``.

    ``models`` in priority order; ``retries`` per model (0 to 10, one number or one per model);
    ``weights`` for load balancing; ``latency`` seconds per model for latency routing.
    """

    models: Sequence[str]
    kind: Literal["fallback", "load_balancing", "latency"] = "fallback"
    retries: int | Sequence[int] = 0
    weights: Mapping[str, float] = field(default_factory=dict)
    latency: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.models:
            raise ConfigError("a policy needs at least one model")
        if self.kind not in ("fallback", "load_balancing", "latency"):
            raise ConfigError(f"policy kind must be fallback, load_balancing or latency, not {self.kind!r}")
        if any(not 0 <= count <= 10 for count in self._retries()):
            raise ConfigError("policy retries must be between 0 and 10")
        if any(weight < 0 for weight in self.weights.values()):
            raise ConfigError("policy weights must not be negative")

    def _retries(self) -> list[int]:
        if isinstance(self.retries, int):
            return [self.retries] * len(self.models)
        return [*self.retries, *[0] * len(self.models)][: len(self.models)]

    def order(self, sticky: str) -> list[tuple[str, int]]:
        """``(model, retries)`` in the order the gateway tries them; ``sticky`` decides a balanced choice."""
        pairs = list(zip(self.models, self._retries(), strict=True))
        if self.kind == "latency":
            return sorted(pairs, key=lambda pair: self.latency.get(pair[0], 1.0))
        if self.kind == "load_balancing":
            chosen = self.choose(sticky)
            return [pair for pair in pairs if pair[0] == chosen][:1]
        return pairs

    def choose(self, sticky: str) -> str:
        """The load-balanced model: a deterministic hash of ``sticky`` on the normalised weights (documented)."""
        weights = [max(0.0, float(self.weights.get(model, 1.0))) for model in self.models]
        total = sum(weights)
        if total <= 0:
            return self.models[0]
        digest = blake2b(sticky.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        point = int.from_bytes(digest, "big") / 2**64 * total
        for model, weight in zip(self.models, weights, strict=True):
            if point < weight:
                return model
            point -= weight
        return self.models[-1]


def backoff(retries: int) -> Iterator[float]:
    """Seconds to wait before each try of one model: 0, then 0.5, 1, 2, 4 (documented, without the jitter)."""
    yield 0.0
    for attempt in range(retries):
        yield min(0.5 * 2**attempt, 4.0)
