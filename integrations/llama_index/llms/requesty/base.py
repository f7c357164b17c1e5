"""``Requesty``: any model behind the Requesty gateway as a LlamaIndex LLM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
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
from llama_index.core.bridge.pydantic import ConfigDict
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools.types import BaseTool

from requesty_core.adapters import Restorer, original_names, strict_format
from requesty_core.errors import ConfigurationError

from ._messages import own_parameters, tool_choice_for, wire_tools
from ._prediction import PredictingLLM
from ._replies import ResponseStream, chat_response, completion_response, single_call, tool_selections

__all__ = ["Requesty"]


class Requesty(PredictingLLM):
    """Chat with any model behind the Requesty gateway.

    Example:
        ```python
        from llama_index.llms.requesty import Requesty

        llm = Requesty(model="openai/gpt-4o-mini", fallbacks=["anthropic/claude-sonnet-4-5"])
        response = llm.complete("Why is the sky blue?")
        response.text, response.raw["usage"]["cost"], llm.ledger.total.cost
        ```

    Every response, and the last one of every stream, has a plain dict as ``raw`` (``usage`` with ``cost`` in USD,
    ``model``, ``requesty`` with request id and attempts) and counters in ``additional_kwargs``: ``prompt_tokens``,
    ``completion_tokens``, ``total_tokens``, ``cached_tokens``, ``caching_tokens``, ``reasoning_tokens``, ``cost``,
    ``finish_reason``, ``requested_model``, ``served_model``, ``request_id``, ``attempts``. A cost the gateway did not
    say has no key.

    Raises:
        RequestyError: every failed call, with ``kind``, ``status``, ``request_id``, ``partial`` and ``attempts``. A
            missing key is reported by the first request, not by the constructor.
        ConfigurationError: an unusable setting or message; nothing was sent.
    """

    model_config = ConfigDict(defer_build=False)

    def __init__(self, model: str | None = None, **kwargs: Any) -> None:
        if model is not None:
            kwargs["model"] = model
        if not kwargs.get("model"):
            raise ConfigurationError("model: missing; give a model id such as 'openai/gpt-4o-mini'")
        super().__init__(**kwargs)

    @classmethod
    def class_name(cls) -> str:
        """Id of the class in serialised form."""
        return "Requesty_LLM"

    # --- calls ---

    def _restorer(self, kwargs: Mapping[str, Any]) -> Restorer:
        """What brings an answer back to the user's own schemas where strict forms were sent."""
        answer = strict_format({**self.additional_kwargs, **kwargs}.get("response_format"))[1]
        return Restorer(kwargs.get("strict_schemas") or {}, answer, names=original_names(kwargs.get("tools")))

    def _chat(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> ChatResponse:
        reply = self._pair().sync.chat(**self._call(messages, kwargs))
        return chat_response(self._restorer(kwargs).reply(reply))

    async def _achat(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> ChatResponse:
        reply = await self._pair().aio.chat(**self._call(messages, kwargs))
        return chat_response(self._restorer(kwargs).reply(reply))

    def _stream(self, call: Mapping[str, Any], restorer: Restorer) -> Generator[ChatResponse]:
        so_far = ResponseStream()
        with self._pair().sync.stream(**call) as events:
            for event in restorer.events(events):
                if (response := so_far.feed(event)) is not None:
                    yield response

    async def _astream(self, call: Mapping[str, Any], restorer: Restorer) -> AsyncGenerator[ChatResponse]:
        so_far = ResponseStream()
        async with self._pair().aio.stream(**call) as events:
            async for event in restorer.aevents(events):
                if (response := so_far.feed(event)) is not None:
                    yield response

    def _turn(self, prompt: str, formatted: bool) -> list[ChatMessage]:
        """A completion prompt as the conversation it becomes."""
        text = prompt if formatted or self.completion_to_prompt is None else self.completion_to_prompt(prompt)
        return [ChatMessage(role=MessageRole.USER, content=text)]

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """A complete answer. ``kwargs`` are request parameters and call-time options (``timeout``, ``options``, …)."""
        return self._chat(messages, kwargs)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Async :meth:`chat`."""
        return await self._achat(messages, kwargs)

    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """A streamed answer: each response holds everything so far, the last one usage and cost too.

        Nothing is sent before the first response is asked for.
        """
        return self._stream(self._call(messages, kwargs), self._restorer(kwargs))

    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """Async :meth:`stream_chat`; awaiting it gives the generator."""
        return self._astream(self._call(messages, kwargs), self._restorer(kwargs))

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """A complete answer to one text, sent as a user message."""
        return completion_response(self._chat(self._turn(prompt, formatted), kwargs))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Async :meth:`complete`."""
        return completion_response(await self._achat(self._turn(prompt, formatted), kwargs))

    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """A streamed answer to one text."""
        stream = self._stream(self._call(self._turn(prompt, formatted), kwargs), self._restorer(kwargs))

        def completions() -> CompletionResponseGen:
            for response in stream:
                yield completion_response(response)

        return completions()

    @llm_completion_callback()
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """Async :meth:`stream_complete`; awaiting it gives the generator."""
        stream = self._astream(self._call(self._turn(prompt, formatted), kwargs), self._restorer(kwargs))

        async def completions() -> CompletionResponseAsyncGen:
            async for response in stream:
                yield completion_response(response)

        return completions()

    # --- tools ---

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: Any = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Arguments of the chat methods. ``tool_choice`` is a tool's name, ``auto``, ``none``, ``required``, a dict."""
        messages = [*(chat_history or ())]
        if user_msg is not None:
            turn = ChatMessage(role=MessageRole.USER, content=user_msg) if isinstance(user_msg, str) else user_msg
            messages.append(turn)
        if not tools:
            return {"messages": messages, **kwargs}
        strict = self.strict if strict is None else strict
        wired = wire_tools(tools, strict)
        own = {"strict_schemas": own_parameters(tools)} if strict else {}
        return {
            "messages": messages,
            **own,
            "tools": wired,
            "tool_choice": tool_choice_for(tool_choice, tool_required, wired),
            "parallel_tool_calls": allow_parallel_tool_calls,
            # The framework's default more often than the caller's word: not sent to models that refuse it.
            "added_fields": ("parallel_tool_calls",),
            **kwargs,
        }

    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[BaseTool],
        allow_parallel_tool_calls: bool = False,
        **kwargs: Any,
    ) -> ChatResponse:
        """The response, with one tool call only where the caller can run just one."""
        return response if allow_parallel_tool_calls else single_call(response)

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: Any
    ) -> list[ToolSelection]:
        """The tool calls of a response, complete or streamed so far.

        Arguments of a complete response that are no JSON object come as ``{"invalid_arguments_json": text}``, which a
        tool refuses, instead of as a guess. Raises ``ValueError`` if there is no call and ``error_on_no_tool_call``.
        """
        selections = tool_selections(response)
        if not selections and error_on_no_tool_call:
            raise ValueError(
                f"Expected at least one tool call, but the model answered with text: {response.message.content!r}"
            )
        return selections
