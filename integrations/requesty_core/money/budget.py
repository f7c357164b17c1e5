"""Budgets refuse a call when the money is spent, or will be by what is already under way."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

from requesty_core.errors import BudgetExceededError, ConfigurationError
from requesty_core.lifetime import renewed_after_fork

from .ledger import CostLedger
from .usage import Usage, money

__all__ = ["Budget"]


class Budget:
    """Refuses the next attempt once ``limit`` USD are spent; an attempt in flight is never cut off.

    Each attempt reserves what it will probably cost just before it is sent, and settles what it did cost at its end. A
    reservation is the estimate by catalogue prices; where no price is known, the dearest attempt so far, or a hundredth
    of the limit while there is none. An attempt is refused if the limit is spent, or if others are under way and its
    reservation no longer fits beside theirs. So the limit is exceeded by no more than what one attempt costs, and what
    those in flight cost above their estimates.

    Attempts whose cost the gateway does not tell cannot be counted; ``unknown`` says how many there were.
    """

    def __init__(self, limit: Decimal | float | str) -> None:
        amount = money(limit)
        if amount is None or amount < 0:
            raise ConfigurationError(f"budget: {limit!r} is not an amount; give USD as a number of at least 0")
        self.limit = amount
        self._ledger = CostLedger()
        self._lock = threading.Lock()
        self._reserved = Decimal(0)
        self._dearest: Decimal | None = None
        renewed_after_fork(self)

    def _after_fork(self) -> None:
        # What is under way is the parent's.
        self._lock = threading.Lock()
        self._reserved = Decimal(0)

    @property
    def spent(self) -> Decimal:
        """USD spent so far."""
        return self._ledger.total.cost

    @property
    def reserved(self) -> Decimal:
        """USD that the attempts under way will probably cost."""
        return self._reserved

    @property
    def unknown(self) -> int:
        """Attempts whose cost was not told, which ``spent`` therefore lacks."""
        return self._ledger.total.unknown

    def record(self, usage: Usage | None) -> None:
        """Count one attempt that reserved nothing."""
        self._ledger.record("", usage)
        cost = None if usage is None else usage.cost
        if cost is not None:
            with self._lock:
                self._dearest = cost if self._dearest is None else max(self._dearest, cost)

    def reserve(self, estimate: Decimal | None) -> Decimal:
        """Set aside what an attempt will probably cost; returns the amount, to be given to :meth:`release`.

        Raises :class:`BudgetExceededError` if the budget is spent, or if it does not fit beside those under way.
        """
        with self._lock:
            spent = self.spent
            amount = estimate if estimate is not None else self._dearest
            if amount is None:
                amount = self.limit / 100
            if spent >= self.limit:
                raise BudgetExceededError(
                    f"budget: {spent} of {self.limit} USD is spent; raise the limit or use a new Budget"
                )
            if self._reserved and spent + self._reserved + amount > self.limit:
                raise BudgetExceededError(
                    f"budget: {spent} of {self.limit} USD is spent and {self._reserved} is reserved for calls under "
                    "way; wait for them, raise the limit or use a new Budget"
                )
            self._reserved += amount
            return amount

    def release(self, amount: Decimal) -> None:
        """Give back what an attempt had reserved; what it cost is recorded by :meth:`record`."""
        with self._lock:
            self._reserved -= amount

    def check(self) -> None:
        """Raise :class:`BudgetExceededError` if the next attempt would be refused, whatever it costs."""
        self.release(self.reserve(Decimal(0)))

    def __deepcopy__(self, memo: dict[int, Any]) -> Budget:
        # A budget is shared by all copies of a model, or a copy would be a way around it.
        return self

    def __getstate__(self) -> tuple[Decimal, CostLedger, Decimal | None]:
        # What is under way is under way in the process that sent it.
        return self.limit, self._ledger, self._dearest

    def __setstate__(self, state: tuple[Decimal, CostLedger, Decimal | None]) -> None:
        self.limit, self._ledger, self._dearest = state
        self._lock = threading.Lock()
        self._reserved = Decimal(0)
        renewed_after_fork(self)
