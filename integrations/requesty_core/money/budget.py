"""Budgets refuse a call when the money is spent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from requesty_core.errors import BudgetExceededError, ConfigurationError

from .ledger import CostLedger
from .usage import Usage, money

__all__ = ["Budget"]


class Budget:
    """Refuses the next call once ``limit`` USD are spent; a call in flight is never cut off.

    Calls whose cost the gateway does not tell cannot be counted; ``unknown`` says how many there were.
    """

    def __init__(self, limit: Decimal | float | str) -> None:
        amount = money(limit)
        if amount is None or amount < 0:
            raise ConfigurationError(f"budget: {limit!r} is not an amount; give USD as a number of at least 0")
        self.limit = amount
        self._ledger = CostLedger()

    @property
    def spent(self) -> Decimal:
        """USD spent so far."""
        return self._ledger.total.cost

    @property
    def unknown(self) -> int:
        """Calls whose cost was not told, which ``spent`` therefore lacks."""
        return self._ledger.total.unknown

    def record(self, usage: Usage | None) -> None:
        """Count one attempt."""
        self._ledger.record("", usage)

    def check(self) -> None:
        """Raise :class:`BudgetExceededError` if the budget is spent."""
        spent = self.spent
        if spent >= self.limit:
            raise BudgetExceededError(
                f"budget: {spent} of {self.limit} USD is spent; raise the limit or use a new Budget"
            )

    def __deepcopy__(self, memo: dict[int, Any]) -> Budget:
        # A budget is shared by all copies of a model, or a copy would be a way around it.
        return self
