from __future__ import annotations

import time
from collections import Counter

import httpx
import pytest

from requesty_emulator import ConfigError, GatewayEmulator, Policy

from .wire import CHAT, ask, error, joined, stream

FIRST, SECOND = "anthropic/claude-sonnet-4-5", "openai/gpt-4o"


@pytest.fixture
def fallback(gw: GatewayEmulator) -> Policy:
    policy = Policy(models=[FIRST, SECOND])
    gw.policies["safe"] = policy
    return policy


def test_the_first_member_answers(http: httpx.Client, gw: GatewayEmulator, fallback: Policy) -> None:
    response = http.post(CHAT, json=ask(model="policy/safe"))
    assert response.json()["model"] == "claude-sonnet-4-5"
    assert response.headers["x-requesty-provider"] == "anthropic"
    assert gw.last_request.attempts == [(FIRST, 200)]
    assert set(gw.spend("model_used")) == {FIRST}
    assert set(gw.spend()) == {"policy/safe"}


@pytest.mark.parametrize("status", [400, 401, 429, 500, 503, 529])
def test_a_failing_member_is_replaced_and_not_billed(
    http: httpx.Client, gw: GatewayEmulator, fallback: Policy, status: int
) -> None:
    gw.fault(model=FIRST, status=status)
    response = http.post(CHAT, json=ask(model="policy/safe"))
    assert response.json()["model"] == "gpt-4o"
    assert gw.last_request.attempts == [(FIRST, status), (SECOND, 200)]
    assert set(gw.spend("model_used")) == {SECOND}


@pytest.mark.parametrize(("status", "tries"), [(503, 3), (400, 1), (403, 1)])
def test_retries_are_for_errors_that_can_pass(http: httpx.Client, gw: GatewayEmulator, status: int, tries: int) -> None:
    gw.policies["patient"] = Policy(models=[FIRST, SECOND], retries=[2, 0])
    gw.fault(model=FIRST, status=status)
    assert http.post(CHAT, json=ask(model="policy/patient")).status_code == 200
    assert gw.last_request.attempts == [(FIRST, status)] * tries + [(SECOND, 200)]


def test_a_retry_may_succeed(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.policies["patient"] = Policy(models=[FIRST], retries=1)
    gw.fail_next(503, model=FIRST)
    assert http.post(CHAT, json=ask(model="policy/patient")).json()["model"] == "claude-sonnet-4-5"


def test_backoff_follows_the_time_scale(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.settings.time_scale = 0.02
    gw.policies["patient"] = Policy(models=[FIRST], retries=2)
    gw.fault(model=FIRST, status=503)
    started = time.perf_counter()
    assert http.post(CHAT, json=ask(model="policy/patient")).status_code == 503
    # Without the scale it would take 1.5 s.
    assert 0.03 <= time.perf_counter() - started < 1.4


def test_a_chain_is_bounded(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.settings.time_scale = 0
    gw.policies["stubborn"] = Policy(models=[FIRST], retries=10)
    gw.fault(model=FIRST, status=503)
    assert http.post(CHAT, json=ask(model="policy/stubborn")).status_code == 503
    assert len(gw.last_request.attempts) < 10


def test_the_last_error_is_reported_when_all_fail(http: httpx.Client, gw: GatewayEmulator, fallback: Policy) -> None:
    gw.fault(model=FIRST, status=503)
    gw.fault(model=SECOND, status=429)
    response = http.post(CHAT, json=ask(model="policy/safe"))
    assert response.status_code == 429
    assert error(response)["origin"] == "provider"


def test_a_fault_on_the_policy_itself(http: httpx.Client, gw: GatewayEmulator, fallback: Policy) -> None:
    gw.fail_next(502, model="policy/safe")
    assert http.post(CHAT, json=ask(model="policy/safe")).status_code == 502
    assert gw.last_request.attempts == []


def test_members_that_cannot_take_the_request_are_skipped(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.policies["wide"] = Policy(models=["openai/gpt-4o-mini", "vertex/gemini-2.5-pro"])
    response = http.post(CHAT, json=ask("word " * 120_000, model="policy/wide"))
    assert response.json()["model"] == "gemini-2.5-pro"


def test_policies_stream(http: httpx.Client, gw: GatewayEmulator, fallback: Policy) -> None:
    gw.fault(model=FIRST, status=503)
    chunks = stream(http, "Count from 1 to 3", model="policy/safe")
    assert chunks[0]["model"] == "gpt-4o"
    assert joined(chunks) == "1, 2, 3"


def served(http: httpx.Client, name: str, **requesty: str) -> str:
    body = ask(model=f"policy/{name}", **({"requesty": requesty} if requesty else {}))
    model: str = http.post(CHAT, json=body).json()["model"]
    return model


def test_balancing_is_sticky_by_trace_then_user(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.policies["split"] = Policy(kind="load_balancing", models=[FIRST, SECOND])
    for number in range(6):
        by_trace = {served(http, "split", trace_id=f"t{number}", user_id=f"u{again}") for again in range(3)}
        assert len(by_trace) == 1
    assert len({served(http, "split", user_id="same") for _ in range(4)}) == 1
    assert len({served(http, "split") for _ in range(20)}) == 2


def test_weights_are_normalised() -> None:
    policy = Policy(kind="load_balancing", models=["a", "b"], weights={"a": 3, "b": 1})
    counts = Counter(policy.choose(f"trace-{number}") for number in range(4000))
    assert 0.70 < counts["a"] / 4000 < 0.80
    only = Policy(kind="load_balancing", models=["a", "b"], weights={"a": 0, "b": 5})
    assert {only.choose(str(number)) for number in range(50)} == {"b"}


def test_latency_takes_the_fastest_and_then_the_next(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.policies["fast"] = Policy(kind="latency", models=[FIRST, SECOND], latency={FIRST: 0.9, SECOND: 0.2})
    assert served(http, "fast") == "gpt-4o"
    gw.fault(model=SECOND, status=503)
    assert served(http, "fast") == "claude-sonnet-4-5"


def test_policies_can_balance_policies(http: httpx.Client, gw: GatewayEmulator, fallback: Policy) -> None:
    gw.policies["outer"] = Policy(kind="load_balancing", models=["policy/safe"])
    assert served(http, "outer") == "claude-sonnet-4-5"
    gw.policies["loop"] = Policy(models=["policy/loop"])
    assert http.post(CHAT, json=ask(model="policy/loop")).status_code == 400


@pytest.mark.parametrize(
    "options",
    [
        {"models": []},
        {"models": ["a"], "kind": "magic"},
        {"models": ["a"], "retries": 11},
        {"models": ["a"], "weights": {"a": -1}},
    ],
)
def test_bad_policies_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError):
        Policy(**options)
