"""One run of a chain of generators: how a member is asked, and what its failure and its result mean."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from haystack.dataclasses import ChatMessage, StreamingCallbackT, StreamingChunk
from haystack.tools import ToolsType
from haystack.tracing.tracer import tracer

from requesty_core import FallbackPolicy, RequestyError
from requesty_core.adapters import Answered, Asking, HealthBoard, ask_in_turn, classified
from requesty_core.errors import ConfigurationError, ConnectionFailedError, EmptyChoicesError, MissingKeyError

from ._messages import checked_messages

__all__ = ["Run", "result_of"]


class Run:
    """The arguments of one run, and what the member asked last has shown of its answer."""

    def __init__(
        self,
        members: Sequence[Any],
        messages: list[ChatMessage] | str,
        streaming_callback: StreamingCallbackT | None,
        generation_kwargs: dict[str, Any] | None,
        tools: ToolsType | None,
        tools_strict: bool | None,
    ) -> None:
        self._members = members
        self._callback = streaming_callback
        self._arguments = {
            "messages": checked_messages(messages),
            "generation_kwargs": generation_kwargs,
            "tools": tools,
            "tools_strict": tools_strict,
        }
        self._watch = _Watch()

    def asking(self, policy: FallbackPolicy, health: HealthBoard) -> Asking[dict[str, Any]]:
        """Which member to ask next, step by step."""
        names = [str(getattr(member, "model", type(member).__name__)) for member in self._members]
        return ask_in_turn(names, policy, health, self._classified)

    def ask(self, position: int) -> dict[str, Any]:
        """The result of a member."""
        member, arguments = self._members[position], self._arguments_of(position)
        with attempt_span(member, arguments):
            result: dict[str, Any] = member.run(**arguments)
        return _answered(member, result)

    async def ask_async(self, position: int) -> dict[str, Any]:
        """The same on an event loop; a member that cannot runs in a thread."""
        member, arguments = self._members[position], self._arguments_of(position)
        result: dict[str, Any]
        with attempt_span(member, arguments):
            if hasattr(member, "run_async"):
                result = await member.run_async(**arguments)
            else:
                result = await asyncio.to_thread(member.run, **arguments)
        return _answered(member, result)

    def _arguments_of(self, position: int) -> dict[str, Any]:
        """Arguments of a member's run; what it has no parameter for is refused unless it is unset."""
        member = self._members[position]
        self._watch = _Watch()
        arguments = {**self._arguments, "streaming_callback": self._watch.of(member, self._callback)}
        known = inspect.signature(member.run).parameters
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values()):
            return arguments
        for name, value in arguments.items():
            if name not in known and value is not None:
                raise ConfigurationError(f"{name}: {type(member).__name__}.run has no such parameter")
        return {name: value for name, value in arguments.items() if name in known}

    def _classified(self, position: int, error: Exception) -> RequestyError | None:
        """The failure in the terms of the rules; ``None`` where no other member may be asked."""
        if self._watch.has_shown or self._watch.callback_failed:
            return None
        if _is_missing_key(error):
            # A member without its key cannot be reached; the others can.
            return ConnectionFailedError(str(error))
        # A setting of the caller's is as unusable for the next member.
        return None if isinstance(error, ConfigurationError) else classified(error)


def result_of(answered: Answered[dict[str, Any]], members: Sequence[Any]) -> dict[str, Any]:
    """The result of the member that answered; the failed attempts stand before its own."""
    replies = answered.result["replies"]
    own = replies[0].meta.get("attempts", []) if replies else []
    attempts = [*answered.failed, *own]
    if answered.failed and replies:
        first: ChatMessage = replies[0]
        replies = [replace(first, _meta={**first.meta, "attempts": attempts}), *replies[1:]]
    classes = [type(member).__name__ for member in members]
    meta = {
        **(answered.result.get("meta") or {}),
        "attempts": attempts,
        "generator": answered.position,
        "class": classes[answered.position],
        # Under the names of Haystack's own chain.
        "successful_chat_generator_index": answered.position,
        "successful_chat_generator_class": classes[answered.position],
        "total_attempts": len(answered.passed) + 1,
        "failed_chat_generators": [classes[position] for position in answered.passed],
    }
    return {"replies": replies, "meta": meta}


def _answered(member: Any, result: dict[str, Any]) -> dict[str, Any]:
    """The result of a member. Raises :class:`EmptyChoicesError` if it holds no reply: that is no answer."""
    if not result.get("replies"):
        raise EmptyChoicesError(f"{type(member).__name__} gave no replies")
    return result


@contextmanager
def attempt_span(member: Any, arguments: dict[str, Any]) -> Iterator[None]:
    """A span of Haystack's tracer for one attempt, as Haystack's own chain opens it."""
    tags = {"haystack.component.name": "chat_generator", "haystack.component.type": type(member).__name__}
    with tracer.trace("haystack.chat_generator.run", tags, tracer.current_span()) as span:
        span.set_content_tag("haystack.component.input", arguments)
        yield


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

        if _is_async(target):

            async def watched_async(chunk: StreamingChunk) -> Any:
                note(chunk)
                try:
                    return await target(chunk)
                except BaseException:
                    self.callback_failed = True
                    raise

            return watched_async

        def watched(chunk: StreamingChunk) -> Any:
            note(chunk)
            try:
                # What it returns is the member's to await.
                return target(chunk)
            except BaseException:
                self.callback_failed = True
                raise

        return watched


def _is_async(callback: Any) -> bool:
    """Whether calling it gives something to await: a coroutine function, also bound or partial, or an object of one."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    return inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(type(callback).__call__)


def _is_missing_key(error: BaseException) -> bool:
    return isinstance(error, MissingKeyError) or "authentication environment variables are set" in str(error)
