"""Errors that are the core's and Pydantic AI's at once, so that code and fallback rules catching either keep working.

Every class exists twice: plain, and with :class:`pydantic_ai.exceptions.ModelHTTPError` among its bases, which is what
an error with an HTTP status is raised as.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic_ai import exceptions as pai

from requesty_core.errors import ErrorKind, RequestyError, recast
from requesty_core.errors import tree as core

__all__ = ["pydantic_ai_errors", "should_fall_back"]


class _Details(RequestyError):
    """How the classes below print and pickle."""

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.kind, self.status is not None, self.args, self.__dict__)


class RequestyUserError(core.ConfigurationError, pai.UserError):
    """A setting or argument is unusable; nothing was sent."""


class RequestyBudgetExceededError(_Details, core.BudgetExceededError, pai.UsageLimitExceeded):
    """The caller's own budget is spent; nothing was sent."""


class RequestyBadRequestError(_Details, core.BadRequestError, pai.ModelRequestRejectedError):
    """The request was refused as invalid (400, 409, 413, 422)."""


class RequestyContextOverflowError(_Details, core.ContextOverflowError, pai.ModelContextWindowExceededError):
    """The prompt does not fit the model's context window."""


class RequestyAuthenticationError(_Details, core.AuthenticationError, pai.ModelAuthenticationError):
    """The key is unknown, expired or revoked."""


class RequestyPermissionDeniedError(_Details, core.PermissionDeniedError, pai.ModelAuthenticationError):
    """The key may not do this (403)."""


class RequestyInsufficientBalanceError(_Details, core.InsufficientBalanceError, pai.ModelQuotaExceededError):
    """The organisation has no credit left (402)."""


class RequestySpendLimitError(_Details, core.SpendLimitError, pai.ModelQuotaExceededError):
    """The key's monthly spend limit is reached (412)."""


class RequestyNotFoundError(_Details, core.NotFoundError, pai.ModelNotFoundError):
    """The gateway does not know this model, policy or route (404)."""


class RequestyRateLimitError(_Details, core.RateLimitError, pai.ModelRateLimitError):
    """Too many requests (429)."""


class RequestyServerError(_Details, core.ServerError, pai.ModelServerError):
    """The gateway or the provider failed (5xx)."""


class RequestyOverloadedError(_Details, core.OverloadedError, pai.ModelOverloadedError):
    """The provider has no capacity (503, 529)."""


class RequestyUpstreamFormatError(_Details, core.UpstreamFormatError, pai.ModelServerError):
    """The provider's reply was unusable for the gateway (424)."""


class RequestyConnectionError(_Details, core.ConnectionFailedError, pai.ModelConnectionError):
    """No connection, or it broke before an answer began."""


class RequestyTimeoutError(_Details, core.RequestTimeoutError, pai.ModelTimeoutError):
    """Nothing arrived within a time limit."""


class RequestyTruncatedStreamError(_Details, core.TruncatedStreamError, pai.ModelConnectionError):
    """The stream ended before the answer did; ``partial`` holds what arrived."""


class RequestyStreamError(_Details, core.StreamError, pai.ModelAPIError):
    """The gateway reported an error inside a stream; ``partial`` holds what arrived."""


class RequestyErrorBodyError(_Details, core.ErrorBodyError, pai.ModelAPIError):
    """Status 200 with an error object instead of an answer."""


class RequestyEmptyChoicesError(_Details, core.EmptyChoicesError, pai.ModelAPIError):
    """The answer has no choices."""


class RequestyMalformedResponseError(_Details, core.MalformedResponseError, pai.ModelAPIError):
    """The body is not an answer of this route: HTML, broken JSON or a wrong shape."""


class RequestyFallbackExhaustedError(_Details, core.FallbackExhaustedError, pai.ModelAPIError):
    """Every model of a fallback chain failed; ``errors`` and ``attempts`` tell how."""


_CLASSES: Mapping[ErrorKind, type[RequestyError]] = {
    ErrorKind.CONFIGURATION: RequestyUserError,
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

_HTTP_CLASSES: Mapping[ErrorKind, type[RequestyError]] = {
    # The same name, as Pydantic AI names its own: what a log shows is the category, not the status.
    kind: type(cls.__name__, (cls, pai.ModelHTTPError), {"__module__": __name__, "__doc__": cls.__doc__})
    for kind, cls in _CLASSES.items()
    if issubclass(cls, pai.ModelAPIError)
}


def _class_for(kind: ErrorKind, *, http: bool) -> type[RequestyError]:
    return (_HTTP_CLASSES.get(kind) if http else None) or _CLASSES[kind]


def _restore(kind: ErrorKind, http: bool, args: tuple[Any, ...], state: dict[str, Any]) -> RequestyError:
    cls = _class_for(kind, http=http)
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


@contextmanager
def pydantic_ai_errors(model_name: str) -> Generator[None]:
    """Within the block, errors of the core leave as the classes above, every detail kept."""
    try:
        yield
    except RequestyError as error:
        cls = _class_for(error.kind, http=error.status is not None)
        if isinstance(error, cls):
            raise
        made = recast(error, cls)
        made.__dict__.update(_details(error, model_name))
        raise made from error.__cause__


def _details(error: RequestyError, model_name: str) -> dict[str, Any]:
    """What Pydantic AI reads off its errors beyond what the core's have."""
    body = error.body if isinstance(error.body, Mapping) else {}
    return {
        "model_name": error.requested_model or model_name,
        "headers": None if error.response is None else dict(error.response.headers),
        "provider_error_code": _word(body.get("code")),
        "provider_error_type": _word(body.get("type")),
        "phase": None,
        "suggested_model_id": None,
        "hint": None,
    }


def _word(value: object) -> str | None:
    return str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else None


def should_fall_back(error: Exception) -> bool:
    """Whether another model may succeed where this one failed: the rules of this package, for any provider's errors.

    For ``FallbackModel(..., fallback_on=should_fall_back)`` and ``ModelFallback`` with models of other providers:
    rate limits, overload, server, connection and stream failures, missing credit and unknown models; not requests
    refused as invalid, not a refused key, not a spend limit, and not exceptions of your own code.
    """
    from requesty_core.retry.chain import classified
    from requesty_core.retry.policy import FallbackPolicy

    found = classified(error)
    return found is not None and FallbackPolicy().allows(found)
