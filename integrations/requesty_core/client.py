"""The clients: thin IO shells that perform what an exchange decides.

``RequestyClient`` and ``AsyncRequestyClient`` share everything but the performing of an action. Both are cheap to
construct, hold no connection of their own unless a transport was given, and are safe to share: a sync client between
threads, an async client between event loops.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import socket
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, TypeVar

from .alarm import NO_ALARM, Alarm, set_alarm
from .auth import RequestyAuth
from .calls import CallOptions, ClientSettings, Route
from .embeddings import Batch, EmbeddingInput, EmbeddingsReply
from .errors import ConfigurationError, RequestyError
from .exchange import Exchange, Expired, Reader, StreamExchange, UnaryExchange, Wired, total_error
from .fallback import Send, Wait
from .limits import Limits
from .loops import loop_transport
from .reply import ChatReply, StreamEvent, TextDelta
from .transport import (
    AsyncHTTPClient,
    AsyncTransport,
    HTTPClient,
    Request,
    Response,
    Transport,
    TransportError,
    as_async_transport,
    as_transport,
    shared_transport,
    transport_error,
)

__all__ = ["AsyncChatStream", "AsyncRequestyClient", "ChatStream", "RequestyClient"]

T = TypeVar("T")

DRAIN_SECONDS = 1.0
"""How long to wait after ``[DONE]`` for the end of the body, which lets the connection be used again."""


def _build_request(
    settings: ClientSettings, exchange: Exchange, route: Route, send: Send, options: CallOptions
) -> Request:
    timeouts = send.timeouts
    limits = [
        t for t in (timeouts.read, timeouts.total, timeouts.first_token if route.streams else None) if t is not None
    ]
    headers = settings.headers_for(route, options)
    return Request(
        route.method,
        route.url,
        headers=headers,
        content=route.content if route.content is not None else exchange.content(send),
        extensions={
            "timeout": {
                "connect": _least(timeouts.connect, timeouts.total),
                "read": min(limits) if limits else None,
                "write": timeouts.write,
                "pool": None,
            }
        },
    )


def _least(left: float | None, right: float | None) -> float | None:
    return left if right is None else right if left is None else min(left, right)


def _wired(response: Response, content: bytes, model: str) -> Wired:
    return Wired(response.status_code, _headers(response), content, model)


def _headers(response: Response) -> dict[str, str]:
    return {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in response.headers.raw}


class _BaseClient:
    """Settings and everything that needs no IO."""

    def __init__(
        self,
        *,
        api_key: Any = None,
        base_url: str | None = None,
        region: str | None = None,
        management_url: str | None = None,
        settings: ClientSettings | None = None,
        **more: Any,
    ) -> None:
        self._settings = settings or ClientSettings.build(
            api_key=api_key, base_url=base_url, region=region, management_url=management_url, **more
        )
        self._auth = RequestyAuth(self._settings.config.api_key)

    @property
    def settings(self) -> ClientSettings:
        """The checked settings; immutable, and shared with the client's twin and copies."""
        return self._settings

    @property
    def base_url(self) -> str:
        """Where requests go."""
        return self._settings.config.base_url

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # Settings are immutable, and a transport is a shared resource.
        twin = copy.copy(self)
        memo[id(self)] = twin
        return twin


class RequestyClient(_BaseClient):
    """The synchronous client. Usable from many threads at once.

    Args:
        api_key: the key, an object with ``get_secret_value()``, or a callable asked before every request; default:
            ``REQUESTY_API_KEY`` when the first request is made.
        base_url: the gateway's OpenAI-style base URL, taken verbatim.
        region: ``global``, ``eu``, ``us`` or ``ap``, instead of ``base_url``.
        management_url: host of the management API, if it cannot be derived from the base URL.
        timeout: seconds of silence, or :class:`Timeouts`; ``None`` waits forever.
        max_retries: further attempts after a retryable failure; 0 means one request.
        fallbacks: models (or :class:`Step`) to try when the requested one fails.
        fallback_policy: the rules of retry and fallback.
        options: default gateway options (:class:`RequestyOptions` or a mapping).
        app_url, app_title: attribution, sent only if set.
        extra_headers, extra_body: sent with every request.
        ledger, budget: where cost is counted and limited.
        on_event: called with every :data:`CallEvent`.
        transport: an ``httpx`` transport or client to send with, instead of the shared one.

    Raises:
        ConfigurationError: a setting is unusable; the message names it.
    """

    def __init__(self, *, transport: Transport | HTTPClient | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._transport = None if transport is None else as_transport(transport)

    def chat(self, *, model: str, messages: Sequence[Mapping[str, Any]], **params: Any) -> ChatReply:
        """Ask for a complete answer.

        Besides the wire's own fields (``temperature``, ``tools``, …, sent as given; ``None`` is not sent), the
        call-time options of the client may be given: ``timeout``, ``max_retries``, ``fallbacks``, ``fallback_policy``,
        ``options``, ``extra_headers``, ``extra_body``. Raises :class:`RequestyError`.
        """
        call, options = self._settings.chat(model, messages, params)
        return self.run(call, self._settings.chat_route, options)

    def stream(self, *, model: str, messages: Sequence[Mapping[str, Any]], **params: Any) -> ChatStream:
        """Ask for a streamed answer. Parameters as :meth:`chat`; nothing is sent until the stream is read."""
        exchange, options = self._settings.chat_stream(model, messages, params)
        return ChatStream(self, exchange, options)

    def embeddings(self, *, model: str, input: EmbeddingInput, **params: Any) -> EmbeddingsReply:
        """Embed texts (or token ids), in as many requests as needed.

        Args:
            model: embedding model id.
            input: one text or several; an empty list makes no request.
            params: wire fields (``dimensions``, ``user``, ``encoding_format``), ``batch_size`` (inputs per request,
                default 256), ``max_in_flight`` (requests at a time, default 4), and the call-time options of
                :meth:`chat`. The client's ``fallbacks`` do not apply: vectors of different models do not mix.

        Raises:
            EmbeddingsError: some of several batches failed; it names the inputs and holds the vectors that came.
            RequestyError: the only batch failed.
        """
        plan, exchange, options = self._settings.embeddings(model, input, params)

        def embed(batch: Batch) -> None:
            call = exchange(batch)
            try:
                plan.done(batch, self.run(call, self._settings.embeddings_route, options), call.attempts)
            except RequestyError as error:
                plan.failed(batch, error)

        if len(plan.batches) <= 1 or plan.max_in_flight == 1:
            for batch in plan.todo():
                embed(batch)
        else:
            with ThreadPoolExecutor(plan.max_in_flight, "requesty-embeddings") as pool:
                room = threading.Semaphore(plan.max_in_flight)
                jobs = []
                for batch in plan.todo():
                    room.acquire()
                    job = pool.submit(embed, batch)
                    job.add_done_callback(lambda _: room.release())
                    jobs.append(job)
                for job in jobs:
                    job.result()
        return plan.reply()

    def run(self, exchange: UnaryExchange[T], route: Route, options: CallOptions) -> T:
        """Perform a unary exchange. For the package's own routes and adapters."""
        try:
            while True:
                action = exchange.next()
                if isinstance(action, Wait):
                    time.sleep(action.seconds)
                    continue
                request = self.prepare(exchange, route, action, options)
                running = exchange.begin(action)
                try:
                    response = self.send(request)
                except TransportError as exc:
                    exchange.fail(running, transport_error(exc, opened=False, model=running.model))
                    continue
                alarm = _watch(response, action.timeouts.total, running.started)
                try:
                    content = response.read()
                    if alarm.went_off:
                        # Where the length is not announced, a cut looks like the end of the body.
                        raise EOFError
                except (*TransportError, EOFError) as exc:
                    exchange.fail(
                        running,
                        total_error(action.timeouts)
                        if alarm.went_off
                        else transport_error(exc, opened=True, model=running.model),
                    )
                    continue
                finally:
                    alarm.cancel()
                    response.close()
                if exchange.received(running, _wired(response, content, running.model)):
                    return exchange.result  # type: ignore[return-value]
        finally:
            exchange.stop()

    def prepare(self, exchange: Exchange, route: Route, send: Send, options: CallOptions) -> Request:
        """The request of one attempt, with the key."""
        request = _build_request(self._settings, exchange, route, send, options)
        return next(self._auth.sync_auth_flow(request))

    def send(self, request: Request) -> Response:
        """Send one request; returns when the headers are there."""
        transport = self._transport or shared_transport(request.url.scheme)
        return transport.handle_request(request)

    def close(self) -> None:
        """Close the transport that was given to the client; the shared one stays open for others."""
        if self._transport is not None:
            self._transport.close()

    def __enter__(self) -> RequestyClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


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


class ChatStream:
    """A streamed answer: an iterator of typed events, and a context manager that frees the connection.

    ``message`` is the complete reply once the stream has ended.
    """

    def __init__(self, client: RequestyClient, exchange: StreamExchange, options: CallOptions) -> None:
        self._exchange = exchange
        self._events = _events(client, exchange, options)

    def __iter__(self) -> Iterator[StreamEvent]:
        return self._events

    def __next__(self) -> StreamEvent:
        return next(self._events)

    @property
    def text_stream(self) -> Iterator[str]:
        """The answer's text, piece by piece."""
        return (event.text for event in self._events if isinstance(event, TextDelta) and event.choice == 0)

    @property
    def message(self) -> ChatReply:
        """The complete reply. Raises :class:`ConfigurationError` while the stream has not been read to its end."""
        return _finished(self._exchange)

    def close(self) -> None:
        """Stop; the connection is freed and the provider told."""
        self._events.close()

    def __enter__(self) -> ChatStream:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


def _finished(exchange: StreamExchange) -> ChatReply:
    if exchange.reply is None:
        raise ConfigurationError("message: the stream has not ended; read it to its end first")
    return exchange.reply


def _events(
    client: RequestyClient, exchange: StreamExchange, options: CallOptions
) -> Generator[StreamEvent, None, None]:
    route = client.settings.stream_route
    try:
        while exchange.reply is None:
            action = exchange.next()
            if isinstance(action, Wait):
                time.sleep(action.seconds)
                continue
            request = client.prepare(exchange, route, action, options)
            running = exchange.begin(action)
            timeouts = action.timeouts
            response: Response | None = None
            reader: Reader | None = None
            first = total = NO_ALARM
            try:
                response = client.send(request)
                request.extensions["timeout"]["read"] = timeouts.read
                first = _watch(response, timeouts.first_token, running.started)
                total = _watch(response, timeouts.total, running.started)
                reader = exchange.opened(running, response.status_code, _headers(response))
                if reader is None:
                    exchange.reject(running, _wired(response, response.read(), running.model))
                    continue
                chunks = _body(response)
                for data in chunks:
                    events = reader.feed(data)
                    if events:
                        if reader.is_holding:
                            exchange.commit(reader)
                            first.cancel()
                        yield from events
                    if reader.failure is not None:
                        raise reader.failure
                    if reader.is_done:
                        break
                if not reader.is_done and (first.went_off or total.went_off):
                    raise EOFError
                yield from reader.ended()
                if reader.is_done:
                    total.cancel()
                    total = _watch(response, DRAIN_SECONDS, time.monotonic())
                    for _ in chunks:
                        pass
            except (*TransportError, EOFError) as exc:
                expired: Expired | None = "first_token" if first.went_off else "total" if total.went_off else None
                yield from exchange.broke(running, reader, exc, expired, opened=response is not None)
            except RequestyError as error:
                exchange.lost(running, reader, error)
            finally:
                first.cancel()
                total.cancel()
                if response is not None:
                    response.close()
    finally:
        exchange.stop()


def _body(response: Response) -> Iterator[bytes]:
    """The body's bytes as they arrive; past httpx's decoding layers where nothing is to be decoded."""
    if response.headers.get("content-encoding", "identity") != "identity":
        return response.iter_bytes()
    return iter(response.stream)  # type: ignore[arg-type]


def _abody(response: Response) -> AsyncIterator[bytes]:
    if response.headers.get("content-encoding", "identity") != "identity":
        return response.aiter_bytes()
    return response.stream.__aiter__()  # type: ignore[union-attr]


class AsyncRequestyClient(_BaseClient):
    """The asynchronous client. Usable from one event loop after another; arguments as :class:`RequestyClient`."""

    def __init__(self, *, transport: AsyncTransport | AsyncHTTPClient | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._transport = None if transport is None else as_async_transport(transport)

    async def chat(self, *, model: str, messages: Sequence[Mapping[str, Any]], **params: Any) -> ChatReply:
        """As :meth:`RequestyClient.chat`."""
        call, options = self._settings.chat(model, messages, params)
        return await self.run(call, self._settings.chat_route, options)

    def stream(self, *, model: str, messages: Sequence[Mapping[str, Any]], **params: Any) -> AsyncChatStream:
        """As :meth:`RequestyClient.stream`; not a coroutine, iterate it with ``async for``."""
        exchange, options = self._settings.chat_stream(model, messages, params)
        return AsyncChatStream(self, exchange, options)

    async def embeddings(self, *, model: str, input: EmbeddingInput, **params: Any) -> EmbeddingsReply:
        """As :meth:`RequestyClient.embeddings`; batches run concurrently on the loop."""
        plan, exchange, options = self._settings.embeddings(model, input, params)

        async def work(batches: Iterator[Batch]) -> None:
            for batch in batches:
                call = exchange(batch)
                try:
                    plan.done(batch, await self.run(call, self._settings.embeddings_route, options), call.attempts)
                except RequestyError as error:
                    plan.failed(batch, error)

        batches = plan.todo()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(plan.max_in_flight, len(plan.batches))):
                    group.create_task(work(batches))
        except BaseExceptionGroup as errors:
            # What is no RequestyError comes from the caller's own callbacks: let it out as it was raised.
            raise errors.exceptions[0] from None
        return plan.reply()

    async def run(self, exchange: UnaryExchange[T], route: Route, options: CallOptions) -> T:
        """Perform a unary exchange. For the package's own routes and adapters."""
        try:
            while True:
                action = exchange.next()
                if isinstance(action, Wait):
                    await asyncio.sleep(action.seconds)
                    continue
                request = await self.prepare(exchange, route, action, options)
                running = exchange.begin(action)
                response: Response | None = None
                try:
                    async with asyncio.timeout(action.timeouts.total):
                        response = await self.send(request)
                        content = await response.aread()
                except TransportError as exc:
                    exchange.fail(running, transport_error(exc, opened=response is not None, model=running.model))
                    continue
                except TimeoutError:
                    exchange.fail(running, total_error(action.timeouts))
                    continue
                finally:
                    if response is not None:
                        await response.aclose()
                if exchange.received(running, _wired(response, content, running.model)):
                    return exchange.result  # type: ignore[return-value]
        finally:
            exchange.stop()

    async def prepare(self, exchange: Exchange, route: Route, send: Send, options: CallOptions) -> Request:
        """The request of one attempt, with the key."""
        request = _build_request(self._settings, exchange, route, send, options)
        return await anext(self._auth.async_auth_flow(request))

    async def send(self, request: Request) -> Response:
        """Send one request; returns when the headers are there."""
        transport = self._transport or await loop_transport(request.url.scheme)
        return await transport.handle_async_request(request)

    async def close(self) -> None:
        """Close the transport that was given to the client; a loop's shared one is closed with its loop."""
        if self._transport is not None:
            await self._transport.aclose()

    async def __aenter__(self) -> AsyncRequestyClient:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


class AsyncChatStream:
    """A streamed answer: an asynchronous iterator of typed events, and a context manager that frees the connection.

    ``message`` is the complete reply once the stream has ended.
    """

    def __init__(self, client: AsyncRequestyClient, exchange: StreamExchange, options: CallOptions) -> None:
        self._exchange = exchange
        self._events = _aevents(client, exchange, options)

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self._events

    async def __anext__(self) -> StreamEvent:
        return await anext(self._events)

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The answer's text, piece by piece."""
        return (event.text async for event in self._events if isinstance(event, TextDelta) and event.choice == 0)

    @property
    def message(self) -> ChatReply:
        """The complete reply. Raises :class:`ConfigurationError` while the stream has not been read to its end."""
        return _finished(self._exchange)

    async def close(self) -> None:
        """Stop; the connection is freed and the provider told."""
        await self._events.aclose()

    async def __aenter__(self) -> AsyncChatStream:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


async def _aevents(
    client: AsyncRequestyClient, exchange: StreamExchange, options: CallOptions
) -> AsyncGenerator[StreamEvent, None]:
    route = client.settings.stream_route
    try:
        while exchange.reply is None:
            action = exchange.next()
            if isinstance(action, Wait):
                await asyncio.sleep(action.seconds)
                continue
            request = await client.prepare(exchange, route, action, options)
            running = exchange.begin(action)
            timeouts = action.timeouts
            limits = Limits(timeouts)
            response: Response | None = None
            reader: Reader | None = None
            try:
                response = await limits.wait(client.send(request))
                request.extensions["timeout"]["read"] = timeouts.read
                reader = exchange.opened(running, response.status_code, _headers(response))
                if reader is None:
                    content = await limits.wait(response.aread())
                    exchange.reject(running, _wired(response, content, running.model))
                    continue
                chunks = limits.iterate(_abody(response))
                async for data in chunks:
                    events = reader.feed(data)
                    if events:
                        if reader.is_holding:
                            exchange.commit(reader)
                            limits.first_token_came()
                        for event in events:
                            yield event
                    if reader.failure is not None:
                        raise reader.failure
                    if reader.is_done:
                        break
                for event in reader.ended():
                    yield event
                if reader.is_done:
                    limits.drain(DRAIN_SECONDS)
                    async for _ in chunks:
                        pass
            except (*TransportError, TimeoutError) as exc:
                if isinstance(exc, RequestyError):
                    exchange.lost(running, reader, exc)
                    continue
                for event in exchange.broke(running, reader, exc, limits.expired, opened=response is not None):
                    yield event
            except RequestyError as error:
                exchange.lost(running, reader, error)
            finally:
                if response is not None:
                    await response.aclose()
    finally:
        exchange.stop()
