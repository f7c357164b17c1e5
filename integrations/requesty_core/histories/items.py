"""What a block of a history can be on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from requesty_core.replies.reply import ToolCall

__all__ = ["CacheMark", "Item", "LeftOut", "Part", "Refusal", "Result", "Thought", "ToolCall"]


@dataclass(frozen=True, slots=True)
class Part:
    """A content part, as the gateway takes it."""

    part: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Thought:
    """Reasoning that a model showed; its ``signature`` goes back with it where there is one."""

    text: str
    signature: str | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a model said when it refused."""

    text: str


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool answered: a text, or content parts.

    Attributes:
        call_id: the id of the call; empty where the provider has none (Gemini).
        name: the tool's name, where it is told.
        content: as a tool message takes it.
    """

    call_id: str
    name: str | None
    content: str | list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class CacheMark:
    """A mark for the part before it (Bedrock's ``cachePoint``)."""

    control: dict[str, Any]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A block that stays behind.

    Attributes:
        kind: its type.
        reason: one line: where it stood and why it is not sent.
    """

    kind: str
    reason: str


Item = Part | Thought | Refusal | ToolCall | Result | CacheMark | LeftOut
"""What one block is."""
