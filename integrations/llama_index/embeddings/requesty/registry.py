"""Opt-in registration with LlamaIndex's loaders of serialised models."""

from __future__ import annotations

from llama_index.core.embeddings.loading import RECOGNIZED_EMBEDDINGS

from .base import RequestyEmbedding

__all__ = ["register"]


def register() -> None:
    """Let ``load_embed_model`` rebuild :class:`RequestyEmbedding` from its ``to_dict()``."""
    RECOGNIZED_EMBEDDINGS[RequestyEmbedding.class_name()] = RequestyEmbedding
