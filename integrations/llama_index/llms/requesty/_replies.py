"""From the core's replies to LlamaIndex responses: pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    CitationBlock,
    CompletionResponse,
    ContentBlock,
    ImageBlock,
    LogProb,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.bridge.pydantic import ValidationError

from requesty_core import ChatReply, Message, ToolCall
from requesty_core.adapters import (
    cost_of,
    image_address,
    image_data,
    replayed_fields,
    reply_metadata,
    url_citation,
    wire_message,
)

from ._tool_calls import invalid_calls

__all__ = ["chat_response", "completion_response"]


def chat_response(reply: ChatReply, delta: str | None = None, *, loose: frozenset[str] = frozenset()) -> ChatResponse:
    """The response of a complete reply. ``raw`` is a plain dict with ``usage``, cost included.

    ``loose`` names tools that would run with any arguments.
    """
    metadata = reply_metadata(reply)
    return ChatResponse(
        message=_message(reply.message, reply, loose),
        raw=_raw(reply, metadata),
        delta=delta,
        logprobs=_logprobs(reply.message.logprobs),
        additional_kwargs=_counts(reply, metadata),
    )


def completion_response(response: ChatResponse) -> CompletionResponse:
    """The same response for the ``complete`` methods."""
    return CompletionResponse(
        text=response.message.content or "",
        # A completion has no message: what that holds beside the text (a refusal, calls, notes) is here.
        additional_kwargs={**response.message.additional_kwargs, **response.additional_kwargs},
        raw=response.raw,
        logprobs=response.logprobs,
        delta=response.delta,
    )


def _message(message: Message, reply: ChatReply, loose: frozenset[str]) -> ChatMessage:
    blocks: list[ContentBlock] = []
    if message.reasoning or message.reasoning_signature:
        tokens = reply.usage.reasoning_tokens if reply.usage else 0
        blocks.append(_thinking(message.reasoning, message.reasoning_signature, tokens or None))
    if message.text or not (message.tool_calls or message.images):
        blocks.append(TextBlock(text=message.text))
    blocks += filter(None, map(_image, message.images))
    blocks += [block for note in message.annotations if (block := _citation(note, message.text)) is not None]
    blocks += [_call_block(call) for call in message.tool_calls]
    extras: dict[str, Any] = {}
    if message.tool_calls:
        extras["tool_calls"] = [call.to_wire() for call in message.tool_calls]
        if invalid := invalid_calls(message, loose):
            extras["invalid_tool_calls"] = invalid
    if message.server_tool_calls:
        extras["server_tool_calls"] = [call.to_wire() for call in message.server_tool_calls]
    if message.annotations:
        extras["annotations"] = [dict(note) for note in message.annotations]
    if message.refusal:
        extras["refusal"] = message.refusal
    # The rest of what this package does not know is in `raw`: LlamaIndex counts this dict into its prompts.
    extras |= replayed_fields(message.extra)
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=extras)


def _thinking(text: str, signature: str | None, tokens: int | None) -> ThinkingBlock:
    information = {"signature": signature} if signature else {}
    return ThinkingBlock(content=text, num_tokens=tokens, additional_information=information)


def _image(image: Mapping[str, Any]) -> ImageBlock | None:
    """The block of a generated image; one that is neither readable data nor a URL is in ``raw`` only."""
    if (data := image_data(image)) is not None:
        return ImageBlock(image=data[1], image_mimetype=data[0])
    try:
        return ImageBlock(url=image_address(image))
    except ValidationError:
        return None


def _citation(note: Mapping[str, Any], text: str) -> CitationBlock | None:
    """The block of a URL citation; other notes stay in ``additional_kwargs["annotations"]`` only."""
    cited = url_citation(note)
    if cited is None:
        return None
    return CitationBlock(
        cited_content=TextBlock(text=cited.passage(text)),
        source=cited.url,
        title=cited.title,
        additional_location_info={} if cited.start is None else {"start_index": cited.start, "end_index": cited.end},
    )


def _call_block(call: ToolCall) -> ToolCallBlock:
    given = {"input": call.arguments} if call.type == "custom" else call.arguments
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=given)


def _raw(reply: ChatReply, metadata: Mapping[str, Any]) -> dict[str, Any]:
    message = reply.message
    raw: dict[str, Any] = {
        "id": reply.id,
        "created": reply.created,
        "model": reply.served_model,
        "system_fingerprint": reply.system_fingerprint,
        "service_tier": reply.service_tier,
        "choices": [
            {"index": index, "finish_reason": choice.finish_reason, "message": wire_message(choice)}
            for index, choice in enumerate(reply.choices or (message,))
        ],
        # Not the same lists as in `additional_kwargs`, so that a change to one is none to the other.
        "requesty": {**metadata, "attempts": [{**attempt} for attempt in metadata["attempts"]]},
    }
    if reply.usage is not None:
        usage = reply.usage
        # Tracers and TokenCountingHandler read these names here.
        raw["usage"] = {
            **usage.raw,
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        }
        if (cost := cost_of(usage)) is not None:
            raw["usage"]["cost"] = cost
    return {**reply.extra, **{key: value for key, value in raw.items() if value is not None}}


def _counts(reply: ChatReply, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Counters, cost (USD), finish reason, ids and attempts; what the gateway did not say has no key."""
    values: dict[str, Any] = {"finish_reason": reply.finish_reason, **metadata}
    if (usage := reply.usage) is not None:
        values |= {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
            "cached_tokens": usage.cached_tokens,
            "caching_tokens": usage.caching_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
        }
    return values


def _logprobs(logprobs: Mapping[str, Any] | None) -> list[list[LogProb]] | None:
    entries = (logprobs or {}).get("content")
    if not isinstance(entries, list):
        return None
    found = [entry for entry in entries if isinstance(entry, Mapping)]
    return [[_logprob(top) for top in entry.get("top_logprobs") or [entry]] for entry in found] or None


def _logprob(entry: Mapping[str, Any]) -> LogProb:
    return LogProb(
        token=entry.get("token") or "", logprob=entry.get("logprob") or 0.0, bytes=list(entry.get("bytes") or ())
    )
