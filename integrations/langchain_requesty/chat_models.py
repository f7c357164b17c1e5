"""``ChatRequesty``: any model behind the Requesty gateway as a LangChain chat model."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from math import ceil
from typing import Any, ClassVar, Self, cast

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.messages.utils import count_tokens_approximately
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.utils.utils import get_pydantic_field_names
from pydantic import BaseModel, Field, field_validator, model_validator

from requesty_core import __version__
from requesty_core.adapters.structured import Restorer, strict_format
from requesty_core.adapters.tool_names import legal_call, original_names
from requesty_core.errors import ConfigurationError
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_core.settings.config import Timeouts

from ._blocks import register_blocks
from ._connection import Connection
from ._errors import langchain_errors
from ._messages import wire_messages
from ._profile import profile_for
from ._replies import PROVIDER, chat_result, chunk_of
from ._structured import Method, check_method, structured, with_parser
from ._tools import (
    ToolLike,
    response_format,
    sent_schema,
    strict_schemas,
    tool_choice_for,
    tool_names,
    wire_tools,
)

__all__ = ["ChatRequesty"]

register_blocks()

# Fields that are request parameters under their own name.
_PARAMETERS = (
    "temperature",
    "top_p",
    "top_k",
    "min_p",
    "max_tokens",
    "max_completion_tokens",
    "frequency_penalty",
    "presence_penalty",
    "repetition_penalty",
    "seed",
    "stop",
    "n",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "user",
    "service_tier",
    "store",
    "verbosity",
    "parallel_tool_calls",
    "reasoning_effort",
    "thinking",
)


class ChatRequesty(Connection, BaseChatModel):
    """Chat with any model behind the Requesty gateway.

    Example:
        ```python
        from langchain_requesty import ChatRequesty

        llm = ChatRequesty(model="openai/gpt-4o-mini", fallbacks=["anthropic/claude-sonnet-4-5"])
        message = llm.invoke("Why is the sky blue?")
        message.text, message.usage_metadata, message.response_metadata["cost"]
        ```

    ``response_metadata`` of every reply, streamed or not, has ``model_name`` (what served), ``requested_model``,
    ``finish_reason``, ``cost`` (USD; absent when the gateway did not tell), ``token_usage`` as received, ``request_id``
    and ``requesty["attempts"]`` (every request that was made, failed ones included).

    Raises:
        RequestyError: every failure is one of the classes in ``langchain_requesty`` that is also LangChain's own
            ``ModelError``, with ``response``, ``request_id``, ``partial`` and ``attempts``. A missing key is reported
            by the first request, not by the constructor.
    """

    _unconnected: ClassVar[frozenset[str]] = frozenset(
        (
            *_PARAMETERS,
            *BaseChatModel.model_fields,
            "model_name",
            "model_kwargs",
            "reasoning",
            "stream_usage",
            "streaming",
        )
    )

    fallbacks: list[str | dict[str, Any]] = Field(default_factory=list)
    """Models to try when this one fails: ids, or steps ``{model, retries, timeout, first_token_timeout}``."""

    fallback_policy: FallbackPolicy | None = None
    """Rules of retry, cool-down, deadline and hedging."""

    model_kwargs: dict[str, Any] = Field(default_factory=dict)
    """Request parameters this class has no field for."""

    temperature: float | None = None
    """Sampling temperature."""
    top_p: float | None = None
    """Nucleus sampling mass."""
    top_k: int | None = None
    """Sample from the k likeliest tokens only."""
    min_p: float | None = None
    """Least probability, relative to the likeliest token."""
    max_tokens: int | None = None
    """Most tokens to generate."""
    max_completion_tokens: int | None = None
    """The same under the name some models require."""
    frequency_penalty: float | None = None
    """Penalty on frequent tokens, -2 to 2."""
    presence_penalty: float | None = None
    """Penalty on tokens already present, -2 to 2."""
    repetition_penalty: float | None = None
    """Multiplicative penalty on repetition."""
    seed: int | None = None
    """Seed for reproducible sampling, where supported."""
    stop: list[str] | str | None = Field(default=None, alias="stop_sequences")
    """Texts that end the answer."""
    n: int | None = None
    """Number of answers; more than one only without streaming."""
    logprobs: bool | None = None
    """Whether to return log probabilities."""
    top_logprobs: int | None = None
    """Alternatives per token to return log probabilities of."""
    logit_bias: dict[str, int] | None = None
    """Bias per token id."""
    user: str | None = None
    """End user, for the provider."""
    service_tier: str | None = None
    """Provider's service tier."""
    store: bool | None = None
    """Whether the provider may keep the answer."""
    verbosity: str | None = None
    """``low``, ``medium`` or ``high``, where supported."""
    parallel_tool_calls: bool | None = None
    """Whether several tools may be called at once; sent only with tools."""
    reasoning_effort: str | None = None
    """``none``, ``min``, ``low``, ``medium``, ``high``, ``xhigh``, ``max``, or a token budget such as ``"4096"``."""
    reasoning: dict[str, Any] | None = None
    """The same as a mapping, ``{"effort": "high"}`` or ``{"max_tokens": 4096}``, for code written so."""
    thinking: dict[str, Any] | None = None
    """``{"type": "enabled", "budget_tokens": 4096}`` for Claude and Gemini ids."""

    streaming: bool = False
    """Whether ``invoke`` streams underneath. Setting it to ``False`` explicitly turns ``stream`` off too."""
    stream_usage: bool = True
    """Whether streams ask for usage, without which the gateway tells no cost."""
    include_response_headers: bool = False
    """Whether ``response_metadata["headers"]`` is filled."""

    def _check(self) -> None:
        self._request_params({})

    @model_validator(mode="before")
    @classmethod
    def _collect_unknown(cls, values: Any) -> Any:
        """Move arguments without a field into ``model_kwargs``, with a warning."""
        if not isinstance(values, dict):
            return values
        unknown = {key: values[key] for key in values if key not in _field_names(cls)}
        if not unknown:
            return values
        given = values.get("model_kwargs") or {}
        if twice := unknown.keys() & given.keys():
            raise ConfigurationError(f"model_kwargs: {sorted(twice)[0]!r} is given twice; give it once")
        names = ", ".join(sorted(unknown))
        warnings.warn(f"{cls.__name__}: {names} sent as request parameters (model_kwargs)", stacklevel=5)
        kept = {key: value for key, value in values.items() if key not in unknown}
        return {**kept, "model_kwargs": {**given, **unknown}}

    @field_validator("fallbacks", mode="before")
    @classmethod
    def _plain_steps(cls, value: Any) -> Any:
        """Steps as plain mappings, so that the model serialises."""
        if value is None:
            return []
        if isinstance(value, Iterable) and not isinstance(value, (str, Mapping)):
            return [plain_step(item) if isinstance(item, Step) else item for item in value]
        return value

    @model_validator(mode="after")
    def _set_requesty_version(self) -> Self:
        self._add_version("requesty-adapters", __version__)
        return self

    # --- settings ---

    @property
    def model(self) -> str:
        """The model id, under its constructor name."""
        return self.model_name

    @property
    def _llm_type(self) -> str:
        return "requesty-chat"

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """Settings that are objects, as plain values for ``dumpd``."""
        plain: dict[str, Any] = {}
        if isinstance(self.request_timeout, Timeouts):
            plain["request_timeout"] = asdict(self.request_timeout)
        policy = self.fallback_policy
        if policy is not None and policy.should_fall_back is None:
            plain["fallback_policy"] = {key: value for key, value in asdict(policy).items() if value is not None}
        return plain

    @classmethod
    def is_lc_serializable(cls) -> bool:
        """Whether ``dumpd`` and ``load`` work on it: yes, without the key."""
        return True

    @property
    def _identifying_params(self) -> dict[str, Any]:
        routing = {
            "model": self.model_name,
            "base_url": self._pair().sync.base_url,
            "fallbacks": self.fallbacks or None,
            "options": self.options,
            "extra_body": self.extra_body,
        }
        return {key: value for key, value in {**routing, **self._default_params}.items() if value is not None}

    @property
    def _default_params(self) -> dict[str, Any]:
        """Request parameters set on the model."""
        own = {name: value for name in _PARAMETERS if (value := getattr(self, name)) is not None}
        if self.reasoning is not None and "reasoning_effort" not in own:
            own["reasoning_effort"] = _effort(self.reasoning)
        return {**own, **self.model_kwargs}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = self._request_params(kwargs)
        ls = LangSmithParams(
            ls_provider=PROVIDER, ls_model_name=kwargs.get("model") or self.model_name, ls_model_type="chat"
        )
        if (temperature := params.get("temperature")) is not None:
            ls["ls_temperature"] = temperature
        if (limit := params.get("max_tokens") or params.get("max_completion_tokens")) is not None:
            ls["ls_max_tokens"] = limit
        stops = stop or params.get("stop")
        if stops:
            ls["ls_stop"] = [stops] if isinstance(stops, str) else list(stops)
        return ls

    def _resolve_model_profile(self) -> ModelProfile | None:
        return profile_for([self.model_name, *(f if isinstance(f, str) else f["model"] for f in self.fallbacks)])

    def _client_settings(self) -> dict[str, Any]:
        return {
            **super()._client_settings(),
            "fallbacks": self.fallbacks,
            "fallback_policy": self.fallback_policy,
        }

    # --- calls ---

    def _first(self) -> str | Step:
        """The model to ask first."""
        return self.model_name

    def _request_params(self, kwargs: Mapping[str, Any], stop: list[str] | None = None) -> dict[str, Any]:
        """Parameters of one request: the model's, then the call's. ``None`` in a call unsets the model's."""
        params = {**self._default_params, **kwargs}
        params.pop("stream", None)
        params.pop("strict_schemas", None)
        if stop is not None:
            params["stop"] = stop
        effort = params.pop("reasoning", None)
        if isinstance(effort, Mapping):
            params["reasoning_effort"] = _effort(effort)
        if (schema := params.get("response_format")) is not None:
            params["response_format"] = strict_format(response_format(schema))[0]
        if not params.get("tools"):
            params.pop("parallel_tool_calls", None)
        return params

    def _call(
        self, messages: list[BaseMessage], stop: list[str] | None, kwargs: Mapping[str, Any], *, stream: bool
    ) -> dict[str, Any]:
        """Arguments of the core client for one call."""
        params = self._request_params(kwargs, stop)
        if stream:
            if (params.get("n") or 1) > 1:
                raise ConfigurationError("n: a stream gives one answer; use invoke or generate for several")
            if not self.stream_usage:
                params.setdefault("stream_options", {"include_usage": False})
        model = params.pop("model", None)
        model = self._first() if model is None else model
        return legal_call({"model": model, "messages": wire_messages(messages), **params})

    def _restorer(self, kwargs: Mapping[str, Any]) -> Restorer:
        """What brings the answer back to the user's own schemas where strict forms were sent."""
        schema = {**self._default_params, **kwargs}.get("response_format")
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
        return chat_result(self._restorer(kwargs).reply(reply), include_headers=self.include_response_headers)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        with langchain_errors():
            reply = await self._pair().aio.chat(**self._call(messages, stop, kwargs, stream=False))
        return chat_result(self._restorer(kwargs).reply(reply), include_headers=self.include_response_headers)

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        headers = self.include_response_headers
        with (
            langchain_errors(),
            self._pair().sync.stream(**self._call(messages, stop, kwargs, stream=True)) as events,
        ):
            for event in self._restorer(kwargs).events(events):
                chunk = chunk_of(event, include_headers=headers)
                if chunk is not None:
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
        headers = self.include_response_headers
        with langchain_errors():
            async with self._pair().aio.stream(**self._call(messages, stop, kwargs, stream=True)) as events:
                async for event in self._restorer(kwargs).aevents(events):
                    chunk = chunk_of(event, include_headers=headers)
                    if chunk is not None:
                        if run_manager:
                            await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
                        yield chunk

    def _combine_llm_outputs(self, llm_outputs: list[dict[str, Any] | None]) -> dict[str, Any]:
        """Totals over the prompts of one ``generate``; the cost only if every one is known."""
        outputs = [output for output in llm_outputs if output]
        tokens: dict[str, int] = {}
        for output in outputs:
            for key, value in output.get("token_usage", {}).items():
                if isinstance(value, int):
                    tokens[key] = tokens.get(key, 0) + value
        costs = [output.get("cost") for output in outputs]
        combined: dict[str, Any] = {"token_usage": tokens, "model_name": self.model_name}
        if costs and None not in costs:
            combined["cost"] = sum(cast("list[float]", costs))
        return combined

    # --- tools and structured output ---

    def bind_tools(
        self,
        tools: Sequence[ToolLike],
        *,
        tool_choice: str | bool | Mapping[str, Any] | None = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        response_format: Any = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools.

        Args:
            tools: functions, LangChain tools, pydantic classes, schemas, or provider-side tools such as
                ``{"type": "web_search"}``.
            tool_choice: a tool's name, ``auto``, ``none``, ``any``, ``required``, ``True`` (the only tool), or a
                mapping.
            strict: whether arguments must follow the schema exactly. ``True`` sends each schema in the closed form that
                strict mode takes; a null that stands for an argument left out is taken out of the calls.
            parallel_tool_calls: whether several tools may be called at once.
            response_format: a schema the final answer must follow, beside the tools.
            kwargs: further request parameters.

        Raises:
            ConfigurationError: ``tool_choice`` names no tool, or a schema has no strict form.
        """
        with langchain_errors():
            wired = wire_tools(tools, strict)
            choice = tool_choice_for(tool_choice, wired)
            form = None if response_format is None else _response_format(response_format, strict)
        bound: dict[str, Any] = {**kwargs, "tools": wired}
        if own := strict_schemas(tools, strict):
            bound["strict_schemas"] = {**(kwargs.get("strict_schemas") or {}), **own}
        if choice is not None:
            bound["tool_choice"] = choice
        if parallel_tool_calls is not None:
            bound["parallel_tool_calls"] = parallel_tool_calls
        if form is not None:
            bound["response_format"] = form
        return self.bind(**bound)

    def with_structured_output(
        self,
        schema: dict[str, Any] | type | None = None,
        *,
        method: Method | None = None,
        include_raw: bool = False,
        strict: bool | None = None,
        tools: Sequence[ToolLike] | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, dict[str, Any] | BaseModel]:
        """The model giving objects of a schema.

        Args:
            schema: a pydantic class, ``TypedDict``, JSON schema or tool schema. Only ``json_mode`` works without.
            method: ``json_schema`` (the provider enforces the schema), ``function_calling`` (a forced tool call) or
                ``json_mode`` (valid JSON; describe the fields in the prompt). Default: ``json_schema`` where the
                model's profile says so, else ``function_calling``.
            include_raw: give ``{"raw", "parsed", "parsing_error"}`` instead of the object alone.
            strict: whether the provider must follow the schema exactly.
            tools: further tools the model may call (with ``json_schema``).
            kwargs: further request parameters.

        Raises:
            ConfigurationError: the method is unknown or lacks a schema, or the schema has no strict form.
            RequestyRefusalError: the model refused (when called).
            OutputParserException: the answer was cut or does not fit the schema (when called).
        """
        if method is None:
            method = "json_schema" if (self.profile or {}).get("structured_output") else "function_calling"
        with langchain_errors():
            check_method(method)
            if schema is None and method != "json_mode":
                raise ConfigurationError(f"schema: method {method!r} needs one; give a class or a JSON schema")
        traced = {"kwargs": {"method": method, "strict": strict}, "schema": schema}
        name: str | None = None
        compiled = None
        if method == "function_calling":
            with langchain_errors():
                (name,) = tool_names(wire_tools([cast("type", schema)]))
            model = self.bind_tools(
                [cast("type", schema), *(tools or ())],
                tool_choice=name,
                strict=strict,
                parallel_tool_calls=False,
                ls_structured_output_format=traced,
                **kwargs,
            )
        else:
            with langchain_errors():
                form = {"type": "json_object"} if method == "json_mode" else _response_format(schema, strict)
                compiled = sent_schema(schema) if method == "json_schema" else None
            own = {"response_format": form, "ls_structured_output_format": traced, **kwargs}
            model = self.bind_tools(tools, strict=strict, **own) if tools else self.bind(**own)
        return with_parser(model, structured(schema, method, name, compiled), include_raw=include_raw)

    # --- tokens ---

    def get_num_tokens(self, text: str) -> int:
        """Tokens of a text: exact with ``custom_get_token_ids``, else about four characters each."""
        if self.custom_get_token_ids is not None:
            return len(self.custom_get_token_ids(text))
        return ceil(len(text) / 4)

    def get_token_ids(self, text: str) -> list[int]:
        """Token ids by ``custom_get_token_ids``; models behind the gateway have no tokeniser in common."""
        if self.custom_get_token_ids is not None:
            return self.custom_get_token_ids(text)
        raise NotImplementedError("get_token_ids: set custom_get_token_ids; the gateway's models share no tokeniser")

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[ToolLike] | None = None
    ) -> int:
        """Tokens of messages and tools, estimated without a tokeniser (scaled by usage where replies tell it)."""
        wired = cast("list[Any] | None", wire_tools(tools) if tools else None)
        return count_tokens_approximately(messages, use_usage_metadata_scaling=True, tools=wired)


_response_format = response_format  # bind_tools has an argument of this name


def _field_names(cls: type[BaseModel]) -> set[str]:
    return get_pydantic_field_names(cls)


def plain_step(step: Step) -> str | dict[str, Any]:
    """A step as JSON values: the id alone, where it has no settings of its own."""
    fields = {key: value for key, value in asdict(step).items() if value is not None}
    return step.model if len(fields) == 1 else fields


def _effort(reasoning: Mapping[str, Any]) -> str:
    """``reasoning_effort`` for the mapping other gateways take."""
    unknown = reasoning.keys() - {"effort", "max_tokens", "enabled"}
    if unknown or not reasoning:
        raise ConfigurationError(f"reasoning: {dict(reasoning)!r} is not usable; give 'effort' or 'max_tokens'")
    if reasoning.get("enabled") is False:
        return "none"
    budget = reasoning.get("max_tokens")
    return str(budget) if budget is not None else str(reasoning.get("effort") or "medium")
