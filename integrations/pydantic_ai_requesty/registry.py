"""``requesty:…`` strings for Pydantic AI's ``Embedder``."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from pydantic_ai import embeddings

from .capability import PREFIX
from .embeddings import RequestyEmbeddingModel

__all__ = ["register"]


def register() -> None:
    """Let ``Embedder("requesty:MODEL")`` make a :class:`RequestyEmbeddingModel` from the environment.

    Done when this package is imported. Pydantic AI has no table of embedding providers to be entered in, so its
    function that reads such strings is wrapped; strings of other providers go through it as before. Strings of chat
    models have a place of their own: :class:`RequestyModels`.
    """
    infer: Callable[..., Any] = embeddings.infer_embedding_model
    if hasattr(infer, "reads_requesty"):
        return

    @wraps(infer)
    def infer_embedding_model(model: Any, **options: Any) -> Any:
        if isinstance(model, str) and model.startswith(PREFIX):
            return RequestyEmbeddingModel(model.removeprefix(PREFIX))
        return infer(model, **options)

    infer_embedding_model.reads_requesty = True  # type: ignore[attr-defined]
    embeddings.infer_embedding_model = infer_embedding_model
