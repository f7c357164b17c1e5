"""The Requesty gateway as Haystack embedders."""

from __future__ import annotations

try:
    import haystack  # noqa: F401
except ModuleNotFoundError as missing:
    from requesty_core.adapters import extra_missing

    raise extra_missing(missing, "haystack") from None

from .document_embedder import RequestyDocumentEmbedder
from .text_embedder import RequestyTextEmbedder

__all__ = ["RequestyDocumentEmbedder", "RequestyTextEmbedder"]
