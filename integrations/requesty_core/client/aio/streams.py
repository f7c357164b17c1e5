"""Streamed answers of the asynchronous client."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, Generic, Self, TypeVar

from requesty_core.client.base import finished
from requesty_core.client.closing import AsyncClosableGenerator, note_stream
from requesty_core.exchange.stream import StreamExchange
from requesty_core.replies.reply import ChatReply, StreamEvent, TextDelta

__all__ = ["AsyncChatStream", "AsyncStream"]

E = TypeVar("E")
R = TypeVar("R", bound=Any)


class AsyncStream(Generic[E, R]):
    """A streamed answer: an asynchronous iterator of typed events, and a context manager that frees the connection.

    ``message`` is the complete reply once the stream has ended.
    """

    def __init__(
        self, exchange: StreamExchange[E, R], events: AsyncGenerator[E], close: Callable[[], Awaitable[None]]
    ) -> None:
        self._exchange = exchange
        self._events = events
        self._close = close
        note_stream(self)

    def __aiter__(self) -> AsyncIterator[E]:
        return self._events

    async def __anext__(self) -> E:
        return await anext(self._events)

    @property
    def message(self) -> R:
        """The complete reply. Raises :class:`ConfigurationError` while the stream has not been read to its end."""
        return finished(self._exchange)

    async def close(self) -> None:
        """Stop; the connection is freed and the provider told.

        A task that waits for the next event meanwhile gets a :class:`TruncatedStreamError`.
        """
        await self._close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


class AsyncChatStream(AsyncStream[StreamEvent, ChatReply]):
    """A streamed chat answer."""

    @property
    def text_stream(self) -> AsyncGenerator[str]:
        """The answer's text, piece by piece."""
        texts = (event.text async for event in self._events if isinstance(event, TextDelta) and event.choice == 0)
        return AsyncClosableGenerator(texts, self)
