"""A model's turn as it goes back: what Pydantic AI maps for every OpenAI-compatible model, and what it would drop.

Pydantic AI leaves out files that a model made, calls and results of a provider's own tools, compactions and refusals; a
turn that held nothing else vanishes, and what the next turn answers with it. Here images and readable summaries go on,
and a turn of which nothing is left says what stayed behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_ai.messages import (
    CompactionPart,
    FilePart,
    ModelResponse,
    NativeToolCallPart,
    NativeToolReturnPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
)
from pydantic_ai.models.openai import OpenAIChatModel

from requesty_core.adapters import replayed_fields

from ._replies import CUSTOM, REASONING, SYSTEM

__all__ = ["ResponseMapping"]


@dataclass
class ResponseMapping(OpenAIChatModel._MapModelResponseContext):
    """Collects the parts of one response into an assistant message."""

    signature: str | None = None
    images: list[dict[str, Any]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    response: ModelResponse | None = None

    def map_assistant_message(self, message: ModelResponse) -> Any:
        """The message, ``None`` for a response that held nothing."""
        self.response = message
        if any(isinstance(part, CompactionPart) for part in message.parts):
            parts = [self._summary(part) if isinstance(part, CompactionPart) else part for part in message.parts]
            message = replace(message, parts=[part for part in parts if part is not None])
        return super().map_assistant_message(message)

    def _summary(self, part: CompactionPart) -> TextPart | None:
        # Stands for all turns before it.
        if part.content:
            return TextPart(part.content)
        self.left_out.append("compaction")
        return None

    def _map_response_thinking_part(self, item: ThinkingPart) -> None:
        if not item.content and not (item.provider_name == SYSTEM and item.signature):
            # Another provider's redacted thinking: opaque, and empty tags would say that nothing was thought.
            self.left_out.append("thinking")
            return
        super()._map_response_thinking_part(item)
        # Claude and Gemini refuse a tool loop whose reasoning comes back unsigned (documented under history).
        if item.signature and item.id == REASONING and item.provider_name == SYSTEM:
            self.signature = item.signature

    def _map_response_tool_call_part(self, item: ToolCallPart) -> None:
        super()._map_response_tool_call_part(item)
        details = item.provider_details or {}
        if item.provider_name != SYSTEM or not details:
            return
        call: dict[str, Any] = {**details, **self.tool_calls.pop()}
        call.pop(CUSTOM, None)
        if details.get(CUSTOM):
            function = call.pop("function")
            text = item.args.get("input") if isinstance(item.args, dict) else item.args
            call |= {"type": "custom", "custom": {"name": function["name"], "input": text or ""}}
        self.tool_calls.append(call)  # type: ignore[arg-type]

    def _map_response_builtin_part(self, item: NativeToolCallPart | NativeToolReturnPart) -> None:
        self.left_out.append(item.tool_name)

    def _map_response_file_part(self, item: FilePart) -> None:
        if item.content.is_image:
            self.images.append({"type": "image_url", "image_url": {"url": item.content.data_uri}})
        else:
            self.left_out.append(item.content.media_type)

    def _into_message_param(self) -> Any:
        message: Any = super()._into_message_param()
        provider = self.response.provider_name if self.response else None
        details = (self.response.provider_details if self.response else None) or {}
        refusal = details.get("refusal")
        if message is None:
            message = {"role": "assistant", **{name: "\n\n".join(texts) for name, texts in self.thinkings.items()}}
            if self.images or self.thinkings or self.left_out:
                stayed = "" if self.thinkings else f"[{', '.join(dict.fromkeys(self.left_out))}]"
                message["content"] = self.images or stayed
            elif isinstance(refusal, str) and refusal:
                message["content"] = None
            else:
                return None
        elif self.images:
            texts = [{"type": "text", "text": message["content"]}] if message["content"] else []
            message["content"] = [*texts, *self.images]
        if isinstance(refusal, str) and refusal:
            message["refusal"] = refusal
        if self.signature is not None:
            message["reasoning_signature"] = self.signature
        if isinstance(extra := details.get("extra"), Mapping) and provider == SYSTEM:
            message |= replayed_fields(extra)
        return message
