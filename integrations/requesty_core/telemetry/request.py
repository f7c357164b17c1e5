"""What a call asks for, as attributes of its span: sampling, lengths, formats; never what is said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["request_attributes"]


def _number(value: Any) -> float | int | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _words(value: Any) -> list[str] | None:
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple)) and value and all(isinstance(word, str) for word in value):
        return list(value)
    return None


def _format(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, Mapping) else None
    return {"json_schema": "json", "json_object": "json", "text": "text"}.get(kind) if isinstance(kind, str) else None


def _text_format(value: Any) -> str | None:
    return _format(value.get("format")) if isinstance(value, Mapping) else None


#: By field of a body: the conventions' attribute, and the reading of it. Of several for one attribute the last counts.
_FIELDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "max_tokens": ("gen_ai.request.max_tokens", _number),
    "max_completion_tokens": ("gen_ai.request.max_tokens", _number),
    "max_output_tokens": ("gen_ai.request.max_tokens", _number),
    "temperature": ("gen_ai.request.temperature", _number),
    "top_p": ("gen_ai.request.top_p", _number),
    "top_k": ("gen_ai.request.top_k", _number),
    "frequency_penalty": ("gen_ai.request.frequency_penalty", _number),
    "presence_penalty": ("gen_ai.request.presence_penalty", _number),
    "seed": ("gen_ai.request.seed", _number),
    "stop": ("gen_ai.request.stop_sequences", _words),
    "stop_sequences": ("gen_ai.request.stop_sequences", _words),
    "n": ("gen_ai.request.choice.count", lambda n: None if n == 1 else _number(n)),
    "stream": ("gen_ai.request.stream", lambda value: True if value is True else None),
    "response_format": ("gen_ai.output.type", _format),
    "text": ("gen_ai.output.type", _text_format),
    "encoding_format": ("gen_ai.request.encoding_formats", _words),
    "dimensions": ("gen_ai.embeddings.dimension.count", _number),
}


def request_attributes(body: Mapping[str, Any]) -> dict[str, Any]:
    """The conventions' attributes of a body of any route; what is not there, or is no such value, is left out."""
    found: dict[str, Any] = {}
    for field, (name, read) in _FIELDS.items():
        value = read(body[field]) if field in body else None
        if value is not None:
            found[name] = value
    return found
