"""What comes of a row, and what a whole run comes to."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from requesty_core.errors import RequestyError
from requesty_core.money.usage import Usage
from requesty_core.replies.attempts import Attempt
from requesty_core.replies.reply import ChatReply

__all__ = ["BulkItem", "BulkReport"]


@dataclass(frozen=True, slots=True)
class BulkItem:
    """One row and what came of it: either :attr:`error` is ``None`` or nothing usable came.

    Attributes:
        position: of the row in the input, from 0.
        row: as it was read; ``None`` if it could not be read.
        reply: the answer of a chat; of an answer that does not fit the schema as well.
        value: what the answer says by the schema that was given; ``None`` without one.
        vector: the embedding, an array of float32.
        usage: tokens and cost of a chat's answering attempt; of an embedding, its request's by the share of its text.
        error: why there is no answer, typed as the client raises it.
        attempts: every request that was made for the row in this run, failed ones included, in order.
        resumed: whether it came from the checkpoint: nothing was sent for it in this run.
        line: number of the row's line in its file, from 1; ``None`` where rows have none.
    """

    position: int
    row: Any = None
    reply: ChatReply | None = None
    value: Any = None
    vector: array[float] | None = field(default=None, repr=False)
    usage: Usage | None = None
    error: RequestyError | None = None
    attempts: Sequence[Attempt] = ()
    resumed: bool = False
    line: int | None = None

    @property
    def text(self) -> str:
        """The answer's text; empty if there is none."""
        return "" if self.reply is None else self.reply.text

    @property
    def cost(self) -> Decimal | None:
        """USD of the answer, if told."""
        return None if self.usage is None else self.usage.cost


@dataclass(frozen=True, slots=True)
class BulkReport:
    """What a run comes to, so far or in the end.

    Attributes:
        answered: rows with an answer, those from the checkpoint included.
        failed: rows with an error that were asked, or could not be asked as they are.
        unreadable: rows that could not be read; ``failed`` does not count them.
        resumed: rows that the checkpoint answered.
        requests: attempts of this run.
        throttled: how many of them were refused for too many requests or an overloaded model.
        usage: tokens and cost of this run's attempts, as far as they were told; ``None`` if none were.
        resumed_usage: tokens and cost of the answers from the checkpoint, which earlier runs paid.
        unknown: attempts of this run that may have been billed and whose cost was not told.
        estimated: USD that those probably cost, by catalogue prices; nothing for models without a price.
        seconds: since the run began.
    """

    answered: int = 0
    failed: int = 0
    unreadable: int = 0
    resumed: int = 0
    requests: int = 0
    throttled: int = 0
    usage: Usage | None = None
    resumed_usage: Usage | None = None
    unknown: int = 0
    estimated: Decimal = Decimal(0)
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows that are settled, however they ended."""
        return self.answered + self.failed + self.unreadable

    @property
    def cost(self) -> Decimal:
        """USD of this run as far as it was told; ``unknown`` attempts are not in it."""
        return Decimal(0) if self.usage is None or self.usage.cost is None else self.usage.cost

    def as_dict(self) -> Mapping[str, Any]:
        """The same as plain JSON values; costs as text."""
        told = self.resumed_usage
        return {
            "answered": self.answered,
            "failed": self.failed,
            "unreadable": self.unreadable,
            "resumed": self.resumed,
            "requests": self.requests,
            "throttled": self.throttled,
            "input_tokens": 0 if self.usage is None else self.usage.input_tokens,
            "output_tokens": 0 if self.usage is None else self.usage.output_tokens,
            "cost": f"{self.cost:f}",
            "unknown": self.unknown,
            "estimated": f"{self.estimated:f}",
            "resumed_cost": f"{told.cost:f}" if told is not None and told.cost is not None else "0",
            "seconds": round(self.seconds, 3),
        }
