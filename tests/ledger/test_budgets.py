"""Budgets with scopes and windows, in this process and in a store: who is counted, when, and by how much they err."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from time import monotonic
from typing import Any

import httpx
import pytest
from tests.support.bodies import completion, sse
from tests.support.ways import FAST

from requesty_core import (
    AsyncRequestyClient,
    Budget,
    BudgetExceededError,
    Budgets,
    ConfigurationError,
    CostLedger,
    RequestyClient,
    Usage,
    key_fingerprint,
)
from requesty_core.money import budget as budget_module
from requesty_core.money import shared
from requesty_core.money.limits import Scope, Spender, Standing, period_of, refusal, reservation
from requesty_core.money.store.location import Location
from requesty_core.money.store.store import open_store
from requesty_emulator import GatewayEmulator

KEY = "rqsty-sk-0123456789"
CALL: dict[str, Any] = {"model": "a/b", "messages": [{"role": "user", "content": "Hi"}]}
CENT = Decimal("0.01")

Make = Callable[..., Budget]


@pytest.fixture(params=["process", "store"])
def make(request: pytest.FixtureRequest, place: str) -> Make:
    """Makes budgets in this process, or in a store."""
    if request.param == "process":
        return Budget
    return lambda limit, **more: Budget(limit, store=place, **more)


def answering(cost: Decimal = CENT, **settings: Any) -> tuple[RequestyClient, list[httpx.Request]]:
    """A client whose every answer costs this much, and what it sent."""
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "cost": float(cost)}
        if b'"stream":true' in request.content:
            chunks = [{"choices": [{"index": 0, "delta": {"content": "ok"}, "finish_reason": "stop"}]}]
            body = sse(*chunks, {"choices": [], "usage": usage})
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
        return httpx.Response(200, json=completion({"content": "ok"}, usage=usage))

    transport = httpx.MockTransport(handle)
    return RequestyClient(api_key=KEY, transport=transport, fallback_policy=FAST, **settings), sent


@pytest.mark.parametrize(
    ("scope", "counted", "free"),
    [
        ({"tag": "x"}, {"options": {"tags": ["y", "x"]}}, {"options": {"tags": ["y"]}}),
        ({"tag": ["x", "z"]}, {"options": {"tags": ["z"]}}, {}),
        ({"user": "u"}, {"options": {"user_id": "u"}}, {"options": {"user_id": "v"}}),
        ({"model": "a/b"}, {}, {"model": "a/bc"}),
        ({"model": "a/*"}, {}, {"model": "c/d"}),
        ({"model": ["c/d", "a/b"], "tag": "x"}, {"options": {"tags": ["x"]}}, {}),
    ],
)
def test_only_attempts_that_match_are_counted_and_refused(
    make: Make, scope: dict[str, Any], counted: dict[str, Any], free: dict[str, Any]
) -> None:
    budget = make(CENT, **scope)
    client, sent = answering(budget=budget)
    client.chat(**{**CALL, **free})
    assert budget.spent == 0
    client.chat(**{**CALL, **counted})
    assert budget.spent == CENT
    with pytest.raises(BudgetExceededError, match=r"budget \(.*=.*\): 0\.01 of 0\.01 USD is spent") as caught:
        client.chat(**{**CALL, **counted})
    assert caught.value.attempts == ()
    client.chat(**{**CALL, **free})
    assert (budget.spent, budget.reserved, len(sent)) == (CENT, 0, 3)


@pytest.mark.parametrize("given", [KEY, key_fingerprint(KEY), [KEY, "rqsty-sk-other"]], ids=["key", "name", "list"])
def test_a_key_is_counted_by_its_fingerprint_and_kept_nowhere(make: Make, given: Any) -> None:
    budget = make(CENT, key=given)
    client, sent = answering(budget=budget)
    client.chat(**CALL)
    with pytest.raises(BudgetExceededError) as caught:
        client.chat(**CALL)
    assert KEY not in str(caught.value)
    assert key_fingerprint(KEY) in str(caught.value)
    assert KEY not in repr(vars(budget)) + budget.name
    assert len(sent) == 1
    other = make(CENT, key="rqsty-sk-other")
    client, _ = answering(budget=other)
    client.chat(**CALL)
    assert other.spent == 0


@pytest.mark.parametrize(
    ("window", "first", "same", "next_one"),
    [
        ("day", "2026-11-26T00:00:00", "2026-11-26T23:59:59", "2026-11-27T00:00:00"),
        ("month", "2026-11-01T00:00:00", "2026-11-30T23:59:59", "2026-12-01T00:00:00"),
    ],
)
def test_a_window_begins_anew_in_utc(
    make: Make, monkeypatch: pytest.MonkeyPatch, window: Any, first: str, same: str, next_one: str
) -> None:
    now = 0.0

    def at(text: str) -> None:
        nonlocal now
        now = datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()

    class Clock:
        time = staticmethod(lambda: now)
        time_ns = staticmethod(lambda: int(now * 1e9))
        monotonic = staticmethod(monotonic)

    monkeypatch.setattr(budget_module, "time", Clock)
    monkeypatch.setattr(shared, "time", Clock)
    budget = make(CENT, window=window)
    client, sent = answering(budget=budget)
    at(first)
    client.chat(**CALL)
    at(same)
    period = first[:10] if window == "day" else first[:7]
    with pytest.raises(BudgetExceededError, match=rf"\({period}\): .* wait until {period} \(UTC\) is over or raise"):
        client.chat(**CALL)
    at(next_one)
    assert budget.spent == 0
    client.chat(**CALL)
    assert (budget.spent, len(sent)) == (CENT, 2)
    # What is sent in one period and ends in the next counts in the one.
    wide = make(1, window=window, tag="wide")
    client, sent = answering(budget=wide)
    at(same)
    stream = client.stream(**CALL, options={"tags": ["wide"]})
    next(stream)
    at(next_one)
    list(stream)
    assert (wide.spent, wide.reserved) == (0, 0)
    at(same)
    assert (wide.spent, wide.reserved) == (CENT, 0)


def test_several_budgets_hold_together_or_not_at_all(make: Make) -> None:
    month, search = make(Decimal(1), window="month"), make(CENT, tag="search")
    budget = Budgets(month, search)
    client, sent = answering(budget=budget)
    client.chat(**CALL, options={"tags": ["search"]})
    assert (month.spent, search.spent) == (CENT, CENT)
    with pytest.raises(BudgetExceededError, match=r"budget \(tag=search\)"):
        client.chat(**CALL, options={"tags": ["search"]})
    assert month.reserved == 0
    client.chat(**CALL)
    assert (month.spent, search.spent, budget.spent) == (2 * CENT, CENT, CENT)
    assert len(sent) == 2


def test_what_nobody_bills_gives_its_reservation_back(make: Make) -> None:
    budget = make(1)
    refusing = httpx.MockTransport(lambda request: httpx.Response(401, json={"error": {"message": "no"}}))
    client = RequestyClient(api_key=KEY, transport=refusing, budget=budget, max_retries=0)
    with pytest.raises(Exception, match="no"):
        client.chat(**CALL)
    assert (budget.spent, budget.reserved, budget.unknown, budget.standing.calls) == (0, 0, 0, 0)


def test_two_hundred_calls_at_once_overshoot_by_no_more_than_is_documented(
    make: Make, gateway: GatewayEmulator
) -> None:
    limit = Decimal("0.002")
    budget, ledger = make(limit, tag="x"), CostLedger()
    settings: dict[str, Any] = {"base_url": gateway.base_url, "api_key": gateway.api_key, "ledger": ledger}
    client = RequestyClient(budget=budget, **settings)
    call = {"model": "openai/gpt-4o-mini", "messages": CALL["messages"], "max_tokens": 20}

    def ask(number: int) -> bool:
        try:
            if number % 2:
                list(client.stream(**call, options={"tags": ["x"]}))
            else:
                client.chat(**call, options={"tags": ["x"]})
        except BudgetExceededError:
            return False
        return True

    with ThreadPoolExecutor(200) as pool:
        served = sum(pool.map(ask, range(200)))
    assert budget.spent == ledger.total.cost == gateway.billed
    assert served == ledger.total.calls == len(gateway.requests)
    assert budget.reserved == 0
    # None costs more than its estimate here, so that at most one attempt, let in alone, may exceed the limit.
    assert budget.spent <= limit + max(entry.spend for entry in gateway.ledger)


async def test_two_hundred_tasks_at_once(make: Make, gateway: GatewayEmulator) -> None:
    one = RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key)
    usage = one.chat(model="openai/gpt-4o-mini", messages=CALL["messages"], max_tokens=20).usage
    assert usage is not None
    assert usage.cost is not None
    before, limit = gateway.billed, usage.cost * 10
    budget = make(limit)
    client = AsyncRequestyClient(base_url=gateway.base_url, api_key=gateway.api_key, budget=budget)

    async def ask() -> bool:
        try:
            await client.chat(model="openai/gpt-4o-mini", messages=CALL["messages"], max_tokens=20)
        except BudgetExceededError:
            return False
        return True

    served = sum(await asyncio.gather(*(ask() for _ in range(200))))
    assert 1 <= served < 200
    assert budget.spent == gateway.billed - before == usage.cost * served
    assert budget.spent <= limit + usage.cost


def test_streams_made_ahead_are_checked_when_they_begin(make: Make) -> None:
    client, sent = answering(budget=make(CENT))
    streams = [client.stream(**CALL) for _ in range(20)]
    list(streams[0])
    for stream in streams[1:]:
        with pytest.raises(BudgetExceededError):
            list(stream)
    assert len(sent) == 1


def test_streams_open_at_once_reserve_beside_each_other(make: Make) -> None:
    budget = make(Decimal("0.05"), model="a/b")
    client, sent = answering(budget=budget)
    client.chat(**CALL)
    # Without a price each reserves what the dearest has cost; four more fit into what is left.
    streams = [client.stream(**CALL) for _ in range(20)]
    begun = []
    for stream in streams:
        try:
            next(stream)
            begun.append(stream)
        except BudgetExceededError:
            continue
    assert len(begun) == 4
    assert budget.reserved == 4 * CENT
    for stream in begun:
        list(stream)
    assert (budget.spent, budget.reserved, len(sent)) == (Decimal("0.05"), 0, 5)


def test_a_budget_is_pickled_with_what_was_spent_and_its_scope(make: Make) -> None:
    budget = make(1, tag="x", window="day")
    budget.reserve(CENT)
    budget.record(Usage(cost=CENT))
    twin = pickle.loads(pickle.dumps(budget))
    assert (twin.limit, twin.spent, twin.window, str(twin.scope)) == (1, CENT, "day", "tag=x")


def test_a_budget_in_a_store_lasts_and_is_known_by_name(place: str) -> None:
    Budget(1, store=place, tag="x").record(Usage(cost=CENT))
    Budget(1, store=place, name="mine").record(Usage(cost=2 * CENT))
    assert Budget(5, store=place, tag="x").spent == CENT
    assert Budget(5, store=place, name="mine", tag="y").spent == 2 * CENT
    assert Budget(5, store=place).spent == 0


def test_the_reservation_of_a_process_that_died_expires(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Budget(1, store=place, expiry=60).reserve(Decimal("0.9"))
    budget = Budget(1, store=place)
    assert budget.reserved == Decimal("0.9")
    with pytest.raises(BudgetExceededError, match=r"0\.9 is reserved"):
        budget.reserve(Decimal("0.9"))
    real = shared._now
    monkeypatch.setattr(shared, "_now", lambda: real() + 61_000_000)
    assert budget.reserved == 0
    late = budget.reserve(Decimal("0.9"))
    # What ends after its reservation has expired still counts, once.
    monkeypatch.setattr(shared, "_now", lambda: real() + 10_000_000_000)
    budget.settle(late, Usage(cost=Decimal("0.8")))
    budget.settle(late, Usage(cost=Decimal("0.8")))
    assert (budget.spent, budget.reserved) == (Decimal("0.8"), 0)


def test_a_store_that_fails_refuses_nobody_and_forgets_nothing(place: str) -> None:
    budget = Budget(Decimal("0.035"), store=place)
    client, sent = answering(budget=budget)
    client.chat(**CALL)
    store = open_store(Location.of(place))

    def rename(old: str, new: str) -> None:
        with store.database.writing() as connection:
            connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")

    rename("requesty_budgets", "gone")
    client.chat(**CALL)
    client.chat(**CALL)
    client.chat(**CALL)
    # What this process knows still holds.
    with pytest.raises(BudgetExceededError, match=r"0\.04 of 0\.035 USD is spent"):
        client.chat(**CALL)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        budget.spent  # noqa: B018
    assert len(sent) == 4
    rename("gone", "requesty_budgets")
    assert store.flush()
    assert budget.spent == Decimal("0.04")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"limit": "lots"}, "budget: 'lots' is not an amount; give USD as a number of at least 0"),
        ({"limit": -1}, "budget: -1 is not an amount"),
        ({"limit": 1, "tag": 5}, "budget: tag: 5 is no text; give one, or a list of them"),
        ({"limit": 1, "model": ["a/b", ""]}, r"budget: model: \['a/b', ''\] is no text"),
        ({"limit": 1, "key": 5}, "budget: key: a int is no text"),
        ({"limit": 1, "window": "week"}, "budget: window: 'week' is unknown; give 'total', 'day' or 'month'"),
        ({"limit": 1, "expiry": 0}, "budget: expiry: 0 is not a usable limit; give seconds above 0"),
        ({"limit": 1, "store": 5}, "budget: store: 5 is no place"),
    ],
)
def test_what_is_no_budget_is_told(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigurationError, match=told):
        Budget(**arguments)


def test_what_is_no_group_of_budgets_is_told() -> None:
    with pytest.raises(ConfigurationError, match=r"Budgets\(\) is empty"):
        Budgets()
    with pytest.raises(ConfigurationError, match="a float is not a budget"):
        Budgets(Budget(1), 1.0)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"budget: .* is not a budget; give Budgets\(…\) of them"):
        RequestyClient(api_key=KEY, budget=[Budget(1), Budget(2)])  # type: ignore[arg-type]


# --- what decides, without IO -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spent", "reserved", "amount", "fits"),
    [
        ("0", "0", "5", True),
        ("0.99", "0", "5", True),
        ("1", "0", "0", False),
        ("0.5", "0.3", "0.2", True),
        ("0.5", "0.3", "0.21", False),
    ],
)
def test_one_alone_is_let_in_and_others_must_fit(spent: str, reserved: str, amount: str, fits: bool) -> None:
    standing = Standing(Decimal(spent), Decimal(reserved))
    assert (refusal(standing, Decimal(amount), Decimal(1), Scope(), "") is None) == fits


@pytest.mark.parametrize(
    ("estimate", "dearest", "amount"),
    [("0.2", "0.5", "0.2"), (None, "0.5", "0.5"), (None, None, "0.01"), ("0", "1", "0")],
)
def test_what_is_reserved(estimate: str | None, dearest: str | None, amount: str) -> None:
    standing = Standing(dearest=None if dearest is None else Decimal(dearest))
    given = None if estimate is None else Decimal(estimate)
    assert reservation(given, standing, Decimal(1)) == Decimal(amount)


def test_periods_and_scopes() -> None:
    assert [period_of(window, 0) for window in ("total", "day", "month")] == ["", "1970-01-01", "1970-01"]  # type: ignore[arg-type]
    scope = Scope.of(tag=["b", "a"], model="x/*")
    assert str(scope) == "tag=a,b model=x/*"
    assert scope.matches(Spender("x/y", ("a",)))
    assert not scope.matches(Spender("y/x", ("a",)))
    assert not scope.matches(Spender("x/y"))
