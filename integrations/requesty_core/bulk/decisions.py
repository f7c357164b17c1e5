"""What a failure means for a run: ask again and when, give the row up, or end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from requesty_core.errors import ErrorKind, RequestyError
from requesty_core.replies.attempts import Attempt
from requesty_core.retry.backoff import RetryPolicy

from .jobs import Task
from .outbox import Order
from .tally import THROTTLED

__all__ = ["Decision", "Judge", "Rules", "Unit", "last_failure"]

_ENDING = frozenset({ErrorKind.AUTHENTICATION, ErrorKind.INSUFFICIENT_BALANCE, ErrorKind.SPEND_LIMIT})
"""Refusals of every request of the key."""
_ABOUT_ROWS = frozenset({ErrorKind.CONFIGURATION, ErrorKind.BAD_REQUEST, ErrorKind.CONTEXT_OVERFLOW})
"""Failures that say something of a row, once others have gone through."""
_POLL = 1.0
"""Seconds after which a budget that others have under way is tried again."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a run was told.

    Attributes:
        order: whether rows are handed out as in the input, or as they are settled.
        most: requests at a time.
        window: rows that may have been read and not handed out.
        max_retries: repetitions of a request after failures other than refusals for too many.
        patience: seconds for which such refusals are borne without one answer.
        streak: failures on end, without one answer between them, that end the run.
        retry: how long to wait before a repetition.
        ask_again: whether answers that did not fit the schema are asked again.
        identity: the column that tells apart rows that ask the same; ``None`` where their position does.
    """

    order: Order
    most: int
    window: int
    max_retries: int
    patience: float
    streak: int
    retry: RetryPolicy
    ask_again: bool = False
    identity: str | None = None


@dataclass(slots=True)
class Unit:
    """The rows of one request, and how it has gone so far."""

    tasks: Sequence[Task]
    failures: int = 0
    refusals: int = 0
    attempts: list[Attempt] = field(default_factory=list)


@dataclass(slots=True)
class Decision:
    """When what failed is asked again, and how often it has failed by then; or that it is settled."""

    due: float = 0.0
    failures: int = 0
    refusals: int = 0
    settles: bool = False
    tasks: list[Task] = field(default_factory=list)


class Judge:
    """Decides about failures.

    Args:
        shared: whether somebody else has money of the budget under way.
        now: when the run began.

    Attributes:
        end: why nothing more is sent; ``None`` while all is well.
        waits_for_money: whether nothing is sent until a request that is under way has ended.
    """

    def __init__(self, rules: Rules, shared: Callable[[], bool], now: float, random: Random | None = None) -> None:
        self._rules = rules
        self._shared = shared
        self._random = random or Random()
        self._streak = 0
        self._heard = now
        self._has_answers = False
        self.end: BaseException | None = None
        self.waits_for_money = False

    def answered(self, now: float) -> None:
        """A row was answered."""
        self._heard, self._streak, self._has_answers = now, 0, True

    def decide(self, unit: Unit, error: RequestyError, now: float, *, under_way: int) -> Decision:
        """What becomes of the rows that failed with one error, while so many other units are under way."""
        last = last_failure(error)
        if last.kind is ErrorKind.BUDGET:
            return self._without_money(unit, error, now, under_way)
        if last.kind in _ENDING:
            self.ends(error)
            return Decision(now, unit.failures, unit.refusals)
        if not last.is_retryable:
            self.failed(error)
            return Decision(settles=True)
        throttled = last.kind in THROTTLED
        failures, refusals = unit.failures + (not throttled), unit.refusals + throttled
        if failures > self._rules.max_retries or (throttled and now - self._heard > self._rules.patience):
            self.failed(error)
            return Decision(settles=True)
        delay = self._rules.retry.delay(max(failures, refusals), last, self._random)
        if delay is None:
            self.ends(error)
        return Decision(now + (delay or 0.0), failures, refusals)

    def _without_money(self, unit: Unit, error: RequestyError, now: float, under_way: int) -> Decision:
        if under_way:
            self.waits_for_money = True
            return Decision(now, unit.failures, unit.refusals)
        if not self._shared() or now - self._heard > self._rules.patience:
            self.ends(error)
        return Decision(now + _POLL, unit.failures, unit.refusals)

    def failed(self, error: RequestyError) -> None:
        """Something failed for good; too much on end, and the run is over."""
        if self._has_answers and last_failure(error).kind in _ABOUT_ROWS:
            return
        self._streak += 1
        if self._streak >= self._rules.streak:
            self.ends(error)

    def ends(self, error: BaseException) -> None:
        """Nothing more is to be sent."""
        if self.end is None:
            self.end = error


def last_failure(error: RequestyError) -> RequestyError:
    """Of a chain that is exhausted, the failure of its last step."""
    errors = getattr(error, "errors", ())
    return errors[-1] if error.kind is ErrorKind.EXHAUSTED and errors else error
