"""Asking the members of a chain that are objects of a framework (other chat models, other generators) in turn.

Theory of operation. :func:`ask_in_turn` decides and does no IO: it yields the position of the member to ask, or a
:class:`Wait`, and takes back what came of it, :class:`Answered` or the exception. :func:`perform` and
:func:`perform_async` are the two ways to do what it says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import closing
from typing import Any, Generic, NamedTuple, TypeVar

from requesty_core.errors import FallbackExhaustedError, RequestyError
from requesty_core.retry.chain import fall_through, was_seen
from requesty_core.retry.fallback import Wait
from requesty_core.retry.health import HealthBoard
from requesty_core.retry.policy import FallbackPolicy

from .metadata import attempts_of

__all__ = ["Answered", "Asking", "ask_in_turn", "perform", "perform_async"]

T = TypeVar("T")


class Answered(NamedTuple, Generic[T]):
    """What a chain gave.

    Attributes:
        result: what the member returned.
        position: which member it was.
        failed: the attempts before it, as plain JSON values.
        passed: positions of the members that failed before it, in the order they were asked.
    """

    result: T
    position: int
    failed: tuple[dict[str, Any], ...] = ()
    passed: tuple[int, ...] = ()


Asking = Generator[int | Wait, Any, Answered[T]]
"""Yields positions to ask and waits; is sent a one-element tuple with the result, the exception, or ``None``."""


def ask_in_turn(
    names: Sequence[str],
    policy: FallbackPolicy,
    health: HealthBoard,
    classify: Callable[[int, Exception], RequestyError | None],
) -> Asking[Any]:
    """What to do, step by step. A single member is asked once, and its error is its own.

    Args:
        names: of the members, in order, for messages and the memory of failures.
        policy: cool-down, deadline, attempt budget and predicate.
        health: which members failed lately.
        classify: a member's exception in the terms of the rules; ``None`` for one that no other member can help with.

    Raises:
        FallbackExhaustedError: several members failed and none is left.
        Exception: a member's own, if it is not classified or part of its answer was shown.
    """
    if len(names) == 1:
        outcome = yield 0
        if isinstance(outcome, Exception):
            raise outcome
        return Answered(outcome[0], 0)
    failed, passed = list[dict[str, Any]](), list[int]()
    steps = fall_through(names, policy, health)
    with closing(steps):
        action = next(steps)
        while True:
            if isinstance(action, Wait):
                yield action
                action = next(steps)
                continue
            outcome = yield action
            if not isinstance(outcome, Exception):
                next(steps, None)
                return Answered(outcome[0], action, tuple(failed), tuple(passed))
            error = classify(action, outcome)
            if error is None or was_seen(error):
                raise outcome
            passed.append(action)
            failed += attempts_of(error.attempts) or [_record(names[action], outcome)]
            try:
                action = steps.send(error)
            except FallbackExhaustedError as exhausted:
                raise exhausted from outcome
            except RequestyError as final:
                if final is not error:
                    raise
                raise outcome from outcome.__cause__  # what nobody else can help with, as the member raised it


def _record(name: str, error: Exception) -> dict[str, Any]:
    """An attempt of a member that keeps no record of its own."""
    return {"model": name, "outcome": "error", "error": str(error), "error_class": type(error).__name__}


def _next(asking: Asking[T], outcome: tuple[T] | Exception | None) -> int | Wait | Answered[T]:
    """What to do after ``outcome``; the answer at the end."""
    try:
        return asking.send(outcome)
    except StopIteration as stop:
        answered: Answered[T] = stop.value
        return answered


def perform(asking: Asking[T], ask: Callable[[int], T]) -> Answered[T]:
    """Do what ``asking`` says: ``ask(position)`` asks a member."""
    with closing(asking):
        action = next(asking)
        while True:
            outcome: tuple[T] | Exception | None = None
            if isinstance(action, Wait):
                time.sleep(action.seconds)
            else:
                try:
                    outcome = (ask(action),)
                except Exception as error:  # noqa: BLE001 -- judged by the rules, raised again if they do not cover it
                    outcome = error
            step = _next(asking, outcome)
            if isinstance(step, Answered):
                return step
            action = step


async def perform_async(asking: Asking[T], ask: Callable[[int], Awaitable[T]]) -> Answered[T]:
    """Async :func:`perform`."""
    with closing(asking):
        action = next(asking)
        while True:
            outcome: tuple[T] | Exception | None = None
            if isinstance(action, Wait):
                await asyncio.sleep(action.seconds)
            else:
                try:
                    outcome = (await ask(action),)
                except Exception as error:  # noqa: BLE001 -- judged by the rules, raised again if they do not cover it
                    outcome = error
            step = _next(asking, outcome)
            if isinstance(step, Answered):
                return step
            action = step
