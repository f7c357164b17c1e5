"""What can be embedded, and the forms in which callers have it: lists, arrays, columns of data frames, generators."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from requesty_core.errors import ConfigurationError

__all__ = ["EmbeddingInput", "read_inputs"]

EmbeddingInput = str | Iterable[str] | Sequence[int] | Iterable[Sequence[int]]
"""One text, several texts, one text as token ids, or several texts as token ids. Several may be any iterable with an
order: a list, an array, a column of a data frame, a generator."""


def read_inputs(inputs: EmbeddingInput) -> Iterator[Any]:
    """The inputs one by one, as JSON can hold them; each is checked when it is asked for.

    Raises :class:`ConfigurationError`, at once for what cannot be iterated, later with the place of an input that is
    neither a text nor token ids.
    """
    if isinstance(inputs, str):
        return iter((str.__str__(inputs),))
    # A data frame iterates over the names of its columns.
    if isinstance(inputs, (bytes, bytearray, Mapping, Set)) or hasattr(inputs, "columns"):
        raise _unfit(inputs)
    try:
        items = iter(inputs)
    except TypeError:
        raise _unfit(inputs) from None
    if isinstance(inputs, Sequence) or hasattr(inputs, "__array__"):
        ids = _token_ids(inputs)
        if ids:
            return iter((ids,))
    return (_item(item, position) for position, item in enumerate(items))


def _unfit(inputs: object) -> ConfigurationError:
    name = type(inputs).__name__
    more = "; give one of its columns" if hasattr(inputs, "columns") else "; give a text or a list of texts"
    return ConfigurationError(f"input: a {name} cannot be embedded{more}")


def _item(item: Any, position: int) -> Any:
    if isinstance(item, str):
        return item if type(item) is str else str.__str__(item)
    if (isinstance(item, Sequence) and not isinstance(item, (bytes, bytearray))) or hasattr(item, "__array__"):
        ids = _token_ids(item)
        if ids is not None:
            return ids
    raise ConfigurationError(f"input[{position}]: {type(item).__name__} is neither a text nor token ids")


def _token_ids(items: Any) -> list[int] | None:
    """The items as token ids, if all of them are whole numbers."""
    ids: list[int] = []
    try:
        for item in items:
            if isinstance(item, (str, bool)):
                return None
            ids.append(item if type(item) is int else operator.index(item))
    except TypeError:
        return None
    return ids
