"""What is known of models: ids, windows, prices, abilities, and what they refuse."""

from __future__ import annotations

from requesty_core.lazy import lazy_names

# A call of a model by its plain id asks for none of it.
NAMES = {
    ".abilities": (
        "EmbeddingLimits",
        "StructuredForm",
        "context_window",
        "embedding_limits",
        "may_force_tools",
        "media_kinds",
        "structured_output_form",
        "supports_schema",
        "supports_web_search",
        "takes",
        "thinking_form",
        "token_parameter",
    ),
    ".cache": ("current",),
    ".catalog": ("Catalog", "bundled"),
    ".identity": ("Identity", "identify"),
    ".info": ("ModelInfo",),
    ".prices": ("estimate",),
}

__all__, __getattr__, __dir__ = lazy_names(__name__, NAMES)
