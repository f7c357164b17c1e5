"""Answers that a test scripts word for word."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True, kw_only=True)
class Scripted:
    """The next answer. ``chunks`` and ``body`` are sent as they are; the rest fills a normal reply."""

    text: str | None = None
    reasoning: str | None = None
    signature: str | None = None
    tool_calls: list[dict[str, Any]] | None = None
    finish_reason: str | None = None
    chunks: list[Any] | None = None
    body: Any = None
    refusal: str | None = None
    images: list[Any] | None = None
    annotations: list[dict[str, Any]] | None = None
    served_model: str | None = None
    usage: dict[str, Any] | None = None
    pieces: list[str] | None = None
    model: str | None = None
    times: int = 1
    path: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class ScriptQueue:
    """Scripted answers in order; taken by the first matching request."""

    def __init__(self) -> None:
        self._items: list[Scripted] = []
        self._lock = threading.Lock()

    def add(self, item: Scripted) -> None:
        """Queue an answer."""
        with self._lock:
            self._items.append(item)

    def clear(self) -> None:
        """Forget all queued answers."""
        with self._lock:
            self._items.clear()

    def take(self, model: str | None, path: str) -> Scripted | None:
        """The answer for this request, if one is queued."""
        with self._lock:
            for item in self._items:
                if (item.model is None or item.model == model) and (item.path is None or item.path in path):
                    item.times -= 1
                    if item.times <= 0:
                        self._items.remove(item)
                    return item
        return None
