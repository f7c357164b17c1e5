"""One tool call while its parts arrive."""

from __future__ import annotations

import uuid

from requesty_core.wire.json import JSONDecodeError, decode_json

from .reply import (
    ToolCall,
)

__all__ = ["ToolCallState"]


class ToolCallState:
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
        """The call as it stands."""
        return ToolCall(self.name, "".join(self.arguments), self.id)
