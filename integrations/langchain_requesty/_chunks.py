"""Chunks of a streamed message whose sum is as strict as the message of ``invoke``.

Theory of operation. LangChain sums chunks by making a new chunk of the first one's class, and completes whatever JSON
the pieces of a call make so far. While a message arrives that is what its users want; at its end it would turn a call
that was cut into one that looks whole. :class:`RequestyMessageChunk` is LangChain's chunk but for that: a sum that has
the last piece reads the arguments strictly. LangChain's events of version 3 add up pieces in a way of their own, from
the content blocks; there the ``closing`` blocks of the last chunk take the place of what was gathered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall, ToolCall
from pydantic import PrivateAttr, model_validator

from requesty_core import ToolCall as CoreCall
from requesty_core.adapters import read_call

from ._tool_calls import CALL_EXTRAS

__all__ = ["LastMessageChunk", "RequestyMessageChunk"]


class _WholeMessage:
    """What LangChain makes a whole message of: it calls the first parent of a chunk's class."""

    def __new__(cls, *args: Any, **fields: Any) -> Any:
        return AIMessage(*args, **fields)


class _WholeLastMessage(_WholeMessage):
    """The same for the last chunk, which may be a stream's only one."""


class RequestyMessageChunk(_WholeMessage, AIMessageChunk):
    """A piece of a message, or a sum of such pieces.

    With its last piece (``chunk_position="last"``), ``tool_calls`` holds the calls whose arguments are whole, and
    ``invalid_tool_calls`` the others; before, ``tool_calls`` is LangChain's guess at what is still arriving.
    """

    if not TYPE_CHECKING:
        # The parent's is for the parent alone, and would cost every chunk a call.
        __new__ = object.__new__

    @classmethod
    def lc_id(cls) -> list[str]:
        """Serialised as the class that LangChain knows."""
        return AIMessageChunk.lc_id()

    @model_validator(mode="after")
    def init_tool_calls(self) -> Self:
        """Read the calls from their pieces."""
        if not self.tool_call_chunks and not (self.tool_calls or self.invalid_tool_calls):
            return self
        if self.chunk_position != "last" or not self.tool_call_chunks:
            return super().init_tool_calls()  # type: ignore[operator, no-any-return]
        self.tool_calls, self.invalid_tool_calls = [], []
        read = {}
        ended_early = self.response_metadata.get("finish_reason") in ("length", "content_filter")
        for number, piece in enumerate(self.tool_call_chunks, 1):
            text = piece["args"] or ""
            name, call_id = piece["name"] or "", piece["id"]
            # As the core has it: where the answer ended early, a call without arguments was cut before them.
            is_cut = ended_early and number == len(self.tool_call_chunks) and text.strip() in ("", "{}")
            args, problem = read_call(CoreCall(name, text, call_id or "", is_cut=is_cut))
            call: ToolCall | InvalidToolCall
            if args is not None:
                call = ToolCall(type="tool_call", name=name, args=args, id=call_id)
                self.tool_calls.append(call)
            else:
                call = InvalidToolCall(type="invalid_tool_call", name=name, args=text, id=call_id, error=problem)
                self.invalid_tool_calls.append(call)
            read[f"lc_tc_{piece['index']}"] = call
        if isinstance(self.content, list):
            self.content = [_finished(block, read, self.additional_kwargs) for block in self.content]
        return self


class LastMessageChunk(_WholeLastMessage, RequestyMessageChunk):
    """The last piece of a stream."""

    _closing: list[dict[str, Any]] = PrivateAttr(default_factory=list)

    if not TYPE_CHECKING:
        __new__ = object.__new__

    @property
    def closing(self) -> list[dict[str, Any]]:
        """Content blocks of the calls that turned out not to be whole."""
        return self._closing


def _finished(block: Any, read: Mapping[str, Any], kwargs: Mapping[str, Any]) -> Any:
    """A block of the content; one that gathered the pieces of a call becomes the call."""
    if not isinstance(block, dict) or block.get("type") != "tool_call_chunk" or block.get("index") not in read:
        return block
    # What LangChain has joined of it, closing blocks included, is in the call.
    call = read[block["index"]]
    extras = (kwargs.get(CALL_EXTRAS) or {}).get(call["id"])
    return {**call, "extras": extras} if extras else dict(call)
