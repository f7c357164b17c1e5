"""Money is the same whatever decimal context the calling thread has: its precision, rounding and traps are its own."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from decimal import ROUND_DOWN, Context, Decimal, Inexact, localcontext
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ways import MODEL

from requesty_core import Budget, CostLedger, FallbackPolicy, RequestyClient, Usage, snapshot
from requesty_core.catalog import Catalog, estimate
from requesty_core.money.exact import difference, hundredth, product, total
from requesty_emulator import GatewayEmulator

CONTEXTS = [Context(prec=1), Context(prec=3, rounding=ROUND_DOWN, Emax=2, Emin=-2), Context(traps=[Inexact], prec=2)]


@pytest.fixture(params=CONTEXTS, ids=["one digit", "narrow", "trapping"])
def crude(request: pytest.FixtureRequest) -> Iterator[None]:
    """The thread's own arithmetic is useless."""
    with localcontext(request.param):
        yield


@pytest.mark.usefixtures("crude")
def test_the_ledger_is_the_bill(gateway: GatewayEmulator, tmp_path: Path) -> None:
    ledger, budget = CostLedger(tmp_path / "ledger.db"), Budget("1.23456")
    client = RequestyClient(
        base_url=gateway.base_url,
        api_key=gateway.api_key,
        ledger=ledger,
        budget=budget,
        fallbacks=["anthropic/claude-sonnet-4-5"],
        fallback_policy=FallbackPolicy(cooldown=0),
    )
    costs = []
    # Ledgers of other tests count until they are collected.
    gc.collect()
    before = snapshot().cost
    for number in range(7):
        question = [{"role": "user", "content": "tell me more " * (3**number)}]
        if number == 3:
            gateway.fail_next(503, model=MODEL)
        reply = client.chat(model=MODEL, messages=question)
        assert reply.usage is not None
        assert reply.usage.cost is not None
        costs.append(reply.usage.cost)
    # A sum in a context of the test's own.
    with localcontext(Context(prec=50)):
        billed = sum(costs, Decimal(0))
        snapped = snapshot().cost - before
    assert len({*costs}) == 7
    assert ledger.total.cost == billed
    assert budget.spent == billed
    assert budget.reserved == 0
    assert ledger.history.total().cost == billed
    assert snapped == billed


@pytest.mark.usefixtures("crude")
def test_estimates() -> None:
    entry = {"id": "a/b", "input_price": 0.000123456, "output_price": 0.0000654321, "context_window": 9}
    info = Catalog.from_entries([entry]).lookup("a/b")
    assert info is not None
    usage = estimate(Usage(input_tokens=123_457, output_tokens=98_765), info)
    assert usage is not None
    with localcontext(Context(prec=50)):
        assert usage.cost == Decimal("0.000123456") * 123_457 + Decimal("0.0000654321") * 98_765


AMOUNTS = st.decimals(min_value=0, max_value=10**6, allow_nan=False, allow_infinity=False, places=12)


@given(st.lists(AMOUNTS, max_size=20), st.integers(0, 10**9))
def test_arithmetic_is_exact(amounts: list[Decimal], times: int) -> None:
    units = [int(amount * 10**12) for amount in amounts]
    with localcontext(Context(prec=2)):
        found = total(amounts)
        less, much, part = difference(found, Decimal(1)), product(found, times), hundredth(found)
    with localcontext(Context(prec=80)):
        whole = Decimal(sum(units)).scaleb(-12)
        assert found == whole
        assert (less, much, part) == (whole - 1, whole * times, whole / 100)
