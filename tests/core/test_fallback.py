"""The rules of retry and fallback, with a clock that only moves when a test says so."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from requesty_core import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    ContextOverflowError,
    EmptyChoicesError,
    ErrorBodyError,
    ErrorKind,
    FallbackExhaustedError,
    FallbackPolicy,
    InsufficientBalanceError,
    MalformedResponseError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RequestyError,
    RetryPolicy,
    ServerError,
    SpendLimitError,
    Step,
    StreamError,
    Timeouts,
    TruncatedStreamError,
    UpstreamFormatError,
)
from requesty_core.retry.fallback import FallbackEngine, Send
from requesty_core.retry.health import HealthBoard
from requesty_core.retry.steps import steps_from

STEADY = RetryPolicy(base=1.0, cap=8.0, jitter=0.0, max_retry_after=60.0)


class Call:
    """One call on a clock of its own; keeps what the engine told it to do."""

    def __init__(
        self,
        models: Sequence[Any],
        *,
        max_retries: int = 0,
        health: HealthBoard | None = None,
        window: Callable[[str], int | None] | None = None,
        timeouts: Timeouts | None = None,
        now: float = 1000.0,
        **policy: Any,
    ) -> None:
        self.now = now
        self.health = health or HealthBoard()
        self.engine = FallbackEngine(
            steps_from(models),
            policy=FallbackPolicy(**{"retry": STEADY, "cooldown": 0, **policy}),
            timeouts=timeouts or Timeouts(),
            max_retries=max_retries,
            health=self.health,
            random=random.Random(0),
            window=window,
        )
        self.log: list[Any] = []
        self.sends: list[Send] = []

    def send(self) -> Send:
        """Follow the engine up to its next request, waiting as told. Raises the call's final error."""
        while True:
            action = self.engine.next(self.now)
            if isinstance(action, Send):
                self.log.append(action.step.model)
                self.sends.append(action)
                return action
            self.log.append(action.seconds)
            self.now += action.seconds

    def play(self, *outcomes: RequestyError | None, seconds: float = 0.0) -> list[Any]:
        """Let each request end as given (``None``: well), each after some seconds; returns what was done."""
        for outcome in outcomes:
            sent = self.send()
            self.now += seconds
            if outcome is None:
                self.engine.succeeded(sent.step.model)
                return self.log
            if outcome.requested_model is None:
                outcome.requested_model = sent.step.model
            self.engine.failed(sent.step.model, outcome, self.now)
        return self.log

    def final(self) -> RequestyError:
        """The error the call ends with."""
        with pytest.raises(RequestyError) as caught:
            self.send()
        return caught.value


# --- which failures move on -------------------------------------------------------------------------------------------

MOVES_ON = [
    RateLimitError,
    OverloadedError,
    ServerError,
    UpstreamFormatError,
    ConnectionFailedError,
    RequestTimeoutError,
    TruncatedStreamError,
    StreamError,
    ErrorBodyError,
    EmptyChoicesError,
    MalformedResponseError,
    InsufficientBalanceError,
    NotFoundError,
    ContextOverflowError,
]
ENDS = [BadRequestError, AuthenticationError, PermissionDeniedError, SpendLimitError, ConfigurationError]


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
    (1e9, None, ["a", 60.0, "a"]),
    (5.0, 5.5, ["a", 5.0, "a"]),
    (5.0, 5.0, ["a"]),
    (None, 0.9, ["a"]),
]


@pytest.mark.parametrize(("asked", "deadline", "expected"), WAITS)
def test_retry_after_is_a_floor_is_capped_and_never_passes_the_deadline(
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
    assert call.play(*[ContextOverflowError("too long") for _ in tried]) == tried
    assert isinstance(call.final(), FallbackExhaustedError)


def test_without_a_catalogue_an_overflow_may_move_anywhere() -> None:
    assert Call(["a", "b"]).play(ContextOverflowError("too long"), None) == ["a", "b"]


def test_other_failures_do_not_ask_for_a_larger_window() -> None:
    assert Call(["large", "small"], window=WINDOWS.get).play(E("x"), None) == ["large", "small"]


# --- cool-down --------------------------------------------------------------------------------------------------------


class Board:
    """Several calls, one after another, on one board and one clock."""

    def __init__(self, **policy: Any) -> None:
        self.health = HealthBoard()
        self.now = 1000.0
        self.policy = {"cooldown": 20, **policy}

    def call(self, *models: Any, **options: Any) -> Call:
        return Call(models, health=self.health, now=self.now, **{**self.policy, **options})

    def state(self, model: str = "a") -> str:
        return self.health.state(model, self.now)


def test_a_failed_model_is_passed_over_until_it_has_cooled_down() -> None:
    board = Board()
    board.call("a", "b").play(E("x"), None)
    assert board.state() == "open"
    assert board.call("a", "b").play(None) == ["b"]
    board.now += 19.9
    assert board.call("a", "b").play(None) == ["b"]
    board.now += 0.1
    assert board.state() == "half_open"
    assert board.call("a", "b").play(None) == ["a"]
    assert board.state() == "closed"
    assert board.call("a", "b").play(None) == ["a"]


def test_a_model_alone_is_called_even_while_it_cools_down() -> None:
    board = Board()
    board.call("a").play(E("x"))
    assert board.state() == "open"
    assert board.call("a").play(None) == ["a"]
    assert board.state() == "closed"


def test_a_model_passed_over_is_tried_when_nothing_else_is_left() -> None:
    board = Board()
    board.call("a", "b").play(E("x"), None)
    assert board.call("a", "b").play(E("x"), None) == ["b", "a"]
    assert board.call("a", "b", "c").play(E("x"), E("x"), None)[-1] in "abc"


def test_when_all_are_cooling_down_the_first_is_called() -> None:
    board = Board()
    board.call("a", "b").play(E("x"), E("x"))
    assert board.call("a", "b").play(E("x"), E("x")) == ["a", "b"]


def test_half_open_lets_one_probe_through() -> None:
    board = Board()
    board.call("a", "b").play(E("x"), None)
    board.now += 20
    probe, other = board.call("a", "b"), board.call("a", "b")
    assert probe.send().step.model == "a"
    assert board.state() == "open", "for everybody else"
    assert other.play(None) == ["b"]
    probe.engine.succeeded("a")
    assert board.state() == "closed"


def test_a_failed_probe_starts_the_cool_down_again() -> None:
    board = Board()
    board.call("a", "b").play(E("x"), None)
    board.now += 20
    assert board.call("a", "b").play(E("x"), None) == ["a", "b"]
    board.now += 19
    assert board.state() == "open"


@pytest.mark.parametrize("how", ["cancelled", "closed", "judged by the request"])
def test_a_probe_without_a_verdict_is_open_to_others(how: str) -> None:
    board = Board()
    board.call("a", "b").play(E("x"), None)
    board.now += 20
    probe = board.call("a", "b")
    probe.send()
    if how == "cancelled":
        probe.engine.cancelled("a")
    elif how == "closed":
        probe.engine.close()
    else:
        probe.engine.failed("a", BadRequestError("x"), board.now)
    assert board.state() == "half_open"


def test_a_call_not_made_takes_no_probe() -> None:
    board = Board()
    board.call("a", "b").play(E("x"), None)
    board.now += 20
    board.call("a", "b")
    assert board.state() == "half_open"


@pytest.mark.parametrize("cls", MOVES_ON + ENDS)
def test_only_failures_of_the_model_count_against_it(cls: type[RequestyError]) -> None:
    board = Board()
    board.call("a", "b").play(cls("x"))
    innocent = cls in (ContextOverflowError, InsufficientBalanceError, *ENDS)
    assert board.state() == ("closed" if innocent else "open")


def test_several_failures_in_a_row_may_be_needed() -> None:
    board = Board(cooldown_after=3)
    for _ in range(2):
        board.call("a", "b").play(E("x"), None)
        assert board.state() == "closed"
    board.call("a", "b").play(None)
    for _ in range(2):
        board.call("a", "b").play(E("x"), None)
    assert board.state() == "closed", "a success in between starts the count again"
    board.call("a", "b").play(E("x"), None)
    assert board.state() == "open"


@pytest.mark.parametrize(("asked", "seconds"), [(None, 20), (5, 20), (45, 45), (1e9, 60)])
def test_a_longer_retry_after_prolongs_the_cool_down_up_to_its_cap(asked: float | None, seconds: float) -> None:
    board = Board()
    board.call("a", "b").play(RateLimitError("x", retry_after=asked), None)
    board.now += seconds - 0.1
    assert board.state() == "open"
    board.now += 0.2
    assert board.state() == "half_open"


def test_the_memory_can_be_turned_off() -> None:
    board = Board(cooldown=0)
    board.call("a", "b").play(E("x"), None)
    assert board.state() == "closed"
    assert board.call("a", "b").play(None) == ["a"]


def test_a_board_is_shared_by_copies_and_starts_empty_elsewhere() -> None:
    board = Board()
    board.call("a").play(E("x"))
    assert copy.deepcopy(board.health) is board.health
    assert pickle.loads(pickle.dumps(board.health)).state("a", board.now) == "closed"


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


# --- a machine that plays many calls at once --------------------------------------------------------------------------

MODELS = ["a", "b", "c"]
step_values = st.builds(
    Step,
    model=st.sampled_from(MODELS),
    retries=st.none() | st.integers(0, 2),
    timeout=st.none() | st.floats(0.5, 20),
)
policies = st.builds(
    FallbackPolicy,
    retry=st.builds(RetryPolicy, base=st.floats(0.1, 2), jitter=st.floats(0, 1), max_retry_after=st.floats(1, 30)),
    deadline=st.none() | st.floats(1, 60),
    max_attempts=st.none() | st.integers(1, 6),
    cooldown=st.sampled_from([0, 5.0, 20.0]),
    cooldown_after=st.integers(1, 3),
)
endings = st.tuples(
    st.sampled_from([None, *MOVES_ON, *MOVES_ON, *ENDS]),
    st.floats(0, 10),
    st.none() | st.floats(0, 100),
    st.booleans(),
)
"""How a request ends (``None``: well), after how many seconds, with which Retry-After, and which of two."""


class Live:
    """One call of the machine, with what it was allowed."""

    def __init__(
        self, steps: list[Step], policy: FallbackPolicy, max_retries: int, health: HealthBoard, seed: int
    ) -> None:
        self.steps, self.policy, self.max_retries = steps, policy, max_retries
        self.engine = FallbackEngine(
            steps,
            policy=policy,
            timeouts=Timeouts(),
            max_retries=max_retries,
            health=health,
            random=random.Random(seed),
            window={"a": 8, "b": 16}.get,
        )
        self.running: list[Send] = []
        self.sent: list[Send] = []
        self.begun: float | None = None
        self.over = False

    @property
    def allowance(self) -> int:
        alone = len(self.steps) == 1
        retries = [(self.max_retries if alone else 0) if s.retries is None else s.retries for s in self.steps]
        total = sum(1 + r for r in retries)
        return total if self.policy.max_attempts is None else min(total, self.policy.max_attempts)

    def took(self, send: Send, now: float) -> None:
        assert not self.over, "nothing is sent after the end"
        if self.begun is None:
            self.begun = now
        self.sent.append(send)
        self.running.append(send)
        assert send.number == len(self.sent) <= self.allowance
        assert sum(s.step is send.step for s in self.sent) <= 1 + (
            (self.max_retries if len(self.steps) == 1 else 0) if send.step.retries is None else send.step.retries
        )
        if self.policy.deadline is not None:
            left = self.begun + self.policy.deadline - now
            assert left > 0
            assert send.timeouts.total is not None
            assert send.timeouts.total <= max(left, 0.001) + 1e-6


live_calls = st.tuples(st.lists(step_values, min_size=1, max_size=4), policies, st.integers(0, 3), st.integers())


class Machine(RuleBasedStateMachine):
    """Calls that share a board, interleaved in any order, on one clock."""

    @initialize(specs=st.lists(live_calls, min_size=1, max_size=3))
    def start(self, specs: list[Any]) -> None:
        self.now = 0.0
        self.health = HealthBoard()
        self.calls = [self._live(spec) for spec in specs]

    def _live(self, spec: Any) -> Live:
        steps, policy, retries, seed = spec
        return Live(steps, policy, retries, self.health, seed)

    @rule(which=st.integers(0, 2), endings=st.lists(endings, min_size=1, max_size=4), hedge=st.integers(0, 3))
    def go_on(self, which: int, endings: list[Any], hedge: int) -> None:
        """One call asks, sends and hears how its requests end, several times."""
        call = self.calls[which % len(self.calls)]
        for ending, seconds, asked, last in endings:
            if not call.running:
                self._ask(call)
            if call.running and hedge == 0:
                self._hedge(call)
            if call.running:
                self._finish(call, ending, seconds, asked, last)

    @rule(which=st.integers(0, 2))
    def send_only(self, which: int) -> None:
        """One call sends and waits while others go on."""
        call = self.calls[which % len(self.calls)]
        if not call.running:
            self._ask(call)

    @rule(which=st.integers(0, 2), spec=live_calls)
    def replace(self, which: int, spec: Any) -> None:
        """One call is given up, whatever its state, and another begins."""
        which %= len(self.calls)
        self.calls[which].engine.close()
        self.calls[which] = self._live(spec)

    @rule(seconds=st.floats(0, 60))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    def _ask(self, call: Live) -> None:
        for _ in range(2):
            try:
                action = call.engine.next(self.now)
            except RequestyError:
                call.over = True
                return
            if isinstance(action, Send):
                call.took(action, self.now)
                return
            assert 0 < action.seconds <= max(8.0 * 2, call.policy.retry.max_retry_after)
            self.now += action.seconds
        raise AssertionError("a wait is followed by a request or by the end")

    def _hedge(self, call: Live) -> None:
        send = call.engine.hedge(self.now)
        if send is not None:
            assert all(send.step is not s.step for s in call.sent)
            call.took(send, self.now)

    def _finish(self, call: Live, cls: Any, seconds: float, asked: float | None, last: bool) -> None:
        self.now += seconds
        send = call.running.pop(-1 if last else 0)
        if cls is None:
            call.engine.succeeded(send.step.model)
            for loser in call.running:
                call.engine.cancelled(loser.step.model)
            call.running.clear()
            call.over = True
            return
        error = cls("x", retry_after=asked, requested_model=send.step.model)
        call.engine.failed(send.step.model, error, self.now, others_running=bool(call.running))
        if not call.policy.allows(error) and not call.running:
            with pytest.raises(cls):
                call.engine.next(self.now)
            call.over = True

    @invariant()
    def what_is_over_stays_over(self) -> None:
        for call in getattr(self, "calls", ()):
            if call.over:
                with pytest.raises(RequestyError):
                    call.engine.next(self.now)

    def teardown(self) -> None:
        for call in getattr(self, "calls", ()):
            # Left to themselves, all calls end: failures only, no more requests than allowed.
            for _ in range(call.allowance + 1):
                if not call.running:
                    self._ask(call)
                if call.running:
                    self._finish(call, ServerError, 0.0, None, True)
            assert call.over
            call.engine.close()
        # With every call over and the cool-downs past, no model is locked up by a forgotten probe.
        if hasattr(self, "health"):
            assert "open" not in {self.health.state(m, self.now + 1000) for m in MODELS}


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=250, stateful_step_count=25, deadline=None)
