"""Many calls at once on one clock: whatever the order of events, the rules of fallback hold."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.support.engine import ENDS, MOVES_ON

from requesty_core import (
    FallbackPolicy,
    RequestyError,
    RetryPolicy,
    ServerError,
    Step,
    Timeouts,
)
from requesty_core.retry.fallback import FallbackEngine, Send
from requesty_core.retry.health import HealthBoard

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
