"""The asynchronous client: a thin IO shell that performs what an exchange decides.

Cheap to construct, holds no connection of its own unless a transport was given, and is safe to share between event
loops.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, Unpack

from requesty_core.calls.exchanges import (
    chat_exchange,
    chat_stream_exchange,
    native_exchange,
    native_stream_exchange,
)
from requesty_core.calls.route import CallOptions, Route
from requesty_core.client.base import BaseClient
from requesty_core.client.sender_aio import AsyncSender
from requesty_core.exchange.exchange import Exchange
from requesty_core.exchange.stream import StreamExchange
from requesty_core.exchange.unary import UnaryExchange
from requesty_core.network.http import AsyncHTTPClient, AsyncTransport, Request
from requesty_core.replies.reply import ChatReply
from requesty_core.retry.fallback import Send
from requesty_core.retry.steps import Step

from .streams import AsyncChatStream, AsyncStream

if TYPE_CHECKING:
    from requesty_core.calls.embedding import EmbeddingsCall
    from requesty_core.calls.typed import ClientArguments

    # Imported by the methods that need them, to keep the import of a client light.
    from requesty_core.embeddings.inputs import EmbeddingInput
    from requesty_core.embeddings.replies import EmbeddingsReply
    from requesty_core.replies.native import NativeEvent, NativeReply
    from requesty_core.routes.aio.feedback import AsyncFeedback
    from requesty_core.routes.aio.management import AsyncManagement
    from requesty_core.routes.aio.media import AsyncAudio, AsyncImages
    from requesty_core.routes.aio.models import AsyncModels

    from .embeddings import AsyncEmbeddingsStream

__all__ = ["AsyncRequestyClient"]

T = TypeVar("T")
E = TypeVar("E")
R = TypeVar("R", bound=Any)


class AsyncRequestyClient(BaseClient):
    """The asynchronous client. Usable from one event loop after another.

    Args:
        api_key: the key, an object with ``get_secret_value()``, or a callable asked before every request; default:
            ``REQUESTY_API_KEY``, now or, if it is not set yet, when the first request is made.
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
        adapt: when the fields that you set follow a model's rules: ``"chain"`` (for the later models of a chain, which
            would refuse them otherwise; :attr:`Attempt.left_out` names them), ``"always"`` or ``"never"``.
        require: what the catalogue must show of every model before anything is sent to it, for example
            ``{"geolocation": "eu", "training": False, "retention": "none"}``; unknown is refused.
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

    def __init__(
        self,
        *,
        transport: AsyncTransport | AsyncHTTPClient | Literal["httpx"] | None = None,
        **settings: Unpack[ClientArguments],
    ) -> None:
        super().__init__(**settings)
        self._sender = AsyncSender(transport, self._settings.network)

    @property
    def has_own_transport(self) -> bool:
        """Whether it was given a transport, and does not send by the shared one."""
        return self._sender.has_given

    @cached_property
    def models(self) -> AsyncModels:
        """The models routes."""
        from requesty_core.routes.aio.models import AsyncModels

        return AsyncModels(self)

    @cached_property
    def feedback(self) -> AsyncFeedback:
        """Feedback on requests."""
        from requesty_core.routes.aio.feedback import AsyncFeedback

        return AsyncFeedback(self)

    @cached_property
    def management(self) -> AsyncManagement:
        """The management API."""
        from requesty_core.routes.aio.management import AsyncManagement

        return AsyncManagement(self)

    @cached_property
    def images(self) -> AsyncImages:
        """Image routes."""
        from requesty_core.routes.aio.media import AsyncImages

        return AsyncImages(self)

    @cached_property
    def audio(self) -> AsyncAudio:
        """Audio routes."""
        from requesty_core.routes.aio.media import AsyncAudio

        return AsyncAudio(self)

    async def messages(
        self, *, model: str, max_tokens: int, messages: Sequence[Mapping[str, Any]], **params: Any
    ) -> NativeReply:
        """A complete answer of ``/v1/messages`` (Anthropic format). Raises :class:`RequestyError`."""
        fields = {"max_tokens": max_tokens, "messages": messages}
        return await self.run(*native_exchange(self._settings, "messages", model, fields, params))

    def stream_messages(
        self, *, model: str, max_tokens: int, messages: Sequence[Mapping[str, Any]], **params: Any
    ) -> AsyncStream[NativeEvent, NativeReply]:
        """A streamed answer of ``/v1/messages``."""
        from requesty_core.replies.native import MessagesAccumulator

        fields = {"max_tokens": max_tokens, "messages": messages}
        exchange, route, options = native_stream_exchange(
            self._settings, "messages", model, fields, params, MessagesAccumulator
        )
        return AsyncStream(exchange, *self.start(exchange, route, options))

    async def responses(self, *, model: str, input: str | Sequence[Any], **params: Any) -> NativeReply:
        """A complete answer of ``/v1/responses`` (OpenAI format). Raises :class:`RequestyError`."""
        return await self.run(*native_exchange(self._settings, "responses", model, {"input": input}, params))

    def stream_responses(
        self, *, model: str, input: str | Sequence[Any], **params: Any
    ) -> AsyncStream[NativeEvent, NativeReply]:
        """A streamed answer of ``/v1/responses``."""
        from requesty_core.replies.native import ResponsesAccumulator

        fields = {"input": input}
        exchange, route, options = native_stream_exchange(
            self._settings, "responses", model, fields, params, ResponsesAccumulator
        )
        return AsyncStream(exchange, *self.start(exchange, route, options))

    async def chat(self, *, model: str | Step, messages: Sequence[Mapping[str, Any]], **params: Any) -> ChatReply:
        """Ask for a complete answer.

        ``model`` is an id, or a :class:`Step` that gives the first model settings of its own. Besides the wire's own
        fields (``temperature``, ``tools``, …, sent as given; ``None`` is not sent), the call-time options of the client
        may be given: ``timeout``, ``max_retries``, ``fallbacks``, ``fallback_policy``, ``options``,
        ``extra_headers``, ``extra_body``. Raises :class:`RequestyError`.
        """
        exchange, options = chat_exchange(self._settings, model, messages, params)
        return await self.run(exchange, self._settings.routes.chat, options)

    def stream(self, *, model: str | Step, messages: Sequence[Mapping[str, Any]], **params: Any) -> AsyncChatStream:
        """Ask for a streamed answer, as :meth:`chat`; nothing is sent until it is iterated."""
        exchange, options = chat_stream_exchange(self._settings, model, messages, params)
        return AsyncChatStream(exchange, *self.start(exchange, self._settings.routes.stream, options))

    async def embeddings(self, *, model: str, input: EmbeddingInput, **params: Any) -> EmbeddingsReply:
        """Embed texts (or token ids), in as many requests as needed.

        Args:
            model: embedding model id.
            input: one text or several, in any iterable with an order; none makes no request. One text alone does not
                wait in the client's line.
            params: wire fields (``dimensions``, ``user``, ``encoding_format``), the call-time options of :meth:`chat`
                (the client's ``fallbacks`` do not apply: vectors of different models do not mix), ``batch_size``
                (most inputs per request, default 256, never more than the model takes), ``max_in_flight`` (requests
                of the client at a time, default 4), ``on_batch`` (called with the number of inputs that came
                through), ``halves`` (whether a refused batch is tried in halves, default ``True``), and ``as_lists``
                (whether vectors are lists from the start, not arrays of float32).

        Raises:
            EmbeddingsError: some inputs were not embedded; it names them and holds the vectors of the others.
            RequestyError: the only request failed.
        """
        call = _embeddings_call(self._settings, model, input, params)
        told = 0
        async with aclosing(self._batches(call)) as steps:
            async for _ in steps:
                told = call.tell(told)
        return call.run.reply()

    def stream_embeddings(self, *, model: str, input: EmbeddingInput, **params: Any) -> AsyncEmbeddingsStream:
        """Embed any number of texts in bounded memory: an iterator of pairs of position and vector, in order.

        Parameters as :meth:`embeddings`; ``input`` may be a generator, and is read, like the requests are sent, only as
        the vectors are. If some inputs were not embedded, :class:`EmbeddingsError` names them after all other vectors.
        Not a coroutine: iterate it with ``async for``.
        """
        from .embeddings import AsyncEmbeddingsStream

        call = _embeddings_call(self._settings, model, input, params, streamed=True)
        return AsyncEmbeddingsStream(call, self._batches(call))

    def _batches(self, call: EmbeddingsCall) -> AsyncGenerator[None]:
        route, options = self._settings.routes.embeddings, call.options
        return self._sender.batches(
            call.run, call.line, call.exchange_for, lambda exchange: partial(self._prepare, exchange, route, options)
        )

    async def run(self, exchange: UnaryExchange[T], route: Route, options: CallOptions) -> T:
        """Perform a unary exchange. For the package's own routes and adapters."""
        return await self._sender.unary(exchange, partial(self._prepare, exchange, route, options))

    def start(
        self, exchange: StreamExchange[E, R], route: Route, options: CallOptions
    ) -> tuple[AsyncGenerator[E], Callable[[], Awaitable[None]]]:
        """The events of a streamed exchange, and what ends them from anywhere. For the package's own adapters."""
        return self._sender.start(exchange, partial(self._prepare, exchange, route, options))

    async def _prepare(self, exchange: Exchange, route: Route, options: CallOptions, send: Send) -> Request:
        request = self._request(exchange, route, options, send)
        return await self._auth.aauthorised(request)

    async def close(self) -> None:
        """Close the transport that was given to the client; the shared one of a loop is closed with its loop."""
        await self._sender.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()


def _embeddings_call(*args: Any, **more: Any) -> EmbeddingsCall:
    from requesty_core.calls.embedding import embeddings_call

    return embeddings_call(*args, **more)
