"""Structured prediction: what is asked of the model, and how its answer becomes the object, whole or in part."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Generator, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from llama_index.core.base.llms.types import ChatMessage, ChatResponse
from llama_index.core.bridge.pydantic import BaseModel, ValidationError
from llama_index.core.output_parsers.pydantic import PydanticOutputParser
from llama_index.core.program.utils import create_flexible_model
from llama_index.core.prompts import BasePromptTemplate

from requesty_core.adapters import async_closable, closable, json_schema_format
from requesty_core.schemas import AnswerFormatError, CompiledSchema, compile_class, read_answer

from ._streams import PartialJSON
from ._tool_calls import INVALID_ARGUMENTS, tool_selections

if TYPE_CHECKING:
    from llama_index.core.llms.function_calling import FunctionCallingLLM

__all__ = ["Structured", "StructuredMode", "StructuredOutputError"]

StructuredMode = Literal["auto", "json_schema", "tools", "prompt"]
M = TypeVar("M", bound=BaseModel)


class StructuredOutputError(ValueError):
    """The model gave no object: it refused, was cut off, answered in prose, or broke the schema.

    Attributes:
        response: the response as it came, with usage and cost; its message holds the text.
        reason: ``refusal``, ``length``, ``content_filter``, ``missing`` or ``invalid``.
    """

    def __init__(self, message: str, *, reason: str, response: ChatResponse) -> None:
        super().__init__(message)
        self.reason = reason
        self.response = response

    def __reduce__(self) -> tuple[Any, ...]:
        return _structured_error, (type(self), str(self), self.reason, self.response)


def _structured_error(
    cls: type[StructuredOutputError], message: str, reason: str, response: ChatResponse
) -> StructuredOutputError:
    """An error out of a pickle or a copy: exceptions are rebuilt from positional arguments only."""
    return cls(message, reason=reason, response=response)


class Structured:
    """One structured prediction of one model: by JSON schema, through a forced tool, or asked for in the prompt.

    Called like core's programs, and read by one rule: the text is one JSON document or one fenced block, or the
    arguments of the tool are, whole and as they are. Core's text program takes what lies between the first and the last
    brace, and while streaming closes what is open.

    Args:
        llm: the model.
        output_cls: pydantic class of the object.
        prompt: left as it is; core's own programs write into it.
        mode: ``json_schema``, ``tools`` or ``prompt``.
    """

    def __init__(self, llm: FunctionCallingLLM, output_cls: type[M], prompt: BasePromptTemplate, mode: str) -> None:
        self._llm = llm
        self._output_cls: type[BaseModel] = output_cls
        self._prompt = prompt
        self._mode = mode
        if mode == "prompt":
            self._prompt = deepcopy(prompt)
            self._prompt.output_parser = PydanticOutputParser(output_cls)
        self._compiled = compile_class(output_cls, _schema_of)

    def _call(self, llm_kwargs: Mapping[str, Any] | None, prompt_args: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of the model's chat methods."""
        messages: list[ChatMessage] = self._prompt.format_messages(llm=self._llm, **prompt_args)
        kwargs = dict(llm_kwargs or {})
        for name in ("tool_required", "tool_choice", "allow_parallel_tool_calls"):
            kwargs.pop(name, None)
        if self._mode == "json_schema":
            kwargs["response_format"] = self._response_format()
        elif self._mode == "tools":
            wired = [self._tool()]
            # Some models refuse a forced call, ever or while they reason, or a single one; they are asked without.
            forced = {"tool_choice": "required", "parallel_tool_calls": False}
            kwargs.update(tools=wired, **forced, added_fields=tuple(forced))
        return {"messages": self._llm._extend_messages(messages), **kwargs}

    def _tool(self) -> dict[str, Any]:
        # Core's own helper loses a class that holds itself, and has no form for one whose root is no object.
        schema, cls = self._compiled.inlined, self._output_cls
        description = schema.pop("description", "") or cls.__doc__ or ""
        name = cls.model_config.get("title") or cls.__name__
        return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}

    def _response_format(self) -> dict[str, Any]:
        strict = None if self._compiled.reason else True
        return json_schema_format(self._compiled, self._output_cls.__name__, strict=strict)

    def __call__(self, *, llm_kwargs: Mapping[str, Any] | None = None, **prompt_args: Any) -> BaseModel:
        """The object. Raises :class:`StructuredOutputError`, or :class:`RequestyError` for a failed call."""
        return self._read(self._llm.chat(**self._call(llm_kwargs, prompt_args)))

    async def acall(self, *, llm_kwargs: Mapping[str, Any] | None = None, **prompt_args: Any) -> BaseModel:
        """Async :meth:`__call__`."""
        return self._read(await self._llm.achat(**self._call(llm_kwargs, prompt_args)))

    @closable
    def stream_call(self, *, llm_kwargs: Mapping[str, Any] | None = None, **prompt_args: Any) -> Generator[BaseModel]:
        """Ever fuller objects (every field optional until it came), at last the validated one."""
        partial = _Partial(self._output_cls, self._compiled, by_tool=self._mode == "tools")
        for response in self._llm.stream_chat(**self._call(llm_kwargs, prompt_args)):
            if (value := partial.feed(response)) is not None:
                yield value
            last = response
        yield self._read(last)

    @async_closable
    async def astream_call(
        self, *, llm_kwargs: Mapping[str, Any] | None = None, **prompt_args: Any
    ) -> AsyncGenerator[BaseModel]:
        """Async :meth:`stream_call`; awaiting it gives the generator, as core's programs do."""
        responses = await self._llm.astream_chat(**self._call(llm_kwargs, prompt_args))

        async def objects() -> AsyncGenerator[BaseModel]:
            partial = _Partial(self._output_cls, self._compiled, by_tool=self._mode == "tools")
            async for response in responses:
                if (value := partial.feed(response)) is not None:
                    yield value
                last = response
            yield self._read(last)

        return objects()

    def _read(self, response: ChatResponse) -> BaseModel:
        message = response.message
        if refusal := message.additional_kwargs.get("refusal"):
            raise StructuredOutputError(f"the model refused: {refusal}", reason="refusal", response=response)
        try:
            return self._object(response)
        except (AnswerFormatError, ValidationError) as error:
            raise self._misfit(error, response) from error

    def _object(self, response: ChatResponse) -> BaseModel:
        """The object of a whole answer; how the answer ended does not matter then."""
        text = response.message.content or ""
        calls = tool_selections(response)
        if self._mode != "tools" or (not calls and text.lstrip().startswith("{")):
            value = self._compiled.restore(read_answer(text))
        elif calls and INVALID_ARGUMENTS in calls[0].tool_kwargs:
            value = read_answer(calls[0].tool_kwargs[INVALID_ARGUMENTS])
        elif calls and self._compiled.wrapper is not None:
            value = self._compiled.restore(calls[0].tool_kwargs)
        elif calls:
            return self._output_cls.model_validate(calls[0].tool_kwargs)
        else:
            raise AnswerFormatError("the model called no tool", text=text)
        return self._output_cls.model_validate_json(json.dumps(value))

    def _misfit(self, error: Exception, response: ChatResponse) -> StructuredOutputError:
        """What to raise for an answer that gives no object."""
        name, text = self._output_cls.__name__, response.message.content
        finish = response.additional_kwargs.get("finish_reason")
        if finish == "length":
            problem, reason = f"the {name} was cut off at the output limit; raise max_tokens", "length"
        elif finish == "content_filter":
            problem, reason = f"the {name} was cut off by a content filter", "content_filter"
        elif not isinstance(error, AnswerFormatError) or tool_selections(response) or (text and self._mode != "tools"):
            problem, reason = f"the {name} is invalid: {error}", "invalid"
        else:
            problem, reason = f"the model sent no {name}" + (f" but text: {text!r}" if text else ""), "missing"
        return StructuredOutputError(problem, reason=reason, response=response)


def _schema_of(cls: type) -> dict[str, Any]:
    assert issubclass(cls, BaseModel)
    return cls.model_json_schema()


class _Partial:
    """From streamed responses to partial objects: only those with something new."""

    def __init__(self, output_cls: type[BaseModel], compiled: CompiledSchema, *, by_tool: bool) -> None:
        self._cls = create_flexible_model(output_cls)
        self._compiled = compiled
        self._json = None if by_tool else PartialJSON()
        self._last: dict[str, Any] = {}

    def feed(self, response: ChatResponse) -> BaseModel | None:
        value = self._value(response)
        # A key whose value is still to come reads as null.
        if value == self._last or all(item is None for item in value.values()):
            return None
        self._last = value
        try:
            return self._cls.model_validate(deepcopy(self._compiled.restore(value)))
        except ValidationError:
            # Half a value may break a nested class; the next piece completes it, and the last object is validated.
            return None

    def _value(self, response: ChatResponse) -> dict[str, Any]:
        if self._json is not None:
            if response.delta:
                self._json.feed(response.delta)
            return self._json.value
        calls = response.message.additional_kwargs.get("tool_calls")
        selections = tool_selections(response) if calls else []
        return selections[0].tool_kwargs if selections else {}
