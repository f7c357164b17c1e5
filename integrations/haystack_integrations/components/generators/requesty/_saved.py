"""The settings of a chat generator that are not those of every component, as they are saved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haystack.tools import ToolsType, serialize_tools_or_toolset
from haystack.utils import serialize_callable

from requesty_core.adapters import plain_policy

from ._schema import response_format

if TYPE_CHECKING:
    from .chat_generator import RequestyChatGenerator

__all__ = ["plain_chat_settings"]


def plain_chat_settings(generator: RequestyChatGenerator) -> dict[str, Any]:
    """Init parameters for ``to_dict``; a class in ``response_format`` becomes its schema."""
    callback = generator.streaming_callback
    generation_kwargs = dict(generator.generation_kwargs)
    if "response_format" in generation_kwargs:
        generation_kwargs["response_format"] = response_format(generation_kwargs["response_format"])
    return {
        "streaming_callback": serialize_callable(callback) if callback else None,
        "generation_kwargs": generation_kwargs,
        "tools": serialize_tools_or_toolset(_listed(generator.tools)),
        "tools_strict": generator.tools_strict,
        "fallbacks": generator.fallbacks,
        "fallback_policy": plain_policy(generator.fallback_policy),
        "adapt": generator.adapt,
    }


def _listed(tools: ToolsType | None) -> Any:
    """Tools in one of the two forms Haystack can save."""
    return list(tools) if isinstance(tools, tuple) else tools
