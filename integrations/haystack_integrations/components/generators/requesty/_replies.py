"""From core replies to Haystack messages: pure functions."""

from __future__ import annotations

from typing import Any

from haystack import logging
from haystack.dataclasses import ChatMessage, ReasoningContent, ToolCall

from haystack_integrations.common.requesty.usage import usage_of
from requesty_core import ChatReply, Message
from requesty_core import ToolCall as CoreToolCall
from requesty_core.adapters import call_summary, read_call, reply_metadata

__all__ = ["CALL_EXTRA", "replies_of"]

CALL_EXTRA = "requesty"
"""The key of ``ToolCall.extra`` under which the gateway's own fields of a call are kept."""

logger = logging.getLogger(__name__)


def replies_of(reply: ChatReply, started: str | None = None) -> list[ChatMessage]:
    """One message per choice; usage and cost stand on the first only, so that sums over messages are right.

    Args:
        started: ISO time of the first chunk, for streams.
    """
    shared = _shared_meta(reply)
    messages = []
    for index, choice in enumerate(reply.choices or (reply.message,)):
        calls, invalid = _tool_calls(choice)
        meta = {"index": index, "finish_reason": choice.finish_reason, **shared, **_choice_meta(choice)}
        meta["usage"] = usage_of(reply.usage) if index == 0 else {}
        if invalid:
            meta["invalid_tool_calls"] = invalid
            logger.warning(
                "The arguments of {count} tool call(s) are not a JSON object; see meta['invalid_tool_calls']",
                count=len(invalid),
            )
        if started is not None:
            meta["completion_start_time"] = started
        reasoning = None
        if choice.reasoning or choice.reasoning_signature:
            extra = {"signature": choice.reasoning_signature} if choice.reasoning_signature else {}
            reasoning = ReasoningContent(reasoning_text=choice.reasoning, extra=extra)
        messages.append(
            ChatMessage.from_assistant(choice.text or None, meta=meta, tool_calls=calls, reasoning=reasoning)
        )
    return messages


def _shared_meta(reply: ChatReply) -> dict[str, Any]:
    meta = reply_metadata(reply)
    served = meta.pop("served_model", None)
    meta.pop("cost", None)
    if reply.id is not None:
        meta["id"] = reply.id
    if reply.extra:
        meta["extra"] = dict(reply.extra)
    return {"model": served or reply.requested_model, **meta}


def _choice_meta(choice: Message) -> dict[str, Any]:
    values: dict[str, Any] = {
        "refusal": choice.refusal,
        "logprobs": choice.logprobs,
        "annotations": [dict(item) for item in choice.annotations],
        "images": [dict(item) for item in choice.images],
        "server_tool_calls": [call_summary(call) for call in choice.server_tool_calls],
        "message_extra": dict(choice.extra),
    }
    return {key: value for key, value in values.items() if value}


def _tool_calls(choice: Message) -> tuple[list[ToolCall], list[dict[str, Any]]]:
    """Parsed calls, and those whose arguments are not a JSON object, as they came."""
    calls: list[ToolCall] = []
    invalid: list[dict[str, Any]] = []
    for call in choice.tool_calls:
        arguments, _ = read_call(call)
        if arguments is None:
            invalid.append(call_summary(call))
            continue
        calls.append(ToolCall(tool_name=call.name, arguments=arguments, id=call.id, extra=_call_extra(call)))
    return calls, invalid


def _call_extra(call: CoreToolCall) -> dict[str, Any] | None:
    """What goes back with the call in the next turn: the kind of a custom tool, a signature."""
    own: dict[str, Any] = {"fields": dict(call.extra)} if call.extra else {}
    if call.type != "function":
        own["type"] = call.type
    return {CALL_EXTRA: own} if own else None
