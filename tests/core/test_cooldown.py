"""Cool-down: a model that failed is passed over, probed and forgiven, on a clock that a test moves."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from tests.support.engine import ENDS, MOVES_ON, Call

from requesty_core import (
    BadRequestError,
    ContextOverflowError,
    InsufficientBalanceError,
    RateLimitError,
    RequestyError,
    ServerError,
)
from requesty_core.retry.health import HealthBoard


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
    board.call("a", "b").play(ServerError("x"), None)
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
    board.call("a").play(ServerError("x"))
    assert board.state() == "open"
    assert board.call("a").play(None) == ["a"]
    assert board.state() == "closed"


def test_a_model_passed_over_is_tried_when_nothing_else_is_left() -> None:
    board = Board()
    board.call("a", "b").play(ServerError("x"), None)
    assert board.call("a", "b").play(ServerError("x"), None) == ["b", "a"]
    assert board.call("a", "b", "c").play(ServerError("x"), ServerError("x"), None)[-1] in "abc"


def test_when_all_are_cooling_down_the_first_is_called() -> None:
    board = Board()
    board.call("a", "b").play(ServerError("x"), ServerError("x"))
    assert board.call("a", "b").play(ServerError("x"), ServerError("x")) == ["a", "b"]


def test_half_open_lets_one_probe_through() -> None:
    board = Board()
    board.call("a", "b").play(ServerError("x"), None)
    board.now += 20
    probe, other = board.call("a", "b"), board.call("a", "b")
    assert probe.send().step.model == "a"
    assert board.state() == "open", "for everybody else"
    assert other.play(None) == ["b"]
    probe.engine.succeeded("a")
    assert board.state() == "closed"


def test_a_failed_probe_starts_the_cool_down_again() -> None:
    board = Board()
    board.call("a", "b").play(ServerError("x"), None)
    board.now += 20
    assert board.call("a", "b").play(ServerError("x"), None) == ["a", "b"]
    board.now += 19
    assert board.state() == "open"


@pytest.mark.parametrize("how", ["cancelled", "closed", "judged by the request"])
def test_a_probe_without_a_verdict_is_open_to_others(how: str) -> None:
    board = Board()
    board.call("a", "b").play(ServerError("x"), None)
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
    board.call("a", "b").play(ServerError("x"), None)
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
        board.call("a", "b").play(ServerError("x"), None)
        assert board.state() == "closed"
    board.call("a", "b").play(None)
    for _ in range(2):
        board.call("a", "b").play(ServerError("x"), None)
    assert board.state() == "closed", "a success in between starts the count again"
    board.call("a", "b").play(ServerError("x"), None)
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
    board.call("a", "b").play(ServerError("x"), None)
    assert board.state() == "closed"
    assert board.call("a", "b").play(None) == ["a"]


def test_a_board_is_shared_by_copies_and_starts_empty_elsewhere() -> None:
    board = Board()
    board.call("a").play(ServerError("x"))
    assert copy.deepcopy(board.health) is board.health
    assert pickle.loads(pickle.dumps(board.health)).state("a", board.now) == "closed"
