"""The emulator forgets: a stated number and size of requests, and of what else grows with them."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress
from decimal import Decimal
from typing import Any

import httpx
import pytest

from requesty_emulator import ConfigError, Fault, GatewayEmulator, LedgerEntry, RecordedRequest, Settings, WorkedAnswer
from requesty_emulator.gateway.accounts import Accounts, Totals
from requesty_emulator.gateway.core import Core
from requesty_emulator.gateway.records import now

from .wire import CHAT, ask

MODELS = ["openai/gpt-4o-mini", "openai/gpt-4o", "anthropic/claude-sonnet-4-5"]


def send(gateway: GatewayEmulator, path: str, *bodies: dict[str, Any]) -> list[Any]:
    headers = {"authorization": f"Bearer {gateway.api_key}"}
    with httpx.Client(base_url=gateway.management_url, headers=headers, trust_env=False) as client:
        return [client.post(path, json=body).json() for body in bodies]


def test_the_newest_requests_are_kept() -> None:
    with GatewayEmulator(keep_requests=3) as gateway:
        send(gateway, CHAT, *[ask(f"say '{number}'") for number in range(8)])
        kept = [request.body["messages"][0]["content"] for request in gateway.requests]
        assert kept == ["say '5'", "say '6'", "say '7'"]
        assert gateway.forgotten_requests == 5
        assert gateway.last_request.body["messages"][0]["content"] == "say '7'"
        gateway.clear()
        assert (gateway.requests, gateway.forgotten_requests) == ([], 0)


def test_requests_are_kept_up_to_a_size() -> None:
    with GatewayEmulator(keep_bytes=100_000, keep_answers=0) as gateway:
        send(gateway, CHAT, *[ask("x" * 30_000)] * 10)
        assert len(gateway.requests) == 3
        assert sum(request.size for request in gateway.requests) <= 100_000
        send(gateway, CHAT, ask("x" * 200_000))
        assert [len(request.raw) > 200_000 for request in gateway.requests] == [True]


def test_answers_count_and_are_kept_up_to_a_size() -> None:
    with GatewayEmulator(keep_bytes=100_000, keep_answers=5_000) as gateway:
        for _ in range(40):
            gateway.say("y" * 10_000)
        send(gateway, CHAT, *[ask("hello")] * 40)
        assert gateway.wait_idle()
        assert [len(request.sent.data) for request in gateway.requests] == [5_000] * len(gateway.requests)
        assert all(request.sent.size > 10_000 for request in gateway.requests)
        assert 90_000 < sum(request.size for request in gateway.requests) <= 100_000


def test_ten_thousand_large_requests_take_no_more_memory_than_a_few() -> None:
    """Of the log itself, without the work of answering: 10,000 requests of 100 kB would be a gigabyte."""
    core = Core(Settings())
    tracemalloc.start()
    try:
        for number in range(10_000):
            core.opened(RecordedRequest("POST", CHAT, {"content-type": "application/json"}, b"%06d" % number * 16_667))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 80_000_000
    assert len(core.requests) + core.forgotten == 10_000
    assert core.requests[-1].raw.startswith(b"009999")


def test_without_limits_all_are_kept() -> None:
    with GatewayEmulator(keep_requests=None, keep_bytes=None) as gateway:
        send(gateway, CHAT, *[ask("hello")] * 40)
        assert (len(gateway.requests), gateway.forgotten_requests) == (40, 0)


def test_the_fixture_keeps_all_of_one_test(gw: GatewayEmulator) -> None:
    assert (gw.settings.keep_requests, gw.settings.keep_bytes) == (None, None)


def test_a_body_is_kept_once(gw: GatewayEmulator, http: httpx.Client) -> None:
    http.post(CHAT, json=ask("hello", user="ada"))
    request = gw.last_request
    assert request.body == ask("hello", user="ada")
    assert request.body is not request.body
    assert gw.ledger[-1].user_id == "ada"


def test_long_conversations_are_forgotten_too() -> None:
    with GatewayEmulator(check_context=False) as gateway:
        body = {"model": "openai/gpt-4o-mini", "input": "x" * 4_000_000}
        first, *_ = send(gateway, "/v1/responses", *[body] * 6)
        assert len(gateway.state.conversations) <= 4
        (lost,) = send(gateway, "/v1/responses", {**body, "input": "hi", "previous_response_id": first["id"]})
        assert "not found" in lost["error"]["message"]


@pytest.mark.parametrize("switch", ["keep_requests", "keep_bytes"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "many"])
def test_a_wrong_limit_is_said(switch: str, value: object) -> None:
    with pytest.raises(ConfigError, match=switch):
        GatewayEmulator(**{switch: value})


def books(gateway: GatewayEmulator) -> tuple[Any, ...]:
    """All that the books say of what was billed, whether or not they kept each call."""
    today = {"start": f"{now():%Y-%m-%d}T00:00:00Z", "resolution": "hour"}
    headers = {"authorization": f"Bearer {gateway.api_key}"}
    with httpx.Client(base_url=gateway.management_url, headers=headers, trust_env=False) as client:
        groups = [("group_by", "model_used"), ("group_by", "api_key_id")]
        report = client.get("/v1/manage/org/usage", params=[*today.items(), *groups]).json()
    spend = [gateway.spend(name) for name in ("model_requested", "model_used", "api_key_id", "provider_used")]
    return gateway.billed, gateway.totals, spend, report


def test_totals_are_exact_whatever_is_kept() -> None:
    bodies = [ask(f"say '{number}'", model=MODELS[number % 3], user=f"u{number}") for number in range(30)]
    found = []
    for keep in (None, 4):
        with GatewayEmulator(keep_requests=keep, keep_bytes=None) as gateway:
            gateway.fail_next(fault=Fault(cut_after_bytes=10))
            with suppress(httpx.TransportError):
                send(gateway, CHAT, bodies[0])
            send(gateway, CHAT, *bodies)
            assert gateway.wait_idle()
            assert len(gateway.ledger) == len(gateway.worked) == (keep or 31)
            assert gateway.ledger[-1].user_id == "u29"
            found.append(books(gateway))
            assert sum(entry.calls for entry in gateway.state.accounts.all()) == 31
            assert len(gateway.spend("user_id")) == (30 if keep is None else 5)
            assert sum(gateway.spend("user_id").values()) == gateway.billed
    assert found[0] == found[1]
    billed, totals, *_ = found[0]
    assert (totals.calls, totals.billed, totals.worked, totals.lost) == (31, billed, 31, 1)
    assert 0 < totals.lost_cost < totals.worked_cost == billed


def test_limits_of_keys_and_balances_count_forgotten_calls() -> None:
    with GatewayEmulator(keep_requests=1) as gateway:
        send(gateway, CHAT, ask("hello"))
        one = gateway.billed
        gateway.settings.balance = one * 3
        statuses = [send(gateway, CHAT, ask("hello"))[0].get("error", {}).get("message", "ok") for _ in range(4)]
        assert [said == "ok" for said in statuses] == [True, True, False, False]
        gateway.settings.balance = None
        gateway.state.keys["key-root"].monthly_limit = one * 4
        statuses = [send(gateway, CHAT, ask("hello"))[0].get("error", {}).get("message", "ok") for _ in range(3)]
        assert [said == "ok" for said in statuses] == [True, False, False]
        gateway.clear()
        assert (gateway.totals, gateway.billed, gateway.ledger, gateway.worked) == (Totals(), 0, [], [])
        assert send(gateway, CHAT, ask("hello"))[0]["choices"]


def test_books_of_a_hundred_thousand_calls_stay_small() -> None:
    accounts = Accounts(Settings(keep_requests=100))
    moment = now()
    tracemalloc.start()
    try:
        for number in range(100_000):
            user = f"user-{number}"
            entry = LedgerEntry(moment, "chat", "k", None, "m", "m", "p", Decimal("0.01"), 1, 1, user_id=user)
            accounts.bill(entry)
            accounts.work(WorkedAnswer(user, "k", "m", user, Decimal("0.01")))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
    assert (accounts.totals.calls, accounts.totals.billed, accounts.totals.lost) == (100_000, 1000, 100_000)
    assert sum(entry.calls for entry in accounts.all()) == 100_000
