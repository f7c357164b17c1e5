"""The parser of structured answers: strict at the end, lenient only about what is still arriving."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers import BaseTransformOutputParser
from langchain_core.outputs import ChatGeneration, Generation
from langchain_core.utils.json import parse_partial_json
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.v1 import ValidationError as ValidationErrorV1

from requesty_core.adapters import read_arguments
from requesty_core.schemas import AnswerFormatError, CompiledSchema, read_answer

from ._errors import RequestyRefusalError

__all__ = ["AnswerParser", "AnswerReader"]

_MISFITS = (ValidationError, ValidationErrorV1)
_CUTS = {
    "length": "the answer was cut at max_tokens; raise max_tokens",
    "content_filter": "the answer was cut by the provider's content filter; change the prompt or the model",
}


class AnswerParser(BaseTransformOutputParser[Any]):
    """From the model's message to the object: exact JSON or one fenced block, restored to the user's schema.

    Attributes:
        cls: pydantic class of the object; ``None`` for plain JSON values.
        compiled: the schema that was sent; ``None`` if none was.
        is_object: whether the answer has to be a JSON object.
        tool: name of the tool whose arguments are the answer; ``None`` where its text is.
        others: whether the model may call other tools instead; then there is no object and no error.

    Raises:
        RequestyRefusalError: the model refused.
        OutputParserException: the answer was cut, is anything else, or does not fit the class; ``llm_output`` holds it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    cls: Any = None
    compiled: CompiledSchema | None = None
    is_object: bool = False
    tool: str | None = None
    others: bool = False

    @property
    def _type(self) -> str:
        return "requesty_answer"

    def parse(self, text: str) -> Any:
        """The object of a complete answer's text."""
        # A message's text may be of a class of its own.
        text = str(text)
        try:
            return self._fitting(read_answer(text), text)
        except AnswerFormatError as error:
            raise OutputParserException(str(error), llm_output=text) from error

    def parse_result(self, result: list[Generation], *, partial: bool = False) -> Any:
        """The object of a complete message, or of a text."""
        generation = result[0]
        if not isinstance(generation, ChatGeneration):
            return self.parse(generation.text)
        reader = AnswerReader(self)
        for _ in reader.feed(generation.message):
            pass
        return reader.whole()

    def _fitting(self, value: Any, text: str) -> Any:
        """The value as what was asked for. Raises :class:`OutputParserException` if it does not fit."""
        try:
            return self._object(value)
        except _MISFITS as error:
            # In LangChain's own words.
            message = f"Failed to parse {self.cls.__name__} from completion {text}. Got: {error}"
            raise OutputParserException(message, llm_output=text) from error

    def _object(self, value: Any) -> Any:
        restored = value if self.compiled is None else self.compiled.restore(value)
        if self.cls is None:
            if self.is_object and not isinstance(restored, dict):
                raise OutputParserException(
                    f"the answer is not a JSON object but a {type(restored).__name__}", llm_output=json.dumps(value)
                )
            return restored
        if issubclass(self.cls, BaseModel):
            # As JSON: a class that refuses to convert still takes JSON's texts for dates.
            return self.cls.model_validate_json(json.dumps(restored))
        return self.cls.parse_obj(restored)

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:
        reader = AnswerReader(self)
        for chunk in input:
            yield from reader.feed(chunk)
        yield from reader.end()

    async def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:
        reader = AnswerReader(self)
        async for chunk in input:
            for made in reader.feed(chunk):
                yield made
        for made in reader.end():
            yield made

    def partial(self, text: str) -> Any:
        """The object as far as it has come; ``None`` where that is none yet."""
        try:
            value = parse_partial_json(text)
            return None if value is None else self._object(value)
        except (ValueError, *_MISFITS):
            # Half an answer may be no JSON or misfit; the whole one is checked at the end.
            return None

    def arguments(self, text: str) -> Any:
        """The object of a complete call's arguments. Raises :class:`OutputParserException`."""
        args, problem = read_arguments(text)
        if args is None:
            raise OutputParserException(f"{self.tool}: {problem}", llm_output=text)
        return self._fitting(args, text)


class AnswerReader:
    """One answer while its message arrives: ever fuller objects, at last the strictly parsed one."""

    def __init__(self, parser: AnswerParser) -> None:
        self._parser = parser
        self._text = ""
        self._calls: dict[Any, list[str]] = {}
        self._asked: Any = None
        self._finish: str | None = None
        self._started = False
        self._called = False
        self._given = False
        self._last: Any = None

    def feed(self, chunk: str | BaseMessage) -> Iterator[Any]:
        """Take a piece or the whole of a message; give the object if there is more of it now.

        Raises :class:`RequestyRefusalError` and :class:`OutputParserException` for an answer that is none.
        """
        self._started = True
        if isinstance(chunk, AIMessage):
            self._check(chunk)
        grown = self._take_calls(chunk) if self._parser.tool else self._take_text(chunk)
        if grown and isinstance(chunk, (str, AIMessageChunk)):
            yield from self._new(self._parser.partial(grown))

    def _check(self, message: AIMessage) -> None:
        refusal = message.additional_kwargs.get("refusal")
        if isinstance(refusal, str) and refusal:
            raise RequestyRefusalError(refusal)
        self._called = self._called or bool(message.tool_calls or message.invalid_tool_calls)
        self._finish = message.response_metadata.get("finish_reason") or self._finish
        if self._finish in _CUTS:
            raise OutputParserException(_CUTS[self._finish], llm_output=self._so_far(message))

    def _so_far(self, message: AIMessage) -> str:
        if self._parser.tool is None:
            return self._text + str(message.text)
        self._take_calls(message)
        return self._arguments()

    def _take_text(self, chunk: str | BaseMessage) -> str:
        """The text so far, if the piece has added to it."""
        piece = chunk if isinstance(chunk, str) else str(chunk.text)
        self._text += piece
        return self._text if piece else ""

    def _take_calls(self, chunk: str | BaseMessage) -> str:
        """The arguments so far of the call that was asked for, if the piece has added to them."""
        if isinstance(chunk, str) or not isinstance(chunk, AIMessage):
            return ""
        self._text += str(chunk.text)
        before = self._arguments()
        for key, name, args in _pieces(chunk):
            if key not in self._calls:
                self._calls[key] = []
                if self._asked is None and name == self._parser.tool:
                    self._asked = key
            self._calls[key].append(args)
        now = self._arguments()
        return now if now != before else ""

    def _arguments(self) -> str:
        return "".join(self._calls[self._asked]) if self._asked is not None else ""

    def whole(self) -> Any:
        """The object of the whole answer; ``None`` where other tools were called instead, which were offered too.

        Raises :class:`OutputParserException` for an answer that is none or does not fit.
        """
        if self._asked is not None:
            return self._parser.arguments(self._arguments())
        if self._parser.others and self._called and not self._text.strip():
            return None
        if self._parser.tool:
            called = "other tools" if self._called else "no tool"
            raise OutputParserException(
                f"the model called {called} instead of {self._parser.tool!r}", llm_output=self._text
            )
        return self._parser.parse(self._text)

    def end(self) -> Iterator[Any]:
        """The object of the whole answer, if it is not what was given last. Raises as :meth:`whole`."""
        if self._started:
            value = self.whole()
            yield from self._new(value) if value is not None or self._given else [value]

    def _new(self, value: Any) -> Iterator[Any]:
        if value is not None and not (self._given and value == self._last):
            self._last, self._given = value, True
            yield value


def _pieces(message: AIMessage) -> Iterator[tuple[Any, str | None, str]]:
    """(key, name, arguments) of a message's calls, or of the pieces of them in a chunk."""
    if isinstance(message, AIMessageChunk):
        for place, piece in enumerate(message.tool_call_chunks):
            key = piece["index"] if piece["index"] is not None else f"place {place}"
            yield key, piece["name"], piece["args"] or ""
        return
    for call in message.tool_calls:
        yield call["id"], call["name"], json.dumps(call["args"], ensure_ascii=False)
    for bad in message.invalid_tool_calls:
        yield bad["id"], bad["name"], bad["args"] or " "
