"""Events about the attempts of a call, for the caller's own hook."""

from __future__ import annotations

from collections.abc import Callable

from requesty_core.replies.attempts import Attempt
from requesty_core.values import Value

__all__ = ["AttemptFinished", "AttemptStarted", "CallCommitted", "CallEvent", "FellBack", "Observer"]


class AttemptStarted(Value, frozen=True):
    """A request is about to be sent."""

    model: str
    number: int


class AttemptFinished(Value, frozen=True):
    """An attempt ended, well or not."""

    attempt: Attempt


class FellBack(Value, frozen=True):
    """The call moves from one model to the next."""

    from_model: str
    to_model: str


class CallCommitted(Value, frozen=True):
    """A stream delivered its first meaningful event; no other attempt can follow."""

    model: str
    number: int


CallEvent = AttemptStarted | AttemptFinished | FellBack | CallCommitted
Observer = Callable[[CallEvent], None]
