"""``Requesty``: any model behind the Requesty gateway as a LlamaIndex LLM."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.bridge.pydantic import BaseModel, Field, field_serializer, field_validator
from llama_index.core.instrumentation.events.llm import LLMStructuredPredictEndEvent, LLMStructuredPredictStartEvent
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.program.utils import get_program_for_llm
from llama_index.core.prompts import BasePromptTemplate, PromptTemplate
from llama_index.core.tools.types import BaseTool
from llama_index.core.types import PydanticProgramMode
from llama_index_instrumentation import get_dispatcher

from llama_index.utils.requesty import Connection
from requesty_core.adapters.structured import Restorer, strict_format
from requesty_core.adapters.tool_names import legal_call, original_names
from requesty_core.catalog.catalog import Catalog
from requesty_core.catalog.model_id import check_model
from requesty_core.errors import ConfigurationError
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step

from ._messages import own_parameters, tool_choice_for, wire_messages, wire_tools
from ._metadata import metadata_for, supports_json_schema
from ._replies import ResponseStream, chat_response, completion_response, single_call, tool_selections
from ._structured import Structured, StructuredMode
from ._structured_llm import RequestyStructuredLLM

__all__ = ["Requesty"]

dispatcher = get_dispatcher(__name__)

# Fields that are request parameters under their own name.
_PARAMETERS = ("temperature", "max_tokens", "top_p", "seed", "stop", "reasoning_effort")


class Requesty(Connection, FunctionCallingLLM):
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
    tell has no key.

    Raises:
        RequestyError: every failed call, with ``kind``, ``status``, ``request_id``, ``partial`` and ``attempts``. A
            missing key is reported by the first request, not by the constructor.
        ConfigurationError: an unusable setting or message; nothing was sent.
    """

    _connected = (*Connection._connected, "fallbacks", "fallback_policy")

    model: str = Field(description="Model id, sent untouched: `openai/gpt-4o-mini`, `policy/NAME`, `…@eu`, …")
    fallbacks: list[str | dict[str, Any]] = Field(
        default_factory=list,
        description="Models to try when this one fails: ids, or steps {model, retries, timeout, first_token_timeout}.",
    )
    fallback_policy: FallbackPolicy | None = Field(
        default=None, description="Rules of retry, cool-down, deadline and hedging."
    )
    temperature: float | None = Field(default=None, description="Sampling temperature; sent only if set.")
    max_tokens: int | None = Field(default=None, description="Most tokens to generate; sent only if set.")
    top_p: float | None = Field(default=None, description="Nucleus sampling mass.")
    seed: int | None = Field(default=None, description="Seed for reproducible sampling, where supported.")
    stop: list[str] | str | None = Field(default=None, description="Texts that end the answer.")
    reasoning_effort: str | None = Field(
        default=None, description="`none`, `low`, `medium`, `high`, `max`, …, or a token budget such as `4096`."
    )
    additional_kwargs: dict[str, Any] = Field(
        default_factory=dict, description="Request parameters this class has no field for."
    )
    strict: bool = Field(default=False, description="Whether tool arguments must follow the tool's schema exactly.")
    structured_output: StructuredMode = Field(
        default="auto",
        description="`json_schema`, `tools` or `prompt`; `auto` takes the first that every model is known to do.",
    )
    catalog: Catalog | None = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Facts about models instead of the bundled ones, as from `RequestyClient(…).models.catalog()`.",
    )
    context_window: int | None = Field(default=None, gt=0, description="Overrules the catalogue.")
    num_output: int | None = Field(default=None, description="Overrules the catalogue; -1 for unknown.")
    is_function_calling_model: bool | None = Field(default=None, description="Overrules the catalogue.")

    def __init__(self, model: str | None = None, **kwargs: Any) -> None:
        if model is not None:
            kwargs["model"] = model
        if not kwargs.get("model"):
            raise ConfigurationError("model: missing; give a model id such as 'openai/gpt-4o-mini'")
        super().__init__(**kwargs)

    @field_validator("fallbacks", mode="before")
    @classmethod
    def _plain_steps(cls, value: Any) -> Any:
        """Steps as plain mappings, so that the model serialises."""
        if value is None:
            return []
        if isinstance(value, Iterable) and not isinstance(value, (str, Mapping)):
            return [plain_step(item) for item in value]
        return value

    @field_serializer("fallback_policy")
    def _dump_policy(self, value: FallbackPolicy | None) -> dict[str, Any] | None:
        """The policy as plain values; a function of the caller's cannot be dumped."""
        if value is None:
            return None
        return {key: item for key, item in asdict(value).items() if item is not None and key != "should_fall_back"}

    @classmethod
    def class_name(cls) -> str:
        """Id of the class in serialised form."""
        return "Requesty_LLM"

    def _check(self) -> None:
        check_model(self.model)

    def _models(self) -> list[str]:
        """Ids of the whole chain."""
        return [self.model, *(item if isinstance(item, str) else item["model"] for item in self.fallbacks)]

    def _first(self) -> str | Step:
        """The model to ask first."""
        return self.model

    @property
    def metadata(self) -> LLMMetadata:
        """What every model of the chain can honour: as set, else from the catalogue."""
        return metadata_for(
            self._models(),
            self.catalog,
            context_window=self.context_window,
            num_output=self.max_tokens if self.num_output is None else self.num_output,
            is_function_calling_model=self.is_function_calling_model,
        )

    # --- calls ---

    def _call(self, messages: Sequence[ChatMessage], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of the core client for one call; a call's ``None`` unsets the model's parameter."""
        own = {name: getattr(self, name) for name in _PARAMETERS}
        params = {**own, **self.additional_kwargs, **kwargs}
        params.pop("stream", None)
        params.pop("strict_schemas", None)
        if "response_format" in params:
            params["response_format"] = strict_format(params["response_format"])[0]
        if not params.get("tools"):
            # Without tools the gateway refuses these.
            for name in ("tools", "tool_choice", "parallel_tool_calls"):
                params.pop(name, None)
        model = params.pop("model", None) or self._first()
        return legal_call({"model": model, "messages": wire_messages(messages), **params})

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

    # --- structured prediction ---

    def _program(self, output_cls: type[BaseModel], prompt: BasePromptTemplate) -> Any:
        """What makes the object: a :class:`Structured`, or core's own program (schema in the prompt, or its modes)."""
        program_mode = self.pydantic_program_mode
        mode: str = self.structured_output
        if program_mode is PydanticProgramMode.FUNCTION:
            mode = "tools"
        elif program_mode is not PydanticProgramMode.DEFAULT:
            mode = "prompt"
        elif mode == "auto":
            can_call = self.metadata.is_function_calling_model
            mode = (
                "json_schema"
                if supports_json_schema(self._models(), self.catalog)
                else "tools"
                if can_call
                else "prompt"
            )
        if mode != "prompt":
            return Structured(self, output_cls, prompt, mode)
        if program_mode is PydanticProgramMode.DEFAULT:
            program_mode = PydanticProgramMode.LLM
        # Core's text program writes its parser into the prompt it is given.
        return get_program_for_llm(output_cls, deepcopy(prompt), self, pydantic_program_mode=program_mode)

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


def plain_step(item: Any) -> Any:
    """A step of a chain as an id, or as a mapping without unset keys; anything else as it is."""
    if not isinstance(item, Step):
        return item
    plain = {key: value for key, value in asdict(item).items() if value is not None}
    return item.model if len(plain) == 1 else plain
