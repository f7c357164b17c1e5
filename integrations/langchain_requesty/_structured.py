"""Structured output: what is asked of the model, and the object with its message."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Literal, cast, get_args

from langchain_core.exceptions import OutputParserException
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableGenerator
from langchain_core.runnables.utils import AddableDict
from langchain_core.utils.pydantic import is_basemodel_subclass

from requesty_core.errors import ConfigurationError

from ._answers import AnswerParser, AnswerReader
from ._errors import RequestyRefusalError
from ._tools import ToolLike, answer_tool, is_traceable, response_format, sent_schema, tool_names, wire_tools

__all__ = ["METHODS", "Asked", "Method", "ask_for", "bound", "with_parser"]

Method = Literal["function_calling", "json_schema", "json_mode"]
METHODS: tuple[str, ...] = get_args(Method)


FORCED = ("tool_choice", "parallel_tool_calls")
"""What a request for an object by a tool call has that the caller did not ask for."""


class Asked:
    """What a model is bound to so that its answer is an object of a schema, and the parser of that answer.

    Attributes:
        tools: tools to offer; the first is the schema itself, where the answer is a call of it.
        arguments: further arguments of ``bind_tools`` or ``bind``.
        parser: reads the answer.
    """

    def __init__(self, tools: Sequence[ToolLike], arguments: Mapping[str, Any], parser: AnswerParser) -> None:
        self.tools = tools
        self.arguments = arguments
        self.parser = parser


def ask_for(
    schema: Any,
    method: str,
    *,
    strict: bool | None,
    tools: Sequence[ToolLike] | None,
) -> Asked:
    """How to ask for an object.

    Args:
        schema: what ``with_structured_output`` takes; ``None`` with ``json_mode`` only.
        method: one of :data:`METHODS`.
        strict: whether the provider must follow the schema exactly.
        tools: further tools the model may call.

    Raises:
        ConfigurationError: the method is unknown or lacks a schema, or the schema has no strict form.
    """
    if method not in METHODS:
        raise ConfigurationError(f"method: {method!r} is unknown; use one of {', '.join(METHODS)}")
    if schema is None and method != "json_mode":
        raise ConfigurationError(f"schema: method {method!r} needs one; give a class or a JSON schema")
    traced: dict[str, Any] = {"strict": strict}
    if is_traceable(schema):
        traced["ls_structured_output_format"] = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
    cls = schema if isinstance(schema, type) and is_basemodel_subclass(schema) else None
    if method == "function_calling":
        tool, compiled = answer_tool(schema)
        (name,) = tool_names(wire_tools([tool]))
        parser = AnswerParser(cls=cls, compiled=compiled, is_object=compiled is None, tool=name, others=bool(tools))
        # Some models refuse a forced call, ever or while they reason, or a single one; they are asked without.
        forced = {"tool_choice": name, "parallel_tool_calls": False, "added_fields": FORCED}
        return Asked([tool, *(tools or ())], {**forced, **traced}, parser)
    form = {"type": "json_object"} if method == "json_mode" else response_format(schema, strict)
    compiled = sent_schema(schema) if method == "json_schema" else None
    is_object = compiled.plain.get("type") == "object" and compiled.wrapper is None if compiled else True
    parser = AnswerParser(cls=cls, compiled=compiled, is_object=is_object, others=bool(tools))
    return Asked(tools or (), {"response_format": form, **traced}, parser)


def with_parser(model: Runnable[Any, Any], parser: AnswerParser, *, include_raw: bool) -> Runnable[Any, Any]:
    """The model followed by the parser; with ``include_raw`` the message and a parsing error are given out too."""
    if not include_raw:
        return model | parser
    both = _WithRaw(parser)
    return model | RunnableGenerator(both.transform, both.atransform, name="parse_answer")


def bound(model: BaseChatModel, asked: Asked, kwargs: Mapping[str, Any]) -> Runnable[Any, Any]:
    """The model bound to what is asked of it; what the caller sets is the caller's."""
    arguments = {**asked.arguments, **kwargs}
    if "added_fields" in asked.arguments:
        arguments["added_fields"] = tuple(name for name in FORCED if name not in kwargs)
    if asked.tools:
        return model.bind_tools(cast("Sequence[Any]", asked.tools), **arguments)
    return model.bind(**{key: value for key, value in arguments.items() if key != "strict"})


class _Told(AddableDict):
    """A piece of ``{"raw", "parsed", "parsing_error"}``: messages add up, of the other two the last one stands.

    LangChain's own dictionary cannot add two objects, and would keep half an object beside the error.
    """

    def __add__(self, other: AddableDict) -> AddableDict:
        raw = {"raw": self["raw"] + other["raw"]} if "raw" in self and "raw" in other else {}
        return _Told({**self, **other, **raw})

    def __radd__(self, other: AddableDict) -> AddableDict:
        return _Told(other) + self


class _WithRaw:
    """Gives out the pieces of the message, the object as it grows, and at the end the object or the error."""

    def __init__(self, parser: AnswerParser) -> None:
        self._parser = parser

    def transform(self, messages: Iterator[Any]) -> Iterator[_Told]:
        reading = _Reading(self._parser)
        for message in messages:
            yield from reading.feed(message)
        yield reading.final()

    async def atransform(self, messages: AsyncIterator[Any]) -> AsyncIterator[_Told]:
        reading = _Reading(self._parser)
        async for message in messages:
            for made in reading.feed(message):
                yield made
        yield reading.final()


class _Reading:
    """One answer with its message."""

    def __init__(self, parser: AnswerParser) -> None:
        self._reader = AnswerReader(parser)
        self._error: Exception | None = None

    def feed(self, message: Any) -> Iterator[_Told]:
        yield _Told(raw=message)
        if self._error is not None:
            return
        try:
            for value in self._reader.feed(message):
                yield _Told(parsed=value)
        except (OutputParserException, RequestyRefusalError) as error:
            self._error = error

    def final(self) -> _Told:
        parsed = None
        if self._error is None:
            try:
                parsed = self._reader.whole()
            except OutputParserException as error:
                self._error = error
        return _Told(parsed=parsed, parsing_error=self._error)
