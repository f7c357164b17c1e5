"""One run of a chat generator: what is asked, streamed or whole, on an event loop or without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from haystack.dataclasses import ChatMessage, ComponentInfo, StreamingCallbackT
from haystack.tools import ToolsType

from haystack_integrations.common.requesty.clients import Clients
from requesty_core.adapters import Restorer

from ._calls import checked, prepared
from ._chunks import Chunks
from ._messages import checked_messages, flat_tools
from ._replies import replies_of

if TYPE_CHECKING:
    from .chat_generator import RequestyChatGenerator

__all__ = ["Run"]


class Run:
    """A call that is ready to be made.

    Args:
        call: arguments of the core client.
        restorer: brings strict answers back to the user's own schemas.
        params: the request parameters that the call was made of.
        callback: takes the chunks; ``None`` asks for the answer as a whole.
        info: the component that chunks name.
    """

    def __init__(
        self,
        call: dict[str, Any],
        restorer: Restorer,
        params: Mapping[str, Any],
        callback: StreamingCallbackT | None,
        info: ComponentInfo,
    ) -> None:
        self._call = call
        self._restorer = restorer
        self._params = params
        self._callback: Any = callback
        self._info = info

    @classmethod
    def of(
        cls,
        generator: RequestyChatGenerator,
        messages: list[ChatMessage] | str,
        generation_kwargs: dict[str, Any] | None,
        tools: ToolsType | None,
        tools_strict: bool | None,
        callback: StreamingCallbackT | None,
    ) -> Run | None:
        """The run of a generator: its settings, and over them those of the run. Nothing to say is no run."""
        conversation = checked_messages(messages)
        if not conversation:
            return None
        params = {**generator.generation_kwargs, **(generation_kwargs or {})}
        call, restorer = prepared(
            generator._first or generator.model,
            conversation,
            params,
            flat_tools(generator.tools if tools is None else tools),
            strict=generator.tools_strict if tools_strict is None else tools_strict,
            stream=callback is not None,
        )
        return cls(call, restorer, params, callback, ComponentInfo.from_component(generator))

    def perform(self, clients: Clients) -> list[ChatMessage]:
        """The replies."""
        client = clients.open().sync
        if self._callback is None:
            return checked(replies_of(self._restorer.reply(client.chat(**self._call))), self._params)
        chunks = Chunks(self._info)
        with client.stream(**self._call) as events:
            for event in self._restorer.events(events):
                for chunk in chunks.of(event):
                    self._callback(chunk)
        return checked(chunks.message(), self._params)

    async def perform_async(self, clients: Clients) -> list[ChatMessage]:
        """Async :meth:`perform`."""
        client = clients.open().aio
        if self._callback is None:
            return checked(replies_of(self._restorer.reply(await client.chat(**self._call))), self._params)
        chunks = Chunks(self._info)
        async with client.stream(**self._call) as events:
            async for event in self._restorer.aevents(events):
                for chunk in chunks.of(event):
                    waiting = self._callback(chunk)
                    if waiting is not None:
                        await waiting
        return checked(chunks.message(), self._params)
