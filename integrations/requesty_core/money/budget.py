"""Budgets refuse a call when the money is spent, or will be by what is already under way."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Collection
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from requesty_core.errors import BudgetExceededError, ConfigurationError
from requesty_core.lifetime import renewed_after_fork
from requesty_core.settings.config import check_seconds

from .limits import Scope, Spender, Standing, Window, check_window, period_of, refusal, reservation
from .usage import Usage, money

if TYPE_CHECKING:
    from .shared import Shared
from .exact import difference, total

__all__ = ["Budget", "Budgets", "Reservation"]


class Reservation(Decimal):
    """USD set aside for one attempt, to be given to ``settle`` or ``release`` once.

    Attributes:
        id: of the reservation in a store.
        period: the period in which it counts.
        parts: the reservations of several budgets, each with its budget.
    """

    id: str
    period: str
    parts: tuple[tuple[Budget, Reservation], ...]

    @classmethod
    def made(
        cls,
        amount: Decimal,
        period: str = "",
        identity: str = "",
        parts: tuple[tuple[Budget, Reservation], ...] = (),
    ) -> Reservation:
        """A reservation of ``amount``."""
        one = cls(amount)
        one.period, one.id, one.parts = period, identity, parts
        return one


class Budget:
    """Refuses the next attempt once ``limit`` USD are spent; an attempt in flight is never cut off.

    Args:
        limit: USD.
        key, tag, user, model: count only attempts that match, each one text or several of which any will do. A key is
            the API key or its fingerprint; a model may be a pattern, ``anthropic/*``.
        window: ``total``, or a limit for each ``day`` or ``month`` (UTC). An attempt counts when it is sent.
        store: a ledger's store (see :class:`CostLedger`), in which the budget holds for every process that has it.
        name: under which it stands in the store; by default made of scope and window.
        expiry: seconds after which a reservation in the store is no more, if its process died without settling it.

    Each attempt reserves what it will probably cost just before it is sent, and settles what it did cost at its end. A
    reservation is the estimate by catalogue prices; where no price is known, the dearest attempt so far, or a hundredth
    of the limit while there is none. An attempt is refused if the limit is spent, or if others are under way and its
    reservation no longer fits beside theirs. So the limit is exceeded by no more than what one attempt costs, and what
    those in flight cost above their estimates.

    Attempts whose cost the gateway does not tell cannot be counted; ``unknown`` says how many there were.
    """

    def __init__(
        self,
        limit: Decimal | float | str,
        *,
        key: str | Collection[str] | None = None,
        tag: str | Collection[str] | None = None,
        user: str | Collection[str] | None = None,
        model: str | Collection[str] | None = None,
        window: Window = "total",
        store: str | os.PathLike[str] | None = None,
        name: str | None = None,
        expiry: float = 900.0,
    ) -> None:
        amount = money(limit)
        if amount is None or amount < 0:
            raise ConfigurationError(f"budget: {limit!r} is not an amount; give USD as a number of at least 0")
        check_seconds(expiry, "budget: expiry", optional=False)
        self.limit = amount
        self.scope = Scope.of(key=key, tag=tag, user=user, model=model)
        self.window: Window = check_window(window)
        self.name = name or f"{self.window} {self.scope}".strip()
        self._expiry = expiry
        self._local = Local()
        self._shared: Shared | None = None
        if store is not None:
            self._share(store)
        renewed_after_fork(self)

    def _after_fork(self) -> None:
        # What is under way is the parent's.
        self._local.lock = threading.Lock()
        self._local = Local(self._local.spent())

    def _share(self, store: str | os.PathLike[str]) -> None:
        from .shared import Shared

        self._shared = Shared(store, self.name, self._expiry)

    @property
    def is_lasting(self) -> bool:
        """Whether it has a store, and so holds for every process that has it."""
        return self._shared is not None

    def matches(self, spender: Spender) -> bool:
        """Whether it counts an attempt."""
        return self.scope.matches(spender)

    @property
    def period(self) -> str:
        """The current period: ``""``, ``2026-11-26`` or ``2026-11``."""
        return period_of(self.window, time.time())

    @property
    def standing(self) -> Standing:
        """How it stands in the current period, in its store if it has one."""
        if self._shared is not None:
            return self._shared.standing(self.period)
        return self._local.standing(self.period)

    @property
    def spent(self) -> Decimal:
        """USD spent in the current period."""
        return self.standing.spent

    @property
    def reserved(self) -> Decimal:
        """USD that the attempts under way will probably cost."""
        return self.standing.reserved

    @property
    def unknown(self) -> int:
        """Attempts whose cost was not told, which ``spent`` therefore lacks."""
        return self.standing.unknown

    def record(self, usage: Usage | None) -> None:
        """Count one attempt that reserved nothing."""
        self.settle(Reservation.made(Decimal(0), self.period), usage)

    def reserve(self, estimate: Decimal | None, spender: Spender | None = None) -> Reservation:
        """Set aside what an attempt will probably cost; returns the amount, for :meth:`settle` or :meth:`release`.

        Raises :class:`BudgetExceededError` if the budget is spent, or if it does not fit beside those under way.
        """
        period = self.period
        account = self._local if self._shared is None else self._shared
        identity = account.reserve(estimate, self.limit, self.scope, period)
        return Reservation.made(identity[1], period, identity[0])

    def settle(self, amount: Decimal, usage: Usage | None, *, counted: bool = True) -> None:
        """An attempt ended: its reservation is given back and its cost counted, in one step."""
        one = amount if isinstance(amount, Reservation) else Reservation.made(amount, self.period)
        account = self._local if self._shared is None else self._shared
        account.settle(one.id, one, one.period, None if usage is None else usage.cost, counted=counted)

    def release(self, amount: Decimal) -> None:
        """Give back what an attempt had reserved that cost nothing."""
        self.settle(amount, None, counted=False)

    def check(self) -> None:
        """Raise :class:`BudgetExceededError` if the next attempt would be refused, whatever it costs."""
        period = self.period
        now = self._local.standing(period) if self._shared is None else self._shared.known(period)
        why = refusal(now, Decimal(0), self.limit, self.scope, period)
        if why is not None:
            raise BudgetExceededError(why)

    def __deepcopy__(self, memo: dict[int, Any]) -> Budget:
        # A budget is shared by all copies of a model, or a copy would be a way around it.
        return self

    def __getstate__(self) -> dict[str, Any]:
        # What is under way is under way in the process that sent it.
        state = {name: value for name, value in self.__dict__.items() if name not in ("_local", "_shared")}
        place = None if self._shared is None else self._shared.place
        return {**state, "_spent": self._local.spent(), "_place": place}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        spent, place = state.pop("_spent"), state.pop("_place")
        self.__dict__.update(state)
        self._local = Local(spent)
        self._shared = None
        if place is not None:
            self._share(place)
        renewed_after_fork(self)


class Budgets(Budget):
    """Several budgets as one: an attempt must fit into each that counts it.

    >>> budget = Budgets(Budget(100, window="month"), Budget(1, tag="search", window="day"))
    """

    def __init__(self, *budgets: Budget) -> None:
        if not budgets:
            raise ConfigurationError("budget: Budgets() is empty; give Budgets(Budget(…), …)")
        for one in budgets:
            if not isinstance(one, Budget):
                raise ConfigurationError(f"budget: a {type(one).__name__} is not a budget; give Budgets(Budget(…), …)")
        super().__init__(min(one.limit for one in budgets))
        self.budgets = budgets

    @property
    def is_lasting(self) -> bool:
        """Whether any of them has a store."""
        return any(one.is_lasting for one in self.budgets)

    def matches(self, spender: Spender) -> bool:
        """Whether any of them counts an attempt."""
        return any(one.matches(spender) for one in self.budgets)

    @property
    def standing(self) -> Standing:
        """How the one stands that has the least left."""
        return self._tightest().standing

    def _tightest(self) -> Budget:
        def left(one: Budget) -> Decimal:
            now = one.standing
            return difference(one.limit, total((now.spent, now.reserved)))

        return min(self.budgets, key=left)

    def reserve(self, estimate: Decimal | None, spender: Spender | None = None) -> Reservation:
        """Set the amount aside in each that counts the attempt, or in none. Raises :class:`BudgetExceededError`."""
        parts: list[tuple[Budget, Reservation]] = []
        try:
            for one in self.budgets:
                if spender is None or one.matches(spender):
                    parts.append((one, one.reserve(estimate, spender)))
        except BaseException:
            for one, reserved in parts:
                one.release(reserved)
            raise
        most = max((reserved for _, reserved in parts), default=Decimal(0))
        return Reservation.made(most, parts=tuple(parts))

    def settle(self, amount: Decimal, usage: Usage | None, *, counted: bool = True) -> None:
        """Settle what an attempt had reserved in each of them; without a reservation, all of them count it."""
        parts = amount.parts if isinstance(amount, Reservation) else ()
        for one, reserved in parts or ((one, Reservation.made(Decimal(0), one.period)) for one in self.budgets):
            one.settle(reserved, usage, counted=counted)

    def check(self) -> None:
        """Raise :class:`BudgetExceededError` if any of them is spent."""
        for one in self.budgets:
            one.check()


class Local:
    """How budgets stand in this process, by period. Safe for threads."""

    def __init__(self, spent: dict[str, Standing] | None = None) -> None:
        self.lock = threading.Lock()
        self._periods = dict(spent or {})

    def spent(self) -> dict[str, Standing]:
        """Every period without what is under way."""
        with self.lock:
            return {
                period: Standing(one.spent, Decimal(0), one.calls, one.unknown, one.dearest)
                for period, one in self._periods.items()
            }

    def standing(self, period: str) -> Standing:
        """How one period stands."""
        with self.lock:
            return self._periods.get(period, Standing())

    def reserve(self, estimate: Decimal | None, limit: Decimal, scope: Scope, period: str) -> tuple[str, Decimal]:
        """Set aside; the id, which is none, and the amount. Raises :class:`BudgetExceededError`."""
        with self.lock:
            now = self._periods.get(period, Standing())
            amount = reservation(estimate, now, limit)
            why = refusal(now, amount, limit, scope, period)
            if why is not None:
                raise BudgetExceededError(why)
            reserved = total((now.reserved, amount))
            self._periods[period] = Standing(now.spent, reserved, now.calls, now.unknown, now.dearest)
            # Attempts of the last period may still be under way; older ones are over.
            for old in sorted(self._periods)[:-_KEPT]:
                del self._periods[old]
            return "", amount

    def settle(self, identity: str, amount: Decimal, period: str, cost: Decimal | None, *, counted: bool) -> None:
        """Give back ``amount`` and count ``cost``."""
        with self.lock:
            now = self._periods.get(period, Standing())
            dearest = now.dearest if cost is None or not counted else max(now.dearest or cost, cost)
            self._periods[period] = Standing(
                total((now.spent, cost)) if counted and cost is not None else now.spent,
                difference(now.reserved, amount),
                now.calls + counted,
                now.unknown + (counted and cost is None),
                dearest,
            )


_KEPT = 4
