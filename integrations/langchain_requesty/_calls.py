"""Parsers of answers that are a tool's call: LangChain's own, which at the end of a stream also check the whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessageChunk, BaseMessage, message_chunk_to_message
from langchain_core.output_parsers.openai_tools import JsonOutputKeyToolsParser, PydanticToolsParser
from langchain_core.outputs import ChatGeneration

from requesty_core.schemas import AnswerFormatError, read_answer

__all__ = ["CallParser", "ClassCallParser"]

if TYPE_CHECKING:
    from langchain_core.output_parsers.transform import BaseCumulativeTransformOutputParser

    _Base = BaseCumulativeTransformOutputParser[Any]
else:
    _Base = object


class _WholeAtTheEnd(_Base):
    """LangChain's parsers pass over what does not fit yet; what does not fit in the end is an error here."""

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:
        total = _Total()
        for value in super()._transform(total.kept(chunk) for chunk in input):
            total.last = value
            yield value
        yield from total.end(self)

    async def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:
        total = _Total()
        async for value in super()._atransform(total.kept(chunk) async for chunk in input):
            total.last = value
            yield value
        for value in total.end(self):
            yield value


class ClassCallParser(_WholeAtTheEnd, PydanticToolsParser):
    """The first call as an object of its class."""


class CallParser(_WholeAtTheEnd, JsonOutputKeyToolsParser):
    """The arguments of the first call of one tool."""


class _Total:
    """The sum of a stream's chunks, and the last value that was given out."""

    def __init__(self) -> None:
        self._sum: AIMessageChunk | None = None
        self.last: Any = None

    def kept(self, chunk: str | BaseMessage) -> str | BaseMessage:
        if isinstance(chunk, AIMessageChunk):
            self._sum = chunk if self._sum is None else self._sum + chunk
        return chunk

    def end(self, parser: Any) -> Iterator[Any]:
        """What the whole message is, if it is not what was last given out. Raises if it is nothing that fits."""
        if self._sum is None:
            return
        for call in self._sum.tool_call_chunks:
            try:
                read_answer(call["args"] or "{}")
            except AnswerFormatError as error:
                raise OutputParserException(f"{call['name']}: {error}", llm_output=error.text) from error
        value = parser.parse_result([ChatGeneration(message=message_chunk_to_message(self._sum))])
        if value is not None and value != self.last:
            yield value
