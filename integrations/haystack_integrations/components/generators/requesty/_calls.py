"""One call of a generator: the arguments of the core client, and the check of what it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haystack.dataclasses import ChatMessage
from haystack.tools.tool import Tool

from requesty_core import Step
from requesty_core.adapters import Restorer, legal_call, original_names
from requesty_core.schemas import read_answer

from ._messages import wire_messages, wire_tools
from ._schema import sent_format

__all__ = ["checked", "prepared"]


def prepared(
    model: str | Step,
    messages: Sequence[ChatMessage],
    params: Mapping[str, Any],
    tools: Sequence[Tool],
    *,
    strict: bool,
    stream: bool,
) -> tuple[dict[str, Any], Restorer]:
    """Arguments of the core client, and what brings strict answers back to the user's own schemas."""
    params = dict(params)
    model = params.pop("model", None) or model
    params.pop("stream", None)
    if stream and (params.get("n") or 1) > 1:
        raise ValueError("n: a stream gives one answer; leave out the streaming callback for several")
    answer = None
    if "response_format" in params:
        params["response_format"], answer = sent_format(params["response_format"])
    if tools:
        # Tools in wire form, such as the provider's own web search, have no object in Haystack.
        params["tools"] = [*(params.get("tools") or ()), *wire_tools(tools, strict=strict)]
    own = {tool.name: tool.parameters for tool in tools} if strict else {}
    restorer = Restorer(own, answer, hold_text=False, names=original_names(params.get("tools")))
    return legal_call({"model": model, "messages": wire_messages(messages), **params}), restorer


def checked(replies: list[ChatMessage], params: Mapping[str, Any]) -> list[ChatMessage]:
    """The replies; with a pydantic `response_format`, each text must be JSON and fit it."""
    validate = getattr(params.get("response_format"), "model_validate_json", None)
    if validate is not None:
        for reply in replies:
            if reply.text is not None and not reply.tool_calls and not reply.meta.get("refusal"):
                read_answer(reply.text)
                validate(reply.text)
    return replies
