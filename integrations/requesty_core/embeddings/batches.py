"""Inputs into batches: as many as a request may hold, by count and by tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["DEFAULT_BATCH_SIZE", "Batch", "Cutter", "Split"]

DEFAULT_BATCH_SIZE = 256
DEFAULT_MAX_TOKENS = 200_000
"""Tokens of one request where the model's limit is not known; OpenAI's is 300,000."""

LETTERS_PER_TOKEN = 4
"""Of English text, by the model makers' own rule of thumb; other scripts have about one letter to a token."""


@dataclass(slots=True)
class Split:
    """A batch that was refused and is tried in two halves: how large those were that went through."""

    sizes: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Batch:
    """One request's worth of inputs and their positions; ``tries`` counts answers that lacked some of its vectors."""

    positions: Sequence[int]
    items: Sequence[Any]
    tries: int = 0
    half_of: Split | None = None

    def halves(self) -> tuple[Batch, Batch]:
        """The batch in two."""
        split, middle = Split(), (len(self.items) + 1) // 2
        return (
            Batch(self.positions[:middle], self.items[:middle], self.tries, split),
            Batch(self.positions[middle:], self.items[middle:], self.tries, split),
        )

    def part(self, places: Sequence[int]) -> Batch:
        """The inputs at these places of the batch, once more."""
        return Batch([self.positions[p] for p in places], [self.items[p] for p in places], self.tries + 1, self.half_of)


class Cutter:
    """Cuts batches off the inputs, one at a time, so that inputs may come from anywhere and be any number.

    Args:
        items: the inputs.
        size: most inputs of a batch; may be made smaller on the way.
        max_tokens: most tokens of a batch, by estimate; an input of more is a batch of its own.
    """

    def __init__(self, items: Iterator[Any], size: int, max_tokens: int | None) -> None:
        self._items = items
        self._kept: list[Any] = []
        self.size = size
        self._max_tokens = DEFAULT_MAX_TOKENS if max_tokens is None else max_tokens
        self.position = 0
        """Inputs cut so far."""
        self.is_empty = False
        """Whether nothing is left; certain only after a cut."""

    def cut(self) -> Batch | None:
        """The next batch; ``None`` if nothing is left. Raises what the inputs raise."""
        items, self._kept = self._kept, []
        tokens = sum(map(_tokens, items))
        for item in self._items:
            tokens += _tokens(item)
            if items and (len(items) >= self.size or tokens > self._max_tokens):
                self._kept.append(item)
                break
            items.append(item)
        self.is_empty = not self._kept
        if not items:
            return None
        start, self.position = self.position, self.position + len(items)
        return Batch(range(start, self.position), items)


def _tokens(item: Any) -> int:
    if isinstance(item, str):
        return len(item) // LETTERS_PER_TOKEN + 1 if item.isascii() else len(item)
    return len(item)
