"""What is known of a relayed call beside its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from requesty_core.errors import RequestyError
from requesty_core.exchange.stream import StreamExchange
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.money.usage import Usage
from requesty_core.replies.attempts import Attempt, attempt_dict
from requesty_core.replies.received import ReceivedResponse

from .shapes import (
    tidy_completion,
    tidy_embeddings,
)

__all__ = ["CallDetails", "Relayed"]


@dataclass(frozen=True, slots=True)
class CallDetails:
    """What is known of a call beside its answer.

    Attributes:
        requested_model: the id asked for by the attempt that answered (or failed last).
        served_model: the model the gateway names.
        provider: serving provider, if sent.
        request_id: the gateway's id for support.
        usage: tokens and cost, as far as they were told.
        attempts: every attempt, in order, failed ones included.
    """

    requested_model: str | None = None
    served_model: str | None = None
    provider: str | None = None
    request_id: str | None = None
    usage: Usage | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def cost(self) -> Decimal | None:
        """USD billed for the answer; ``None`` if the gateway did not say."""
        return None if self.usage is None else self.usage.cost

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values, without what is unknown; ``cost`` a float."""
        values = {
            "requested_model": self.requested_model,
            "served_model": self.served_model,
            "provider": self.provider,
            "request_id": self.request_id,
            "cost": None if self.cost is None else float(self.cost),
            "attempts": [attempt_dict(a) for a in self.attempts],
        }
        return {key: value for key, value in values.items() if value is not None}


class Relayed:
    """One call in progress or done: what the other client's response carries of it.

    ``error`` is set where the response tells of a failure.
    """

    def __init__(self, exchange: UnaryExchange[Any] | StreamExchange[Any, Any]) -> None:
        self._exchange = exchange
        self.received: ReceivedResponse | None = None
        self.reply: Any = None
        self.data: Any = None
        self.error: RequestyError | None = None
        self.parts: Any = None
        """Iterator (sync or async) of :class:`StreamPart` behind the response body of a streamed route;
        whoever takes it must not read the body too."""

    @property
    def served_model(self) -> str | None:
        """The model the gateway names."""
        return getattr(self.reply, "served_model", None)

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts so far."""
        return tuple(self._exchange.attempts)

    @property
    def retries_taken(self) -> int:
        """Requests sent before the one that answered, to the same or to another model."""
        exchange = self._exchange
        if isinstance(exchange, StreamExchange) and exchange.committed is not None:
            return exchange.committed.running.send.number - 1
        answered = next((a.number for a in exchange.attempts if a.outcome == "ok"), len(exchange.attempts))
        return max(answered - 1, 0)

    def details(self) -> CallDetails:
        """What is known by now; of a stream, what has arrived."""
        received, reply, error = self.received, self.reply, self.error
        exchange = self._exchange
        if isinstance(exchange, StreamExchange) and exchange.committed is not None:
            received = exchange.committed.running.received
            reply = exchange.reply or exchange.committed.partial()
        return CallDetails(
            requested_model=received.model if received is not None else getattr(error, "requested_model", None),
            served_model=getattr(reply, "served_model", None),
            provider=received.provider if received is not None else None,
            request_id=received.request_id if received is not None else getattr(error, "request_id", None),
            usage=getattr(reply, "usage", None),
            attempts=self.attempts,
        )

    def completion(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """A decoded chat completion or embeddings answer as OpenAI's own would be; any other body as it is."""
        if hasattr(self.reply, "tool_calls"):
            return tidy_completion(data, self.reply)
        return tidy_embeddings(data)
