"""Reading a typed error from what a server sent: a status, an error object in a 200 body, or one inside a stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from requesty_core.wire.json import JSONDecodeError

from .response import ErrorResponse
from .tree import (
    AuthenticationError,
    BadRequestError,
    ContextOverflowError,
    ErrorBodyError,
    InsufficientBalanceError,
    MalformedResponseError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RequestyError,
    ServerError,
    SpendLimitError,
    StreamError,
    UpstreamFormatError,
)

if TYPE_CHECKING:
    from requesty_core.replies.reply import ChatReply

__all__ = ["class_for_status", "error_from_body", "error_from_status"]

_STATUS_CLASSES: dict[int, type[RequestyError]] = {
    401: AuthenticationError,
    402: InsufficientBalanceError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: RequestTimeoutError,
    410: NotFoundError,
    412: SpendLimitError,
    424: UpstreamFormatError,
    429: RateLimitError,
    503: OverloadedError,
    529: OverloadedError,
}

# Error objects inside a 200 body or a stream often carry a type word in place of a status.
_TYPE_CLASSES: dict[str, type[RequestyError]] = {
    "authentication_error": AuthenticationError,
    "permission_error": PermissionDeniedError,
    "not_found_error": NotFoundError,
    "invalid_request_error": BadRequestError,
    "rate_limit_error": RateLimitError,
    "rate_limit_exceeded": RateLimitError,
    "overloaded_error": OverloadedError,
    "api_error": ServerError,
    "server_error": ServerError,
    "timeout_error": RequestTimeoutError,
    "billing_error": InsufficientBalanceError,
    "insufficient_quota": InsufficientBalanceError,
}

# A key that is no key, as opposed to a good one that may not do this ("model not allowed for this API key").
# Searched for as text, which compiles them with the first error instead of at import.
_BAD_KEY = (
    r"(?i)authorization token|unauthori[sz]ed"
    r"|(invalid|incorrect|unknown|wrong|bad|missing|expired|revoked|disabled|no)\b.{0,20}\bapi[ _-]?key"
    r"|api[ _-]?key\b.{0,20}\b(invalid|incorrect|unknown|wrong|missing|expired|revoked|disabled|not (valid|found))"
)
_OVERFLOW = (
    r"(?i)context[ _-]?(length|window|limit)|maximum context|prompt is too long|input is too long"
    r"|too many (input )?tokens|exceeds? the (maximum|model'?s?|limit).{0,40}tokens|reduce the length"
)


def class_for_status(status: int, message: str = "", code: object = None) -> type[RequestyError]:
    """The error class for an HTTP status. The text decides only where one status has two meanings (403, 400)."""
    if status == 403 and re.search(_BAD_KEY, message):
        return AuthenticationError
    if status in (400, 413, 422) and (code == "context_length_exceeded" or re.search(_OVERFLOW, message)):
        return ContextOverflowError
    if status in _STATUS_CLASSES:
        return _STATUS_CLASSES[status]
    if status >= 500:
        return ServerError
    if 300 <= status < 500:
        return BadRequestError
    return MalformedResponseError


def _read_error(body: Any) -> tuple[str, str | None, Any, Any]:
    """(message, origin, code, type) of any documented or seen error envelope; empty message if there is none."""
    error = body.get("error", body) if isinstance(body, Mapping) else body
    if isinstance(error, str):
        return error, None, None, None
    if not isinstance(error, Mapping):
        return "", None, None, None
    message = error.get("message")
    if not isinstance(message, str):
        message = "" if message is None else str(message)
    origin = error.get("origin")
    code = error.get("code", error.get("status"))
    return message, origin if isinstance(origin, str) else None, code, error.get("type")


def error_from_status(
    response: ErrorResponse,
    *,
    requested_model: str | None = None,
    request_id: str | None = None,
    retry_after: float | None = None,
    hint: Callable[[type[RequestyError], str], str] | None = None,
) -> RequestyError:
    """The typed error for an HTTP response whose status is not 2xx; any body is accepted, JSON or not.

    ``hint`` says what to do about an error of a class with a message; it is added to the message.
    """
    body: Any
    try:
        body = response.json()
    except JSONDecodeError:
        body = None
    message, origin, code, _ = _read_error(body)
    status = response.status_code
    if not message:
        excerpt = " ".join(response.text.split())[:200]
        message = excerpt or "no message in the response body"
    cls = class_for_status(status, message, code)
    text = f"HTTP {status}: {message}"
    if 300 <= status < 400:
        target = response.headers.get("location")
        where = f"a redirect to {target[:200]!r}, which is not followed" if target else "not an answer of this route"
        text = f"HTTP {status} is {where}; check base_url"
    if cls is MalformedResponseError:
        text = f"HTTP {status} is not an answer of this route ({message}); check base_url"
    what_to_do = "" if hint is None else hint(cls, text)
    if what_to_do:
        text = f"{text.rstrip('.')}; {what_to_do}"
    made = cls(
        text,
        status=status,
        origin=origin,
        request_id=request_id,
        response=response,
        body=body,
        retry_after=retry_after,
        requested_model=requested_model,
    )
    made.what_to_do = what_to_do
    return made


def error_from_body(
    error: Any,
    *,
    in_stream: bool,
    requested_model: str | None = None,
    request_id: str | None = None,
    response: ErrorResponse | None = None,
    partial: ChatReply | None = None,
) -> RequestyError:
    """The typed error for an error object (any type) inside a 200 body or a stream.

    A numeric code, or a known type word, decides the class; otherwise it is ``StreamError`` or ``ErrorBodyError``.
    """
    message, origin, code, kind = _read_error(error)
    status: int | None = None
    if isinstance(code, str) and code.isdecimal() and len(code) == 3:
        code = int(code)
    if isinstance(code, int) and not isinstance(code, bool) and 400 <= code <= 599:
        status = code
    message = message or "the gateway reported an error without a message"
    cls: type[RequestyError] = StreamError if in_stream else ErrorBodyError
    if status is not None:
        cls = class_for_status(status, message, code)
    elif isinstance(kind, str) and kind in _TYPE_CLASSES:
        cls = _TYPE_CLASSES[kind]
    elif isinstance(code, str) and code in _TYPE_CLASSES:
        cls = _TYPE_CLASSES[code]
    elif code == "context_length_exceeded":
        cls = ContextOverflowError
    where = "error inside the stream" if in_stream else "error in a 200 response"
    return cls(
        f"{where}: {message}",
        status=status,
        origin=origin,
        request_id=request_id,
        response=response,
        body=error,
        partial=partial,
        requested_model=requested_model,
        in_stream=in_stream,
    )
