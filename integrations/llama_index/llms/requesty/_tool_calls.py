"""Tool calls of a response: what an agent runs, what is refused, and the one-step ``predict_and_call``."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatResponse, ToolCallBlock
from llama_index.core.chat_engine.types import AgentChatResponse
from llama_index.core.llms.llm import ToolSelection
from llama_index.core.tools import FunctionTool
from llama_index.core.tools.calling import acall_tool_with_selection, call_tool_with_selection
from llama_index.core.tools.types import BaseTool, ToolOutput

from requesty_core import Message
from requesty_core.adapters import read_arguments, read_call

__all__ = [
    "INVALID_ARGUMENTS",
    "acall_tools",
    "agent_response",
    "call_tools",
    "invalid_calls",
    "single_call",
    "taking_anything",
    "tool_selections",
]

INVALID_ARGUMENTS = "invalid_arguments_json"
"""Key under which arguments that are no JSON object reach a tool: it refuses them, and the model learns why."""


def taking_anything(tools: Iterable[BaseTool]) -> frozenset[str]:
    """Names of tools that would run with any arguments, :data:`INVALID_ARGUMENTS` too: query engines, ``**kwargs``."""
    return frozenset(tool.metadata.get_name() for tool in tools if _takes_anything(tool))


def _takes_anything(tool: BaseTool) -> bool:
    if not isinstance(tool, FunctionTool):
        return True
    try:
        parameters = inspect.signature(tool.real_fn).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)


def invalid_calls(message: Message, loose: frozenset[str]) -> list[dict[str, Any]]:
    """The calls that must not run: ``name``, ``arguments`` as received, ``id``, ``error``.

    ``shown_as`` is a name that no tool has, for tools in ``loose``: agents then tell the model that, and why.
    """
    found: list[dict[str, Any]] = []
    for call in message.tool_calls:
        _, problem = read_call(call)
        if problem is not None:
            bad = {"name": call.name, "arguments": call.arguments, "id": call.id, "error": problem}
            found.append(bad | ({"shown_as": f"{call.name} (not run: {problem})"} if call.name in loose else {}))
    return found


def tool_selections(response: ChatResponse) -> list[ToolSelection]:
    """The tool calls of a response, partial or complete."""
    invalid = {bad.get("id"): bad for bad in response.message.additional_kwargs.get("invalid_tool_calls") or ()}
    return [
        _selection(block, invalid.get(block.tool_call_id) if invalid else None)
        for block in response.message.blocks
        if isinstance(block, ToolCallBlock)
    ]


def _selection(block: ToolCallBlock, bad: Mapping[str, Any] | None) -> ToolSelection:
    name, text = block.tool_name, block.tool_kwargs
    if bad is not None:
        name, value = bad.get("shown_as", name), {INVALID_ARGUMENTS: bad["arguments"]}
    elif isinstance(text, dict):
        value = text
    else:
        read, _ = read_arguments(text)
        value = {INVALID_ARGUMENTS: text} if read is None else read
    return ToolSelection(tool_id=block.tool_call_id or "", tool_name=name, tool_kwargs=value)


def single_call(response: ChatResponse) -> ChatResponse:
    """The response with its first tool call only, for callers that can run just one."""
    message = response.message
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    if len(blocks) < 2:
        return response
    message.blocks = [block for block in message.blocks if not isinstance(block, ToolCallBlock) or block is blocks[0]]
    if calls := message.additional_kwargs.get("tool_calls"):
        message.additional_kwargs["tool_calls"] = calls[:1]
    return response


# --- predict_and_call -------------------------------------------------------------------------------------------------


def call_tools(calls: Sequence[ToolSelection], tools: Sequence[BaseTool], *, verbose: bool) -> list[ToolOutput]:
    """What the calls give; an invalid call and one of an unknown tool give an error instead of running anything."""
    return [_refused(call, tools) or call_tool_with_selection(call, tools, verbose=verbose) for call in calls]


async def acall_tools(calls: Sequence[ToolSelection], tools: Sequence[BaseTool], *, verbose: bool) -> list[ToolOutput]:
    """Async :func:`call_tools`, all at once."""

    async def output(call: ToolSelection) -> ToolOutput:
        return _refused(call, tools) or await acall_tool_with_selection(call, tools, verbose=verbose)

    return await asyncio.gather(*map(output, calls))


def _refused(call: ToolSelection, tools: Sequence[BaseTool]) -> ToolOutput | None:
    if INVALID_ARGUMENTS in call.tool_kwargs:
        text = call.tool_kwargs[INVALID_ARGUMENTS]
        problem = f"{call.tool_name} was not run: its arguments are not one JSON object: {text!r}"
    elif all(tool.metadata.name != call.tool_name for tool in tools):
        problem = f"the model called {call.tool_name!r}, which is not one of the tools"
    else:
        return None
    return ToolOutput(
        content=problem,
        tool_name=call.tool_name,
        raw_input=call.tool_kwargs,
        raw_output=problem,
        is_error=True,
    )


def agent_response(
    response: ChatResponse, outputs: list[ToolOutput], *, error_on_tool_error: bool
) -> AgentChatResponse:
    """What ``predict_and_call`` returns. Raises ``ValueError`` for a failed tool if ``error_on_tool_error``."""
    texts = [output.content for output in outputs]
    if error_on_tool_error and any(output.is_error for output in outputs):
        raise ValueError("\n\n".join(texts))
    text = "\n\n".join(texts) if outputs else response.message.content or ""
    return AgentChatResponse(response=text, sources=outputs)
