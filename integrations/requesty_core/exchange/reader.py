"""Reading one attempt's bytes: events are held back until the first meaningful one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar, cast

from requesty_core.errors import (
    MalformedResponseError,
    RequestyError,
    TruncatedStreamError,
)
from requesty_core.money.usage import Usage
from requesty_core.network.deadlines import Expired
from requesty_core.network.sse import MAX_EVENT_BYTES, SSEDecoder
from requesty_core.replies.accumulate import Accumulator
from requesty_core.replies.protocols import StreamAccumulator, StreamReply
from requesty_core.replies.reply import ChatReply
from requesty_core.wire.json import UNREADABLE, JSONDecodeError, decode_directly, decode_json

from .attempt import RunningAttempt, transport_failure

__all__ = ["Reader", "usage_of"]

E = TypeVar("E")
R = TypeVar("R", bound="StreamReply")


def usage_of(reader: Reader[Any, Any]) -> Usage | None:
    """What the attempt behind a reader is known to have used so far."""
    partial = reader.partial()
    usage: Usage | None = None if partial is None else partial.usage
    return usage


class Reader(Generic[E, R]):
    """Reads one attempt's bytes and holds its events back until the first meaningful one.

    A body that is no event stream (JSON or HTML under status 200) is kept whole and judged at its end.
    """

    __slots__ = (
        "_clock",
        "_decoder",
        "_done",
        "_failure",
        "_held",
        "_max_bytes",
        "_plain",
        "_size",
        "_texts",
        "_undecided",
        "accumulator",
        "fed",
        "is_over",
        "late",
        "running",
    )

    def __init__(
        self, running: RunningAttempt, accumulator: StreamAccumulator[E, R], clock: Callable[[], float]
    ) -> None:
        self.running = running
        self.accumulator = accumulator
        reads: object = accumulator
        self._texts = reads if isinstance(reads, Accumulator) else None
        self.fed = 0
        """How often bytes brought content."""
        self.is_over = False
        """Whether the attempt has been recorded."""
        self._failure: RequestyError | None = None
        self._clock = clock
        self._max_bytes = MAX_EVENT_BYTES
        self._decoder = SSEDecoder()
        self._done = False
        self._held: list[E] | None = []
        self.late: Sequence[E] = ()
        """Events of a last line that the end of the body completed."""
        self._plain: list[bytes] | None = None
        self._size = 0
        self._undecided = True

    def bound(self, max_bytes: int) -> None:
        """Keep nothing whole that is longer than this: no event, and no body that is no event stream."""
        if max_bytes < self._max_bytes:
            self._max_bytes = max_bytes
            self._decoder = SSEDecoder(max_bytes)

    @property
    def has_failed(self) -> bool:
        """Whether the bytes held an error; the events before it were still returned."""
        return self._failure is not None

    def check(self) -> None:
        """Raise the error the bytes held, if any."""
        if self._failure is not None:
            raise self._failure

    @property
    def is_done(self) -> bool:
        """Whether ``[DONE]`` was seen; nothing after it matters."""
        return self._done

    @property
    def is_complete(self) -> bool:
        """Whether the answer itself has ended, be the connection closed properly or not."""
        return self._done or self.accumulator.is_finished

    @property
    def is_holding(self) -> bool:
        """Whether the caller has not seen any event yet."""
        return self._held is not None

    def partial(self) -> R | None:
        """What has arrived so far."""
        return self.accumulator.partial()

    def feed(self, data: bytes) -> Sequence[E]:
        """Take bytes; return the events in them. An error among them is raised by :meth:`check`.

        While events are held back, nothing is returned until one is meaningful; then :meth:`release` has them.
        """
        events: list[E] = []
        feed, texts, received = self.accumulator.feed, self._texts, self.running.received
        named = None if self._held is None or received is None else received.names
        try:
            if self._held is not None and self._is_plain(data):
                return ()
            for event in self._decoder.read(data):
                if isinstance(event, bytes):
                    if texts is not None and texts.expects_text and (text := texts.read_text(event)) is not None:
                        events.append(cast("E", text))
                        continue
                    payload, name = event, None
                else:
                    payload, name = event
                if payload[:1] != b"{":
                    payload = payload.strip()
                    if payload == b"[DONE]":
                        self._done = True
                        break
                    if not payload:
                        continue
                try:
                    chunk = decode_directly(payload)
                except UNREADABLE:
                    chunk = _decoded(payload)
                if named is not None and len(events) < 2:
                    # What names the answer is in its first chunks, up to the first that shows something.
                    chunk = named(chunk)
                events += feed(chunk if name is None else _chunk(name, chunk))
        except RequestyError as error:
            self._failure = self._with_partial(error)
        if events:
            self.fed += 1
        held = self._held
        if held is None:
            return events
        held += events
        if any(map(self.accumulator.is_meaningful, events)):
            self.running.first_token = self._clock()
            return held
        return ()

    def release(self) -> Sequence[E]:
        """The events held back; from now on events pass straight through."""
        held, self._held = self._held, None
        return held or ()

    def ended(self) -> R:
        """The bytes ended: the reply. Raises if the answer is not complete."""
        try:
            events = self._read_plain() if self._plain is not None else self._read_rest()
            if self._held is not None:
                self._held += events
            else:
                self.late = events
            return self.accumulator.finish(done=self._done)
        except RequestyError as error:
            raise self._with_partial(error) from None

    def error_for(self, exc: Exception, expired: Expired | None) -> RequestyError:
        """The typed error for a transport failure or an expired limit while the body was arriving."""
        return self._with_partial(transport_failure(self.running, exc, expired, opened=True))

    def _with_partial(self, error: RequestyError) -> RequestyError:
        if error.partial is None:
            # Routes other than chat have a reply class of their own with the same usage attribute.
            error.partial = cast("ChatReply | None", self.partial())
        return error

    def _read_rest(self) -> Sequence[E]:
        events: list[E] = []
        if self._done:
            return events
        for event in self._decoder.close():
            if event.data.strip() == b"[DONE]":
                self._done = True
                continue
            try:
                chunk = decode_json(event.data)
            except JSONDecodeError:
                # Cut inside an event: the answer is truncated unless its end had been announced before.
                if self.accumulator.is_finished:
                    continue
                raise TruncatedStreamError("the stream was cut inside an event") from None
            events += self.accumulator.feed(_chunk(event.event, chunk))
        return events

    def _is_plain(self, data: bytes) -> bool:
        """Whether the body is no event stream; its first visible character decides, wherever the pieces are cut."""
        if self._plain is None:
            first = data.lstrip()[:1] if self._undecided else b""
            if first:
                self._undecided = False
            if first not in (b"{", b"[", b"<"):
                return False
            self._plain = []
        self._plain.append(data)
        self._size += len(data)
        if self._size > self._max_bytes:
            self._plain.clear()
            raise MalformedResponseError(f"the body is no event stream and longer than {self._max_bytes} bytes")
        return True

    def _read_plain(self) -> Sequence[E]:
        received = self.running.received
        assert received is not None
        received.content = b"".join(self._plain or ())
        events = self.accumulator.feed_whole(received.json())
        self._done = True
        self.running.first_token = self._clock()
        return events


def _chunk(name: bytes | None, chunk: object) -> object:
    """The chunk of an event; an ``event: error`` line makes an error of a chunk that does not say so itself."""
    if name == b"error" and type(chunk) is dict and "error" not in chunk:
        return {"error": chunk}
    return chunk


def _decoded(payload: bytes) -> object:
    """What does not come as msgspec reads it. Raises :class:`MalformedResponseError`."""
    try:
        return decode_json(payload)
    except JSONDecodeError as exc:
        raise _malformed(payload, exc) from None


def _malformed(payload: bytes, exc: Exception) -> RequestyError:
    excerpt = payload[:120].decode("utf-8", "replace")
    return MalformedResponseError(f"an event of the stream is not JSON ({exc}): {excerpt}")
