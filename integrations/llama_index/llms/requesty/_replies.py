"""From the core's replies and stream events to LlamaIndex responses: pure functions and one small accumulator."""

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
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.llms.utils import parse_partial_json

from requesty_core import (
    ChatReply,
    Message,
    MessageEnd,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)
from requesty_core.adapters import (
    cost_of,
    image_address,
    read_arguments,
    reply_metadata,
    split_data_url,
    url_citation,
    wire_tool_call,
)

__all__ = [
    "INVALID_ARGUMENTS",
    "PartialJSON",
    "ResponseStream",
    "chat_response",
    "completion_response",
    "single_call",
    "tool_selections",
]

INVALID_ARGUMENTS = "invalid_arguments_json"
"""Key under which arguments that are no JSON object reach a tool: it refuses them, and the model learns why."""


def chat_response(reply: ChatReply, delta: str | None = None) -> ChatResponse:
    """The response of a complete reply. ``raw`` is a plain dict with ``usage``, cost included."""
    return ChatResponse(
        message=_message(reply.message, reply),
        raw=_raw(reply),
        delta=delta,
        logprobs=_logprobs(reply.message.logprobs),
        additional_kwargs=_counts(reply),
    )


def completion_response(response: ChatResponse) -> CompletionResponse:
    """The same response for the ``complete`` methods."""
    return CompletionResponse(
        text=response.message.content or "",
        additional_kwargs=response.additional_kwargs,
        raw=response.raw,
        logprobs=response.logprobs,
        delta=response.delta,
    )


def _message(message: Message, reply: ChatReply) -> ChatMessage:
    blocks: list[ContentBlock] = []
    if message.reasoning or message.reasoning_signature:
        tokens = reply.usage.reasoning_tokens if reply.usage else 0
        blocks.append(_thinking(message.reasoning, message.reasoning_signature, tokens or None))
    if message.text or not (message.tool_calls or message.images):
        blocks.append(TextBlock(text=message.text))
    blocks += [_image(image) for image in message.images]
    blocks += [block for note in message.annotations if (block := _citation(note, message.text)) is not None]
    blocks += [
        ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=call.arguments)
        for call in message.tool_calls
    ]
    extras: dict[str, Any] = {}
    if message.tool_calls:
        extras["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.server_tool_calls:
        extras["server_tool_calls"] = [_call(call) for call in message.server_tool_calls]
    if message.annotations:
        extras["annotations"] = [dict(note) for note in message.annotations]
    if message.refusal:
        extras["refusal"] = message.refusal
    return ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=extras)


def _thinking(text: str, signature: str | None, tokens: int | None) -> ThinkingBlock:
    information = {"signature": signature} if signature else {}
    return ThinkingBlock(content=text, num_tokens=tokens, additional_information=information)


def _image(image: Mapping[str, Any]) -> ImageBlock:
    url = image_address(image) or ""
    if (data := split_data_url(url)) is not None:
        return ImageBlock(image=data[1].encode(), image_mimetype=data[0])
    return ImageBlock(url=url)


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


def _call(call: ToolCall) -> dict[str, Any]:
    return wire_tool_call(call.id, call.name, call.arguments)


def _raw(reply: ChatReply) -> dict[str, Any]:
    message = reply.message
    raw: dict[str, Any] = {
        "id": reply.id,
        "created": reply.created,
        "model": reply.served_model,
        "system_fingerprint": reply.system_fingerprint,
        "choices": [
            {
                "index": index,
                "finish_reason": choice.finish_reason,
                "message": {"role": "assistant", "content": choice.text},
            }
            for index, choice in enumerate(reply.choices or (message,))
        ],
        "requesty": reply_metadata(reply),
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


def _counts(reply: ChatReply) -> dict[str, Any]:
    """Counters, cost (USD), finish reason, ids and attempts; what the gateway did not say has no key."""
    values: dict[str, Any] = {"finish_reason": reply.finish_reason, **reply_metadata(reply)}
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
    if not entries:
        return None
    return [[_logprob(top) for top in entry.get("top_logprobs") or [entry]] for entry in entries]


def _logprob(entry: Mapping[str, Any]) -> LogProb:
    return LogProb(
        token=entry.get("token") or "", logprob=entry.get("logprob") or 0.0, bytes=list(entry.get("bytes") or ())
    )


class PartialJSON:
    """JSON text that is still arriving, read at lengths that grow by a quarter, so that the whole costs linear time."""

    __slots__ = ("_length", "_next", "_pieces", "text", "value")

    def __init__(self) -> None:
        self.text = ""
        self.value: dict[str, Any] = {}
        self._pieces: list[str] = []
        self._length = 0
        self._next = 0

    def feed(self, piece: str) -> bool:
        """Take a piece; whether ``text`` and ``value`` were brought up to date."""
        self._pieces.append(piece)
        self._length += len(piece)
        if self._length <= self._next:
            return False
        self._next = self._length + self._length // 4
        self.text = "".join(self._pieces)
        self._pieces = [self.text]
        try:
            value = parse_partial_json(self.text)
        except ValueError:
            return False
        if isinstance(value, dict):
            self.value = value
        return True


class _PartialCall:
    __slots__ = ("arguments", "block", "id", "name", "wire")

    def __init__(self, event: ToolCallDelta) -> None:
        self.id = event.id
        self.name = event.name or ""
        self.arguments = PartialJSON()
        self.add(event.arguments)
        self._show()

    def add(self, piece: str) -> None:
        if piece and self.arguments.feed(piece):
            self._show()

    def _show(self) -> None:
        # Unvalidated: built for every fragment, from values whose types are known.
        self.block = ToolCallBlock.model_construct(
            tool_call_id=self.id, tool_name=self.name, tool_kwargs=self.arguments.value
        )
        self.wire = wire_tool_call(self.id, self.name, self.arguments.text)


class ResponseStream:
    """From stream events to responses, each with everything so far, the last one with the whole reply."""

    def __init__(self) -> None:
        self._text = ""
        self._reasoning = ""
        self._signature: str | None = None
        self._refusal = ""
        self._calls: list[_PartialCall] = []

    def feed(self, event: StreamEvent) -> ChatResponse | None:
        """The response to yield for one event, if it calls for one. Only the first choice is streamed."""
        if isinstance(event, MessageEnd):
            return chat_response(event.reply, delta="")
        if not isinstance(event, (TextDelta, ReasoningDelta, RefusalDelta, ToolCallDelta)) or event.choice != 0:
            return None
        if isinstance(event, TextDelta):
            self._text += event.text
            return self._so_far(event.text)
        if isinstance(event, ReasoningDelta):
            self._reasoning += event.text
            self._signature = event.signature or self._signature
            return self._so_far("", {"thinking_delta": event.text}) if event.text else None
        if isinstance(event, RefusalDelta):
            self._refusal += event.text
            return self._so_far("")
        if event.index >= len(self._calls):
            self._calls.append(_PartialCall(event))
        else:
            self._calls[event.index].add(event.arguments)
        return self._so_far("")

    def _so_far(self, delta: str, extras: dict[str, Any] | None = None) -> ChatResponse:
        blocks: list[ContentBlock] = []
        if self._reasoning:
            blocks.append(
                ThinkingBlock.model_construct(
                    content=self._reasoning,
                    additional_information={"signature": self._signature} if self._signature else {},
                )
            )
        if self._text or not self._calls:
            blocks.append(TextBlock.model_construct(text=self._text))
        blocks += [call.block for call in self._calls]
        kwargs: dict[str, Any] = {}
        if self._calls:
            kwargs["tool_calls"] = [call.wire for call in self._calls]
        if self._refusal:
            kwargs["refusal"] = self._refusal
        message = ChatMessage.model_construct(role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=kwargs)
        return ChatResponse.model_construct(message=message, delta=delta, additional_kwargs=extras or {})


def tool_selections(response: ChatResponse) -> list[ToolSelection]:
    """The tool calls of a response, partial or complete."""
    return [
        ToolSelection(tool_id=block.tool_call_id or "", tool_name=block.tool_name, tool_kwargs=_arguments(block))
        for block in response.message.blocks
        if isinstance(block, ToolCallBlock)
    ]


def _arguments(block: ToolCallBlock) -> dict[str, Any]:
    text = block.tool_kwargs
    if isinstance(text, dict):
        return text
    value, _ = read_arguments(text)
    return {INVALID_ARGUMENTS: text} if value is None else value


def single_call(response: ChatResponse) -> ChatResponse:
    """The response with its first tool call only, for callers that can run just one."""
    message = response.message
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if len(blocks) < 2:
        return response
    message.blocks = [block for block in message.blocks if not isinstance(block, ToolCallBlock) or block is blocks[0]]
    if calls := message.additional_kwargs.get("tool_calls"):
        message.additional_kwargs["tool_calls"] = calls[:1]
    return response
