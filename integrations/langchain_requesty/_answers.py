"""The parser of answers that are JSON text: strict at the end, lenient only about what is still arriving."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import BaseMessage
from langchain_core.output_parsers import BaseTransformOutputParser
from langchain_core.outputs import Generation
from langchain_core.utils.json import parse_partial_json
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.v1 import ValidationError as ValidationErrorV1

from requesty_core.schemas import AnswerFormatError, CompiledSchema, read_answer

__all__ = ["AnswerParser"]


class AnswerParser(BaseTransformOutputParser[Any]):
    """From the text of an answer to the object: exact JSON or one fenced block, restored to the user's schema.

    Attributes:
        cls: pydantic class of the object; ``None`` for plain JSON values.
        compiled: the schema that was sent; ``None`` if none was.

    Raises:
        OutputParserException: the text is anything else, or does not fit the class; ``llm_output`` holds it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    cls: Any = None
    compiled: CompiledSchema | None = None

    @property
    def _type(self) -> str:
        return "requesty_answer"

    def parse(self, text: str) -> Any:
        """The object of a complete answer."""
        # A message's text may be of a class of its own.
        text = str(text)
        try:
            return self._object(read_answer(text))
        except AnswerFormatError as error:
            raise OutputParserException(str(error), llm_output=text) from error
        except (ValidationError, ValidationErrorV1) as error:
            # In LangChain's own words.
            message = f"Failed to parse {self.cls.__name__} from completion {text}. Got: {error}"
            raise OutputParserException(message, llm_output=text) from error

    def _object(self, value: Any) -> Any:
        restored = value if self.compiled is None else self.compiled.restore(value)
        if self.cls is None:
            return restored
        if issubclass(self.cls, BaseModel):
            # As JSON: a class that refuses to convert still takes JSON's texts for dates.
            return self.cls.model_validate_json(json.dumps(restored))
        return self.cls.parse_obj(restored)

    def _transform(self, input: Iterator[str | BaseMessage]) -> Iterator[Any]:
        stream = _Stream(self)
        for chunk in input:
            yield from stream.feed(chunk)
        yield from stream.end()

    async def _atransform(self, input: AsyncIterator[str | BaseMessage]) -> AsyncIterator[Any]:
        stream = _Stream(self)
        async for chunk in input:
            for made in stream.feed(chunk):
                yield made
        for made in stream.end():
            yield made

    def partial(self, text: str) -> Any:
        """The object as far as it has come; ``None`` where that is none yet."""
        try:
            value = parse_partial_json(text)
            return None if value is None else self._object(value)
        except (ValueError, ValidationError, ValidationErrorV1):
            # Half an answer may be no JSON or misfit; the whole one is checked at the end.
            return None


class _Stream:
    """One streamed answer: ever fuller objects, at last the strictly parsed one."""

    def __init__(self, parser: AnswerParser) -> None:
        self._parser = parser
        self._text = ""
        self._started = False
        self._last: Any = None

    def feed(self, chunk: str | BaseMessage) -> Iterator[Any]:
        self._started = True
        piece = chunk if isinstance(chunk, str) else str(chunk.text)
        if not piece:
            return
        self._text += piece
        yield from self._new(self._parser.partial(self._text))

    def end(self) -> Iterator[Any]:
        if self._started:
            yield from self._new(self._parser.parse_result([Generation(text=self._text)]))

    def _new(self, value: Any) -> Iterator[Any]:
        if value is not None and value != self._last:
            self._last = value
            yield value
