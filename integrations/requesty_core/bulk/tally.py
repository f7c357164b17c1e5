"""Adding up what a run comes to."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from requesty_core.errors import ErrorKind
from requesty_core.money.accounts import is_billed
from requesty_core.money.exact import total
from requesty_core.money.usage import Usage
from requesty_core.replies.attempts import Attempt

from .items import BulkItem, BulkReport

__all__ = ["THROTTLED", "Tally", "sum_told"]

THROTTLED = frozenset({ErrorKind.RATE_LIMIT, ErrorKind.OVERLOADED})
"""Failures that say there were too many requests."""


class Tally:
    """The figures of a run."""

    def __init__(self, started: float) -> None:
        self._started = started
        self.answered = self.failed = self.unreadable = self.resumed = 0
        self._requests = self._throttled = self._unknown = 0
        self._estimated: list[Decimal] = []
        self._usage: Usage | None = None
        self._resumed_usage: Usage | None = None

    def settled(self, item: BulkItem, *, readable: bool = True) -> None:
        """A row is settled."""
        if not readable:
            self.unreadable += 1
        elif item.error is None:
            self.answered += 1
        else:
            self.failed += 1
        self.resumed += item.resumed

    def resumes(self, usage: Usage | None) -> None:
        """An answer from the checkpoint, and what it had cost."""
        self._resumed_usage = _sum(self._resumed_usage, usage)

    def asked(self, attempts: Sequence[Attempt], usage: Usage | None) -> None:
        """A request ended. ``usage`` is that of all its answers, where its attempts tell of none."""
        self._requests += len(attempts)
        told = False
        for one in attempts:
            self._throttled += one.error_kind in THROTTLED
            if one.usage is not None:
                told = True
                self._usage = _sum(self._usage, one.usage)
            if is_billed(one.phase, one.usage) and one.cost is None:
                self._unknown += 1
                self._estimated = [total((*self._estimated, one.estimate or Decimal(0)))]
        if not told:
            self._usage = _sum(self._usage, usage)

    def report(self, now: float) -> BulkReport:
        """The figures so far."""
        return BulkReport(
            answered=self.answered,
            failed=self.failed,
            unreadable=self.unreadable,
            resumed=self.resumed,
            requests=self._requests,
            throttled=self._throttled,
            usage=self._usage,
            resumed_usage=self._resumed_usage,
            unknown=self._unknown,
            estimated=total(self._estimated),
            seconds=now - self._started,
        )


def sum_told(attempts: Sequence[Attempt]) -> Usage | None:
    """Tokens and cost of some attempts, as far as they were told; ``None`` if none was."""
    told: Usage | None = None
    for one in attempts:
        told = _sum(told, one.usage)
    return told


def _sum(so_far: Usage | None, more: Usage | None) -> Usage | None:
    """Both together; a cost that was not told leaves the sum of the others as it is."""
    if more is None:
        return so_far
    if so_far is None:
        return Usage(
            more.input_tokens,
            more.output_tokens,
            more.total_tokens,
            more.cached_tokens,
            more.caching_tokens,
            more.reasoning_tokens,
            more.cost,
        )
    costs = [one.cost for one in (so_far, more) if one.cost is not None]
    return Usage(
        so_far.input_tokens + more.input_tokens,
        so_far.output_tokens + more.output_tokens,
        so_far.total_tokens + more.total_tokens,
        so_far.cached_tokens + more.cached_tokens,
        so_far.caching_tokens + more.caching_tokens,
        so_far.reasoning_tokens + more.reasoning_tokens,
        total(costs) if costs else None,
    )
