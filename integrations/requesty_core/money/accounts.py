"""Where the attempts of a call are booked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from .budget import Budget
from .ledger import CostLedger
from .usage import Usage

__all__ = ["Accounts", "Estimate"]

Estimate = Callable[[str, Mapping[str, Any], int], Decimal | None]
"""From (model, body without the model, length of the encoded body in bytes) to the probable cost in USD."""


class Accounts:
    """Where the attempts of a call are booked: ledger and budget, with the call's tags and trace id.

    ``estimate`` tells what an attempt will probably cost; ``None`` where no price is known.
    """

    __slots__ = ("budget", "estimate", "ledger", "tags", "trace_id")

    def __init__(
        self,
        ledger: CostLedger | None = None,
        budget: Budget | None = None,
        tags: Sequence[str] = (),
        trace_id: str | None = None,
        estimate: Estimate | None = None,
    ) -> None:
        self.ledger = ledger
        self.budget = budget
        self.tags = tags
        self.trace_id = trace_id
        self.estimate = estimate

    def reserve(self, estimate: Decimal | None) -> Decimal | None:
        """Set aside the cost of an attempt. Raises ``BudgetExceededError`` if it may not be made."""
        return None if self.budget is None else self.budget.reserve(estimate)

    def release(self, amount: Decimal | None) -> None:
        """Give back what an attempt had reserved."""
        if self.budget is not None and amount is not None:
            self.budget.release(amount)

    def book(self, model: str, usage: Usage | None, estimate: Decimal | None = None) -> None:
        """Count one attempt that was, or may have been, billed; ``estimate`` stands beside a cost that is unknown."""
        if self.ledger is not None:
            self.ledger.record(model, usage, tags=self.tags, trace_id=self.trace_id, estimate=estimate)
        if self.budget is not None:
            self.budget.record(usage)
