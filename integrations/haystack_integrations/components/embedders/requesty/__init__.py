"""The Requesty gateway as Haystack embedders."""

from .document_embedder import RequestyDocumentEmbedder
from .text_embedder import RequestyTextEmbedder

__all__ = ["RequestyDocumentEmbedder", "RequestyTextEmbedder"]
