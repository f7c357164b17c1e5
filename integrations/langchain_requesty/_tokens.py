"""Token counts without a tokeniser: text by LangChain's own estimate, media by their kind and not by their base64."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.messages import BaseMessage, convert_to_messages
from langchain_core.messages.utils import count_tokens_approximately

from requesty_core.adapters import estimate_tokens, result_content
from requesty_core.errors import ConfigurationError

__all__ = ["count_tokens"]


def count_tokens(messages: Sequence[BaseMessage], tools: list[Any] | None) -> int:
    """Tokens of messages and wire tools; text is scaled by the usage of replies among the messages, if they tell it."""
    light: list[BaseMessage] = []
    media: list[dict[str, Any]] = []
    for message in convert_to_messages(messages):
        content = message.content
        if isinstance(content, list):
            kept = []
            for block in content:
                parts = [*_media(block)]
                media += parts
                if not parts:
                    kept.append(block)
            message = message.model_copy(update={"content": kept})
        media += [part for image in message.additional_kwargs.get("images") or () for part in _media(image)]
        light.append(message)
    count = count_tokens_approximately(light, use_usage_metadata_scaling=True, tools=tools)
    return count + estimate_tokens([{"content": media}]) - estimate_tokens([{}]) if media else count


def _media(block: Any) -> Iterator[dict[str, Any]]:
    """Parts of a block that is or holds something else than text; none for text, and for what cannot be sent."""
    try:
        content = result_content([block], "")
    except ConfigurationError:
        return
    if isinstance(content, list) and any(part["type"] != "text" for part in content):
        yield from content
