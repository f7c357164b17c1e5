"""Chat resources that keep large requests cheap."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from openai._compat import cached_property
from openai.resources.chat import AsyncChat
from openai.resources.chat.completions import AsyncCompletions

from openai_requesty.formats import formatted, parsing, streamed
from openai_requesty.plain import past

__all__ = ["AsyncRequestyChat"]


class _AsyncCompletions(AsyncCompletions):
    if not TYPE_CHECKING:

        @functools.wraps(AsyncCompletions.create)
        async def create(self, **arguments):
            return await super().create(**past(streamed(arguments), "messages", "tools"))

        @functools.wraps(AsyncCompletions.parse)
        async def parse(self, **arguments):
            arguments, compiled = formatted(arguments)
            with parsing(compiled):
                return await super().parse(**past(arguments, "messages"))


class AsyncRequestyChat(AsyncChat):
    """``client.chat``."""

    @cached_property
    def completions(self) -> AsyncCompletions:
        """``client.chat.completions``."""
        return _AsyncCompletions(self._client)
