"""Tool calls whose arguments are no JSON object, in a history: they go back as they came, with what is wrong as result.

Nothing runs for such a call, and no arguments are made up for it: it stands in ``meta["invalid_tool_calls"]`` alone. An
``Agent`` asks the model again after a reply that is nothing but such calls, and the model can mend them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from requesty_core.adapters import read_arguments

__all__ = ["answer_to", "broken_calls"]


def broken_calls(meta: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The calls, as arguments of ``wire_tool_call``; without those that have no id, which no result could name."""
    found = meta.get("invalid_tool_calls")
    calls = [call for call in found if isinstance(call, Mapping)] if isinstance(found, list) else []
    return [
        {"id_": call["id"], "name": call["name"], "arguments": str(call.get("arguments") or "")}
        for call in calls
        if isinstance(call.get("id"), str) and isinstance(call.get("name"), str) and call["id"] and call["name"]
    ]


def answer_to(call: Mapping[str, Any]) -> dict[str, Any]:
    """The tool message that says what is wrong with a call."""
    _, problem = read_arguments(call["arguments"])
    told = problem or "the answer ended before the arguments"
    content = f"Error: {call['name']} was not run: {told}. Call it again with arguments that are one JSON object."
    return {"role": "tool", "tool_call_id": call["id_"], "content": content}
