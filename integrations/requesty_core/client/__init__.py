"""The clients: they build an exchange, hand it to its engine, and perform what it decides.

``aio`` is the one source of both clients and their streams; ``sync`` is generated from it. What the two do differently
is in ``sender_aio`` and ``sender_sync``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .aio.client import AsyncRequestyClient
    from .aio.embeddings import AsyncEmbeddingsStream
    from .aio.streams import AsyncChatStream, AsyncStream
    from .sync.client import RequestyClient
    from .sync.embeddings import EmbeddingsStream
    from .sync.streams import ChatStream, Stream

__all__ = [
    "AsyncChatStream",
    "AsyncEmbeddingsStream",
    "AsyncRequestyClient",
    "AsyncStream",
    "ChatStream",
    "EmbeddingsStream",
    "RequestyClient",
    "Stream",
]

_HOMES = {
    "AsyncChatStream": "aio.streams",
    "AsyncEmbeddingsStream": "aio.embeddings",
    "AsyncRequestyClient": "aio.client",
    "AsyncStream": "aio.streams",
    "ChatStream": "sync.streams",
    "EmbeddingsStream": "sync.embeddings",
    "RequestyClient": "sync.client",
    "Stream": "sync.streams",
}


# Whoever needs one client does not load what only the other is made of.
def __getattr__(name: str) -> Any:
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value
