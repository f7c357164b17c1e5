"""The clients: thin IO shells that perform what an exchange decides.

``RequestyClient`` and ``AsyncRequestyClient`` share everything but the performing of an action. Both are cheap to
construct, hold no connection of their own unless a transport was given, and are safe to share: a sync client between
threads, an async client between event loops.
"""

from __future__ import annotations

import asyncio
import copy
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, TypeVar, cast

from requesty_core.calls.settings import CallOptions, ClientSettings, Route
from requesty_core.embeddings.plan import Batch, EmbeddingInput, EmbeddingsReply
from requesty_core.errors import ConfigurationError, RequestyError
from requesty_core.exchange.aio import AsyncOpened, astream_events, aunary
from requesty_core.exchange.exchange import Exchange
from requesty_core.exchange.stream import StreamExchange
from requesty_core.exchange.sync import stream_events, unary
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.loops import loop_transport
from requesty_core.network.auth import RequestyAuth
from requesty_core.network.callers import as_async_transport, as_transport
from requesty_core.network.http import (
    AsyncHTTPClient,
    AsyncTransport,
    HTTPClient,
    Request,
    Response,
    Transport,
    make_request,
)
from requesty_core.network.settings import EXTENSION
from requesty_core.network.shared import shared_transport
from requesty_core.replies.reply import ChatReply, StreamEvent, TextDelta
from requesty_core.retry.fallback import Send
from requesty_core.retry.steps import Step

if TYPE_CHECKING:
    from types import AsyncGeneratorType

    from requesty_core.replies.native import NativeEvent, NativeReply

    # Imported by the properties that need them, to keep `import requesty_core` light.
    from requesty_core.routes.feedback import AsyncFeedback, Feedback
    from requesty_core.routes.management import AsyncManagement, Management
    from requesty_core.routes.media import AsyncAudio, AsyncImages, Audio, Images
    from requesty_core.routes.models import AsyncModels, Models

__all__ = ["AsyncChatStream", "AsyncRequestyClient", "AsyncStream", "ChatStream", "RequestyClient", "Stream"]

T = TypeVar("T")
E = TypeVar("E")
R = TypeVar("R", bound=Any)


def _build_request(
    settings: ClientSettings, exchange: Exchange, route: Route, send: Send, options: CallOptions
) -> Request:
    timeouts = send.timeouts
    limits = [
        t for t in (timeouts.read, timeouts.total, timeouts.first_token if route.streams else None) if t is not None
    ]
    headers = settings.headers_for(route, options)
    return make_request(
        route.method,
        route.url,
        headers,
        route.content if route.content is not None else exchange.content(send),
        {
            "timeout": {
                "connect": _least(timeouts.connect, timeouts.total),
                "read": min(limits) if limits else None,
                "write": timeouts.write,
                "pool": timeouts.pool,
            },
            EXTENSION: settings.network,
        },
    )


def _least(left: float | None, right: float | None) -> float | None:
    return left if right is None else right if left is None else min(left, right)


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

    def __getstate__(self) -> dict[str, Any]:
        # Resources (models, management, …) belong to one client and are made again when they are asked for.
        return {name: value for name, value in self.__dict__.items() if name.startswith("_")}

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
        transport: an ``httpx`` or ``httpx2`` transport or client to send with, instead of the shared one; ``"httpx"``
            sends with ``httpx``'s own, which tools know how to intercept.
        ca_bundle: a file or folder of certificates to trust instead of the default ones.
        client_cert: a file with certificate and key, or a pair of files.
        proxy: URL of a proxy.
        max_connections: connections at a time; further requests wait (``Timeouts.pool``). Default: by the file limit.
        max_response_bytes: longest complete body, and most that a compressed one may become.

    Raises:
        ConfigurationError: a setting is unusable; the message names it.
    """

    def __init__(self, *, transport: Transport | HTTPClient | Literal["httpx"] | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self._transport = None if transport is None else as_transport(transport, self._settings.network)

    @cached_property
    def models(self) -> Models:
        """The models routes."""
        from requesty_core.routes.models import Models

        return Models(self)

    @cached_property
    def feedback(self) -> Feedback:
        """Feedback on requests."""
        from requesty_core.routes.feedback import Feedback

        return Feedback(self)

    @cached_property
    def management(self) -> Management:
        """The management API."""
        from requesty_core.routes.management import Management

        return Management(self)

    @cached_property
    def images(self) -> Images:
        """Image routes."""
        from requesty_core.routes.media import Images

        return Images(self)

    @cached_property
    def audio(self) -> Audio:
        """Audio routes."""
        from requesty_core.routes.media import Audio

        return Audio(self)

    def messages(
        self, *, model: str, max_tokens: int, messages: Sequence[Mapping[str, Any]], **params: Any
    ) -> NativeReply:
        """A complete answer of ``/v1/messages`` (Anthropic format). Raises :class:`RequestyError`."""
        fields = {"max_tokens": max_tokens, "messages": messages}
        return self.run(*self._settings.native("messages", model, fields, params))

    def stream_messages(
        self, *, model: str, max_tokens: int, messages: Sequence[Mapping[str, Any]], **params: Any
    ) -> Stream[NativeEvent, NativeReply]:
        """A streamed answer of ``/v1/messages``."""
        from requesty_core.replies.native import MessagesAccumulator

        fields = {"max_tokens": max_tokens, "messages": messages}
        return Stream(self, *self._settings.native_stream("messages", model, fields, params, MessagesAccumulator))

    def responses(self, *, model: str, input: str | Sequence[Any], **params: Any) -> NativeReply:
        """A complete answer of ``/v1/responses`` (OpenAI format). Raises :class:`RequestyError`."""
        return self.run(*self._settings.native("responses", model, {"input": input}, params))

    def stream_responses(
        self,
        *,
        model: str,
        input: str | Sequence[Any],
        **params: Any,
    ) -> Stream[NativeEvent, NativeReply]:
        """A streamed answer of ``/v1/responses``."""
        from requesty_core.replies.native import ResponsesAccumulator

        fields = {"input": input}
        return Stream(self, *self._settings.native_stream("responses", model, fields, params, ResponsesAccumulator))

    def chat(self, *, model: str | Step, messages: Sequence[Mapping[str, Any]], **params: Any) -> ChatReply:
        """Ask for a complete answer.

        ``model`` is an id, or a :class:`Step` that gives the first model settings of its own. Besides the wire's own
        fields (``temperature``, ``tools``, …, sent as given; ``None`` is not sent), the call-time options of the client
        may be given: ``timeout``, ``max_retries``, ``fallbacks``, ``fallback_policy``, ``options``,
        ``extra_headers``, ``extra_body``. Raises :class:`RequestyError`.
        """
        call, options = self._settings.chat(model, messages, params)
        return self.run(call, self._settings.chat_route, options)

    def stream(self, *, model: str | Step, messages: Sequence[Mapping[str, Any]], **params: Any) -> ChatStream:
        """Ask for a streamed answer. Parameters as :meth:`chat`; nothing is sent until the stream is read."""
        exchange, options = self._settings.chat_stream(model, messages, params)
        return ChatStream(self, exchange, self._settings.stream_route, options)

    def embeddings(self, *, model: str, input: EmbeddingInput, **params: Any) -> EmbeddingsReply:
        """Embed texts (or token ids), in as many requests as needed.

        Args:
            model: embedding model id.
            input: one text or several; an empty list makes no request.
            params: wire fields (``dimensions``, ``user``, ``encoding_format``), ``batch_size`` (inputs per request,
                default 256), ``max_in_flight`` (requests at a time, default 4), ``on_batch`` (called with the number
                of inputs of every batch that is through), and the call-time options of :meth:`chat`. The client's
                ``fallbacks`` do not apply: vectors of different models do not mix.

        Raises:
            EmbeddingsError: some of several batches failed; it names the inputs and holds the vectors that came.
            RequestyError: the only batch failed.
        """
        plan, exchange, options = self._settings.embeddings(model, input, params)

        def embed(batch: Batch) -> None:
            try:
                call = exchange(batch)
                plan.done(batch, self.run(call, self._settings.embeddings_route, options), call.attempts)
            except RequestyError as error:
                plan.failed(batch, error)

        if len(plan.batches) <= 1 or plan.max_in_flight == 1:
            for batch in plan.todo():
                embed(batch)
        else:
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
        return plan.reply()

    def run(self, exchange: UnaryExchange[T], route: Route, options: CallOptions) -> T:
        """Perform a unary exchange. For the package's own routes and adapters."""
        return unary(exchange, partial(self._prepare, exchange, route, options), self._post, self._transport)

    def events(self, exchange: StreamExchange[E, R], route: Route, options: CallOptions) -> Generator[E]:
        """Perform a streamed exchange. For the package's own routes and adapters."""
        return stream_events(exchange, partial(self._prepare, exchange, route, options), self._post, self._transport)

    def _prepare(self, exchange: Exchange, route: Route, options: CallOptions, send: Send) -> Request:
        request = _build_request(self._settings, exchange, route, send, options)
        return next(self._auth.sync_auth_flow(request))

    def _post(self, request: Request) -> Response:
        transport = self._transport or shared_transport(request.url.scheme, self._settings.network)
        return transport.handle_request(request)

    def close(self) -> None:
        """Close the transport that was given to the client; the shared one stays open for others."""
        if self._transport is not None:
            self._transport.close()

    def __enter__(self) -> RequestyClient:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class Stream(Generic[E, R]):
    """A streamed answer: an iterator of typed events, and a context manager that frees the connection.

    ``message`` is the complete reply once the stream has ended.
    """

    def __init__(
        self, client: RequestyClient, exchange: StreamExchange[E, R], route: Route, options: CallOptions
    ) -> None:
        self._exchange = exchange
        self._events = client.events(exchange, route, options)

    def __iter__(self) -> Iterator[E]:
        return self._events

    def __next__(self) -> E:
        return next(self._events)

    @property
    def message(self) -> R:
        """The complete reply. Raises :class:`ConfigurationError` while the stream has not been read to its end."""
        return _finished(self._exchange)

    def close(self) -> None:
        """Stop; the connection is freed and the provider told."""
        self._events.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class ChatStream(Stream[StreamEvent, ChatReply]):
    """A streamed chat answer."""

    @property
    def text_stream(self) -> Iterator[str]:
        """The answer's text, piece by piece."""
        return (event.text for event in self._events if isinstance(event, TextDelta) and event.choice == 0)


def _finished(exchange: StreamExchange[Any, R]) -> R:
    if exchange.reply is None:
        raise ConfigurationError("message: the stream has not ended; read it to its end first")
    return exchange.reply


class AsyncRequestyClient(_BaseClient):
    """The asynchronous client. Usable from one event loop after another; arguments as :class:`RequestyClient`."""

    def __init__(
        self, *, transport: AsyncTransport | AsyncHTTPClient | Literal["httpx"] | None = None, **settings: Any
    ) -> None:
        super().__init__(**settings)
        self._transport = None if transport is None else as_async_transport(transport, self._settings.network)

    @cached_property
    def models(self) -> AsyncModels:
        """The models routes."""
        from requesty_core.routes.models import AsyncModels

        return AsyncModels(self)

    @cached_property
    def feedback(self) -> AsyncFeedback:
        """Feedback on requests."""
        from requesty_core.routes.feedback import AsyncFeedback

        return AsyncFeedback(self)

    @cached_property
    def management(self) -> AsyncManagement:
        """The management API."""
        from requesty_core.routes.management import AsyncManagement

        return AsyncManagement(self)

    @cached_property
    def images(self) -> AsyncImages:
        """Image routes."""
        from requesty_core.routes.media import AsyncImages

        return AsyncImages(self)

    @cached_property
    def audio(self) -> AsyncAudio:
        """Audio routes."""
        from requesty_core.routes.media import AsyncAudio

        return AsyncAudio(self)

    async def messages(
        self, *, model: str, max_tokens: int, messages: Sequence[Mapping[str, Any]], **params: Any
    ) -> NativeReply:
        """As :meth:`RequestyClient.messages`."""
        fields = {"max_tokens": max_tokens, "messages": messages}
        return await self.run(*self._settings.native("messages", model, fields, params))

    def stream_messages(
        self, *, model: str, max_tokens: int, messages: Sequence[Mapping[str, Any]], **params: Any
    ) -> AsyncStream[NativeEvent, NativeReply]:
        """As :meth:`RequestyClient.stream_messages`."""
        from requesty_core.replies.native import MessagesAccumulator

        fields = {"max_tokens": max_tokens, "messages": messages}
        return AsyncStream(self, *self._settings.native_stream("messages", model, fields, params, MessagesAccumulator))

    async def responses(self, *, model: str, input: str | Sequence[Any], **params: Any) -> NativeReply:
        """As :meth:`RequestyClient.responses`."""
        return await self.run(*self._settings.native("responses", model, {"input": input}, params))

    def stream_responses(
        self,
        *,
        model: str,
        input: str | Sequence[Any],
        **params: Any,
    ) -> AsyncStream[NativeEvent, NativeReply]:
        """As :meth:`RequestyClient.stream_responses`."""
        from requesty_core.replies.native import ResponsesAccumulator

        fields = {"input": input}
        return AsyncStream(
            self, *self._settings.native_stream("responses", model, fields, params, ResponsesAccumulator)
        )

    async def chat(self, *, model: str | Step, messages: Sequence[Mapping[str, Any]], **params: Any) -> ChatReply:
        """As :meth:`RequestyClient.chat`."""
        call, options = self._settings.chat(model, messages, params)
        return await self.run(call, self._settings.chat_route, options)

    def stream(self, *, model: str | Step, messages: Sequence[Mapping[str, Any]], **params: Any) -> AsyncChatStream:
        """As :meth:`RequestyClient.stream`; not a coroutine, iterate it with ``async for``."""
        exchange, options = self._settings.chat_stream(model, messages, params)
        return AsyncChatStream(self, exchange, self._settings.stream_route, options)

    async def embeddings(self, *, model: str, input: EmbeddingInput, **params: Any) -> EmbeddingsReply:
        """As :meth:`RequestyClient.embeddings`; batches run concurrently on the loop."""
        plan, exchange, options = self._settings.embeddings(model, input, params)

        async def work(batches: Iterator[Batch]) -> None:
            for batch in batches:
                try:
                    call = exchange(batch)
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
        return await aunary(exchange, partial(self._prepare, exchange, route, options), self._post)

    def events(
        self,
        exchange: StreamExchange[E, R],
        route: Route,
        options: CallOptions,
        held: list[AsyncOpened[E, R]] | None = None,
    ) -> AsyncGenerator[E]:
        """Perform a streamed exchange. For the package's own routes and adapters."""
        return astream_events(exchange, partial(self._prepare, exchange, route, options), self._post, held)

    async def _prepare(self, exchange: Exchange, route: Route, options: CallOptions, send: Send) -> Request:
        request = _build_request(self._settings, exchange, route, send, options)
        return await anext(self._auth.async_auth_flow(request))

    async def _post(self, request: Request) -> Response:
        transport = self._transport or await loop_transport(request.url.scheme, self._settings.network)
        return await transport.handle_async_request(request)

    async def close(self) -> None:
        """Close the transport that was given to the client; a loop's shared one is closed with its loop."""
        if self._transport is not None:
            await self._transport.aclose()

    async def __aenter__(self) -> AsyncRequestyClient:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


class AsyncStream(Generic[E, R]):
    """A streamed answer: an asynchronous iterator of typed events, and a context manager that frees the connection.

    ``message`` is the complete reply once the stream has ended.
    """

    def __init__(
        self, client: AsyncRequestyClient, exchange: StreamExchange[E, R], route: Route, options: CallOptions
    ) -> None:
        self._exchange = exchange
        self._held: list[AsyncOpened[E, R]] = []
        self._events = client.events(exchange, route, options, self._held)

    def __aiter__(self) -> AsyncIterator[E]:
        return self._events

    async def __anext__(self) -> E:
        return await anext(self._events)

    @property
    def message(self) -> R:
        """The complete reply. Raises :class:`ConfigurationError` while the stream has not been read to its end."""
        return _finished(self._exchange)

    async def close(self) -> None:
        """Stop; the connection is freed and the provider told.

        A task that waits for the next event meanwhile gets a :class:`TruncatedStreamError`.
        """
        if cast("AsyncGeneratorType[E, None]", self._events).ag_running:
            for opened in self._held:
                await opened.aclose()
            return
        await self._events.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


class AsyncChatStream(AsyncStream[StreamEvent, ChatReply]):
    """A streamed chat answer."""

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """The answer's text, piece by piece."""
        return (event.text async for event in self._events if isinstance(event, TextDelta) and event.choice == 0)
