"""OpenTelemetry metrics of calls: duration, time to the first chunk, tokens and cost.

Names, units and buckets are those of the GenAI semantic conventions; the cost, which has none there yet, is our own.
Tokens and cost are counted for every attempt that told of them, also where the call went on or failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from requesty_core._version import __version__
from requesty_core.money.usage import Usage

__all__ = ["Metrics"]

_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_CHUNK_SECONDS = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
_TOKENS = tuple(4**power for power in range(14))
_DOLLARS = tuple(10.0**power for power in range(-7, 2))


class Metrics:
    """The instruments of one meter provider."""

    def __init__(self, meter: Any) -> None:
        self._duration = _histogram(meter, "gen_ai.client.operation.duration", "s", "Duration of a call.", _SECONDS)
        self._first = _histogram(
            meter,
            "gen_ai.client.operation.time_to_first_chunk",
            "s",
            "Time from the call to the first visible chunk of its stream.",
            _CHUNK_SECONDS,
        )
        self._tokens = _histogram(meter, "gen_ai.client.token.usage", "{token}", "Tokens used.", _TOKENS)
        self._cost = _histogram(meter, "requesty.client.operation.cost", "USD", "Billed cost.", _DOLLARS)

    @classmethod
    def of(cls, provider: Any) -> Metrics:
        """The instruments of a provider; the same ones as long as it is the same one."""
        global _latest
        known, made = _latest or (None, None)
        if made is None or known is not provider:
            made = cls(provider.get_meter("requesty", __version__))
            # Not every provider can be hashed, and a process has one.
            _latest = provider, made
        return made

    def used(self, attributes: Mapping[str, Any], usage: Usage) -> None:
        """What an attempt used."""
        self._tokens.record(usage.input_tokens, {**attributes, "gen_ai.token.type": "input"})
        if usage.output_tokens:
            self._tokens.record(usage.output_tokens, {**attributes, "gen_ai.token.type": "output"})
        if usage.cost is not None:
            self._cost.record(float(usage.cost), dict(attributes))

    def ended(self, attributes: Mapping[str, Any], seconds: float, first_chunk: float | None) -> None:
        """A call is over."""
        self._duration.record(seconds, dict(attributes))
        if first_chunk is not None:
            self._first.record(first_chunk, dict(attributes))


_latest: tuple[Any, Metrics] | None = None


def _histogram(meter: Any, name: str, unit: str, description: str, buckets: Sequence[float]) -> Any:
    try:
        return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=buckets)
    except TypeError:
        # Releases before the advice existed.
        return meter.create_histogram(name, unit, description)
