"""The Requesty gateway as a LlamaIndex embedding model."""

from __future__ import annotations

try:
    import llama_index.core  # noqa: F401
except ModuleNotFoundError as missing:
    from requesty_core.adapters import extra_missing

    raise extra_missing(missing, "llama-index") from None

from .base import RequestyEmbedding, RequestyEmbeddingUsageEvent
from .registry import register

__all__ = ["RequestyEmbedding", "RequestyEmbeddingUsageEvent", "register"]
