"""Structured output: what is asked of the model, and how its answer is checked and parsed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from operator import itemgetter
from typing import Any, Literal, get_args

from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.output_parsers import BaseOutputParser
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableMap, RunnablePassthrough
from langchain_core.utils.pydantic import is_basemodel_subclass

from requesty_core.errors import ConfigurationError
from requesty_core.schemas import CompiledSchema

from ._answers import AnswerParser
from ._calls import CallParser, ClassCallParser
from ._errors import RequestyRefusalError

__all__ = ["METHODS", "Method", "check_method", "structured", "with_parser"]

Method = Literal["function_calling", "json_schema", "json_mode"]
METHODS: tuple[str, ...] = get_args(Method)


def check_method(method: str) -> None:
    """Raise :class:`ConfigurationError` unless the method is known."""
    if method not in METHODS:
        raise ConfigurationError(f"method: {method!r} is unknown; use one of {', '.join(METHODS)}")


def structured(
    schema: Any, method: str, tool_name: str | None, compiled: CompiledSchema | None = None
) -> Runnable[BaseMessage, Any]:
    """From the model's message to the object asked for: refusals and cut answers are errors, then the parser.

    ``compiled`` is the schema that was sent with the request; answers are restored by it.
    """
    as_class = isinstance(schema, type) and is_basemodel_subclass(schema)
    parser: BaseOutputParser[Any] | Runnable[Any, Any]
    if method == "function_calling":
        if as_class:
            parser = ClassCallParser(tools=[schema], first_tool_only=True)
        else:
            parser = CallParser(key_name=tool_name or "", first_tool_only=True)
    else:
        parser = AnswerParser(cls=schema if as_class else None, compiled=compiled)
    return RunnableGenerator(_checked, _achecked, name="check_answer") | parser


def with_parser(model: Runnable[Any, Any], parser: Runnable[Any, Any], *, include_raw: bool) -> Runnable[Any, Any]:
    """The model followed by the parser; with ``include_raw`` the message and a parsing error are given out too."""
    if not include_raw:
        return model | parser
    assign = RunnablePassthrough.assign(parsed=itemgetter("raw") | parser, parsing_error=lambda _: None)
    nothing = RunnablePassthrough.assign(parsed=lambda _: None)
    return RunnableMap(raw=model) | assign.with_fallbacks([nothing], exception_key="parsing_error")


def _check(message: object) -> None:
    """Raise for an answer that is no answer, which the parsers would pass over or silently complete."""
    if not isinstance(message, AIMessage):
        return
    refusal = message.additional_kwargs.get("refusal")
    if isinstance(refusal, str) and refusal:
        raise RequestyRefusalError(refusal)
    if message.response_metadata.get("finish_reason") == "length":
        raise OutputParserException("the answer was cut at max_tokens; raise max_tokens", llm_output=message.text)
    if message.invalid_tool_calls and not message.tool_calls and not isinstance(message, AIMessageChunk):
        bad = message.invalid_tool_calls[0]
        raise OutputParserException(f"{bad['name']}: {bad['error']}", llm_output=bad["args"])


def _checked(messages: Iterator[Any]) -> Iterator[Any]:
    for message in messages:
        _check(message)
        yield message


async def _achecked(messages: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for message in messages:
        _check(message)
        yield message
