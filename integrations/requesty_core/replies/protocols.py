"""What the reading of a streamed route needs: an accumulator for its events, and a reply with usage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from requesty_core.money.usage import Usage

from .attempts import Attempt

__all__ = ["StreamAccumulator"]

E = TypeVar("E")
R = TypeVar("R", bound="StreamReply")


class StreamReply(Protocol):
    """What the reply of any streamed route has."""

    @property
    def usage(self) -> Usage | None:
        """Tokens and cost, as far as they were told."""


class StreamAccumulator(Protocol[E, R]):
    """What reads the decoded events of one streamed route."""

    @property
    def is_started(self) -> bool:
        """Whether any event was read."""

    @property
    def is_finished(self) -> bool:
        """Whether the answer's end was announced."""

    def feed(self, chunk: object) -> list[E]:
        """Read one decoded event; return what is new. Raises typed errors."""

    def feed_whole(self, body: object) -> list[E]:
        """Read a complete body that came instead of a stream."""

    def partial(self) -> R | None:
        """What has arrived so far."""

    def finish(self, *, done: bool) -> R:
        """The complete reply. Raises typed errors if it is not complete."""

    def with_attempts(self, reply: R, attempts: Sequence[Attempt]) -> R:
        """The reply with the call's attempts."""

    def end_events(self, reply: R) -> list[E]:
        """Events that close the stream."""

    def is_meaningful(self, event: E) -> bool:
        """Whether the caller would act on the event, so that no other attempt may follow it."""
