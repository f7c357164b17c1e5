"""``RequestyChatGenerator``: any model behind the Requesty gateway as a Haystack chat generator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from haystack import component, default_from_dict, default_to_dict
from haystack.dataclasses import (
    ChatMessage,
    ComponentInfo,
    StreamingCallbackT,
    select_streaming_callback,
)
from haystack.tools import ToolsType, deserialize_tools_or_toolset_inplace, serialize_tools_or_toolset
from haystack.utils import Secret, deserialize_callable, serialize_callable

from haystack_integrations.common.requesty.clients import KEY, Clients, as_secret, without_key
from requesty_core.adapters.saved import (
    plain_options,
    plain_policy,
    plain_steps,
    plain_timeout,
    policy_from,
    timeout_from,
)
from requesty_core.adapters.structured import Restorer
from requesty_core.adapters.tool_names import legal_call, original_names
from requesty_core.catalog.model_id import check_model
from requesty_core.money.budget import Budget
from requesty_core.money.ledger import CostLedger
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_core.schemas import read_answer
from requesty_core.settings.config import DEFAULT_TIMEOUT, Timeouts
from requesty_core.settings.options import RequestyOptions

from ._messages import checked_messages, flat_tools, wire_messages, wire_tools
from ._replies import Chunks, replies_of
from ._schema import response_format, sent_format

if TYPE_CHECKING:
    from requesty_core.telemetry.events import CallEvent

__all__ = ["RequestyChatGenerator"]


@component
class RequestyChatGenerator:
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
    received with `cost` as a float in USD (absent if the gateway did not tell; never `None`, so that an `Agent` adds it
    up), `request_id`, `provider` and `attempts`. Tool calls whose arguments are not JSON are in `invalid_tool_calls`.
    """

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
        max_retries: int = 2,
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
        :raises ConfigurationError:
            If a setting is unusable; the message names it.
        """
        check_model(model)
        flat_tools(tools)
        self.api_key = api_key = as_secret(api_key)
        self.model = model
        self.streaming_callback = streaming_callback
        self.api_base_url = api_base_url
        self.region = region
        self.generation_kwargs = generation_kwargs or {}
        self.timeout = timeout_from(timeout)
        self.max_retries = max_retries
        self.tools = tools
        self.tools_strict = tools_strict
        self.fallbacks = plain_steps(fallbacks or [])
        self.fallback_policy = policy_from(fallback_policy)
        self.options = plain_options(options)
        self.app_url = app_url
        self.app_title = app_title
        self.extra_headers = extra_headers
        self.extra_body = extra_body
        self.http_client_kwargs = http_client_kwargs
        self.ledger = ledger
        self.budget = budget
        self.on_event = on_event
        self._first: Step | None = None  # settings of the model as a step of a chain
        self._clients = Clients(api_key, http_client_kwargs, self._client_settings())

    def _client_settings(self) -> dict[str, Any]:
        return {
            "base_url": self.api_base_url,
            "region": self.region,
            "timeout": self.timeout,
            "max_retries": self.max_retries,
            "fallbacks": self.fallbacks,
            "fallback_policy": self.fallback_policy,
            "options": self.options,
            "app_url": self.app_url,
            "app_title": self.app_title,
            "extra_headers": self.extra_headers,
            "extra_body": self.extra_body,
            "ledger": self.ledger,
            "budget": self.budget,
            "on_event": self.on_event,
        }

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "api_key": without_key(self.api_key)}

    # Lifecycle

    def warm_up(self) -> None:
        """
        Reads the key and makes the clients ready. Idempotent, thread-safe, and done by the first run anyway.

        :raises ValueError:
            If the key's environment variable is not set.
        """
        self._clients.open()

    async def warm_up_async(self) -> None:
        """
        The same on an event loop.
        """
        self._clients.open()

    def close(self) -> None:
        """
        Closes clients made from `http_client_kwargs`. The generator opens again with its next run.
        """
        self._clients.close()

    async def close_async(self) -> None:
        """
        The same on an event loop.
        """
        await self._clients.aclose()

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
            api_key=self.api_key,
            model=self.model,
            streaming_callback=serialize_callable(callback) if callback else None,
            api_base_url=self.api_base_url,
            region=self.region,
            generation_kwargs=generation_kwargs,
            timeout=plain_timeout(self.timeout),
            max_retries=self.max_retries,
            tools=serialize_tools_or_toolset(_listed(self.tools)),
            tools_strict=self.tools_strict,
            fallbacks=self.fallbacks,
            fallback_policy=plain_policy(self.fallback_policy),
            options=self.options,
            app_url=self.app_url,
            app_title=self.app_title,
            extra_headers=self.extra_headers,
            extra_body=self.extra_body,
            http_client_kwargs=self.http_client_kwargs,
            on_event=serialize_callable(self.on_event) if self.on_event else None,
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
        parameters = deepcopy(data.get("init_parameters", {}))
        for name in ("streaming_callback", "on_event"):
            if parameters.get(name):
                parameters[name] = deserialize_callable(parameters[name])
        deserialize_tools_or_toolset_inplace(parameters, key="tools")
        return default_from_dict(cls, {**data, "init_parameters": parameters})

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
        call, restorer = self._prepare(
            conversation, generation_kwargs, tools, tools_strict, stream=callback is not None
        )
        client = self._clients.open().sync
        if callback is None:
            return {"replies": self._checked(replies_of(restorer.reply(client.chat(**call))), generation_kwargs)}
        chunks = Chunks(ComponentInfo.from_component(self))
        with client.stream(**call) as events:
            for event in restorer.events(events):
                for chunk in chunks.of(event):
                    callback(chunk)
        return {"replies": self._checked(chunks.message(), generation_kwargs)}

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
        call, restorer = self._prepare(
            conversation, generation_kwargs, tools, tools_strict, stream=callback is not None
        )
        client = self._clients.open().aio
        if callback is None:
            return {"replies": self._checked(replies_of(restorer.reply(await client.chat(**call))), generation_kwargs)}
        chunks = Chunks(ComponentInfo.from_component(self))
        async with client.stream(**call) as events:
            async for event in restorer.aevents(events):
                for chunk in chunks.of(event):
                    waiting = callback(chunk)
                    if waiting is not None:
                        await waiting
        return {"replies": self._checked(chunks.message(), generation_kwargs)}

    def _prepare(
        self,
        messages: list[ChatMessage],
        generation_kwargs: dict[str, Any] | None,
        tools: ToolsType | None,
        tools_strict: bool | None,
        *,
        stream: bool,
    ) -> tuple[dict[str, Any], Restorer]:
        """Arguments of the core client, and what brings strict answers back to the user's own schemas."""
        params = {**self.generation_kwargs, **(generation_kwargs or {})}
        model = params.pop("model", None) or self._first or self.model
        params.pop("stream", None)
        if stream and (params.get("n") or 1) > 1:
            raise ValueError("n: a stream gives one answer; leave out the streaming callback for several")
        answer = None
        if "response_format" in params:
            params["response_format"], answer = sent_format(params["response_format"])
        flat = flat_tools(self.tools if tools is None else tools)
        strict = self.tools_strict if tools_strict is None else tools_strict
        if flat:
            # Tools in wire form, such as the provider's own web search, have no object in Haystack.
            params["tools"] = [*(params.get("tools") or ()), *wire_tools(flat, strict=strict)]
        own = {tool.name: tool.parameters for tool in flat} if strict else {}
        restorer = Restorer(own, answer, hold_text=False, names=original_names(params.get("tools")))
        return legal_call({"model": model, "messages": wire_messages(messages), **params}), restorer

    def _checked(self, replies: list[ChatMessage], generation_kwargs: dict[str, Any] | None) -> list[ChatMessage]:
        """The replies; with a pydantic `response_format`, each text must be JSON and fit it."""
        wanted = {**self.generation_kwargs, **(generation_kwargs or {})}.get("response_format")
        validate = getattr(wanted, "model_validate_json", None)
        if validate is not None:
            for reply in replies:
                if reply.text is not None and not reply.tool_calls and not reply.meta.get("refusal"):
                    read_answer(reply.text)
                    validate(reply.text)
        return replies


def _listed(tools: ToolsType | None) -> Any:
    """Tools in one of the two forms Haystack can save."""
    return list(tools) if isinstance(tools, tuple) else tools
