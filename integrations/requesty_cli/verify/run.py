"""Performing the requests within a budget, and reading each fact off their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import httpx

from requesty_cli.problems import StepFailedError

from . import facts_account, facts_chat, facts_routes, facts_untestable
from .asks import ASKS, MODELS, UNDO
from .looks import ContradictionError, answered
from .rows import Row
from .wire import Ask, Seen, UntoldError, prepared, send

__all__ = ["ROWS", "Result", "Target", "Verdict", "Verification"]

Verdict = Literal["confirmed", "contradicted", "not testable", "not run"]
ROWS: tuple[Row, ...] = (
    *facts_account.KEYS,
    *facts_account.ERRORS,
    *facts_routes.MODELS,
    *facts_chat.ROWS,
    *facts_routes.ROUTES,
    *facts_account.MANAGEMENT,
    *facts_account.WRITES,
    *facts_routes.MEDIA,
    *facts_untestable.ROWS,
)
"""Every fact. The usage reports come after what they report, the dearest requests last, where a budget may end."""

#: USD per token where the gateway lists no price: more than any model of its catalogue asks.
DEAREST = (Decimal("0.00003"), Decimal("0.0002"))
#: On top of list prices, for fees and for tokens that a request gets on the way.
MARGIN = Decimal("1.25")


class OverBudgetError(Exception):
    """A request that could cost more than is left."""


@dataclass(frozen=True, slots=True)
class Target:
    """The gateway under test: three URLs without ``/v1`` at their end, and the key."""

    inference: str
    management: str
    feedback: str
    key: str


@dataclass(frozen=True, slots=True)
class Result:
    """One row's verdict: ``told`` is what was seen, what contradicts it, or why it was not tested."""

    row: Row
    verdict: Verdict
    told: str
    seen: Seen | None = None


class Verification:
    """One run. ``spent`` is USD as the gateway told it, and where it told nothing, the most a request can cost."""

    def __init__(
        self,
        target: Target,
        *,
        budget: Decimal,
        writes: bool = False,
        models: Mapping[str, str] | None = None,
        on_result: Callable[[Result], None] | None = None,
    ) -> None:
        self.target = target
        self.budget = budget
        self.spent = Decimal(0)
        self.models: Mapping[str, str] = {**MODELS, **(models or {})}
        self._writes = writes
        self._on_result = on_result
        self._answers: dict[str, Seen | Exception] = {}
        self._prices: dict[str, tuple[Decimal, Decimal]] = {}
        self._http: httpx.Client | None = None

    def run(self, rows: Iterable[Row] = ROWS) -> list[Result]:
        """Every row's verdict. Raises ``StepFailedError`` if the gateway does not answer or refuses the key."""
        # Neither the environment's proxy settings nor redirects: what answers is the address that was given.
        with httpx.Client(trust_env=False, follow_redirects=False) as self._http:
            try:
                self._check()
                results = []
                for row in rows:
                    results.append(self._result(row))
                    if self._on_result is not None:
                        self._on_result(results[-1])
                return results
            finally:
                self._undo()

    def _check(self) -> None:
        try:
            seen = self.seen("no_model")
        except UntoldError as error:
            raise StepFailedError(f"{self.target.inference}: {error}") from None
        if seen.status in (401, 402, 403):
            message = seen.at("error.message")
            raise StepFailedError(f"the gateway refuses the key: {seen.status} {message}; nothing was verified")

    def _undo(self) -> None:
        """Take back what was made, also when the rows about it were never reached."""
        for made, undo in UNDO.items():
            if isinstance(self._answers.get(made), Seen) and undo not in self._answers:
                with suppress(UntoldError, OverBudgetError):
                    self.seen(undo)

    def seen(self, name: str) -> Seen:
        """The answer to a request of the table, which is made once.

        Raises ``UntoldError`` if there is none, ``OverBudgetError`` if it could cost more than is left.
        """
        if name not in self._answers:
            try:
                self._answers[name] = self._asked(ASKS[name])
            except (UntoldError, OverBudgetError) as error:
                self._answers[name] = error
        found = self._answers[name]
        if isinstance(found, Exception):
            raise found
        return found

    def _asked(self, ask: Ask) -> Seen:
        if ask.writes and not self._writes:
            raise UntoldError("changes something at the gateway; run it with --writes")
        made = prepared(ask, self)
        most = self._most(ask, made.model)
        if most and self.spent + most > self.budget:
            left = self.budget - self.spent
            raise OverBudgetError(f"could cost {most:.6f} USD, and {left:.6f} of {self.budget} are left")
        assert self._http is not None
        base = {"management": self.target.management, "feedback": self.target.feedback}
        try:
            seen = send(self._http, ask, made, base.get(ask.host, self.target.inference), self.target.key)
        except httpx.HTTPError as error:
            # Whether it was billed, nobody knows.
            self.spent += most
            raise UntoldError(f"no answer: {error or type(error).__name__}") from None
        self.spent += _cost(seen, most)
        return seen

    def _most(self, ask: Ask, model: str) -> Decimal:
        """The most that a request can cost, in USD: the gateway's own prices for its most tokens."""
        tokens_in, tokens_out = ask.tokens
        if not (tokens_in or tokens_out):
            return ask.most
        if not self._prices:
            self._prices = dict(self._listed())
        price_in, price_out = self._prices.get(model, DEAREST)
        return (tokens_in * price_in + tokens_out * price_out) * MARGIN + ask.most

    def _listed(self) -> Iterable[tuple[str, tuple[Decimal, Decimal]]]:
        listed: list[Any] = []
        for name in ("models", "managed"):
            with suppress(UntoldError):
                data = self.seen(name).at("data")
                listed += data if isinstance(data, list) else []
        for entry in listed:
            prices = _price(entry, "input_price"), _price(entry, "output_price")
            # A price of nothing may be an entry without one: the budget is kept either way.
            if isinstance(entry, dict) and prices[0] is not None and prices[1] is not None and prices[0] > 0:
                yield str(entry.get("id")), (prices[0], prices[1])

    def _result(self, row: Row) -> Result:
        if row.look is None:
            return Result(row, "not testable", row.why)
        seen: Seen | None = None
        try:
            seen = self.seen(row.ask)
            if row.answered:
                answered(seen)
            return Result(row, "confirmed", row.look(seen), seen)
        except UntoldError as error:
            return Result(row, "not testable", str(error))
        except OverBudgetError as error:
            return Result(row, "not run", str(error))
        except ContradictionError as error:
            return Result(row, "contradicted", str(error), seen)
        except (AttributeError, KeyError, TypeError, IndexError) as error:
            # A look reads shapes that the contract promises; where the shape is another, that is the finding.
            return Result(row, "contradicted", f"the answer has another shape: {error}", seen)


def _price(entry: Any, name: str) -> Decimal | None:
    try:
        return Decimal(str(entry[name]))
    except (InvalidOperation, KeyError, TypeError):
        return None


def _cost(seen: Seen, most: Decimal) -> Decimal:
    """What an answer says it cost; the most it could have where it does not say."""
    if 400 <= seen.status < 500:
        return Decimal(0)
    usage = seen.usage if isinstance(seen.usage, dict) else {}
    try:
        told = Decimal(str(usage.get("cost")))
    except InvalidOperation:
        return most
    return told if told.is_finite() and told >= 0 else most
