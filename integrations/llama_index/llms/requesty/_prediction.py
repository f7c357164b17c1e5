"""Structured prediction: which program makes the object, and the events around it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from copy import deepcopy
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.bridge.pydantic import BaseModel, ConfigDict
from llama_index.core.instrumentation.events.llm import LLMStructuredPredictEndEvent, LLMStructuredPredictStartEvent
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.program.utils import get_program_for_llm
from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.types import PydanticProgramMode
from llama_index_instrumentation import get_dispatcher

from requesty_core.adapters import async_closable, closable
from requesty_core.catalog import supports_schema

from ._fields import ChatSettings
from ._structured import Structured
from ._structured_llm import RequestyStructuredLLM

__all__ = ["PredictingLLM"]

dispatcher = get_dispatcher(__name__)


class PredictingLLM(ChatSettings, FunctionCallingLLM):
    """An LLM whose ``structured_predict`` and ``as_structured_llm`` ask the way its models understand best."""

    model_config = ConfigDict(defer_build=True)

    def _turn(self, prompt: str, formatted: bool) -> list[ChatMessage]:
        """A completion prompt as the conversation it becomes."""
        text = prompt if formatted or self.completion_to_prompt is None else self.completion_to_prompt(prompt)
        return [ChatMessage(role=MessageRole.USER, content=text)]

    def _program(self, output_cls: type[BaseModel], prompt: BasePromptTemplate) -> Any:
        """What makes the object: a :class:`Structured`, or core's program for one of its modes of further packages."""
        program_mode = self.pydantic_program_mode
        mode: str = self.structured_output
        if program_mode is PydanticProgramMode.FUNCTION:
            mode = "tools"
        elif program_mode is PydanticProgramMode.LLM:
            mode = "prompt"
        elif program_mode is not PydanticProgramMode.DEFAULT:
            # These write into the prompt they are given.
            return get_program_for_llm(output_cls, deepcopy(prompt), self, pydantic_program_mode=program_mode)
        elif mode == "auto":
            can_call = self.metadata.is_function_calling_model
            mode = (
                "json_schema"
                if all(supports_schema(model, self._facts()) for model in self._models())
                else "tools"
                if can_call
                else "prompt"
            )
        return Structured(self, output_cls, prompt, mode)

    @dispatcher.span
    def structured_predict(
        self,
        output_cls: type[Any],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        """The object that the model makes of the prompt. Raises :class:`StructuredOutputError` when it makes none."""
        _started(output_cls, prompt, prompt_args)
        return _ended(self._program(output_cls, prompt)(llm_kwargs=llm_kwargs, **prompt_args))

    @dispatcher.span
    async def astructured_predict(
        self,
        output_cls: type[Any],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Any:
        """Async :meth:`structured_predict`."""
        _started(output_cls, prompt, prompt_args)
        return _ended(await self._program(output_cls, prompt).acall(llm_kwargs=llm_kwargs, **prompt_args))

    @closable
    def stream_structured_predict(
        self,
        output_cls: type[Any],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Any]:
        """Ever fuller objects, the last one validated."""
        return super().stream_structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)

    @async_closable
    async def astream_structured_predict(
        self,
        output_cls: type[Any],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Any]:
        """Async :meth:`stream_structured_predict`; awaiting it gives the generator."""
        return await super().astream_structured_predict(output_cls, prompt, llm_kwargs, **prompt_args)

    def _structured_stream_call(
        self,
        output_cls: type[Any],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> Generator[Any]:
        """Called by core's ``stream_structured_predict``, which sends the events."""
        stream: Generator[Any] = self._program(output_cls, prompt).stream_call(llm_kwargs=llm_kwargs, **prompt_args)
        return stream

    async def _structured_astream_call(
        self,
        output_cls: type[Any],
        prompt: PromptTemplate,
        llm_kwargs: dict[str, Any] | None = None,
        **prompt_args: Any,
    ) -> AsyncGenerator[Any]:
        """Called by core's ``astream_structured_predict``."""
        program = self._program(output_cls, prompt)
        stream: AsyncGenerator[Any] = await program.astream_call(llm_kwargs=llm_kwargs, **prompt_args)
        return stream

    def as_structured_llm(self, output_cls: type[BaseModel], **kwargs: Any) -> RequestyStructuredLLM:
        """An LLM whose every answer is an object of ``output_cls``; each call sends one pair of events, with usage."""
        return RequestyStructuredLLM(llm=self, output_cls=output_cls, **kwargs)


def _started(output_cls: type[BaseModel], prompt: BasePromptTemplate, prompt_args: dict[str, Any]) -> None:
    dispatcher.event(LLMStructuredPredictStartEvent(output_cls=output_cls, template=prompt, template_args=prompt_args))


def _ended(result: Any) -> Any:
    dispatcher.event(LLMStructuredPredictEndEvent(output=result))
    return result
