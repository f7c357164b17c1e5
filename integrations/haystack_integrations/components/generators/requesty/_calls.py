"""One call of a generator: the arguments of the core client, and the check of what it gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from haystack.dataclasses import ChatMessage
from haystack.tools.tool import Tool

from requesty_core import Step

from ._messages import wire_messages, wire_tools
from ._replies import Optional
from ._schema import optional_keys, response_format

__all__ = ["checked", "prepared"]


def prepared(
    model: str | Step,
    messages: Sequence[ChatMessage],
    params: Mapping[str, Any],
    tools: Sequence[Tool],
    *,
    strict: bool,
    stream: bool,
) -> tuple[dict[str, Any], Optional]:
    """Arguments of the core client, and the tool arguments whose null means "not given"."""
    params = dict(params)
    model = params.pop("model", None) or model
    params.pop("stream", None)
    if stream and (params.get("n") or 1) > 1:
        raise ValueError("n: a stream gives one answer; leave out the streaming callback for several")
    if "response_format" in params:
        params["response_format"] = response_format(params["response_format"])
    if tools:
        # Tools in wire form, such as the provider's own web search, have no object in Haystack.
        params["tools"] = [*(params.get("tools") or ()), *wire_tools(tools, strict=strict)]
    optional = {tool.name: optional_keys(tool.parameters) for tool in tools} if strict else {}
    return {"model": model, "messages": wire_messages(messages), **params}, optional


def checked(replies: list[ChatMessage], params: Mapping[str, Any]) -> list[ChatMessage]:
    """The replies; with a pydantic `response_format`, each text must fit it."""
    validate = getattr(params.get("response_format"), "model_validate_json", None)
    if validate is not None:
        for reply in replies:
            if reply.text is not None and not reply.tool_calls and not reply.meta.get("refusal"):
                validate(reply.text)
    return replies
