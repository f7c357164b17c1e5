"""Events about the attempts of a call, for the caller's own hook."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from requesty_core.replies.attempts import Attempt

__all__ = ["AttemptFinished", "AttemptStarted", "CallCommitted", "CallEvent", "FellBack", "Observer"]


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A request is about to be sent."""

    model: str
    number: int


@dataclass(frozen=True, slots=True)
class AttemptFinished:
    """An attempt ended, well or not."""

    attempt: Attempt


@dataclass(frozen=True, slots=True)
class FellBack:
    """The call moves from one model to the next."""

    from_model: str
    to_model: str


@dataclass(frozen=True, slots=True)
class CallCommitted:
    """A stream delivered its first meaningful event; no other attempt can follow."""

    model: str
    number: int


CallEvent = AttemptStarted | AttemptFinished | FellBack | CallCommitted
Observer = Callable[[CallEvent], None]
