"""The Requesty gateway as a LlamaIndex LLM."""

from __future__ import annotations

try:
    import llama_index.core  # noqa: F401
except ModuleNotFoundError as missing:
    from requesty_core.adapters import extra_missing

    raise extra_missing(missing, "llama-index") from None

from typing import TYPE_CHECKING

from requesty_core.lazy import lazy_names

from ._structured import StructuredOutputError
from .base import Requesty
from .registry import register

if TYPE_CHECKING:
    from .fallback import RequestyFallback
else:
    _, __getattr__, __dir__ = lazy_names(__name__, {".fallback": ("RequestyFallback",)})

__all__ = ["Requesty", "RequestyFallback", "StructuredOutputError", "register"]
