"""Answers that a test scripts word for word."""

from __future__ import annotations

import threading
from collections.abc import Collection
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
    offers: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def matches(self, model: str | None, path: str, tools: Collection[str]) -> bool:
        """Whether this is the answer to a request."""
        return (
            (self.model is None or self.model == model)
            and (self.path is None or self.path in path)
            and (self.offers is None or self.offers in tools)
        )


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

    def take(self, model: str | None, path: str, tools: Collection[str] = ()) -> Scripted | None:
        """The answer for this request, which offers these tools, if one is queued."""
        with self._lock:
            for item in self._items:
                if item.matches(model, path, tools):
                    item.times -= 1
                    if item.times <= 0:
                        self._items.remove(item)
                    return item
        return None
