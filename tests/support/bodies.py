"""Bodies of answers: complete ones, and the chunks and bytes of event streams."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "cost": 0.001}


def sse(*chunks: Any, done: bool = True) -> bytes:
    """The bytes of an event stream: dicts as JSON, bytes as they are."""
    lines = [c if isinstance(c, bytes) else b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks]
    return b"".join(lines) + (b"data: [DONE]\n\n" if done else b"")


def chunk(delta: Mapping[str, Any] | None = None, *, finish: str | None = None, **top: Any) -> dict[str, Any]:
    """One chunk of a stream with a single choice."""
    choice: dict[str, Any] = {"index": 0, "delta": dict(delta or {})}
    if finish is not None:
        choice["finish_reason"] = finish
    head = {"id": "rqsty-cmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    return {**head, "choices": [choice], **top}


def completion(message: Mapping[str, Any], *, finish: str | None = "stop", **top: Any) -> dict[str, Any]:
    """A complete body with a single choice."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    head = {"id": "rqsty-cmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini"}
    return {**head, "choices": [choice], **top}
