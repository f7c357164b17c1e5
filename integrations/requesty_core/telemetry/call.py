"""What a call leaves behind for those who operate it: log lines, and a span if the caller asked for one.

The key is blotted out of every error before anything is logged, recorded or raised.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Protocol

from requesty_core.errors import ConfigurationError, ErrorResponse, RequestyError
from requesty_core.replies.attempts import Attempt
from requesty_core.settings.blotter import Blotter, blotted

from .log import logger
from .words import described, described_as

__all__ = ["CallTelemetry", "check_tracing"]


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

    def left(self, partial: Any) -> None:
        """A stream was left; what had arrived of it."""

    def failed(self, error: RequestyError) -> None:
        """The call failed."""

    def end(self) -> None:
        """The call is over."""


def check_tracing(value: Any) -> bool | str:
    """The setting, checked. Raises :class:`ConfigurationError`."""
    if value is None:
        return False
    if isinstance(value, bool) or value == "content":
        checked: bool | str = value
        if checked:
            _need_opentelemetry()
        return checked
    raise ConfigurationError(f"tracing: {value!r} is none of False, True and 'content'")


def _need_opentelemetry() -> None:
    try:
        import opentelemetry.trace  # noqa: F401
    except ModuleNotFoundError:
        raise ConfigurationError(
            "tracing: OpenTelemetry is not installed; run: pip install opentelemetry-api"
        ) from None


class CallTelemetry:
    """One call's telemetry.

    Args:
        blotter: takes keys out of texts.
        span: the span of the call, if it has one.
    """

    __slots__ = ("_span", "blotter")

    def __init__(self, blotter: Blotter | None = None, span: Span | None = None) -> None:
        self.blotter = blotter
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
        """Blot keys out of the error's message, ids, body and response, where a server or proxy echoed them."""
        blotter = self.blotter
        if blotter is None:
            return
        message = blotter.text(error.message)
        if message != error.message:
            error.message = message
            error.args = (message, *error.args[1:])
        if error.request_id is not None:
            error.request_id = blotter.text(error.request_id)
        error.body = blotted(error.body, blotter.text)
        if error.response is not None:
            error.response = ErrorResponse(
                error.response.status_code,
                blotter.headers(error.response.headers),
                blotter.content(error.response.content),
            )

    def attempt(self, attempt: Attempt) -> None:
        """An attempt ended."""
        if attempt.outcome == "error":
            logger.info(
                "attempt %d on %s failed after %.3f s: %s (request id %s)",
                attempt.number,
                attempt.model,
                attempt.latency,
                described_as(attempt.error_class, attempt.status, attempt.error),
                attempt.request_id,
            )
        elif logger.isEnabledFor(logging.DEBUG):
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

    def left(self, partial: Any) -> None:
        """A stream was left while it was read; what had arrived of it, if anything had."""
        if self._span is not None and partial is not None:
            self._span.left(partial)

    def failed(self, error: RequestyError) -> None:
        """The call failed for good."""
        logger.info("call failed: %s", described(error))
        if self._span is not None:
            self._span.failed(error)

    def end(self) -> None:
        """The call is over."""
        span, self._span = self._span, None
        if span is not None:
            span.end()
