"""``ChatRequesty``: any model behind the Requesty gateway as a LangChain chat model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, ClassVar, Literal, Self

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, ModelProfile
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import ConfigDict, Field, field_validator, model_validator

from requesty_core import FallbackPolicy, Step, Timeouts, __version__
from requesty_core.adapters import (
    CHAIN_SETTINGS,
    Restorer,
    legal_call,
    original_names,
    plain_policy,
    plain_steps,
    plain_timeout,
    strict_format,
)
from requesty_core.errors import ConfigurationError

from ._binding import BindableChatModel
from ._blocks import register_blocks
from ._connection import Connection
from ._errors import langchain_errors
from ._messages import wire_messages
from ._parameters import PARAMETERS, RequestParameters
from ._profile import profile_for
from ._replies import PROVIDER, chat_result, chunk_of, combined_outputs
from ._tools import response_format

__all__ = ["ChatRequesty"]

register_blocks()


class ChatRequesty(Connection, RequestParameters, BindableChatModel):
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

    _unconnected: ClassVar[frozenset[str]] = frozenset(
        (
            *PARAMETERS,
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

    adapt: Literal["chain", "always", "never"] = "chain"
    """When fields that you set follow a model's rules: for the later models of a chain, always, or never."""

    streaming: bool = False
    """Whether ``invoke`` streams underneath. Setting it to ``False`` explicitly turns ``stream`` off too."""
    stream_usage: bool = True
    """Whether streams ask for usage, without which the gateway tells no cost."""
    include_response_headers: bool = False
    """Whether ``response_metadata["headers"]`` is filled."""

    def _check(self) -> None:
        self._request_params({})

    @field_validator("fallbacks", mode="before")
    @classmethod
    def _plain_steps(cls, value: Any) -> Any:
        """Steps as plain mappings, so that the model serialises."""
        return plain_steps(value)

    @model_validator(mode="after")
    def _set_requesty_version(self) -> Self:
        self._add_version("requesty-adapters", __version__)
        return self

    # --- settings ---

    @property
    def _llm_type(self) -> str:
        return "requesty-chat"

    @property
    def lc_attributes(self) -> dict[str, Any]:
        """Settings that are objects, as plain values for ``dumpd``."""
        plain: dict[str, Any] = {}
        if isinstance(self.request_timeout, Timeouts):
            plain["request_timeout"] = plain_timeout(self.request_timeout)
        policy = self.fallback_policy
        if policy is not None and policy.should_fall_back is None:
            plain["fallback_policy"] = plain_policy(policy)
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
        return profile_for(self._model_ids())

    def _model_ids(self) -> list[str]:
        return [self.model_name, *(f if isinstance(f, str) else f["model"] for f in self.fallbacks)]

    def _client_settings(self) -> dict[str, Any]:
        return {**super()._client_settings(), **{name: getattr(self, name) for name in CHAIN_SETTINGS}}

    # --- calls ---

    def _first(self) -> str | Step:
        """The model to ask first."""
        return self.model_name

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
        return combined_outputs(self.model_name, llm_outputs)
