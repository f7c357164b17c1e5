"""What a run has so far: vectors by position, failures, usage, attempts; and what it comes to in the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set

from requesty_core.errors import ConfigurationError, ErrorKind, RequestyError
from requesty_core.money.usage import Usage, sum_usage
from requesty_core.replies.attempts import Attempt
from requesty_core.values import Value

from .replies import EmbeddingsError, EmbeddingsReply, MalformedEmbeddingsError
from .vectors import BatchResult, Vector, as_list, positions_in_short

__all__ = ["Results"]


class _Failure(Value, frozen=True):
    positions: Sequence[int]
    error: RequestyError


class Results:
    """Everything a run was told.

    Args:
        model: the id asked for.
        keeps_attempts: whether successful attempts are kept; a stream of any length cannot keep them.
    """

    def __init__(self, model: str, *, keeps_attempts: bool) -> None:
        self.model = model
        self._keeps_attempts = keeps_attempts
        self._vectors: dict[int, Vector] = {}
        self._failures: list[_Failure] = []
        self._lost: set[int] = set()
        self._attempts: list[tuple[int, Sequence[Attempt]]] = []
        self._first: tuple[int, BatchResult] | None = None
        self.usage: Usage | None = None
        self.next = 0
        """Position of the next vector to hand out."""
        self.through = 0
        """Inputs that have their vector, or failed for good."""

    def attempted(self, position: int, attempts: Sequence[Attempt]) -> None:
        """Attempts were made for the inputs from ``position``."""
        kept = attempts if self._keeps_attempts else [one for one in attempts if one.outcome != "ok"]
        if kept:
            self._attempts.append((position, kept))

    def told(self, position: int, result: BatchResult) -> None:
        """An answer told what it used and who gave it."""
        used = result.usage or Usage()
        self.usage = used if self.usage is None else sum_usage((self.usage, used))
        if self._first is None or position < self._first[0]:
            self._first = position, result

    def has(self, position: int, vector: Vector) -> None:
        """An input has its vector."""
        self._vectors[position] = vector
        self.through += 1

    def lose(self, positions: Sequence[int], error: RequestyError) -> None:
        """Inputs failed for good."""
        self._failures.append(_Failure(positions, error))
        self._lost.update(positions)
        self.through += len(positions)

    def take(self) -> Iterator[tuple[int, Vector]]:
        """The vectors that are next in order, each with its position; they are forgotten."""
        while True:
            vector = self._vectors.pop(self.next, None)
            if vector is None and self.next not in self._lost:
                return
            position, self.next = self.next, self.next + 1
            if vector is not None:
                yield position, vector

    @property
    def served_model(self) -> str | None:
        """The model that the first answer names."""
        return self._first[1].served_model if self._first else None

    @property
    def request_id(self) -> str | None:
        """The gateway's id of the first answer."""
        return self._first[1].request_id if self._first else None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts, in the order of the inputs they were made for."""
        return tuple(one for _, attempts in sorted(self._attempts, key=lambda entry: entry[0]) for one in attempts)

    def reply(self, count: int) -> EmbeddingsReply:
        """All of ``count`` vectors. Only where :meth:`error` has none."""
        vectors = self._vectors
        data = [vectors.pop(position) for position in range(count)]
        return EmbeddingsReply(
            data=data,
            usage=self.usage,
            requested_model=self.model,
            served_model=self.served_model,
            provider=self._first[1].provider if self._first else None,
            request_id=self.request_id,
            attempts=self.attempts,
        )

    def error(
        self, count: int, unsent: Set[int], end: tuple[RequestyError, str] | None, *, streamed: bool
    ) -> RequestyError | None:
        """The error of a run over ``count`` inputs, of which some were not sent; ``None`` if nothing failed.

        ``end`` is what ended it early, and why, in words. The failure itself if it is about all inputs at once.
        """
        failures = sorted(self._failures, key=lambda failure: failure.positions[0])
        if failures:
            first = failures[0].error
        elif end is not None:
            first = end[0]
        else:
            return None
        attempts = self.attempts
        # Where nothing was sent (no key, a spent budget) there is nothing partial to tell of.
        if (len(failures) == 1 and len(failures[0].positions) == count) or not attempts:
            return first
        failed = tuple(sorted(self._lost | unsent))
        text = f"{len(failed)} of {count} inputs were not embedded ({positions_in_short(failed)}): {first.message}"
        if end is not None and (unsent or streamed):
            rest = (
                "further inputs were"
                if not unsent
                else "1 input was"
                if len(unsent) == 1
                else f"{len(unsent)} inputs were"
            )
            text += f"; {end[1]}, and {rest} not sent"
        error = _made(first, text, self.model, attempts)
        error.failed_inputs, error.not_sent = failed, tuple(sorted(unsent))
        if not streamed:
            error.vectors = tuple(
                None if (vector := self._vectors.get(position)) is None else as_list(vector)
                for position in range(count)
            )
        error.usage = self.usage
        error.errors = tuple(failure.error for failure in failures)
        error.input_errors = {at: failure.error for failure in failures for at in failure.positions}
        error.__cause__ = first
        return error


def _made(first: RequestyError, text: str, model: str, attempts: tuple[Attempt, ...]) -> EmbeddingsError:
    cls = MalformedEmbeddingsError if first.kind is ErrorKind.MALFORMED else EmbeddingsError
    error = cls(
        text,
        status=first.status,
        origin=first.origin,
        request_id=first.request_id,
        response=first.response,
        body=first.body,
        retry_after=first.retry_after,
        requested_model=model,
        attempts=attempts,
    )
    error.__dict__["kind"] = first.kind
    error.__dict__["is_retryable"] = first.is_retryable
    return error


def unfinished() -> ConfigurationError:
    """The error for asking for a result while the run goes on."""
    return ConfigurationError("embeddings: the run has not ended; read it to its end first")
