"""``requesty:…`` strings wherever Pydantic AI takes the name of a model."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

from pydantic_ai import embeddings, models

from .capability import PREFIX
from .embeddings import RequestyEmbeddingModel
from .model import RequestyModel

__all__ = ["register"]


def register() -> None:
    """Let ``Agent("requesty:MODEL")``, ``Agent.from_spec`` and ``Embedder("requesty:MODEL")`` make models of this
    package, from the environment.

    Done when this package is imported. Pydantic AI has no table of providers to be entered in, so its two functions
    that read such strings are wrapped; strings of other providers go through them as before. With settings of their
    own, the models of an agent's strings come from :class:`RequestyModels`.
    """
    _read_also(models, "infer_model", RequestyModel)
    _read_also(embeddings, "infer_embedding_model", RequestyEmbeddingModel)


def _read_also(module: ModuleType, function: str, make: Callable[[str], Any]) -> None:
    infer: Callable[..., Any] = getattr(module, function)
    if hasattr(infer, "reads_requesty"):
        return

    @wraps(infer)
    def inferred(model: Any, *args: Any, **options: Any) -> Any:
        if isinstance(model, str) and model.startswith(PREFIX):
            return make(model.removeprefix(PREFIX))
        return infer(model, *args, **options)

    inferred.reads_requesty = True  # type: ignore[attr-defined]
    setattr(module, function, inferred)
