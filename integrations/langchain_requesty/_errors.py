"""Errors that are the core's and LangChain's at once, so that code catching either keeps working."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from langchain_core import exceptions as lc

from requesty_core.adapters.clients import raising_as
from requesty_core.errors import ErrorKind, RequestyError
from requesty_core.errors import tree as core

__all__ = [
    "RequestyAuthenticationError",
    "RequestyBadRequestError",
    "RequestyBudgetExceededError",
    "RequestyConfigurationError",
    "RequestyConnectionError",
    "RequestyContextOverflowError",
    "RequestyEmptyChoicesError",
    "RequestyErrorBodyError",
    "RequestyFallbackExhaustedError",
    "RequestyInsufficientBalanceError",
    "RequestyMalformedResponseError",
    "RequestyNotFoundError",
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
    "langchain_errors",
]

if TYPE_CHECKING:
    _Refusal = lc.ModelError
else:
    # langchain-core has it since 1.7.5.
    _Refusal = getattr(lc, "ModelRefusalError", lc.ModelError)


class RequestyConfigurationError(core.ConfigurationError, lc.ModelInvalidRequestError):
    """A setting or argument is unusable; nothing was sent."""


class RequestyBudgetExceededError(core.BudgetExceededError, lc.ModelError):
    """The caller's own budget is spent; nothing was sent."""


class RequestyBadRequestError(core.BadRequestError, lc.ModelInvalidRequestError):
    """The request was refused as invalid (400, 409, 413, 422)."""


class RequestyContextOverflowError(core.ContextOverflowError, lc.ContextOverflowError):
    """The prompt does not fit the model's context window."""


class RequestyAuthenticationError(core.AuthenticationError, lc.ModelAuthenticationError):
    """The key is missing, unknown, expired or revoked."""


class RequestyPermissionDeniedError(core.PermissionDeniedError, lc.ModelPermissionDeniedError):
    """The key may not do this (403)."""


class RequestyInsufficientBalanceError(core.InsufficientBalanceError, lc.ModelError):
    """The organisation has no credit left (402)."""


class RequestyNotFoundError(core.NotFoundError, lc.ModelNotFoundError):
    """The gateway does not know this model, policy or route (404)."""


class RequestySpendLimitError(core.SpendLimitError, lc.ModelError):
    """The key's monthly spend limit is reached (412)."""


class RequestyRateLimitError(core.RateLimitError, lc.ModelRateLimitError):
    """Too many requests (429)."""


class RequestyServerError(core.ServerError, lc.ModelAPIError):
    """The gateway or the provider failed (5xx)."""


class RequestyOverloadedError(core.OverloadedError, lc.ModelAPIError):
    """The provider has no capacity (503, 529)."""


class RequestyUpstreamFormatError(core.UpstreamFormatError, lc.ModelAPIError):
    """The provider's reply was unusable for the gateway (424)."""


class RequestyConnectionError(core.ConnectionFailedError, lc.ModelConnectionError):
    """No connection, or it broke before an answer began."""


class RequestyTimeoutError(core.RequestTimeoutError, lc.ModelTimeoutError):
    """Nothing arrived within a time limit."""


class RequestyTruncatedStreamError(core.TruncatedStreamError, lc.ModelAPIError):
    """The stream ended before the answer did; ``partial`` holds what arrived."""


class RequestyStreamError(core.StreamError, lc.ModelAPIError):
    """The gateway reported an error inside a stream; ``partial`` holds what arrived."""


class RequestyErrorBodyError(core.ErrorBodyError, lc.ModelAPIError):
    """Status 200 with an error object instead of an answer."""


class RequestyEmptyChoicesError(core.EmptyChoicesError, lc.ModelAPIError):
    """The answer has no choices."""


class RequestyMalformedResponseError(core.MalformedResponseError, lc.ModelAPIError):
    """The body is not an answer of this route: HTML, broken JSON or a wrong shape."""


class RequestyFallbackExhaustedError(core.FallbackExhaustedError, lc.ModelError):
    """Every model of a fallback chain failed; ``errors`` and ``attempts`` tell how."""


class RequestyRefusalError(_Refusal):
    """The model refused to give the structured answer it was asked for; ``refusal`` is what it said."""

    def __init__(self, refusal: str) -> None:
        super().__init__(f"the model refused: {refusal}")
        self.refusal = refusal

    def __reduce__(self) -> tuple[type[RequestyRefusalError], tuple[str]]:
        return type(self), (self.refusal,)


CLASSES: Mapping[ErrorKind, type[RequestyError]] = {
    ErrorKind.CONFIGURATION: RequestyConfigurationError,
    ErrorKind.BUDGET: RequestyBudgetExceededError,
    ErrorKind.BAD_REQUEST: RequestyBadRequestError,
    ErrorKind.CONTEXT_OVERFLOW: RequestyContextOverflowError,
    ErrorKind.AUTHENTICATION: RequestyAuthenticationError,
    ErrorKind.PERMISSION: RequestyPermissionDeniedError,
    ErrorKind.INSUFFICIENT_BALANCE: RequestyInsufficientBalanceError,
    ErrorKind.NOT_FOUND: RequestyNotFoundError,
    ErrorKind.SPEND_LIMIT: RequestySpendLimitError,
    ErrorKind.UPSTREAM_FORMAT: RequestyUpstreamFormatError,
    ErrorKind.RATE_LIMIT: RequestyRateLimitError,
    ErrorKind.OVERLOADED: RequestyOverloadedError,
    ErrorKind.SERVER: RequestyServerError,
    ErrorKind.CONNECTION: RequestyConnectionError,
    ErrorKind.TIMEOUT: RequestyTimeoutError,
    ErrorKind.TRUNCATED: RequestyTruncatedStreamError,
    ErrorKind.STREAM: RequestyStreamError,
    ErrorKind.ERROR_BODY: RequestyErrorBodyError,
    ErrorKind.EMPTY_CHOICES: RequestyEmptyChoicesError,
    ErrorKind.MALFORMED: RequestyMalformedResponseError,
    ErrorKind.EXHAUSTED: RequestyFallbackExhaustedError,
}
"""The class each kind of error leaves this package as."""


def langchain_errors() -> AbstractContextManager[None]:
    """Within the block, errors of the core leave as the classes above, every detail kept."""
    return raising_as(CLASSES)
