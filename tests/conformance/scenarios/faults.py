"""Faults: every failure is told as what it is, and never as an answer."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial

from requesty_core.errors import ErrorKind as K
from requesty_core.retry.policy import FallbackPolicy

from ..model import ALL, SCENARIOS, STREAMS, UNARY, Case, Scenario, scenario

GROUP = "Faults"

STATUSES: dict[int, K] = {
    400: K.BAD_REQUEST,
    401: K.AUTHENTICATION,
    402: K.INSUFFICIENT_BALANCE,
    403: K.PERMISSION,
    404: K.NOT_FOUND,
    408: K.TIMEOUT,
    409: K.BAD_REQUEST,
    412: K.SPEND_LIMIT,
    413: K.BAD_REQUEST,
    422: K.BAD_REQUEST,
    424: K.UPSTREAM_FORMAT,
    429: K.RATE_LIMIT,
    500: K.SERVER,
    502: K.SERVER,
    503: K.OVERLOADED,
    504: K.SERVER,
    529: K.OVERLOADED,
}


def _status(status: int, kind: K, case: Case) -> None:
    # Both shapes of error body: an object with origin and message, and a bare string.
    for body in (None, {"error": "it is broken"}):
        case.gw.clear()
        case.gw.fail_next(status, message="it is broken", body=body)
        failure = case.fail(max_retries=0)
        assert failure.kind is kind
        assert failure.status == status
        assert "it is broken" in str(failure.error)
        assert failure.request_id == case.gw.last_request.request_id
        assert len(case.gw.requests) == 1
        assert failure.attempts == [("openai/gpt-4o-mini", "error")]


for _code, _kind in STATUSES.items():
    SCENARIOS.append(Scenario(f"status_{_code}", GROUP, f"status {_code}", partial(_status, _code, _kind), ALL))


@scenario(GROUP, "a wrong key, answered with 403, is an authentication error")
def wrong_key(case: Case) -> None:
    failure = case.fail_of(case.driver.build("openai/gpt-4o-mini", base_url=case.gw.base_url, api_key="rqy-wrong"))
    assert failure.kind is K.AUTHENTICATION
    assert "rqy-wrong" not in f"{failure.error!r}{failure.error}"


@scenario(GROUP, "a prompt beyond the window is told apart from other bad requests")
def overflow(case: Case) -> None:
    case.gw.fail_next(400, message="This model's maximum context length is 128000 tokens")
    assert case.fail().kind is K.CONTEXT_OVERFLOW


@scenario(GROUP, "a retry waits as long as the server asks, or is not made if that is past the deadline")
def retry_after_past_deadline(case: Case) -> None:
    case.gw.fail_next(429, retry_after=30, times=2)
    failure = case.fail(max_retries=1, fallback_policy=FallbackPolicy(deadline=5))
    assert failure.kind is K.RATE_LIMIT
    assert len(case.gw.requests) == 1


@scenario(GROUP, "a Retry-After of more than max_retry_after is not waited for")
def retry_after_too_long(case: Case) -> None:
    case.gw.fail_next(429, retry_after=86_400)
    failure = case.fail(max_retries=1)
    assert (failure.kind, failure.retry_after) == (K.RATE_LIMIT, 86_400)
    assert len(case.gw.requests) == 1
    case.gw.fail_next(429, retry_after=86_400)
    got = case.ask(max_retries=1, fallbacks=["anthropic/claude-sonnet-4-5"])
    assert [outcome for _, outcome in got.attempts] == ["error", "ok"]


@scenario(GROUP, "Retry-After in seconds, as a date, and unreadable")
def retry_after(case: Case) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
    for value, low, high in (("1", 1, 1), (date, 0, 2), ("soon", None, None), ("-5", None, None)):
        case.gw.fail_next(429, retry_after=value)
        told = case.fail(max_retries=0).retry_after
        if low is None:
            assert told is None or told == 0, value
        else:
            assert told is not None, value
            assert low <= told <= high, value


@scenario(GROUP, "a retry that succeeds is one answer with two attempts")
def retried(case: Case) -> None:
    case.gw.fail_next(503, retry_after=0)
    got = case.ask(max_retries=1)
    assert got.attempts == [("openai/gpt-4o-mini", "error"), ("openai/gpt-4o-mini", "ok")]
    assert len(case.gw.requests) == 2


@scenario(GROUP, "max_retries=0 is one request")
def no_retry(case: Case) -> None:
    case.gw.fail_next(503, times=5)
    case.fail(max_retries=0)
    assert len(case.gw.requests) == 1


@scenario(GROUP, "max_retries=2 is three requests, and no other layer retries")
def literal_retries(case: Case) -> None:
    case.gw.fail_next(503, times=9, retry_after=0)
    case.fail(max_retries=2)
    assert len(case.gw.requests) == 3


@scenario(GROUP, "an HTML error page")
def html(case: Case) -> None:
    case.gw.fault(html=True)
    assert case.fail(max_retries=0).kind is K.SERVER


@scenario(GROUP, "HTML with status 200")
def html_200(case: Case) -> None:
    case.gw.fault(status=200, html=True)
    assert case.fail(max_retries=0).kind is K.MALFORMED


@scenario(GROUP, "broken JSON", modes=UNARY)
def malformed(case: Case) -> None:
    case.gw.fault(malformed_json=True)
    assert case.fail(max_retries=0).kind is K.MALFORMED


@scenario(GROUP, "status 200 with an error body")
def error_in_200(case: Case) -> None:
    case.gw.fault(error_in_200={"message": "it is broken"})
    failure = case.fail(max_retries=0)
    assert failure.kind in (K.ERROR_BODY, K.STREAM)
    assert "it is broken" in str(failure.error)


@scenario(GROUP, "no choices at all", modes=UNARY)
def empty_choices(case: Case) -> None:
    case.gw.fault(empty_choices=True)
    assert case.fail(max_retries=0).kind is K.EMPTY_CHOICES


@scenario(GROUP, "an error event before any text, as an object and as a string", modes=STREAMS)
def error_first(case: Case) -> None:
    for event in ({"message": "it is broken"}, "it is broken"):
        case.gw.fault(error_event=event, error_after_chunks=1, times=1)
        failure = case.fail(max_retries=0)
        assert failure.kind is K.STREAM
        assert "it is broken" in str(failure.error)


def _three_words(case: Case) -> None:
    case.gw.say(text="one two three", pieces=["one ", "two ", "three"])


@scenario(GROUP, "an error event after text carries what had arrived", modes=STREAMS)
def error_late(case: Case) -> None:
    _three_words(case)
    case.gw.fault(error_event={"message": "it is broken"}, error_after_chunks=3)
    failure = case.fail()
    assert failure.kind is K.STREAM
    assert failure.partial.startswith("one ")
    assert len(case.gw.requests) == 1


@scenario(GROUP, "a stream cut in the middle carries what had arrived", modes=STREAMS)
def cut_stream(case: Case) -> None:
    _three_words(case)
    case.gw.fault(cut_after_chunks=3)
    failure = case.fail()
    assert failure.kind is K.TRUNCATED
    assert failure.partial.startswith("one ")
    assert len(case.gw.requests) == 1


@scenario(GROUP, "a stream that just ends, without finish reason and [DONE]", modes=STREAMS)
def truncated(case: Case) -> None:
    _three_words(case)
    case.gw.fault(truncate_after_chunks=3)
    assert case.fail().kind is K.TRUNCATED


@scenario(GROUP, "a stream cut inside a character", modes=STREAMS)
def cut_inside(case: Case) -> None:
    case.gw.say(text="ééééééééééé" * 200)
    case.gw.fault(cut_after_bytes=701)
    failure = case.fail(max_retries=0)
    assert failure.kind in (K.TRUNCATED, K.CONNECTION)
    assert "�" not in failure.partial


@scenario(GROUP, "a body cut in the middle", modes=UNARY)
def body_cut(case: Case) -> None:
    case.gw.fault(cut_after_bytes=50)
    assert case.fail(max_retries=0).kind in (K.CONNECTION, K.TRUNCATED, K.MALFORMED)


@scenario(GROUP, "a connection dropped before any answer")
def dropped(case: Case) -> None:
    case.gw.fault(drop_connection=True)
    assert case.fail(max_retries=0).kind is K.CONNECTION


@scenario(GROUP, "a slow first byte runs into the timeout")
def slow(case: Case) -> None:
    case.gw.fault(delay=5)
    assert case.fail(max_retries=0, timeout=0.15).kind is K.TIMEOUT


@scenario(GROUP, "a stream that stalls runs into the timeout, with what had arrived", modes=STREAMS)
def stalled(case: Case) -> None:
    _three_words(case)
    case.gw.fault(stall_after_chunks=3)
    failure = case.fail(max_retries=0, timeout=0.3)
    assert failure.kind is K.TIMEOUT
    assert failure.partial.startswith("one ")


@scenario(GROUP, "nobody listens")
def refused(case: Case) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    built = case.driver.build(
        "openai/gpt-4o-mini", base_url=f"http://127.0.0.1:{port}/v1", api_key="rqy-x", max_retries=0
    )
    assert case.fail_of(built).kind is K.CONNECTION


@scenario(GROUP, "a host that does not exist")
def no_host(case: Case) -> None:
    built = case.driver.build(
        "openai/gpt-4o-mini", base_url="http://gateway.invalid/v1", api_key="rqy-x", max_retries=0
    )
    assert case.fail_of(built).kind is K.CONNECTION


@scenario(GROUP, "without a key nothing is sent")
def no_key(case: Case) -> None:
    failure = case.fail_of(case.driver.build("openai/gpt-4o-mini", base_url=case.gw.base_url))
    assert "REQUESTY_API_KEY" in str(failure.error)
    assert case.gw.requests == []
