"""What both shells need to know of a response's body."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

from requesty_core.network.decoding import MAX_RESPONSE_BYTES, Decoder, Plain, decoder_for
from requesty_core.network.http import DecodingError, ReadError, RemoteProtocolError, Request, Response, is_encoded
from requesty_core.network.settings import network_of

__all__ = ["BROKEN_BODY", "aarriving", "arriving", "break_off", "distrust", "max_bytes"]

BROKEN_BODY = (DecodingError, ReadError, RemoteProtocolError)
"""What a body raises that cannot be read to its end, however long one waits."""


def max_bytes(request: Request) -> int:
    """Longest complete body accepted."""
    return network_of(request.extensions).max_response_bytes or MAX_RESPONSE_BYTES


def decoder_of(response: Response, request: Request) -> Decoder | Plain:
    """What decompresses the body. Raises ``DecodingError`` for a coding that was not asked for."""
    return decoder_for(response.headers.get("content-encoding", ""), max_bytes(request)) or Plain()


def distrust(response: Response) -> None:
    """The body is not the answer it should be: its connection, which may be out of step, is not used again.

    Bytes that nobody asked for may have taken the answer's place, and the answer would be the next caller's.
    """
    close = getattr(response.stream, "distrust", None)
    if close is not None:
        close()


def break_off(response: Response) -> None:
    """End a body from another thread; whoever reads it meets the connection's end."""
    abort = getattr(response.stream, "abort", None)
    if abort is not None:
        abort()
        return
    stream = response.extensions.get("network_stream")
    # A client of the caller's: its body is read by one thread at a time, so only the socket can be ended.
    held = None if stream is None else stream.get_extra_info("socket")
    if held is not None:
        # OSError: it was closed in the same moment.
        with contextlib.suppress(OSError):
            held.shutdown(socket.SHUT_RDWR)


def arriving(response: Response, request: Request) -> Iterator[bytes]:
    """The body's bytes as they arrive, decompressed where they need to be."""
    if response.is_stream_consumed:
        return iter((response.content,))
    chunks: Iterator[bytes] = iter(response.stream)  # type: ignore[arg-type]
    return _decoded(chunks, response, request) if is_encoded(response) else chunks


def _decoded(chunks: Iterator[bytes], response: Response, request: Request) -> Iterator[bytes]:
    decoder = decoder_of(response, request)
    for chunk in chunks:
        yield from decoder.feed(chunk)
    decoder.close()


def aarriving(response: Response, request: Request) -> AsyncIterator[bytes]:
    """The same on an event loop."""
    if response.is_stream_consumed:
        return _whole(response.content)
    chunks: AsyncIterator[bytes] = response.stream.__aiter__()  # type: ignore[union-attr]
    return _adecoded(chunks, response, request) if is_encoded(response) else chunks


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _adecoded(chunks: AsyncIterator[bytes], response: Response, request: Request) -> AsyncIterator[bytes]:
    decoder = decoder_of(response, request)
    async for chunk in chunks:
        for piece in decoder.feed(chunk):
            yield piece
    decoder.close()
