"""Opt-in registration with LlamaIndex's loaders of serialised models."""

from __future__ import annotations

from .base import RequestyEmbedding

__all__ = ["register"]


def register() -> None:
    """Let ``load_embed_model`` rebuild :class:`RequestyEmbedding` from its ``to_dict()``."""
    # Here, because it imports the integrations of other vendors that are installed.
    from llama_index.core.embeddings.loading import RECOGNIZED_EMBEDDINGS

    RECOGNIZED_EMBEDDINGS[RequestyEmbedding.class_name()] = RequestyEmbedding
