"""Model ids, waiting times, tokens and money: what holds for every value, and tables of the ones seen."""

from __future__ import annotations

import copy
import math
import pickle
import random
import sys
import threading
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from requesty_core import (
    Budget,
    BudgetExceededError,
    ConfigurationError,
    CostLedger,
    LedgerEntry,
    ModelId,
    RateLimitError,
    RetryPolicy,
    Usage,
)
from requesty_core.money.usage import money, parse_usage, sum_usage
from requesty_core.retry.backoff import parse_retry_after

# --- model ids --------------------------------------------------------------------------------------------------------

ids = st.one_of(
    st.text(min_size=1),
    st.lists(st.sampled_from(["openai", "policy", "coding", "/", ":", "@", "gpt-4o", "eu", " ", "é"]), min_size=1).map(
        "".join
    ),
).filter(str.strip)


@given(ids)
@example("/")
@example("@")
@example(":")
@example("a/:@")
@example("policy/")
@example("coding/x:high@eu")
def test_any_id_round_trips_byte_for_byte(text: str) -> None:
    parsed = ModelId.parse(text)
    assert str(parsed) == text
    assert ModelId.parse(str(parsed)) == parsed
    if parsed.kind == "policy":
        assert parsed.lookup_keys == ()
    else:
        assert parsed.lookup_keys[0] == text
        assert len(set(parsed.lookup_keys)) == len(parsed.lookup_keys)


MODEL_IDS = [
    # id, kind, prefix, name, variant, region
    ("claude-sonnet-4-5", "managed", None, "claude-sonnet-4-5", None, None),
    ("gpt-5-mini@eu", "managed", None, "gpt-5-mini", None, "eu"),
    ("smart-task", "managed", None, "smart-task", None, None),
    ("policy/sonnet-with-fallback", "policy", "policy", "sonnet-with-fallback", None, None),
    ("policy/a:b@c/d", "policy", "policy", "a:b@c/d", None, None),
    ("openai/gpt-4o-mini", "routed", "openai", "gpt-4o-mini", None, None),
    ("deepinfra/Qwen/QwQ-32B", "routed", "deepinfra", "Qwen/QwQ-32B", None, None),
    ("vertex/google/gemini-2.5-pro", "routed", "vertex", "google/gemini-2.5-pro", None, None),
    ("bedrock/claude-sonnet-4-5@eu-central-1", "routed", "bedrock", "claude-sonnet-4-5", None, "eu-central-1"),
    ("azure/gpt-4.1@swedencentral", "routed", "azure", "gpt-4.1", None, "swedencentral"),
    ("coding/claude-4-sonnet", "dedicated", "coding", "claude-4-sonnet", None, None),
    ("cline/claude-3-7-sonnet:max", "dedicated", "cline", "claude-3-7-sonnet", "max", None),
    ("cline/claude-3-7-sonnet:1024", "dedicated", "cline", "claude-3-7-sonnet", "1024", None),
    ("openai-responses/gpt-5", "routed", "openai-responses", "gpt-5", None, None),
    ("openai/o3-mini:high", "routed", "openai", "o3-mini", "high", None),
    ("openai/o4-mini:flex", "routed", "openai", "o4-mini", "flex", None),
    ("openai/o3-mini:high@eu", "routed", "openai", "o3-mini", "high", "eu"),
    ("openai/text-embedding-3-small", "routed", "openai", "text-embedding-3-small", None, None),
    ("meta/llama:free", "routed", "meta", "llama", "free", None),
    ("Policy/x", "routed", "Policy", "x", None, None),
    ("a/b:", "routed", "a", "b:", None, None),
    ("a/:b", "routed", "a", ":b", None, None),
    ("a/@eu", "routed", "a", "@eu", None, None),
    ("a/", "routed", "a", "", None, None),
]


@pytest.mark.parametrize(
    ("text", "kind", "prefix", "name", "variant", "region"), MODEL_IDS, ids=[m[0] for m in MODEL_IDS]
)
def test_model_ids(text: str, kind: Any, prefix: Any, name: str, variant: Any, region: Any) -> None:
    assert ModelId.parse(text) == ModelId(kind, prefix, name, variant, region)
    assert str(ModelId.parse(text)) == text


def test_lookup_goes_from_the_exact_id_to_the_bare_one() -> None:
    keys = ("a/m:high@eu", "a/m:high", "a/m@eu", "a/m")
    assert ModelId.parse("a/m:high@eu").lookup_keys == keys
    assert ModelId.parse("m@eu").lookup_keys == ("m@eu", "m")
    assert ModelId.parse("a/m").lookup_keys == ("a/m",)


@pytest.mark.parametrize("text", ["", "  ", "\n", None, 5, b"a/b"])
def test_what_is_no_model_id(text: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"model: .*'openai/gpt-4o-mini'"):
        ModelId.parse(text)


# --- waiting ----------------------------------------------------------------------------------------------------------

seconds = st.floats(1e-3, 1e3)


@given(
    seconds,
    seconds,
    st.floats(0, 1),
    seconds,
    st.integers(1, 10_000),
    st.one_of(st.none(), st.floats(0, 1e12)),
    st.integers(),
)
def test_a_delay_stays_in_its_bounds(
    base: float, cap: float, jitter: float, limit: float, failures: int, asked: float | None, seed: int
) -> None:
    policy = RetryPolicy(base=base, cap=cap, jitter=jitter, max_retry_after=limit)
    delay = policy.delay(failures, RateLimitError("x", retry_after=asked), random.Random(seed))
    backoff = min(cap, base * 2.0 ** min(failures - 1, 30))
    floor = asked or 0.0
    if floor > limit:
        assert delay is None
        return
    assert delay is not None
    assert max(floor, backoff * (1 - jitter)) <= delay * (1 + 1e-9)
    assert delay <= max(floor, backoff * (1 + jitter)) * (1 + 1e-9)


def test_without_jitter_the_delay_doubles_up_to_the_cap() -> None:
    policy = RetryPolicy(base=0.5, cap=8, jitter=0)
    delays = [policy.delay(n, RateLimitError("x"), random.Random(0)) for n in range(1, 8)]
    assert delays == [0.5, 1, 2, 4, 8, 8, 8]


NOW = 1_800_000_000.0


def _date(offset: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=offset), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 1.5 "}, 1.5),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "1e9"}, 1e9),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e999"}, sys.float_info.max),
        ({"retry-after": "9" * 400}, sys.float_info.max),
        ({"retry-after-ms": "1e999", "retry-after": "2"}, sys.float_info.max / 1000),
        ({"retry-after": "-1e999"}, None),
        ({"retry-after": " +Infinity "}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": _date(20)}, 20.0),
        ({"retry-after": _date(-20)}, 0.0),
        ({"retry-after": _date(20).replace("GMT", "-0000")}, 20.0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, 253402300799 - NOW),
        ({"retry-after": "Mon, 01 Jan 0001 00:00:00 -2359"}, 0.0),
        ({"retry-after": "99 99 99"}, None),
        ({"retry-after-ms": "1500", "retry-after": "60"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "60"}, 60.0),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float | None) -> None:
    assert parse_retry_after(headers, NOW) == expected


@given(st.text(), st.text(), st.floats(0, 1e11))
def test_no_retry_after_is_too_odd(text: str, millis: str, now: float) -> None:
    for headers in ({"retry-after": text}, {"retry-after-ms": millis, "retry-after": text}):
        value = parse_retry_after(headers, now)
        assert value is None or (value >= 0 and math.isfinite(value))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"base": 0}, r"retry.base: 0 is not a usable limit"),
        ({"base": -1}, r"retry.base: -1 is negative"),
        ({"base": None}, r"retry.base: None is not a number"),
        ({"cap": "8"}, r"retry.cap: '8' is not a number"),
        ({"max_retry_after": math.nan}, r"retry.max_retry_after: nan is not a number"),
        ({"jitter": 1.5}, r"retry.jitter: 1.5 is not a fraction; give 0 to 1"),
        ({"jitter": "a bit"}, r"retry.jitter: 'a bit' is not a fraction"),
        ({"jitter": math.nan}, r"retry.jitter: nan is not a fraction"),
        ({"jitter": None}, r"retry.jitter: None is not a fraction"),
    ],
)
def test_bad_retry_settings(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=text):
        RetryPolicy(**settings)


# --- money and tokens -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, Decimal(0)),
        (0.0005208, Decimal("0.0005208")),
        (1e-7, Decimal("1E-7")),
        ("12.5", Decimal("12.5")),
        (" 500 ", Decimal(500)),
        ("0", Decimal(0)),
        (Decimal("1.10"), Decimal("1.10")),
        (None, None),
        (True, None),
        ("", None),
        ("free", None),
        ("NaN", None),
        ("Infinity", None),
        (math.inf, None),
        (math.nan, None),
        ([], None),
        ({}, None),
        ("$5", None),
        ("1e9999999", None),
        ("1e-9999999", None),
    ],
)
def test_money(value: Any, expected: Decimal | None) -> None:
    assert money(value) == expected


def test_an_absurd_amount_is_still_an_amount() -> None:
    assert money(10**6000) == Decimal(10) ** 6000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ["prompt_tokens", "completion_tokens", "total_tokens", "cost", "total_cost", "prompt_tokens_details"]
FIELDS += ["input_tokens", "output_tokens", "completion_tokens_details", "cached_tokens", "cache_read_input_tokens"]


@given(json_values)
def test_money_of_anything_is_finite_or_unknown(value: Any) -> None:
    amount = money(value)
    assert amount is None or amount.is_finite()


@given(st.one_of(json_values, st.dictionaries(st.sampled_from(FIELDS), json_values)))
def test_usage_of_anything_is_counts_or_nothing(value: Any) -> None:
    usage = parse_usage(value)
    assert (usage is None) == (not isinstance(value, dict))
    if usage is not None:
        counts = (usage.input_tokens, usage.output_tokens, usage.total_tokens, usage.cached_tokens)
        assert all(isinstance(c, int) and c >= 0 for c in counts)
        assert usage.raw == value or "nan" in repr(value)


FULL = {
    "prompt_tokens": 130,
    "completion_tokens": 10,
    "total_tokens": 1251,
    "prompt_tokens_details": {
        "cached_tokens": 20,
        "caching_tokens": 100,
        "caching_token_details": {"caching_5m_tokens": 100},
    },
    "completion_tokens_details": {"reasoning_tokens": 4},
    "cost": 0.0005208,
}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (FULL, (130, 10, 1251, 20, 100, 4, Decimal("0.0005208"))),
        ({}, (0, 0, 0, 0, 0, 0, None)),
        ({"prompt_tokens": 3, "completion_tokens": 4}, (3, 4, 7, 0, 0, 0, None)),
        ({"cost": 0}, (0, 0, 0, 0, 0, 0, Decimal(0))),
        ({"cost": "0.5"}, (0, 0, 0, 0, 0, 0, Decimal("0.5"))),
        ({"total_cost": 0.25}, (0, 0, 0, 0, 0, 0, Decimal("0.25"))),
        ({"cost": 0, "total_cost": 9}, (0, 0, 0, 0, 0, 0, Decimal(0))),
        ({"cost": None, "total_cost": "1"}, (0, 0, 0, 0, 0, 0, Decimal(1))),
        ({"prompt_tokens": "7", "completion_tokens": -3, "total_tokens": True}, (7, 0, 7, 0, 0, 0, None)),
        ({"prompt_tokens": "x", "completion_tokens": "1.5"}, (0, 0, 0, 0, 0, 0, None)),
        ({"prompt_tokens": 7.0}, (7, 0, 7, 0, 0, 0, None)),
        ({"prompt_tokens_details": None, "completion_tokens_details": []}, (0, 0, 0, 0, 0, 0, None)),
        (
            {"input_tokens": 5, "output_tokens": 2, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 1},
            (5, 2, 7, 1, 3, 0, None),
        ),
        (
            {
                "input_tokens": 5,
                "input_tokens_details": {"cached_tokens": 1},
                "output_tokens_details": {"reasoning_tokens": 2},
            },
            (5, 0, 5, 1, 0, 2, None),
        ),
        ({"prompt_tokens": math.inf, "completion_tokens": -math.inf}, (0, 0, 0, 0, 0, 0, None)),
    ],
)
def test_usage(raw: dict[str, Any], expected: tuple[Any, ...]) -> None:
    u = parse_usage(raw)
    assert u is not None
    got = (
        u.input_tokens,
        u.output_tokens,
        u.total_tokens,
        u.cached_tokens,
        u.caching_tokens,
        u.reasoning_tokens,
        u.cost,
    )
    assert got == expected
    assert u.raw is raw


costs = st.one_of(st.none(), st.decimals(0, 100, places=6))
usages = st.builds(Usage, input_tokens=st.integers(0, 99), output_tokens=st.integers(0, 99), cost=costs)


@given(st.lists(usages, max_size=6))
def test_a_sum_is_known_only_if_every_part_is(parts: list[Usage]) -> None:
    total = sum_usage(parts)
    if not parts:
        assert total is None
        return
    assert total is not None
    assert total.input_tokens == sum(p.input_tokens for p in parts)
    known = [p.cost for p in parts if p.cost is not None]
    assert total.cost == (sum(known) if len(known) == len(parts) else None)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.one_of(st.none(), usages)), max_size=8))
def test_a_ledger_adds_known_costs_and_counts_the_unknown(calls: list[tuple[str, Usage | None]]) -> None:
    ledger = CostLedger()
    for model, usage in calls:
        ledger.record(model, usage, tags=[model, "all"], trace_id=model)
    snapshot = ledger.snapshot()
    known = [u.cost for _, u in calls if u is not None and u.cost is not None]
    assert snapshot.total.cost == sum(known)
    assert snapshot.total.unknown == len(calls) - len(known)
    assert snapshot.total.calls == len(calls) == sum(e.calls for e in snapshot.by_model.values())
    assert snapshot.by_trace == snapshot.by_model
    assert snapshot.by_tag.get("all", LedgerEntry()) == snapshot.total
    assert pickle.loads(pickle.dumps(ledger)).snapshot() == snapshot
    assert ledger.reset() == snapshot
    assert ledger.total == LedgerEntry()


def test_a_ledger_is_one_account_for_all_copies_and_threads() -> None:
    ledger, budget = CostLedger(), Budget(1)
    assert copy.deepcopy(ledger) is ledger
    assert copy.deepcopy(budget) is budget

    def spend() -> None:
        for _ in range(200):
            ledger.record("m", Usage(cost=Decimal("0.01")))

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.total.cost == 8


def test_a_budget_refuses_once_it_is_spent() -> None:
    budget = Budget("0.02")
    budget.record(Usage(cost=Decimal("0.01")))
    budget.record(None)
    budget.check()
    assert budget.unknown == 1
    budget.record(Usage(cost=Decimal("0.01")))
    assert budget.spent == budget.limit
    with pytest.raises(BudgetExceededError, match=r"0\.02 of 0\.02 USD"):
        budget.check()
    with pytest.raises(BudgetExceededError):
        pickle.loads(pickle.dumps(budget)).check()


@pytest.mark.parametrize("limit", ["x", -1, None, True, math.nan, math.inf, "NaN", []])
def test_bad_budgets(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"budget: .* is not an amount; give USD"):
        Budget(limit)


def test_a_ledger_keeps_the_traces_used_last_and_adds_up_what_is_too_many() -> None:
    ledger = CostLedger(traces=3)
    usage = Usage(input_tokens=1, cost=Decimal(1))
    for number in range(10_050):
        ledger.record(f"m{number}", usage, tags=[f"t{number}"], trace_id=f"x{number % 5}")
    ledger.record("m0", usage, trace_id="x3")
    ledger.record("m0", usage, trace_id="x0")
    snapshot = ledger.snapshot()
    assert list(snapshot.by_trace) == ["x4", "x3", "x0"]
    assert len(snapshot.by_model) == len(snapshot.by_tag) == 10_001
    assert snapshot.by_tag["(others)"].cost == snapshot.by_model["(others)"].cost == 50
    assert sum(entry.calls for entry in snapshot.by_model.values()) == ledger.total.calls == 10_052
    assert CostLedger(traces=0).snapshot().by_trace == {}
    untraced = CostLedger(traces=0)
    untraced.record("m", usage, trace_id="x")
    assert untraced.snapshot().by_trace == {}
    many = CostLedger()
    for number in range(5_000):
        many.record("m", usage, trace_id=str(number))
    assert len(many.snapshot().by_trace) == 1_000
    with pytest.raises(ConfigurationError, match=r"^ledger: traces: "):
        CostLedger(traces=-1)
