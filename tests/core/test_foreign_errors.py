"""Failures of other packages' calls, in the terms of the rules: wherever their exceptions keep the status."""

from __future__ import annotations

import enum
import urllib.error
from typing import Any

import httpx
import pytest

from requesty_core.errors import (
    AuthenticationError,
    BadRequestError,
    ConnectionFailedError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RequestyError,
    ServerError,
)
from requesty_core.retry.chain import classified


class Told(Exception):
    """An exception with the attributes given."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__("it failed")
        self.__dict__.update(attributes)


class Code(enum.Enum):
    """As grpc.StatusCode."""

    UNAVAILABLE = (14, "unavailable")
    RESOURCE_EXHAUSTED = (8, "resource exhausted")
    OK = (0, "ok")


def wrapped(inner: Exception) -> Exception:
    """A RuntimeError raised from another exception."""
    outer = RuntimeError("chat failed")
    outer.__cause__ = inner
    return outer


def during(inner: Exception) -> Exception:
    """A RuntimeError raised while another exception was handled."""
    outer = RuntimeError("chat failed")
    outer.__context__ = inner
    return outer


RESPONSE = httpx.Response(429, headers={"retry-after": "7"})
BOTOCORE = {"Error": {"Code": "ThrottlingException"}, "ResponseMetadata": {"HTTPStatusCode": 429}}
CASES: list[tuple[str, Exception, type[RequestyError] | None]] = [
    ("status_code", Told(status_code=503), ServerError),
    ("status", Told(status=429), RateLimitError),
    ("code", Told(code=503), ServerError),
    ("http_status", Told(http_status=401), AuthenticationError),
    ("response", Told(response=RESPONSE), RateLimitError),
    ("botocore", Told(response=BOTOCORE), RateLimitError),
    ("botocore without a status", Told(response={"Error": {"Code": "ModelTimeoutException"}}), ServerError),
    ("botocore refused", Told(response={"Error": {"Code": "ValidationException"}}), BadRequestError),
    ("grpc", Told(code=lambda: Code.UNAVAILABLE), ServerError),
    ("grpc quota", Told(code=lambda: Code.RESOURCE_EXHAUSTED), RateLimitError),
    ("grpc ok", Told(code=lambda: Code.OK), None),
    ("urllib", urllib.error.HTTPError("http://x", 404, "no", {}, None), NotFoundError),  # type: ignore[arg-type]
    ("overloaded", Told(status_code=529), OverloadedError),
    ("forbidden", Told(status_code=403), PermissionDeniedError),
    ("timeout", TimeoutError("slow"), RequestTimeoutError),
    ("connection", ConnectionResetError("reset"), ConnectionFailedError),
    ("a word", Told(code="rate_limit_exceeded"), None),
    ("exit code", Told(code=1), None),
    ("callable that needs more", Told(code=lambda x: x), None),
    ("a bug", ValueError("wrong"), None),
]


@pytest.mark.parametrize(("error", "cls"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
@pytest.mark.parametrize(
    "wrap", [lambda e: e, wrapped, during, lambda e: wrapped(during(e))], ids=["bare", "from", "during", "twice"]
)
def test_an_exception_is_read_wherever_it_keeps_its_status(wrap: Any, error: Exception, cls: Any) -> None:
    given = wrap(error)
    made = classified(given)
    assert (None if made is None else type(made)) is cls or (made is not None and isinstance(made, cls))
    if made is not None:
        assert made.__cause__ is given


def test_the_wait_that_was_asked_for_is_read() -> None:
    made = classified(wrapped(Told(response=RESPONSE)))
    assert made is not None
    assert made.retry_after == 7.0


def test_a_circle_of_causes_ends() -> None:
    first, second = ValueError("a"), ValueError("b")
    first.__cause__, second.__cause__ = second, first
    assert classified(first) is None
