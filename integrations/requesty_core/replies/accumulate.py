"""From wire messages to one complete reply, without IO.

Theory of operation. A complete message and a delta have the same fields, so one reader takes both: a unary body is a
stream of one delta. Each choice keeps lists of pieces that are joined once, at the end, so cost does not grow with
length. Tool-call pieces are sorted into slots; the rules cover everything the wire contract lists (interleaved calls,
two calls in one chunk, missing or equal indexes, repeated ids and names, arguments as an object, the legacy
``function_call``). What is new in a delta is also returned as typed events.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from requesty_core.errors import (
    EmptyChoicesError,
    MalformedResponseError,
    StreamError,
    TruncatedStreamError,
    error_from_body,
)
from requesty_core.money.usage import parse_usage
from requesty_core.wire.json import JSONDecodeError, decode_json, encode_json

from .attempts import Attempt
from .reply import (
    AnnotationDelta,
    ChatReply,
    ImageDelta,
    Message,
    MessageEnd,
    MessageStart,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCall,
    ToolCallDelta,
)

__all__ = ["Accumulator", "read_completion"]

_FINISH_WORDS = {
    "max_tokens": "length",
    "max_output_tokens": "length",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
}
_KNOWN_TOP = frozenset(
    ("id", "object", "created", "model", "choices", "usage", "error", "system_fingerprint", "service_tier")
)


class _Slot:
    """One tool call while its pieces arrive."""

    __slots__ = ("arguments", "id", "index", "name", "server", "wire_id")

    def __init__(self, index: int, wire_id: str | None, name: str, server: bool) -> None:
        self.index = index
        self.wire_id = wire_id
        self.id = wire_id or f"call_{uuid.uuid4().hex[:24]}"
        self.name = name
        self.arguments: list[str] = []
        self.server = server

    def is_complete(self) -> bool:
        """Whether the arguments so far are one JSON document; asked only where the wire leaves no other clue."""
        try:
            decode_json("".join(self.arguments))
        except JSONDecodeError:
            return False
        return True

    def result(self) -> ToolCall:
        return ToolCall(self.name, "".join(self.arguments), self.id)


class _Choice:
    """One choice while its pieces arrive."""

    __slots__ = (
        "annotations",
        "by_index",
        "declared",
        "extra",
        "finish",
        "images",
        "index",
        "last",
        "logprobs",
        "reasonings",
        "refusals",
        "signature",
        "slots",
        "texts",
        "visible",
    )

    def __init__(self, index: int, declared: frozenset[str] | None) -> None:
        self.index = index
        self.declared = declared
        self.texts: list[str] = []
        self.reasonings: list[str] = []
        self.signature: str | None = None
        self.refusals: list[str] = []
        self.slots: list[_Slot] = []
        self.visible = 0
        self.by_index: dict[int, _Slot] = {}
        self.last: _Slot | None = None
        self.annotations: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.finish: str | None = None
        self.logprobs: dict[str, Any] | None = None
        self.extra: dict[str, Any] = {}

    def take(self, delta: Mapping[str, Any], events: list[StreamEvent]) -> None:
        """Read one message or delta."""
        signature: str | None = None
        reasoning: str | None = None
        before = len(events)
        for key, value in delta.items():
            if key == "content":
                if type(value) is str:
                    if value:
                        self.texts.append(value)
                        events.append(TextDelta(value, self.index))
                elif value is not None:
                    self._take_parts(value, events)
            elif key == "role" or value is None:
                continue
            elif key == "reasoning_content" and type(value) is str:
                reasoning = value
            elif key == "reasoning" and type(value) is str:
                # The second spelling; some relays send both with the same text.
                if not delta.get("reasoning_content"):
                    reasoning = value
            elif key == "reasoning_signature" and type(value) is str:
                signature = value
            elif key == "tool_calls" and type(value) is list:
                for piece in value:
                    self._take_call(piece, events)
            elif key == "function_call" and type(value) is dict:
                self._take_call({"index": 0, "function": value}, events)
            elif key == "refusal" and type(value) is str:
                if value:
                    self.refusals.append(value)
                    events.append(RefusalDelta(value, self.index))
            elif key == "annotations" and type(value) is list:
                for item in value:
                    self._take_annotation(item, events)
            elif key == "images" and type(value) is list:
                for item in value:
                    self._take_image(item, events)
            else:
                self.extra[key] = value
        if reasoning or signature is not None:
            if reasoning:
                self.reasonings.append(reasoning)
            if signature is not None:
                self.signature = signature
            # Reasoning precedes the text or call of the same delta, whatever the order of its keys.
            events.insert(before, ReasoningDelta(reasoning or "", signature, self.index))

    def take_logprobs(self, value: Mapping[str, Any]) -> None:
        """Join log probabilities: lists grow, anything else is replaced."""
        joined = self.logprobs
        if joined is None:
            joined = self.logprobs = {}
        for key, item in value.items():
            if isinstance(item, list):
                have = joined.get(key)
                if isinstance(have, list):
                    have.extend(item)
                else:
                    joined[key] = list(item)
            elif item is not None or key not in joined:
                joined[key] = item

    def _take_parts(self, parts: object, events: list[StreamEvent]) -> None:
        if not isinstance(parts, list):
            raise MalformedResponseError(f"content is neither text nor a list of parts but {type(parts).__name__}")
        for part in parts:
            if isinstance(part, str):
                text: object = part
            elif isinstance(part, dict) and part.get("type") in ("text", "output_text"):
                text = part.get("text")
            elif isinstance(part, dict) and part.get("type") == "image_url":
                self._take_image(part, events)
                continue
            else:
                self.extra.setdefault("content_parts", []).append(part)
                continue
            if isinstance(text, str) and text:
                self.texts.append(text)
                events.append(TextDelta(text, self.index))

    def _take_annotation(self, item: object, events: list[StreamEvent]) -> None:
        if not isinstance(item, dict):
            self.extra.setdefault("annotations", []).append(item)
            return
        self.annotations.append(item)
        events.append(AnnotationDelta(item, self.index))

    def _take_image(self, item: object, events: list[StreamEvent]) -> None:
        if not isinstance(item, dict):
            self.extra.setdefault("images", []).append(item)
            return
        self.images.append(item)
        events.append(ImageDelta(item, self.index))

    def _take_call(self, piece: object, events: list[StreamEvent]) -> None:
        if not isinstance(piece, dict):
            raise MalformedResponseError(f"a tool call is not an object but {type(piece).__name__}")
        function = piece.get("function")
        if not isinstance(function, dict):
            function = {}
        wire_id = piece.get("id")
        wire_id = wire_id if isinstance(wire_id, str) and wire_id else None
        name = function.get("name")
        name = name if isinstance(name, str) and name else None
        arguments = function.get("arguments")
        if arguments is None:
            arguments = ""
        elif not isinstance(arguments, str):
            arguments = encode_json(arguments).decode()
        index = piece.get("index")
        index = index if type(index) is int else None

        slot = self._slot_for(index, wire_id, name)
        fresh = slot is None
        if slot is None:
            slot = self._open_slot(wire_id, name or "")
        elif name is not None and not slot.name:
            slot.name = name
            fresh = True
        self.last = slot
        if index is not None:
            self.by_index[index] = slot
        if arguments:
            slot.arguments.append(arguments)
        if slot.server:
            return
        if fresh and slot.name:
            # A call is announced with its name; arguments that came before the name go out with it.
            events.append(ToolCallDelta(slot.index, slot.id, slot.name, "".join(slot.arguments), self.index))
        elif arguments and slot.name:
            events.append(ToolCallDelta(slot.index, None, None, arguments, self.index))

    def _slot_for(self, index: int | None, wire_id: str | None, name: str | None) -> _Slot | None:
        """The slot a piece belongs to, or ``None`` if it begins a new call."""
        slot = self.last if index is None else self.by_index.get(index)
        if wire_id is not None:
            if slot is not None and slot.wire_id == wire_id:
                return slot
            known = next((s for s in self.slots if s.wire_id == wire_id), None)
            if known is not None:
                return known
            if slot is None or slot.wire_id is not None or name is None:
                # A new id opens a call, also under an index that is taken; without a name it can only be an id that
                # comes late, if the slot still lacks one.
                return None if slot is None or slot.wire_id is not None else slot
            return slot if slot.name == name and not slot.is_complete() else None
        if slot is None or name is None or not slot.name:
            return slot
        if slot.name == name:
            # The name again without an id: a repetition while the arguments are open, a second call after.
            return None if slot.arguments and slot.is_complete() else slot
        return None

    def _open_slot(self, wire_id: str | None, name: str) -> _Slot:
        server = self._is_server_call(wire_id, name)
        slot = _Slot(-1 if server else self.visible, wire_id, name, server)
        self.visible += not server
        self.slots.append(slot)
        return slot

    def _is_server_call(self, wire_id: str | None, name: str) -> bool:
        """Calls the provider ran itself: never declared by the caller (seen with Claude's web search)."""
        if self.declared is None or name in self.declared:
            return False
        return not self.declared or name.startswith("web_search") or (wire_id or "").startswith("srvtoolu_")

    def message(self) -> Message:
        """The choice so far."""
        calls = tuple(s.result() for s in self.slots if not s.server)
        server_calls = tuple(s.result() for s in self.slots if s.server)
        finish = self.finish
        if finish is not None:
            finish = _FINISH_WORDS.get(finish, finish)
            if finish == "tool_calls" and server_calls and not calls:
                finish = "stop"
        return Message(
            text="".join(self.texts),
            reasoning="".join(self.reasonings),
            reasoning_signature=self.signature,
            refusal="".join(self.refusals) or None,
            tool_calls=calls,
            server_tool_calls=server_calls,
            annotations=tuple(self.annotations),
            images=tuple(self.images),
            finish_reason=finish,
            raw_finish_reason=self.finish,
            logprobs=self.logprobs,
            extra=self.extra,
        )


class Accumulator:
    """Reads chunks (or one complete body) and builds the reply.

    Args:
        requested_model: the id this attempt asked for.
        declared_tools: names of the caller's tools; calls of others that the provider ran itself are set aside in
            ``server_tool_calls``. ``None`` keeps every call.
        context: reply fields known from outside the body (``request_id``, ``provider``, ``headers``).
    """

    def __init__(
        self, requested_model: str, declared_tools: frozenset[str] | None = None, context: ChatReply | None = None
    ) -> None:
        self._declared = declared_tools
        self._base = context or ChatReply(Message(), requested_model=requested_model)
        self._model = requested_model
        self._choices: dict[int, _Choice] = {}
        self._first: _Choice | None = None
        self._usage: Mapping[str, Any] | None = None
        self._id: str | None = None
        self._served: str | None = None
        self._created: int | None = None
        self._fingerprint: str | None = None
        self._started = False
        self._extra: dict[str, Any] = {}

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
        events: list[StreamEvent] = []
        usage = chunk.get("usage")
        if type(usage) is dict:
            # Usage is cumulative where it is sent more than once: the last one counts.
            self._usage = usage
        if not self._started:
            self._start(chunk, events)
        choices = chunk.get("choices")
        if choices:
            if type(choices) is not list:
                raise MalformedResponseError("choices is not a list", partial=self.partial())
            for choice in choices:
                self._take_choice(choice, part, events)
        error = chunk.get("error")
        if error is not None:
            raise error_from_body(
                error, in_stream=part == "delta", requested_model=self._model, partial=self.partial(started=True)
            )
        if not _KNOWN_TOP.issuperset(chunk):
            self._extra.update({k: v for k, v in chunk.items() if k not in _KNOWN_TOP})
        return events

    def _start(self, chunk: dict[str, Any], events: list[StreamEvent]) -> None:
        self._started = True
        text_id, model, created = chunk.get("id"), chunk.get("model"), chunk.get("created")
        self._id = text_id if isinstance(text_id, str) else None
        self._served = model if isinstance(model, str) and model else None
        self._created = int(created) if isinstance(created, (int, float)) and abs(created) < 1e15 else None
        fingerprint = chunk.get("system_fingerprint")
        self._fingerprint = fingerprint if isinstance(fingerprint, str) else None
        if chunk.get("error") is None:
            events.append(MessageStart(self._id, self._served, self._created, self._model))

    def _take_choice(self, choice: object, part: str, events: list[StreamEvent]) -> None:
        if type(choice) is not dict:
            raise MalformedResponseError("a choice is not an object", partial=self.partial())
        index = choice.get("index")
        if type(index) is not int or index < 0:
            index = 0
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _Choice(index, self._declared)
        delta = choice.get(part)
        if delta:
            if type(delta) is not dict:
                raise MalformedResponseError(f"{part} is not an object", partial=self.partial())
            state.take(delta, events)
        finish = choice.get("finish_reason")
        if finish:
            state.finish = finish if isinstance(finish, str) else str(finish)
        logprobs = choice.get("logprobs")
        if logprobs and isinstance(logprobs, dict):
            state.take_logprobs(logprobs)

    def feed_whole(self, body: object) -> list[StreamEvent]:
        """Read one complete body. Raises as :meth:`feed`, and if the body is no chat completion at all."""
        if isinstance(body, dict) and "choices" not in body and body.get("error") is None:
            raise MalformedResponseError("the answer is JSON but not a chat completion; check base_url")
        return self.feed(body, "message")

    def with_attempts(self, reply: ChatReply, attempts: Sequence[Attempt]) -> ChatReply:
        """The reply with the call's attempts."""
        return replace(reply, attempts=attempts)

    def end_events(self, reply: ChatReply) -> list[StreamEvent]:
        """The event that closes a chat stream."""
        return [MessageEnd(reply)]

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
        choices = tuple(self._choices[i].message() for i in sorted(self._choices))
        return replace(
            self._base,
            message=choices[0] if choices else Message(),
            choices=choices,
            id=self._id,
            requested_model=self._model,
            served_model=self._served,
            usage=parse_usage(self._usage),
            created=self._created,
            system_fingerprint=self._fingerprint,
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
        if any(m.raw_finish_reason == "error" for m in reply.choices):
            raise StreamError("the provider ended the answer with finish_reason 'error'", partial=reply)
        return reply


def read_completion(
    body: object, requested_model: str, declared_tools: frozenset[str] | None = None, context: ChatReply | None = None
) -> ChatReply:
    """The reply of a complete, decoded chat-completion body.

    Raises the typed error for an error body, ``EmptyChoicesError`` for no choices and ``MalformedResponseError`` for
    anything that is not a chat completion.
    """
    accumulator = Accumulator(requested_model, declared_tools, context)
    accumulator.feed_whole(body)
    return accumulator.finish(done=True)
