"""The Requesty gateway for Pydantic AI."""

from __future__ import annotations

try:
    import pydantic_ai  # noqa: F401
except ModuleNotFoundError as missing:
    from requesty_core.adapters import extra_missing

    raise extra_missing(missing, "pydantic-ai") from None

from requesty_core import Budget, CostLedger, FallbackPolicy, RequestyError, RequestyOptions, Step, Timeouts

from ._errors import should_fall_back
from ._settings import RequestyModelSettings
from .capability import RequestyModels
from .embeddings import RequestyEmbeddingModel, RequestyEmbeddingSettings
from .fallback import RequestyFallbackModel
from .model import RequestyModel
from .provider import RequestyProvider
from .registry import register

__all__ = [
    "Budget",
    "CostLedger",
    "FallbackPolicy",
    "RequestyEmbeddingModel",
    "RequestyEmbeddingSettings",
    "RequestyError",
    "RequestyFallbackModel",
    "RequestyModel",
    "RequestyModelSettings",
    "RequestyModels",
    "RequestyOptions",
    "RequestyProvider",
    "Step",
    "Timeouts",
    "register",
    "should_fall_back",
]

register()
