"""From LlamaIndex chat messages to the gateway's, and tools and tool choice in wire form: pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole, TextBlock
from llama_index.core.tools.types import BaseTool

from requesty_core.adapters import CallIds, strict_function
from requesty_core.errors import ConfigurationError

from ._content import wire_content
from ._turns import assistant_message, result_id

__all__ = ["tool_choice_for", "wire_messages", "wire_tools"]

Wire = dict[str, Any]

# Other words, and older ones, for the same side of the conversation.
_ROLES = {MessageRole.CHATBOT: "assistant", MessageRole.MODEL: "assistant", MessageRole.FUNCTION: "tool"}


def wire_messages(messages: Sequence[ChatMessage]) -> list[Wire]:
    """The ``messages`` of a request. Raises :class:`ConfigurationError` naming what cannot be sent."""
    ids = CallIds()
    return [_wire(message, f"messages[{index}]", ids) for index, message in enumerate(messages)]


def _wire(message: ChatMessage, where: str, ids: CallIds) -> Wire:
    role = _ROLES.get(message.role, message.role.value)
    if role != "tool" and (text := _only_text(message)):
        return {"role": role, "content": text}
    if role == "assistant":
        wire = assistant_message(message, where, ids)
    else:
        wire = {"role": role, "content": wire_content(message.blocks, role, where)}
        if role == "tool":
            wire["tool_call_id"] = result_id(message, where, ids)
    name = message.additional_kwargs.get("name")
    if isinstance(name, str) and name and message.role is not MessageRole.FUNCTION:
        wire["name"] = name
    return wire


def _only_text(message: ChatMessage) -> str | None:
    """The text of a message that holds nothing else, as nearly all of a history."""
    if len(message.blocks) != 1 or message.additional_kwargs:
        return None
    block = message.blocks[0]
    return block.text if type(block) is TextBlock else None


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
