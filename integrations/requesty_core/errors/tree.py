"""One tree for everything that can go wrong between a caller and a usable answer.

Every failure the gateway contract names has a class here: HTTP statuses, errors inside a stream, an error body under
status 200, an answer without choices, a stream that ends too early, and the transport's own failures. A class says
what happened; the attributes say where, whether a retry can help, and what had already arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from requesty_core.replies.attempts import Attempt
    from requesty_core.replies.reply import ChatReply

    from .response import ErrorResponse

__all__ = [
    "AnswerFormatError",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "ConfigurationError",
    "ConnectionFailedError",
    "ContextOverflowError",
    "EmptyChoicesError",
    "ErrorBodyError",
    "ErrorKind",
    "FallbackExhaustedError",
    "InsufficientBalanceError",
    "MalformedResponseError",
    "MissingKeyError",
    "NotFoundError",
    "OverloadedError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTimeoutError",
    "RequestyError",
    "ServerError",
    "SpendLimitError",
    "StreamError",
    "TruncatedStreamError",
    "UnknownSettingError",
    "UpstreamFormatError",
    "recast",
]


class ErrorKind(StrEnum):
    """What went wrong, as one word; adapters and fallback rules branch on it instead of on classes."""

    CONFIGURATION = "configuration"
    BUDGET = "budget"
    BAD_REQUEST = "bad_request"
    CONTEXT_OVERFLOW = "context_overflow"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    INSUFFICIENT_BALANCE = "insufficient_balance"
    NOT_FOUND = "not_found"
    SPEND_LIMIT = "spend_limit"
    UPSTREAM_FORMAT = "upstream_format"
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    SERVER = "server"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"
    STREAM = "stream"
    ERROR_BODY = "error_body"
    EMPTY_CHOICES = "empty_choices"
    MALFORMED = "malformed"
    EXHAUSTED = "exhausted"


class RequestyError(Exception):
    """Base of every error this package raises.

    Attributes:
        status: HTTP status, or the status an in-stream error named; ``None`` if there was none.
        origin: ``"router"`` or ``"provider"`` when the gateway said so.
        request_id: the gateway's id for the call (``x-requesty-request-id``, else ``fly-request-id``).
        response: the HTTP response, if one arrived.
        body: the decoded error object as received (dict, string or ``None``).
        retry_after: seconds the server asked to wait, if it did.
        partial: what had arrived before the failure, with its usage; ``None`` if nothing had.
        requested_model: the model id of the failed attempt, as the caller wrote it.
        attempts: every attempt made for this call, the last one included.
        in_stream: whether the error arrived inside a stream that had opened successfully.
        what_to_do: the mend in half a line, which ``message`` ends with; empty where nothing more is known.
        was_sent: whether the request may have gone out in full; if not, nobody can have billed it.
    """

    kind: ClassVar[ErrorKind]
    is_retryable: ClassVar[bool] = False
    """Whether sending the same request again can help."""
    advice: ClassVar[str] = ""
    """One line on what to do, shown in the documentation's error table."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        origin: str | None = None,
        request_id: str | None = None,
        response: ErrorResponse | None = None,
        body: Any = None,
        retry_after: float | None = None,
        partial: ChatReply | None = None,
        requested_model: str | None = None,
        attempts: Sequence[Attempt] = (),
        in_stream: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.origin = origin
        self.request_id = request_id
        self.response = response
        self.body = body
        self.retry_after = retry_after
        self.partial = partial
        self.requested_model = requested_model
        self.attempts = tuple(attempts)
        self.in_stream = in_stream
        self.what_to_do = ""
        self.was_sent = True

    @property
    def status_code(self) -> int | None:
        """The same as ``status``, under the name HTTP clients use."""
        return self.status


class ConfigurationError(RequestyError, ValueError):
    """A setting or argument is unusable; nothing was sent."""

    kind = ErrorKind.CONFIGURATION
    advice = "Correct the setting that the message names."


class MissingKeyError(ConfigurationError):
    """No API key was given and the environment has none; nothing was sent."""

    advice = "Pass `api_key` or set REQUESTY_API_KEY."


class UnknownSettingError(ConfigurationError, TypeError):
    """A constructor was given an argument that it does not have; nothing was sent."""

    advice = "Use the name that the message suggests."


class BudgetExceededError(RequestyError):
    """The caller's own budget is spent; nothing was sent."""

    kind = ErrorKind.BUDGET
    advice = "Raise or reset the `Budget`."


class BadRequestError(RequestyError):
    """The request was refused as invalid (400, 409, 413, 422 and other 4xx), or redirected elsewhere (3xx)."""

    kind = ErrorKind.BAD_REQUEST
    advice = "Correct the request; the message names the field."


class ContextOverflowError(BadRequestError):
    """The prompt does not fit the model's context window."""

    kind = ErrorKind.CONTEXT_OVERFLOW
    advice = "Shorten the prompt, or fall back to a model with a larger window."


class AuthenticationError(RequestyError):
    """The key is missing (401) or unknown, expired or revoked (403 "Invalid authorization token")."""

    kind = ErrorKind.AUTHENTICATION
    advice = "Check the API key."


class PermissionDeniedError(RequestyError):
    """The key may not do this (403): model blocked by policy, restricted account, missing scope."""

    kind = ErrorKind.PERMISSION
    advice = "Have the model or scope approved for this key."


class InsufficientBalanceError(RequestyError):
    """The organisation has no credit left (402)."""

    kind = ErrorKind.INSUFFICIENT_BALANCE
    advice = "Top up the account."


class NotFoundError(RequestyError):
    """The gateway does not know this model, policy or route (404), or no longer has it (410)."""

    kind = ErrorKind.NOT_FOUND
    advice = "Check the model id; `client.models.list()` shows what the key may use."


class SpendLimitError(RequestyError):
    """The key's monthly spend limit is reached (412)."""

    kind = ErrorKind.SPEND_LIMIT
    advice = "Raise the key's monthly limit."


class RateLimitError(RequestyError):
    """Too many requests (429)."""

    kind = ErrorKind.RATE_LIMIT
    is_retryable = True
    advice = "Retried automatically, honouring a Retry-After of up to 60 s; slow down if it persists."


class ServerError(RequestyError):
    """The gateway or the provider failed (5xx)."""

    kind = ErrorKind.SERVER
    is_retryable = True
    advice = "Retried automatically; add a fallback model."


class OverloadedError(ServerError):
    """The provider has no capacity or timed out behind the gateway (503, 529)."""

    kind = ErrorKind.OVERLOADED
    advice = "Retried automatically; add a fallback model."


class UpstreamFormatError(ServerError):
    """The provider's reply was unusable for the gateway (424)."""

    kind = ErrorKind.UPSTREAM_FORMAT
    advice = "Retried automatically; report the request id if it persists."


class ConnectionFailedError(RequestyError):
    """No connection, or the connection broke before an answer began."""

    kind = ErrorKind.CONNECTION
    is_retryable = True
    advice = "Retried automatically; check network, proxy and base URL."


class RequestTimeoutError(RequestyError, TimeoutError):
    """Nothing arrived within a time limit (connect, read, first token, attempt or total), or HTTP 408."""

    kind = ErrorKind.TIMEOUT
    is_retryable = True
    advice = "Retried automatically; raise `timeout` for slow models."


class ResponseError(RequestyError):
    """An answer arrived but is not a complete, usable one."""

    is_retryable = True


class TruncatedStreamError(ResponseError):
    """The stream ended without `[DONE]` and without a finish reason, or was cut."""

    kind = ErrorKind.TRUNCATED
    advice = "Retried while nothing was delivered; `partial` holds what arrived."


class StreamError(ResponseError):
    """The gateway reported an error inside a stream that had opened with status 200."""

    kind = ErrorKind.STREAM
    advice = "Retried while nothing was delivered; `partial` holds what arrived."


class ErrorBodyError(ResponseError):
    """Status 200 with an error object instead of an answer."""

    kind = ErrorKind.ERROR_BODY
    advice = "Retried automatically; add a fallback model."


class EmptyChoicesError(ResponseError):
    """The answer has no choices at all."""

    kind = ErrorKind.EMPTY_CHOICES
    advice = "Retried automatically; add a fallback model."


class MalformedResponseError(ResponseError):
    """The body is not what the route promises: HTML, broken JSON, a wrong shape or an oversized event."""

    kind = ErrorKind.MALFORMED
    advice = "Check that the base URL is the gateway's; retried automatically."


class AnswerFormatError(MalformedResponseError):
    """The model's answer is not the JSON that was asked for; ``text`` holds it whole."""

    advice = "Ask for a response format, raise `max_tokens`, or change the prompt."

    def __init__(self, message: str, *, text: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.text = text


class FallbackExhaustedError(RequestyError):
    """Every step of a fallback chain failed; ``errors`` holds each attempt's error in order."""

    kind = ErrorKind.EXHAUSTED
    advice = "Read `attempts`; the last error is the cause."
    errors: tuple[RequestyError, ...] = ()


E_ = TypeVar("E_", bound=RequestyError)


def recast(error: RequestyError, cls: type[E_]) -> E_:
    """The same error, with every detail, as an adapter's class that is also its framework's own."""
    new = cls.__new__(cls, *error.args)
    new.args = error.args
    new.__dict__.update(error.__dict__)
    new.__cause__ = error.__cause__
    new.__suppress_context__ = error.__suppress_context__
    return new
