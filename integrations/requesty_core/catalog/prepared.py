"""When a request follows the rules of a model, and what is left of it; ``prepare`` has the rules."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, Literal, get_args

from requesty_core.errors import ConfigurationError
from requesty_core.values import Value

__all__ = ["Adapt", "Form", "LeftOut", "Prepared", "adapts", "check_adapt"]

Adapt = Literal["chain", "always", "never"]
"""When the fields that the caller set follow a model's rules: for the later models of a chain, always, or never."""

Form = Literal["chat", "messages", "responses"]
"""The format of a body: chat completions, Anthropic's Messages, or OpenAI's Responses."""


def check_adapt(value: object) -> Adapt:
    """The setting as given. Raises :class:`ConfigurationError` for anything but the three words."""
    for word in get_args(Adapt):
        if value == word:
            return word  # type: ignore[no-any-return]
    raise ConfigurationError(f"adapt: {value!r}; give 'chain', 'always' or 'never'")


def adapts(adapt: Adapt, step: int) -> bool:
    """Whether the caller's own fields follow the rules of the chain's model number ``step`` (from 0)."""
    return adapt == "always" or (adapt == "chain" and step > 0)


class LeftOut(Value, frozen=True):
    """A field that was not sent as the request had it, and why."""

    field: str
    reason: str


class Prepared(Value, frozen=True):
    """A request for one model. ``body`` is the one given where nothing had to change.

    ``learned`` are the refusals that were known when it was prepared.
    """

    body: Mapping[str, Any]
    left_out: tuple[LeftOut, ...] = ()
    learned: Set[str] = frozenset()
