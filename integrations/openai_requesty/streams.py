"""Which class the SDK's streams are of."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from openai import AsyncStream, Stream

from .aio.streams import AsyncRequestyStream
from .sync.streams import RequestyStream

__all__ = ["AsyncRequestyStream", "RequestyStream", "stream_class"]

_OURS: dict[Any, Any] = {Stream: RequestyStream, AsyncStream: AsyncRequestyStream}


def stream_class(asked: Any) -> Any:
    """Our class in place of the SDK's own; a class of the caller's stays."""
    ours = _OURS.get(get_origin(asked) or asked)
    if ours is None:
        return asked
    arguments = get_args(asked)
    return ours[arguments[0]] if arguments else ours
