"""Settled rows on their way out, in the order that was asked for."""

from __future__ import annotations

from collections import deque
from typing import Literal

from .items import BulkItem

__all__ = ["Order", "Outbox"]

Order = Literal["input", "completed"]


class Outbox:
    """Rows that are settled and not handed out.

    Attributes:
        handed: rows that were.
    """

    def __init__(self, order: Order) -> None:
        self._in_order = order == "input"
        self._ready: deque[BulkItem] = deque()
        self._early: dict[int, BulkItem] = {}
        self.handed = 0

    def put(self, item: BulkItem) -> None:
        """A row is settled."""
        if not self._in_order:
            self._ready.append(item)
            return
        self._early[item.position] = item
        while (following := self._early.pop(self.handed + len(self._ready), None)) is not None:
            self._ready.append(following)

    def pop(self, *, is_last: bool) -> BulkItem | None:
        """The next row to hand out; ``None`` if there is none yet.

        ``is_last`` says that nothing more will be settled: rows that waited for earlier ones wait no longer.
        """
        if is_last and not self._ready:
            self._ready.extend(self._early.pop(position) for position in sorted(self._early))
        if not self._ready:
            return None
        self.handed += 1
        return self._ready.popleft()
