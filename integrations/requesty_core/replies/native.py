"""``/v1/messages`` (Anthropic format) and ``/v1/responses`` (OpenAI format): thin calls with the same fallback.

Bodies and events go through as the routes define them. Only what the promises need is read: usage and cost, the end
of a stream, errors, and which event is the first a caller would act on.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from requesty_core.errors import ErrorBodyError, MalformedResponseError, TruncatedStreamError, error_from_body
from requesty_core.money.usage import Usage, parse_usage
from requesty_core.values import Value
from requesty_core.wire.json import JSONDecodeError, decode_json

from .attempts import Attempt
from .protocols import StreamAccumulator
from .received import ReceivedResponse

__all__ = ["MessagesAccumulator", "NativeEvent", "NativeReply", "ResponsesAccumulator", "read_native"]


class NativeReply(Value, frozen=True):
    """A complete answer of a native route; ``body`` is its JSON object. Other attributes as ``ChatReply``."""

    body: Mapping[str, Any]
    usage: Usage | None = None
    requested_model: str = ""
    served_model: str | None = None
    provider: str | None = None
    request_id: str | None = None
    attempts: Sequence[Attempt] = ()
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)

    _unshown = frozenset(("headers",))

    @property
    def id(self) -> str | None:
        """The answer's id."""
        value = self.body.get("id")
        return value if isinstance(value, str) else None

    @property
    def text(self) -> str:
        """The answer's text parts joined, in either format."""
        items = self.body.get("content")
        if not isinstance(items, list):
            output = self.body.get("output")
            messages = [o for o in output if isinstance(o, dict)] if isinstance(output, list) else []
            contents = [o.get("content") for o in messages]
            items = [part for content in contents if isinstance(content, list) for part in content]
        parts = (p.get("text") for p in items if isinstance(p, dict) and p.get("type") in ("text", "output_text"))
        return "".join(t for t in parts if isinstance(t, str))


class NativeEvent(msgspec.Struct, frozen=True):
    """One event as received: its ``type`` and the whole object."""

    type: str
    data: dict[str, Any]


def _reply(received: ReceivedResponse, body: Mapping[str, Any], usage: Mapping[str, Any] | None) -> NativeReply:
    return NativeReply(
        body=received.names(body),
        usage=parse_usage(usage),
        requested_model=received.model,
        served_model=received.served_model(body),
        provider=received.provider,
        request_id=received.request_id,
        headers=received.headers,
    )


def read_native(received: ReceivedResponse) -> tuple[NativeReply, Usage | None]:
    """The reply of a complete body. Raises the typed error for an error object or a body of another kind."""
    body = received.json()
    if not isinstance(body, dict):
        raise MalformedResponseError("the answer is JSON but not an object; check base_url")
    if body.get("error") is not None:
        raise error_from_body(body["error"], in_stream=False, requested_model=received.model)
    if not isinstance(body.get("content"), list) and not isinstance(body.get("output"), list):
        raise MalformedResponseError("the answer has neither 'content' nor 'output'; check base_url")
    if body.get("status") == "failed":
        raise ErrorBodyError("the answer's status is 'failed' and it names no error", body=body)
    usage = body.get("usage")
    reply = _reply(received, body, usage if isinstance(usage, dict) else None)
    return reply, reply.usage


class _NativeAccumulator(StreamAccumulator[NativeEvent, NativeReply]):
    """What both formats share."""

    def __init__(self, received: ReceivedResponse) -> None:
        self._wired = received
        self._started = False
        self._finished = False
        self._body: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}

    @property
    def is_started(self) -> bool:
        """Whether any event was read."""
        return self._started

    @property
    def is_finished(self) -> bool:
        """Whether the closing event was read."""
        return self._finished

    def feed(self, chunk: object) -> list[NativeEvent]:
        """Read one event. Raises the typed error of an error event."""
        if not isinstance(chunk, dict):
            raise MalformedResponseError(f"an event is not an object but {type(chunk).__name__}")
        self._started = True
        kind = chunk.get("type")
        if chunk.get("error") is not None or kind == "error":
            raise error_from_body(
                chunk.get("error") or chunk,
                in_stream=True,
                requested_model=self._wired.model,
                partial=None,
            )
        if not isinstance(kind, str):
            raise MalformedResponseError("an event has no type")
        self._take(kind, chunk)
        return [NativeEvent(kind, chunk)]

    def feed_whole(self, body: object) -> list[NativeEvent]:
        """A complete body instead of a stream: one event of type ``whole``."""
        self._wired.content = b""
        if not isinstance(body, dict):
            raise MalformedResponseError("the answer is JSON but neither a stream nor an answer; check base_url")
        if body.get("error") is not None:
            raise error_from_body(body["error"], in_stream=False, requested_model=self._wired.model)
        if not isinstance(body.get("content"), list) and not isinstance(body.get("output"), list):
            raise MalformedResponseError("the answer has neither 'content' nor 'output'; check base_url")
        self._started = self._finished = True
        self._body = body
        self._merge_usage(body.get("usage"))
        return [NativeEvent("whole", body)]

    def partial(self) -> NativeReply | None:
        """What has arrived so far."""
        return self._reply() if self._started else None

    def finish(self, *, done: bool) -> NativeReply:
        """The complete reply. Raises ``TruncatedStreamError`` if the closing event did not come."""
        if not self._finished:
            raise TruncatedStreamError("the stream ended without its closing event")
        return self._reply()

    def with_attempts(self, reply: NativeReply, attempts: Sequence[Attempt]) -> NativeReply:
        """The reply with the call's attempts."""
        return msgspec.structs.replace(reply, attempts=attempts)

    def end_events(self, reply: NativeReply) -> list[NativeEvent]:
        """The routes' own events end the stream; none is added."""
        return []

    def _merge_usage(self, usage: object) -> None:
        if isinstance(usage, dict):
            self._usage.update({k: v for k, v in usage.items() if v is not None})

    def _reply(self) -> NativeReply:
        return _reply(self._wired, self._snapshot(), self._usage or None)

    @abstractmethod
    def _snapshot(self) -> dict[str, Any]:
        """The answer's object as far as it has arrived."""

    @abstractmethod
    def _take(self, kind: str, event: dict[str, Any]) -> None:
        """Read one event. Raises the typed error of a failed answer."""


_DELTA_FIELDS = {
    "text_delta": "text",
    "thinking_delta": "thinking",
    "input_json_delta": "partial_json",
    "signature_delta": "signature",
}


class MessagesAccumulator(_NativeAccumulator):
    """Anthropic events. ``message_delta`` usage is cumulative and may hold only part: it is laid over the start's."""

    def __init__(self, received: ReceivedResponse) -> None:
        super().__init__(received)
        self._blocks: dict[int, dict[str, Any]] = {}
        self._pieces: dict[tuple[int, str], list[str]] = {}

    def _take(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "message_start" and isinstance(event.get("message"), dict):
            self._body = dict(event["message"])
            self._merge_usage(self._body.get("usage"))
        elif kind == "content_block_start" and isinstance(event.get("content_block"), dict):
            self._blocks[_index(event)] = dict(event["content_block"])
        elif kind == "content_block_delta" and isinstance(event.get("delta"), dict):
            delta = event["delta"]
            name = _DELTA_FIELDS.get(str(delta.get("type")))
            piece = delta.get(name) if name else None
            if name and isinstance(piece, str):
                self._pieces.setdefault((_index(event), name), []).append(piece)
            elif isinstance(delta.get("citation"), dict):
                block = self._blocks.setdefault(_index(event), {"type": "text"})
                block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
        elif kind == "message_delta":
            if isinstance(event.get("delta"), dict):
                self._body.update(event["delta"])
            self._merge_usage(event.get("usage"))
        elif kind == "message_stop":
            self._finished = True

    def _snapshot(self) -> dict[str, Any]:
        if not self._blocks and not self._pieces:
            return self._body
        blocks = {i: dict(b) for i, b in self._blocks.items()}
        for (index, name), pieces in self._pieces.items():
            block = blocks.setdefault(index, {"type": "text"})
            if name == "partial_json":
                block["input"] = _json_or_text("".join(pieces))
            else:
                start = block.get(name)
                block[name] = (start if isinstance(start, str) else "") + "".join(pieces)
        body = {**self._body, "content": [blocks[i] for i in sorted(blocks)]}
        if self._usage:
            body["usage"] = dict(self._usage)
        return body

    def is_meaningful(self, event: NativeEvent) -> bool:
        """Text, thinking, or the start of a tool call."""
        if event.type == "content_block_start":
            block = event.data.get("content_block")
            return isinstance(block, dict) and block.get("type") not in ("text", "thinking")
        delta = event.data.get("delta")
        if event.type != "content_block_delta" or not isinstance(delta, dict):
            return False
        return bool(delta.get("text") or delta.get("thinking") or delta.get("partial_json"))


class ResponsesAccumulator(_NativeAccumulator):
    """``response.*`` events. The closing event carries the whole answer, usage and cost included."""

    def __init__(self, received: ReceivedResponse) -> None:
        super().__init__(received)
        self._text: list[str] = []

    def _take(self, kind: str, event: dict[str, Any]) -> None:
        response = event.get("response")
        if isinstance(response, dict):
            self._body = response
            self._merge_usage(response.get("usage"))
        if kind in ("response.completed", "response.incomplete"):
            self._finished = True
        elif kind == "response.failed":
            error = response.get("error") if isinstance(response, dict) else None
            raise error_from_body(error or "the response failed", in_stream=True, requested_model=self._wired.model)
        elif kind == "response.output_text.delta" and isinstance(event.get("delta"), str):
            self._text.append(event["delta"])

    def _snapshot(self) -> dict[str, Any]:
        if self._finished or not self._text:
            return self._body
        part = {"type": "output_text", "text": "".join(self._text)}
        return {**self._body, "output": [{"type": "message", "role": "assistant", "content": [part]}]}

    def is_meaningful(self, event: NativeEvent) -> bool:
        """Any piece of output, or an output item that is not a message."""
        if event.type == "response.output_item.added":
            item = event.data.get("item")
            return isinstance(item, dict) and item.get("type") not in ("message", "reasoning")
        return event.type.endswith(".delta") and bool(event.data.get("delta"))


def _index(event: Mapping[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _json_or_text(text: str) -> Any:
    try:
        return decode_json(text) if text else {}
    except JSONDecodeError:
        return text
