"""``RequestyChatGenerator``: any model behind the Requesty gateway as a Haystack chat generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from haystack import component, default_from_dict, default_to_dict
from haystack.dataclasses import (
    ChatMessage,
    ComponentInfo,
    StreamingCallbackT,
    select_streaming_callback,
)
from haystack.tools import ToolsType, deserialize_tools_or_toolset_inplace, serialize_tools_or_toolset
from haystack.utils import Secret, serialize_callable

from haystack_integrations.common.requesty.clients import KEY
from haystack_integrations.common.requesty.component import Component, restored
from requesty_core import Budget, CostLedger, FallbackPolicy, RequestyOptions, Step, Timeouts
from requesty_core.adapters import (
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    Restorer,
    known_arguments,
    plain_policy,
    plain_steps,
    policy_from,
)

from ._calls import checked, prepared
from ._chunks import Chunks
from ._messages import checked_messages, flat_tools
from ._replies import replies_of
from ._schema import response_format

if TYPE_CHECKING:
    from requesty_core import CallEvent

__all__ = ["RequestyChatGenerator"]


@component
class RequestyChatGenerator(Component):
    """
    Chats with any model behind the Requesty gateway.

    ```python
    from haystack.dataclasses import ChatMessage
    from haystack_integrations.components.generators.requesty import RequestyChatGenerator

    generator = RequestyChatGenerator(model="openai/gpt-4o-mini", fallbacks=["anthropic/claude-sonnet-4-5"])
    reply = generator.run([ChatMessage.from_user("Why is the sky blue?")])["replies"][0]
    reply.text, reply.meta["usage"]["cost"], reply.meta["model"], reply.meta["attempts"]
    ```

    `meta` of every reply, streamed or not, has `model` (what served), `requested_model`, `finish_reason`, `usage` as
    received with `cost` as a float in USD (absent if the gateway did not say; never `None`, so that an `Agent` adds it
    up), `request_id`, `provider` and `attempts`. Tool calls whose arguments are not JSON are in `invalid_tool_calls`.
    """

    @known_arguments
    def __init__(
        self,
        *,
        api_key: Secret | Callable[[], str] = KEY,
        model: str,
        streaming_callback: StreamingCallbackT | None = None,
        api_base_url: str | None = None,
        region: str | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        timeout: float | Timeouts | None = DEFAULT_TIMEOUT,
        max_retries: int = DEFAULT_MAX_RETRIES,
        tools: ToolsType | None = None,
        tools_strict: bool = False,
        fallbacks: list[str | Step | dict[str, Any]] | None = None,
        fallback_policy: FallbackPolicy | None = None,
        options: RequestyOptions | Mapping[str, Any] | None = None,
        app_url: str | None = None,
        app_title: str | None = None,
        extra_headers: dict[str, str] | None = None,
        extra_body: dict[str, Any] | None = None,
        http_client_kwargs: dict[str, Any] | None = None,
        ledger: CostLedger | None = None,
        budget: Budget | None = None,
        on_event: Callable[[CallEvent], None] | None = None,
        tracing: bool | Literal["content"] = False,
        require: dict[str, Any] | None = None,
        adapt: Literal["chain", "always", "never"] = "chain",
    ) -> None:
        """
        Creates the generator. Nothing is sent, and the key is read when the first run needs it.

        :param api_key:
            The key; by default from `REQUESTY_API_KEY`.
        :param model:
            Model id, sent untouched: `openai/gpt-4o-mini`, `policy/NAME`, `coding/claude-4-sonnet`, `...@eu`.
        :param streaming_callback:
            Called with every chunk; its presence makes the run a stream.
        :param api_base_url:
            Base URL of the gateway; by default from `REQUESTY_BASE_URL`, else the global router.
        :param region:
            `global`, `eu`, `us` or `ap`, instead of `api_base_url`.
        :param generation_kwargs:
            Request parameters such as `temperature`, `max_tokens`, `reasoning_effort` or `response_format` (a wire
            mapping or a pydantic class).
        :param timeout:
            Longest silence in seconds, or `requesty_core.Timeouts`; `None` waits forever.
        :param max_retries:
            Further attempts after a retryable failure; 0 means one request.
        :param tools:
            Tools and toolsets the model may call.
        :param tools_strict:
            Whether tool arguments must follow their schema exactly.
        :param fallbacks:
            Models to try when this one fails, unseen until the first output: ids, or steps
            `{"model", "retries", "timeout", "first_token_timeout"}`.
        :param fallback_policy:
            Rules of retry, cool-down, deadline and hedging.
        :param options:
            The gateway's `requesty` object: `auto_cache`, `tags`, `user_id`, `trace_id`, `extra`.
        :param app_url:
            Attribution URL, sent only if set.
        :param app_title:
            Attribution title, sent only if set.
        :param extra_headers:
            Headers sent with every request.
        :param extra_body:
            Body fields sent with every request.
        :param http_client_kwargs:
            Arguments of `httpx.Client` and `httpx.AsyncClient`, such as `proxy` or `transport`.
        :param ledger:
            Where usage and cost of every attempt are added up. Not saved by `to_dict`.
        :param budget:
            Refuses the next run once spent. Not saved by `to_dict`.
        :param on_event:
            Called with every event of a call: attempts, waits, fallbacks.
        :param tracing:
            Whether calls open OpenTelemetry spans and count in its metrics, which needs its API; `"content"`
            records prompts and answers too.
        :param require:
            What the catalogue must show of every model before anything is sent to it, such as
            `{"geolocation": "eu", "training": False, "retention": "none"}`; unknown is refused.
        :param adapt:
            When the parameters that you set follow a model's rules: `chain` (for later models of a chain), `always` or
            `never`.
        :raises ConfigurationError:
            If a setting is unusable; the message names it.
        """
        flat_tools(tools)
        self.streaming_callback = streaming_callback
        self.generation_kwargs = generation_kwargs or {}
        self.tools = tools
        self.tools_strict = tools_strict
        self.fallbacks = plain_steps(fallbacks)
        self.fallback_policy = policy_from(fallback_policy)
        self.adapt = adapt
        self._first: Step | None = None  # settings of the model as a step of a chain
        self._connect(
            model,
            http_client_kwargs,
            {"fallbacks": self.fallbacks, "fallback_policy": self.fallback_policy, "adapt": adapt},
            api_key=api_key,
            base_url=api_base_url,
            region=region,
            timeout=timeout,
            max_retries=max_retries,
            options=options,
            app_url=app_url,
            app_title=app_title,
            extra_headers=extra_headers,
            extra_body=extra_body,
            ledger=ledger,
            budget=budget,
            on_event=on_event,
            tracing=tracing,
            require=require,
        )

    # Serialization

    def to_dict(self) -> dict[str, Any]:
        """
        Serializes the generator. The key is saved as the name of its environment variable only.

        :returns:
            A dictionary for `from_dict`, without `ledger` and `budget`, which are accounts of a running program.
        """
        callback = self.streaming_callback
        generation_kwargs = dict(self.generation_kwargs)
        if "response_format" in generation_kwargs:
            generation_kwargs["response_format"] = response_format(generation_kwargs["response_format"])
        saved: dict[str, Any] = default_to_dict(
            self,
            **self._saved(),
            streaming_callback=serialize_callable(callback) if callback else None,
            generation_kwargs=generation_kwargs,
            tools=serialize_tools_or_toolset(_listed(self.tools)),
            tools_strict=self.tools_strict,
            fallbacks=self.fallbacks,
            fallback_policy=plain_policy(self.fallback_policy),
            adapt=self.adapt,
        )
        return saved

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RequestyChatGenerator:
        """
        Deserializes a generator; the dictionary is not changed.

        :param data:
            What `to_dict` returned.
        :returns:
            The generator.
        """
        data = restored(data, "streaming_callback")
        deserialize_tools_or_toolset_inplace(data["init_parameters"], key="tools")
        return default_from_dict(cls, data)

    # Running

    @component.output_types(replies=list[ChatMessage])
    def run(
        self,
        messages: list[ChatMessage] | str,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        tools: ToolsType | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, list[ChatMessage]]:
        """
        Asks the model.

        :param messages:
            The conversation, or one user message as a string.
        :param streaming_callback:
            Called with every chunk; overrides the one given at initialization.
        :param generation_kwargs:
            Request parameters, laid over those given at initialization key by key. `model` overrides the model.
        :param tools:
            Overrides the tools given at initialization; an empty list means none.
        :param tools_strict:
            Overrides the setting given at initialization.
        :returns:
            `replies`: the answer, or several if `n` was given.
        :raises RequestyError:
            Typed by what went wrong, with `response`, `request_id`, `partial` and `attempts`.
        """
        conversation = checked_messages(messages)
        callback: Any = select_streaming_callback(self.streaming_callback, streaming_callback, requires_async=False)
        if not conversation:
            return {"replies": []}
        params = {**self.generation_kwargs, **(generation_kwargs or {})}
        call, restorer = self._prepared(conversation, params, tools, tools_strict, stream=callback is not None)
        client = self._clients.open().sync
        if callback is None:
            return {"replies": checked(replies_of(restorer.reply(client.chat(**call))), params)}
        chunks = Chunks(ComponentInfo.from_component(self))
        with client.stream(**call) as events:
            for event in restorer.events(events):
                for chunk in chunks.of(event):
                    callback(chunk)
        return {"replies": checked(chunks.message(), params)}

    @component.output_types(replies=list[ChatMessage])
    async def run_async(
        self,
        messages: list[ChatMessage] | str,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        tools: ToolsType | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, list[ChatMessage]]:
        """
        Asks the model without blocking the event loop; see `run`. Callbacks may be coroutine functions.

        :param messages:
            The conversation, or one user message as a string.
        :param streaming_callback:
            Called with every chunk; overrides the one given at initialization.
        :param generation_kwargs:
            Request parameters, laid over those given at initialization key by key.
        :param tools:
            Overrides the tools given at initialization; an empty list means none.
        :param tools_strict:
            Overrides the setting given at initialization.
        :returns:
            `replies`: the answer, or several if `n` was given.
        :raises RequestyError:
            Typed by what went wrong, with `response`, `request_id`, `partial` and `attempts`.
        """
        conversation = checked_messages(messages)
        callback: Any = select_streaming_callback(self.streaming_callback, streaming_callback, requires_async=True)
        if not conversation:
            return {"replies": []}
        params = {**self.generation_kwargs, **(generation_kwargs or {})}
        call, restorer = self._prepared(conversation, params, tools, tools_strict, stream=callback is not None)
        client = self._clients.open().aio
        if callback is None:
            return {"replies": checked(replies_of(restorer.reply(await client.chat(**call))), params)}
        chunks = Chunks(ComponentInfo.from_component(self))
        async with client.stream(**call) as events:
            async for event in restorer.aevents(events):
                for chunk in chunks.of(event):
                    waiting = callback(chunk)
                    if waiting is not None:
                        await waiting
        return {"replies": checked(chunks.message(), params)}

    def _prepared(
        self,
        conversation: list[ChatMessage],
        params: dict[str, Any],
        tools: ToolsType | None,
        tools_strict: bool | None,
        *,
        stream: bool,
    ) -> tuple[dict[str, Any], Restorer]:
        """Arguments of the core client, and what brings strict answers back to the user's own schemas.

        Tools of a run stand in place of those given at initialization.
        """
        flat = flat_tools(self.tools if tools is None else tools)
        strict = self.tools_strict if tools_strict is None else tools_strict
        return prepared(self._first or self.model, conversation, params, flat, strict=strict, stream=stream)


def _listed(tools: ToolsType | None) -> Any:
    """Tools in one of the two forms Haystack can save."""
    return list(tools) if isinstance(tools, tuple) else tools
