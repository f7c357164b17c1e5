"""Which calls of this process are under way, for whoever shuts it down or looks after it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from requesty_core.lifetime import after_fork

if TYPE_CHECKING:
    from .exchange import Exchange

__all__ = ["calls_under_way", "noted", "over"]

_calls: weakref.WeakSet[Exchange] = weakref.WeakSet()


def noted(call: Exchange) -> None:
    """An attempt of the call begins."""
    _calls.add(call)


def over(call: Exchange) -> None:
    """The call has ended, however it did."""
    _calls.discard(call)


def calls_under_way() -> tuple[Exchange, ...]:
    """The calls that have begun and not ended, those included that wait before they ask again."""
    while True:
        try:
            return tuple(_calls)
        except RuntimeError:
            # Another thread began or ended one in this moment.
            continue


@after_fork
def _forget() -> None:
    # They are the parent's.
    _calls.clear()
