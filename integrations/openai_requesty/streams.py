"""The SDK's streams, fed with the chunks that the core has decoded already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar, get_args, get_origin

from openai import AsyncStream, Stream

from requesty_core.errors import RequestyError
from requesty_core.relay.details import CallDetails

from .decode import builder
from .details import call_details, relayed_of
from .errors import raising, sdk_error

__all__ = ["AsyncRequestyStream", "RequestyStream", "stream_class"]

T = TypeVar("T")


def _build(stream: Any) -> Callable[[Any], Any]:
    client, cast_to, response = stream._client, stream._cast_to, stream.response

    def slow(data: Any) -> Any:
        return client._process_response_data(data=data, cast_to=cast_to, response=response)

    return slow if client._strict_response_validation else builder(cast_to, slow)


class RequestyStream(Stream[T]):
    """The SDK's ``Stream``. An answer that breaks off raises a typed error with what had arrived."""

    @property
    def details(self) -> CallDetails:
        """Attempts, cost and the rest, as far as known; complete once the stream has ended."""
        return call_details(self.response)

    def __stream__(self) -> Iterator[T]:
        relayed = relayed_of(self.response)
        request = self.response.request
        if relayed is None or relayed.parts is None:
            with raising(request):
                yield from super().__stream__()
            return
        build = _build(self)
        try:
            for part in relayed.parts:
                for chunk in part.chunks:
                    yield build(chunk)
        except RequestyError as error:
            raise sdk_error(error, request) from error
        finally:
            self.response.close()


class AsyncRequestyStream(AsyncStream[T]):
    """The SDK's ``AsyncStream``; see :class:`RequestyStream`."""

    @property
    def details(self) -> CallDetails:
        """As :attr:`RequestyStream.details`."""
        return call_details(self.response)

    async def __stream__(self) -> AsyncIterator[T]:
        relayed = relayed_of(self.response)
        request = self.response.request
        if relayed is None or relayed.parts is None:
            with raising(request):
                async for item in super().__stream__():
                    yield item
            return
        build = _build(self)
        try:
            async for part in relayed.parts:
                for chunk in part.chunks:
                    yield build(chunk)
        except RequestyError as error:
            raise sdk_error(error, request) from error
        finally:
            await self.response.aclose()


_OURS: dict[Any, Any] = {Stream: RequestyStream, AsyncStream: AsyncRequestyStream}


def stream_class(asked: Any) -> Any:
    """Our class in place of the SDK's own; a class of the caller's stays."""
    ours = _OURS.get(get_origin(asked) or asked)
    if ours is None:
        return asked
    arguments = get_args(asked)
    return ours[arguments[0]] if arguments else ours
