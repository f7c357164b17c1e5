"""Which steps of a chain are left to one call."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .health import HealthBoard
from .steps import Step

__all__ = ["Candidates"]


class Candidates:
    """The steps that were not tried yet, without those whose context window the call is known to overflow.

    Args:
        steps: the chain.
        health: the board shared between calls.
        window: context window of a model in tokens, ``None`` if unknown.
        takes: whether a model may take what the call holds. One that does not is asked only if no other is left:
            tables can be wrong. The first step is what the caller wanted, and comes first in any case.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        health: HealthBoard,
        window: Callable[[str], int | None] | None = None,
        takes: Callable[[str], bool] | None = None,
    ) -> None:
        self._steps = steps
        self._health = health
        self._window = window
        self._takes = takes
        self._tried: set[int] = set()
        self._overflowed: set[str] = set()
        self._too_small: int | None = None

    def first(self, now: float) -> int | None:
        """Index of the first step that fits; a cooling one only if every other is tried or cooling too."""
        left = [i for i in range(len(self._steps)) if i not in self._tried and self._fits(self._steps[i].model)]
        if self._takes is not None:
            takes = self._takes
            left.sort(key=lambda i: i > 0 and not takes(self._steps[i].model))
        if len(self._steps) > 1:
            for i in left:
                if self._health.admit(self._steps[i].model, now):
                    return i
        return left[0] if left else None

    def tried(self, index: int) -> None:
        """The step of this index has its turn now."""
        self._tried.add(index)

    def overflowed(self, model: str) -> None:
        """The call is too long for ``model``, and so for every model with no larger window."""
        self._overflowed.add(model)
        window = None if self._window is None else self._window(model)
        if window is not None:
            self._too_small = max(window, self._too_small or 0)

    def _fits(self, model: str) -> bool:
        if model in self._overflowed:
            return False
        if self._too_small is None or self._window is None:
            return True
        window = self._window(model)
        return window is None or window > self._too_small
