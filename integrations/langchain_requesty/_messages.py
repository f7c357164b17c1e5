"""From LangChain messages to the gateway's chat messages: pure functions, but for a line in the log."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from requesty_core.adapters import CallIds, content_parts, result_content, user_content
from requesty_core.errors import ConfigurationError

from ._turns import Wire, assistant_message

__all__ = ["wire_messages"]

_log = logging.getLogger("requesty")

_ROLES = {"human": "user", "ai": "assistant", "model": "assistant"}
"""Other words for the same side of the conversation."""


def wire_messages(messages: Sequence[BaseMessage]) -> list[Wire]:
    """The ``messages`` of a request. Raises :class:`ConfigurationError` naming what cannot be sent.

    Turns of other providers' models are accepted. What of them means nothing to any other model stays behind; the
    logger ``requesty`` tells it at ``INFO``.
    """
    ids = CallIds()
    return [wire for index, message in enumerate(messages) for wire in _wire(message, f"messages[{index}]", ids)]


def _wire(message: BaseMessage, where: str, ids: CallIds) -> Iterator[Wire]:
    if isinstance(message, HumanMessage):
        yield from _human(message, where, ids)
    elif isinstance(message, AIMessage):
        yield _assistant(message, where, ids)
    elif isinstance(message, ToolMessage):
        yield _tool(message.tool_call_id, message, where)
    elif isinstance(message, SystemMessage):
        role = message.additional_kwargs.get("__openai_role__", "system")
        yield _named({"role": role, "content": _content(message, where)}, message)
    elif isinstance(message, FunctionMessage):
        yield _function(message.name, message, where, ids)
    elif isinstance(message, ChatMessage):
        yield from _chat(message, where, ids)
    else:
        raise ConfigurationError(f"{where}: {type(message).__name__} cannot be sent; use a chat message")


def _chat(message: ChatMessage, where: str, ids: CallIds) -> Iterator[Wire]:
    """A message whose role is a word of the caller's."""
    role = _ROLES.get(message.role, message.role)
    call_id = message.additional_kwargs.get("tool_call_id")
    if role == "assistant":
        yield _assistant(message, where, ids)
    elif role == "user":
        yield from _human(message, where, ids)
    elif role == "function":
        yield _function(message.name, message, where, ids)
    elif role == "tool":
        if not isinstance(call_id, str) or not call_id:
            raise ConfigurationError(f"{where}: a tool message needs 'tool_call_id'; use ToolMessage")
        yield _tool(call_id, message, where)
    else:
        yield _named({"role": role, "content": _content(message, where)}, message)


def _named(wire: Wire, message: BaseMessage) -> Wire:
    if message.name:
        wire["name"] = message.name
    return wire


def _content(message: BaseMessage, where: str) -> str | list[Wire]:
    """Content of a message; a cache mark given for the whole message moves onto its last part."""
    given = message.content
    content = given if isinstance(given, str) else content_parts(given, f"{where}.content")
    return _marked(content, message)


def _marked(content: str | list[Wire], message: BaseMessage) -> str | list[Wire]:
    cache = message.additional_kwargs.get("cache_control")
    if cache is None:
        return content or ""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if parts:
        parts[-1].setdefault("cache_control", cache)
    return parts


def _human(message: BaseMessage, where: str, ids: CallIds) -> Iterator[Wire]:
    """A user turn; results of tools among its blocks become the tool turns they stand for."""
    if isinstance(message.content, str):
        yield _named({"role": "user", "content": _marked(message.content, message)}, message)
        return
    results, parts = user_content(message.content, f"{where}.content")
    for result in results:
        call_id = result.call_id or ids.answered(result.name)
        if not call_id:
            raise ConfigurationError(f"{where}: the result of a tool does not say of which call; give 'tool_use_id'")
        yield {"role": "tool", "tool_call_id": call_id, "content": result.content}
    if parts or not results:
        yield _named({"role": "user", "content": _marked(parts, message)}, message)


def _tool(call_id: str, message: BaseMessage, where: str) -> Wire:
    content = result_content(message.content, f"{where}.content")
    return {"role": "tool", "tool_call_id": call_id, "content": _marked(content, message)}


def _function(name: str | None, message: BaseMessage, where: str, ids: CallIds) -> Wire:
    """The result of a legacy ``function_call``, as the tool turn it stands for."""
    call_id = ids.answered(name)
    if call_id is None:
        raise ConfigurationError(f"{where}: the result of {name!r} answers no function_call before it; use ToolMessage")
    return _tool(call_id, message, where)


def _assistant(message: BaseMessage, where: str, ids: CallIds) -> Wire:
    wire, left_out = assistant_message(message, where, ids)
    for one in left_out:
        _log.info("left out of the request: %s", one.reason)
    content = wire["content"]
    if content and message.additional_kwargs.get("cache_control") is not None:
        wire["content"] = _marked(content, message)
    return _named(wire, message)
