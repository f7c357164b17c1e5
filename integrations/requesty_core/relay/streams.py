"""Streamed answers on their way to another client: bytes as they came, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from requesty_core.exchange.attempt import RunningAttempt
from requesty_core.exchange.reader import Reader
from requesty_core.exchange.stream import StreamExchange
from requesty_core.money.usage import parse_usage
from requesty_core.replies.protocols import StreamAccumulator
from requesty_core.wire.json import encode_json

from .incoming import _json
from .shapes import (
    Chunk,
)

__all__ = ["StreamPart"]

MAX_READ_ALONG = 1024 * 1024
"""Longest body of an unread route that is kept to look for its usage."""


class StreamPart(NamedTuple):
    """Bytes of the answer as they came, and the decoded chunks that they completed."""

    data: bytes
    chunks: Sequence[Chunk]


class RelayStream(StreamExchange[Any, Any]):
    """A streamed exchange whose events are :class:`StreamPart`."""

    def reader(self, running: RunningAttempt, status: int, headers: Mapping[str, str]) -> Reader[Any, Any]:
        """A reader that keeps the bytes."""
        running.received = received = self.received(running, status, headers)
        reader = running.reader = RelayReader(running, self._accumulate(received), self.clock)
        return reader

    def complete(self, reader: Reader[Any, Any], reply: Any) -> Sequence[StreamPart]:
        """The attempt ended well; what the end of the bytes completed is the last part."""
        super().complete(reader, reply)
        assert isinstance(reader, RelayReader)
        return reader.rest()


class RelayReader(Reader[Any, Any]):
    """A reader that returns each arrival's bytes together with the chunks in it."""

    __slots__ = ("_parts",)

    def __init__(
        self, running: RunningAttempt, accumulator: StreamAccumulator[Any, Any], clock: Callable[[], float]
    ) -> None:
        super().__init__(running, _Recorder(accumulator), clock)
        self._parts: list[StreamPart] = []

    def feed(self, data: bytes) -> Sequence[StreamPart]:
        """Take bytes; return them with their chunks, or, while holding back, whether it is time to commit."""
        events = super().feed(data)
        recorder = self.accumulator
        assert isinstance(recorder, _Recorder)
        part = StreamPart(data, recorder.take())
        if recorder.closes_stream and recorder.is_finished:
            self._done = True
        if self.has_failed and not part.chunks:
            # The error is raised instead of shown: a reader of bytes would stop at it before it is on record.
            return ()
        if self.is_holding or self.is_done:
            # Many readers stop at the end mark, so what holds it is handed out once the end is on record.
            self._parts.append(part)
            return (part,) if events and self.is_holding else ()
        return (part,)

    def release(self) -> Sequence[StreamPart]:
        """Everything held back; from now on bytes pass straight through."""
        super().release()
        parts = self._take()
        if self.is_done:
            self._parts = [*parts[-1:]]
            parts = parts[:-1]
        return parts

    def ended(self) -> Any:
        """As the base; chunks that only the end completed are kept for :meth:`rest`."""
        is_plain = self._plain is not None
        reply = super().ended()
        recorder = self.accumulator
        assert isinstance(recorder, _Recorder)
        chunks = recorder.take()
        if is_plain:
            # A complete answer came instead of a stream: readers of bytes get it as the stream they asked for.
            self._parts = [StreamPart(_as_events(chunks), chunks)]
        elif chunks:
            self._parts.append(StreamPart(b"", chunks))
        return reply

    def rest(self) -> Sequence[StreamPart]:
        """What is left after the end."""
        return self._take()

    def _take(self) -> Sequence[StreamPart]:
        parts, self._parts = self._parts, []
        return parts


class _Recorder:
    """An accumulator that remembers what it returned since it was last asked."""

    def __init__(self, inner: StreamAccumulator[Any, Any]) -> None:
        self._inner = inner
        self._chunks: list[Chunk] = []
        self.closes_stream: bool = getattr(inner, "closes_stream", False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def feed(self, chunk: object) -> list[Chunk]:
        """As the inner accumulator."""
        chunks = self._inner.feed(chunk)
        self._chunks += chunks
        return chunks

    def feed_whole(self, body: object) -> list[Chunk]:
        """As the inner accumulator."""
        self._chunks += self._inner.feed_whole(body)
        return self._chunks

    def take(self) -> Sequence[Chunk]:
        """What was returned since the last time."""
        chunks, self._chunks = self._chunks, []
        return chunks


def _as_events(chunks: Iterable[Chunk]) -> bytes:
    events = [b"data: " + encode_json(chunk) + b"\n\n" for chunk in chunks]
    return b"".join((*events, b"data: [DONE]\n\n"))


class OpaqueStream(StreamExchange[Any, Any]):
    """A call whose answer is passed on unread."""

    def reader(self, running: RunningAttempt, status: int, headers: Mapping[str, str]) -> Reader[Any, Any]:
        """A reader that reads nothing but usage."""
        running.received = self.received(running, status, headers)
        reader = running.reader = OpaqueReader(running, self._accumulate(running.received), self.clock)
        return reader

    def content(self, send: Any) -> bytes:
        """The body is the route's own."""
        return b""


class OpaqueReader(Reader[Any, Any]):
    """Passes bytes on; a JSON body of moderate size is kept to find its usage at the end."""

    __slots__ = ("_kept", "_parts")

    def __init__(
        self, running: RunningAttempt, accumulator: StreamAccumulator[Any, Any], clock: Callable[[], float]
    ) -> None:
        super().__init__(running, accumulator, clock)
        assert running.received is not None
        is_json = "json" in running.received.headers.get("content-type", "")
        self._kept: list[bytes] | None = [] if is_json else None
        self._parts: list[StreamPart] = []

    def feed(self, data: bytes) -> Sequence[StreamPart]:
        """Pass the bytes on. The first of them commit."""
        if self._kept is not None:
            self._size += len(data)
            if self._size > MAX_READ_ALONG:
                self._kept = None
            else:
                self._kept.append(data)
        part = StreamPart(data, ())
        if self.is_holding:
            self._parts.append(part)
            self.running.first_token = self._clock()
        return (part,)

    def release(self) -> Sequence[StreamPart]:
        """The first bytes."""
        super().release()
        parts, self._parts = self._parts, []
        return parts

    def ended(self) -> Any:
        """The reply with what the body and the headers tell."""
        reply = self.accumulator.finish(done=True)
        received = self.running.received
        assert received is not None
        reply.request_id, reply.provider = received.request_id, received.provider
        body = received.names(_json(b"".join(self._kept))) if self._kept else None
        if isinstance(body, dict):
            reply.usage = parse_usage(body.get("usage"))
            model = body.get("model")
            reply.served_model = model if isinstance(model, str) else None
        return reply
