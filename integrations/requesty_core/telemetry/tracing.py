"""OpenTelemetry spans of calls, after the GenAI semantic conventions.

Used only when the caller asks for it (``tracing=True``) and the OpenTelemetry API is installed; prompts and answers are
never recorded. A span covers a whole call, fallback included; each attempt is an event on it.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from requesty_core.errors import ConfigurationError, RequestyError
from requesty_core.replies.attempts import Attempt, attempt_dict

__all__ = ["CallSpan", "start_span"]


def start_span(operation: str, model: str, base_url: str) -> CallSpan:
    """A span named ``{operation} {model}``, child of the current one.

    Raises :class:`ConfigurationError` if the OpenTelemetry API is not installed.
    """
    try:
        from opentelemetry import trace
    except ModuleNotFoundError:
        raise ConfigurationError(
            "tracing: OpenTelemetry is not installed; run: pip install opentelemetry-api"
        ) from None
    parts = urlsplit(base_url)
    span = trace.get_tracer("requesty").start_span(
        f"{operation} {model}",
        kind=trace.SpanKind.CLIENT,
        attributes={
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "requesty",
            "gen_ai.request.model": model,
            "server.address": parts.hostname or "",
            "server.port": parts.port or (443 if parts.scheme == "https" else 80),
        },
    )
    return CallSpan(span)


def _cost_attributes(cost: Decimal | None) -> dict[str, float | str]:
    """The billed cost under our own name and those that backends read: Langfuse's and OpenInference's."""
    if cost is None:
        return {}
    amount = float(cost)
    return {"requesty.cost": amount, "gen_ai.usage.cost": amount, "llm.cost.total": amount}


class CallSpan:
    """One call's span. Every method may be called after :meth:`end`, which is final."""

    def __init__(self, span: Any) -> None:
        self._span = span

    def attempt(self, attempt: Attempt) -> None:
        """An attempt ended."""
        values = {f"requesty.attempt.{k}": v for k, v in attempt_dict(attempt).items() if v is not None}
        self._span.add_event("requesty.attempt", values)

    def answered(self, reply: Any) -> None:
        """The call has its reply; whatever of it the conventions name is recorded."""
        message = getattr(reply, "message", None)
        finish = getattr(message, "finish_reason", None)
        usage = getattr(reply, "usage", None)
        values = {
            "gen_ai.response.model": getattr(reply, "served_model", None),
            "gen_ai.response.id": getattr(reply, "id", None),
            "gen_ai.response.finish_reasons": [finish] if finish else None,
            "gen_ai.usage.input_tokens": None if usage is None else usage.input_tokens,
            "gen_ai.usage.output_tokens": None if usage is None else usage.output_tokens,
            **_cost_attributes(None if usage is None else usage.cost),
            "requesty.provider": getattr(reply, "provider", None),
            "requesty.request_id": getattr(reply, "request_id", None),
        }
        self._span.set_attributes({k: v for k, v in values.items() if v is not None})

    def failed(self, error: RequestyError) -> None:
        """The call failed."""
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", type(error).__name__)
        self._span.set_status(Status(StatusCode.ERROR, error.message))

    def end(self) -> None:
        """The call is over."""
        self._span.end()
