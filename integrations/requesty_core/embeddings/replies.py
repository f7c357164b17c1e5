"""What a caller gets: all vectors, or an error that names the inputs without one and holds the others."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from requesty_core.errors import MalformedResponseError, RequestyError
from requesty_core.money.usage import Usage
from requesty_core.replies.attempts import Attempt

from .vectors import Vector

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

__all__ = ["EmbeddingsError", "EmbeddingsReply", "MalformedEmbeddingsError"]


@dataclass(frozen=True)
class EmbeddingsReply:
    """Vectors in the order of the inputs, and what they cost.

    Attributes:
        data: one vector per input: an ``array`` of float32 as decoded, or a list where the gateway sent numbers. They
            become lists when :attr:`vectors` is asked for; nothing is held twice.
        usage: tokens and cost summed over all requests; the cost is ``None`` if any did not tell it.
        requested_model: the id asked for, as the caller wrote it.
        served_model: the model the gateway names, of the first batch.
        request_id: gateway id of the first batch.
        attempts: every attempt of every request.
    """

    data: Sequence[Vector] = field(repr=False)
    usage: Usage | None = None
    requested_model: str = ""
    served_model: str | None = None
    provider: str | None = None
    request_id: str | None = None
    attempts: Sequence[Attempt] = ()

    @property
    def vectors(self) -> list[list[float]]:
        """The vectors as lists of floats, one per input."""
        data = self.data
        if not isinstance(data, list):
            object.__setattr__(self, "data", data := list(data))
        if data and isinstance(data[0], array):
            object.__setattr__(self, "_packed", True)
        # In place: arrays go as their lists come, because both at once would be an eighth more memory.
        for place, vector in enumerate(data):
            if not isinstance(vector, list):
                data[place] = vector.tolist()
        return cast("list[list[float]]", data)

    @property
    def arrays(self) -> list[array[float]]:
        """The vectors as arrays: of float32 (``"f"``), or float64 (``"d"``) where the gateway sent numbers."""
        code = "f" if getattr(self, "_packed", False) else "d"
        return [array(code, vector) if isinstance(vector, list) else vector for vector in self.data]

    def numpy(self) -> NDArray[float32]:
        """The vectors as one float32 matrix of shape (inputs, dimensions). Needs numpy installed."""
        import numpy

        matrix = numpy.empty((len(self.data), len(self.data[0]) if self.data else 0), numpy.float32)
        for row, vector in zip(matrix, self.data, strict=True):
            row[:] = vector
        return matrix

    def __len__(self) -> int:
        return len(self.data)


class EmbeddingsError(RequestyError):
    """Some inputs could not be embedded. Its ``kind`` is that of the first failure, which is also its cause.

    Attributes:
        failed_inputs: positions of the inputs without a vector, as far as they are known.
        not_sent: those of them that were never sent, because the run ended before.
        vectors: one entry per input, ``None`` where it failed; empty for a stream, which had handed them out.
        usage: what the requests that succeeded used.
        errors: the failure of each failed request.
        input_errors: the failure of each input that was sent, by its position.
    """

    failed_inputs: tuple[int, ...] = ()
    not_sent: tuple[int, ...] = ()
    vectors: tuple[list[float] | None, ...] = ()
    usage: Usage | None = None
    errors: tuple[RequestyError, ...] = ()
    input_errors: Mapping[int, RequestyError] = MappingProxyType({})


class MalformedEmbeddingsError(EmbeddingsError, MalformedResponseError):
    """Some vectors of an answer cannot be used: not finite, not numbers, of another length than the others."""

    advice = "Retried for the inputs concerned; `vectors` holds the others."
