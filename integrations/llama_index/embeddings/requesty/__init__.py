"""The Requesty gateway as a LlamaIndex embedding model."""

from .base import RequestyEmbedding, RequestyEmbeddingUsageEvent
from .registry import register

__all__ = ["RequestyEmbedding", "RequestyEmbeddingUsageEvent", "register"]
