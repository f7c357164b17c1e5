"""``RequestyFallbackChatGenerator``: a chain of chat generators that is itself a chat generator."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Generator
from contextlib import closing
from copy import deepcopy
from dataclasses import replace
from typing import Any

from haystack import component, default_from_dict, default_to_dict
from haystack.core.serialization import component_from_dict, component_to_dict, import_class_by_name
from haystack.dataclasses import ChatMessage, StreamingCallbackT, StreamingChunk
from haystack.tools import ToolsType
from haystack.utils import Secret

from haystack_integrations.common.requesty.clients import KEY, as_secret, without_key
from requesty_core.adapters.saved import plain_policy, policy_from
from requesty_core.errors import ConfigurationError, ConnectionFailedError, FallbackExhaustedError, MissingKeyError
from requesty_core.replies.attempts import attempt_dict
from requesty_core.retry.chain import classified, fall_through, was_seen
from requesty_core.retry.fallback import Wait
from requesty_core.retry.health import HealthBoard
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step, steps_from

from .chat_generator import RequestyChatGenerator

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

    def __init__(
        self,
        generators: list[Any] | None = None,
        *,
        models: list[str | Step | dict[str, Any]] | None = None,
        api_key: Secret | Callable[[], str] = KEY,
        policy: FallbackPolicy | None = None,
        generator_kwargs: dict[str, Any] | None = None,
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
        :raises ConfigurationError:
            If neither or both of `generators` and `models` are given, or a member is no chat generator.
        """
        if bool(generators) == bool(models):
            raise ConfigurationError("generators: give either generators or models, not both and not neither")
        self.policy = policy_from(policy)
        self.models = models
        self.api_key = api_key = as_secret(api_key)
        self.generator_kwargs = generator_kwargs
        if models:
            first, *rest = steps_from(models)
            self.generators: list[Any] = [
                RequestyChatGenerator(
                    model=first.model,
                    api_key=api_key,
                    fallbacks=list(rest),
                    fallback_policy=self.policy,
                    **(generator_kwargs or {}),
                )
            ]
            self.generators[0]._first = first
        else:
            self.generators = list(generators or ())
        for member in self.generators:
            if not callable(getattr(member, "run", None)):
                raise ConfigurationError(f"generators: a {type(member).__name__} has no run method")
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
        saved: dict[str, Any]
        if self.models:
            (member,) = self.generators
            inner = member.to_dict()["init_parameters"]
            own = {key: inner[key] for key in self.generator_kwargs or () if key in inner}
            steps = [member._first, *steps_from(member.fallbacks)]
            saved = default_to_dict(
                self,
                models=[{k: v for k, v in _fields(step).items() if v is not None} for step in steps],
                api_key=self.api_key,
                policy=plain_policy(self.policy),
                generator_kwargs=own or None,
            )
        else:
            saved = default_to_dict(
                self,
                generators=[component_to_dict(member, name="generator") for member in self.generators],
                policy=plain_policy(self.policy),
            )
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
        parameters = deepcopy(data.get("init_parameters", {}))
        if parameters.get("generators"):
            parameters["generators"] = [
                component_from_dict(import_class_by_name(item["type"]), item, name="generator")
                for item in parameters["generators"]
            ]
        elif parameters.get("generator_kwargs"):
            inner = {"type": _GENERATOR, "init_parameters": {"model": "x", **parameters["generator_kwargs"]}}
            restored = RequestyChatGenerator.from_dict(inner)
            own = parameters["generator_kwargs"]
            parameters["generator_kwargs"] = {name: getattr(restored, name) for name in own}
        return default_from_dict(cls, {**data, "init_parameters": parameters})

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
            If every member failed; `errors` tells how.
        """
        decisions = self._decide()
        action = next(decisions)
        while True:
            outcome: dict[str, Any] | BaseException | None = None
            if isinstance(action, Wait):
                time.sleep(action.seconds)
            else:
                member, watch = action
                arguments = _arguments(
                    member, messages, watch.of(member, streaming_callback), generation_kwargs, tools, tools_strict
                )
                try:
                    outcome = member.run(**arguments)
                except Exception as error:  # noqa: BLE001 -- judged by the rules, raised again if they do not cover it
                    outcome = error
            try:
                action = decisions.send(outcome)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]

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
        Asks the members in turn without blocking the event loop; see `run`.

        :param messages:
            The conversation, or one user message as a string.
        :param streaming_callback:
            Called with every chunk; may be a coroutine function.
        :param generation_kwargs:
            Request parameters.
        :param tools:
            Tools the model may call.
        :param tools_strict:
            Whether tool arguments must follow their schema exactly.
        :returns:
            `replies` and `meta`, as `run`.
        :raises FallbackExhaustedError:
            If every member failed; `errors` tells how.
        """
        decisions = self._decide()
        action = next(decisions)
        while True:
            outcome: dict[str, Any] | BaseException | None = None
            if isinstance(action, Wait):
                await asyncio.sleep(action.seconds)
            else:
                member, watch = action
                arguments = _arguments(
                    member, messages, watch.of(member, streaming_callback), generation_kwargs, tools, tools_strict
                )
                try:
                    if hasattr(member, "run_async"):
                        outcome = await member.run_async(**arguments)
                    else:
                        outcome = await asyncio.to_thread(member.run, **arguments)
                except Exception as error:  # noqa: BLE001 -- judged by the rules, raised again if they do not cover it
                    outcome = error
            try:
                action = decisions.send(outcome)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]

    def _decide(
        self,
    ) -> Generator[tuple[Any, _Watch] | Wait, dict[str, Any] | BaseException | None, dict[str, Any]]:
        """What to do, step by step: members to ask and waits; results and errors come back in."""
        failed: list[dict[str, Any]] = []
        names = [str(getattr(member, "model", type(member).__name__)) for member in self.generators]
        if len(self.generators) == 1:
            # One client asks all the models; its own engine has decided already.
            outcome = yield self.generators[0], _Watch()
            if isinstance(outcome, BaseException):
                raise outcome
            return _result(outcome, failed, 0, self.generators[0])
        steps = fall_through(names, self.policy or FallbackPolicy(), self._health)
        with closing(steps):
            action = next(steps)
            while True:
                if isinstance(action, Wait):
                    yield action
                    action = next(steps)
                    continue
                member, watch = self.generators[action], _Watch()
                outcome = yield member, watch
                if not isinstance(outcome, BaseException):
                    next(steps, None)
                    return _result(outcome, failed, action, member)
                missing = _is_missing_key(outcome)
                error = None if watch.callback_failed or missing else classified(outcome)
                if missing:
                    # A member without its key cannot be reached; the others can.
                    error = ConnectionFailedError(str(outcome))
                if error is None or watch.has_shown or was_seen(error):
                    raise outcome
                attempts = [attempt_dict(attempt) for attempt in error.attempts]
                failed += attempts or [
                    {
                        "model": names[action],
                        "outcome": "error",
                        "error": str(outcome),
                        "error_class": type(outcome).__name__,
                    }
                ]
                try:
                    action = steps.send(error)
                except FallbackExhaustedError as exhausted:
                    raise exhausted from outcome


class _Watch:
    """What a member did while it was asked: whether it showed output, and whether the callback itself failed."""

    def __init__(self) -> None:
        self.has_shown = False
        self.callback_failed = False

    def of(self, member: Any, callback: StreamingCallbackT | None) -> StreamingCallbackT | None:
        """The callback, watched; one a member has by itself is watched too."""
        target: Any = callback or getattr(member, "streaming_callback", None)
        if target is None:
            return None

        def note(chunk: StreamingChunk) -> None:
            self.has_shown |= bool(chunk.content or chunk.tool_calls or chunk.reasoning)

        if inspect.iscoroutinefunction(target):

            async def watched_async(chunk: StreamingChunk) -> None:
                note(chunk)
                try:
                    await target(chunk)
                except BaseException:
                    self.callback_failed = True
                    raise

            return watched_async

        def watched(chunk: StreamingChunk) -> None:
            note(chunk)
            try:
                target(chunk)
            except BaseException:
                self.callback_failed = True
                raise

        return watched


_GENERATOR = f"{RequestyChatGenerator.__module__}.{RequestyChatGenerator.__name__}"


def _fields(step: Step) -> dict[str, Any]:
    return {name: getattr(step, name) for name in ("model", "retries", "timeout", "first_token_timeout")}


def _is_missing_key(error: BaseException) -> bool:
    return isinstance(error, MissingKeyError) or "authentication environment variables are set" in str(error)


def _arguments(
    member: Any,
    messages: Any,
    callback: StreamingCallbackT | None,
    generation_kwargs: dict[str, Any] | None,
    tools: ToolsType | None,
    tools_strict: bool | None,
) -> dict[str, Any]:
    """Arguments of a member's run; what it has no parameter for is refused unless it is unset."""
    arguments = {
        "messages": messages,
        "streaming_callback": callback,
        "generation_kwargs": generation_kwargs,
        "tools": tools,
        "tools_strict": tools_strict,
    }
    known = inspect.signature(member.run).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
        return arguments
    for name, value in arguments.items():
        if name not in known and value is not None:
            raise ConfigurationError(f"{name}: {type(member).__name__}.run has no such parameter")
    return {name: value for name, value in arguments.items() if name in known}


def _result(outcome: Any, failed: list[dict[str, Any]], position: int, member: Any) -> dict[str, Any]:
    """The member's result; the failed attempts stand before its own."""
    replies = outcome["replies"]
    own = replies[0].meta.get("attempts", []) if replies else []
    attempts = [*failed, *own]
    if failed and replies:
        first: ChatMessage = replies[0]
        replies = [replace(first, _meta={**first.meta, "attempts": attempts}), *replies[1:]]
    return {"replies": replies, "meta": {"attempts": attempts, "generator": position, "class": type(member).__name__}}
