"""The turn of a model, this package's or any other's, as an assistant message: pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from requesty_core import ToolCall
from requesty_core.adapters import AssistantTurn, CallIds, LeftOut, arguments_text, assistant_turn, replayed_fields

from ._tool_calls import CALL_EXTRAS, PROVIDER, core_call

__all__ = ["Wire", "assistant_message"]

Wire = dict[str, Any]


def assistant_message(message: BaseMessage, where: str, ids: CallIds) -> tuple[Wire, Sequence[LeftOut]]:
    """The wire message, and what of the turn stays behind.

    Calls come from ``tool_calls`` and ``invalid_tool_calls`` (whose arguments go back as they came), then from blocks
    and from the forms of older versions; thoughts from blocks, else from ``additional_kwargs``.
    """
    given = message.content
    turn = assistant_turn([*_blocks(message)], f"{where}.content", calls=[*_calls(message, where, ids)], ids=ids)
    wire = turn.to_wire()
    if not isinstance(given, str) and turn.parts:
        # A list stays one.
        wire["content"] = turn.parts
    _add_thoughts(wire, message, turn)
    wire.update(replayed_fields(message.additional_kwargs))
    refusal = message.additional_kwargs.get("refusal")
    if isinstance(refusal, str) and refusal and not any(part.get("type") == "refusal" for part in turn.parts):
        wire["refusal"] = refusal
        wire["content"] = wire["content"] or None
    return wire, turn.left_out


def _blocks(message: BaseMessage) -> Iterator[Any]:
    """What the message says: its content, else its speech, and the images it keeps beside the content."""
    content, kwargs = message.content, message.additional_kwargs
    yield from [content] if isinstance(content, str) else content
    audio = kwargs.get("audio")
    if not content and isinstance(audio, Mapping) and isinstance(audio.get("transcript"), str):
        yield audio["transcript"]
    images = kwargs.get("images")
    if isinstance(images, list) and not any(_is_image(block) for block in content):
        yield from images


def _is_image(block: object) -> bool:
    return isinstance(block, Mapping) and block.get("type") in ("image", "image_url")


def _calls(message: BaseMessage, where: str, ids: CallIds) -> Iterator[ToolCall]:
    if isinstance(message, AIMessage):
        extras = _extras(message)
        for call in message.tool_calls:
            arguments = arguments_text(call["args"], f"{where}.tool_calls")
            yield core_call(call["name"], arguments, call["id"], extras)
        for bad in message.invalid_tool_calls:
            yield core_call(bad["name"] or "", bad["args"] or "", bad["id"], extras)
        if message.tool_calls or message.invalid_tool_calls:
            return
    yield from _legacy_calls(message.additional_kwargs, ids)


def _extras(message: AIMessage) -> Mapping[str, Any]:
    """What the gateway sent with each call beside the call, by id: kept by this package, or in standard blocks."""
    kept = message.additional_kwargs.get(CALL_EXTRAS)
    extras = dict(kept) if isinstance(kept, Mapping) else {}
    if message.response_metadata.get("model_provider") != PROVIDER:
        return extras
    for block in message.content:
        if isinstance(block, dict) and block.get("type") in ("tool_call", "invalid_tool_call"):
            own, call_id = block.get("extras"), block.get("id")
            if isinstance(own, Mapping) and isinstance(call_id, str):
                extras.setdefault(call_id, own)
    return extras


def _legacy_calls(kwargs: Mapping[str, Any], ids: CallIds) -> Iterator[ToolCall]:
    """Calls in the wire's own form, which other classes and older versions keep in ``additional_kwargs``."""
    for call in kwargs.get("tool_calls") or ():
        if isinstance(call, Mapping) and isinstance(function := call.get("function"), Mapping) and function.get("name"):
            yield ToolCall(str(function["name"]), _text(function.get("arguments")), _text(call.get("id")))
    function = kwargs.get("function_call")
    if isinstance(function, Mapping) and isinstance(name := function.get("name"), str) and name:
        yield ToolCall(name, _text(function.get("arguments")), ids.called(name))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _add_thoughts(wire: Wire, message: BaseMessage, turn: AssistantTurn) -> None:
    """Thoughts that stand beside the content, where the content has none."""
    kwargs = message.additional_kwargs
    if not turn.reasoning and (told := _told(kwargs)):
        wire["reasoning_content"] = told
    signature = kwargs.get("reasoning_signature")
    if not turn.signature and isinstance(signature, str) and signature:
        wire["reasoning_signature"] = signature


def _told(kwargs: Mapping[str, Any]) -> str:
    """Reasoning in ``additional_kwargs``: a text, or OpenAI's ``{"summary": [{"text": …}]}``."""
    for name in ("reasoning_content", "reasoning"):
        value = kwargs.get(name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, Mapping):
            return assistant_turn([{"type": "reasoning", **value}], name).reasoning
    return ""
