"""From stream events to LlamaIndex responses, each of which holds everything so far."""

from __future__ import annotations

from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ContentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.llms.utils import parse_partial_json

from requesty_core import MessageEnd, ReasoningDelta, RefusalDelta, StreamEvent, TextDelta, ToolCallDelta
from requesty_core.adapters import wire_tool_call

from ._made import made
from ._replies import chat_response

__all__ = ["PartialJSON", "ResponseStream"]


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
    """From stream events to responses, each with everything so far, the last one with the whole reply.

    ``loose`` names tools that would run with any arguments.
    """

    def __init__(self, loose: frozenset[str] = frozenset()) -> None:
        self._loose = loose
        self._text = ""
        self._reasoning = ""
        self._signature: str | None = None
        self._refusal = ""
        self._calls: list[_PartialCall] = []

    def feed(self, event: StreamEvent) -> ChatResponse | None:
        """The response to yield for one event, if it calls for one. Only the first choice is streamed."""
        if isinstance(event, MessageEnd):
            return chat_response(event.reply, "", loose=self._loose)
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
            blocks.append(made(TextBlock, text=self._text))
        blocks += [call.block for call in self._calls]
        kwargs: dict[str, Any] = {}
        if self._calls:
            kwargs["tool_calls"] = [call.wire for call in self._calls]
        if self._refusal:
            kwargs["refusal"] = self._refusal
        message = made(ChatMessage, role=MessageRole.ASSISTANT, blocks=blocks, additional_kwargs=kwargs)
        return made(ChatResponse, message=message, delta=delta, additional_kwargs=extras or {})
