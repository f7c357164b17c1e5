"""The constructor's arguments for type checkers; nothing is imported from here at run time."""

from __future__ import annotations

from llama_index.core.storage.kvstore.types import BaseKVStore

from llama_index.utils.requesty.typed import ConnectionArguments

__all__ = ["EmbeddingArguments"]


class EmbeddingArguments(ConnectionArguments, total=False):
    """Arguments of ``RequestyEmbedding`` beside ``model``."""

    model_name: str
    dimensions: int | None
    embed_batch_size: int
    num_workers: int | None
    embeddings_cache: BaseKVStore | None
    user: str | None
    query_prefix: str
    text_prefix: str
