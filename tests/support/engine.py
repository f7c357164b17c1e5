"""The fallback engine, driven by hand on a clock of its own, and which failures move it on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from requesty_core import (
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    ContextOverflowError,
    EmptyChoicesError,
    ErrorBodyError,
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
    StreamError,
    Timeouts,
    TruncatedStreamError,
    UpstreamFormatError,
)
from requesty_core.retry.fallback import FallbackEngine, Send
from requesty_core.retry.health import HealthBoard
from requesty_core.retry.steps import steps_from

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
