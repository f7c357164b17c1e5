"""How many bulk requests of a process go to one model at a time: more while all is well, fewer when it is too much.

Theory of operation. A limit begins small, doubles with every round of answers until something is refused (429, or an
overloaded model), then grows by one a round; a refusal halves it. Of the requests that were under way when the limit
was halved, more refusals say nothing new, so a round of them halves it once. A Retry-After holds everything back, since
it speaks of the key and not of one request. All runs of a process that ask one model at one address share a limit,
because the provider counts them together.

No IO, no clock: the time is an argument, in seconds of the monotonic clock.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass

from requesty_core.lifetime import after_fork, renewed_after_fork

__all__ = ["Limiter", "Ticket", "limiter_for"]

_FIRST = 8.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave for one request, to be given back once."""

    round: int


class Limiter:
    """The limit of one model. Safe for threads and event loops.

    Attributes:
        cap: most requests at a time that somebody else grants this process (the workers of a cluster share a limit);
            ``None`` without such a one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.cap: int | None = None
        self.refusals = 0
        """How many requests were refused for being too many."""
        self._limit = _FIRST
        self._doubles = True
        self._round = 0
        self._under_way = 0
        self._until = -math.inf
        self._waiting: dict[object, Callable[[], None]] = {}
        renewed_after_fork(self)

    def _after_fork(self) -> None:
        self._lock = threading.Lock()
        self._under_way = 0
        self._waiting.clear()

    @property
    def limit(self) -> int:
        """How many may be under way now."""
        own = max(1, int(self._limit))
        return own if self.cap is None else max(1, min(own, self.cap))

    @property
    def under_way(self) -> int:
        """How many are."""
        return self._under_way

    def held_back(self, now: float) -> float:
        """Seconds for which nothing may start; 0 if something may."""
        return max(0.0, self._until - now)

    def enter(self, who: object, now: float, wake: Callable[[], None]) -> Ticket | None:
        """Leave for one request, or ``None``: then ``wake`` is called when it is worth asking again."""
        with self._lock:
            if now >= self._until and self._under_way < self.limit:
                self._under_way += 1
                self._waiting.pop(who, None)
                return Ticket(self._round)
            self._waiting[who] = wake
            return None

    def leave(self, ticket: Ticket, *, most: int) -> None:
        """A request ended that tells nothing of the limit: it failed otherwise, or was not sent."""
        self._ended(0.0, most)

    def answered(self, ticket: Ticket, *, most: int) -> None:
        """A request was answered; the limit grows, but never above ``most``, which its run asks for."""
        self._ended(1.0 if self._doubles else 1.0 / max(self._limit, 1.0), most)

    def _ended(self, more: float, most: int) -> None:
        with self._lock:
            # A limit that nothing leans on does not grow: it would say nothing of what the provider bears.
            if self._under_way >= int(self._limit) // 2:
                self._limit = max(self._limit, min(self._limit + more, float(most)))
            self._under_way -= 1
            waiting = tuple(self._waiting.values())
        for wake in waiting:
            wake()

    def refused(self, ticket: Ticket, now: float, retry_after: float | None) -> None:
        """A request was refused for being too many; everything waits ``retry_after`` seconds, if the server says so."""
        with self._lock:
            self._under_way -= 1
            self._halve(ticket.round)
            if retry_after:
                self._until = max(self._until, now + retry_after)
            waiting = tuple(self._waiting.values())
        for wake in waiting:
            wake()

    def throttled(self, ticket: Ticket) -> None:
        """A request was answered in the end, but refused on the way to it."""
        with self._lock:
            self._halve(ticket.round)

    def hold(self, until: float) -> None:
        """Somebody else was told to wait: nothing starts before ``until``."""
        with self._lock:
            self._until = max(self._until, until)

    def forget(self, who: object) -> None:
        """``who`` has nothing to send any more."""
        with self._lock:
            self._waiting.pop(who, None)

    def _halve(self, round_: int) -> None:
        self.refusals += 1
        if round_ == self._round:
            self._limit = max(1.0, min(self._limit, float(self._under_way + 1)) / 2)
            self._doubles = False
            self._round += 1


_lock = threading.Lock()
_limiters: weakref.WeakValueDictionary[tuple[str, str], Limiter] = weakref.WeakValueDictionary()


@after_fork
def _renew() -> None:
    global _lock
    _lock = threading.Lock()


def limiter_for(base_url: str, model: str) -> Limiter:
    """The process's limiter of a model at an address; kept as long as a run holds it."""
    with _lock:
        found = _limiters.get((base_url, model))
        if found is None:
            found = _limiters[base_url, model] = Limiter()
        return found
