"""From the core's replies to Pydantic AI responses: pure functions, the same for complete and streamed answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic_ai._thinking_part import split_content_into_text_and_thinking
from pydantic_ai.messages import (
    BinaryContent,
    FilePart,
    FinishReason,
    ModelRequestAttempt,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.usage import RequestUsage

from requesty_core import Attempt, ChatReply, Message, ToolCall, Usage
from requesty_core.adapters import call_summary, image_data, read_call, reply_metadata, wire_message

from ._citations import citations_of

__all__ = [
    "CUSTOM",
    "REASONING",
    "SYSTEM",
    "call_parts",
    "failed_attempts",
    "file_part",
    "finish_reason_of",
    "parts_of",
    "provider_details",
    "request_usage",
    "response_from",
]

SYSTEM = "requesty"
REASONING = "reasoning_content"
"""Id of thinking parts that came in the gateway's reasoning field, and the field they go back in."""

CUSTOM = "custom_tool"
"""Key in a call's ``provider_details`` that tells that its tool takes plain text, which is its argument ``input``."""

_FINISH: Mapping[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_calls": "tool_call",
    "function_call": "tool_call",
    "error": "error",
}


def response_from(reply: ChatReply, *, provider_url: str, thinking_tags: tuple[str, str]) -> ModelResponse:
    """The response of a complete reply."""
    return ModelResponse(
        parts=parts_of(reply.message, thinking_tags),
        usage=request_usage(reply.usage),
        model_name=reply.served_model or reply.requested_model,
        provider_name=SYSTEM,
        provider_url=provider_url,
        provider_response_id=reply.id,
        provider_details=provider_details(reply),
        finish_reason=finish_reason_of(reply.message),
        failed_attempts=failed_attempts(reply.attempts),
    )


def finish_reason_of(message: Message) -> FinishReason | None:
    """The framework's word; an unknown one is ``None`` and stays in ``provider_details``. A refusal is a filter's."""
    return "content_filter" if message.refusal else _FINISH.get(message.finish_reason or "")


def parts_of(message: Message, thinking_tags: tuple[str, str]) -> list[ModelResponsePart]:
    """Reasoning, text (thinking tags in it taken apart), images and tool calls, in this order."""
    parts: list[ModelResponsePart] = []
    if message.reasoning or message.reasoning_signature:
        parts.append(
            ThinkingPart(message.reasoning, id=REASONING, signature=message.reasoning_signature, provider_name=SYSTEM)
        )
    texts = split_content_into_text_and_thinking(message.text, thinking_tags)
    citations = citations_of(message.annotations, message.text)
    if citations and len(texts) == 1 and isinstance(texts[0], TextPart):
        texts[0] = replace(texts[0], citations=citations)
    parts += [
        replace(part, id="content", provider_name=SYSTEM) if isinstance(part, ThinkingPart) else part for part in texts
    ]
    parts += [part for image in message.images if (part := file_part(image)) is not None]
    parts += call_parts(message)
    return parts


def call_parts(message: Message) -> list[ToolCallPart]:
    """The parts of the calls. One that was cut before its arguments has arguments that no tool takes.

    Pydantic AI takes nothing for an empty object, and would run a tool without required parameters.
    """
    return [_call_part(call) for call in message.tool_calls]


def _call_part(call: ToolCall) -> ToolCallPart:
    read, _ = read_call(call)
    arguments: str | dict[str, Any] = call.arguments
    details = dict(call.extra)
    if call.type == "custom":
        details[CUSTOM] = True
        arguments = read or {}
    elif read == {} and "{" not in arguments:
        # Blank, or `null`.
        arguments = ""
    if call.is_cut:
        arguments = "{" + call.arguments.removeprefix("{}")
    return ToolCallPart(
        call.name,
        arguments,
        tool_call_id=call.id,
        provider_name=SYSTEM if details else None,
        provider_details=details or None,
    )


def file_part(image: Mapping[str, Any]) -> FilePart | None:
    """The part of a generated image sent as data; any other is in ``provider_details["images"]`` as it came."""
    data = image_data(image)
    return None if data is None else FilePart(BinaryContent(data[1], media_type=data[0]), provider_name=SYSTEM)


def provider_details(reply: ChatReply) -> dict[str, Any]:
    """What the response has no field for, as plain values; keys without a value are left out.

    ``finish_reason`` as received, ``timestamp``, ``requested_model``, ``served_model``, ``downstream_provider``,
    ``service_tier``, ``request_id``, ``cost`` (USD), ``attempts``, ``logprobs``, ``annotations``, ``images`` that are
    no data, ``server_tool_calls``, ``refusal``, ``system_fingerprint``, ``choices`` (all of them, if there are several)
    and ``extra`` (fields this package does not know).
    """
    message = reply.message
    metadata = reply_metadata(reply)
    details: dict[str, Any] = {
        "finish_reason": message.raw_finish_reason,
        "timestamp": _moment(reply.created),
        "downstream_provider": metadata.pop("provider", None),
        **metadata,
        "logprobs": (message.logprobs or {}).get("content"),
        "choices": [wire_message(choice) for choice in reply.choices] if len(reply.choices) > 1 else None,
        "annotations": [dict(note) for note in message.annotations] or None,
        "images": [dict(image) for image in message.images if file_part(image) is None] or None,
        "server_tool_calls": [call_summary(call) for call in message.server_tool_calls] or None,
        "refusal": message.refusal,
        "system_fingerprint": reply.system_fingerprint,
        "extra": {**reply.extra, **message.extra} or None,
    }
    return {key: value for key, value in details.items() if value is not None}


def _moment(created: int | None) -> datetime | None:
    """The time of an answer; ``None`` for one before the calendar."""
    try:
        return datetime.fromtimestamp(created, tz=UTC) if created else None
    except (ValueError, OverflowError, OSError):
        return None


def request_usage(usage: Usage | None) -> RequestUsage:
    """Tokens, and the cost the gateway billed (``None`` if it did not say; zero stays zero)."""
    if usage is None:
        return RequestUsage(unmeasured_requests=1)
    made = RequestUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cache_read_tokens=usage.cached_tokens,
        cache_write_tokens=usage.caching_tokens,
        output_reasoning_tokens=usage.reasoning_tokens,
        cost=usage.cost,
        details=_details(usage),
    )
    for name, part, key in (
        ("input_audio_tokens", "prompt_tokens_details", "audio_tokens"),
        ("output_audio_tokens", "completion_tokens_details", "audio_tokens"),
    ):
        if isinstance(value := _nested(usage.raw, part).get(key), int):
            setattr(made, name, value)
    return made


def _nested(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


_KNOWN_COUNTS = frozenset(
    ("prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens", "cost")
)


def _details(usage: Usage) -> dict[str, int]:
    details = {"reasoning_tokens": usage.reasoning_tokens} if usage.reasoning_tokens else {}
    counts = {**usage.raw, **_nested(usage.raw, "completion_tokens_details")}
    for name, value in counts.items():
        if isinstance(value, int) and not isinstance(value, bool) and name not in _KNOWN_COUNTS:
            details[name] = value
    return details


def failed_attempts(attempts: Sequence[Attempt]) -> list[ModelRequestAttempt] | None:
    """The attempts before the one that answered, with the usage they were billed for, which a run adds up.

    Start times are reckoned back from now by the attempts' durations.
    """
    if all(attempt.outcome == "ok" for attempt in attempts):
        return None
    records: list[ModelRequestAttempt] = []
    at = datetime.now(tz=UTC)
    for attempt in reversed(attempts):
        duration = timedelta(seconds=attempt.latency)
        at -= duration
        if attempt.outcome == "ok":
            continue
        what = "cancelled: another attempt answered first"
        if attempt.outcome == "error":
            what = f"{attempt.error_class}: {attempt.error}"
        records.append(
            ModelRequestAttempt(
                model_name=attempt.model,
                provider_name=SYSTEM,
                outcome="error",
                error=what,
                timestamp=at,
                duration=duration,
                usage=None if attempt.usage is None else request_usage(attempt.usage),
            )
        )
    return records[::-1]
