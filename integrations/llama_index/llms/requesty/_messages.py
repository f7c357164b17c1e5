"""From LlamaIndex chat messages to the gateway's, and tools and tool choice in wire form: pure functions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole, ThinkingBlock, ToolCallBlock
from llama_index.core.tools.types import BaseTool

from requesty_core.adapters import replayed_fields, strict_function, wire_tool_call
from requesty_core.errors import ConfigurationError

from ._content import wire_content

__all__ = ["tool_choice_for", "wire_messages", "wire_tools"]

Wire = dict[str, Any]

_CALL_FIELDS = frozenset(("id", "type", "function", "index"))

# Other frameworks' words for the same side of the conversation.
_ROLES = {MessageRole.CHATBOT: "assistant", MessageRole.MODEL: "assistant"}


def wire_messages(messages: Sequence[ChatMessage]) -> list[Wire]:
    """The ``messages`` of a request. Raises :class:`ConfigurationError` naming what cannot be sent."""
    return [_wire(message, f"messages[{index}]") for index, message in enumerate(messages)]


def _wire(message: ChatMessage, where: str) -> Wire:
    role = _ROLES.get(message.role, message.role.value)
    if message.role is MessageRole.FUNCTION:
        raise ConfigurationError(f"{where}: role 'function' is not accepted by the gateway; use role 'tool'")
    wire: Wire = {"role": role, "content": wire_content(message.blocks, role, where)}
    kwargs = message.additional_kwargs
    if role == "tool":
        if not kwargs.get("tool_call_id"):
            raise ConfigurationError(f"{where}: a tool message needs additional_kwargs['tool_call_id']")
        wire["tool_call_id"] = kwargs["tool_call_id"]
    elif role == "assistant":
        _add_turn(wire, message)
    if isinstance(name := kwargs.get("name"), str) and name:
        wire["name"] = name
    return wire


def _add_turn(wire: Wire, message: ChatMessage) -> None:
    """What an assistant's turn has beside its content."""
    if calls := [*_calls(message)]:
        wire["tool_calls"] = calls
    thoughts = [block for block in message.blocks if isinstance(block, ThinkingBlock)]
    if text := "".join(block.content or "" for block in thoughts):
        wire["reasoning_content"] = text
    signatures = [s for block in thoughts if (s := block.additional_information.get("signature"))]
    if signatures:
        wire["reasoning_signature"] = signatures[-1]
    wire |= replayed_fields(message.additional_kwargs)
    refusal = message.additional_kwargs.get("refusal")
    if isinstance(refusal, str) and refusal:
        wire["refusal"] = refusal
    if not wire["content"]:
        wire["content"] = None if calls or "refusal" in wire else ""


def _calls(message: ChatMessage) -> Iterator[Wire]:
    """Tool calls from blocks, else from ``additional_kwargs`` as other integrations and older histories keep them."""
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    given = [
        call if isinstance(call, Mapping) else call.model_dump()
        for call in message.additional_kwargs.get("tool_calls") or ()
    ]
    by_id = {call.get("id"): call for call in given}
    for block in blocks:
        kwargs = block.tool_kwargs
        arguments = kwargs if isinstance(kwargs, str) else json.dumps(kwargs, ensure_ascii=False)
        wire = by_id.get(block.tool_call_id) or {}
        if wire.get("type") == "custom":
            yield dict(wire)
        else:
            # What the provider needs back with its call (Gemini's signature) has no place in a block.
            kept = {key: value for key, value in wire.items() if key not in _CALL_FIELDS} if "function" in wire else {}
            yield {**kept, **wire_tool_call(block.tool_call_id, block.tool_name, arguments)}
    if blocks:
        return
    for call in given:
        function = call.get("function") or {}
        yield wire_tool_call(call.get("id"), function.get("name") or "", function.get("arguments") or "")


def wire_tools(tools: Sequence[BaseTool], strict: bool) -> list[Wire]:
    """Tools as the gateway takes them. ``strict`` is sent only if asked for, with the closed schema it needs.

    Raises :class:`ConfigurationError` for ``strict`` and parameters without a strict form.
    """
    return [_tool(tool, strict) for tool in tools]


def _tool(tool: BaseTool, strict: bool) -> Wire:
    wire: Wire = tool.metadata.to_openai_tool(skip_length_check=True)
    # LlamaIndex makes names legal but has no way back; the core has.
    wire = {**wire, "function": {**wire["function"], "name": tool.metadata.get_name()}}
    if not strict:
        return wire
    return {**wire, "function": strict_function(wire["function"])}


def own_parameters(tools: Sequence[BaseTool]) -> dict[str, Any]:
    """The tools' own parameters by the name they have on the wire."""
    return {wire["function"]["name"]: wire["function"].get("parameters") for wire in wire_tools(tools, strict=False)}


def tool_choice_for(choice: object, required: bool, tools: Sequence[Wire]) -> Any:
    """The wire's ``tool_choice``: a tool's name, ``auto``, ``none``, ``any``/``required`` or a mapping.

    Without a choice it is ``required`` or ``auto``. Raises :class:`ConfigurationError` for a tool that is not there.
    """
    names = [tool["function"]["name"] for tool in tools]
    if choice is None:
        return "required" if required else "auto"
    if isinstance(choice, Mapping):
        return dict(choice)
    if choice in names:
        return {"type": "function", "function": {"name": choice}}
    if choice in ("any", "required"):
        return "required"
    if choice in ("auto", "none"):
        return choice
    raise ConfigurationError(
        f"tool_choice: {choice!r} is not one of the tools ({', '.join(names)}) nor auto, none, required"
    )
