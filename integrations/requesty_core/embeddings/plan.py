"""Embeddings, without IO: inputs into batches, each batch's answer into vectors, everything back in order.

Base64 transfer is asked for because it is several times cheaper to decode than JSON numbers; floats are accepted all
the same. Answers are put in order by their ``index`` (documented; the order of ``data`` is not promised).
"""

from __future__ import annotations

import binascii
import sys
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from requesty_core.errors import ConfigurationError, MalformedResponseError, RequestyError, error_from_body
from requesty_core.money.usage import Usage, parse_usage, sum_usage
from requesty_core.replies.attempts import Attempt
from requesty_core.replies.received import ReceivedResponse
from requesty_core.settings.config import check_count

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

__all__ = ["Batch", "EmbeddingInput", "EmbeddingsError", "EmbeddingsPlan", "EmbeddingsReply"]

EmbeddingInput = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]]
"""One text, several texts, one text as token ids, or several texts as token ids."""

Vector: TypeAlias = "array[float] | list[float]"

DEFAULT_BATCH_SIZE = 256
DEFAULT_MAX_IN_FLIGHT = 4


@dataclass(frozen=True)
class EmbeddingsReply:
    """Vectors in the order of the inputs, and what they cost.

    Attributes:
        data: one vector per input as decoded: an ``array`` of float32, or a list where the gateway sent numbers.
        usage: tokens and cost summed over all batches; the cost is ``None`` if any batch did not tell it.
        requested_model: the id asked for, as the caller wrote it.
        served_model: the model the gateway names, of the first batch.
        request_id: gateway id of the first batch.
        attempts: every attempt of every batch.
    """

    data: Sequence[Vector] = field(repr=False)
    usage: Usage | None = None
    requested_model: str = ""
    served_model: str | None = None
    provider: str | None = None
    request_id: str | None = None
    attempts: Sequence[Attempt] = ()

    @cached_property
    def vectors(self) -> list[list[float]]:
        """The vectors as lists of floats, one per input."""
        return [_as_list(v) for v in self.data]

    @cached_property
    def arrays(self) -> list[array[float]]:
        """The vectors as arrays: of float32 (``"f"``), or float64 (``"d"``) where the gateway sent numbers."""
        return [array("d", v) if isinstance(v, list) else v for v in self.data]

    def numpy(self) -> NDArray[float32]:
        """The vectors as one float32 matrix of shape (inputs, dimensions). Needs numpy installed."""
        import numpy

        return numpy.stack([numpy.asarray(v, dtype=numpy.float32) for v in self.data])

    def __len__(self) -> int:
        return len(self.data)


class EmbeddingsError(RequestyError):
    """Some inputs could not be embedded. Its ``kind`` is that of the first failure, which is also its cause.

    Attributes:
        failed_inputs: positions of the inputs without a vector.
        vectors: one entry per input, ``None`` where it failed.
        usage: what the batches that succeeded used.
        errors: the failure of each failed batch.
    """

    failed_inputs: tuple[int, ...] = ()
    vectors: tuple[list[float] | None, ...] = ()
    usage: Usage | None = None
    errors: tuple[RequestyError, ...] = ()


@dataclass(frozen=True, slots=True)
class Batch:
    """One request's worth of inputs, beginning at position ``start``."""

    start: int
    items: Sequence[Any]

    @property
    def positions(self) -> range:
        """Positions of its inputs among all."""
        return range(self.start, self.start + len(self.items))


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What one batch gave."""

    vectors: Sequence[Vector]
    usage: Usage | None
    served_model: str | None
    provider: str | None
    request_id: str | None


class EmbeddingsPlan:
    """Splits inputs into batches and puts their results together.

    ``on_batch`` is called with the number of inputs of every batch that is through, answered or failed.

    Raises :class:`ConfigurationError` for inputs that are neither texts nor token ids.
    """

    def __init__(
        self,
        model: str,
        inputs: EmbeddingInput,
        batch_size: int,
        max_in_flight: int,
        on_batch: Callable[[int], object] | None = None,
    ) -> None:
        if check_count(batch_size, "batch_size") < 1:
            raise ConfigurationError("batch_size: 0 is too small; give 1 or more")
        if check_count(max_in_flight, "max_in_flight") < 1:
            raise ConfigurationError("max_in_flight: 0 is too small; give 1 or more")
        self.model = model
        items = _items(inputs)
        self._count = len(items)
        self.max_in_flight = max_in_flight
        self._on_batch = on_batch
        self.batches = [Batch(i, items[i : i + batch_size]) for i in range(0, len(items), batch_size)]
        self._results: dict[int, BatchResult] = {}
        self._errors: dict[int, RequestyError] = {}
        self._attempts: dict[int, Sequence[Attempt]] = {}

    def todo(self) -> Iterator[Batch]:
        """Batches to send; ends early once one failed in a way that the others would too."""
        for batch in self.batches:
            if any(not e.is_retryable for e in self._errors.values()):
                return
            yield batch

    def done(self, batch: Batch, result: BatchResult, attempts: Sequence[Attempt]) -> None:
        """A batch was answered."""
        self._results[batch.start] = result
        self._attempts[batch.start] = attempts
        if self._on_batch is not None:
            self._on_batch(len(batch.items))

    def failed(self, batch: Batch, error: RequestyError) -> None:
        """A batch failed for good."""
        self._errors[batch.start] = error
        self._attempts[batch.start] = error.attempts
        if self._on_batch is not None:
            self._on_batch(len(batch.items))

    def reply(self) -> EmbeddingsReply:
        """All vectors. Raises the failure if there was one: the error itself if it was the only batch."""
        results = [self._results[s] for s in sorted(self._results)]
        usage = sum_usage(r.usage or Usage() for r in results)
        attempts = tuple(a for s in sorted(self._attempts) for a in self._attempts[s])
        if self._errors:
            raise self._error(usage, attempts)
        first = results[0] if results else None
        return EmbeddingsReply(
            data=[v for r in results for v in r.vectors],
            usage=usage,
            requested_model=self.model,
            served_model=first.served_model if first else None,
            provider=first.provider if first else None,
            request_id=first.request_id if first else None,
            attempts=attempts,
        )

    def _error(self, usage: Usage | None, attempts: Sequence[Attempt]) -> RequestyError:
        first = self._errors[min(self._errors)]
        # Where nothing was sent (no key, a spent budget) there is nothing partial to tell of.
        if len(self.batches) == 1 or not attempts:
            return first
        vectors: list[list[float] | None] = [None] * self._count
        for batch in self.batches:
            result = self._results.get(batch.start)
            for position, vector in zip(batch.positions, result.vectors if result else (), strict=False):
                vectors[position] = _as_list(vector)
        failed = tuple(i for i, v in enumerate(vectors) if v is None)
        error = EmbeddingsError(
            f"{len(failed)} of {self._count} inputs were not embedded ({_ranges(failed)}): {first.message}",
            status=first.status,
            origin=first.origin,
            request_id=first.request_id,
            response=first.response,
            body=first.body,
            retry_after=first.retry_after,
            requested_model=self.model,
            attempts=attempts,
        )
        error.__dict__["kind"] = first.kind
        error.__dict__["is_retryable"] = first.is_retryable
        error.failed_inputs = failed
        error.vectors = tuple(vectors)
        error.usage = usage
        error.errors = tuple(self._errors[s] for s in sorted(self._errors))
        error.__cause__ = first
        return error


def _items(inputs: EmbeddingInput) -> Sequence[Any]:
    if isinstance(inputs, str):
        return [inputs]
    if isinstance(inputs, (bytes, Mapping)) or not isinstance(inputs, Sequence):
        raise ConfigurationError(f"input: a {type(inputs).__name__} cannot be embedded; give a text or a list of texts")
    if inputs and all(isinstance(i, int) and not isinstance(i, bool) for i in inputs):
        return [inputs]
    for position, item in enumerate(inputs):
        if not isinstance(item, str) and not _is_token_ids(item):
            raise ConfigurationError(f"input[{position}]: {type(item).__name__} is neither a text nor token ids")
    return inputs


def _is_token_ids(item: object) -> bool:
    return isinstance(item, Sequence) and not isinstance(item, (str, bytes)) and all(type(t) is int for t in item)


def _ranges(positions: Sequence[int]) -> str:
    """Positions in short: ``0-3, 7``."""
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


def _as_list(vector: Vector) -> list[float]:
    return vector if isinstance(vector, list) else vector.tolist()


class _Entry(msgspec.Struct):
    embedding: list[float] | str
    index: int | None = None


class _Answer(msgspec.Struct):
    """An answer as documented. Decoding into it checks every number on the way, which costs nothing extra."""

    data: list[_Entry]
    model: Any = None
    usage: Any = None


_documented = msgspec.json.Decoder(_Answer)


def read_embeddings(received: ReceivedResponse, count: int) -> BatchResult:
    """The vectors of one answer, ordered by index. Raises typed errors for anything but ``count`` vectors."""
    try:
        answer = _documented.decode(received.content)
    except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError, OverflowError):
        raise _complaint(received, count) from None
    if len(answer.data) != count:
        raise MalformedResponseError(f"{count} inputs were sent but {len(answer.data)} embeddings came back")
    vectors: list[Vector | None] = [None] * count
    for place, entry in enumerate(answer.data):
        index = place if entry.index is None else entry.index
        if not 0 <= index < count or vectors[index] is not None:
            raise MalformedResponseError(f"an embedding has the index {index!r}, which is out of range or taken")
        vectors[index] = _vector(entry.embedding)
    return BatchResult(
        vectors=[v for v in vectors if v is not None],
        usage=parse_usage(answer.usage),
        served_model=answer.model if isinstance(answer.model, str) else None,
        provider=received.provider,
        request_id=received.request_id,
    )


def _complaint(received: ReceivedResponse, count: int) -> RequestyError:
    """The error of an answer that is not as documented, in words about the first thing that is wrong."""
    body = received.json()
    if not isinstance(body, dict):
        return MalformedResponseError("the answer is JSON but not an embeddings answer; check base_url")
    data = body.get("data")
    if data is None and body.get("error") is not None:
        return error_from_body(body["error"], in_stream=False, requested_model=received.model)
    if not isinstance(data, list):
        return MalformedResponseError(f"{count} inputs were sent but 0 embeddings came back")
    for entry in data:
        if not isinstance(entry, dict):
            return MalformedResponseError("an embedding is not an object")
        value, index = entry.get("embedding"), entry.get("index")
        if index is not None and type(index) is not int:
            return MalformedResponseError(f"an embedding has the index {index!r}, which is no number")
        if not isinstance(value, (str, list)):
            return MalformedResponseError(f"an embedding is neither numbers nor base64 but {type(value).__name__}")
    return MalformedResponseError("an embedding is not a list of numbers")


def _vector(value: list[float] | str) -> Vector:
    if not value:
        raise MalformedResponseError("an embedding is empty")
    if isinstance(value, list):
        return value
    floats = array("f")
    try:
        floats.frombytes(binascii.a2b_base64(value, strict_mode=True))
    except ValueError as exc:
        raise MalformedResponseError(f"an embedding is not base64 of float32 ({exc})") from None
    if sys.byteorder == "big":
        floats.byteswap()
    return floats
