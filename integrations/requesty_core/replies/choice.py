"""One choice of an answer while its deltas arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from requesty_core.errors import (
    MalformedResponseError,
)
from requesty_core.wire.json import encode_json

from .reply import (
    AnnotationDelta,
    ImageDelta,
    Message,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from .tool_calls import ToolCallState

__all__ = ["FINISH_WORDS", "ChoiceState"]

FINISH_WORDS = {
    "max_tokens": "length",
    "max_output_tokens": "length",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "eos": "stop",
}


class ChoiceState:
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
        self.slots: list[ToolCallState] = []
        self.visible = 0
        self.by_index: dict[int, ToolCallState] = {}
        self.last: ToolCallState | None = None
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

    def _slot_for(self, index: int | None, wire_id: str | None, name: str | None) -> ToolCallState | None:
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

    def _open_slot(self, wire_id: str | None, name: str) -> ToolCallState:
        server = self._is_server_call(wire_id, name)
        slot = ToolCallState(-1 if server else self.visible, wire_id, name, server)
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
            finish = FINISH_WORDS.get(finish, finish)
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
