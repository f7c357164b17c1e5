"""What an operator asks of a process: what it does, connections beforehand, an orderly end, health that is shared."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from tests.support.waiting import PATIENCE, aeventually, eventually
from tests.support.ways import MESSAGES, MODEL

from requesty_core import (
    AsyncRequestyClient,
    ConfigurationError,
    ConnectionFailedError,
    CostLedger,
    FallbackPolicy,
    HealthBoard,
    RequestTimeoutError,
    RequestyClient,
    RequestyError,
    adrain,
    awarm,
    drain,
    snapshot,
    warm,
)
from requesty_emulator import GatewayEmulator

OTHER = "anthropic/claude-sonnet-4-5"


def settings(gateway: GatewayEmulator, **more: Any) -> dict[str, Any]:
    return {"base_url": gateway.base_url, "api_key": gateway.api_key, "max_retries": 0, **more}


@pytest.fixture(autouse=True)
def nothing_under_way() -> None:
    assert drain(PATIENCE)


# --- what it does -----------------------------------------------------------------------------------------------------


def test_a_call_is_under_way_until_it_has_ended(gateway: GatewayEmulator) -> None:
    gateway.fault(delay=0.5)
    client = RequestyClient(**settings(gateway))
    caller = threading.Thread(target=client.chat, kwargs={"model": MODEL, "messages": MESSAGES})
    caller.start()
    assert eventually(lambda: len(snapshot().calls) == 1)
    (call,) = snapshot().calls
    assert (call.models, call.attempt, call.is_answering) == ((MODEL,), 1, False)
    assert 0 <= call.seconds < PATIENCE
    caller.join()
    assert snapshot().calls == ()


def test_a_stream_is_under_way_until_it_is_closed_or_read(gateway: GatewayEmulator) -> None:
    client = RequestyClient(**settings(gateway))
    unread = client.stream(model=MODEL, messages=MESSAGES)
    assert snapshot().calls == ()
    events = iter(unread)
    next(events)
    assert [call.is_answering for call in snapshot().calls] == [True]
    unread.close()
    assert snapshot().calls == ()
    for _ in client.stream(model=MODEL, messages=MESSAGES):
        assert len(snapshot().calls) == 1
    assert snapshot().calls == ()
    dropped = client.stream(model=MODEL, messages=MESSAGES)
    next(iter(dropped))
    del dropped
    assert eventually(lambda: snapshot().calls == ())


def test_a_failed_call_is_over(gateway: GatewayEmulator) -> None:
    gateway.fault(status=503)
    with pytest.raises(RequestyError):
        RequestyClient(**settings(gateway)).chat(model=MODEL, messages=MESSAGES)
    assert snapshot().calls == ()


def test_a_hedging_call_asks_two(gateway: GatewayEmulator) -> None:
    gateway.fault(delay=1.0)
    policy = FallbackPolicy(hedge_after=0.05)
    client = RequestyClient(**settings(gateway, fallbacks=[OTHER], fallback_policy=policy))
    caller = threading.Thread(target=client.chat, kwargs={"model": MODEL, "messages": MESSAGES})
    caller.start()
    assert eventually(lambda: [set(call.models) for call in snapshot().calls] == [{MODEL, OTHER}])
    assert [call.attempt for call in snapshot().calls] == [2]
    caller.join()


def test_what_cools_down_and_what_was_spent(gateway: GatewayEmulator) -> None:
    # Ledgers of other tests count until they are collected.
    gc.collect()
    before = snapshot()
    ledger = CostLedger()
    gateway.fault(MODEL, status=503)
    client = RequestyClient(**settings(gateway, fallbacks=[OTHER], ledger=ledger))
    client.chat(model=MODEL, messages=MESSAGES)
    now = snapshot()
    assert 0 < now.cooling[MODEL] <= 20
    assert now.cost - before.cost == ledger.total.cost == gateway.billed > 0
    said = now.as_dict()
    assert json.loads(json.dumps(said)) == said
    assert Decimal(said["cost"]) == now.cost
    assert gateway.api_key not in json.dumps(said)
    assert MESSAGES[0]["content"] not in json.dumps(said)


# --- an orderly end ---------------------------------------------------------------------------------------------------


def test_drain_waits_for_what_is_under_way(gateway: GatewayEmulator) -> None:
    gateway.fault(delay=0.4)
    ended: list[str] = []
    client = RequestyClient(**settings(gateway))
    caller = threading.Thread(target=lambda: ended.append(client.chat(model=MODEL, messages=MESSAGES).text))
    caller.start()
    assert eventually(lambda: bool(snapshot().calls))
    assert not drain(0.001)
    assert drain(PATIENCE)
    caller.join()
    assert len(ended) == 1


async def test_adrain_waits_for_what_is_under_way(gateway: GatewayEmulator) -> None:
    gateway.fault(delay=0.4)
    client = AsyncRequestyClient(**settings(gateway))
    task = asyncio.ensure_future(client.chat(model=MODEL, messages=MESSAGES))
    assert await aeventually(lambda: bool(snapshot().calls))
    assert not await adrain(0.01)
    assert await adrain(PATIENCE)
    assert (await task).text


async def test_a_cancelled_call_does_not_hold_up_the_end(gateway: GatewayEmulator) -> None:
    gateway.fault(delay=30)
    client = AsyncRequestyClient(**settings(gateway))
    task = asyncio.ensure_future(client.chat(model=MODEL, messages=MESSAGES))
    assert await aeventually(lambda: bool(snapshot().calls))
    task.cancel()
    assert await adrain(PATIENCE)


# --- connections beforehand -------------------------------------------------------------------------------------------


def test_warm_connections_carry_the_first_calls(serve: Any) -> None:
    from tests.support.socket_answers import unstreamed

    server = serve(lambda n: unstreamed())
    assert warm(server.base_url, connections=2) == 2
    assert warm(server.base_url, connections=2) == 0
    assert eventually(lambda: server.connections == 2)
    client = RequestyClient(api_key="k", base_url=server.base_url)
    assert client.chat(model=MODEL, messages=MESSAGES).text == "Hello"
    assert server.connections == 2


async def test_warm_connections_of_a_loop(serve: Any) -> None:
    from tests.support.socket_answers import unstreamed

    server = serve(lambda n: unstreamed())
    assert await awarm(server.base_url) == 1
    client = AsyncRequestyClient(api_key="k", base_url=server.base_url)
    assert (await client.chat(model=MODEL, messages=MESSAGES)).text == "Hello"
    assert server.connections == 1


@pytest.mark.parametrize("make", [warm, lambda *a, **k: asyncio.run(awarm(*a, **k))], ids=["sync", "async"])
def test_a_gateway_that_cannot_be_reached_is_typed(make: Callable[..., int]) -> None:
    with pytest.raises(ConnectionFailedError, match="no answer from the gateway"):
        make("http://127.0.0.1:9/v1", timeout=2)


@pytest.mark.parametrize("make", [warm, lambda *a, **k: asyncio.run(awarm(*a, **k))], ids=["sync", "async"])
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"connections": 0}, "connections: 0 is too small; give 1 or more"),
        ({"connections": "two"}, "connections: "),
        ({"timeout": -1}, "timeout: "),
        ({"base_url": "nowhere"}, "base_url: "),
        ({"region": "moon"}, "region: 'moon' is unknown"),
    ],
)
def test_bad_arguments_are_one_line(make: Callable[..., int], arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make(**{"base_url": "http://127.0.0.1:9/v1", **arguments} if "region" not in arguments else arguments)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("timeout", [-1, "soon", None, True])
def test_a_drain_of_nonsense_is_one_line(timeout: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^timeout: "):
        drain(timeout)


# --- health that is shared --------------------------------------------------------------------------------------------


def test_a_model_made_for_each_request_learns_from_the_others(gateway: GatewayEmulator) -> None:
    gateway.fault(MODEL, status=503)
    board = HealthBoard()
    policy = FallbackPolicy(health=board)
    for _ in range(5):
        client = RequestyClient(**settings(gateway, fallbacks=[OTHER], fallback_policy=policy))
        assert client.chat(model=MODEL, messages=MESSAGES).served_model
    asked = [request.model for request in gateway.requests]
    assert asked == [MODEL, OTHER, OTHER, OTHER, OTHER, OTHER]
    (health,) = board.snapshot().values()
    assert (health.failures, health.state) == (1, "open")
    assert 0 < health.seconds <= 20
    board.clear()
    assert board.snapshot() == {}
    client.chat(model=MODEL, messages=MESSAGES)
    assert gateway.requests[6].model == MODEL


def test_without_a_board_each_client_has_its_own(gateway: GatewayEmulator) -> None:
    gateway.fault(MODEL, status=503)
    for _ in range(2):
        RequestyClient(**settings(gateway, fallbacks=[OTHER])).chat(model=MODEL, messages=MESSAGES)
    assert [request.model for request in gateway.requests] == [MODEL, OTHER, MODEL, OTHER]


def test_a_board_remembers_the_models_that_failed_last() -> None:
    board, policy = HealthBoard(), FallbackPolicy()
    for number in range(3000):
        board.failed(f"model-{number}", time.monotonic(), policy, RequestTimeoutError("late"))
    assert len(board.snapshot()) == 1024
    assert "model-2999" in board.snapshot()
    assert "model-0" not in board.snapshot()


def test_a_policy_shares_its_board_with_its_copies_but_not_with_what_is_saved() -> None:
    board = HealthBoard()
    policy = FallbackPolicy(health=board, cooldown=5)
    assert copy.deepcopy(policy).health is board
    assert "health" not in repr(policy)
    assert policy == FallbackPolicy(cooldown=5)
    restored = pickle.loads(pickle.dumps(policy))
    assert restored == policy
    assert restored.health.snapshot() == {}


def test_a_board_of_nonsense_is_one_line() -> None:
    with pytest.raises(ConfigurationError, match=r"^fallback_policy.health: .* is not a HealthBoard"):
        FallbackPolicy(health=True)  # type: ignore[arg-type]
