"""``Requesty``: any model behind the Requesty gateway as a LlamaIndex LLM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

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

from requesty_core import ChatReply, MessageEnd, StreamEvent
from requesty_core.adapters import Restorer, async_closable, closable, mapping, original_names, strict_format, unmapped
from requesty_core.errors import ConfigurationError, RequestyError

from ._calling import CallingLLM
from ._messages import own_parameters, tool_choice_for, wire_tools
from ._replies import chat_response, completion_response
from ._streams import ResponseStream
from ._tool_calls import single_call, taking_anything, tool_selections

if TYPE_CHECKING:
    from ._typed import ChatArguments

__all__ = ["Requesty"]


class Requesty(CallingLLM):
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

    def __init__(self, model: str | None = None, **kwargs: Unpack[ChatArguments]) -> None:
        given: dict[str, Any] = {**kwargs}
        if model is not None:
            given["model"] = model
        if not given.get("model"):
            raise ConfigurationError("model: missing; give a model id such as 'openai/gpt-4o-mini'")
        super().__init__(**given)

    @classmethod
    def class_name(cls) -> str:
        """Id of the class in serialised form."""
        return "Requesty_LLM"

    # --- calls ---

    def _restorer(self, kwargs: Mapping[str, Any]) -> Restorer:
        """What brings an answer back to the user's own schemas where strict forms were sent."""
        form = kwargs.get("response_format", self.additional_kwargs.get("response_format"))
        answer = None if form is None else strict_format(form)[1]
        return Restorer(kwargs.get("strict_schemas") or {}, answer, names=original_names(kwargs.get("tools")))

    def _chat(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> ChatResponse:
        return self._response(self._pair().sync.chat(**self._call(messages, kwargs)), kwargs)

    async def _achat(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> ChatResponse:
        return self._response(await self._pair().aio.chat(**self._call(messages, kwargs)), kwargs)

    def _response(self, reply: ChatReply, kwargs: Mapping[str, Any]) -> ChatResponse:
        with mapping(reply):
            return chat_response(self._restorer(kwargs).reply(reply), loose=_loose(kwargs))

    def _stream(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> Generator[ChatResponse]:
        call, restorer, so_far = self._call(messages, kwargs), self._restorer(kwargs), _responses(kwargs)

        def responses() -> Generator[ChatResponse]:
            with self._pair().sync.stream(**call) as events:
                for event in restorer.events(events):
                    if (response := _fed(so_far, event)) is not None:
                        yield response

        return responses()

    def _astream(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> AsyncGenerator[ChatResponse]:
        call, restorer, so_far = self._call(messages, kwargs), self._restorer(kwargs), _responses(kwargs)

        async def responses() -> AsyncGenerator[ChatResponse]:
            async with self._pair().aio.stream(**call) as events:
                async for event in restorer.aevents(events):
                    if (response := _fed(so_far, event)) is not None:
                        yield response

        return responses()

    @llm_chat_callback()
    def chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """A complete answer. ``kwargs`` are request parameters and call-time options (``timeout``, ``options``, …)."""
        return self._chat(messages, kwargs)

    @llm_chat_callback()
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponse:
        """Async :meth:`chat`."""
        return await self._achat(messages, kwargs)

    @closable
    @llm_chat_callback()
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseGen:
        """A streamed answer: each response holds everything so far, the last one usage and cost too.

        Nothing is sent before the first response is asked for.
        """
        return self._stream(messages, kwargs)

    @async_closable
    @llm_chat_callback()
    async def astream_chat(self, messages: Sequence[ChatMessage], **kwargs: Any) -> ChatResponseAsyncGen:
        """Async :meth:`stream_chat`; awaiting it gives the generator."""
        return self._astream(messages, kwargs)

    @llm_completion_callback()
    def complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """A complete answer to one text, sent as a user message."""
        return completion_response(self._chat(self._turn(prompt, formatted), kwargs))

    @llm_completion_callback()
    async def acomplete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponse:
        """Async :meth:`complete`."""
        return completion_response(await self._achat(self._turn(prompt, formatted), kwargs))

    @closable
    @llm_completion_callback()
    def stream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseGen:
        """A streamed answer to one text."""
        stream = self._stream(self._turn(prompt, formatted), kwargs)

        def completions() -> CompletionResponseGen:
            for response in stream:
                yield completion_response(response)

        return completions()

    @async_closable
    @llm_completion_callback()
    async def astream_complete(self, prompt: str, formatted: bool = False, **kwargs: Any) -> CompletionResponseAsyncGen:
        """Async :meth:`stream_complete`; awaiting it gives the generator."""
        stream = self._astream(self._turn(prompt, formatted), kwargs)

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
        own: dict[str, Any] = {"strict_schemas": own_parameters(tools)} if strict else {}
        if loose := taking_anything(tools):
            own["loose_tools"] = sorted(loose)
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


def _responses(kwargs: Mapping[str, Any]) -> ResponseStream:
    return ResponseStream(_loose(kwargs))


def _loose(kwargs: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(kwargs.get("loose_tools") or ())


def _fed(so_far: ResponseStream, event: StreamEvent) -> ChatResponse | None:
    """The response to yield for an event. Raises a typed error where LlamaIndex's classes do not take the answer."""
    try:
        return so_far.feed(event)
    except RequestyError:
        raise
    except Exception as error:
        raise unmapped(error, event.reply if isinstance(event, MessageEnd) else None) from error
