"""A budget in a store on an event loop: whatever the database does, other tasks go on."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.bodies import completion

from requesty_core import AsyncRequestyClient, Budget, BudgetExceededError, Budgets, CostLedger, FallbackPolicy
from requesty_core.exchange import aside
from requesty_core.money.store.database import BUSY_SECONDS

KEY = "rqsty-sk-0123456789"
CALL: dict[str, Any] = {"model": "a/b", "messages": [{"role": "user", "content": "Hi"}]}
HELD = 0.5
CENT, NOTHING = Decimal("0.01"), Decimal(0)


def client_of(budget: Budget, sent: list[bytes], **settings: Any) -> AsyncRequestyClient:
    async def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.content)
        await waited(request)
        return httpx.Response(200, json=completion({"content": "ok"}, usage={"prompt_tokens": 1, "cost": 0.01}))

    wait: Callable[[httpx.Request], Any] | None = settings.pop("wait", None)

    async def waited(request: httpx.Request) -> None:
        if wait is not None:
            await wait(request)

    return AsyncRequestyClient(api_key=KEY, transport=httpx.MockTransport(handle), budget=budget, **settings)


def held(path: Path) -> threading.Event:
    """The file is locked by another connection until the event is set."""
    release, taken = threading.Event(), threading.Event()

    def hold() -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("BEGIN IMMEDIATE")
        taken.set()
        release.wait(30)
        connection.execute("ROLLBACK")
        connection.close()

    threading.Thread(target=hold, daemon=True).start()
    assert taken.wait(10)
    return release


@asynccontextmanager
async def ticking() -> AsyncIterator[list[float]]:
    """The times at which another task of the loop came to its turn."""
    ticks = [time.monotonic()]

    async def tick() -> None:
        while True:
            await asyncio.sleep(0.01)
            ticks.append(time.monotonic())

    task = asyncio.create_task(tick())
    try:
        yield ticks
    finally:
        task.cancel()


async def until(what: Callable[[], bool]) -> None:
    for _ in range(400):
        if what():
            return
        await asyncio.sleep(0.05)


def longest(ticks: list[float]) -> float:
    return max(after - before for before, after in zip(ticks, [*ticks[1:], time.monotonic()], strict=True))


async def test_other_tasks_go_on_while_a_budget_waits_for_its_file(tmp_path: Path) -> None:
    place = tmp_path / "spend.db"
    budget = Budget(1, store=place)
    ledger = CostLedger(store=place)
    sent: list[bytes] = []
    client = client_of(budget, sent, ledger=ledger)
    await client.chat(**CALL)
    assert ledger.flush()
    release = held(place)
    async with ticking() as ticks:
        call = asyncio.create_task(client.chat(**CALL))
        await asyncio.sleep(HELD)
        assert len(sent) == 1
        release.set()
        assert (await call).text == "ok"
        assert len(ticks) > 5
        assert longest(ticks) < BUSY_SECONDS / 2
    assert (budget.spent, budget.reserved) == (2 * CENT, NOTHING)


async def test_settling_does_not_wait_for_the_file(tmp_path: Path) -> None:
    place = tmp_path / "spend.db"
    budget = Budget(1, store=place)
    released: list[threading.Event] = []

    async def wait(request: httpx.Request) -> None:
        released.append(held(place))

    client = client_of(budget, [], wait=wait)
    async with ticking() as ticks:
        assert (await client.chat(**CALL)).text == "ok"
        await asyncio.sleep(0.1)
        assert longest(ticks) < BUSY_SECONDS / 2
    released[0].set()
    assert (budget.spent, budget.reserved) == (CENT, NOTHING)


async def test_what_was_settled_counts_for_the_next_call(tmp_path: Path) -> None:
    budget = Budget("0.025", store=tmp_path / "spend.db")
    sent: list[bytes] = []
    client = client_of(budget, sent)
    for _ in range(3):
        await client.chat(**CALL)
    with pytest.raises(BudgetExceededError, match=r"0\.03 of 0\.025 USD is spent"):
        await client.chat(**CALL)
    assert len(sent) == 3


async def test_a_call_cancelled_while_it_waits_leaves_nothing_behind(tmp_path: Path) -> None:
    place = tmp_path / "spend.db"
    budget = Budgets(Budget(1, store=place), Budget(2, name="other", store=place))
    sent: list[bytes] = []
    client = client_of(budget, sent)
    release = held(place)
    calls = [asyncio.create_task(client.chat(**CALL)) for _ in range(20)]
    await asyncio.sleep(0.1)
    for call in calls:
        call.cancel()
    assert all(isinstance(one, asyncio.CancelledError) for one in await asyncio.gather(*calls, return_exceptions=True))
    release.set()
    await until(lambda: not aside._workers._count)
    assert not aside._workers._count
    assert [(one.spent, one.reserved, one.standing.calls) for one in budget.budgets] == [(NOTHING, NOTHING, 0)] * 2
    assert sent == []
    assert (await client.chat(**CALL)).text == "ok"


async def test_an_answer_is_not_held_up_by_a_hedge_that_waits(tmp_path: Path) -> None:
    place = tmp_path / "spend.db"
    budget = Budget(1, store=place)
    released: list[threading.Event] = []
    sent: list[bytes] = []

    async def wait(request: httpx.Request) -> None:
        released.append(held(place))
        await asyncio.sleep(0.3)

    client = client_of(budget, sent, wait=wait, fallbacks=["c/d"], fallback_policy=FallbackPolicy(hedge_after=0.05))
    start = time.monotonic()
    assert (await client.chat(**CALL)).text == "ok"
    assert time.monotonic() - start < 4
    assert len(sent) == 1
    released[0].set()
    await until(lambda: not budget.reserved and budget.spent == CENT)
    assert (budget.spent, budget.reserved, budget.standing.calls) == (CENT, NOTHING, 1)


async def test_a_hedge_that_does_not_fit_leaves_the_first_alone(tmp_path: Path) -> None:
    # 0.6 each of a limit of 1: the second is refused because of what the first has reserved.
    budget = Budget(1, store=tmp_path / "spend.db")
    budget.record(None)
    sent: list[bytes] = []

    async def wait(request: httpx.Request) -> None:
        await asyncio.sleep(0.2)

    big = {**CALL, "model": "openai/gpt-4o", "max_tokens": 60_000}
    client = client_of(
        budget,
        sent,
        wait=wait,
        fallbacks=["openai/gpt-4o-2024-11-20"],
        fallback_policy=FallbackPolicy(hedge_after=0.05),
    )
    assert (await client.chat(**big)).text == "ok"
    assert len(sent) == 1
    assert (budget.reserved, budget.standing.calls) == (NOTHING, 2)


async def test_without_a_store_no_thread_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(work: object) -> None:
        raise AssertionError("a thread was asked")

    monkeypatch.setattr(aside._workers, "submit", never)
    budget = Budget(1)
    client = client_of(budget, [])
    assert (await client.chat(**CALL)).text == "ok"
    assert budget.spent == CENT


def test_threads_end_when_nothing_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "IDLE_SECONDS", 0.05)
    budget = Budget(10, store=tmp_path / "spend.db")
    client = client_of(budget, [])

    async def main() -> None:
        await asyncio.gather(*(client.chat(**CALL) for _ in range(30)))

    asyncio.run(main())
    for _ in range(1000):
        if not any(thread.name == "requesty-budget" for thread in threading.enumerate()):
            break
        time.sleep(0.02)
    assert not any(thread.name == "requesty-budget" for thread in threading.enumerate())
    assert budget.spent == 30 * CENT


async def test_a_call_goes_on_where_no_thread_is_to_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(aside, "_workers", aside._Workers())
    monkeypatch.setattr(aside, "start_thread", refused)
    budget = Budget(1, store=tmp_path / "spend.db")
    sent: list[bytes] = []
    client = client_of(budget, sent)
    for _ in range(2):
        assert (await asyncio.wait_for(client.chat(**CALL), 10)).text == "ok"
    await until(lambda: budget.spent == 2 * CENT)
    assert (budget.spent, budget.reserved, len(sent)) == (2 * CENT, NOTHING, 2)
