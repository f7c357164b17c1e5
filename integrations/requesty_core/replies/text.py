"""Text that arrives in parts, where a part may end in the middle of a character."""

from __future__ import annotations

__all__ = ["TextJoiner"]


class TextJoiner:
    """Keeps characters whole: half of a surrogate pair waits for its other half.

    Servers that cut text by UTF-16 units send an emoji as two escaped halves in two deltas. A half that never finds its
    other one is delivered as it came.

    >>> joiner = TextJoiner()
    >>> joiner.take("a\\ud83d"), joiner.take("\\ude00b") == "\\U0001f600b", joiner.rest()
    ('a', True, '')
    """

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = ""

    def take(self, text: str) -> str:
        """The text that can be delivered now; may be empty. ``text`` is not empty."""
        if self._half:
            text = (self._half + text).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
            self._half = ""
        if "\ud800" <= text[-1] <= "\udbff":
            self._half = text[-1]
            return text[:-1]
        return text

    def rest(self) -> str:
        """The half that is still waiting, if any."""
        return self._half
