"""``AsyncOpenAI`` whose calls are carried out by the core.

The SDK writes requests and reads answers as ever; below it, in place of its transport, stands the core's relay. So
everything the SDK can do (helpers, raw and streaming responses, ``with_options``) works unchanged, and everything the
core promises holds for it. What is overridden is only what the transport cannot know: typed errors, models and
streams built from what the core has decoded, and settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openai import AsyncOpenAI
from openai._compat import cached_property

from openai_requesty.answers import CoreAnswers, without_retries
from openai_requesty.errors import raising
from openai_requesty.settings import CoreSettings
from openai_requesty.sockets import without_sockets
from requesty_core import AsyncRequestyClient, ClientSettings
from requesty_core.relay import EXTENSION, AsyncRelayTransport

from .http import AsyncRelayHTTPClient
from .streams import AsyncRequestyStream

if TYPE_CHECKING:
    from openai.resources.beta import AsyncBeta
    from openai.resources.embeddings import AsyncEmbeddings
    from openai.resources.live import AsyncLive
    from openai.resources.realtime import AsyncRealtime
    from openai.resources.responses import AsyncResponses

    from .resources import AsyncRequestyChat

__all__ = ["AsyncRequestyOpenAI"]


class AsyncRequestyOpenAI(CoreSettings, CoreAnswers, AsyncOpenAI):
    """``openai.AsyncOpenAI`` for the Requesty gateway. Usable from one event loop after another.

    Settings: :class:`ClientOptions`; ``api_key`` may also be an async callable. Single calls may differ by
    ``client.with_options(fallbacks=[…])``, or by call options in ``extra_body`` (``fallbacks``, ``max_retries``,
    ``options``). Errors: see :mod:`openai_requesty.errors`.
    """

    _stream_base = AsyncRequestyStream

    def _make_core(self, settings: ClientSettings, transport: Any) -> AsyncRequestyClient:
        return AsyncRequestyClient(settings=settings, transport=transport)

    def _make_http(self, core: AsyncRequestyClient) -> AsyncRelayHTTPClient:
        return AsyncRelayHTTPClient(AsyncRelayTransport(client=core))

    async def _prepare_request(self, request: Any) -> None:
        await super()._prepare_request(request)
        request.extensions[EXTENSION] = self._core

    async def request(self, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None) -> Any:
        """As the SDK's; ``options.max_retries`` counts the core's retries."""
        retries = options.max_retries
        if isinstance(retries, int) and retries != self.max_retries:
            return await self.copy(max_retries=retries).request(
                cast_to, without_retries(options), stream=stream, stream_cls=stream_cls
            )
        options, stream_cls = self._before(options, stream_cls)
        with raising():
            return await super().request(cast_to, options, stream=stream, stream_cls=stream_cls)

    @cached_property
    def chat(self) -> AsyncRequestyChat:
        """Chat completions."""
        from .resources import AsyncRequestyChat

        return AsyncRequestyChat(self)

    @cached_property
    def responses(self) -> AsyncResponses:
        """Responses."""
        from .resources import AsyncResponsesRoute

        resource: AsyncResponses = without_sockets(self, "responses", AsyncResponsesRoute(self))
        return resource

    @cached_property
    def realtime(self) -> AsyncRealtime:
        """As in the SDK, but for the WebSocket."""
        resource: AsyncRealtime = without_sockets(self, "realtime", super().realtime)
        return resource

    @cached_property
    def live(self) -> AsyncLive:
        """As in the SDK, where it has this, but for the WebSockets."""
        resource: AsyncLive = without_sockets(self, "live", super().live)
        return resource

    @cached_property
    def beta(self) -> AsyncBeta:
        """As in the SDK, but for the WebSockets."""
        resource: AsyncBeta = without_sockets(self, "beta", super().beta)
        return resource

    @cached_property
    def embeddings(self) -> AsyncEmbeddings:
        """Embeddings."""
        from .resources import AsyncEmbeddingsRoute

        return AsyncEmbeddingsRoute(self)
