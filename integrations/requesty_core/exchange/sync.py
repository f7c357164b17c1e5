"""Performing a call's actions synchronously: one attempt, a race between two, and the loop around them.

Nothing here judges an answer; that is the exchange's part.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterator
from typing import Any, Generic, Protocol, TypeVar

from requesty_core.errors import ConfigurationError, RequestyError
from requesty_core.money.usage import Usage
from requesty_core.network.alarm import NO_ALARM, Alarm, set_alarm
from requesty_core.network.http import Request, Response, Transport, TransportError, headers_of
from requesty_core.network.shared import make_transport
from requesty_core.replies.received import ReceivedResponse
from requesty_core.retry.fallback import Send, Wait

from .attempt import Expired, RunningAttempt, rejection, transport_failure
from .exchange import Exchange
from .reader import Reader, usage_of
from .stream import StreamExchange
from .unary import UnaryExchange

__all__ = ["Opened", "stream_events", "unary"]

T = TypeVar("T")
E = TypeVar("E")
R = TypeVar("R", bound=Any)
H = TypeVar("H", bound="Closable")

DRAIN_SECONDS = 1.0
"""How long to wait after ``[DONE]`` for the end of the body, which lets the connection be used again."""


class Closable(Protocol):
    """What an attempt gives back."""

    @property
    def usage(self) -> Usage | None:
        """What the attempt is known to have used so far."""

    def close(self) -> None:
        """Free the connection."""


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
            self.transport = make_transport(request.url.scheme, keep=0)
        request.extensions["trace"] = self._trace
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


Prepare = Callable[[Send], Request]
Post = Callable[[Request], Response]


def _watch(response: Response, limit: float | None, started: float) -> Alarm:
    """An alarm that shuts the response's socket down ``limit`` seconds after ``started``; without a limit, none."""
    stream = response.extensions.get("network_stream")
    if limit is None or stream is None:
        return NO_ALARM

    def cut() -> None:
        sock = stream.get_extra_info("socket")
        if sock is not None:
            # OSError: closed by the reader in the same moment, so there is nothing left to cut.
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    return set_alarm(max(started + limit - time.monotonic(), 0.0), cut)


def _fetch(post: Post, request: Request, running: RunningAttempt) -> ReceivedResponse:
    """One attempt with a complete body. Raises a typed error if none arrives."""
    timeouts = running.send.timeouts
    try:
        response = post(request)
    except TransportError as exc:
        raise transport_failure(running, exc, None, opened=False) from None
    alarm = _watch(response, timeouts.total, running.started)
    try:
        content = b"".join(_body(response))
        if alarm.went_off:
            # Where the length is not announced, a cut looks like the end of the body.
            raise transport_failure(running, EOFError(), "total", opened=True)
    except TransportError as exc:
        raise transport_failure(running, exc, "total" if alarm.went_off else None, opened=True) from None
    finally:
        alarm.cancel()
        response.close()
    return ReceivedResponse(response.status_code, headers_of(response), content, running.model)


class Opened(Generic[E, R]):
    """A stream whose first meaningful event, or whose end, has arrived."""

    def __init__(self, post: Post, request: Request, running: RunningAttempt, exchange: StreamExchange[E, R]) -> None:
        timeouts = running.send.timeouts
        self._first = self._total = NO_ALARM
        try:
            self._response = post(request)
        except TransportError as exc:
            raise transport_failure(running, exc, None, opened=False) from None
        request.extensions["timeout"]["read"] = timeouts.read
        try:
            self._first = _watch(self._response, timeouts.first_token, running.started)
            self._total = _watch(self._response, timeouts.total, running.started)
            headers = headers_of(self._response)
            if not 200 <= self._response.status_code < 300:
                raise rejection(
                    running, ReceivedResponse(self._response.status_code, headers, self._read(running), running.model)
                )
            self.reader: Reader[E, R] = exchange.reader(running, self._response.status_code, headers)
            self._chunks = _body(self._response)
            # One generator for the whole body: dropping it would close the chunks, and with them the connection.
            self._data = self._arriving()
            self._reply: R | None = None
            for data in self._data:
                if self.reader.feed(data) or self.reader.has_failed or self.reader.is_done:
                    break
            else:
                self._reply = self.reader.ended()
            if self.reader.running.first_token is None:
                self.reader.check()
                if self._reply is None:
                    self._reply = self.reader.ended()
            self._first.cancel()
        except BaseException:
            self.close()
            raise

    def _read(self, running: RunningAttempt) -> bytes:
        try:
            return self._response.read()
        except TransportError as exc:
            raise transport_failure(running, exc, self._expired(), opened=True) from None

    def _arriving(self) -> Iterator[bytes]:
        try:
            yield from self._chunks
        except TransportError as exc:
            if not self.reader.is_complete or self._first.went_off:
                raise self.reader.error_for(exc, self._expired()) from None
        expired = self._expired()
        if expired is not None and not self.reader.is_complete:
            raise self.reader.error_for(EOFError(), expired)

    def _expired(self) -> Expired | None:
        return "first_token" if self._first.went_off else "total" if self._total.went_off else None

    def events(self, exchange: StreamExchange[E, R]) -> Generator[E]:
        """The rest of the stream, what was held back first. Raises typed errors, already recorded."""
        reader = self.reader
        try:
            yield from exchange.commit(reader)
            reader.check()
            unread = self._reply is None and not reader.is_done
            if unread:
                feed = reader.feed
                for data in self._data:
                    yield from feed(data)
                    reader.check()
                    if reader.is_done:
                        break
            reply = reader.ended() if self._reply is None else self._reply
        except RequestyError as error:
            if not reader.is_over:
                exchange.break_off(reader, error)
            raise
        yield from exchange.complete(reader, reply)
        self._drain()

    def _drain(self) -> None:
        self._total.cancel()
        if not self.reader.is_done:
            return
        self._total = _watch(self._response, DRAIN_SECONDS, time.monotonic())
        # The answer is complete: how the connection ends after it is of no interest.
        with contextlib.suppress(*TransportError):
            for _ in self._chunks:
                pass

    @property
    def usage(self) -> Usage | None:
        """What the attempt is known to have used so far."""
        return usage_of(self.reader)

    def close(self) -> None:
        """Free the connection."""
        self._first.cancel()
        self._total.cancel()
        self._response.close()


def _body(response: Response) -> Iterator[bytes]:
    """The body's bytes as they arrive; past httpx's decoding layers where nothing is to be decoded."""
    if response.headers.get("content-encoding", "identity") != "identity":
        return response.iter_bytes()
    return iter(response.stream)  # type: ignore[arg-type]


def unary(exchange: UnaryExchange[T], prepare: Prepare, post: Post, transport: Transport | None) -> T:
    """Perform a unary call to its end."""

    def attempt(post: Post, request: Request, running: RunningAttempt) -> _Answer[T]:
        return _Answer(running, exchange.read(running, _fetch(post, request, running)))

    try:
        answer = _first(exchange, prepare, post, attempt, transport)
        return exchange.complete(answer.running, answer.value)
    finally:
        exchange.stop()


class _Answer(Generic[T]):
    def __init__(self, running: RunningAttempt, value: tuple[T, Any]) -> None:
        self.running = running
        self.value = value
        self.usage: Usage | None = value[1]

    def close(self) -> None:
        """Nothing is held open."""


def stream_events(
    exchange: StreamExchange[E, R], prepare: Prepare, post: Post, transport: Transport | None
) -> Generator[E]:
    """Perform a streamed call; closing the generator frees the connection."""

    def attempt(post: Post, request: Request, running: RunningAttempt) -> Opened[E, R]:
        return Opened(post, request, running, exchange)

    opened: Opened[E, R] | None = None
    try:
        opened = _first(exchange, prepare, post, attempt, transport)
        yield from opened.events(exchange)
    finally:
        if opened is not None:
            opened.close()
        exchange.stop()


def _first(
    exchange: Exchange,
    prepare: Prepare,
    post: Post,
    attempt: Callable[[Post, Request, RunningAttempt], H],
    transport: Transport | None,
) -> H:
    """Follow the exchange's actions until an attempt answers. Raises the call's final error."""
    while True:
        action = exchange.next()
        if isinstance(action, Wait):
            time.sleep(action.seconds)
            continue
        if exchange.hedge_after is not None:
            won = _race(exchange, action, prepare, attempt, transport)
            if won is not None:
                return won
            continue
        request = prepare(action)
        running = exchange.begin(action)
        try:
            return attempt(post, request, running)
        except ConfigurationError:
            raise
        except RequestyError as error:
            exchange.fail(running, error)


def _race(
    exchange: Exchange,
    first: Send,
    prepare: Prepare,
    attempt: Callable[[Post, Request, RunningAttempt], H],
    transport: Transport | None,
) -> H | None:
    """Start the next step whenever ``hedge_after`` passes; keep the attempt that answers first, cut the others."""
    finished: queue.SimpleQueue[tuple[int, H | BaseException]] = queue.SimpleQueue()
    running: dict[int, tuple[RunningAttempt, RacingAttempt]] = {}

    def start(send: Send) -> None:
        request = prepare(send)
        racer = RacingAttempt(transport)
        post = racer.attach(request).handle_request
        number = send.number
        running[number] = (exchange.begin(send), racer)
        run = running[number][0]

        def work() -> None:
            result: H | BaseException
            try:
                result = attempt(post, request, run)
            except BaseException as error:  # noqa: BLE001 -- handed to the racing thread, which raises it
                result = error
            if not racer.deliver(lambda: finished.put((number, result))) and not isinstance(result, BaseException):
                result.close()

        threading.Thread(target=work, name="requesty-hedge", daemon=True).start()

    start(first)
    pause = exchange.hedge_after
    try:
        while running:
            try:
                number, result = finished.get(timeout=pause)
            except queue.Empty:
                more = exchange.hedge()
                if more is None:
                    pause = None
                else:
                    start(more)
                continue
            run, _ = running.pop(number)
            if not isinstance(result, BaseException):
                return result
            if not isinstance(result, RequestyError) or isinstance(result, ConfigurationError):
                raise result
            exchange.fail(run, result, others_running=bool(running))
        return None
    finally:
        for _, racer in running.values():
            racer.cut()
        # Ready in the same moment as the winner, so it was billed as well.
        while not finished.empty():
            number, result = finished.get()
            if not isinstance(result, BaseException):
                exchange.cancel(running.pop(number)[0], result.usage)
                result.close()
        for run, _ in running.values():
            exchange.cancel(run)
