"""``ChatRequesty``: any model behind the Requesty gateway as a LangChain chat model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Unpack

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import RunnableConfig
from pydantic import ConfigDict

from requesty_core import ChatReply, MessageEnd, Step
from requesty_core.adapters import (
    AsyncClosableGenerator,
    ClosableGenerator,
    Restorer,
    cost_of,
    legal_call,
    mapping,
    original_names,
    strict_format,
)
from requesty_core.errors import ConfigurationError

from ._blocks import register_blocks
from ._chat_settings import ChatSettings
from ._errors import langchain_errors
from ._langsmith import tell_billed, tell_cost, telling_config
from ._messages import wire_messages
from ._parameters import MAPPED
from ._replies import ChunkMaker, chat_result, combined_outputs
from ._tools import custom_names, response_format

if TYPE_CHECKING:
    from ._typed import ChatArguments

__all__ = ["ChatRequesty"]

register_blocks()


class ChatRequesty(ChatSettings):
    """Chat with any model behind the Requesty gateway.

    Example:
        ```python
        from langchain_requesty import ChatRequesty

        llm = ChatRequesty(model="openai/gpt-4o-mini", fallbacks=["anthropic/claude-sonnet-4-5"])
        message = llm.invoke("Why is the sky blue?")
        message.text, message.usage_metadata, message.response_metadata["cost"]
        ```

    ``response_metadata`` of every reply, streamed or not, has ``model_name`` (what served), ``requested_model``,
    ``finish_reason``, ``cost`` (USD; absent when the gateway did not say), ``token_usage`` as received, ``request_id``
    and ``requesty["attempts"]`` (every request that was made, failed ones included).

    Raises:
        RequestyError: every failure is one of the classes in ``langchain_requesty`` that is also LangChain's own
            ``ModelError``, with ``response``, ``request_id``, ``partial`` and ``attempts``. A missing key is reported
            by the first request, not by the constructor.
    """

    model_config = ConfigDict(defer_build=False)

    if TYPE_CHECKING:

        def __init__(self, *, model: str, **settings: Unpack[ChatArguments]) -> None: ...

    def _first(self) -> str | Step:
        """The model to ask first."""
        return self.model_name

    def _call(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any], *, stream: bool
    ) -> dict[str, Any]:
        """Arguments of the core client for one call."""
        params = self._request_params(kwargs, stop)
        if stream:
            if self._asks_for_several(params.get("extra_body"), params.get("n")):
                raise ConfigurationError("n: a stream gives one answer; use invoke or generate for several")
            if not self.stream_usage:
                params.setdefault("stream_options", {"include_usage": False})
        model = params.pop("model", None)
        model = self._first() if model is None else model
        if mapped := MAPPED & params.keys():
            params["added_fields"] = (*params.get("added_fields", ()), *mapped)
        return legal_call({"model": model, "messages": wire_messages(messages), **params})

    def _asks_for_several(self, extra_body: Any, count: Any) -> bool:
        """Whether a request with this ``extra_body`` and this ``n`` asks for more than one answer."""
        for body in (self.extra_body, extra_body):
            if isinstance(body, Mapping) and body.get("n") is not None:
                count = body["n"]
        return isinstance(count, int) and count > 1

    def _should_stream(self, *, async_api: bool, **kwargs: Any) -> bool:
        """Whether LangChain streams underneath: not where several answers are asked for."""
        return not self._needs_whole(kwargs) and super()._should_stream(async_api=async_api, **kwargs)

    def _should_use_protocol_streaming(self, *, async_api: bool, **kwargs: Any) -> bool:
        """The same for the events of version 3."""
        return not self._needs_whole(kwargs) and super()._should_use_protocol_streaming(async_api=async_api, **kwargs)

    def _needs_whole(self, kwargs: Mapping[str, Any]) -> bool:
        if kwargs.get("stream"):
            return False
        return self._asks_for_several(self._parameter("extra_body", kwargs), self._parameter("n", kwargs))

    def _restorer(self, kwargs: Mapping[str, Any]) -> Restorer:
        """What brings the answer back to the user's own schemas where strict forms were sent."""
        schema = self._parameter("response_format", kwargs)
        answer = None if schema is None else strict_format(response_format(schema))[1]
        return Restorer(kwargs.get("strict_schemas") or {}, answer, names=original_names(kwargs.get("tools")))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            reply = self._pair().sync.chat(**self._call(messages, stop, kwargs, stream=False))
            return self._result(reply, kwargs)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            reply = await self._pair().aio.chat(**self._call(messages, stop, kwargs, stream=False))
            return self._result(reply, kwargs)

    def _generate_with_cache(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        """The answer, with its cost for tracers: if LangChain streams underneath, only this method is told the run."""
        result = super()._generate_with_cache(messages, stop=stop, run_manager=run_manager, **kwargs)
        tell_billed(run_manager, result)
        return result

    async def _agenerate_with_cache(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        result = await super()._agenerate_with_cache(messages, stop=stop, run_manager=run_manager, **kwargs)
        tell_billed(run_manager, result)
        return result

    def _result(self, reply: ChatReply, kwargs: Mapping[str, Any]) -> ChatResult:
        with mapping(reply):
            return chat_result(self._restorer(kwargs).reply(reply), include_headers=self.include_response_headers)

    def _chunk_maker(self, kwargs: Mapping[str, Any]) -> ChunkMaker:
        return ChunkMaker(include_headers=self.include_response_headers, custom=custom_names(kwargs.get("tools")))

    def stream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """The answer in chunks; the generator may be closed from every thread."""
        told = telling_config(config, self.callbacks, is_async=False)
        return ClosableGenerator(super().stream(input, told, stop=stop, **kwargs))  # type: ignore[arg-type]

    def astream(
        self,
        input: LanguageModelInput,
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """Async :meth:`stream`."""
        told = telling_config(config, self.callbacks, is_async=True)
        chunks: Any = super().astream(input, told, stop=stop, **kwargs)
        return AsyncClosableGenerator(chunks)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        maker = self._chunk_maker(kwargs)
        with (
            langchain_errors(),
            self._pair().sync.stream(**self._call(messages, stop, kwargs, stream=True)) as events,
        ):
            for event in self._restorer(kwargs).events(events):
                if isinstance(event, MessageEnd):
                    tell_cost(run_manager, cost_of(event.reply.usage))
                for chunk in maker.chunks(event):
                    if run_manager:
                        run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                    yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        maker = self._chunk_maker(kwargs)
        with langchain_errors():
            async with self._pair().aio.stream(**self._call(messages, stop, kwargs, stream=True)) as events:
                async for event in self._restorer(kwargs).aevents(events):
                    if isinstance(event, MessageEnd):
                        tell_cost(run_manager, cost_of(event.reply.usage))
                    for chunk in maker.chunks(event):
                        if run_manager:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        return combined_outputs(self.model_name, llm_outputs)
