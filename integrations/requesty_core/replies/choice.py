"""One choice of an answer while its deltas arrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from requesty_core.errors import MalformedResponseError

from .finish import finish_reason
from .parts import as_image, read_part
from .reply import AnnotationDelta, ImageDelta, Message, ReasoningDelta, RefusalDelta, StreamEvent, TextDelta
from .text import TextJoiner
from .tool_calls import ToolCallState, ToolCallStates

__all__ = ["ChoiceState"]

# Ends that may come in the middle of a call.
_EARLY_ENDS = ("length", "content_filter")


class ChoiceState:
    """One choice while its parts arrive.

    ``calls_of_delta`` are the calls that the parts of the last delta with tool calls were sorted into, in their order.
    """

    __slots__ = (
        "annotations",
        "calls",
        "calls_of_delta",
        "extra",
        "finish",
        "images",
        "index",
        "is_split",
        "logprobs",
        "reasoning_half",
        "reasonings",
        "refusals",
        "signature",
        "text_half",
        "texts",
    )

    def __init__(self, index: int, declared: frozenset[str] | None) -> None:
        self.index = index
        self.texts: list[str] = []
        self.text_half = TextJoiner()
        self.is_split = False
        """Whether the text so far ends in half a character."""
        self.reasonings: list[str] = []
        self.reasoning_half = TextJoiner()
        self.signature: str | None = None
        self.refusals: list[str] = []
        self.calls = ToolCallStates(index, declared)
        self.calls_of_delta: Sequence[ToolCallState | None] = ()
        self.annotations: list[dict[str, Any]] = []
        self.images: list[dict[str, Any]] = []
        self.finish: str | None = None
        self.logprobs: dict[str, Any] | None = None
        self.extra: dict[str, Any] = {}

    def take(self, delta: Mapping[str, Any], events: list[StreamEvent], whole: bool = False) -> None:
        """Read one delta, or the complete message (``whole``). Raises :class:`MalformedResponseError`."""
        signature: str | None = None
        reasoning: str | None = None
        before = len(events)
        for key, value in delta.items():
            if key == "content":
                if type(value) is str:
                    if value and (self.is_split or "\ud800" <= value[-1] <= "\udbff"):
                        self._take_text(value, events)
                    elif value:
                        self.texts.append(value)
                        events.append(TextDelta(value, self.index))
                elif value is not None:
                    self._take_parts(value, events)
            elif key == "tool_calls" and type(value) is list:
                self.calls_of_delta = [self.calls.take(part, events, whole=whole) for part in value]
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
            elif key == "function_call" and type(value) is dict:
                if not delta.get("tool_calls"):
                    self.calls_of_delta = [self.calls.take({"index": 0, "function": value}, events, whole=whole)]
            elif key == "refusal" and type(value) is str:
                self._take_refusal(value, events)
            elif key == "annotations" and type(value) is list:
                for item in value:
                    self._take_annotation(item, events)
            elif key == "images" and value:
                for item in value if type(value) is list else [value]:
                    self._take_image(item, events)
            else:
                self._take_unknown(key, value)
        if reasoning or signature is not None:
            # Reasoning precedes the text or call of the same delta, whatever the order of its keys.
            self._take_reasoning(reasoning or "", signature, events, before)

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

    def _take_unknown(self, key: str, value: Any) -> None:
        """Keep a field this package does not know; lists, which come in pieces, are joined."""
        have = self.extra.get(key)
        self.extra[key] = [*have, *value] if isinstance(have, list) and isinstance(value, list) else value

    def _take_text(self, text: str, events: list[StreamEvent]) -> None:
        text = self.text_half.take(text)
        self.is_split = bool(self.text_half.rest())
        if text:
            self.texts.append(text)
            events.append(TextDelta(text, self.index))

    def _take_reasoning(self, text: str, signature: str | None, events: list[StreamEvent], at: int) -> None:
        if text := text and self.reasoning_half.take(text):
            self.reasonings.append(text)
        if signature is not None:
            self.signature = signature
        if text or signature is not None:
            events.insert(at, ReasoningDelta(text, signature, self.index))

    def _take_refusal(self, text: str, events: list[StreamEvent]) -> None:
        if text:
            self.refusals.append(text)
            events.append(RefusalDelta(text, self.index))

    def _take_parts(self, parts: object, events: list[StreamEvent]) -> None:
        if isinstance(parts, dict):
            parts = [parts]
        if not isinstance(parts, list):
            raise MalformedResponseError(f"content is neither text nor a list of parts but {type(parts).__name__}")
        for part in parts:
            kind, text, signature = read_part(part)
            if kind == "text":
                if text:
                    self._take_text(text, events)
            elif kind == "reasoning":
                self._take_reasoning(text, signature, events, len(events))
            elif kind == "refusal":
                self._take_refusal(text, events)
            elif kind == "image":
                self._take_image(part, events)
            else:
                self.extra.setdefault("content_parts", []).append(part)

    def _take_annotation(self, item: object, events: list[StreamEvent]) -> None:
        if not isinstance(item, dict):
            self.extra.setdefault("annotations", []).append(item)
            return
        self.annotations.append(item)
        events.append(AnnotationDelta(item, self.index))

    def _take_image(self, item: object, events: list[StreamEvent]) -> None:
        image = as_image(item)
        if image is None:
            self.extra.setdefault("images", []).append(item)
            return
        self.images.append(image)
        events.append(ImageDelta(image, self.index))

    def rest(self) -> list[StreamEvent]:
        """Events for what was held back until the end: halves of characters, arguments that may be a placeholder."""
        events: list[StreamEvent] = []
        if text := self.reasoning_half.rest():
            events.append(ReasoningDelta(text, None, self.index))
        if text := self.text_half.rest():
            events.append(TextDelta(text, self.index))
        return [*events, *self.calls.rest()]

    def finish_word(self) -> str | None:
        """Why the choice ended, as the format says it; ``None`` while it has not."""
        if self.finish is None:
            return None
        word = finish_reason(self.finish)
        calls = self.calls.calls
        if word == "tool_calls" and calls and all(c.server for c in calls):
            return "stop"
        return word

    def message(self) -> Message:
        """The choice so far."""
        ended_early = self.finish is not None and finish_reason(self.finish) in _EARLY_ENDS
        calls = self.calls.calls
        return Message(
            text="".join(self.texts) + self.text_half.rest(),
            reasoning="".join(self.reasonings) + self.reasoning_half.rest(),
            reasoning_signature=self.signature,
            refusal="".join(self.refusals) or None,
            tool_calls=self.calls.results(ended_early=ended_early),
            server_tool_calls=tuple(c.result() for c in calls if c.server) if calls else (),
            annotations=tuple(self.annotations),
            images=tuple(self.images),
            finish_reason=self.finish_word(),
            raw_finish_reason=self.finish,
            logprobs=self.logprobs,
            extra=self.extra,
        )
