"""Errors that are the core's and Pydantic AI's at once, so that code and fallback rules catching either keep working.

Every class exists twice: plain, and with :class:`pydantic_ai.exceptions.ModelHTTPError` among its bases, which is what
an error with an HTTP status is raised as.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

from pydantic_ai import exceptions as pai

from requesty_core import FallbackPolicy
from requesty_core.adapters import error_classes, meant, unknown_setting
from requesty_core.errors import ErrorKind, RequestyError, recast

__all__ = ["known_arguments", "pydantic_ai_errors", "should_fall_back"]

P = ParamSpec("P")


class _Details(RequestyError):
    """How the classes below print and pickle."""

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.kind, self.status is not None, self.args, self.__dict__)


_CLASSES = error_classes(
    __name__,
    {
        ErrorKind.CONFIGURATION: pai.UserError,
        ErrorKind.BUDGET: pai.UsageLimitExceeded,
        ErrorKind.BAD_REQUEST: pai.ModelRequestRejectedError,
        ErrorKind.CONTEXT_OVERFLOW: pai.ModelContextWindowExceededError,
        ErrorKind.AUTHENTICATION: pai.ModelAuthenticationError,
        ErrorKind.PERMISSION: pai.ModelAuthenticationError,
        ErrorKind.INSUFFICIENT_BALANCE: pai.ModelQuotaExceededError,
        ErrorKind.NOT_FOUND: pai.ModelNotFoundError,
        ErrorKind.SPEND_LIMIT: pai.ModelQuotaExceededError,
        ErrorKind.UPSTREAM_FORMAT: pai.ModelServerError,
        ErrorKind.RATE_LIMIT: pai.ModelRateLimitError,
        ErrorKind.OVERLOADED: pai.ModelOverloadedError,
        ErrorKind.SERVER: pai.ModelServerError,
        ErrorKind.CONNECTION: pai.ModelConnectionError,
        ErrorKind.TIMEOUT: pai.ModelTimeoutError,
        ErrorKind.TRUNCATED: pai.ModelConnectionError,
        ErrorKind.STREAM: pai.ModelAPIError,
        ErrorKind.ERROR_BODY: pai.ModelAPIError,
        ErrorKind.EMPTY_CHOICES: pai.ModelAPIError,
        ErrorKind.MALFORMED: pai.ModelAPIError,
        ErrorKind.EXHAUSTED: pai.ModelAPIError,
    },
    mixins=(_Details,),
)
RequestyConfigurationError = _CLASSES[ErrorKind.CONFIGURATION]

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


def known_arguments(init: Callable[P, None]) -> Callable[P, None]:
    """A constructor that tells which argument was meant by one it does not have."""
    known = [name for name in inspect.signature(init).parameters if name != "self"]

    @wraps(init)
    def checked(*args: P.args, **kwargs: P.kwargs) -> None:
        if not kwargs.keys() <= set(known):
            owner = init.__qualname__.partition(".")[0]
            name = min(kwargs.keys() - set(known))
            otherwise = "" if meant(name, known) else f"it takes {', '.join(known)}"
            raise RequestyConfigurationError(unknown_setting(owner, name, known, otherwise))
        init(*args, **kwargs)

    return checked


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
    from requesty_core.adapters import classified

    found = classified(error)
    return found is not None and FallbackPolicy().allows(found)
