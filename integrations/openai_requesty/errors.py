"""Errors that are both the SDK's own and the core's.

A program written for the SDK catches ``openai.RateLimitError`` or ``openai.APIStatusError``; one that knows the gateway
catches :class:`requesty_core.InsufficientBalanceError`. Every error raised here is an instance of both, with the
SDK's attributes (``request``, ``response``, ``body``, ``code``) and the core's (``kind``, ``status``, ``origin``,
``request_id``, ``retry_after``, ``partial``, ``attempts``, ``is_retryable``).

| failure | the SDK's class |
|---|---|
| an HTTP status | as the SDK maps it (402, 412, 424: ``APIStatusError``); a wrong key is 403 here, and both ``PermissionDeniedError`` and ``AuthenticationError`` |
| a time limit | ``APITimeoutError`` |
| no connection, or a stream that broke off | ``APIConnectionError`` |
| an answer without choices, or no such answer at all | ``APIResponseValidationError`` |
| an error inside a stream or under status 200 | the class of the status it names, else ``APIError`` |
| a setting, a missing key, a spent budget | ``OpenAIError`` |
| every step of a chain failed | the class of the last failure, and ``FallbackExhaustedError`` |
"""  # noqa: E501 -- a table

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import openai

from requesty_core.errors import ErrorKind, ErrorResponse, FallbackExhaustedError, RequestyError
from requesty_core.relay import EXTENSION, Response

__all__ = ["raising", "sdk_error", "status_error"]

_STATUS: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}
_KINDS: dict[ErrorKind, type[openai.OpenAIError]] = {
    ErrorKind.CONFIGURATION: openai.OpenAIError,
    ErrorKind.BUDGET: openai.OpenAIError,
    ErrorKind.TIMEOUT: openai.APITimeoutError,
    ErrorKind.CONNECTION: openai.APIConnectionError,
    ErrorKind.TRUNCATED: openai.APIConnectionError,
    ErrorKind.EMPTY_CHOICES: openai.APIResponseValidationError,
    ErrorKind.MALFORMED: openai.APIResponseValidationError,
}


def status_error(error: RequestyError, sdk: openai.APIStatusError) -> openai.APIStatusError:
    """The SDK's error for an HTTP status, as the core's class too."""
    details = dict(sdk.__dict__)
    if isinstance(error, FallbackExhaustedError) or sdk.message == f"Error code: {sdk.status_code}":
        # The SDK's words tell of the last attempt only, and nothing at all of an error given as a bare string.
        details["message"] = error.message
    elif error.what_to_do:
        details["message"] = f"{sdk.message.rstrip('.')}; {error.what_to_do}"
    made: openai.APIStatusError = _make(error, type(sdk), details)
    return made


def sdk_error(error: RequestyError, request: Any) -> Any:
    """The error for a failure without an HTTP status of its own. ``request`` is the SDK's, without the key."""
    if isinstance(error, openai.OpenAIError):
        return error
    last = error.errors[-1] if isinstance(error, FallbackExhaustedError) and error.errors else error
    status = last.status
    sdk = _KINDS.get(last.kind)
    if sdk is None and status is not None and status >= 400:
        sdk = _STATUS.get(status, openai.InternalServerError if status >= 500 else openai.APIStatusError)
    elif sdk is None:
        sdk = openai.APIError
    if not issubclass(sdk, openai.APIError):
        return _make(error, sdk, {})
    body = error.body.get("error", error.body) if isinstance(error.body, dict) else error.body
    details: dict[str, Any] = {"request": request, "body": body, "code": None, "param": None, "type": None}
    if isinstance(body, dict):
        code = body.get("code")
        details |= {"code": None if code is None else str(code), "param": body.get("param"), "type": body.get("type")}
    if issubclass(sdk, (openai.APIStatusError, openai.APIResponseValidationError)):
        details["response"] = _response(error.response, request)
    return _make(error, sdk, details)


def _response(response: ErrorResponse | None, request: Any) -> Response:
    if response is None:
        return Response(200, request=request)
    headers = {k: v for k, v in response.headers.items() if k not in ("content-encoding", "content-length")}
    return Response(response.status_code, headers=headers, content=response.content, request=request)


def _make(error: RequestyError, sdk: type[openai.OpenAIError], details: dict[str, Any]) -> Any:
    if error.kind is ErrorKind.AUTHENTICATION and sdk is openai.PermissionDeniedError:
        cls = _class(type(error), openai.AuthenticationError, sdk)
    else:
        cls = _class(type(error), sdk)
    # Behind a proxy the only id may be the one that the SDK reads.
    attributes = {**error.__dict__, **details, "request_id": error.request_id or details.get("request_id")}
    message = attributes["message"]
    return _rebuild(cls, message, attributes, error)


def _rebuild(cls: Any, message: str, attributes: dict[str, Any], cause: RequestyError | None = None) -> Any:
    new = cls.__new__(cls, message)
    new.args = (message,)
    new.__dict__.update(attributes)
    if cause is not None:
        new.__cause__ = cause.__cause__
        new.__suppress_context__ = True
    return new


class _Both:
    """Lets an instance of a class made here be pickled."""

    __bases_of__: tuple[type[Any], ...]

    def __reduce__(self) -> tuple[Any, ...]:
        error: Any = self
        return _unpickle, (self.__bases_of__, error.args[0], error.__dict__)


_classes: dict[tuple[type[Any], ...], type[Any]] = {}


def _class(*bases: type[Any]) -> type[Any]:
    """The class that is all of ``bases``, the core's first; always the same one."""
    made = _classes.get(bases)
    if made is None:
        space = {"__doc__": bases[0].__doc__, "__module__": __name__, "__bases_of__": bases}
        made = _classes.setdefault(bases, type(bases[0].__name__, (_Both, *bases), space))
    return made


def _unpickle(bases: tuple[type[Any], ...], message: str, attributes: dict[str, Any]) -> Any:
    return _rebuild(_class(*bases), message, attributes)


@contextmanager
def raising(request: Any = None) -> Generator[None]:
    """Within the block, failures leave as errors that are both the SDK's and the core's."""
    try:
        yield
    except openai.APIConnectionError as exc:
        # The SDK wraps whatever its transport raises.
        cause = exc.__cause__
        error = cause if isinstance(cause, RequestyError) else getattr(cause, "error", None)
        if not isinstance(error, RequestyError):
            raise
        raise sdk_error(error, exc.request) from error
    except RequestyError as error:
        if isinstance(error, openai.OpenAIError):
            raise
        raise sdk_error(error, request) from error


def error_in(response: Any) -> RequestyError | None:
    """The core's error behind a response that tells of a failure."""
    return getattr(response.extensions.get(EXTENSION), "error", None)
