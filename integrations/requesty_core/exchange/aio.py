"""Performing a call's actions on an event loop; the counterpart of ``exchange.sync``."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from requesty_core.errors import ConfigurationError, RequestyError
from requesty_core.errors.tree import ResponseError
from requesty_core.money.usage import Usage
from requesty_core.network.cycle import RESEND, RESENT, UNSENT
from requesty_core.network.deadlines import Deadlines, Expired
from requesty_core.network.decoding import Gatherer
from requesty_core.network.http import Request, Response, TransportError, headers_of
from requesty_core.retry.fallback import Wait

from .aside import abegin
from .attempt import RunningAttempt, rejection, transport_failure
from .bodies import BROKEN_BODY, aarriving, distrust, max_bytes
from .exchange import Exchange
from .limits import Limits
from .reader import Reader, usage_of
from .stream import StreamExchange
from .sync import DRAIN_SECONDS
from .unary import UnaryExchange

if TYPE_CHECKING:
    from .race_aio import AsyncClosable, AsyncPrepare

__all__ = ["AsyncOpened", "astream_events", "aunary"]

T = TypeVar("T")
E = TypeVar("E")
R = TypeVar("R", bound=Any)
H = TypeVar("H", bound="AsyncClosable")

AsyncPost = Callable[[Request], Awaitable[Response]]


async def _fetch(
    post: AsyncPost, request: Request, running: RunningAttempt, exchange: UnaryExchange[T]
) -> tuple[T, Usage | None]:
    """One attempt with a complete body, read. Raises a typed error if no usable answer arrives."""
    deadlines = Deadlines(running.send.timeouts, time.monotonic(), streams=False)
    limits = Limits(request, deadlines)
    response: Response | None = None
    try:
        try:
            response = await limits.wait(_post(post, request, running, exchange))
            deadlines.head_came()
            content = await limits.wait(_content(response, request))
        except (*TransportError, TimeoutError) as exc:
            deadlines.has_passed()
            raise transport_failure(running, exc, deadlines.expired, opened=response is not None) from None
        try:
            received = exchange.received(running, response.status_code, headers_of(response), content)
            # Error reporters send the variables of a frame: what a server echoed must not be among them as it came.
            del content
            return exchange.read(running, received)
        except ResponseError:
            distrust(response)
            raise
    finally:
        if response is not None:
            # Nobody else holds the response, whose own `aclose` does this with more ado.
            await response.stream.aclose()  # type: ignore[union-attr]


async def _post(post: AsyncPost, request: Request, running: RunningAttempt, exchange: Exchange) -> Response:
    running.address, running.is_unsent = request.url, False
    request.extensions[RESEND] = exchange.is_repeatable
    try:
        return await post(request)
    finally:
        running.is_unsent = request.extensions.pop(UNSENT, False)
        stale = request.extensions.pop(RESENT, None)
        if stale is not None:
            running.resent_after = str(stale) or type(stale).__name__


async def _content(response: Response, request: Request) -> bytes:
    """The complete body."""
    gatherer = Gatherer(max_bytes(request))
    try:
        async for piece in aarriving(response, request):
            gatherer.add(piece)
    except BROKEN_BODY:
        # Of a refusal the status says enough.
        if response.is_success:
            raise
    return gatherer.body()


class AsyncOpened(Generic[E, R]):
    """A stream whose first meaningful event, or whose end, has arrived."""

    reader: Reader[E, R]

    def __init__(self, response: Response, request: Request, limits: Limits) -> None:
        self._response = response
        self._request = request
        self._deadlines = limits.deadlines
        self._limits = limits
        self._reply: R | None = None

    @classmethod
    async def open(
        cls,
        post: AsyncPost,
        request: Request,
        running: RunningAttempt,
        exchange: StreamExchange[E, R],
        held: list[Callable[[], object]],
    ) -> Self:
        """Send and read until there is something to show. Raises a typed error if it comes to nothing."""
        deadlines = Deadlines(running.send.timeouts, time.monotonic(), streams=True)
        limits = Limits(request, deadlines)
        held.append(deadlines.break_off)
        try:
            response = await limits.wait(_post(post, request, running, exchange))
        except (*TransportError, TimeoutError) as exc:
            deadlines.has_passed()
            raise transport_failure(running, exc, deadlines.expired, opened=False) from None
        held.append(response.aclose)
        deadlines.head_came()
        request.extensions["timeout"]["read"] = running.send.timeouts.read
        opened = cls(response, request, limits)
        try:
            await opened._begin(running, exchange)
        except BaseException as exc:
            if isinstance(exc, ResponseError):
                distrust(response)
            await opened.aclose()
            raise
        return opened

    async def _begin(self, running: RunningAttempt, exchange: StreamExchange[E, R]) -> None:
        response = self._response
        headers = headers_of(response)
        if not 200 <= response.status_code < 300:
            try:
                content = await self._limits.wait(_content(response, self._request))
            except (*TransportError, TimeoutError) as exc:
                raise transport_failure(running, exc, self._expired(), opened=True) from None
            received = exchange.received(running, response.status_code, headers, content)
            # Error reporters send the variables of a frame: what a server echoed must not be among them as it came.
            del headers, content
            raise rejection(running, received)
        reader = self.reader = exchange.reader(running, response.status_code, headers)
        self.reader.bound(max_bytes(self._request))
        self._chunks = self._limits.iterate(aarriving(response, self._request))
        # One generator for the whole body: it knows when content came.
        self._data = self._noticed() if self._deadlines.has_silence else self._chunks
        try:
            async for data in self._data:
                if reader.feed(data) or reader.has_failed or reader.is_done:
                    break
            else:
                self._reply = reader.ended()
        except (*TransportError, TimeoutError) as exc:
            self._reply = self._settle(exc)
        if running.first_token is None:
            reader.check()
            if self._reply is None:
                self._reply = reader.ended()
        self._deadlines.first_token_came()

    def _settle(self, exc: Exception) -> R:
        """The reply if the answer was complete before the transport failed; else raises the typed error."""
        if isinstance(exc, RequestyError):
            raise exc
        expired = self._expired()
        if not self.reader.is_complete or expired == "first_token":
            raise self.reader.error_for(exc, expired) from None
        return self.reader.ended()

    def _expired(self) -> Expired | None:
        self._deadlines.has_passed()
        return self._deadlines.expired

    async def _noticed(self) -> AsyncIterator[bytes]:
        fed = self.reader.fed
        async for data in self._chunks:
            yield data
            if self.reader.fed != fed:
                fed = self.reader.fed
                self._deadlines.content_came()

    async def events(self, exchange: StreamExchange[E, R]) -> AsyncGenerator[Sequence[E]]:
        """The rest of the stream as it arrives, what was held back first. Raises typed errors, already recorded."""
        reader = self.reader
        try:
            yield exchange.commit(reader)
            reader.check()
            unread = self._reply is None and not reader.is_done
            if unread:
                try:
                    async for data in self._data:
                        yield reader.feed(data)
                        reader.check()
                        if reader.is_done:
                            break
                except (*TransportError, TimeoutError) as exc:
                    self._reply = self._settle(exc)
            reply = reader.ended() if self._reply is None else self._reply
        except RequestyError as error:
            if isinstance(error, ResponseError):
                distrust(self._response)
            if not reader.is_over:
                exchange.break_off(reader, error)
            raise
        yield exchange.complete(reader, reply)
        await self._drain()

    async def _drain(self) -> None:
        if self.reader.is_done:
            self._deadlines.only(DRAIN_SECONDS)
            # The answer is complete: how the connection ends after it is of no interest.
            with contextlib.suppress(*TransportError, TimeoutError):
                async for _ in self._chunks:
                    pass

    @property
    def usage(self) -> Usage | None:
        """What the attempt is known to have used so far."""
        return usage_of(self.reader)

    async def aclose(self) -> None:
        """Free the connection."""
        await self._response.aclose()


class _Answer(Generic[T]):
    def __init__(self, running: RunningAttempt, value: tuple[T, Any]) -> None:
        self.running = running
        self.value = value
        self.usage: Usage | None = value[1]

    async def aclose(self) -> None:
        """Nothing is held open."""


async def aunary(exchange: UnaryExchange[T], prepare: AsyncPrepare, post: AsyncPost) -> T:
    """Perform a unary call to its end."""

    async def attempt(request: Request, running: RunningAttempt) -> _Answer[T]:
        return _Answer(running, await _fetch(post, request, running, exchange))

    try:
        answer = await _first(exchange, prepare, attempt)
        return exchange.complete(answer.running, answer.value)
    finally:
        exchange.stop()


async def astream_events(
    exchange: StreamExchange[E, R], prepare: AsyncPrepare, post: AsyncPost, held: list[Callable[[], object]]
) -> AsyncGenerator[E]:
    """Perform a streamed call; closing or dropping the generator frees the connection.

    ``held`` gets what ends each attempt as it begins, for whoever must end it while another task waits for an event.
    """

    async def attempt(request: Request, running: RunningAttempt) -> AsyncOpened[E, R]:
        return await AsyncOpened.open(post, request, running, exchange, held)

    opened: AsyncOpened[E, R] | None = None
    try:
        opened = await _first(exchange, prepare, attempt)
        async with contextlib.aclosing(opened.events(exchange)) as arriving:
            async for events in arriving:
                for event in events:
                    yield event
    finally:
        exchange.stop()
        if opened is not None:
            await opened.aclose()


async def _first(
    exchange: Exchange, prepare: AsyncPrepare, attempt: Callable[[Request, RunningAttempt], Awaitable[H]]
) -> H:
    """Follow the exchange's actions until an attempt answers. Raises the call's final error."""
    while True:
        action = exchange.next()
        if isinstance(action, Wait):
            await asyncio.sleep(action.seconds)
            continue
        if exchange.hedge_after is not None:
            # Few calls hedge: the module is loaded for those.
            from .race_aio import race

            won = await race(exchange, action, prepare, attempt)
            if won is not None:
                return won
            continue
        request = await prepare(action)
        running = await abegin(exchange, action, request)
        try:
            return await attempt(request, running)
        except ConfigurationError:
            raise
        except RequestyError as error:
            exchange.fail(running, error)
