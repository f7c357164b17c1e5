"""One attempt under way, and the errors of an attempt that got no answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from requesty_core.catalog.prepared import Prepared
from requesty_core.errors import (
    ErrorKind,
    ErrorResponse,
    RequestTimeoutError,
    RequestyError,
    error_from_status,
)
from requesty_core.money.usage import Usage
from requesty_core.network.deadlines import Expired
from requesty_core.network.http import transport_error
from requesty_core.replies.attempts import Attempt, Phase
from requesty_core.replies.received import ReceivedResponse
from requesty_core.retry.backoff import parse_retry_after
from requesty_core.retry.fallback import Send

from .hints import hint_for, origin_of

if TYPE_CHECKING:
    from .reader import Reader

__all__ = ["RunningAttempt", "complete_error", "phase_of", "rejection", "transport_failure"]


class RunningAttempt:
    """One attempt under way."""

    __slots__ = (
        *(
            "address",
            "first_token",
            "is_unsent",
            "key",
            "key_origin",
            "prepared",
            "reader",
            "received",
            "resent_after",
            "reserved",
            "send",
        ),
        *("served_model", "started"),
    )

    def __init__(self, send: Send, started: float) -> None:
        self.send = send
        self.started = started
        self.first_token: float | None = None
        self.received: ReceivedResponse | None = None
        self.resent_after: str | None = None
        """Why the request was sent again within the attempt: a kept connection had ended, which says nothing of it."""
        self.is_unsent = True
        """Whether it is known that nothing of the request went out."""
        self.reader: Reader[Any, Any] | None = None
        self.reserved: Decimal | None = None
        """USD set aside in the budget."""
        self.key: str | None = None
        """Fingerprint of the key that it is sent with."""
        self.key_origin = ""
        """Where that key is from, in words that continue "the key"."""
        self.served_model: str | None = None
        """The model that the gateway named as having answered."""
        self.address: Any = None
        """The URL of the request, once it is made."""
        self.prepared: Prepared | None = None
        """The body as this attempt sends it, if it follows the model's rules."""

    @property
    def model(self) -> str:
        """The model asked for."""
        return self.send.step.model

    @property
    def left_out(self) -> Mapping[str, str]:
        """Fields of the call that this attempt does not send, or not as they were given, and why."""
        left_out = () if self.prepared is None else self.prepared.left_out
        return {one.field: one.reason for one in left_out} if left_out else {}

    @property
    def time_to_first_token(self) -> float | None:
        """Seconds from sending to the first token, if one came."""
        return None if self.first_token is None else self.first_token - self.started

    def ended(
        self,
        outcome: Literal["ok", "cancelled"],
        now: float,
        usage: Usage | None,
        phase: Phase,
        estimate: Decimal | None,
    ) -> Attempt:
        """The record of an attempt that answered or was given up."""
        received = self.received
        return Attempt(
            self.model,
            self.send.number,
            outcome,
            status=None if received is None else received.status,
            request_id=None if received is None else received.request_id,
            latency=now - self.started,
            time_to_first_token=self.time_to_first_token,
            usage=usage,
            phase=phase,
            estimate=estimate,
            resent_after=self.resent_after,
            left_out=self.left_out,
        )

    def failed(
        self, error: RequestyError, now: float, usage: Usage | None, phase: Phase, estimate: Decimal | None
    ) -> Attempt:
        """The record of an attempt that failed."""
        return Attempt.failed(
            self.model,
            self.send.number,
            error,
            latency=now - self.started,
            ttft=self.time_to_first_token,
            usage=usage,
            phase=phase,
            estimate=estimate,
            resent_after=self.resent_after,
            left_out=self.left_out,
        )


def phase_of(running: RunningAttempt, error: RequestyError | None = None) -> Phase:
    """How far an attempt came that ended with ``error``, or was given up.

    A status that is not 2xx, and an error object before any output, are refusals: nobody bills those unless the answer
    says so. Silence after sending proves nothing.
    """
    unsent = running.is_unsent or (error is not None and (not error.was_sent or error.kind in _BEFORE_SENDING))
    # Without a connection for the second time, the first time on the kept one may still have been worked for.
    if unsent and running.resent_after is None:
        return "not_sent"
    if running.first_token is not None:
        return "answering"
    status = None if running.received is None else running.received.status
    if status is not None and not 200 <= status < 300:
        return "refused"
    return "sent" if error is None or error.body is None else "refused"


def complete_error(error: RequestyError, running: RunningAttempt) -> None:
    """What the attempt knows and its error does not say: the model, and the response as far as there was one."""
    if error.requested_model is None:
        error.requested_model = running.model
    received = running.received
    if received is None:
        return
    if error.request_id is None:
        error.request_id = received.request_id
    if error.response is None:
        error.response = ErrorResponse(received.status, received.headers, received.content)
    if error.retry_after is None:
        error.retry_after = parse_retry_after(received.headers, time.time())


_BEFORE_SENDING = frozenset((ErrorKind.CONFIGURATION, ErrorKind.BUDGET))


def rejection(running: RunningAttempt, received: ReceivedResponse) -> RequestyError:
    """The typed error of a response whose status is not 2xx."""
    running.received = received
    return error_from_status(
        ErrorResponse(received.status, received.headers, received.content),
        requested_model=running.model,
        request_id=received.request_id,
        retry_after=parse_retry_after(received.headers, time.time()),
        hint=lambda cls, said: hint_for(cls, said, running.model, running.address, running.key_origin),
    )


def transport_failure(
    running: RunningAttempt, exc: Exception, expired: Expired | None, *, opened: bool
) -> RequestyError:
    """The typed error for a failure of the transport, or for the limit that expired."""
    timeouts = running.send.timeouts
    if expired == "first_token":
        return RequestTimeoutError(f"timeout: no first token within {timeouts.first_token} s (first_token_timeout)")
    if expired == "first_byte":
        return RequestTimeoutError(f"timeout: no response within {timeouts.first_byte} s (timeout.first_byte)")
    if expired == "silence":
        return RequestTimeoutError(f"timeout: nothing but silence for {timeouts.silence} s (timeout.silence)")
    if expired == "total":
        return RequestTimeoutError(f"timeout: the attempt took longer than {round(timeouts.total or 0.0, 3)} s")
    where = None if running.address is None else origin_of(running.address)
    return transport_error(exc, opened=opened, model=running.model, where=where)
