"""One embeddings call of any number of inputs, without IO: which batch to send next, and what an outcome means.

Theory of operation. A shell cuts batches off the inputs while the run :attr:`~EmbeddingsRun.wants` them, sends the next
one while it is :attr:`~EmbeddingsRun.ready`, as many at a time as it may, and reports how each ended. The run decides
the rest:

- A batch refused for what is in it (400, 413, 422) is sent in two halves, and these again, until the inputs that cannot
  be embedded are alone; all others get their vectors. Where both halves of a refused batch go through, batches were too
  large, and later ones are cut smaller. If nothing ever goes through, the request is refused as such, and the run ends.
- Inputs whose vectors are no use (not finite, another length than the others) are asked for again, alone.
- A failure that every batch would have (a refused key, an unknown model) ends the run at once.
- After a failure that may pass, batches go one at a time until one succeeds; when two of these fail as well, there is
  an outage, and the run ends. What it has until then is kept.

Nothing here waits or sends; retries of a single request are the business of its exchange.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from requesty_core.errors import ErrorKind, MalformedResponseError, RequestyError
from requesty_core.replies.attempts import Attempt
from requesty_core.values import Value

from .batches import Batch, Cutter
from .replies import EmbeddingsReply
from .results import Results, unfinished
from .vectors import BatchResult, unlike_asked

__all__ = ["DEFAULT_MAX_IN_FLIGHT", "EmbeddingsRun", "RunRules"]

DEFAULT_MAX_IN_FLIGHT = 4

MAX_PROBES = 2
"""Batches that are sent alone after a failure, before a run of failures is an outage."""

MAX_REFUSED = 8
"""Refused inputs, or batches, after which the request itself is at fault if nothing ever went through."""

_ABOUT_INPUTS = frozenset({400, 413, 422})


class RunRules(Value, frozen=True):
    """How a run goes.

    Attributes:
        max_in_flight: most batches under way at a time.
        retries: how often inputs whose vectors are no use are asked for again.
        fields: the request's fields beside the inputs.
        halves: whether a refused batch is tried in halves, or given up as a whole.
        count: how many inputs there are; ``None`` if that shows at their end.
        window: how far a stream may be ahead of its reader, in inputs; ``None`` keeps everything for the end.
    """

    max_in_flight: int = DEFAULT_MAX_IN_FLIGHT
    retries: int = 0
    fields: Mapping[str, Any] = msgspec.field(default_factory=dict)
    halves: bool = True
    count: int | None = None
    window: int | None = None


class EmbeddingsRun:
    """The decisions of one call. Not safe for threads: a shell with several holds a lock.

    Args:
        model: the id asked for.
        cutter: where batches come from.
        rules: how it goes.
    """

    def __init__(self, model: str, cutter: Cutter, rules: RunRules) -> None:
        self.rules = rules
        self.changes = 0
        """Grows with every outcome."""
        self._cutter = cutter
        self._fresh: deque[Batch] = deque()
        self._again: list[Batch] = []
        self._in_flight = 0
        self.results = Results(model, keeps_attempts=rules.window is None)
        """What there is so far."""
        dimensions = rules.fields.get("dimensions")
        self._asked: int | None = dimensions if type(dimensions) is int else None
        self._width = self._asked
        self._successes = 0
        self._refused = 0
        self._failing = False
        self._probing = False
        self._probes = 0
        self._end: tuple[RequestyError, str] | None = None

    @property
    def wants(self) -> bool:
        """Whether another batch should be cut now."""
        if self._end is not None or self._cutter.is_empty or len(self._fresh) >= self.rules.max_in_flight:
            return False
        window = self.rules.window
        return window is None or self._cutter.position < self.results.next + window

    def cut(self) -> Batch | None:
        """The next batch of the inputs, for :meth:`add`; ``None`` if there is none. Raises what the inputs raise.

        The only part that may run beside the others: inputs may be slow to come.
        """
        return self._cutter.cut()

    def add(self, batch: Batch) -> None:
        """A batch was cut."""
        self._fresh.append(batch)

    @property
    def queued(self) -> int:
        """Batches that wait to be sent."""
        return len(self._fresh) + len(self._again)

    @property
    def ready(self) -> bool:
        """Whether a batch should be sent now."""
        if self._end is not None or not (self._again or self._fresh):
            return False
        return not (self._failing and self._in_flight)

    @property
    def is_over(self) -> bool:
        """Whether nothing is under way and nothing is left to send."""
        if self._in_flight:
            return False
        return self._end is not None or (self._cutter.is_empty and not self._again and not self._fresh)

    def next(self) -> Batch:
        """The batch to send now; only while :attr:`ready`."""
        self._in_flight += 1
        self._probing = self._failing
        return self._again.pop() if self._again else self._fresh.popleft()

    def answered(self, batch: Batch, result: BatchResult, attempts: Sequence[Attempt]) -> None:
        """A batch was answered."""
        wrong = dict(result.wrong)
        unlike = self._misfits(result, wrong)
        error = unlike or (MalformedResponseError(wrong[min(wrong)]) if wrong else None)
        self._reported(batch, attempts if error is None else _ended_with(error, attempts))
        self.results.told(batch.positions[0], result)
        if unlike is not None:
            unlike.requested_model, unlike.request_id = self.results.model, result.request_id
            unlike.attempts = self.results.attempts
            self._lose(batch.positions, unlike)
            self._ends(unlike, "all would have come like this")
            return
        good = 0
        for place, (position, vector) in enumerate(zip(batch.positions, result.vectors, strict=True)):
            if vector is not None and place not in wrong:
                self.results.has(position, vector)
                good += 1
        if good:
            self._successes += 1
            self._failing, self._probes = False, 0
        if error is not None:
            self._ask_again(batch, wrong, error)
        elif batch.half_of is not None:
            batch.half_of.sizes.append(len(batch.items))
            if len(batch.half_of.sizes) == 2:
                # Refused together, accepted apart: it was too much at a time.
                self._cutter.size = min(self._cutter.size, max(batch.half_of.sizes))

    def _misfits(self, result: BatchResult, wrong: dict[int, str]) -> MalformedResponseError | None:
        """Note the vectors of another length than the run's; the error that ends it if another was asked for."""
        width = result.width
        if self._width is None:
            self._width = width
        if width is None or width == self._width:
            return None
        if self._asked is not None:
            return unlike_asked(self._asked, width)
        for place, vector in enumerate(result.vectors):
            if vector is not None:
                wrong[place] = f"an embedding has {width} numbers where the others have {self._width}"
        return None

    def _ask_again(self, batch: Batch, wrong: dict[int, str], error: MalformedResponseError) -> None:
        part = batch.part(sorted(wrong))
        if part.tries <= self.rules.retries and self._end is None:
            self._again.append(part)
            return
        error.requested_model, error.attempts = self.results.model, self.results.attempts
        self._lose(part.positions, error)
        if len(part.items) == len(batch.items):
            self._count_failure(error)

    def failed(self, batch: Batch, error: RequestyError) -> None:
        """A batch failed for good."""
        self._reported(batch, error.attempts)
        if is_about_inputs(error, self.rules.fields):
            if self.rules.halves and len(batch.items) > 1 and self._end is None:
                self._again.extend(reversed(batch.halves()))
                return
            self._lose(batch.positions, error)
            self._refused += 1
            if not self._successes and self._refused >= MAX_REFUSED:
                self._ends(error, f"the first {self._refused} requests of this kind were all refused")
            return
        self._lose(batch.positions, error)
        if error.is_retryable:
            self._count_failure(error)
        else:
            self._ends(error, "all would have failed like this")

    def _count_failure(self, error: RequestyError) -> None:
        # What was under way at the first failure fails along with it; only what was sent alone after it tells more.
        self._probes += self._probing
        self._failing, self._probing = True, False
        if self._probes >= MAX_PROBES:
            self._ends(error, "the run was ended because request after request failed")

    def stop(self, error: RequestyError, why: str) -> None:
        """Nothing more is to be sent."""
        self._ends(error, why)

    def _ends(self, error: RequestyError, why: str) -> None:
        if self._end is None:
            self._end = error, why

    def _reported(self, batch: Batch, attempts: Sequence[Attempt]) -> None:
        self._in_flight -= 1
        self.changes += 1
        self.results.attempted(batch.positions[0], attempts)

    def _lose(self, positions: Sequence[int], error: RequestyError) -> None:
        self.results.lose(positions, error)

    def reply(self) -> EmbeddingsReply:
        """All vectors. Raises the failure if there was one."""
        count = self._raise_failure()
        return self.results.reply(count)

    def finish(self) -> None:
        """Raise the failure of a stream, if there was one, after everything else was handed out."""
        self._raise_failure()

    def _raise_failure(self) -> int:
        """How many inputs there are, where none failed."""
        if not self.is_over:
            raise unfinished()
        position, count = self._cutter.position, self.rules.count
        known = position if count is None else count
        unsent = {at for batch in (*self._fresh, *self._again) for at in batch.positions}
        unsent.update(range(position, known))
        error = self.results.error(known, unsent, self._end, streamed=self.rules.window is not None)
        if error is not None:
            raise error
        return known


def _ended_with(error: RequestyError, attempts: Sequence[Attempt]) -> Sequence[Attempt]:
    """The attempts, of which the last one got an answer that was no use, or not all of it."""
    last = replace(
        attempts[-1],
        outcome="error",
        error=error.message,
        error_class=type(error).__name__,
        error_kind=error.kind,
    )
    return (*attempts[:-1], last)


def is_about_inputs(error: RequestyError, fields: Collection[str]) -> bool:
    """Whether a request was refused for its inputs, so that other inputs may go through.

    Not where the refusal names another field of the request.
    """
    if error.kind is ErrorKind.CONTEXT_OVERFLOW:
        return True
    if error.kind is not ErrorKind.BAD_REQUEST or error.status not in _ABOUT_INPUTS:
        return False
    body = error.body.get("error", error.body) if isinstance(error.body, Mapping) else None
    named = body.get("param") if isinstance(body, Mapping) else None
    if isinstance(named, str) and re.split(r"[.\[]", named)[0] in {"model", *fields}:
        return False
    # Only names that are no words of everyday language.
    return not any(name in error.message for name in ("dimensions", "encoding_format") if name in fields)
