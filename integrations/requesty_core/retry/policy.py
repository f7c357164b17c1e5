"""The rules of retry and fallback that a user can set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from requesty_core.errors import ConfigurationError, ErrorKind, RequestyError
from requesty_core.settings.checks import refuse, shown
from requesty_core.settings.config import check_count, check_seconds

from .backoff import RetryPolicy
from .health import HealthBoard

__all__ = ["FallbackPolicy"]

FALLBACK_KINDS = frozenset(
    {
        ErrorKind.RATE_LIMIT,
        ErrorKind.OVERLOADED,
        ErrorKind.SERVER,
        ErrorKind.UPSTREAM_FORMAT,
        ErrorKind.CONNECTION,
        ErrorKind.TIMEOUT,
        ErrorKind.TRUNCATED,
        ErrorKind.STREAM,
        ErrorKind.ERROR_BODY,
        ErrorKind.EMPTY_CHOICES,
        ErrorKind.MALFORMED,
        ErrorKind.INSUFFICIENT_BALANCE,
        ErrorKind.NOT_FOUND,
        ErrorKind.CONTEXT_OVERFLOW,
    }
)
"""Failures that another model may not have. Never: invalid requests, keys, permissions and spend limits."""
COOLING_KINDS = FALLBACK_KINDS - {ErrorKind.CONTEXT_OVERFLOW, ErrorKind.INSUFFICIENT_BALANCE}
"""Failures that speak of the model's health rather than of one request or of the account."""


@dataclass(frozen=True, slots=True)
class FallbackPolicy:
    """The rules of a chain.

    Attributes:
        retry: delays between attempts on one model.
        deadline: seconds for the whole call, waits included; ``None`` for no limit.
        max_attempts: most requests one call may send; ``None`` for no limit.
        cooldown: seconds a failed model is passed over; 0 turns the memory off. A longer Retry-After wins, up to
            ``retry.max_retry_after``.
        cooldown_after: failures in a row that start the cool-down.
        hedge_after: seconds without a first token after which the next step is started beside the running one.
        should_fall_back: decides for an error whether the next step may be tried, in place of the built-in list.
        health: what is remembered of failures, to be shared by several clients; by default each has a board of its own.
    """

    retry: RetryPolicy = field(default_factory=RetryPolicy)
    deadline: float | None = None
    max_attempts: int | None = None
    cooldown: float = 20.0
    cooldown_after: int = 1
    hedge_after: float | None = None
    should_fall_back: Callable[[RequestyError], bool] | None = None
    health: HealthBoard | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        health, decides, retry = (getattr(self, name) for name in ("health", "should_fall_back", "retry"))
        if health is not None and not isinstance(health, HealthBoard):
            refuse("fallback_policy.health", health, "is not a HealthBoard", "give HealthBoard(), once for all clients")
        if decides is not None and not callable(decides):
            give = "give a function from an error to True or False"
            refuse("fallback_policy.should_fall_back", decides, "is not a function", give)
        if not isinstance(retry, RetryPolicy):
            refuse("fallback_policy.retry", retry, "is not a RetryPolicy", "give RetryPolicy(cap=…)")
        check_seconds(self.deadline, "fallback_policy.deadline")
        check_seconds(self.hedge_after, "fallback_policy.hedge_after")
        if self.cooldown != 0:
            check_seconds(self.cooldown, "fallback_policy.cooldown", optional=False)
        for name in ("max_attempts", "cooldown_after"):
            value = getattr(self, name)
            if value is not None and check_count(value, f"fallback_policy.{name}") < 1:
                raise ConfigurationError(f"fallback_policy.{name}: {shown(value)} is too small; give 1 or more")

    def allows(self, error: RequestyError) -> bool:
        """Whether another model may be tried after ``error``."""
        if self.should_fall_back is not None:
            return self.should_fall_back(error)
        return error.kind in FALLBACK_KINDS or is_blocked_provider(error)


def is_blocked_provider(error: RequestyError) -> bool:
    """Whether the key may not use this model's provider (403, "Provider blocked by policy"; contract, section 13).

    Another model may be allowed, unlike where the key itself is refused.
    """
    return error.kind is ErrorKind.PERMISSION and "provider blocked" in error.message.lower()
