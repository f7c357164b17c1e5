"""Embedding calls: inputs into batches, answers into checked vectors, everything back in order."""

from __future__ import annotations

from .plan import EmbeddingsError, EmbeddingsReply

__all__ = ["EmbeddingsError", "EmbeddingsReply"]
