"""Which model to try next, and when: the rules of retry and fallback, without IO, clock or sleep.

Theory of operation. A call walks a chain of steps. The engine is told how each attempt ended and at what time, and
answers with the next action: ``Send`` to a model, ``Wait`` some seconds, or the error to raise. One step is tried
``1 + retries`` times while its errors are retryable; then, if the error is one that another model may not have, the
next step begins. Models that failed recently are cooling down and are passed over while another step is left. The
total deadline and the attempt budget bound everything. Steps are chosen when the request is about to be sent, not
earlier, so that a call that is never made, or ends before, takes no probe from others.

Health is kept per model on a board shared by all calls of one client: closed (healthy), open (cooling down), and half
open (one call may probe it). The gateway's own ``policy/NAME`` does all this closer to the providers and is the first
choice; a chain here covers what a policy cannot, such as the policy itself failing, or limits of the caller's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from random import Random

from requesty_core.errors import ConfigurationError, ErrorKind, FallbackExhaustedError, RequestyError
from requesty_core.settings.config import Timeouts
from requesty_core.values import Value

from .candidates import Candidates
from .exhausted import exhausted
from .health import HealthBoard
from .policy import COOLING_KINDS, FallbackPolicy
from .steps import Step

__all__ = ["Action", "FallbackEngine", "Send", "Wait"]


class Send(Value, frozen=True):
    """Make attempt ``number`` (from 1) on ``step``, the chain's number ``position`` (from 0).

    ``timeouts`` are already cut to the deadline.
    """

    step: Step
    number: int
    timeouts: Timeouts
    position: int = 0


class Wait(Value, frozen=True):
    """Let ``seconds`` pass, then ask again."""

    seconds: float


Action = Send | Wait


class FallbackEngine:
    """The decisions of one call. Ask :meth:`next`, report each attempt with :meth:`succeeded` or :meth:`failed`.

    Args:
        steps: the chain; one step is a plain call.
        policy: the rules.
        timeouts: limits of one attempt where its step has none of its own.
        max_retries: retries of a single-step chain.
        health: the board shared between calls.
        random: source of jitter.
        window: context window of a model in tokens, ``None`` if unknown; decides where an overflow may go.
        takes: whether a model may take what the call holds; those that do not are asked last.

    ``now`` is everywhere the current time of one monotonic clock in seconds. The deadline counts from the first
    :meth:`next`.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        policy: FallbackPolicy,
        timeouts: Timeouts,
        max_retries: int,
        health: HealthBoard,
        random: Random,
        window: Callable[[str], int | None] | None = None,
        takes: Callable[[str], bool] | None = None,
    ) -> None:
        if not steps:
            raise ConfigurationError("model: no model to call")
        self._steps = steps
        self._policy = policy
        self._timeouts = timeouts
        self._default_retries = max_retries if len(steps) == 1 else 0
        self._health = health = policy.health or health
        self._random = random
        self._deadline: float | None = None
        self._index = -1
        self._moving = True
        self._candidates = Candidates(steps, health, window, takes)
        self._pending: list[str] = []
        self._failures = 0
        self._sent = 0
        self._wait = 0.0
        self._errors: list[RequestyError] = []
        self._over = False

    @property
    def hedge_after(self) -> float | None:
        """Seconds without a first token after which :meth:`hedge` may be asked; ``None`` without anything to hedge."""
        return self._policy.hedge_after if len(self._steps) > 1 else None

    @property
    def errors(self) -> Sequence[RequestyError]:
        """The errors reported so far, in order."""
        return self._errors

    def next(self, now: float) -> Action:
        """What to do now. Raises the call's final error when nothing is left to try."""
        if self._over:
            raise self._final()
        if self._wait > 0:
            seconds, self._wait = self._wait, 0.0
            return Wait(seconds)
        if self._index < 0 and self._policy.deadline is not None:
            self._deadline = now + self._policy.deadline
        if self._deadline is not None and now >= self._deadline:
            self._over = True
            raise self._final()
        if self._moving:
            candidate = self._candidates.first(now)
            if candidate is None:
                self._over = True
                raise self._final()
            self._go_to(candidate)
        return self._send(now)

    def hedge(self, now: float) -> Send | None:
        """The next step, to be started beside the running one; ``None`` if there is none or no attempt is left."""
        if self._over or (self._policy.max_attempts is not None and self._sent >= self._policy.max_attempts):
            return None
        if self._deadline is not None and now >= self._deadline:
            return None
        candidate = self._candidates.first(now)
        if candidate is None:
            return None
        self._go_to(candidate)
        return self._send(now)

    def succeeded(self, model: str) -> None:
        """The attempt on ``model`` answered."""
        self._over = True
        self._settle(model)
        self._health.succeeded(model)

    def cancelled(self, model: str) -> None:
        """The attempt on ``model`` was given up without a verdict."""
        self._settle(model)
        self._health.released(model)

    def close(self) -> None:
        """The call is over, however it ended: probes that never got a verdict are open to other calls again."""
        self._over = True
        while self._pending:
            self._health.released(self._pending.pop())

    def failed(self, model: str, error: RequestyError, now: float, *, others_running: bool = False) -> None:
        """The attempt on ``model`` failed with ``error``; decide what comes next.

        With ``others_running`` (hedging) nothing new is planned: the attempt still running is the next step.
        """
        self._errors.append(error)
        self._settle(model)
        if error.kind in COOLING_KINDS:
            self._health.failed(model, now, self._policy, error)
        else:
            self._health.released(model)
        if others_running:
            return
        budget = self._policy.max_attempts
        if budget is not None and self._sent >= budget:
            self._over = True
            return
        step = self._steps[self._index]
        retries = self._default_retries if step.retries is None else step.retries
        # After a hedge the attempt that failed last need not be the one of the current step.
        if error.is_retryable and self._failures < retries and step.model == model:
            delay = self._policy.retry.delay(self._failures + 1, error, self._random)
            if delay is not None and (self._deadline is None or now + delay < self._deadline):
                self._failures += 1
                self._wait = delay
                return
        if len(self._steps) == 1 or not self._policy.allows(error):
            self._over = True
            return
        if error.kind is ErrorKind.CONTEXT_OVERFLOW:
            self._candidates.overflowed(model)
        self._moving = True

    def again(self, model: str, error: RequestyError) -> bool:
        """The attempt on ``model`` was refused for something that can be left out: the same step is next, without it.

        False, and nothing is decided, if no attempt is left or the chain has gone on.
        """
        budget = self._policy.max_attempts
        if self._over or (budget is not None and self._sent >= budget) or self._steps[self._index].model != model:
            return False
        self._errors.append(error)
        self._settle(model)
        self._health.released(model)
        return True

    def give_up(self, model: str, error: RequestyError) -> None:
        """The attempt on ``model`` failed, and nothing may follow it."""
        self._errors.append(error)
        self._settle(model)
        self._health.released(model)
        self._over = True

    def _go_to(self, index: int) -> None:
        self._index = index
        self._candidates.tried(index)
        self._failures = 0
        self._moving = False

    def _send(self, now: float) -> Send:
        step = self._steps[self._index]
        self._sent += 1
        self._pending.append(step.model)
        return Send(step, self._sent, self._cut(step, now), self._index)

    def _settle(self, model: str) -> None:
        if model in self._pending:
            self._pending.remove(model)

    def _cut(self, step: Step, now: float) -> Timeouts:
        base = self._timeouts
        remaining = None if self._deadline is None else max(self._deadline - now, 0.001)
        if step.timeout is None and step.first_token_timeout is None and remaining is None:
            return base
        total = min((t for t in (step.timeout or base.total, remaining) if t is not None), default=None)
        first = step.first_token_timeout or base.first_token
        return replace(base, total=total, first_token=first)

    def _final(self) -> RequestyError:
        """The error of the call: the only one, or all of them with the last as cause."""
        if not self._errors:
            return FallbackExhaustedError("the deadline passed before the first attempt")
        last = self._errors[-1]
        return exhausted(self._errors) if len(self._steps) > 1 and self._policy.allows(last) else last
