"""The documents of one run: their texts, and what becomes of them when the vectors have come, or some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from haystack import Document, logging
from tqdm import tqdm

from requesty_core import EmbeddingsError, EmbeddingsReply, RequestyError
from requesty_core.adapters import described

from ._base import meta_of

if TYPE_CHECKING:
    from .document_embedder import RequestyDocumentEmbedder

__all__ = ["Documents"]

logger = logging.getLogger(__name__)

Vectors = Sequence[list[float] | None]


class Documents:
    """Documents and their texts; equal texts are embedded once, whatever ids their documents have.

    Raises ``TypeError`` for what is no list of documents.
    """

    def __init__(self, embedder: RequestyDocumentEmbedder, documents: list[Document]) -> None:
        if not isinstance(documents, list) or not all(isinstance(item, Document) for item in documents):
            raise TypeError("documents: expected a list of Documents; use RequestyTextEmbedder for a string")
        self._embedder = embedder
        self._documents = documents
        self.texts = [self._text(document) for document in documents]
        self.own = list(dict.fromkeys(self.texts))

    def _text(self, document: Document) -> str:
        own = self._embedder
        fields = [str(document.meta[k]) for k in own.meta_fields_to_embed if document.meta.get(k) is not None]
        return own.prefix + own.embedding_separator.join([*fields, document.content or ""]) + own.suffix

    def progress(self) -> Any:
        """A progress bar over the texts that are embedded."""
        hidden = not self._embedder.progress_bar
        return tqdm(total=len(self.own), disable=hidden, desc="Calculating embeddings", unit="text")

    def batching(self, bar: Any) -> dict[str, Any]:
        """How the texts are sent."""
        return {
            "batch_size": self._embedder.batch_size,
            "max_in_flight": self._embedder.max_concurrency,
            "on_batch": bar.update,
            # Without raising, a batch comes back as a whole, as from Haystack's own embedders.
            "halves": self._embedder.raise_on_failure,
        }

    def nothing(self) -> dict[str, Any]:
        """The outputs of a run without documents."""
        return {"documents": list(self._documents), "meta": {}}

    def embedded(self, reply: EmbeddingsReply) -> dict[str, Any]:
        """The outputs of a run that went well."""
        return {"documents": self._with(self._by_text(reply.vectors)), "meta": meta_of(reply)}

    def without(self, error: RequestyError) -> dict[str, Any]:
        """What is there after a failure, if that is wanted; else the failure is raised again."""
        if self._embedder.raise_on_failure:
            raise error
        vectors: Vectors = [None] * len(self.own)
        meta: dict[str, Any] = {}
        if isinstance(error, EmbeddingsError):
            vectors, meta = error.vectors, meta_of(error)
        found = self._by_text(vectors)
        failed = [d.id for d, text in zip(self._documents, self.texts, strict=True) if found[text] is None]
        logger.warning("{count} documents have no embedding: {error}", count=len(failed), error=described(error))
        return {"documents": self._with(found), "meta": {**meta, "failed": failed}}

    def _by_text(self, vectors: Vectors) -> dict[str, list[float] | None]:
        return dict(zip(self.own, vectors, strict=True))

    def _with(self, found: Mapping[str, list[float] | None]) -> list[Document]:
        return [replace(d, embedding=found[text]) for d, text in zip(self._documents, self.texts, strict=True)]
