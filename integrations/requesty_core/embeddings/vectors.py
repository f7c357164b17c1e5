"""One answer of the embeddings route into vectors that can be trusted.

An answer is believed as a whole or not at all where its shape is in doubt: another number of vectors than inputs, an
index that is missing, taken or out of range. Where only single vectors are wrong (not finite, empty, not base64, of
another length than the others), the rest is kept and the wrong ones are named.

Base64 transfer is asked for because it is several times cheaper to decode than JSON numbers; floats are accepted all
the same. Answers are put in order by their ``index`` (documented; the order of ``data`` is not promised).
"""

from __future__ import annotations

import binascii
import json
import sys
from array import array
from collections import Counter
from collections.abc import Sequence
from math import isfinite
from typing import Any, TypeAlias

import msgspec

from requesty_core.errors import MalformedResponseError, RequestyError, error_from_body
from requesty_core.money.usage import Usage, parse_usage
from requesty_core.replies.received import ReceivedResponse
from requesty_core.values import Value

__all__ = ["BatchResult", "Vector", "as_list", "check_answer", "positions_in_short", "read_embeddings"]

Vector: TypeAlias = "array[float] | list[float]"


class BatchResult(Value, frozen=True):
    """What one request gave. ``wrong`` says of places in the batch why their vector, which is ``None``, is no use."""

    vectors: Sequence[Vector | None]
    usage: Usage | None
    served_model: str | None
    provider: str | None
    request_id: str | None
    wrong: dict[int, str]

    @property
    def width(self) -> int | None:
        """Length of the vectors; ``None`` without one."""
        return next((len(vector) for vector in self.vectors if vector is not None), None)


class _Entry(msgspec.Struct):
    embedding: list[float] | bytes
    index: int | None = None


class _Answer(msgspec.Struct):
    """An answer as documented. Decoding into it checks every number on the way, which costs nothing extra, and reads
    base64, which takes a tenth of the time of doing it afterwards."""

    data: list[_Entry]
    model: Any = None
    usage: Any = None


class _LooseEntry(msgspec.Struct):
    embedding: Any
    index: int | None = None


class _LooseAnswer(msgspec.Struct):
    """An answer in which single vectors may be anything, so that one does not cost the others."""

    data: list[_LooseEntry]
    model: Any = None
    usage: Any = None


_documented = msgspec.json.Decoder(_Answer)
_NOT_DECODED = (msgspec.DecodeError, UnicodeError, ValueError, RecursionError, OverflowError)


def read_embeddings(received: ReceivedResponse, count: int) -> BatchResult:
    """The vectors of one answer to ``count`` inputs, in their order.

    Raises :class:`MalformedResponseError` for an answer in which no vector can be trusted to belong to its input.
    """
    try:
        answer: _Answer | _LooseAnswer = _documented.decode(received.content)
    except _NOT_DECODED:
        answer = _loosely(received, _leniently(received), count)
    return _read(received, answer, count)


def check_answer(received: ReceivedResponse, data: Any, count: int, dimensions: object = None) -> None:
    """Look at an answer, decoded as ``data``, that is passed on as it is: every vector has to be right.

    Raises :class:`MalformedResponseError` naming the inputs whose vectors are not.
    """
    result = _read(received, _loosely(received, data, count), count)
    if result.wrong:
        named, first = positions_in_short(sorted(result.wrong)), result.wrong[min(result.wrong)]
        raise MalformedResponseError(f"{len(result.wrong)} of {count} embeddings are wrong ({named}): {first}")
    width = result.width
    if type(dimensions) is int and width is not None and width != dimensions:
        raise unlike_asked(dimensions, width)


def _leniently(received: ReceivedResponse) -> Any:
    """The decoded body, with numbers that JSON has no word for, or no room: encoders write them, and one is enough to
    make all others unreadable."""
    try:
        return json.loads(received.content)
    except (ValueError, RecursionError):
        # The error about the body as a whole says more.
        return received.json()


def _loosely(received: ReceivedResponse, data: Any, count: int) -> _LooseAnswer:
    try:
        return msgspec.convert(data, _LooseAnswer)
    except _NOT_DECODED:
        raise _complaint(received, data, count) from None


def _read(received: ReceivedResponse, answer: _Answer | _LooseAnswer, count: int) -> BatchResult:
    if not answer.data:
        raise _complaint(received, received.json(), count)
    if len(answer.data) != count:
        raise MalformedResponseError(f"{count} inputs were sent but {len(answer.data)} embeddings came back")
    vectors: list[Vector | None] = [None] * count
    wrong: dict[int, str] = {}
    seen = [False] * count
    entries: Sequence[_Entry | _LooseEntry] = answer.data
    for place, entry in enumerate(entries):
        index = place if entry.index is None else entry.index
        if not 0 <= index < count or seen[index]:
            raise MalformedResponseError(f"an embedding has the index {index!r}, which is out of range or taken")
        seen[index] = True
        try:
            value = entry.embedding
            vectors[index] = _floats(value, isinstance(entry, _Entry)) if isinstance(value, list) else _unpacked(value)
        except ValueError as error:
            wrong[index] = str(error)
    _agree(vectors, wrong)
    if len(wrong) == count:
        raise MalformedResponseError(wrong[0])
    return BatchResult(
        vectors=vectors,
        usage=parse_usage(answer.usage),
        served_model=received.blot(answer.model) if isinstance(answer.model, str) else None,
        provider=received.provider,
        request_id=received.request_id,
        wrong=wrong,
    )


def unlike_asked(dimensions: int, width: int) -> MalformedResponseError:
    """The error for vectors of another length than was asked for; asking again would change nothing."""
    error = MalformedResponseError(
        f"{dimensions} dimensions were asked for but {width} came back; the model may not let them be chosen"
    )
    error.__dict__["is_retryable"] = False
    return error


def _first(result: BatchResult) -> str:
    return result.wrong[min(result.wrong)]


def _agree(vectors: list[Vector | None], wrong: dict[int, str]) -> None:
    """Take out, with the reason, vectors of another length than most. Raises if there is no telling which is right."""
    widths = {len(vector) for vector in vectors if vector is not None}
    if len(widths) < 2:
        return
    counts = Counter(len(vector) for vector in vectors if vector is not None)
    (width, most), (other, _) = counts.most_common(2)
    if most * 2 <= sum(counts.values()):
        raise MalformedResponseError(f"vectors of {width} and of {other} numbers came back in one answer")
    for place, vector in enumerate(vectors):
        if vector is not None and len(vector) != width:
            wrong[place] = f"an embedding has {len(vector)} numbers where the others have {width}"
            vectors[place] = None


def _complaint(received: ReceivedResponse, body: Any, count: int) -> RequestyError:
    """The error of an answer that is not as documented, in words about the first thing that is wrong."""
    if not isinstance(body, dict):
        return MalformedResponseError("the answer is JSON but not an embeddings answer; check base_url")
    data = body.get("data")
    if not data and body.get("error") is not None:
        return error_from_body(body["error"], in_stream=False, requested_model=received.model)
    if not isinstance(data, list) or not data:
        return MalformedResponseError(f"{count} inputs were sent but 0 embeddings came back")
    for entry in data:
        if not isinstance(entry, dict):
            return MalformedResponseError("an embedding is not an object")
        index = entry.get("index")
        if index is not None and type(index) is not int:
            return MalformedResponseError(f"an embedding has the index {index!r}, which is no number")
        if "embedding" not in entry:
            return MalformedResponseError("an embedding is neither numbers nor base64 but missing")
    return MalformedResponseError("an embedding is not a list of numbers")


def _floats(value: list[Any], checked: bool) -> Vector:
    """A vector sent as numbers. Raises ``ValueError`` saying what is wrong with it."""
    if not value:
        raise ValueError("an embedding is empty")
    if checked:
        # The decoder takes no number that is not finite.
        return value
    try:
        value = msgspec.convert(value, list[float])
    except _NOT_DECODED:
        if all(type(item) in (int, float) for item in value):
            # A whole number that is larger than any float.
            raise ValueError(_NOT_FINITE) from None
        raise ValueError("an embedding is not a list of numbers") from None
    # A sum is finite unless one of its parts is not, or it grew too large itself.
    if not isfinite(sum(value)) and not all(map(isfinite, value)):
        raise ValueError(_NOT_FINITE)
    return value


def _unpacked(value: Any) -> Vector:
    """A vector sent as base64, or the bytes in it. Raises ``ValueError`` saying what is wrong with it."""
    if not isinstance(value, (str, bytes)):
        raise ValueError(f"an embedding is neither numbers nor base64 but {type(value).__name__}")
    if not value:
        raise ValueError("an embedding is empty")
    try:
        raw = value if isinstance(value, bytes) else _from_base64(value)
        floats = array("f", raw)
    except ValueError as error:
        raise ValueError(f"an embedding is not base64 of float32 ({error})") from None
    if sys.byteorder == "big":
        floats.byteswap()
    # The last byte of a little-endian float32 that is infinite or no number, or astronomically large.
    tops = raw[3::4]
    if (b"\x7f" in tops or b"\xff" in tops) and not all(map(isfinite, floats)):
        raise ValueError(_NOT_FINITE)
    return floats


def _from_base64(text: str) -> bytes:
    try:
        return msgspec.convert(text, bytes)
    except _NOT_DECODED:
        # In words that say what is wrong.
        return binascii.a2b_base64(text, strict_mode=True)


_NOT_FINITE = "an embedding holds a number that is not finite"


def as_list(vector: Vector) -> list[float]:
    """A vector as a list of floats."""
    return vector if isinstance(vector, list) else vector.tolist()


def positions_in_short(positions: Sequence[int]) -> str:
    """Positions in words: ``inputs 0-3, 7``."""
    parts: list[str] = []
    start = previous = None
    for position in (*positions, None):
        if previous is not None and position == previous + 1:
            previous = position
            continue
        if start is not None:
            parts.append(f"{start}" if start == previous else f"{start}-{previous}")
        start = previous = position
    shown = ", ".join(parts[:8])
    return f"inputs {shown}{', …' if len(parts) > 8 else ''}"
