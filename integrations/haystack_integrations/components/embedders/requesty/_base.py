"""What both embedders have in common: the call, and its metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from haystack_integrations.common.requesty.component import Component
from requesty_core import EmbeddingsError, EmbeddingsReply, Usage
from requesty_core.adapters import cost_of

__all__ = ["Embedder", "meta_of"]


class Embedder(Component):
    """Settings and calls of an embedder."""

    def _shape(self, dimensions: int | None, prefix: str, suffix: str) -> None:
        """Keep what is asked of every text."""
        self.dimensions = dimensions
        self.prefix = prefix
        self.suffix = suffix

    def _saved(self) -> dict[str, Any]:
        return {**super()._saved(), "dimensions": self.dimensions, "prefix": self.prefix, "suffix": self.suffix}

    def _call(self, texts: Sequence[str], **more: Any) -> dict[str, Any]:
        return {"model": self.model, "input": texts, "dimensions": self.dimensions, "as_lists": True, **more}

    def _embed(self, texts: Sequence[str], **more: Any) -> EmbeddingsReply:
        return self._clients.open().sync.embeddings(**self._call(texts, **more))

    async def _embed_async(self, texts: Sequence[str], **more: Any) -> EmbeddingsReply:
        return await self._clients.open().aio.embeddings(**self._call(texts, **more))


def meta_of(source: EmbeddingsReply | EmbeddingsError) -> dict[str, Any]:
    """Served model, usage over all batches with ``cost`` as a float, request id."""
    if isinstance(source, EmbeddingsError):
        return {"usage": _usage(source.usage)}
    meta: dict[str, Any] = {"model": source.served_model or source.requested_model}
    meta |= {"requested_model": source.requested_model, "usage": _usage(source.usage)}
    if source.request_id is not None:
        meta["request_id"] = source.request_id
    return meta


def _usage(usage: Usage | None) -> dict[str, Any]:
    if usage is None:
        return {}
    counts: dict[str, Any] = {"prompt_tokens": usage.input_tokens, "total_tokens": usage.total_tokens}
    cost = cost_of(usage)
    return counts if cost is None else {**counts, "cost": cost}
