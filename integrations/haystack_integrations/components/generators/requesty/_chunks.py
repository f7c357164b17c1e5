"""From stream events to Haystack chunks, as ``OpenAIChatGenerator`` makes them of the same stream.

One thing comes in a chunk: the role that opens the answer, a piece of text, reasoning, a refusal or a call, why it
ended, the usage. ``index`` is 0 for text and the call's own for a call; reasoning, which Haystack's class has not, is
block 0 and moves what follows it by one. ``start`` opens a block; every call opens one, and only once.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

from haystack.dataclasses import ChatMessage, ComponentInfo, FinishReason, ReasoningContent, StreamingChunk
from haystack.dataclasses import ToolCallDelta as Piece

from haystack_integrations.common.requesty.usage import usage_of
from requesty_core import (
    ChatReply,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)

from ._replies import replies_of

__all__ = ["Chunks", "WirePiece"]

_TEXT, _REASONING, _CALLS = "text", "reasoning", "calls"
_WORDS = frozenset(get_args(FinishReason))


class WirePiece(dict[str, Any]):
    """A piece of a call in ``meta["tool_calls"]``: data that can be saved, read by attributes as the SDK's own."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"a piece of a tool call has no {name!r}") from None


class Chunks:
    """The chunks of one stream, and the message it ends in."""

    def __init__(self, info: ComponentInfo) -> None:
        self._info = info
        self._block: str | None = None
        self._shift = 0
        self._model = ""
        self.started: str | None = None
        self.reply: ChatReply | None = None

    def of(self, event: StreamEvent) -> Iterator[StreamingChunk]:
        """The chunks an event becomes, if any; never text and a tool call in one."""
        if isinstance(event, TextDelta):
            yield self._chunk(event.text, index=self._shift, start=self._opens(_TEXT))
        elif isinstance(event, ToolCallDelta):
            yield self._call(event)
        elif isinstance(event, ReasoningDelta):
            if event.text:
                yield self._reasoning(event.text)
        elif isinstance(event, RefusalDelta):
            yield self._chunk(start=self._opens(_TEXT), refusal=event.text)
        elif isinstance(event, MessageStart):
            self._model = event.served_model or event.requested_model
            if event.is_bare:
                yield self._chunk()
        elif isinstance(event, MessageEnd):
            self.reply = event.reply
            yield from self._last(event.reply)

    def message(self) -> list[ChatMessage]:
        """The complete message, once the stream has ended."""
        assert self.reply is not None
        return replies_of(self.reply, self.started)

    def _opens(self, block: str) -> bool:
        is_new, self._block = block != self._block, block
        return is_new

    def _reasoning(self, text: str) -> StreamingChunk:
        start = self._opens(_REASONING)
        self._shift = 1
        return self._chunk(index=0, start=start, reasoning=ReasoningContent(text))

    def _call(self, event: ToolCallDelta) -> StreamingChunk:
        self._block = _CALLS
        arguments = event.arguments or None
        piece = Piece(index=event.index, tool_name=event.name, arguments=arguments, id=event.id)
        function = WirePiece(name=event.name, arguments=event.arguments)
        wire = WirePiece(index=event.index, id=event.id, function=function, type="function" if event.name else None)
        start = event.name is not None
        return self._chunk(index=self._shift + event.index, start=start, pieces=[piece], tool_calls=[wire])

    def _chunk(
        self,
        content: str = "",
        *,
        index: int | None = None,
        start: bool = False,
        reasoning: ReasoningContent | None = None,
        pieces: list[Piece] | None = None,
        finish: str | None = None,
        **meta: Any,
    ) -> StreamingChunk:
        word: Any = finish if finish in _WORDS else None
        own = {"model": self._model, "index": 0, "tool_calls": None, "finish_reason": finish}
        return StreamingChunk(
            content=content,
            meta={**own, "received_at": self._now(), "usage": None, **meta},
            component_info=self._info,
            index=index,
            start=start,
            tool_calls=pieces,
            finish_reason=word,
            reasoning=reasoning,
        )

    def _last(self, reply: ChatReply) -> Iterator[StreamingChunk]:
        yield self._chunk(finish=reply.finish_reason, requested_model=reply.requested_model)
        if reply.usage is not None:
            meta = {"model": self._model, "received_at": self._now(), "usage": usage_of(reply.usage)}
            yield StreamingChunk(content="", meta=meta, component_info=self._info)

    def _now(self) -> str:
        now = datetime.now(UTC).isoformat()
        if self.started is None:
            self.started = now
        return now
