"""Attempts that did not end well leave in the ledger what was told, or an unknown if they may have been billed."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from requesty_core import (
    AsyncRequestyClient,
    Budget,
    CostLedger,
    FallbackPolicy,
    RequestyClient,
    RequestyError,
    TextDelta,
)
from requesty_emulator import Fault, GatewayEmulator

CALL: dict[str, Any] = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hello!"}]}


@pytest.fixture
def gw(gateway: GatewayEmulator) -> GatewayEmulator:
    gateway.say(text="one two three four")
    return gateway


def settings(gw: GatewayEmulator, **more: Any) -> dict[str, Any]:
    return {"base_url": gw.base_url, "api_key": gw.api_key, "max_retries": 0, **more}


@pytest.mark.parametrize(
    ("fault", "calls", "unknown", "tokens"),
    [
        ({"truncate_after_chunks": 3}, 1, 1, 0),
        ({"error_event": {"message": "gone"}, "error_after_chunks": 3}, 1, 1, 0),
        ({"truncate_after_chunks": 3, "usage": "every_chunk"}, 1, 1, 8),
        ({"error_event": {"message": "gone"}, "error_after_chunks": 1}, 0, 0, 0),
        # Nothing visible had come, but the gateway was at work: silence proves nothing.
        ({"truncate_after_chunks": 1}, 1, 1, 0),
        ({"status": 503}, 0, 0, 0),
        ({"error_in_200": "boom"}, 0, 0, 0),
    ],
    ids=str,
)
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_failed_streams(
    gw: GatewayEmulator, fault: dict[str, Any], calls: int, unknown: int, tokens: int, is_async: bool
) -> None:
    ledger, budget = CostLedger(), Budget("1")
    gw.fail_next(fault=Fault(**fault))

    async def read() -> None:
        async with AsyncRequestyClient(**settings(gw, ledger=ledger, budget=budget)).stream(**CALL) as stream:
            async for _ in stream:
                pass

    def read_all() -> None:
        if is_async:
            asyncio.run(read())
        else:
            with RequestyClient(**settings(gw, ledger=ledger, budget=budget)).stream(**CALL) as stream:
                list(stream)

    with pytest.raises(RequestyError):
        read_all()
    total = ledger.total
    assert (total.calls, total.unknown, total.input_tokens + total.output_tokens) == (calls, unknown, tokens)
    assert (total.cost, budget.unknown) == (Decimal(0), unknown)


@pytest.mark.parametrize(("after", "calls"), [("text", 1), ("nothing", 0)])
def test_streams_left_early(gw: GatewayEmulator, after: str, calls: int) -> None:
    ledger = CostLedger()
    gw.fault(chunk_delay=0.2) if after == "text" else gw.fault(delay=2.0)
    client = RequestyClient(**settings(gw, ledger=ledger))
    stream = client.stream(**CALL)
    if after == "text":
        next(event for event in stream if isinstance(event, TextDelta))
    stream.close()
    assert (ledger.total.calls, ledger.total.unknown) == (calls, calls)


def test_the_loser_of_a_race_is_of_unknown_cost(gw: GatewayEmulator) -> None:
    ledger = CostLedger()
    gw.fault(model="openai/gpt-4o-mini", delay=2.0)
    client = RequestyClient(
        **settings(gw, ledger=ledger, fallbacks=["openai/gpt-4o"], fallback_policy=FallbackPolicy(hedge_after=0.05))
    )
    with client.stream(**CALL) as stream:
        list(stream)
    # It was cancelled before it said anything, but it had been sent; the winner's bill is known.
    attempts = stream.message.attempts
    assert [(attempt.outcome, attempt.phase) for attempt in attempts] == [("cancelled", "sent"), ("ok", "answered")]
    assert (ledger.total.calls, ledger.total.unknown) == (2, 1)
    assert attempts[0].estimate is not None
    assert ledger.total.estimated == attempts[0].estimate
    assert ledger.total.cost == stream.message.usage.cost
