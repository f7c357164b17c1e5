"""Arithmetic with money, whatever decimal precision the calling thread has set for itself."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

__all__ = ["EXACT", "difference", "hundredth", "product", "total"]

EXACT = Context(prec=60, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[DivisionByZero, InvalidOperation, Overflow])
"""For what the functions below do not do."""

_HUNDREDTH = Decimal("0.01")


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of some amounts."""
    found = Decimal(0)
    for amount in amounts:
        found = EXACT.add(found, amount)
    return found


def difference(left: Decimal, right: Decimal) -> Decimal:
    """``left`` less ``right``."""
    return EXACT.subtract(left, right)


def product(amount: Decimal, times: int) -> Decimal:
    """So many times an amount."""
    return EXACT.multiply(amount, Decimal(times))


def hundredth(amount: Decimal) -> Decimal:
    """The hundredth part of an amount."""
    return EXACT.multiply(amount, _HUNDREDTH)
