"""What a block of a history can be on the wire."""

from __future__ import annotations

from typing import Any

from requesty_core.replies.reply import ToolCall
from requesty_core.values import Value

__all__ = ["CacheMark", "Item", "LeftOut", "Part", "Refusal", "Result", "Thought", "ToolCall"]


class Part(Value, frozen=True):
    """A content part, as the gateway takes it."""

    part: dict[str, Any]


class Thought(Value, frozen=True):
    """Reasoning that a model showed; its ``signature`` goes back with it where there is one."""

    text: str
    signature: str | None = None


class Refusal(Value, frozen=True):
    """What a model said when it refused."""

    text: str


class Result(Value, frozen=True):
    """What a tool answered: a text, or content parts.

    Attributes:
        call_id: the id of the call; empty where the provider has none (Gemini).
        name: the tool's name, where it is told.
        content: as a tool message takes it.
    """

    call_id: str
    name: str | None
    content: str | list[dict[str, Any]]


class CacheMark(Value, frozen=True):
    """A mark for the part before it (Bedrock's ``cachePoint``)."""

    control: dict[str, Any]


class LeftOut(Value, frozen=True):
    """A block that stays behind.

    Attributes:
        kind: its type.
        reason: one line: where it stood and why it is not sent.
    """

    kind: str
    reason: str


Item = Part | Thought | Refusal | ToolCall | Result | CacheMark | LeftOut
"""What one block is."""
