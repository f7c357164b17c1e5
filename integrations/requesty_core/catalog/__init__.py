"""What is known of models: ids, windows, prices, abilities, and what they refuse."""

from __future__ import annotations

from .abilities import (
    EmbeddingLimits,
    StructuredForm,
    context_window,
    embedding_limits,
    may_force_tools,
    media_kinds,
    structured_output_form,
    supports_schema,
    supports_web_search,
    takes,
    thinking_form,
    token_parameter,
)
from .cache import current
from .catalog import Catalog, ModelInfo, bundled, estimate
from .identity import Identity, identify

__all__ = [
    "Catalog",
    "EmbeddingLimits",
    "Identity",
    "ModelInfo",
    "StructuredForm",
    "bundled",
    "context_window",
    "current",
    "embedding_limits",
    "estimate",
    "identify",
    "may_force_tools",
    "media_kinds",
    "structured_output_form",
    "supports_schema",
    "supports_web_search",
    "takes",
    "thinking_form",
    "token_parameter",
]
