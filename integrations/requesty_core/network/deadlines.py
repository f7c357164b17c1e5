"""When an attempt must end, whatever it is doing: moments on ``time.monotonic()``'s clock, as data.

The limits of a single wait (``connect``, ``read``, ``write``, ``pool``) start anew with every wait and belong to who
waits. The limits here run through all phases of an attempt: finding an address, connecting, TLS, sending, the head, the
body. Whoever waits asks :meth:`Deadlines.cap` how long it may, and :meth:`Deadlines.has_passed` when it was too long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Literal

from requesty_core.settings.config import Timeouts

__all__ = ["EXTENSION", "NO_DEADLINES", "Deadlines", "Expired", "deadlines_of", "seconds_left"]

EXTENSION = "requesty_deadlines"
"""Key of a request's extensions under which the package's own transports find the attempt's deadlines."""

TOLERANCE_SECONDS = 0.005
"""So much earlier may a timer go off, by the grain of its clock."""

Expired = Literal["first_byte", "first_token", "silence", "total"]


class Deadlines:
    """The deadlines of one attempt that began at ``started``.

    Args:
        timeouts: the limits in seconds.
        started: when the attempt began.
        streams: whether ``first_token`` and ``silence`` apply.
    """

    __slots__ = ("_abort", "_moments", "_silence", "broken_off", "expired", "next", "observed")

    def __init__(self, timeouts: Timeouts, started: float, *, streams: bool) -> None:
        self._moments: dict[Expired, float] = {}
        self._silence = timeouts.silence if streams else None
        self.next = math.inf
        """The earliest of the moments; infinite where there is none."""
        self.expired: Expired | None = None
        """Which limit passed, once one did."""
        self.observed = False
        """Whether the transport that sends the request keeps the deadlines itself."""
        self._abort: Callable[[], None] | None = None
        self.broken_off = False
        """Whether the caller wants no answer any more."""
        if timeouts.total is not None:
            self._moments["total"] = started + timeouts.total
        if timeouts.first_byte is not None:
            self._moments["first_byte"] = started + timeouts.first_byte
        if streams and timeouts.first_token is not None:
            self._moments["first_token"] = started + timeouts.first_token
        if self._moments:
            self._choose()

    def _choose(self) -> None:
        self.next = min(self._moments.values(), default=math.inf)

    def awaits(self, abort: Callable[[], None] | None) -> None:
        """The transport awaits the head of the answer; ``abort`` ends that, from any thread. ``None``: no longer."""
        self._abort = abort
        if abort is not None and self.broken_off:
            abort()

    def break_off(self) -> None:
        """The caller wants no answer any more: a wait for its head ends at once."""
        self.broken_off = True
        if self._abort is not None:
            self._abort()

    def head_came(self) -> None:
        """The response has begun; from now on silence counts."""
        if self._moments.pop("first_byte", None) is not None:
            self._choose()
        self.content_came()

    def first_token_came(self) -> None:
        """The caller has something to see."""
        if self._moments.pop("first_token", None) is not None:
            self._choose()

    def content_came(self) -> None:
        """More of the answer than comments arrived."""
        if self._silence is not None:
            self._moments["silence"] = monotonic() + self._silence
            self._choose()

    def pause(self) -> float | None:
        """The caller has the floor: while it does something of its own, silence is not the server's.

        Returns what :meth:`resume` wants back if the caller took nothing.
        """
        silence = self._moments.pop("silence", None)
        if silence is not None:
            self._choose()
        return silence

    def resume(self, silence: float | None) -> None:
        """No content had come, so the silence goes on."""
        if silence is not None:
            self._moments["silence"] = silence
            self._choose()

    @property
    def has_silence(self) -> bool:
        """Whether anyone needs to know when content came."""
        return self._silence is not None

    def only(self, seconds: float) -> None:
        """Nothing but the end of the body is awaited any more, and not for longer than this."""
        self._silence = None
        self._moments = {"total": monotonic() + seconds}
        self._choose()

    def cap(self, limit: float | None) -> float | None:
        """How many seconds a wait of at most ``limit`` seconds may take; 0 when a deadline has passed."""
        if self.next == math.inf:
            return limit
        left = max(self.next - monotonic(), 0.0)
        return left if limit is None or left < limit else limit

    def has_passed(self) -> bool:
        """Whether a deadline has passed; ``expired`` then says which."""
        if self.next > monotonic() + TOLERANCE_SECONDS:
            return False
        if self.expired is None:
            self.expired = next(name for name, moment in self._moments.items() if moment == self.next)
        return True


NO_DEADLINES = Deadlines(Timeouts(total=None), 0.0, streams=False)
"""Stands where an attempt has none."""


def deadlines_of(extensions: dict[str, object]) -> Deadlines:
    """The deadlines that travel with a request; whoever asks keeps them."""
    found = extensions.get(EXTENSION)
    if not isinstance(found, Deadlines):
        return NO_DEADLINES
    found.observed = True
    return found


def seconds_left(extensions: Mapping[str, object]) -> float | None:
    """How long a request may take, by the deadlines that travel with it; ``None`` for any time."""
    found = extensions.get(EXTENSION)
    return found.cap(None) if isinstance(found, Deadlines) else None
