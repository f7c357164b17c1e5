"""The Requesty gateway as a LlamaIndex LLM."""

from __future__ import annotations

try:
    import llama_index.core  # noqa: F401
except ModuleNotFoundError as missing:
    from requesty_core.adapters import extra_missing

    raise extra_missing(missing, "llama-index") from None

from ._structured import StructuredOutputError
from .base import Requesty
from .fallback import RequestyFallback
from .registry import register

__all__ = ["Requesty", "RequestyFallback", "StructuredOutputError", "register"]
