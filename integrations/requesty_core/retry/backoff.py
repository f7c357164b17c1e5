"""How long to wait before trying the same model again: exponential backoff with jitter, never less than Retry-After.

A server that asks for a longer wait than is granted is not asked again: the call moves on or fails at once.

Nothing here sleeps or reads a clock.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random

from requesty_core.errors import ConfigurationError, RequestyError
from requesty_core.settings.config import check_seconds

__all__ = ["RetryPolicy", "parse_retry_after"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Delays between attempts on one model, in seconds.

    ``base`` doubles with each attempt up to ``cap``; ``jitter`` is the fraction by which a delay may be longer or
    shorter. A server's Retry-After is the least wait; one of more than ``max_retry_after`` is not waited for at all:
    the call goes on with the next step, or fails at once with the typed error, whose ``retry_after`` says how long.
    """

    base: float = 0.5
    cap: float = 8.0
    jitter: float = 0.25
    max_retry_after: float = 60.0

    def __post_init__(self) -> None:
        for name in ("base", "cap", "max_retry_after"):
            check_seconds(getattr(self, name), f"retry.{name}", optional=False)
        if not isinstance(self.jitter, (int, float)) or not 0 <= self.jitter <= 1:
            raise ConfigurationError(f"retry.jitter: {self.jitter!r} is not a fraction; give 0 to 1")

    def delay(self, failures: int, error: RequestyError, random: Random) -> float | None:
        """Seconds to wait after the ``failures``-th failure (from 1) in a row; ``None`` if it is not worth the wait."""
        backoff = min(self.cap, self.base * 2.0 ** min(failures - 1, 30))
        backoff *= 1 + self.jitter * (2 * random.random() - 1)
        asked = error.retry_after or 0.0
        return None if asked > self.max_retry_after else max(backoff, asked)


def parse_retry_after(headers: Mapping[str, str], wall_clock: float) -> float | None:
    """Seconds the server asked to wait, from ``retry-after-ms`` or ``retry-after`` (number or HTTP date).

    ``wall_clock`` is the current time in seconds since the epoch. A value that is neither is ignored.
    """
    millis = headers.get("retry-after-ms")
    if millis is not None:
        seconds = _number(millis)
        if seconds is not None:
            return seconds / 1000
    text = headers.get("retry-after")
    if text is None:
        return None
    seconds = _number(text)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text.strip())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    try:
        return max(0.0, moment.timestamp() - wall_clock)
    except (OverflowError, ValueError):
        return None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    if value == math.inf and any(letter.isdigit() for letter in text):
        return sys.float_info.max  # A number, if one beyond all floats: longer than anyone would wait.
    return value if math.isfinite(value) and value >= 0 else None
