"""An embeddings cache whose entries belong to what made them.

LlamaIndex keys its cache by the bare text: a store that two models share, or one model after its dimensions or prefixes
changed, gives vectors of another space, and a query gets the vector of a document with the same words.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from llama_index.core.storage.kvstore.types import DEFAULT_COLLECTION, BaseKVStore

__all__ = ["ScopedCache", "scoped"]

_scope: ContextVar[str] = ContextVar("requesty_embeddings_scope", default="")


@contextmanager
def scoped(scope: str) -> Generator[None]:
    """Within the block, keys of a :class:`ScopedCache` stand for texts of this scope."""
    token = _scope.set(scope)
    try:
        yield
    finally:
        _scope.reset(token)


class ScopedCache(BaseKVStore):
    """A key-value store seen from within a scope: every key begins with it.

    Outside of a scope, and for everything but single keys, it is the store itself.
    """

    def __init__(self, store: BaseKVStore) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        # Asked for what a store of some kind has beside (`persist`); not while a pickle is being read.
        if name == "store":
            raise AttributeError(name)
        return getattr(self.store, name)

    def put(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        self.store.put(_scope.get() + key, val, collection)

    async def aput(self, key: str, val: dict[str, Any], collection: str = DEFAULT_COLLECTION) -> None:
        await self.store.aput(_scope.get() + key, val, collection)

    def get(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        return self.store.get(_scope.get() + key, collection)

    async def aget(self, key: str, collection: str = DEFAULT_COLLECTION) -> dict[str, Any] | None:
        return await self.store.aget(_scope.get() + key, collection)

    def get_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        return self.store.get_all(collection)

    async def aget_all(self, collection: str = DEFAULT_COLLECTION) -> dict[str, dict[str, Any]]:
        return await self.store.aget_all(collection)

    def delete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        return self.store.delete(_scope.get() + key, collection)

    async def adelete(self, key: str, collection: str = DEFAULT_COLLECTION) -> bool:
        return await self.store.adelete(_scope.get() + key, collection)
