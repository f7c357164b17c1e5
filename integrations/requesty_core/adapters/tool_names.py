"""Names of tools that the wire does not take: legal on the way out, in tools, choice and history, and known back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from requesty_core.schemas import legal_name, legal_names

__all__ = ["legal_call", "original_names"]


def legal_call(call: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a chat call with every tool's name made legal: in the tools, the choice and the history."""
    made = dict(call)
    tools: Any = call.get("tools")
    names = legal_names(_names(tools)) if tools else {}
    if changed := {name: legal for name, legal in names.items() if name != legal}:
        made["tools"] = [_renamed(tool, changed) for tool in tools]
        if isinstance(call.get("tool_choice"), Mapping):
            made["tool_choice"] = _renamed(call["tool_choice"], changed)
    if any(message.get("tool_calls") and _illegal_calls(message) for message in call["messages"]):
        made["messages"] = [
            {**message, "tool_calls": [_renamed(item, names) for item in message["tool_calls"]]}
            if _illegal_calls(message)
            else message
            for message in call["messages"]
        ]
    return made


def original_names(tools: Any) -> dict[str, str]:
    """From each name that :func:`legal_call` makes for one of the tools to the tool's own; legal ones are left out."""
    return {legal: name for name, legal in legal_names(_names(tools)).items() if legal != name} if tools else {}


def _names(tools: Any) -> list[str]:
    functions = [tool.get("function") for tool in tools if isinstance(tool, Mapping)]
    found = [function.get("name") for function in functions if isinstance(function, Mapping)]
    return [name for name in found if isinstance(name, str)]


def _illegal_calls(message: Mapping[str, Any]) -> bool:
    calls = message.get("tool_calls")
    return bool(calls) and any(legal_name(name) != name for name in _names(calls))


def _renamed(item: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    function = item.get("function")
    if not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        return dict(item)
    name = function["name"]
    return {**item, "function": {**function, "name": names.get(name) or legal_name(name, fallback="tool")}}
