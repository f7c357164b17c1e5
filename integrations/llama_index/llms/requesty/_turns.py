"""The turn of a model, this package's or any other integration's, as an assistant message: pure functions.

Other integrations keep what LlamaIndex has no block for in ``additional_kwargs``, each in its provider's own form: the
calls of OpenAI, Anthropic, Bedrock and Gemini, the legacy ``function_call``, thoughts and refusals.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, CitationBlock, ThinkingBlock, ToolCallBlock

from requesty_core import ToolCall
from requesty_core.adapters import CallIds, arguments_text, assistant_turn, read_block, replayed_fields
from requesty_core.errors import ConfigurationError

from ._content import add_block

__all__ = ["assistant_message", "result_id"]

Wire = dict[str, Any]

_CALL_FIELDS = frozenset(("id", "type", "function", "index"))


def assistant_message(message: ChatMessage, where: str, ids: CallIds) -> Wire:
    """The wire message. What only its own provider understands stays behind; nothing is raised for it."""
    calls = [*_calls(message, where, ids)]
    turn = assistant_turn([*_blocks(message, where)], f"{where}.blocks", calls=calls, ids=ids)
    wire = turn.to_wire()
    if turn.parts and all(part.keys() == {"type", "text"} for part in turn.parts):
        # The separator is the one of ChatMessage.content.
        wire["content"] = "\n".join(part["text"] for part in turn.parts)
    wire |= replayed_fields(message.additional_kwargs)
    refusal = message.additional_kwargs.get("refusal")
    if isinstance(refusal, str) and refusal:
        wire["refusal"] = refusal
        wire["content"] = wire["content"] or None
    return wire


def _blocks(message: ChatMessage, where: str) -> Iterator[Wire]:
    """What the turn says and thinks, as blocks that the core reads."""
    parts: list[Wire] = []
    has_thought = False
    for index, block in enumerate(message.blocks):
        if isinstance(block, ThinkingBlock):
            has_thought = True
            yield _thought(block)
        elif not isinstance(block, (ToolCallBlock, CitationBlock)):
            # Citations only mark places in the text.
            try:
                add_block(block, "assistant", f"{where}.blocks[{index}]", parts)
            except ConfigurationError:
                parts.append({"type": block.block_type})
    if not has_thought and (told := _told(message.additional_kwargs)):
        yield told
    yield from parts


def _thought(block: ThinkingBlock) -> Wire:
    signature = block.additional_information.get("signature")
    return {"type": "thinking", "thinking": block.content or "", "signature": signature}


def _told(kwargs: Mapping[str, Any]) -> Wire | None:
    """Thoughts that stand beside the blocks: a text, or a provider's block."""
    for name in ("thinking", "reasoning_content", "reasoning"):
        value = kwargs.get(name)
        if isinstance(value, str) and value:
            return {"type": "thinking", "thinking": value}
        if isinstance(value, Mapping):
            return {"type": "reasoning", **value}
    return None


def _calls(message: ChatMessage, where: str, ids: CallIds) -> Iterator[ToolCall]:
    """Tool calls from blocks, else from ``additional_kwargs``."""
    given = [*_kept(message.additional_kwargs.get("tool_calls"))]
    blocks = [block for block in message.blocks if isinstance(block, ToolCallBlock)]
    by_id = {call.get("id"): call for call in given}
    for block in blocks:
        yield _with_what_was_kept(block, by_id.get(block.tool_call_id) or {}, where)
    if blocks:
        return
    spot = f"{where}.additional_kwargs['tool_calls']"
    for call in given:
        if isinstance(function := call.get("function"), Mapping):
            extra = {key: value for key, value in call.items() if key not in _CALL_FIELDS}
            arguments = arguments_text(function.get("arguments"), spot)
            yield ToolCall(str(function.get("name") or ""), arguments, _text(call.get("id")), extra=extra)
        else:
            # Bedrock's has its own name for the id; the others differ from a standard block by their type only.
            standard = {"toolUse": call} if "toolUseId" in call else {**call, "type": "tool_call"}
            yield from (item for item in read_block(standard, spot) if isinstance(item, ToolCall))
    legacy = message.additional_kwargs.get("function_call")
    legacy = legacy if isinstance(legacy, Mapping) or legacy is None else vars(legacy)
    if not given and legacy and (name := legacy.get("name")):
        arguments = arguments_text(legacy.get("arguments"), f"{where}.additional_kwargs['function_call']")
        yield ToolCall(str(name), arguments, ids.called(str(name)))


def _with_what_was_kept(block: ToolCallBlock, wire: Mapping[str, Any], where: str) -> ToolCall:
    """The call of a block, with what its provider needs back beside it (Gemini's signature)."""
    call_id = block.tool_call_id or ""
    if wire.get("type") == "custom" and isinstance(custom := wire.get("custom"), Mapping):
        extra = {key: value for key, value in wire.items() if key not in {*_CALL_FIELDS, "custom"}}
        return ToolCall(block.tool_name, _text(custom.get("input")), call_id, "custom", extra)
    extra = {key: value for key, value in wire.items() if key not in _CALL_FIELDS} if "function" in wire else {}
    return ToolCall(block.tool_name, arguments_text(block.tool_kwargs, f"{where}.blocks"), call_id, extra=extra)


def _kept(calls: object) -> Iterator[Mapping[str, Any]]:
    """Calls as mappings: other integrations keep objects of their provider's SDK."""
    for call in calls if isinstance(calls, (list, tuple)) else ():
        if isinstance(call, Mapping):
            yield call
        elif hasattr(call, "model_dump"):
            yield call.model_dump()
        elif hasattr(call, "__dict__"):
            yield vars(call)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def result_id(message: ChatMessage, where: str, ids: CallIds) -> str:
    """The id of the call that a tool's message answers.

    Messages of the legacy ``function`` role, and Gemini's, name the function instead. Raises
    :class:`ConfigurationError` for one that answers no call.
    """
    kwargs = message.additional_kwargs
    for key in ("tool_call_id", "tool_use_id", "call_id"):
        if isinstance(value := kwargs.get(key), str) and value:
            return value
    if (made := ids.answered(_text(kwargs.get("name")))) is not None:
        return made
    role = message.role.value
    raise ConfigurationError(
        f"{where}: a {role} message needs additional_kwargs['tool_call_id'], or the 'name' of a function called before"
    )
