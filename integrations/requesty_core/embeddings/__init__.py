"""Embedding calls: inputs into batches, answers into checked vectors, everything back in order."""

from __future__ import annotations

from requesty_core.lazy import lazy_names

NAMES = {".replies": ("EmbeddingsError", "EmbeddingsReply", "MalformedEmbeddingsError")}

__all__, __getattr__, __dir__ = lazy_names(__name__, NAMES)
