"""The rules of retry and fallback, with a clock that only moves when a test says so."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.engine import ENDS, MOVES_ON, Call

from requesty_core import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ContextOverflowError,
    ErrorKind,
    FallbackExhaustedError,
    InsufficientBalanceError,
    NotFoundError,
    RateLimitError,
    RequestyError,
    RetryPolicy,
    ServerError,
    Step,
    Timeouts,
)
from requesty_core.retry.fallback import Send
from requesty_core.retry.steps import steps_from

# --- which failures move on -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", MOVES_ON)
def test_failures_another_model_may_not_have_move_on(cls: type[RequestyError]) -> None:
    assert Call(["a", "b"]).play(cls("x"), None) == ["a", "b"]


@pytest.mark.parametrize("cls", ENDS)
def test_failures_of_the_request_or_the_key_end_the_call_as_themselves(cls: type[RequestyError]) -> None:
    call, error = Call(["a", "b"], max_retries=3), cls("x")
    assert call.play(error) == ["a"]
    assert call.final() is error
    assert call.final() is error, "asking again changes nothing"


def test_every_kind_of_error_has_been_thought_of() -> None:
    thought_of = {cls.kind for cls in MOVES_ON + ENDS}
    assert thought_of | {ErrorKind.BUDGET, ErrorKind.EXHAUSTED} == set(ErrorKind)


@pytest.mark.parametrize("cls", MOVES_ON)
def test_a_single_model_is_retried_only_where_the_same_request_can_help(cls: type[RequestyError]) -> None:
    call, errors = Call(["a"], max_retries=2), [cls("x") for _ in range(3)]
    if cls.is_retryable:
        assert call.play(*errors) == ["a", 1.0, "a", 2.0, "a"]
        assert call.final() is errors[2]
    else:
        assert cls in (InsufficientBalanceError, NotFoundError, ContextOverflowError)
        assert call.play(errors[0]) == ["a"]
        assert call.final() is errors[0]


def test_the_list_can_be_replaced() -> None:
    never = Call(["a", "b"], should_fall_back=lambda e: False)
    never.play(RateLimitError("x"))
    assert isinstance(never.final(), RateLimitError)
    always = Call(["a", "b"], should_fall_back=lambda e: True)
    assert always.play(BadRequestError("x"), None) == ["a", "b"]
    seen: list[Any] = []
    Call(["a", "b"], should_fall_back=lambda e: bool(seen.append(e)) or True).play(error := AuthenticationError("x"))
    assert seen == [error]


def test_the_final_error_of_a_chain_holds_all_and_the_last_as_cause() -> None:
    call = Call(["a", "b"])
    first, last = RateLimitError("slow", status=429), ServerError("down", status=500, request_id="r", retry_after=3)
    call.play(first, last)
    error = call.final()
    assert isinstance(error, FallbackExhaustedError)
    assert error.errors == (first, last)
    assert error.__cause__ is last
    assert (error.status, error.request_id, error.retry_after) == (500, "r", 3)
    assert str(error) == "all 2 attempts on 2 model(s) failed: a: RateLimitError: slow; b: ServerError: down"


# --- how often --------------------------------------------------------------------------------------------------------

E = ServerError
TRIES: list[tuple[str, list[Any], dict[str, Any], int, list[Any]]] = [
    # what, chain, settings, failures before a success, what is done
    ("no retry is one request", ["a"], {}, 1, ["a"]),
    ("two retries", ["a"], {"max_retries": 2}, 2, ["a", 1.0, "a", 2.0, "a"]),
    (
        "backoff is capped",
        ["a"],
        {"max_retries": 6},
        6,
        ["a", 1.0, "a", 2.0, "a", 4.0, "a", 8.0, "a", 8.0, "a", 8.0, "a"],
    ),
    ("a chain does not retry by itself", ["a", "b"], {"max_retries": 5}, 1, ["a", "b"]),
    ("a step's own retries", [Step("a", retries=1), "b"], {}, 2, ["a", 1.0, "a", "b"]),
    (
        "a step's retries start afresh",
        [Step("a", retries=1), Step("b", retries=1)],
        {},
        3,
        ["a", 1.0, "a", "b", 1.0, "b"],
    ),
    ("a single step's own retries win", [Step("a", retries=1)], {"max_retries": 5}, 2, ["a", 1.0, "a"]),
    ("the same model twice", ["a", "a"], {}, 1, ["a", "a"]),
    ("an attempt budget of one", ["a", "b"], {"max_attempts": 1}, 1, ["a"]),
    ("an attempt budget across steps", ["a", "b", "c"], {"max_attempts": 2}, 2, ["a", "b"]),
    (
        "an attempt budget across retries",
        [Step("a", retries=9), "b"],
        {"max_attempts": 3},
        3,
        ["a", 1.0, "a", 2.0, "a"],
    ),
]


@pytest.mark.parametrize(("what", "chain", "options", "failures", "expected"), TRIES, ids=[t[0] for t in TRIES])
def test_how_often(what: str, chain: list[Any], options: dict[str, Any], failures: int, expected: list[Any]) -> None:
    call = Call(chain, **options)
    call.play(*[E("x") for _ in range(failures)])
    if len([x for x in expected if isinstance(x, str)]) > failures:
        call.play(None)
    else:
        assert isinstance(call.final(), (E, FallbackExhaustedError))
    assert call.log == expected


def test_attempts_are_numbered_from_one() -> None:
    call = Call([Step("a", retries=1), "b"])
    call.play(E("x"), E("x"), None)
    assert [s.number for s in call.sends] == [1, 2, 3]


def test_nothing_follows_a_success() -> None:
    call = Call(["a", "b", "c"], max_retries=3)
    call.play(E("x"), None)
    with pytest.raises(RequestyError):
        call.engine.next(call.now)
    assert call.engine.hedge(call.now) is None


def test_a_chain_needs_a_model() -> None:
    with pytest.raises(ConfigurationError, match="model: no model to call"):
        Call([])


# --- waiting ----------------------------------------------------------------------------------------------------------

WAITS = [
    # Retry-After, deadline, what is done by a single model with two retries
    (None, None, ["a", 1.0, "a"]),
    (0.2, None, ["a", 1.0, "a"]),
    (5.0, None, ["a", 5.0, "a"]),
    (60.0, None, ["a", 60.0, "a"]),
    (60.1, None, ["a"]),
    (1e9, None, ["a"]),
    (5.0, 5.5, ["a", 5.0, "a"]),
    (5.0, 5.0, ["a"]),
    (None, 0.9, ["a"]),
]


@pytest.mark.parametrize(("asked", "deadline", "expected"), WAITS)
def test_retry_after_is_a_floor_and_neither_too_long_nor_past_the_deadline(
    asked: float | None, deadline: float | None, expected: list[Any]
) -> None:
    call = Call(["a"], max_retries=2, deadline=deadline)
    error = RateLimitError("x", retry_after=asked)
    call.play(error)
    if len(expected) > 1:
        call.play(None)
    else:
        assert call.final() is error
    assert call.log == expected


def test_a_chain_does_not_wait_where_the_next_model_can_answer_now() -> None:
    assert Call(["a", "b"]).play(RateLimitError("x", retry_after=30), None) == ["a", "b"]


def test_a_step_that_asks_for_too_long_a_wait_gives_way_to_the_next() -> None:
    assert Call([Step("a", retries=3), "b"]).play(RateLimitError("x", retry_after=61), None) == ["a", "b"]


def test_a_step_with_no_time_left_for_its_retry_gives_way_to_the_next() -> None:
    call = Call([Step("a", retries=3), "b"], deadline=10)
    assert call.play(RateLimitError("x", retry_after=20), None) == ["a", "b"]


def test_jitter_spreads_the_waits() -> None:
    waits = set()
    for seed in range(50):
        call = Call(["a"], max_retries=1, retry=RetryPolicy(base=1.0, jitter=0.25))
        call.engine._random.seed(seed)
        call.play(E("x"), None)
        waits.add(call.log[1])
    assert len(waits) == 50
    assert all(0.75 <= w <= 1.25 for w in waits)


# --- the deadline -----------------------------------------------------------------------------------------------------


def test_nothing_is_sent_after_the_deadline() -> None:
    call = Call(["a", "b", "c"], deadline=10)
    call.play(E("x"), E("x"), seconds=5)
    error = call.final()
    assert call.log == ["a", "b"]
    assert isinstance(error, FallbackExhaustedError)
    assert len(error.errors) == 2


def test_the_deadline_counts_from_the_first_request_not_from_the_making_of_the_call() -> None:
    call = Call(["a"], deadline=10)
    call.now += 1000
    assert call.send().timeouts.total == 10


def test_each_attempt_gets_what_is_left_of_the_deadline() -> None:
    call = Call(["a", "b", "c"], deadline=10)
    call.play(E("x"), E("x"), None, seconds=4)
    assert [s.timeouts.total for s in call.sends] == [10, 6, 2]


CUTS = [
    # step, timeouts of the call, deadline, total, first token
    (Step("a"), Timeouts(), None, None, None),
    (Step("a"), Timeouts(total=7, first_token=3), None, 7, 3),
    (Step("a", timeout=5), Timeouts(total=7), None, 5, None),
    (Step("a", timeout=9), Timeouts(total=7), None, 9, None),
    (Step("a", timeout=9), Timeouts(), 4, 4, None),
    (Step("a", first_token_timeout=2), Timeouts(first_token=8), None, None, 2),
    (Step("a"), Timeouts(total=7, first_token=3), 100, 7, 3),
]


@pytest.mark.parametrize(("step", "timeouts", "deadline", "total", "first"), CUTS)
def test_time_limits_of_an_attempt(step: Step, timeouts: Timeouts, deadline: Any, total: Any, first: Any) -> None:
    got = Call([step], timeouts=timeouts, deadline=deadline).send().timeouts
    assert (got.total, got.first_token) == (total, first)
    assert (got.connect, got.read, got.write) == (timeouts.connect, timeouts.read, timeouts.write)


def test_the_time_limits_of_one_step_are_not_those_of_the_next() -> None:
    call = Call([Step("a", timeout=5, first_token_timeout=1), "b"], timeouts=Timeouts(total=60))
    call.play(E("x"), None)
    assert [(s.timeouts.total, s.timeouts.first_token) for s in call.sends] == [(5, 1), (60, None)]


# --- context windows --------------------------------------------------------------------------------------------------

WINDOWS = {"small": 8, "same": 8, "large": 32, "larger": 128}
OVERFLOWS = [
    # chain, what is tried when every model answers with an overflow
    (["small", "same", "large"], ["small", "large"]),
    (["small", "unknown"], ["small", "unknown"]),
    (["large", "small", "unknown", "larger"], ["large", "unknown", "larger"]),
    (["unknown", "small"], ["unknown", "small"]),
    (["small", "unknown", "same", "large"], ["small", "unknown", "large"]),
    (["larger", "small", "large"], ["larger"]),
    (["small", "large", "same", "larger"], ["small", "large", "larger"]),
]


@pytest.mark.parametrize(("chain", "tried"), OVERFLOWS)
def test_an_overflow_moves_only_to_a_larger_or_unknown_window(chain: list[str], tried: list[str]) -> None:
    call = Call(chain, window=WINDOWS.get)
    overflows = [ContextOverflowError("too long") for _ in tried]
    assert call.play(*overflows) == tried
    # Nobody is left who could take it: the overflow itself, not an exhausted chain.
    assert call.final() is overflows[-1]


def test_without_a_catalogue_an_overflow_may_move_anywhere() -> None:
    assert Call(["a", "b"]).play(ContextOverflowError("too long"), None) == ["a", "b"]


def test_other_failures_do_not_ask_for_a_larger_window() -> None:
    assert Call(["large", "small"], window=WINDOWS.get).play(E("x"), None) == ["large", "small"]


# --- hedging ----------------------------------------------------------------------------------------------------------


def test_a_hedge_starts_the_next_step_beside_the_running_one() -> None:
    call = Call(["a", "b", "c"], hedge_after=1)
    assert call.send().step.model == "a"
    second = call.engine.hedge(call.now)
    assert second is not None
    assert (second.step.model, second.number) == ("b", 2)
    call.engine.failed("a", E("x"), call.now, others_running=True)
    call.engine.succeeded("b")
    assert call.engine.hedge(call.now) is None


def test_after_a_lost_hedge_the_chain_goes_on_behind_it() -> None:
    call = Call([Step("a", retries=2), Step("b", retries=1), "c"], hedge_after=1)
    call.send()
    call.engine.hedge(call.now)
    call.engine.failed("b", E("x"), call.now, others_running=True)
    call.engine.failed("a", E("x"), call.now)
    assert call.play(None) == ["a", "c"], "the model that failed last is not the current step's, so it is not retried"


def test_a_hedge_needs_a_step_an_attempt_and_time() -> None:
    assert _hedge(["a"], 0) is None
    assert _hedge(["a", "b"], 0, max_attempts=1) is None
    assert _hedge(["a", "b"], 10, deadline=10) is None
    assert _hedge(["a", "b"], 9, deadline=10) is not None


def _hedge(models: list[str], seconds: float, **policy: Any) -> Send | None:
    call = Call(models, **policy)
    call.send()
    return call.engine.hedge(call.now + seconds)


# --- chains -----------------------------------------------------------------------------------------------------------


def test_steps_from_any_form() -> None:
    steps = steps_from(["a", Step("b", retries=1), {"model": "c", "timeout": 5, "first_token_timeout": 2}])
    assert steps == (Step("a"), Step("b", retries=1), Step("c", timeout=5, first_token_timeout=2))
