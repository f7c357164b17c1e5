"""The record of one attempt: what was asked of which model, how it ended, how long it took and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

import msgspec

from requesty_core.errors import ErrorKind, RequestyError
from requesty_core.money.usage import Usage
from requesty_core.values import Value

__all__ = ["Attempt", "Phase", "attempt_dict"]

Phase = Literal["not_sent", "refused", "sent", "answering", "answered"]


class Attempt(Value, frozen=True):
    """One HTTP request of a call.

    Attributes:
        model: requested model id.
        number: position among the call's attempts, from 1.
        outcome: ``ok``, ``error``, or ``cancelled`` (lost a hedging race, or the caller stopped).
        error: the failure, if it failed.
        error_kind: its kind.
        status: HTTP status, or the one that an error inside a stream named; ``None`` if there was none.
        request_id: gateway id of the attempt.
        latency: seconds from sending to the end.
        time_to_first_token: seconds from sending to the first text, reasoning or tool call; ``None`` without one.
        usage: tokens and cost as far as they were told, for failed attempts too.
        phase: how far it came: ``not_sent`` (no connection, nothing that anyone could bill), ``refused`` (an error in
            place of an answer), ``sent`` (lost before an answer began), ``answering`` (lost within it), ``answered``.
        estimate: what an attempt of unknown cost probably cost in USD, by catalogue prices; else ``None``.
        resent_after: why the request was sent a second time within this attempt: a connection kept from an earlier
            request had ended without a byte of an answer. ``None`` if it was sent once.
        left_out: fields of the call that were not sent to this model, or not as they were given, and why.
    """

    model: str
    number: int
    outcome: Literal["ok", "error", "cancelled"]
    error: str | None = None
    error_class: str | None = None
    error_kind: ErrorKind | None = None
    status: int | None = None
    request_id: str | None = None
    latency: float = 0.0
    time_to_first_token: float | None = None
    usage: Usage | None = None
    phase: Phase = "answered"
    estimate: Decimal | None = None
    resent_after: str | None = None
    left_out: Mapping[str, str] = msgspec.field(default_factory=dict)

    @property
    def cost(self) -> Decimal | None:
        """USD billed for this attempt, if told."""
        return None if self.usage is None else self.usage.cost

    @classmethod
    def failed(
        cls,
        model: str,
        number: int,
        error: RequestyError,
        *,
        latency: float,
        ttft: float | None,
        usage: Usage | None,
        phase: Phase = "refused",
        estimate: Decimal | None = None,
        resent_after: str | None = None,
        left_out: Mapping[str, str] | None = None,
    ) -> Attempt:
        """The record of an attempt that raised ``error``."""
        return cls(
            model=model,
            number=number,
            outcome="error",
            error=error.message,
            error_class=type(error).__name__,
            error_kind=error.kind,
            status=error.status,
            request_id=error.request_id,
            latency=latency,
            time_to_first_token=ttft,
            usage=usage,
            phase=phase,
            estimate=estimate,
            resent_after=resent_after,
            left_out=left_out or {},
        )


def attempt_dict(attempt: Attempt) -> dict[str, Any]:
    """The attempt as plain JSON values (cost a float, seconds rounded to microseconds), for framework metadata."""
    ttft = attempt.time_to_first_token
    resent = {} if attempt.resent_after is None else {"resent_after": attempt.resent_after}
    left_out = {"left_out": dict(attempt.left_out)} if attempt.left_out else {}
    return {
        "model": attempt.model,
        "number": attempt.number,
        "outcome": attempt.outcome,
        "error": attempt.error,
        "error_class": attempt.error_class,
        "error_kind": None if attempt.error_kind is None else str(attempt.error_kind),
        "status": attempt.status,
        "request_id": attempt.request_id,
        "latency": round(attempt.latency, 6),
        "time_to_first_token": None if ttft is None else round(ttft, 6),
        "cost": None if attempt.cost is None else float(attempt.cost),
        "phase": attempt.phase,
        **resent,
        **left_out,
    }
