"""What only the synchronous client does; ``sender_aio`` is its counterpart."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from requesty_core.exchange.interrupt import Interrupt
from requesty_core.exchange.stream import StreamExchange
from requesty_core.exchange.sync import Opened, stream_events, unary
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.network.http import HTTPClient, Request, Response, Transport, complete_request
from requesty_core.network.settings import NetworkSettings
from requesty_core.network.shared import shared_transport

if TYPE_CHECKING:
    from types import GeneratorType

    from requesty_core.client.batches_sync import BatchExchange, BatchThreads
    from requesty_core.embeddings.batches import Batch
    from requesty_core.embeddings.line import Line
    from requesty_core.embeddings.run import EmbeddingsRun
    from requesty_core.embeddings.vectors import BatchResult
    from requesty_core.exchange.race import Prepare

__all__ = ["Sender"]

T = TypeVar("T")
E = TypeVar("E")
R = TypeVar("R", bound=Any)


class Sender:
    """Sends what exchanges decide, through the transport that was given or the shared one."""

    def __init__(self, given: Transport | HTTPClient | Literal["httpx"] | None, network: NetworkSettings) -> None:
        self._network = network
        self._given: Transport | None = None
        if given is not None:
            # Imported here, to keep the import of a client light.
            from requesty_core.network.callers import as_transport

            self._given = as_transport(given, network)
        self._under_way: set[BatchThreads] = set()

    @property
    def has_given(self) -> bool:
        """Whether a transport was given."""
        return self._given is not None

    def unary(self, exchange: UnaryExchange[T], prepare: Prepare) -> T:
        """Perform a unary exchange."""
        return unary(exchange, prepare, self._post, self._given)

    def start(self, exchange: StreamExchange[E, R], prepare: Prepare) -> tuple[Generator[E], Callable[[], None]]:
        """The events of a streamed exchange, and what ends it before they do."""
        held: list[Opened[E, R]] = []
        events = stream_events(exchange, prepare, self._post, self._given, held)
        return events, partial(_close, events, held, exchange)

    def batches(
        self,
        run: EmbeddingsRun,
        line: Line | None,
        exchange_for: Callable[[Batch], BatchExchange],
        prepare_for: Callable[[BatchExchange], Prepare],
    ) -> Generator[None]:
        """Perform an embeddings run in threads; yields whenever something has come of it."""
        # Imported here, to keep the import of a client light.
        from requesty_core.client.batches_sync import BatchThreads

        def send(exchange: BatchExchange, interrupt: Interrupt) -> BatchResult:
            return unary(exchange, prepare_for(exchange), self._post, self._given, interrupt)

        return BatchThreads(run, line, exchange_for, send, self._under_way).steps()

    def close(self) -> None:
        """End embedding runs, and close the transport that was given."""
        for threads in tuple(self._under_way):
            threads.stop()
        if self._given is not None:
            self._given.close()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_under_way": set()}

    def _post(self, request: Request) -> Response:
        transport = self._given or shared_transport(request.url.scheme, self._network)
        complete_request(request, transport)
        return transport.handle_request(request)


def _close(events: Generator[E], held: list[Opened[E, R]], exchange: StreamExchange[E, R]) -> None:
    """End a stream; a thread that waits for its next event meanwhile gets a typed error, and nothing is tried after."""
    if not cast("GeneratorType[E, None, None]", events).gi_running:
        # ValueError: another thread began to read in this moment.
        with contextlib.suppress(ValueError):
            events.close()
            return
    exchange.abandon()
    for opened in tuple(held):
        opened.break_off()
