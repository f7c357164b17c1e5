"""``RequestyFallbackChatGenerator``: a chain of chat generators that is itself a chat generator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from haystack import component, default_from_dict, default_to_dict
from haystack.dataclasses import ChatMessage, StreamingCallbackT
from haystack.tools import ToolsType
from haystack.utils import Secret

from haystack_integrations.common.requesty.clients import KEY, as_secret, without_key
from requesty_core import FallbackPolicy, Step
from requesty_core.adapters import (
    HealthBoard,
    known_arguments,
    perform,
    perform_async,
    policy_from,
)
from requesty_core.errors import ConfigurationError

from ._members import Run, result_of
from ._saved_chain import one_client, plain_chain, restored_chain

__all__ = ["RequestyFallbackChatGenerator"]


@component
class RequestyFallbackChatGenerator:
    """
    Asks chat generators in turn until one answers.

    ```python
    from haystack_integrations.components.generators.requesty import RequestyFallbackChatGenerator

    chain = RequestyFallbackChatGenerator(models=["openai/gpt-4o", "anthropic/claude-sonnet-4-5", "policy/spare"])
    result = chain.run("Hello")
    result["replies"][0].meta["attempts"], result["meta"]
    ```

    With `models`, one client asks them all and recovers unseen until the first output. With `generators`, members may
    be any chat generators; after a member has shown output its failure is raised, because a second answer would follow
    the first half. Classified errors only: never after a bad request, a wrong key, or an exception of the callback.
    Members that failed are passed over for a while. A routing policy of the gateway (`policy/NAME`) is the first choice
    where it can express what you need.
    """

    @known_arguments
    def __init__(
        self,
        generators: list[Any] | None = None,
        *,
        models: list[str | Step | dict[str, Any]] | None = None,
        api_key: Secret | Callable[[], str] = KEY,
        policy: FallbackPolicy | None = None,
        generator_kwargs: dict[str, Any] | None = None,
        chat_generators: list[Any] | None = None,
    ) -> None:
        """
        Creates the chain. No member is warmed up before it is asked.

        :param generators:
            Chat generators, in order.
        :param models:
            Instead of generators: model ids or steps `{"model", "retries", "timeout", "first_token_timeout"}`.
        :param api_key:
            The key for `models`.
        :param policy:
            Rules of cool-down, deadline, attempts, and the predicate.
        :param generator_kwargs:
            Further arguments of `RequestyChatGenerator` for `models`, such as `tools`, `options` or `ledger`.
        :param chat_generators:
            The same as `generators`, under the name of Haystack's own chain.
        :raises ConfigurationError:
            If neither or both of `generators` and `models` are given, or a member is no chat generator.
        """
        if generators and chat_generators:
            raise ConfigurationError("chat_generators: is another name of generators; give one of them")
        generators = generators or chat_generators
        if bool(generators) == bool(models):
            raise ConfigurationError("generators: give either generators or models, and not both")
        self.policy = policy_from(policy)
        self.models = models
        self.api_key = api_key = as_secret(api_key)
        self.generator_kwargs = generator_kwargs
        self.generators: list[Any] = list(generators or ())
        if models:
            self.generators = [one_client(models, api_key, self.policy, generator_kwargs or {})]
        for member in self.generators:
            if not callable(getattr(member, "run", None)):
                raise ConfigurationError(f"generators: {type(member).__name__} has no run method; give chat generators")
        self._health = HealthBoard()

    # Lifecycle

    def warm_up(self) -> None:
        """
        Does nothing: members are warmed up when they are asked, so that one without a key does not break the chain.
        """

    def close(self) -> None:
        """
        Closes every member that can be closed.
        """
        for member in self.generators:
            if hasattr(member, "close"):
                member.close()

    async def close_async(self) -> None:
        """
        Closes every member that can be closed.
        """
        for member in self.generators:
            if hasattr(member, "close_async"):
                await member.close_async()
            elif hasattr(member, "close"):
                member.close()

    # Serialization

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "api_key": without_key(self.api_key)}

    def to_dict(self) -> dict[str, Any]:
        """
        Serializes the chain with its members.

        :returns:
            A dictionary for `from_dict`.
        """
        saved: dict[str, Any] = default_to_dict(self, **plain_chain(self))
        return saved

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RequestyFallbackChatGenerator:
        """
        Deserializes a chain with its members; the dictionary is not changed.

        :param data:
            What `to_dict` returned.
        :returns:
            The chain.
        """
        return default_from_dict(cls, {**data, "init_parameters": restored_chain(data)})

    # Running

    @component.output_types(replies=list[ChatMessage], meta=dict[str, Any])
    def run(
        self,
        messages: list[ChatMessage] | str,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        tools: ToolsType | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, Any]:
        """
        Asks the members in turn; arguments as of `RequestyChatGenerator.run`.

        :param messages:
            The conversation, or one user message as a string.
        :param streaming_callback:
            Called with every chunk.
        :param generation_kwargs:
            Request parameters.
        :param tools:
            Tools the model may call.
        :param tools_strict:
            Whether tool arguments must follow their schema exactly.
        :returns:
            `replies`, whose `meta["attempts"]` lists every attempt, and `meta` with `attempts` and the position and
            class of the `generator` that answered.
        :raises FallbackExhaustedError:
            If every member failed; `errors` says how.
        """
        run = Run(self.generators, messages, streaming_callback, generation_kwargs, tools, tools_strict)
        asking = run.asking(self.policy or FallbackPolicy(), self._health)
        return result_of(perform(asking, run.ask), self.generators)

    @component.output_types(replies=list[ChatMessage], meta=dict[str, Any])
    async def run_async(
        self,
        messages: list[ChatMessage] | str,
        streaming_callback: StreamingCallbackT | None = None,
        generation_kwargs: dict[str, Any] | None = None,
        *,
        tools: ToolsType | None = None,
        tools_strict: bool | None = None,
    ) -> dict[str, Any]:
        """
        Asks the members in turn without blocking the event loop; arguments and outputs as of `run`.

        `streaming_callback` may be a coroutine function.

        :raises FallbackExhaustedError:
            If every member failed; `errors` says how.
        """
        run = Run(self.generators, messages, streaming_callback, generation_kwargs, tools, tools_strict)
        asking = run.asking(self.policy or FallbackPolicy(), self._health)
        return result_of(await perform_async(asking, run.ask_async), self.generators)
