"""From core replies and stream events to LangChain messages: pure functions, one metadata builder for all paths."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import InputTokenDetails, OutputTokenDetails, UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from requesty_core import (
    ChatReply,
    Message,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from requesty_core.adapters import call_summary, reply_metadata, unmapped

from ._chunks import LastMessageChunk, RequestyMessageChunk
from ._tool_calls import CALL_EXTRAS, PROVIDER, call_extras, closing_blocks, custom_arguments, tool_calls_of

__all__ = ["PROVIDER", "ChunkMaker", "chat_result", "combined_outputs", "usage_metadata"]


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


_PER_CHOICE = (
    *("model_provider", "model_name", "requested_model", "id", "created", "system_fingerprint", "service_tier"),
)


class ChunkMaker:
    """The chunks that the events of one stream become.

    Whatever cannot be joined piece by piece (signature, refusal, citations, images, all metadata) stands once, on the
    last chunk: LangChain adds chunks by concatenating strings and refuses to add floats. Only the first choice is
    streamed; others, which nobody asked for, are told in the last chunk's metadata.

    Args:
        include_headers: whether the metadata has the response's headers.
        custom: names of tools that take plain text; their input comes in one piece, as JSON.
    """

    def __init__(self, *, include_headers: bool, custom: frozenset[str] = frozenset()) -> None:
        self._headers = include_headers
        self._custom = custom
        self._held: set[int] = set()
        self._nulls: dict[int, str] = {}
        """Arguments that may become the word ``null``, which stands for none: LangChain's events cannot read it."""

    def chunks(self, event: StreamEvent) -> Sequence[ChatGenerationChunk]:
        """Chunks of an event; none for events that LangChain has no chunk for.

        Raises :class:`MalformedResponseError` for what LangChain's messages cannot hold.
        """
        try:
            return self._made(event)
        except Exception as error:
            raise unmapped(error, event.reply if isinstance(event, MessageEnd) else None) from error

    def _made(self, event: StreamEvent) -> Sequence[ChatGenerationChunk]:
        if isinstance(event, MessageEnd):
            return [*self._rest(event.reply.message), self._last(event.reply)]
        if isinstance(event, MessageStart) or event.choice:
            return ()
        if isinstance(event, TextDelta):
            return (_chunk(event.text),)
        if isinstance(event, ReasoningDelta):
            return (_chunk("", additional_kwargs={"reasoning_content": event.text}),) if event.text else ()
        if isinstance(event, ToolCallDelta):
            return self._call(event)
        return ()

    def _call(self, event: ToolCallDelta) -> Sequence[ChatGenerationChunk]:
        if event.name is not None and event.name in self._custom:
            self._held.add(event.index)
            return (_call_chunk(event.index, "", event.name, event.id),)
        if event.index in self._held:
            return ()
        arguments = self._nulls.pop(event.index, "") + event.arguments
        if arguments and "null".startswith(arguments.strip()):
            self._nulls[event.index] = arguments
            arguments = ""
        return (_call_chunk(event.index, arguments, event.name, event.id),)

    def _rest(self, message: Message) -> Iterator[ChatGenerationChunk]:
        """Arguments that had to be whole first."""
        for index, arguments in self._nulls.items():
            if arguments.strip() != "null":
                yield _call_chunk(index, arguments)
        for index, call in enumerate(message.tool_calls):
            if index in self._held:
                yield _call_chunk(index, custom_arguments(call.arguments, whole=not call.is_cut))

    def _last(self, reply: ChatReply) -> ChatGenerationChunk:
        choice = reply.message
        metadata = {**response_metadata(reply, include_headers=self._headers), **_choice_metadata(choice)}
        if len(reply.choices) > 1:
            others = [_summary(other) for other in reply.choices if other is not choice]
            metadata["requesty"] = {**metadata["requesty"], "other_choices": others}
        last = LastMessageChunk(
            content="",
            additional_kwargs=_additional(choice, whole=False),
            response_metadata=metadata,
            usage_metadata=usage_metadata(reply.usage),
            chunk_position="last",
        )
        last.closing.extend(closing_blocks(choice))
        return ChatGenerationChunk(message=last, generation_info={"finish_reason": reply.finish_reason})


def _summary(choice: Message) -> dict[str, Any]:
    calls = [call_summary(call) for call in choice.tool_calls]
    values = {
        "text": choice.text,
        "tool_calls": calls,
        "refusal": choice.refusal,
        "finish_reason": choice.finish_reason,
    }
    return {key: value for key, value in values.items() if value}


def _chunk(content: str, **fields: Any) -> ChatGenerationChunk:
    message = RequestyMessageChunk(content=content, response_metadata={"model_provider": PROVIDER}, **fields)
    return ChatGenerationChunk(message=message)


def _call_chunk(index: int, arguments: str, name: str | None = None, call_id: str | None = None) -> ChatGenerationChunk:
    return _chunk("", tool_call_chunks=[tool_call_chunk(name=name, args=arguments, id=call_id, index=index)])


def _additional(choice: Message, *, whole: bool) -> dict[str, Any]:
    """``additional_kwargs``; without the reasoning text when its pieces went out before."""
    values: dict[str, Any] = {
        "reasoning_content": choice.reasoning if whole else "",
        "reasoning_signature": choice.reasoning_signature,
        "refusal": choice.refusal,
        "annotations": [dict(item) for item in choice.annotations],
        "images": [dict(item) for item in choice.images],
        CALL_EXTRAS: call_extras(choice),
    }
    own = {key: value for key, value in values.items() if value}
    return {**{key: value for key, value in choice.extra.items() if key not in _TAKEN}, **own}


# Keys to which LangChain or this package gives a meaning of its own; a field that has it of another type would be
# misread, or could not be added to what was streamed under it.
_TAKEN = frozenset(
    (
        *(
            "tool_calls",
            "function_call",
            "reasoning_content",
            "reasoning_signature",
            "refusal",
            "annotations",
            "images",
        ),
        *(CALL_EXTRAS, "cache_control"),
    )
)


def _choice_metadata(choice: Message) -> dict[str, Any]:
    values: dict[str, Any] = {"finish_reason": choice.finish_reason, "logprobs": choice.logprobs}
    if choice.raw_finish_reason != choice.finish_reason:
        values["native_finish_reason"] = choice.raw_finish_reason
    if taken := {key: value for key, value in choice.extra.items() if key in _TAKEN}:
        values["message_extra"] = taken
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
