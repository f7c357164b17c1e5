"""Keeping deadlines where a transport of the caller's own sends synchronously.

Such a transport limits single waits, if anything: looking a name up, the TLS handshake of some, and headers that
arrive byte by byte go on for ever, and a blocked thread cannot limit itself. So another thread sends, and whoever waits
for the response gives up in time; a response that comes after that is closed. Without a deadline nothing of it happens.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from requesty_core.lifetime import start_thread

from .deadlines import seconds_left
from .http import ReadTimeout

__all__ = ["within"]


class Closable(Protocol):
    """A response of any library."""

    def close(self) -> None:
        """Free the connection."""


R = TypeVar("R", bound=Closable)


def within(extensions: Mapping[str, object], send: Callable[[], R]) -> R:
    """What ``send`` returns, or a ``ReadTimeout`` when the deadlines that travel with the request have passed."""
    seconds = seconds_left(extensions)
    return send() if seconds is None else _Errand(send).run(seconds)


class _Errand(Generic[R]):
    def __init__(self, send: Callable[[], R]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._has_ended = threading.Event()
        self._is_abandoned = False
        self._outcome: R | BaseException | None = None

    def run(self, seconds: float) -> R:
        # Hooks see the caller's context variables.
        start_thread(self._work, name="requesty-send")
        try:
            self._has_ended.wait(seconds)
        finally:
            with self._lock:
                self._is_abandoned = True
                outcome = self._outcome
        if outcome is None:
            raise ReadTimeout("timed out")
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def _work(self) -> None:
        outcome: R | BaseException
        try:
            outcome = self._send()
        except BaseException as exc:  # noqa: BLE001 -- handed to the thread that waits, which raises it
            outcome = exc
        with self._lock:
            is_late = self._is_abandoned
            self._outcome = None if is_late else outcome
        self._has_ended.set()
        if is_late and not isinstance(outcome, BaseException):
            outcome.close()
