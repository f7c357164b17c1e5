"""What an attempt probably costs: by its size and limits before it is sent, by the tokens told after it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from requesty_core import Budget, CostLedger, RequestyClient, Usage
from requesty_core.calls.estimate import estimate_cost
from requesty_core.catalog import bundled
from requesty_core.catalog import estimate as priced
from requesty_emulator import Fault, GatewayEmulator

MODEL = "openai/gpt-4o-mini"
TIERED = "claude-sonnet-4-5"
MESSAGES = [{"role": "user", "content": "Hi"}]


def cost(model: str, input_tokens: int, output_tokens: int) -> Decimal | None:
    info = bundled().lookup(model)
    assert info is not None
    found = priced(Usage(input_tokens=input_tokens, output_tokens=output_tokens), info)
    return None if found is None else found.cost


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_an_answer_without_its_cost_is_priced_by_its_tokens(gateway: GatewayEmulator, streams: bool) -> None:
    ledger, budget = CostLedger(), Budget(1)
    client = RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key, ledger=ledger, budget=budget)
    gateway.fail_next(fault=Fault(usage="no_cost"))
    if streams:
        with client.stream(model=MODEL, messages=MESSAGES) as stream:
            list(stream)
            reply = stream.message
    else:
        reply = client.chat(model=MODEL, messages=MESSAGES)
    usage = reply.usage
    assert usage is not None
    assert usage.cost is None
    expected = cost(MODEL, usage.input_tokens, usage.output_tokens)
    assert expected is not None
    assert expected > 0
    assert reply.attempts[-1].estimate == ledger.total.estimated == expected
    assert (ledger.total.cost, ledger.total.unknown, budget.unknown) == (Decimal(0), 1, 1)


def test_an_answer_that_tells_its_cost_has_no_estimate(gateway: GatewayEmulator) -> None:
    ledger = CostLedger()
    client = RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key, ledger=ledger)
    reply = client.chat(model=MODEL, messages=MESSAGES)
    assert reply.attempts[-1].estimate is None
    assert ledger.total.estimated == 0


def test_a_long_prompt_costs_its_tier_as_a_whole() -> None:
    body: dict[str, Any] = {"messages": [{"role": "user", "content": "abcd" * 300_000}], "max_tokens": 1000}
    found = estimate_cost(bundled(), TIERED, body, 1_200_100)
    # 300,004 tokens at 6 USD a million and 1,000 at 22.5: the prices above 200,000.
    assert found == Decimal("1.822524")


def test_a_picture_is_not_priced_by_its_base64() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 1_000_000}}
    body: dict[str, Any] = {"messages": [{"role": "user", "content": [picture]}], "max_tokens": 10}
    found = estimate_cost(bundled(), MODEL, body, 1_000_100)
    assert found == cost(MODEL, 1024 + 4, 10)


@pytest.mark.parametrize(
    ("body", "output"),
    [
        ({}, 1024),
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 7, "max_tokens": 5}, 7),
        ({"max_tokens": 5, "n": 3}, 15),
        ({"max_tokens": -5}, 0),
        ({"encoding_format": "float"}, 0),
        ({"max_tokens": "5"}, 1024),
    ],
)
def test_how_long_an_answer_is_taken_to_be(body: dict[str, Any], output: int) -> None:
    assert estimate_cost(bundled(), MODEL, body, 400) == cost(MODEL, 100, output)


def test_without_a_price_nothing_is_made_up() -> None:
    assert estimate_cost(bundled(), "nobody/nothing", {}, 400) is None
    assert estimate_cost(bundled(), "nobody/nothing", {}, 400, Usage(input_tokens=5)) is None
