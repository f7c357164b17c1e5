"""The Requesty gateway for Pydantic AI."""

from __future__ import annotations

try:
    import pydantic_ai  # noqa: F401
except ModuleNotFoundError as missing:
    from requesty_core.extras import extra_missing

    raise extra_missing(missing, "pydantic-ai") from None

from requesty_core.errors import RequestyError
from requesty_core.money.budget import Budget
from requesty_core.money.ledger import CostLedger
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_core.settings.config import Timeouts
from requesty_core.settings.options import RequestyOptions

from ._errors import should_fall_back
from ._settings import RequestyModelSettings
from .capability import RequestyModels
from .embeddings import RequestyEmbeddingModel, RequestyEmbeddingSettings
from .fallback import RequestyFallbackModel
from .model import RequestyModel
from .provider import RequestyProvider

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
    "should_fall_back",
]
