"""Answers in the shape that clients of the OpenAI format expect, without losing what the gateway sent.

The gateway's answers vary by provider: a role on every delta, tool calls without an index, calls the provider ran
itself among the caller's, a last chunk without choices nobody asked for. Programs written against OpenAI's own
endpoint trip over these. What is mended here follows the core's own reading of the same answer, so that a chunk and
the reply built from it always agree; every field this package does not know passes through untouched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from requesty_core.money.usage import Usage
from requesty_core.replies.accumulate import Accumulator, choice_index
from requesty_core.replies.attempts import Attempt
from requesty_core.replies.choice import ChoiceState
from requesty_core.replies.native import NativeReply, ResponsesAccumulator
from requesty_core.replies.received import ReceivedResponse
from requesty_core.replies.reply import ChatReply, Message
from requesty_core.replies.text import TextJoiner
from requesty_core.wire.json import encode_json

__all__ = [
    "ChatChunkAccumulator",
    "Chunk",
    "OpaqueAccumulator",
    "OpaqueReply",
    "ResponsesChunkAccumulator",
    "tidy_completion",
    "tidy_embeddings",
]

Chunk = dict[str, Any]


class ChatChunkAccumulator:
    """Reads chat chunks like :class:`Accumulator`, and hands each on in tidy form.

    Args:
        received: status and headers of the answer.
        declared_tools: as for the accumulator.
        asked_usage: whether the caller asked for usage. If not, a chunk that only brings usage gets an empty choice,
            because a caller who did not ask reads ``choices[0]`` of every chunk.
    """

    def __init__(self, received: ReceivedResponse, declared_tools: frozenset[str] | None, *, asked_usage: bool) -> None:
        self._inner = Accumulator(received.model, declared_tools, received)
        self._names = received.names
        self._asked_usage = asked_usage
        self._meaningful = False
        self._with_role: set[int] = set()
        self._announced: set[int] = set()
        self._halves: dict[int, TextJoiner] = {}

    @property
    def is_started(self) -> bool:
        """Whether any chunk was read."""
        return self._inner.is_started

    @property
    def is_finished(self) -> bool:
        """Whether every choice has a finish reason."""
        return self._inner.is_finished

    def feed(self, chunk: object) -> list[Chunk]:
        """Read one decoded chunk. Raises as :meth:`Accumulator.feed`."""
        chunk = self._names(chunk)
        events = self._inner.feed(chunk)
        assert isinstance(chunk, dict)
        if not self._meaningful:
            self._meaningful = any(map(Accumulator.is_meaningful, events))
        return [self._tidy(chunk)]

    def feed_whole(self, body: object) -> list[Chunk]:
        """A complete answer in place of a stream: one chunk with all of it."""
        self._inner.feed_whole(body)
        assert isinstance(body, dict)
        self._meaningful = True
        reply = self._inner.finish(done=True)
        whole = tidy_completion(body, reply)
        choices = []
        for choice in whole["choices"]:
            delta = dict(choice.pop("message"))
            if delta.get("tool_calls"):
                delta["tool_calls"] = [{"index": i, **call} for i, call in enumerate(delta["tool_calls"])]
            choices.append({**choice, "delta": delta})
        return [{**whole, "object": "chat.completion.chunk", "choices": choices}]

    def partial(self) -> ChatReply | None:
        """What has arrived so far."""
        return self._inner.partial()

    def finish(self, *, done: bool) -> ChatReply:
        """The complete reply. Raises as :meth:`Accumulator.finish`."""
        return self._inner.finish(done=done)

    def with_attempts(self, reply: ChatReply, attempts: Sequence[Attempt]) -> ChatReply:
        """The reply with the call's attempts."""
        return replace(reply, attempts=attempts)

    def end_events(self, reply: ChatReply) -> list[Chunk]:
        """The format has no closing chunk of its own."""
        return []

    def is_meaningful(self, event: Chunk) -> bool:
        """Whether this chunk, or one before it, holds something a caller would act on."""
        return self._meaningful

    def _tidy(self, chunk: Chunk) -> Chunk:
        if chunk.get("object") in (None, "chat.completion"):
            chunk["object"] = "chat.completion.chunk"
        choices = chunk.get("choices")
        if not choices:
            hidden = chunk.get("usage") and not self._asked_usage
            chunk["choices"] = [{"index": 0, "delta": {}, "finish_reason": None}] if hidden else []
            return chunk
        for choice in choices:
            self._tidy_choice(choice)
        return chunk

    def _tidy_choice(self, choice: dict[str, Any]) -> None:
        index = choice["index"] = choice_index(choice)
        delta = choice.get("delta")
        if delta is None and isinstance(choice.get("message"), dict):
            # One chunk with the whole message in place of a delta.
            delta = choice.pop("message")
        choice["delta"] = delta = delta or {}
        if "role" in delta:
            # Clients join the strings of deltas: a role on every delta would become "assistantassistant".
            if index in self._with_role:
                del delta["role"]
            else:
                self._with_role.add(index)
        state = self._inner.choice(index)
        if delta.get("tool_calls"):
            self._tidy_calls(state, delta)
        if _is_empty_call(delta.get("function_call")):
            del delta["function_call"]
        text = delta.get("content")
        halves = self._halves.setdefault(index, TextJoiner())
        if type(text) is str and text:
            delta["content"] = halves.take(text)
        finish = choice.get("finish_reason")
        # "function_call" is a word of the format itself, though the core reads it as "tool_calls".
        if finish and finish != "function_call":
            choice["finish_reason"] = state.finish_word()
            if rest := halves.rest():
                delta["content"] = (delta.get("content") or "") + rest

    def _tidy_calls(self, state: ChoiceState, delta: dict[str, Any]) -> None:
        """Indexes, ids and names as the format promises them: one index per call, id and name on its first part."""
        parts = delta.pop("tool_calls")
        calls = []
        for part, call in zip(parts, state.calls_of_delta, strict=True):
            if call is None or call.server:
                continue
            body = part[call.type] = dict(part[call.type]) if isinstance(part.get(call.type), Mapping) else {}
            arguments = body.get("arguments")
            if arguments is not None and not isinstance(arguments, str):
                body["arguments"] = encode_json(arguments).decode()
            part["index"] = call.index
            if id(call) in self._announced:
                part.pop("id", None)
                body.pop("name", None)
            elif call.name:
                self._announced.add(id(call))
                part["id"] = call.id
                part["type"] = call.type
            calls.append(part)
        if calls:
            delta["tool_calls"] = calls


def tidy_completion(body: Mapping[str, Any], reply: ChatReply) -> dict[str, Any]:
    """A complete chat body in the expected shape. ``reply`` is the core's reading of it; the body is not changed.

    Calls that the provider ran itself are moved from the message's ``tool_calls`` to ``server_tool_calls`` of the
    choice: an agent that finds them among its own would try to run them.
    """
    raw = [c for c in body.get("choices") or () if isinstance(c, Mapping)]
    indexes = [choice_index(c) for c in raw]
    messages = dict(zip(sorted(set(indexes)), reply.choices, strict=False))
    choices = [_tidy_choice(c, i, messages[i]) for c, i in zip(raw, indexes, strict=True)]
    return {**body, "object": "chat.completion", "choices": choices}


def tidy_embeddings(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """An embeddings body with its vectors in the order of the inputs, which the gateway does not promise."""
    data = body.get("data")
    if not isinstance(data, list) or not all(isinstance(item, Mapping) and "embedding" in item for item in data):
        return body
    indexes = [item.get("index") for item in data]
    if indexes == list(range(len(data))):
        return body
    placed = [item if item.get("index") is not None else {**item, "index": place} for place, item in enumerate(data)]
    return {**body, "data": sorted(placed, key=lambda item: item["index"])}


def _tidy_choice(choice: Mapping[str, Any], index: int, message: Message) -> dict[str, Any]:
    given = choice.get("message")
    fields = {"role": "assistant", "content": None, **(given if isinstance(given, Mapping) else {})}
    finish = choice.get("finish_reason")
    if isinstance(finish, str) and finish != "function_call":
        finish = message.finish_reason
    if _is_empty_call(fields.get("function_call")):
        del fields["function_call"]
    if isinstance(fields.get("tool_calls"), list):
        calls = list(_tidy_calls(fields["tool_calls"], message))
        fields["tool_calls"] = calls or None
    tidy = {**choice, "index": index, "finish_reason": finish, "message": fields}
    if message.server_tool_calls:
        tidy["server_tool_calls"] = [c.to_wire() for c in message.server_tool_calls]
    return tidy


def _tidy_calls(raw: Sequence[Any], message: Message) -> Iterator[dict[str, Any]]:
    served = {c.id for c in message.server_tool_calls}
    received = [c for c in raw if isinstance(c, Mapping) and c.get("id") not in served]
    if len(received) != len(message.tool_calls):
        received = [{}] * len(message.tool_calls)
    for given, call in zip(received, message.tool_calls, strict=True):
        own = call.to_wire()
        more = given.get(call.type)
        yield {**given, **own, call.type: {**(more if isinstance(more, Mapping) else {}), **own[call.type]}}


def _is_empty_call(value: object) -> bool:
    """Whether a legacy ``function_call`` holds nothing, as servers write a field that they have no value for."""
    return isinstance(value, Mapping) and not any(value.values())


class ResponsesChunkAccumulator:
    """Reads events of ``/responses`` like the core, and hands each on as received."""

    closes_stream = True
    """Nothing follows the closing event."""

    def __init__(self, received: ReceivedResponse) -> None:
        self._inner = ResponsesAccumulator(received)
        self._meaningful = False

    @property
    def is_started(self) -> bool:
        """Whether any event was read."""
        return self._inner.is_started

    @property
    def is_finished(self) -> bool:
        """Whether the closing event was read."""
        return self._inner.is_finished

    def feed(self, chunk: object) -> list[Chunk]:
        """Read one event. Raises as :meth:`ResponsesAccumulator.feed`."""
        events = self._inner.feed(chunk)
        self._meaningful = self._meaningful or any(map(self._inner.is_meaningful, events))
        return [event.data for event in events]

    def feed_whole(self, body: object) -> list[Chunk]:
        """A complete answer in place of a stream: the closing event."""
        self._inner.feed_whole(body)
        self._meaningful = True
        return [{"type": "response.completed", "sequence_number": 0, "response": body}]

    def partial(self) -> NativeReply | None:
        """What has arrived so far."""
        return self._inner.partial()

    def finish(self, *, done: bool) -> NativeReply:
        """The complete reply. Raises ``TruncatedStreamError`` without the closing event."""
        return self._inner.finish(done=done)

    def with_attempts(self, reply: NativeReply, attempts: Sequence[Attempt]) -> NativeReply:
        """The reply with the call's attempts."""
        return replace(reply, attempts=attempts)

    def end_events(self, reply: NativeReply) -> list[Chunk]:
        """The route's own events end the stream."""
        return []

    def is_meaningful(self, event: Chunk) -> bool:
        """Whether this event, or one before it, holds output."""
        return self._meaningful


class OpaqueReply:
    """The end of an answer that is passed on unread; its usage and model, if the body told them."""

    __slots__ = ("provider", "request_id", "served_model", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.served_model: str | None = None
        self.request_id: str | None = None
        self.provider: str | None = None


class OpaqueAccumulator:
    """Stands where nothing is to be read: the answer is complete when its bytes are."""

    is_started = True
    is_finished = False

    def __init__(self) -> None:
        self.reply = OpaqueReply()

    def feed(self, chunk: object) -> list[Chunk]:
        """Nothing is read."""
        return []

    feed_whole = feed

    def partial(self) -> OpaqueReply | None:
        """Nothing is kept."""
        return None

    def finish(self, *, done: bool) -> OpaqueReply:
        """The end."""
        return self.reply

    def with_attempts(self, reply: OpaqueReply, attempts: Sequence[Attempt]) -> OpaqueReply:
        """The same."""
        return reply

    def end_events(self, reply: OpaqueReply) -> list[Chunk]:
        """None."""
        return []

    def is_meaningful(self, event: Chunk) -> bool:
        """Every byte is."""
        return True
