"""Cache settings of one provider, taken out of a request before another provider's model is asked.

Middleware that marks what to cache runs before the fallback and never again, so its marks would go to every model of
the chain. The gateway takes them for all its models; other providers answer 400 to what they do not know. Which models
take what is told by ``_llm_type``, as in LangChain's own ``ModelFallbackMiddleware``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from langchain.agents.middleware import ModelRequest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.tools import BaseTool

from .chat_models import ChatRequesty

__all__ = ["request_for"]

M = TypeVar("M", bound=BaseMessage)

MARK = "cache_control"
AFFINITY = "x-session-affinity"
TAKES_MARKS = frozenset({"anthropic-chat", "anthropic-bedrock-chat", "anthropic-chat-vertexai"})
TAKES_KEY = frozenset({"fireworks-chat", "openai-chat", "azure-openai-chat"})
TAKES_AFFINITY = frozenset({"fireworks-chat"})


def request_for(request: ModelRequest[Any], model: BaseChatModel) -> ModelRequest[Any]:
    """The request to ``model``, without cache settings that it would refuse; ``request`` itself is left as it is."""
    if isinstance(model, ChatRequesty):
        return request.override(model=model)
    changes: dict[str, Any] = {"model": model}
    kind = model._llm_type
    settings = request.model_settings
    if kind not in TAKES_KEY:
        settings = {name: value for name, value in settings.items() if name != "prompt_cache_key"}
    if kind not in TAKES_AFFINITY:
        settings = _without_affinity(settings)
    if kind not in TAKES_MARKS:
        settings = _unmarked(settings)
        if request.system_message is not None:
            changes["system_message"] = _message(request.system_message)
        changes["messages"] = [_message(message) for message in request.messages]
        changes["tools"] = [_tool(tool) for tool in request.tools]
    changes["model_settings"] = settings
    return request.override(**changes)


def _unmarked(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != MARK}


def _without_affinity(settings: dict[str, Any]) -> dict[str, Any]:
    headers = settings.get("extra_headers")
    if not isinstance(headers, Mapping):
        return settings
    kept = {name: value for name, value in headers.items() if str(name).lower() != AFFINITY}
    rest = {name: value for name, value in settings.items() if name != "extra_headers"}
    return {**rest, "extra_headers": kept} if kept else rest


def _message(message: M) -> M:
    if not isinstance(message.content, list):
        return message
    blocks = [_block(block) if isinstance(block, dict) else block for block in message.content]
    return message if blocks == message.content else message.model_copy(update={"content": blocks})


def _block(block: dict[str, Any]) -> dict[str, Any]:
    inner = {name: _unmarked(block[name]) for name in ("extras", "metadata") if isinstance(block.get(name), dict)}
    return {**_unmarked(block), **inner}


def _tool(tool: BaseTool | dict[str, Any]) -> BaseTool | dict[str, Any]:
    extras = tool.extras if isinstance(tool, BaseTool) else tool.get("extras")
    inner = {"extras": _unmarked(extras) or None} if isinstance(extras, dict) and MARK in extras else {}
    if isinstance(tool, BaseTool):
        return tool.model_copy(update=inner) if inner else tool
    return {**_unmarked(tool), **inner}
