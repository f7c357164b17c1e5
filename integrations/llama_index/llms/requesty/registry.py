"""Opt-in registration with LlamaIndex's loaders of serialised models."""

from __future__ import annotations

from .base import Requesty

__all__ = ["register"]


def register() -> None:
    """Let ``load_llm`` rebuild the classes of this package from their ``to_dict()``.

    LlamaIndex has no entry points for this; its table is a module-level dict, so it is left alone until asked.
    """
    # Here, because it imports the integrations of other vendors that are installed.
    from llama_index.core.llms.loading import RECOGNIZED_LLMS

    from .fallback import RequestyFallback

    for cls in (Requesty, RequestyFallback):
        RECOGNIZED_LLMS[cls.class_name()] = cls
