"""Where the attempts of a call are booked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from .usage import Usage

if TYPE_CHECKING:
    from .budget import Budget
    from .ledger import CostLedger

__all__ = ["Accounts", "Ended", "Estimate", "is_billed"]

Estimate = Callable[[str, Mapping[str, Any], int, Usage | None], Decimal | None]
"""From (model, body without the model, bytes of the encoded body, tokens told) to the probable cost in USD."""


class Ended(Protocol):
    """What is booked of an attempt's record."""

    @property
    def model(self) -> str:
        """The model asked for."""

    @property
    def outcome(self) -> str:
        """``ok``, ``error`` or ``cancelled``."""

    @property
    def phase(self) -> str:
        """How far it came."""

    @property
    def status(self) -> int | None:
        """HTTP status."""

    @property
    def error_class(self) -> str | None:
        """Class of its error."""

    @property
    def request_id(self) -> str | None:
        """The gateway's id."""

    @property
    def latency(self) -> float:
        """Seconds to its end."""

    @property
    def time_to_first_token(self) -> float | None:
        """Seconds to its first token."""

    @property
    def usage(self) -> Usage | None:
        """Tokens and cost, as far as they were told."""

    @property
    def resent_after(self) -> str | None:
        """Why it was sent a second time."""

    @property
    def estimate(self) -> Decimal | None:
        """What it probably cost, if that was not told."""


def is_billed(phase: str, usage: Usage | None) -> bool:
    """Whether an attempt was, or may have been, billed: it told of its usage, or was sent and not refused."""
    return usage is not None or phase in ("sent", "answering", "answered")


class Accounts:
    """Where the attempts of a call are booked: ledger and budget, with what the call says of itself.

    ``estimate`` tells what an attempt will probably cost; ``None`` where no price is known.
    """

    __slots__ = ("budget", "estimate", "framework", "ledger", "tags", "trace_id", "user_id")

    def __init__(
        self,
        ledger: CostLedger | None = None,
        budget: Budget | None = None,
        tags: Sequence[str] = (),
        trace_id: str | None = None,
        estimate: Estimate | None = None,
        user_id: str | None = None,
        framework: str = "core",
    ) -> None:
        self.ledger = ledger
        # Whatever has the methods of a budget is one.
        self.budget: Any = budget
        self.tags = tags
        self.trace_id = trace_id
        self.estimate = estimate
        self.user_id = user_id
        self.framework = framework

    def reserve(self, model: str, estimate: Decimal | None, key: str | None = None) -> Decimal | None:
        """Set aside the cost of an attempt. Raises ``BudgetExceededError`` if it may not be made."""
        budget = self.budget
        if budget is None:
            return None
        # The modules of budgets and ledgers are loaded for calls that have one.
        from .budget import Budget
        from .limits import Spender

        if isinstance(budget, Budget):
            spender = Spender(model, self.tags, self.user_id, key)
            return budget.reserve(estimate, spender) if budget.matches(spender) else None
        reserved: Decimal | None = budget.reserve(estimate)
        return reserved

    @property
    def waits(self) -> bool:
        """Whether :meth:`reserve` waits for a database."""
        if self.budget is None:
            return False
        from .budget import Budget

        return isinstance(self.budget, Budget) and self.budget.is_lasting

    def release(self, reserved: Decimal | None) -> None:
        """Give back what was set aside for an attempt that is not made."""
        if reserved is not None:
            self.budget.release(reserved)

    def settle(
        self,
        reserved: Decimal | None,
        attempt: Ended,
        *,
        key: str | None = None,
        served_model: str | None = None,
        provider: str | None = None,
    ) -> None:
        """An attempt ended: give back what it had reserved, and count it if it was, or may have been, billed."""
        counted = is_billed(attempt.phase, attempt.usage)
        if self.budget is not None and reserved is not None:
            self._settle(self.budget, reserved, attempt.usage, counted)
        ledger = self.ledger
        if ledger is None:
            return
        from .ledger import CostLedger

        if isinstance(ledger, CostLedger) and ledger.is_lasting and type(ledger).record is CostLedger.record:
            self._write(ledger, attempt, counted, key, served_model, provider)
        elif counted:
            estimate = attempt.estimate
            ledger.record(attempt.model, attempt.usage, tags=self.tags, trace_id=self.trace_id, estimate=estimate)

    def _settle(self, budget: Any, reserved: Decimal, usage: Usage | None, counted: bool) -> None:
        from .budget import Budget

        if isinstance(budget, Budget):
            budget.settle(reserved, usage, counted=counted)
            return
        budget.release(reserved)
        if counted:
            budget.record(usage)

    def _write(
        self,
        ledger: CostLedger,
        attempt: Ended,
        counted: bool,
        key: str | None,
        served_model: str | None,
        provider: str | None,
    ) -> None:
        from .store.rows import row

        ledger.book(
            row(
                attempt.model,
                attempt.usage,
                at=time.time_ns() // 1000,
                tags=self.tags,
                user=self.user_id,
                trace=self.trace_id,
                estimate=attempt.estimate,
                served_model=served_model,
                provider=provider,
                framework=self.framework,
                key=key,
                request_id=attempt.request_id,
                outcome=attempt.outcome,
                phase=attempt.phase,
                status=attempt.status,
                error=attempt.error_class,
                latency=attempt.latency,
                time_to_first_token=attempt.time_to_first_token,
                counted=counted,
                resent=attempt.resent_after is not None,
            ),
            attempt.usage,
        )
