"""Performing a call's actions synchronously: one attempt, a race between two, and the loop around them.

Nothing here judges an answer; that is the exchange's part.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from requesty_core.errors import ConfigurationError, RequestyError
from requesty_core.errors.tree import ResponseError
from requesty_core.money.usage import Usage
from requesty_core.network.cycle import RESEND, RESENT, UNSENT
from requesty_core.network.deadlines import Deadlines, Expired
from requesty_core.network.decoding import Gatherer
from requesty_core.network.http import Request, Response, Transport, TransportError, headers_of
from requesty_core.retry.fallback import Wait

from .attempt import RunningAttempt, rejection, transport_failure
from .bodies import BROKEN_BODY, arriving, break_off, distrust, max_bytes
from .exchange import Exchange
from .interrupt import Interrupt, sleep
from .reader import Reader, usage_of
from .stream import StreamExchange
from .unary import UnaryExchange
from .watch import Watch

if TYPE_CHECKING:
    from .race import Closable, Post, Prepare

__all__ = ["Opened", "stream_events", "unary"]

T = TypeVar("T")
E = TypeVar("E")
R = TypeVar("R", bound=Any)
H = TypeVar("H", bound="Closable")

DRAIN_SECONDS = 1.0
"""How long to wait after ``[DONE]`` for the end of the body, which lets the connection be used again."""


def _fetch(post: Post, request: Request, running: RunningAttempt, exchange: UnaryExchange[T]) -> tuple[T, Usage | None]:
    """One attempt with a complete body, read. Raises a typed error if no usable answer arrives."""
    deadlines = Deadlines(running.send.timeouts, time.monotonic(), streams=False)
    watch = Watch(request, deadlines)
    response: Response | None = None
    try:
        try:
            response = _post(post, request, running, exchange)
            watch.opened(response)
            deadlines.head_came()
            content = _content(response, request)
            if watch.has_cut:
                # Where the length is not announced, a cut looks like the end of the body.
                raise transport_failure(running, EOFError(), deadlines.expired, opened=True)
        except TransportError as exc:
            deadlines.has_passed()
            raise transport_failure(running, exc, deadlines.expired, opened=response is not None) from None
        finally:
            watch.cancel()
        try:
            received = exchange.received(running, response.status_code, headers_of(response), content)
            del content
            return exchange.read(running, received)
        except ResponseError:
            distrust(response)
            raise
    finally:
        if response is not None:
            # Nobody else holds the response, whose own `close` does this with more ado.
            response.stream.close()  # type: ignore[union-attr]


def _post(post: Post, request: Request, running: RunningAttempt, exchange: Exchange) -> Response:
    running.address, running.is_unsent = request.url, False
    request.extensions[RESEND] = exchange.is_repeatable
    try:
        return post(request)
    finally:
        running.is_unsent = request.extensions.pop(UNSENT, False)
        stale = request.extensions.pop(RESENT, None)
        if stale is not None:
            running.resent_after = str(stale) or type(stale).__name__


def _content(response: Response, request: Request) -> bytes:
    """The complete body."""
    gatherer = Gatherer(max_bytes(request))
    try:
        for piece in arriving(response, request):
            gatherer.add(piece)
    except BROKEN_BODY:
        # Of a refusal the status says enough.
        if response.is_success:
            raise
    return gatherer.body()


class Opened(Generic[E, R]):
    """A stream whose first meaningful event, or whose end, has arrived."""

    def __init__(
        self,
        post: Post,
        request: Request,
        running: RunningAttempt,
        exchange: StreamExchange[E, R],
        held: list[Opened[E, R]],
    ) -> None:
        timeouts = running.send.timeouts
        self._response: Response | None = None
        self._request = request
        self._deadlines = Deadlines(timeouts, time.monotonic(), streams=True)
        self._watch = Watch(request, self._deadlines)
        held.append(self)
        try:
            self._response = response = _post(post, request, running, exchange)
        except TransportError as exc:
            raise transport_failure(running, exc, self._expired(), opened=False) from None
        finally:
            self._watch.cancel()
        request.extensions["timeout"]["read"] = timeouts.read
        try:
            self._deadlines.head_came()
            self._watch.opened(response)
            headers = headers_of(response)
            if not 200 <= response.status_code < 300:
                content = self._read(response, running)
                received = exchange.received(running, response.status_code, headers, content)
                del headers, content
                raise rejection(running, received)
            self.reader: Reader[E, R] = exchange.reader(running, response.status_code, headers)
            self.reader.bound(max_bytes(request))
            self._chunks = arriving(response, request)
            # One generator for the whole body: dropping it would close the chunks, and with them the connection.
            self._data = self._arriving()
            self._reply: R | None = self._begun()
            self._deadlines.first_token_came()
            self._watch.set()
        except BaseException as exc:
            if isinstance(exc, ResponseError):
                distrust(response)
            self.close()
            raise

    def _begun(self) -> R | None:
        """Read to the first meaningful event; the reply, if the end came before one."""
        reader, reply = self.reader, None
        for data in self._data:
            if reader.feed(data) or reader.has_failed or reader.is_done:
                break
        else:
            reply = reader.ended()
        if reader.running.first_token is None:
            reader.check()
            if reply is None:
                reply = reader.ended()
        return reply

    def _read(self, response: Response, running: RunningAttempt) -> bytes:
        try:
            content = _content(response, self._request)
        except TransportError as exc:
            raise transport_failure(running, exc, self._expired(), opened=True) from None
        if self._watch.has_cut:
            raise transport_failure(running, EOFError(), self._expired(), opened=True)
        return content

    def _arriving(self) -> Iterator[bytes]:
        try:
            yield from self._noticed() if self._deadlines.has_silence else self._chunks
        except TransportError as exc:
            expired = self._expired()
            if not self.reader.is_complete or expired == "first_token":
                raise self.reader.error_for(exc, expired) from None
        if self._watch.has_cut and not self.reader.is_complete:
            raise self.reader.error_for(EOFError(), self._expired())

    def _noticed(self) -> Iterator[bytes]:
        fed = self.reader.fed
        for data in self._chunks:
            silence = self._deadlines.pause()
            yield data
            if self.reader.fed != fed:
                fed = self.reader.fed
                self._deadlines.content_came()
            else:
                self._deadlines.resume(silence)
            self._watch.set()

    def _expired(self) -> Expired | None:
        self._deadlines.has_passed()
        return self._deadlines.expired

    def events(self, exchange: StreamExchange[E, R]) -> Generator[Sequence[E]]:
        """The rest of the stream as it arrives, what was held back first. Raises typed errors, already recorded."""
        reader = self.reader
        try:
            yield exchange.commit(reader)
            reader.check()
            unread = self._reply is None and not reader.is_done
            if unread:
                for data in self._data:
                    yield reader.feed(data)
                    reader.check()
                    if reader.is_done:
                        break
            reply = reader.ended() if self._reply is None else self._reply
        except RequestyError as error:
            if isinstance(error, ResponseError) and self._response is not None:
                distrust(self._response)
            if not reader.is_over:
                exchange.break_off(reader, error)
            raise
        yield exchange.complete(reader, reply)
        self._drain()

    def _drain(self) -> None:
        if self.reader.is_done:
            self._deadlines.only(DRAIN_SECONDS)
            self._watch.set()
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
        self._watch.cancel()
        if self._response is not None:
            self._response.close()

    def break_off(self) -> None:
        """End the answer from another thread: whoever waits for it meets its end."""
        self._deadlines.break_off()
        if self._response is not None:
            break_off(self._response)


def unary(
    exchange: UnaryExchange[T],
    prepare: Prepare,
    post: Post,
    transport: Transport | None,
    interrupt: Interrupt | None = None,
) -> T:
    """Perform a unary call to its end. Raises :class:`Interrupted` soon after ``interrupt`` is set."""

    def attempt(post: Post, request: Request, running: RunningAttempt) -> _Answer[T]:
        return _Answer(running, _fetch(post, request, running, exchange))

    try:
        answer = _first(exchange, prepare, post, attempt, transport, interrupt)
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
    exchange: StreamExchange[E, R],
    prepare: Prepare,
    post: Post,
    transport: Transport | None,
    held: list[Opened[E, R]],
) -> Generator[E]:
    """Perform a streamed call; closing the generator frees the connection.

    ``held`` gets every attempt as it begins, for whoever must end it while the generator waits in another thread.
    """

    def attempt(post: Post, request: Request, running: RunningAttempt) -> Opened[E, R]:
        return Opened(post, request, running, exchange, held)

    opened: Opened[E, R] | None = None
    try:
        opened = _first(exchange, prepare, post, attempt, transport)
        with contextlib.closing(opened.events(exchange)) as arriving:
            for events in arriving:
                yield from events
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
    interrupt: Interrupt | None = None,
) -> H:
    """Follow the exchange's actions until an attempt answers. Raises the call's final error."""
    while True:
        if interrupt is not None:
            interrupt.check()
        action = exchange.next()
        if isinstance(action, Wait):
            sleep(action.seconds, interrupt)
            continue
        if exchange.hedge_after is not None:
            # Few calls hedge: the module is loaded for those.
            from .race import race

            won = race(exchange, action, prepare, attempt, transport, interrupt)
            if won is not None:
                return won
            continue
        request = prepare(action)
        running = exchange.begin(action, request)
        try:
            if interrupt is None:
                return attempt(post, request, running)
            with interrupt.cutting(request):
                return attempt(post, request, running)
        except ConfigurationError:
            raise
        except RequestyError as error:
            if interrupt is not None:
                interrupt.check()
            exchange.fail(running, error)
