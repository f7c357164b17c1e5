"""Resources whose methods keep large requests cheap, and send classes as schemas that can be sent."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING

from openai._compat import cached_property
from openai.resources.chat import AsyncChat
from openai.resources.chat.completions import AsyncCompletions
from openai.resources.embeddings import AsyncEmbeddings
from openai.resources.responses import AsyncResponses

from openai_requesty.direct import direct
from openai_requesty.formats import WHOLE, is_class, sending, wanted_format

__all__ = ["AsyncEmbeddingsRoute", "AsyncRequestyChat", "AsyncResponsesRoute"]


class _AsyncCompletions(AsyncCompletions):
    if not TYPE_CHECKING:

        @functools.wraps(AsyncCompletions.create)
        async def create(self, **arguments):
            return await direct(super().create)(**arguments)

        @functools.wraps(AsyncCompletions.parse)
        async def parse(self, **arguments):
            with sending(wanted_format(arguments.get("response_format"))):
                return await direct(super().parse)(**arguments)


class AsyncRequestyChat(AsyncChat):
    """``client.chat``."""

    @cached_property
    def completions(self) -> AsyncCompletions:
        """``client.chat.completions``."""
        return _AsyncCompletions(self._client)


class AsyncResponsesRoute(AsyncResponses):
    """``client.responses``."""

    if not TYPE_CHECKING:

        @functools.wraps(AsyncResponses.create)
        async def create(self, **arguments):
            """As the SDK's."""
            return await direct(super().create)(**arguments)

        @functools.wraps(AsyncResponses.parse)
        async def parse(self, **arguments):
            """As the SDK's; a class may be one that its own helper makes no schema of."""
            with sending(wanted_format(arguments.get("text_format"))):
                return await direct(super().parse)(**arguments)

        @functools.wraps(AsyncResponses.stream)
        def stream(self, **arguments):
            """As the SDK's."""
            if not is_class(arguments.get("text_format")):
                return super().stream(**arguments)
            # The helper sends its request by "create" when it is entered; it is not told apart from others there.
            helper = copy.copy(self)
            helper.create = self._create_whole
            return super(AsyncResponsesRoute, helper).stream(**arguments)

        async def _create_whole(self, **arguments):
            with sending(WHOLE):
                return await self.create(**arguments)


class AsyncEmbeddingsRoute(AsyncEmbeddings):
    """``client.embeddings``."""

    if not TYPE_CHECKING:

        @functools.wraps(AsyncEmbeddings.create)
        async def create(self, **arguments):
            """As the SDK's."""
            return await direct(super().create)(**arguments)
