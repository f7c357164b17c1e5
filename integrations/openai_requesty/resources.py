"""Chat resources that keep large requests cheap.

Before it sends a request, the SDK walks messages and tools along their type annotations to rename fields and turn
iterables into lists: milliseconds for a long conversation. Plain JSON values need none of it, so they go past, as extra
fields of the body; anything else takes the SDK's way.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from openai._compat import cached_property
from openai.resources.chat import AsyncChat, Chat
from openai.resources.chat.completions import AsyncCompletions, Completions
from pydantic import BaseModel

from .formats import formatted, parsing, streamed

__all__ = ["AsyncRequestyChat", "RequestyChat"]


def _plain(value: Any) -> bool:
    kind = type(value)
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return True
    if kind is dict:
        return all(type(k) is str and _plain(v) for k, v in value.items())
    return kind is list and all(map(_plain, value))


def _json(items: Any) -> Any:
    """A list with the SDK's own messages among its items turned into what they were on the wire."""
    if type(items) is not list:
        return items
    return [
        item.model_dump(exclude_unset=True, mode="json", exclude=getattr(item, "__api_exclude__", None))
        if isinstance(item, BaseModel)
        else item
        for item in items
    ]


def _past(arguments: dict[str, Any], *names: str) -> dict[str, Any]:
    """The arguments, with those named moved to ``extra_body`` if they are plain JSON."""
    moved = {name: _json(arguments[name]) for name in names if name in arguments}
    moved = {name: value for name, value in moved.items() if type(value) is list and value and _plain(value)}
    if not moved:
        return arguments
    rest = {name: value for name, value in arguments.items() if name not in moved}
    if "messages" in moved:
        rest["messages"] = []  # A required argument; the moved ones replace it.
    return {**rest, "extra_body": {**moved, **(arguments.get("extra_body") or {})}}


class _Completions(Completions):
    if not TYPE_CHECKING:

        @functools.wraps(Completions.create)
        def create(self, **arguments):
            return super().create(**_past(streamed(arguments), "messages", "tools"))

        @functools.wraps(Completions.parse)
        def parse(self, **arguments):
            arguments, compiled = formatted(arguments)
            with parsing(compiled):
                return super().parse(**_past(arguments, "messages"))


class _AsyncCompletions(AsyncCompletions):
    if not TYPE_CHECKING:

        @functools.wraps(AsyncCompletions.create)
        async def create(self, **arguments):
            return await super().create(**_past(streamed(arguments), "messages", "tools"))

        @functools.wraps(AsyncCompletions.parse)
        async def parse(self, **arguments):
            arguments, compiled = formatted(arguments)
            with parsing(compiled):
                return await super().parse(**_past(arguments, "messages"))


class RequestyChat(Chat):
    """``client.chat``."""

    @cached_property
    def completions(self) -> Completions:
        """``client.chat.completions``."""
        return _Completions(self._client)


class AsyncRequestyChat(AsyncChat):
    """``client.chat`` of the asynchronous client."""

    @cached_property
    def completions(self) -> AsyncCompletions:
        """``client.chat.completions``."""
        return _AsyncCompletions(self._client)
