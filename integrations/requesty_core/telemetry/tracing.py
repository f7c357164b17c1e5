"""OpenTelemetry spans of calls, after the GenAI semantic conventions.

Used only when the caller asks for it (``tracing=True``) and the OpenTelemetry API is installed. A span covers a whole
call, retries and fallback included; every attempt is a child of it, and the gateway is told of that child by
``traceparent``. Prompts, answers and the words of errors, which may quote either, are recorded only with
``tracing="content"``, or with ``tracing=True`` where the environment has the conventions' switch on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from requesty_core._version import __version__
from requesty_core.errors import ConfigurationError, RequestyError
from requesty_core.money.exact import total
from requesty_core.money.usage import Usage, count
from requesty_core.replies.attempts import Attempt, attempt_dict

from .content import answer_content, request_content
from .metrics import Metrics
from .request import request_attributes
from .words import plain_word

__all__ = ["CallSpan", "wants_content"]

SWITCH = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The conventions' environment variable for recording content: ``true``, or in newer words where to record it."""

HEARD = "prompt_tokens_details", "input_tokens_details", "input_token_details"
SPOKEN = "completion_tokens_details", "output_tokens_details", "output_token_details"
"""Where usage tells tokens by kind: of chats, of responses and images, of transcriptions."""


def wants_content(tracing: bool | str) -> bool:
    """Whether prompts and answers are recorded."""
    return tracing == "content" or os.environ.get(SWITCH, "").lower() in ("true", "span_only", "span_and_event")


class CallSpan:
    """One call's span and metrics. The span starts with the first attempt, as a child of the span that was current
    when the call was made; every method may be called after :meth:`end`, which is final.

    Args:
        operation: the operation's name in the conventions.
        model: the model asked for.
        base_url: where requests go.
        redact: blots the key out of a text.
        content: whether prompts and answers are recorded.

    Raises:
        ConfigurationError: the OpenTelemetry API is not installed.
    """

    def __init__(
        self, operation: str, model: str, base_url: str, *, redact: Callable[[str], str], content: bool
    ) -> None:
        try:
            from opentelemetry import context
        except ModuleNotFoundError:
            raise ConfigurationError(
                "tracing: OpenTelemetry is not installed; run: pip install opentelemetry-api"
            ) from None
        parts = urlsplit(base_url)
        self._context = context.get_current()
        self._redact = redact
        self._content = content
        self._common: dict[str, Any] = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "requesty",
            "gen_ai.request.model": model,
            "server.address": parts.hostname or "",
            "server.port": parts.port or (443 if parts.scheme == "https" else 80),
        }
        self._body: Mapping[str, Any] = {}
        self._span: Any = None
        self._began = 0.0
        self._first_token: float | None = None
        self._attempts: dict[int, Any] = {}
        self._ended: list[tuple[Any, int]] = []
        self._costs: list[Decimal | None] = []
        self._served: str | None = None
        self._failure: str | None = None
        self._left: Usage | None = None

    def asked(self, body: Mapping[str, Any] | None) -> None:
        """What the caller asks for."""
        self._body = body or {}

    def headers(self, number: int, model: str) -> dict[str, str]:
        """An attempt is about to be sent: its span begins. Returns the headers that tell the gateway of it."""
        from opentelemetry import trace
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        span = trace.get_tracer("requesty", __version__).start_span(
            f"attempt {model}",
            context=trace.set_span_in_context(self._running(), self._context),
            kind=trace.SpanKind.CLIENT,
            attributes={
                "requesty.attempt.number": number,
                "requesty.attempt.model": model,
                "server.address": self._common["server.address"],
                "server.port": self._common["server.port"],
            },
        )
        self._attempts[number] = span
        carrier: dict[str, str] = {}
        TraceContextTextMapPropagator().inject(carrier, trace.set_span_in_context(span, self._context))
        return carrier

    def attempt(self, attempt: Attempt) -> None:
        """An attempt ended."""
        if attempt.usage is not None:
            self._costs.append(attempt.usage.cost)
            self._metrics().used({**self._common, "gen_ai.request.model": attempt.model}, attempt.usage)
            if attempt.outcome == "cancelled":
                self._left = attempt.usage
        span = self._attempts.pop(attempt.number, None)
        if span is None:
            return
        values = attempt_dict(attempt)
        words = values.pop("error")
        if words is not None and self._content:
            values["error"] = self._redact(words)
        _set(span, {f"requesty.attempt.{name}": value for name, value in values.items()})
        _set(span, {"http.response.status_code": attempt.status, "error.type": attempt.error_class})
        if attempt.outcome == "error":
            _fail(span, attempt.error_class or "error", attempt.status)
        # Handed out after the call's own, which has what backends look for in the first span of a trace.
        self._ended.append((span, time.time_ns()))

    def first_token(self) -> None:
        """A stream shows its first token."""
        self._first_token = time.monotonic() - self._began

    def answered(self, result: Any) -> None:
        """The call has its reply; whatever of it the conventions name is recorded."""
        reply = getattr(result, "reply", None) or result
        self._tell(reply)
        message = getattr(reply, "message", None)
        finish = getattr(message, "finish_reason", None) or _native_finish(reply)
        if finish:
            self._running().set_attribute("gen_ai.response.finish_reasons", [plain_word(finish)])

    def left(self, partial: Any) -> None:
        """A stream was left; what had arrived is recorded."""
        self._tell(partial)

    def failed(self, error: RequestyError) -> None:
        """The call failed; what had arrived is recorded."""
        span = self._running()
        self._failure = type(error).__name__
        span.set_attribute("error.type", self._failure)
        _fail(span, self._failure, error.status)
        _set(span, {"requesty.request_id": error.request_id})
        if self._content:
            span.set_attribute("requesty.error.message", self._redact(error.message))
        if error.partial is not None:
            self._tell(error.partial)

    def end(self) -> None:
        """The call is over."""
        span = self._span
        if span is None:
            return
        for left in self._attempts.values():
            left.set_attribute("requesty.attempt.outcome", "not_sent")
            self._ended.append((left, time.time_ns()))
        self._attempts.clear()
        if self._left is not None and self._failure is None and self._served is None:
            _set(span, _usage_attributes(self._left))
        if self._costs and None not in self._costs:
            span.set_attribute("requesty.total_cost", float(total(c for c in self._costs if c is not None)))
        seconds = time.monotonic() - self._began
        first = self._first_token if self._body.get("stream") is True else None
        _set(span, {"gen_ai.response.time_to_first_chunk": first})
        common = {**self._common, "gen_ai.response.model": self._served, "error.type": self._failure}
        self._metrics().ended({k: v for k, v in common.items() if v is not None}, seconds, first)
        span.end()
        while self._ended:
            attempt, moment = self._ended.pop(0)
            attempt.end(moment)

    def _running(self) -> Any:
        if self._span is None:
            from opentelemetry import trace

            self._began = time.monotonic()
            attributes = {**self._common, **request_attributes(self._body)}
            if self._content:
                attributes |= {k: self._redact(v) for k, v in request_content(self._body).items()}
            self._span = trace.get_tracer("requesty", __version__).start_span(
                f"{self._common['gen_ai.operation.name']} {self._common['gen_ai.request.model']}",
                context=self._context,
                kind=trace.SpanKind.CLIENT,
                attributes=attributes,
            )
        return self._span

    def _tell(self, reply: Any) -> None:
        usage = getattr(reply, "usage", None)
        self._served = getattr(reply, "served_model", None)
        span = self._running()
        values = {
            "gen_ai.response.model": self._served,
            "gen_ai.response.id": getattr(reply, "id", None),
            "requesty.provider": getattr(reply, "provider", None),
            "requesty.request_id": getattr(reply, "request_id", None),
        }
        _set(span, {**values, **_usage_attributes(usage)})
        if self._content:
            _set(span, {k: self._redact(v) for k, v in answer_content(reply).items()})

    def _metrics(self) -> Metrics:
        from opentelemetry import metrics

        return Metrics.of(metrics.get_meter_provider())


def _set(span: Any, values: Mapping[str, Any]) -> None:
    span.set_attributes({name: value for name, value in values.items() if value is not None})


def _fail(span: Any, kind: str, status: int | None) -> None:
    from opentelemetry.trace import Status, StatusCode

    # The error's own words may quote the prompt.
    span.set_status(Status(StatusCode.ERROR, kind if status is None else f"{kind} ({status})"))


def _usage_attributes(usage: Usage | None) -> dict[str, Any]:
    """Tokens by kind, and the billed cost.

    The cost stands under our own name, under those that Langfuse and OpenInference read, and under those of the draft
    convention.
    """
    if usage is None:
        return {}
    values: dict[str, Any] = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens or None,
        "gen_ai.usage.cache_creation.input_tokens": usage.caching_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None,
        **_audio_attributes(usage.raw),
    }
    if usage.cost is not None:
        amount = float(usage.cost)
        values |= {
            "requesty.cost": amount,
            "gen_ai.usage.cost": amount,
            "llm.cost.total": amount,
            "gen_ai.usage.cost.amount": amount,
            "gen_ai.usage.cost.currency": "USD",
            "gen_ai.usage.cost.source": "local" if usage.estimated else "provider",
        }
    return values


def _audio_attributes(raw: Mapping[str, Any]) -> dict[str, int | None]:
    """Tokens of heard and spoken sound, which the conventions have no name for: under OpenInference's."""
    return {
        "llm.token_count.prompt_details.audio": _audio_tokens(raw, HEARD),
        "llm.token_count.completion_details.audio": _audio_tokens(raw, SPOKEN),
    }


def _audio_tokens(raw: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    details = next((found for name in names if isinstance(found := raw.get(name), Mapping)), {})
    return count(details.get("audio_tokens")) or None


def _native_finish(reply: Any) -> str | None:
    body = getattr(reply, "body", None)
    if not isinstance(body, Mapping):
        return None
    finish = body.get("stop_reason") or body.get("status")
    return finish if isinstance(finish, str) else None
