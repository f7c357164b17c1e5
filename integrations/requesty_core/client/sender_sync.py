"""What only the synchronous client does; ``sender_aio`` is its counterpart."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from requesty_core.embeddings.plan import Batch, EmbeddingsPlan
from requesty_core.exchange.race import Prepare
from requesty_core.exchange.stream import StreamExchange
from requesty_core.exchange.sync import Opened, stream_events, unary
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.network.callers import as_transport
from requesty_core.network.http import HTTPClient, Request, Response, Transport
from requesty_core.network.settings import NetworkSettings
from requesty_core.network.shared import shared_transport

if TYPE_CHECKING:
    from concurrent.futures import Future
    from types import GeneratorType

__all__ = ["Sender"]

T = TypeVar("T")
E = TypeVar("E")
R = TypeVar("R", bound=Any)


class Sender:
    """Sends what exchanges decide, through the transport that was given or the shared one."""

    def __init__(self, given: Transport | HTTPClient | Literal["httpx"] | None, network: NetworkSettings) -> None:
        self._network = network
        self._given = None if given is None else as_transport(given, network)

    def unary(self, exchange: UnaryExchange[T], prepare: Prepare) -> T:
        """Perform a unary exchange."""
        return unary(exchange, prepare, self._post, self._given)

    def start(self, exchange: StreamExchange[E, R], prepare: Prepare) -> tuple[Generator[E], Callable[[], None]]:
        """The events of a streamed exchange, and what ends it before they do."""
        held: list[Opened[E, R]] = []
        events = stream_events(exchange, prepare, self._post, self._given, held)
        return events, partial(_close, events, held, exchange)

    def each(self, plan: EmbeddingsPlan, embed: Callable[[Batch], None]) -> None:
        """Embed every batch, as many at a time as the plan allows, in threads."""
        if len(plan.batches) <= 1 or plan.max_in_flight == 1:
            for batch in plan.todo():
                embed(batch)
            return
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(plan.max_in_flight, "requesty-embeddings") as pool:
            room = threading.Semaphore(plan.max_in_flight)
            jobs: list[Future[None]] = []
            for batch in plan.todo():
                room.acquire()
                # What a callback of the caller's raised ends the call; it is let out below.
                if any(job.done() and job.exception() for job in jobs):
                    break
                job = pool.submit(embed, batch)
                job.add_done_callback(lambda _: room.release())
                jobs.append(job)
            for job in jobs:
                job.result()

    def close(self) -> None:
        """Close the transport that was given."""
        if self._given is not None:
            self._given.close()

    def _post(self, request: Request) -> Response:
        transport = self._given or shared_transport(request.url.scheme, self._network)
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
