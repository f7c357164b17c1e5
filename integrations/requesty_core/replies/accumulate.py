"""From wire messages to one complete reply, without IO.

Theory of operation. A complete message and a delta have the same fields, so one reader takes both: a unary body is a
stream of one delta. Each choice keeps lists of pieces that are joined once, at the end, so cost does not grow with
length. Tool-call pieces are sorted into slots; the rules cover everything the wire contract lists (interleaved calls,
two calls in one chunk, missing or equal indexes, repeated ids and names, arguments as an object, the legacy
``function_call``). What is new in a delta is also returned as typed events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from requesty_core.errors import (
    EmptyChoicesError,
    MalformedResponseError,
    StreamError,
    TruncatedStreamError,
    error_from_body,
)
from requesty_core.money.usage import parse_usage
from requesty_core.wire.json import UNREADABLE

from .attempts import Attempt
from .choice import ChoiceState
from .finish import finish_reason
from .reply import (
    ChatReply,
    Message,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    with_attempts,
)
from .text_chunk import TEXT_FIELDS, decode_text_chunk, only_text

__all__ = ["Accumulator", "choice_index", "read_completion"]

KNOWN_FIELDS = frozenset(
    ("id", "object", "created", "model", "choices", "usage", "error", "system_fingerprint", "service_tier")
)


class Context(Protocol):
    """Fields of a reply that are told by the headers of its response."""

    @property
    def provider(self) -> str | None:
        """Who answered."""

    @property
    def request_id(self) -> str | None:
        """The gateway's id of the request."""

    @property
    def headers(self) -> Mapping[str, str]:
        """All of them, with lower-case names."""


class Accumulator:
    """Reads chunks (or one complete body) and builds the reply.

    Args:
        requested_model: the id this attempt asked for.
        declared_tools: names of the caller's tools; calls of others that the provider ran itself are set aside in
            ``server_tool_calls``. ``None`` keeps every call.
        context: what is known from outside the body.
    """

    def __init__(
        self, requested_model: str, declared_tools: frozenset[str] | None = None, context: Context | None = None
    ) -> None:
        self._declared = declared_tools
        self._context = context
        self._model = requested_model
        self._choices: dict[int, ChoiceState] = {}
        self._first: ChoiceState | None = None
        self._usage: Mapping[str, Any] | None = None
        self._id: str | None = None
        self._served: str | None = None
        self._created: int | None = None
        self._fingerprint: str | None = None
        self._tier: Any = None
        self._started = False
        self._extra: dict[str, Any] = {}
        self._was_text = False
        """Whether the last chunk ended in text, as the next then may be nothing else."""
        self.expects_text = False
        """Whether the last chunk brought text and nothing else, as the next then will: :meth:`read_text` is for it."""

    @property
    def is_finished(self) -> bool:
        """Whether every choice seen has a finish reason."""
        return bool(self._choices) and all(c.finish is not None for c in self._choices.values())

    @property
    def is_started(self) -> bool:
        """Whether any chunk was read."""
        return self._started

    def feed(self, chunk: object, part: str = "delta") -> list[StreamEvent]:
        """Read one decoded chunk; return what is new in it.

        Raises the typed error of an error chunk, with everything read so far as its ``partial``, and
        ``MalformedResponseError`` for a chunk that is not an object with choices.
        """
        if type(chunk) is not dict:
            raise MalformedResponseError(f"a chunk is not an object but {type(chunk).__name__}", partial=self.partial())
        is_alike = self._was_text and TEXT_FIELDS.issuperset(chunk)
        if is_alike and (text := only_text(chunk, part, self._choices)) is not None:
            self.expects_text = part == "delta"
            return [text]
        events: list[StreamEvent] = []
        usage = chunk.get("usage")
        if type(usage) is dict and (self._usage is None or any(usage.values())):
            # Usage is cumulative where it is sent more than once: the last one counts, unless it is only zeros.
            self._usage = usage
        is_first = not self._started
        if is_first:
            self._start(chunk)
        if "service_tier" in chunk:
            self._tier = chunk["service_tier"] or self._tier
        choices = chunk.get("choices")
        if choices:
            if type(choices) is not list:
                raise MalformedResponseError("choices is not a list", partial=self.partial())
            for choice in choices:
                self._take_choice(choice, part, events)
        error = chunk.get("error")
        if error is not None and (_says_something(error) or not choices):
            raise error_from_body(
                error, in_stream=part == "delta", requested_model=self._model, partial=self.partial(started=True)
            )
        if not KNOWN_FIELDS.issuperset(chunk):
            self._extra.update({k: v for k, v in chunk.items() if k not in KNOWN_FIELDS})
        self._was_text = bool(events) and type(events[-1]) is TextDelta
        if is_first:
            is_bare = not events and not self.is_finished
            events.insert(0, MessageStart(self._id, self._served, self._created, self._model, is_bare))
        return events

    def read_text(self, payload: bytes) -> TextDelta | None:
        """The event of a chunk as JSON that brings text and nothing else; ``None`` for any other, which is not read."""
        try:
            choice = decode_text_chunk(payload).choices[0]
            text, state = choice.delta.content, self._choices[choice.index]
        except (KeyError, *UNREADABLE):
            self.expects_text = False
            return None
        if not text or state.is_split:
            self.expects_text = False
            return None
        state.texts.append(text)
        return TextDelta(text, choice.index)

    def _start(self, chunk: dict[str, Any]) -> None:
        self._started = True
        text_id, model, created = chunk.get("id"), chunk.get("model"), chunk.get("created")
        self._id = text_id if isinstance(text_id, str) else None
        self._served = model if isinstance(model, str) and model else None
        self._created = seconds(created)
        fingerprint = chunk.get("system_fingerprint")
        self._fingerprint = fingerprint if isinstance(fingerprint, str) else None

    def _take_choice(self, choice: object, part: str, events: list[StreamEvent]) -> None:
        if type(choice) is not dict:
            raise MalformedResponseError("a choice is not an object", partial=self.partial())
        index = choice.get("index")
        if type(index) is not int or index < 0:
            index = choice_index(choice)
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = ChoiceState(index, self._declared)
        delta = choice.get(part)
        if not delta:
            if part == "message":
                if finish_reason(str(choice.get("finish_reason"))) != "content_filter":
                    raise MalformedResponseError("a choice of the answer has no message", partial=self.partial())
            elif delta is None and not state.texts:
                # Some servers stream one chunk with the whole message in place of a delta.
                part, delta = "message", choice.get("message")
        if delta:
            if type(delta) is not dict:
                raise MalformedResponseError(f"{part} is not an object", partial=self.partial())
            state.take(delta, events, part == "message")
        finish = choice.get("finish_reason")
        if finish:
            state.finish = finish if isinstance(finish, str) else str(finish)
        logprobs = choice.get("logprobs")
        if logprobs and isinstance(logprobs, dict):
            state.take_logprobs(logprobs)

    def choice(self, index: int) -> ChoiceState:
        """The choice with an index of the wire, as far as it has arrived."""
        return self._choices[index]

    def feed_whole(self, body: object) -> list[StreamEvent]:
        """Read one complete body. Raises as :meth:`feed`, and if the body is no chat completion at all."""
        if isinstance(body, dict) and "choices" not in body and body.get("error") is None:
            raise MalformedResponseError("the answer is JSON but not a chat completion; check base_url")
        return self.feed(body, "message")

    def with_attempts(self, reply: ChatReply, attempts: Sequence[Attempt]) -> ChatReply:
        """The reply with the call's attempts."""
        return with_attempts(reply, attempts)

    def end_events(self, reply: ChatReply) -> list[StreamEvent]:
        """What was held back until the end, and the event that closes a chat stream."""
        return [*(event for state in self._choices.values() for event in state.rest()), MessageEnd(reply)]

    @staticmethod
    def is_meaningful(event: StreamEvent) -> bool:
        """Whether a user sees the event or a program acts on it; role, id and bare signatures are not."""
        if isinstance(event, ReasoningDelta):
            return bool(event.text)
        return not isinstance(event, MessageStart)

    def partial(self, *, started: bool = False) -> ChatReply | None:
        """What has arrived so far, ``None`` if nothing has."""
        return self._reply() if self._choices or self._usage is not None or (started and self._started) else None

    def _reply(self) -> ChatReply:
        tier = self._tier
        choices = tuple(self._choices[i].message() for i in sorted(self._choices))
        context = self._context
        return ChatReply(
            message=choices[0] if choices else Message(),
            choices=choices,
            id=self._id,
            requested_model=self._model,
            served_model=self._served,
            provider=None if context is None else context.provider,
            request_id=None if context is None else context.request_id,
            headers={} if context is None else context.headers,
            usage=parse_usage(self._usage),
            created=self._created,
            system_fingerprint=self._fingerprint,
            service_tier=tier if isinstance(tier, str) and tier else None,
            extra=self._extra,
        )

    def finish(self, *, done: bool) -> ChatReply:
        """The complete reply once the stream has ended; ``done`` tells whether ``[DONE]`` was seen.

        Raises ``TruncatedStreamError`` if neither ``[DONE]`` nor a finish reason came, ``EmptyChoicesError`` if no
        choice came at all, and ``StreamError`` if the provider gave "error" as the reason to finish.
        """
        if not done and not self.is_finished:
            raise TruncatedStreamError(
                "the stream ended without a finish reason and without [DONE]", partial=self.partial()
            )
        if not self._choices:
            raise EmptyChoicesError("the answer has no choices", partial=self.partial(started=True))
        reply = self._reply()
        if any(m.finish_reason == "error" for m in reply.choices):
            raise StreamError("the provider ended the answer with finish_reason 'error'", partial=reply)
        return reply


def _says_something(value: object) -> bool:
    """Whether an ``error`` beside choices is one: servers in Go write a field that has no value with zero values."""
    return any(value.values()) if isinstance(value, dict) else bool(value)


def choice_index(choice: Mapping[str, Any]) -> int:
    """The index of a choice; 0 where it is missing or nonsense."""
    index = choice.get("index")
    if type(index) is int:
        return max(index, 0)
    return int(index) if isinstance(index, str) and index.isdecimal() else 0


def seconds(moment: object) -> int | None:
    """Seconds since the epoch from a number (or digits) of seconds, milliseconds, micro- or nanoseconds."""
    if isinstance(moment, str):
        try:
            moment = float(moment)
        except ValueError:
            return None
    if isinstance(moment, bool) or not isinstance(moment, (int, float)) or not abs(moment) < 1e20:
        return None
    while abs(moment) >= 1e11:
        moment /= 1000
    return int(moment)


def read_completion(
    body: object, requested_model: str, declared_tools: frozenset[str] | None = None, context: Context | None = None
) -> ChatReply:
    """The reply of a complete, decoded chat-completion body.

    Raises the typed error for an error body, ``EmptyChoicesError`` for no choices and ``MalformedResponseError`` for
    anything that is not a chat completion.
    """
    accumulator = Accumulator(requested_model, declared_tools, context)
    accumulator.feed_whole(body)
    return accumulator.finish(done=True)
