"""Embedding answers that are not as documented: the ways in which servers and proxies were seen to get them wrong."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

__all__ = ["BAD_VECTORS", "spoil"]

Answer = dict[str, Any]
Entry = dict[str, Any]

NAN, INFINITY = float("nan"), float("inf")


def _entries(change: Callable[[list[Entry]], Any]) -> Callable[[Answer], Answer]:
    """Something else in the place of the list of entries."""
    return lambda answer: {**answer, "data": change([dict(entry) for entry in answer["data"]])}


def _indexes(index: Callable[[int], Any]) -> Callable[[Answer], Answer]:
    return _entries(lambda entries: [{**entry, "index": index(place)} for place, entry in enumerate(entries)])


def _last(change: Callable[[Any], Any]) -> Callable[[Answer], Answer]:
    """Something else in the place of the last vector."""
    return _entries(lambda entries: [*entries[:-1], {**entries[-1], "embedding": change(entries[-1]["embedding"])}])


def _all(change: Callable[[Any], Any]) -> Callable[[Answer], Answer]:
    return _entries(lambda entries: [{**entry, "embedding": change(entry["embedding"])} for entry in entries])


def _numbers(value: Any) -> list[float]:
    if isinstance(value, str):
        raw = base64.b64decode(value)
        return list(struct.unpack(f"<{len(raw) // 4}f", raw))
    return list(value)


def _like(value: Any, numbers: list[float]) -> Any:
    """The numbers in the transfer form of ``value``; what JSON has no word for as some encoders write it."""
    if isinstance(value, str):
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    words = {NAN: b"NaN", INFINITY: b"1e999"}
    return [msgspec.Raw(words[n]) if n in words else msgspec.Raw(b"NaN") if n != n else n for n in numbers]


def _shorter(value: Any) -> Any:
    return _like(value, _numbers(value)[:-1])


def _with(number: float) -> Callable[[Any], Any]:
    return lambda value: _like(value, [number, *_numbers(value)[1:]])


def _double(value: Any) -> Any:
    """Packed as float64, which nobody can tell from a vector of twice the length."""
    numbers = _numbers(value)
    return base64.b64encode(struct.pack(f"<{len(numbers)}d", *numbers)).decode()


BAD_VECTORS: Mapping[str, Callable[[Answer], Any]] = {
    "too_few": _entries(lambda entries: entries[:-1]),
    "too_many": _entries(lambda entries: [*entries, {**entries[-1], "index": len(entries)}]),
    "none": _entries(lambda entries: []),
    "no_data": lambda answer: {key: value for key, value in answer.items() if key != "data"},
    "null_data": _entries(lambda entries: None),
    "data_object": _entries(lambda entries: {str(entry["index"]): entry for entry in entries}),
    "bare_list": lambda answer: answer["data"],
    "entry_null": _entries(lambda entries: [*entries[:-1], None]),
    "entry_bare": _entries(lambda entries: [entry["embedding"] for entry in entries]),
    "index_taken": _indexes(lambda place: 0),
    "index_from_one": _indexes(lambda place: place + 1),
    "index_negative": _indexes(lambda place: -place),
    "index_text": _indexes(str),
    "index_fraction": _indexes(lambda place: place + 0.5),
    "index_true": _indexes(lambda place: place == 0),
    "index_partly": _entries(
        lambda entries: [{**entries[0], "index": len(entries) - 1}, *({**e, "index": None} for e in entries[1:])]
    ),
    "vector_null": _last(lambda value: None),
    "vector_missing": _entries(
        lambda entries: [*entries[:-1], {key: v for key, v in entries[-1].items() if key != "embedding"}]
    ),
    "vector_empty": _last(lambda value: type(value)()),
    "vector_object": _last(lambda value: {"values": _numbers(value)}),
    "vector_nested": _last(lambda value: [_numbers(value)]),
    "vector_texts": _last(lambda value: [str(number) for number in _numbers(value)]),
    "vector_nulls": _last(lambda value: [None, *_numbers(value)[1:]]),
    "vector_booleans": _last(lambda value: [True, *_numbers(value)[1:]]),
    "vector_number": _last(lambda value: 0.5),
    "not_a_number": _last(_with(NAN)),
    "infinite": _last(_with(INFINITY)),
    "two_lengths": _last(_shorter),
    "other_dimensions": _all(_shorter),
    "base64_cut": _last(lambda value: _like("", _numbers(value))[:-3]),
    "base64_garbage": _last(lambda value: "not base64!"),
    "base64_of_doubles": _all(_double),
    "error_beside": lambda answer: {**answer, "data": [], "error": {"message": "no capacity", "code": 503}},
}
"""By name: what becomes of a good answer."""


def spoil(name: str, answer: Answer) -> Any:
    """The answer, made wrong in the way that ``name`` says."""
    return BAD_VECTORS[name](answer)
