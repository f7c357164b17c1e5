"""Embedding calls: inputs into batches, answers into checked vectors, everything back in order."""

from __future__ import annotations

from .replies import EmbeddingsError, EmbeddingsReply, MalformedEmbeddingsError

__all__ = ["EmbeddingsError", "EmbeddingsReply", "MalformedEmbeddingsError"]
