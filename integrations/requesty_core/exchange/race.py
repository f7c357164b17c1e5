"""A race between attempts, synchronously: each runs in a thread, the first answer wins, the others are cut off."""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from requesty_core.errors import BudgetExceededError, ConfigurationError, RequestyError
from requesty_core.lifetime import start_thread
from requesty_core.money.usage import Usage
from requesty_core.network.http import Request, Response, Transport, complete_request
from requesty_core.network.settings import network_of
from requesty_core.network.shared import make_transport
from requesty_core.retry.fallback import Send

from .attempt import RunningAttempt
from .exchange import Exchange
from .interrupt import Interrupt, Interrupted

__all__ = ["Closable", "Post", "Prepare", "RacingAttempt", "race"]

Prepare = Callable[[Send], Request]
Post = Callable[[Request], Response]

_NOBODY = 0
"""Stands where an attempt's number would, for an outcome that is not an attempt's."""


class Closable(Protocol):
    """What an attempt gives back."""

    @property
    def usage(self) -> Usage | None:
        """What the attempt is known to have used so far."""

    def close(self) -> None:
        """Free the connection."""


H = TypeVar("H", bound=Closable)


class RacingAttempt:
    """One attempt of a race: lets the race cut it off while it waits."""

    def __init__(self, transport: Transport | None) -> None:
        self.transport = transport
        self._lock = threading.Lock()
        self._socket: Any = None
        self.is_cut = False

    def attach(self, request: Request) -> Transport:
        """A transport for the request, which tells the racer its socket."""
        if self.transport is None:
            self.transport = make_transport(request.url.scheme, keep=0, network=network_of(request.extensions))
        request.extensions["trace"] = self._trace
        complete_request(request, self.transport)
        return self.transport

    def _trace(self, name: str, info: dict[str, Any]) -> None:
        if name.endswith(("connect_tcp.complete", "start_tls.complete")):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
                cut = self.is_cut
            if cut:
                self._shut()

    def cut(self) -> None:
        """Wake and end the attempt; what it has not delivered by now is its own to close."""
        with self._lock:
            self.is_cut = True
        self._shut()

    def deliver(self, put: Callable[[], None]) -> bool:
        """Hand over the outcome, unless the attempt was cut off before."""
        with self._lock:
            if not self.is_cut:
                put()
            return not self.is_cut

    def _shut(self) -> None:
        if self._socket is not None:
            # OSError: the connection ended by itself in the same moment.
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


def race(
    exchange: Exchange,
    first: Send,
    prepare: Prepare,
    attempt: Callable[[Post, Request, RunningAttempt], H],
    transport: Transport | None,
    interrupt: Interrupt | None = None,
) -> H | None:
    """Start the next step whenever ``hedge_after`` passes; keep the attempt that answers first, cut the others."""
    racing = _Race(exchange, prepare, attempt, transport)
    if interrupt is not None:
        interrupt.then(racing.interrupt)
    try:
        racing.start(first)
        return racing.winner()
    finally:
        racing.end()


class _Race(Generic[H]):
    """The attempts of one race that are under way, by their number."""

    def __init__(
        self,
        exchange: Exchange,
        prepare: Prepare,
        attempt: Callable[[Post, Request, RunningAttempt], H],
        transport: Transport | None,
    ) -> None:
        self._exchange = exchange
        self._prepare = prepare
        self._attempt = attempt
        self._transport = transport
        self._finished: queue.SimpleQueue[tuple[int, H | BaseException]] = queue.SimpleQueue()
        self._running: dict[int, tuple[RunningAttempt, RacingAttempt]] = {}

    def interrupt(self) -> None:
        """Wake whoever waits for the winner, to give up."""
        self._finished.put((_NOBODY, Interrupted()))

    def start(self, send: Send) -> None:
        """Begin an attempt in a thread of its own."""
        request = self._prepare(send)
        racer = RacingAttempt(self._transport)
        post = racer.attach(request).handle_request
        run = self._exchange.begin(send, request)
        self._running[send.number] = (run, racer)

        def work() -> None:
            result: H | BaseException
            try:
                result = self._attempt(post, request, run)
            except BaseException as error:  # noqa: BLE001 -- handed to the racing thread, which raises it
                result = error
            delivered = racer.deliver(lambda: self._finished.put((send.number, result)))
            if not delivered and not isinstance(result, BaseException):
                result.close()

        # Hooks and key callables see the caller's context variables.
        start_thread(work, name="requesty-hedge")

    def winner(self) -> H | None:
        """What answers first, more attempts being started meanwhile; ``None`` if every attempt failed."""
        pause = self._exchange.hedge_after
        while self._running:
            try:
                number, result = self._finished.get(timeout=pause)
            except queue.Empty:
                more = self._exchange.hedge()
                if more is None:
                    pause = None
                    continue
                try:
                    self.start(more)
                except BudgetExceededError:
                    # What is under way goes on alone.
                    pause = None
                continue
            if number == _NOBODY:
                raise Interrupted
            run, _ = self._running.pop(number)
            if not isinstance(result, BaseException):
                return result
            if not isinstance(result, RequestyError) or isinstance(result, ConfigurationError):
                raise result
            self._exchange.fail(run, result, others_running=bool(self._running))
        return None

    def end(self) -> None:
        """Cut off whatever is still under way."""
        for _, racer in self._running.values():
            racer.cut()
        # Ready in the same moment as the winner, so it was billed as well.
        while not self._finished.empty():
            number, result = self._finished.get()
            if not isinstance(result, BaseException):
                self._exchange.cancel(self._running.pop(number)[0], result.usage)
                result.close()
        for run, _ in self._running.values():
            self._exchange.cancel(run)
