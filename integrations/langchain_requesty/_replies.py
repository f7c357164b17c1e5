"""From core replies and stream events to LangChain messages: pure functions, one metadata builder for all paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall, ToolCall
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from requesty_core import (
    ChatReply,
    Message,
    MessageEnd,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from requesty_core.adapters import call_summary, read_arguments, reply_metadata

__all__ = ["PROVIDER", "chat_result", "chunk_of", "combined_outputs", "usage_metadata"]

PROVIDER = "requesty"
"""``model_provider`` of every message and ``ls_provider`` of every trace; LangChain trusts usage only if they agree."""


def chat_result(reply: ChatReply, *, include_headers: bool) -> ChatResult:
    """The result of a complete answer, one generation per choice; usage and cost stand on the first only."""
    metadata = response_metadata(reply, include_headers=include_headers)
    generations = []
    for number, choice in enumerate(reply.choices or (reply.message,)):
        own = metadata if number == 0 else {key: metadata[key] for key in _PER_CHOICE if key in metadata}
        own = {**own, **_choice_metadata(choice)}
        calls, invalid = tool_calls_of(choice)
        message = AIMessage(
            content=choice.text,
            tool_calls=calls,
            invalid_tool_calls=invalid,
            additional_kwargs=_additional(choice, whole=True),
            response_metadata=own,
            usage_metadata=usage_metadata(reply.usage) if number == 0 else None,
        )
        info = {"finish_reason": choice.finish_reason}
        generations.append(ChatGeneration(message=message, generation_info=info))
    return ChatResult(
        generations=generations,
        llm_output={key: metadata[key] for key in ("model_name", "token_usage", "cost") if key in metadata},
    )


def combined_outputs(model: str, llm_outputs: Sequence[dict[str, Any] | None]) -> dict[str, Any]:
    """Totals over the prompts of one ``generate``; the cost only if every one is known."""
    outputs = [output for output in llm_outputs if output]
    tokens: dict[str, int] = {}
    for output in outputs:
        for key, value in output.get("token_usage", {}).items():
            if isinstance(value, int):
                tokens[key] = tokens.get(key, 0) + value
    costs = [output.get("cost") for output in outputs]
    combined: dict[str, Any] = {"token_usage": tokens, "model_name": model}
    if costs and None not in costs:
        combined["cost"] = sum(cast("list[float]", costs))
    return combined


_PER_CHOICE = ("model_provider", "model_name", "requested_model", "id", "created", "system_fingerprint")


def chunk_of(event: StreamEvent, *, include_headers: bool) -> ChatGenerationChunk | None:
    """The chunk an event becomes; ``None`` for events that LangChain has no chunk for.

    Whatever cannot be joined piece by piece (signature, refusal, citations, images, all metadata) stands once, on the
    last chunk: LangChain adds chunks by concatenating strings and refuses to add floats.
    """
    if isinstance(event, TextDelta):
        return _chunk(event.text)
    if isinstance(event, ReasoningDelta):
        return _chunk("", additional_kwargs={"reasoning_content": event.text}) if event.text else None
    if isinstance(event, ToolCallDelta):
        piece = tool_call_chunk(name=event.name, args=event.arguments, id=event.id, index=event.index)
        return _chunk("", tool_call_chunks=[piece])
    if isinstance(event, MessageEnd):
        reply = event.reply
        metadata = {**response_metadata(reply, include_headers=include_headers), **_choice_metadata(reply.message)}
        last = AIMessageChunk(
            content="",
            additional_kwargs=_additional(reply.message, whole=False),
            response_metadata=metadata,
            usage_metadata=usage_metadata(reply.usage),
            chunk_position="last",
        )
        return ChatGenerationChunk(message=last, generation_info={"finish_reason": reply.finish_reason})
    return None


def _chunk(content: str, **fields: Any) -> ChatGenerationChunk:
    message = AIMessageChunk(content=content, response_metadata={"model_provider": PROVIDER}, **fields)
    return ChatGenerationChunk(message=message)


def tool_calls_of(choice: Message) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """Parsed tool calls, and those whose arguments are not a JSON object."""
    calls: list[ToolCall] = []
    invalid: list[InvalidToolCall] = []
    for call in choice.tool_calls:
        args, error = read_arguments(call.arguments)
        if args is not None:
            calls.append(ToolCall(name=call.name, args=args, id=call.id, type="tool_call"))
        else:
            invalid.append(
                InvalidToolCall(name=call.name, args=call.arguments, id=call.id, error=error, type="invalid_tool_call")
            )
    return calls, invalid


def _additional(choice: Message, *, whole: bool) -> dict[str, Any]:
    """``additional_kwargs``; without the reasoning text when its pieces went out before."""
    values: dict[str, Any] = {
        "reasoning_content": choice.reasoning if whole else "",
        "reasoning_signature": choice.reasoning_signature,
        "refusal": choice.refusal,
        "annotations": [dict(item) for item in choice.annotations],
        "images": [dict(item) for item in choice.images],
    }
    return {**{key: value for key, value in values.items() if value}, **choice.extra}


def _choice_metadata(choice: Message) -> dict[str, Any]:
    values: dict[str, Any] = {"finish_reason": choice.finish_reason, "logprobs": choice.logprobs}
    if choice.raw_finish_reason != choice.finish_reason:
        values["native_finish_reason"] = choice.raw_finish_reason
    if choice.server_tool_calls:
        values["server_tool_calls"] = [call_summary(call) for call in choice.server_tool_calls]
    return {key: value for key, value in values.items() if value is not None}


def response_metadata(reply: ChatReply, *, include_headers: bool) -> dict[str, Any]:
    """``response_metadata`` of a reply. ``cost`` is USD as a float; unknown cost has no key."""
    usage = reply.usage
    shared = reply_metadata(reply)
    attempts = shared.pop("attempts")
    values: dict[str, Any] = {
        "model_provider": PROVIDER,
        "model_name": shared.pop("served_model", None) or reply.requested_model,
        **shared,
        "id": reply.id,
        "created": reply.created,
        "system_fingerprint": reply.system_fingerprint,
        "service_tier": reply.extra.get("service_tier"),
        "token_usage": None if usage is None else dict(usage.raw),
        "cost_details": None if usage is None else usage.raw.get("cost_details"),
        "headers": dict(reply.headers) if include_headers else None,
        "requesty": {"attempts": attempts, **({"extra": dict(reply.extra)} if reply.extra else {})},
    }
    return {key: value for key, value in values.items() if value is not None}


def usage_metadata(usage: Usage | None) -> UsageMetadata | None:
    """Token counts as whole numbers. Cost is not among them: LangChain cannot add a float in usage."""
    if usage is None:
        return None
    prompt, completion = _details(usage.raw, "prompt"), _details(usage.raw, "completion")
    given: dict[str, int | None] = {
        "cache_read": usage.cached_tokens or _zero(prompt, "cached_tokens"),
        "cache_creation": usage.caching_tokens or _zero(prompt, "caching_tokens"),
        "audio": _whole(prompt.get("audio_tokens")),
    }
    received: dict[str, int | None] = {
        "reasoning": usage.reasoning_tokens or _zero(completion, "reasoning_tokens"),
        "audio": _whole(completion.get("audio_tokens")),
    }
    metadata = UsageMetadata(
        input_tokens=usage.input_tokens, output_tokens=usage.output_tokens, total_tokens=usage.total_tokens
    )
    if details := {key: value for key, value in given.items() if value is not None}:
        metadata["input_token_details"] = InputTokenDetails(**details)  # type: ignore[typeddict-item]
    if details := {key: value for key, value in received.items() if value is not None}:
        metadata["output_token_details"] = OutputTokenDetails(**details)  # type: ignore[typeddict-item]
    return metadata


def _details(raw: Mapping[str, Any], side: str) -> Mapping[str, Any]:
    details = raw.get(f"{side}_tokens_details")
    return details if isinstance(details, Mapping) else {}


def _zero(details: Mapping[str, Any], key: str) -> int | None:
    return 0 if details.get(key) is not None else None


def _whole(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None
