"""Events about the attempts of a call, for the caller's own hook, and the package's logger."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

from requesty_core.replies.attempts import Attempt

__all__ = ["AttemptFinished", "AttemptStarted", "CallCommitted", "CallEvent", "FellBack", "Observer", "logger"]

logger = logging.getLogger("requesty")
logger.addHandler(logging.NullHandler())


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
