"""The SDK's stream, fed with the chunks that the core has decoded already."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TypeVar

from openai import AsyncStream

from openai_requesty.decode import chunk_builder
from openai_requesty.details import call_details, relayed_of
from openai_requesty.errors import raising, sdk_error
from requesty_core.errors import RequestyError
from requesty_core.relay import CallDetails

__all__ = ["AsyncRequestyStream"]

T = TypeVar("T")


class AsyncRequestyStream(AsyncStream[T]):
    """The SDK's ``AsyncStream``. An answer that breaks off raises a typed error with what had arrived."""

    @property
    def details(self) -> CallDetails:
        """Attempts, cost and the rest, as far as known; complete once the stream has ended."""
        return call_details(self.response)

    async def __stream__(self) -> AsyncIterator[T]:
        relayed = relayed_of(self.response)
        request = self.response.request
        if relayed is None or relayed.parts is None:
            with raising(request):
                async for item in super().__stream__():
                    yield item
            return
        build = chunk_builder(self)
        try:
            async for part in relayed.parts:
                for chunk in part.chunks:
                    yield build(chunk)
        except RequestyError as error:
            raise sdk_error(error, request) from error
        finally:
            await self.response.aclose()
