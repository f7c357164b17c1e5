"""How many embedding requests of one client are under way, whichever call, thread or event loop made them.

A program that embeds in many tasks at once would otherwise have that many times ``max_in_flight`` requests open, which
is how rate limits are hit. Calls that have to wait are served in turn.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from requesty_core.lifetime import renewed_after_fork

__all__ = ["Line"]


class Line:
    """The line before the embeddings route. Everything is called while :attr:`condition` is held."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        """Guards this object and the runs of the client; notified whenever something has changed."""
        self._count = 0
        self._waiting: dict[object, Callable[[], None] | None] = {}
        renewed_after_fork(self)

    def enter(self, who: object, limit: int, wake: Callable[[], None] | None = None) -> bool:
        """Whether one more request of ``who`` may go, if there are to be at most ``limit``; else it stands in line.

        ``wake`` is called when it is worth asking again, for those who do not wait on the condition.
        """
        first = next(iter(self._waiting), who)
        if first is who and self._count < limit:
            self._count += 1
            self._waiting.pop(who, None)
            self._tell()
            return True
        self._waiting.setdefault(who, wake)
        return False

    def leave(self) -> None:
        """A request has ended."""
        self._count -= 1
        self._tell()

    def forget(self, who: object) -> None:
        """``who`` has nothing to send any more."""
        if who in self._waiting:
            del self._waiting[who]
            self._tell()

    def _tell(self) -> None:
        if not self._waiting:
            return
        self.condition.notify_all()
        for wake in tuple(self._waiting.values()):
            if wake is not None:
                wake()

    def _after_fork(self) -> None:
        """A forked process has none of its parent's threads."""
        self.condition = threading.Condition()
        self._count = 0
        self._waiting.clear()

    def __deepcopy__(self, memo: dict[int, Any]) -> Line:
        return self

    def __reduce__(self) -> tuple[type[Line], tuple[()]]:
        return Line, ()
