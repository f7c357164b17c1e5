"""Tool calls between the core and LangChain: whole ones, marked ones, and what the gateway sends beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from langchain_core.messages import InvalidToolCall
from langchain_core.messages import ToolCall as LangChainCall

from requesty_core import Message, ToolCall
from requesty_core.adapters import read_arguments, read_call

__all__ = [
    "CALL_EXTRAS",
    "CUSTOM_INPUT",
    "PROVIDER",
    "call_extras",
    "closing_blocks",
    "core_call",
    "custom_arguments",
    "tool_calls_of",
]

PROVIDER = "requesty"
"""``model_provider`` of every message and ``ls_provider`` of every trace; LangChain trusts usage only if they agree."""

CALL_EXTRAS = "tool_call_extras"
"""Key of ``additional_kwargs``: by the call's id, its fields that LangChain has no place for, as received."""

CUSTOM_INPUT = "__arg1"
"""LangChain's own name for the one argument of a tool that takes plain text."""


def tool_calls_of(choice: Message) -> tuple[list[LangChainCall], list[InvalidToolCall]]:
    """Whole calls, and those whose arguments are not."""
    whole: list[LangChainCall] = []
    invalid: list[InvalidToolCall] = []
    for call in choice.tool_calls:
        args, problem = read_call(call)
        if args is None:
            invalid.append(_invalid(call, problem))
        else:
            args = {CUSTOM_INPUT: call.arguments} if call.type == "custom" else args
            whole.append(LangChainCall(name=call.name, args=args, id=call.id, type="tool_call"))
    return whole, invalid


def _invalid(call: ToolCall, problem: str | None) -> InvalidToolCall:
    text = custom_arguments(call.arguments, whole=False) if call.type == "custom" else call.arguments
    return InvalidToolCall(name=call.name, args=text, id=call.id, error=problem, type="invalid_tool_call")


def closing_blocks(choice: Message) -> list[dict[str, Any]]:
    """Content blocks of the calls that are not whole, under the indexes that their pieces had."""
    return [
        {**_invalid(call, problem), "index": f"lc_tc_{number}"}
        for number, call in enumerate(choice.tool_calls)
        if (problem := read_call(call)[1]) is not None
    ]


def call_extras(choice: Message) -> dict[str, dict[str, Any]]:
    """What stands beside the calls on the wire, by their ids: signatures, and that a call is of a custom tool."""
    if not choice.tool_calls:
        return {}
    extras = {
        call.id: {**({"type": "custom"} if call.type == "custom" else {}), **call.extra} for call in choice.tool_calls
    }
    return {call_id: extra for call_id, extra in extras.items() if extra}


def custom_arguments(text: str, *, whole: bool = True) -> str:
    """The arguments, as JSON text, that stand for a custom tool's plain text; without their end if it was cut."""
    given = json.dumps({CUSTOM_INPUT: text}, ensure_ascii=False)
    return given if whole else given.removesuffix(_END)


_END = '"}'


def core_call(name: str, arguments: str, call_id: str | None, extras: Mapping[str, Any]) -> ToolCall:
    """The call as it goes back to the gateway, with what had come beside it."""
    extra = extras.get(call_id or "")
    beside = dict(extra) if isinstance(extra, Mapping) else {}
    kind = "custom" if beside.pop("type", None) == "custom" else "function"
    if kind == "custom":
        args = read_arguments(arguments)[0] or read_arguments(arguments + _END)[0] or {}
        given = args.get(CUSTOM_INPUT)
        arguments = given if isinstance(given, str) else arguments
    return ToolCall(name, arguments, call_id or "", kind, beside)
