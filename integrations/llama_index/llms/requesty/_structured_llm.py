"""What ``Requesty.as_structured_llm`` gives: core's structured LLM, counted once and able to stream completions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    MessageRole,
)
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.core.llms.structured_llm import StructuredLLM
from llama_index.core.prompts import ChatPromptTemplate

from requesty_core.adapters import async_closable, closable

__all__ = ["RequestyStructuredLLM"]


class RequestyStructuredLLM(StructuredLLM):
    """Every method answers with an object of ``output_cls``: as JSON text, and itself as ``raw``.

    Its methods send no events of their own: those of the call they make tell usage and cost, and core's second pair
    would have it counted twice, the second time as an estimate.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "callback_manager":
            # `Settings` sets it on the object it holds; the calls are made by the model within.
            self.llm.callback_manager = value

    def _ask(self, messages: Sequence[ChatMessage], kwargs: dict[str, Any]) -> dict[str, Any]:
        prompt = ChatPromptTemplate(message_templates=list(messages))
        return {"output_cls": self.output_cls, "prompt": prompt, "llm_kwargs": kwargs}

    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """The object. Raises :class:`StructuredOutputError` when the model makes none."""
        return _response(self.llm.structured_predict(**self._ask(messages, kwargs)))

    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Async :meth:`chat`."""
        return _response(await self.llm.astructured_predict(**self._ask(messages, kwargs)))

    @closable
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """Ever fuller objects, the last one validated."""
        for value in self.llm.stream_structured_predict(**self._ask(messages, kwargs)):
            yield _response(value)

    @async_closable
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """Async :meth:`stream_chat`; awaiting it gives the generator."""

        async def responses() -> ChatResponseAsyncGen:
            async for value in await self.llm.astream_structured_predict(**self._ask(messages, kwargs)):
                yield _response(value)

        return responses()

    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """The object made of one text."""
        return _completion(self.chat(_turn(prompt), **kwargs))

    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Async :meth:`complete`."""
        return _completion(await self.achat(_turn(prompt), **kwargs))

    @closable
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """Ever fuller objects made of one text."""
        for response in self.stream_chat(_turn(prompt), **kwargs):
            yield _completion(response)

    @async_closable
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """Async :meth:`stream_complete`; awaiting it gives the generator."""
        responses = await self.astream_chat(_turn(prompt), **kwargs)

        async def completions() -> CompletionResponseAsyncGen:
            async for response in responses:
                yield _completion(response)

        return completions()


def _turn(prompt: str) -> list[ChatMessage]:
    return [ChatMessage(role=MessageRole.USER, content=prompt)]


def _response(value: BaseModel) -> ChatResponse:
    return ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=value.model_dump_json()), raw=value)


def _completion(response: ChatResponse) -> CompletionResponse:
    return CompletionResponse(text=response.message.content or "", raw=response.raw)
