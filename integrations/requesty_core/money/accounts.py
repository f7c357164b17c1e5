"""Where the usage of a call is booked."""

from __future__ import annotations

from collections.abc import Sequence

from .budget import Budget
from .ledger import CostLedger
from .usage import Usage

__all__ = ["Accounts"]


class Accounts:
    """Where the usage of a call is booked: ledger and budget, with the call's tags and trace id."""

    __slots__ = ("budget", "ledger", "tags", "trace_id")

    def __init__(
        self,
        ledger: CostLedger | None = None,
        budget: Budget | None = None,
        tags: Sequence[str] = (),
        trace_id: str | None = None,
    ) -> None:
        self.ledger = ledger
        self.budget = budget
        self.tags = tags
        self.trace_id = trace_id

    def check(self) -> None:
        """Raise ``BudgetExceededError`` if the next call may not be made."""
        if self.budget is not None:
            self.budget.check()

    def book(self, model: str, usage: Usage | None) -> None:
        """Count one attempt that was, or may have been, billed."""
        if self.ledger is not None:
            self.ledger.record(model, usage, tags=self.tags, trace_id=self.trace_id)
        if self.budget is not None:
            self.budget.record(usage)
