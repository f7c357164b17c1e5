"""What a call leaves behind for those who operate it: log lines, and a span if the caller asked for one.

The key is blotted out of every error before anything is logged, recorded or raised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from requesty_core.errors import ConfigurationError, ErrorResponse, RequestyError
from requesty_core.replies.attempts import Attempt

from .events import logger

__all__ = ["CallTelemetry", "check_tracing", "redacted"]


class Span(Protocol):
    """What the telemetry of a call needs of a span."""

    def asked(self, body: Mapping[str, Any] | None) -> None:
        """What the caller asks for."""

    def headers(self, number: int, model: str) -> Mapping[str, str]:
        """An attempt is about to be sent; the headers that tell of it."""

    def attempt(self, attempt: Attempt) -> None:
        """An attempt ended."""

    def first_token(self) -> None:
        """A stream shows its first token."""

    def answered(self, result: Any) -> None:
        """The call has its reply."""

    def failed(self, error: RequestyError) -> None:
        """The call failed."""

    def end(self) -> None:
        """The call is over."""


def redacted(value: Any, redact: Callable[[str], str]) -> Any:
    """JSON with the key blotted out of every text in it."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redacted(item, redact) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item, redact) for item in value]
    return value


def check_tracing(value: Any) -> bool | str:
    """The setting, checked. Raises :class:`ConfigurationError`."""
    if value is None:
        return False
    if isinstance(value, bool) or value == "content":
        checked: bool | str = value
        return checked
    raise ConfigurationError(f"tracing: {value!r} is none of False, True and 'content'")


class CallTelemetry:
    """One call's telemetry.

    Args:
        redact: blots the key out of a text.
        span: the span of the call, if it has one.
    """

    __slots__ = ("_redact", "_span")

    def __init__(self, redact: Callable[[str], str] | None = None, span: Span | None = None) -> None:
        self._redact = redact
        self._span = span

    def asked(self, body: Mapping[str, Any] | None) -> None:
        """What the caller asks for; the JSON body without ``model``."""
        if self._span is not None:
            self._span.asked(body)

    def headers(self, number: int, model: str) -> Mapping[str, str]:
        """An attempt is about to be sent; the headers that tell the gateway of its span."""
        return {} if self._span is None else self._span.headers(number, model)

    def first_token(self) -> None:
        """A stream shows its first token."""
        if self._span is not None:
            self._span.first_token()

    def clean(self, error: RequestyError) -> None:
        """Blot the key out of the error's message, body and response, where a server or proxy echoed it."""
        redact = self._redact
        if redact is None:
            return
        message = redact(error.message)
        if message != error.message:
            error.message = message
            error.args = (message, *error.args[1:])
        error.body = redacted(error.body, redact)
        if error.response is not None:
            error.response = ErrorResponse(
                error.response.status_code,
                redacted(error.response.headers, redact),
                # Latin-1 has a character for every byte, and keys are ASCII.
                redact(error.response.content.decode("latin-1")).encode("latin-1"),
            )

    def attempt(self, attempt: Attempt) -> None:
        """An attempt ended."""
        if attempt.outcome == "error":
            logger.info(
                "attempt %d on %s failed after %.3f s: %s (request id %s)",
                attempt.number,
                attempt.model,
                attempt.latency,
                attempt.error,
                attempt.request_id,
            )
        else:
            logger.debug(
                "attempt %d on %s: %s after %.3f s, cost %s (request id %s)",
                attempt.number,
                attempt.model,
                attempt.outcome,
                attempt.latency,
                attempt.cost,
                attempt.request_id,
            )
        if self._span is not None:
            self._span.attempt(attempt)

    def answered(self, reply: Any) -> None:
        """The call has its reply."""
        if self._span is not None:
            self._span.answered(reply)

    def failed(self, error: RequestyError) -> None:
        """The call failed for good."""
        logger.info("call failed: %s: %s", type(error).__name__, error.message)
        if self._span is not None:
            self._span.failed(error)

    def end(self) -> None:
        """The call is over."""
        span, self._span = self._span, None
        if span is not None:
            span.end()
