"""The members of a chain: a model, and what is different for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from requesty_core.catalog.model_id import check_model
from requesty_core.errors import ConfigurationError
from requesty_core.settings.checks import shown
from requesty_core.settings.config import check_count, check_seconds

__all__ = ["Step", "plain_step", "steps_from"]


@dataclass(frozen=True, slots=True)
class Step:
    """One model of a chain.

    Attributes:
        model: any model id, ``policy/NAME`` included; sent untouched.
        retries: further attempts on this model; ``None`` means 0 in a chain and ``max_retries`` for a single model.
        timeout: seconds for one whole attempt.
        first_token_timeout: seconds until the first text, reasoning or tool call of a stream.
    """

    model: str
    retries: int | None = None
    timeout: float | None = None
    first_token_timeout: float | None = None

    def __post_init__(self) -> None:
        check_model(self.model, "fallbacks")
        if self.retries is not None:
            check_count(self.retries, "fallbacks.retries")
        check_seconds(self.timeout, "fallbacks.timeout")
        check_seconds(self.first_token_timeout, "fallbacks.first_token_timeout")


@lru_cache(maxsize=512)
def plain_step(model: str) -> Step:
    """The step of a model id without settings of its own. Raises :class:`ConfigurationError` if it is empty."""
    return Step(check_model(model))


def steps_from(models: Iterable[str | Step | dict[str, Any]]) -> tuple[Step, ...]:
    """Typed steps from strings, mappings or steps. Raises :class:`ConfigurationError` naming what is wrong."""
    if isinstance(models, (str, Step, dict)):
        raise ConfigurationError("fallbacks: give a list of models, not a single one")
    if not isinstance(models, Iterable) or isinstance(models, (bytes, AbstractSet, Mapping)):
        # A set has no order, which is what a chain is about.
        raise ConfigurationError(f"fallbacks: {shown(models)} is not a list of models")
    steps = []
    for model in models:
        if isinstance(model, Step):
            steps.append(model)
        elif isinstance(model, dict):
            try:
                steps.append(Step(**model))
            except TypeError:
                keys = ", ".join(map(str, model))
                raise ConfigurationError(
                    f"fallbacks: {{{keys}}} is not a step; use model, retries, timeout, first_token_timeout"
                ) from None
        else:
            steps.append(Step(model))
    return tuple(steps)
