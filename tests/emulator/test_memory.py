"""The emulator forgets: a stated number and size of requests, and of what else grows with them."""

from __future__ import annotations

import tracemalloc
from typing import Any

import httpx
import pytest

from requesty_emulator import ConfigError, GatewayEmulator, RecordedRequest, Settings
from requesty_emulator.gateway.core import Core

from .wire import CHAT, ask


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
