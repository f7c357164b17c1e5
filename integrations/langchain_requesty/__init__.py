"""The Requesty LLM gateway for LangChain.

>>> from langchain_requesty import ChatRequesty
>>> llm = ChatRequesty(model="openai/gpt-4o-mini")  # key from REQUESTY_API_KEY
>>> llm.invoke("Hello").response_metadata["cost"]  # doctest: +SKIP

``RequestyFallbackMiddleware`` needs the ``langchain`` package; everything else needs ``langchain-core`` only.
"""

from __future__ import annotations

try:
    import langchain_core  # noqa: F401
except ModuleNotFoundError as missing:
    from requesty_core.adapters import extra_missing

    raise extra_missing(missing, "langchain") from None

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from requesty_core import Budget, CostLedger, FallbackPolicy, RequestyError, RequestyOptions, Step, Timeouts
from requesty_core.lazy import lazy_names

from ._error_classes import (
    RequestyAuthenticationError,
    RequestyBadRequestError,
    RequestyBudgetExceededError,
    RequestyConfigurationError,
    RequestyConnectionError,
    RequestyContextOverflowError,
    RequestyEmptyChoicesError,
    RequestyErrorBodyError,
    RequestyFallbackExhaustedError,
    RequestyInsufficientBalanceError,
    RequestyMalformedResponseError,
    RequestyNotFoundError,
    RequestyOverloadedError,
    RequestyPermissionDeniedError,
    RequestyRateLimitError,
    RequestyServerError,
    RequestySpendLimitError,
    RequestyStreamError,
    RequestyTimeoutError,
    RequestyTruncatedStreamError,
    RequestyUpstreamFormatError,
)
from ._errors import RequestyRefusalError
from .chat_models import ChatRequesty
from .registry import register

if TYPE_CHECKING:
    from .embeddings import RequestyEmbeddings
    from .fallbacks import ChatRequestyFallback
    from .middleware import RequestyFallbackMiddleware

__all__ = [
    "Budget",
    "ChatRequesty",
    "ChatRequestyFallback",
    "CostLedger",
    "FallbackPolicy",
    "RequestyAuthenticationError",
    "RequestyBadRequestError",
    "RequestyBudgetExceededError",
    "RequestyConfigurationError",
    "RequestyConnectionError",
    "RequestyContextOverflowError",
    "RequestyEmbeddings",
    "RequestyEmptyChoicesError",
    "RequestyError",
    "RequestyErrorBodyError",
    "RequestyFallbackExhaustedError",
    "RequestyFallbackMiddleware",
    "RequestyInsufficientBalanceError",
    "RequestyMalformedResponseError",
    "RequestyNotFoundError",
    "RequestyOptions",
    "RequestyOverloadedError",
    "RequestyPermissionDeniedError",
    "RequestyRateLimitError",
    "RequestyRefusalError",
    "RequestyServerError",
    "RequestySpendLimitError",
    "RequestyStreamError",
    "RequestyTimeoutError",
    "RequestyTruncatedStreamError",
    "RequestyUpstreamFormatError",
    "Step",
    "Timeouts",
    "register",
]

if find_spec("langchain") is None:
    # `from langchain_requesty import *` asks for every name.
    __all__.remove("RequestyFallbackMiddleware")


# Classes of pydantic's cost milliseconds each: those that a program may do without are made when they are asked for.
_load, __dir__ = lazy_names(
    __name__,
    {
        ".embeddings": ("RequestyEmbeddings",),
        ".fallbacks": ("ChatRequestyFallback",),
        ".middleware": ("RequestyFallbackMiddleware",),
    },
)[1:]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        try:
            return _load(name)
        except ImportError as exc:
            if name != "RequestyFallbackMiddleware":
                raise
            raise ImportError(f"{name} needs the langchain package; pip install langchain ({exc})") from exc
