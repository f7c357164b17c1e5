"""Telling a call's observer of its attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from requesty_core.replies.attempts import Attempt
from requesty_core.retry.fallback import Send

if TYPE_CHECKING:
    # The classes are loaded for calls that have an observer.
    from requesty_core.telemetry.events import CallEvent, Observer

__all__ = ["Observing"]


class Observing:
    """What the caller's own hook raises ends the call, whatever its class: it must not look like a failed attempt."""

    __slots__ = ("_failed", "_observer", "error")

    def __init__(self, observer: Observer | None) -> None:
        self._observer = observer
        self._failed: str | None = None
        self.error: Exception | None = None
        """What the observer raised."""

    def check(self) -> None:
        """Raise what the observer raised."""
        if self.error is not None:
            raise self.error

    def tell(self, event: CallEvent) -> None:
        """Raises what the observer raises."""
        if self._observer is not None:
            try:
                self._observer(event)
            except Exception as exc:
                self.error = exc
                raise

    def started(self, send: Send) -> None:
        """An attempt is about to be sent."""
        if self._observer is not None:
            from requesty_core.telemetry.events import AttemptStarted, FellBack

            if self._failed is not None and self._failed != send.step.model:
                self.tell(FellBack(self._failed, send.step.model))
            self.tell(AttemptStarted(send.step.model, send.number))

    def failed(self, model: str) -> None:
        """An attempt failed; the next of another model is a fallback."""
        self._failed = model

    def finished(self, attempt: Attempt) -> None:
        """An attempt is over, and recorded."""
        if self._observer is not None:
            from requesty_core.telemetry.events import AttemptFinished

            self.tell(AttemptFinished(attempt))

    def committed(self, send: Send) -> None:
        """The caller sees events of an attempt: no other can follow."""
        if self._observer is not None:
            from requesty_core.telemetry.events import CallCommitted

            self.tell(CallCommitted(send.step.model, send.number))
