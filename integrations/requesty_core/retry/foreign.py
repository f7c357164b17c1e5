"""The status and headers of other packages' exceptions, which have no class in common.

Known forms: ``status_code`` (openai, anthropic, cohere), ``status`` (aiohttp, google.api_core), ``code`` (google.genai,
``urllib``), ``http_status``; a ``response`` with ``status_code`` (httpx, requests) or, from botocore, a mapping with
``ResponseMetadata``; and gRPC's ``code()``, which returns a name. Where no answer came, the name of a class of
theirs says so: ``ReadTimeout``, ``APIConnectionError``, or in httpx ``TransportError``, the base of ``ConnectError``
and ``RemoteProtocolError``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["causes", "headers_of", "is_connection_failure", "is_timeout", "status_of"]

_DEEPEST = 10
_NUMBERS = ("status_code", "status", "http_status", "code", "error_code")
_NAMES = {
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "DEADLINE_EXCEEDED": 504,
    "RESOURCE_EXHAUSTED": 429,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "ThrottlingException": 429,
    "TooManyRequestsException": 429,
    "ServiceQuotaExceededException": 429,
    "ModelTimeoutException": 504,
    "ModelNotReadyException": 503,
    "ServiceUnavailableException": 503,
    "InternalServerException": 500,
    "AccessDeniedException": 403,
    "ResourceNotFoundException": 404,
    "ValidationException": 400,
}
"""Statuses of gRPC's and AWS's words (grpc's status codes; Bedrock Runtime's error reference)."""

_CONNECTION = frozenset(("TransportError", "NetworkError", "ProtocolError", "IncompleteRead", "URLError"))
"""Those of httpx, urllib3, http.client and urllib for a connection that failed, where the name does not say it."""
_CALLERS = frozenset(("UnsupportedProtocol", "LocalProtocolError"))
"""Those of httpx for an address or a request that cannot be sent at all."""


def is_timeout(error: BaseException) -> bool:
    """Whether an exception says that a time limit passed."""
    return any("Timeout" in name for name in _class_names(error))


def is_connection_failure(error: BaseException) -> bool:
    """Whether an exception says that there was no connection, or that it broke."""
    names = _class_names(error)
    if not _CALLERS.isdisjoint(names):
        return False
    return not _CONNECTION.isdisjoint(names) or any("Connection" in name for name in names)


def _class_names(error: BaseException) -> list[str]:
    return [cls.__name__ for cls in type(error).__mro__]


def causes(error: BaseException) -> Iterator[BaseException]:
    """The exception and those that it was raised from, the outermost first; bounded, and never in a circle."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen and len(seen) < _DEEPEST:
        seen.add(id(found))
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def status_of(error: BaseException) -> int | None:
    """The HTTP status of a failed call; ``None`` if the exception has none between 400 and 599."""
    response: Any = getattr(error, "response", None)
    for source in (error, response):
        for name in _NUMBERS:
            if (status := _status(getattr(source, name, None))) is not None:
                return status
    if isinstance(response, Mapping):
        metadata, told = response.get("ResponseMetadata"), response.get("Error")
        if isinstance(metadata, Mapping) and (status := _status(metadata.get("HTTPStatusCode"))) is not None:
            return status
        if isinstance(told, Mapping):
            return _status(told.get("Code"))
    return None


def _status(value: Any) -> int | None:
    if callable(value):
        try:
            value = value()
        except (TypeError, ValueError, AttributeError):
            return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if 400 <= value <= 599 else None
    name = getattr(value, "name", value)
    return _NAMES.get(name) if isinstance(name, str) else None


def headers_of(error: BaseException) -> dict[str, str]:
    """The answer's headers by lower-case name; empty if the exception has none."""
    response: Any = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata") if isinstance(response, Mapping) else None
    inner = metadata.get("HTTPHeaders") if isinstance(metadata, Mapping) else None
    for told in (getattr(response, "headers", None), inner, getattr(error, "headers", None)):
        items = getattr(told, "items", None)
        if callable(items):
            return {str(name).lower(): str(value) for name, value in items()}
    return {}
