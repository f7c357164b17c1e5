"""What only the asynchronous client does; ``sender_sync`` is its counterpart."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from requesty_core.exchange.aio import astream_events, aunary
from requesty_core.exchange.stream import StreamExchange
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.loops import loop_transport
from requesty_core.network.http import AsyncHTTPClient, AsyncTransport, Request, Response, complete_request
from requesty_core.network.settings import NetworkSettings

if TYPE_CHECKING:
    from types import AsyncGeneratorType

    from requesty_core.client.batches_aio import BatchTasks
    from requesty_core.client.batches_sync import BatchExchange
    from requesty_core.embeddings.batches import Batch
    from requesty_core.embeddings.line import Line
    from requesty_core.embeddings.run import EmbeddingsRun
    from requesty_core.embeddings.vectors import BatchResult
    from requesty_core.exchange.race_aio import AsyncPrepare

__all__ = ["AsyncSender"]

T = TypeVar("T")
E = TypeVar("E")
R = TypeVar("R", bound=Any)


class AsyncSender:
    """Sends what exchanges decide, through the transport that was given or the one of the running loop."""

    def __init__(
        self, given: AsyncTransport | AsyncHTTPClient | Literal["httpx"] | None, network: NetworkSettings
    ) -> None:
        self._network = network
        self._given: AsyncTransport | None = None
        if given is not None:
            # Imported here, to keep the import of a client light.
            from requesty_core.network.callers import as_async_transport

            self._given = as_async_transport(given, network)
        self._under_way: set[BatchTasks] = set()

    @property
    def has_given(self) -> bool:
        """Whether a transport was given."""
        return self._given is not None

    def unary(self, exchange: UnaryExchange[T], prepare: AsyncPrepare) -> Coroutine[Any, Any, T]:
        """Perform a unary exchange."""
        return aunary(exchange, prepare, self._post)

    def start(
        self, exchange: StreamExchange[E, R], prepare: AsyncPrepare
    ) -> tuple[AsyncGenerator[E], Callable[[], Awaitable[None]]]:
        """The events of a streamed exchange, and what ends it before they do, from any task of the loop."""
        held: list[Callable[[], object]] = []
        events = astream_events(exchange, prepare, self._post, held)
        return events, partial(_close, events, held, exchange)

    def batches(
        self,
        run: EmbeddingsRun,
        line: Line | None,
        exchange_for: Callable[[Batch], BatchExchange],
        prepare_for: Callable[[BatchExchange], AsyncPrepare],
    ) -> AsyncGenerator[None]:
        """Perform an embeddings run in tasks; yields whenever something has come of it."""
        # Imported here, to keep the import of a client light.
        from requesty_core.client.batches_aio import BatchTasks

        def send(exchange: BatchExchange) -> Coroutine[Any, Any, BatchResult]:
            return aunary(exchange, prepare_for(exchange), self._post)

        return BatchTasks(run, line, exchange_for, send, self._under_way).steps()

    async def close(self) -> None:
        """End embedding runs, and close the transport that was given."""
        for tasks in tuple(self._under_way):
            tasks.stop()
        if self._given is not None:
            await self._given.aclose()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_under_way": set()}

    async def _post(self, request: Request) -> Response:
        transport = self._given or await loop_transport(request.url.scheme, self._network)
        complete_request(request, transport)
        return await transport.handle_async_request(request)


async def _close(events: AsyncGenerator[E], held: list[Callable[[], object]], exchange: StreamExchange[E, R]) -> None:
    """End a stream; a task that waits for its next event meanwhile gets a typed error, and nothing is tried after."""
    if not cast("AsyncGeneratorType[E, None]", events).ag_running:
        await events.aclose()
        return
    exchange.abandon()
    for end in tuple(held):
        ended = end()
        if isinstance(ended, Awaitable):
            await ended
