"""How many tokens a prompt probably has, reckoned offline: text by its length, media by their kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from requesty_core.wire.json import encode_json

__all__ = ["BYTES_PER_TOKEN", "MEDIA_TOKENS", "estimate_tokens"]

BYTES_PER_TOKEN = 4
"""Bytes of a request's JSON that make a token of English text, by the model makers' own rule of thumb."""

MEDIA_TOKENS = {"image_url": 1024, "input_audio": 1024, "input_file": 2048, "file_input": 2048, "file": 2048}
"""Tokens that stand for one part, whatever its size in base64.

Providers count pixels, seconds and pages: a picture of a megapixel is about a thousand, a page of a PDF and a minute of
audio one to three thousand.
"""

_LOW_DETAIL = 85
"""Of an image with ``detail: low``, as OpenAI documents it."""

_PER_MESSAGE = 4
_COUNTED = ("name", "tool_call_id", "reasoning_content", "refusal")


def estimate_tokens(messages: Iterable[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()) -> int:
    """Tokens of a prompt in wire form, good to about a quarter for English. Needs no tokenizer and sends nothing."""
    total = sum(_PER_MESSAGE + _message(message) for message in messages)
    return total + (_text(encode_json(list(tools)).decode()) if tools else 0)


def _message(message: Mapping[str, Any]) -> int:
    count = sum(_text(value) for name in _COUNTED if isinstance(value := message.get(name), str))
    if message.get("tool_calls"):
        count += _text(encode_json(message["tool_calls"]).decode())
    content = message.get("content")
    if isinstance(content, str):
        return count + _text(content)
    return count + sum(_part(part) for part in content or ())


def _part(part: Mapping[str, Any]) -> int:
    kind = part.get("type")
    if kind in ("text", "refusal"):
        return _text(str(part.get(kind) or ""))
    image = part.get("image_url")
    if isinstance(image, Mapping) and image.get("detail") == "low":
        return _LOW_DETAIL
    return MEDIA_TOKENS.get(str(kind), MEDIA_TOKENS["input_file"])


def _text(text: str) -> int:
    return -(-len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN)
