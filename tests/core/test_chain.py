"""Falling back between a framework's own objects, and settings as plain values: by the engine's rules, without IO."""

from __future__ import annotations

import http.client
import urllib.error
from collections.abc import Generator
from typing import Any

import httpx
import pytest

from requesty_core.adapters import (
    plain_options,
    plain_policy,
    plain_steps,
    plain_timeout,
    policy_from,
    timeout_from,
)
from requesty_core.errors import (
    BadRequestError,
    ConfigurationError,
    ConnectionFailedError,
    ErrorKind,
    FallbackExhaustedError,
    RateLimitError,
    RequestTimeoutError,
    RequestyError,
    ServerError,
    UnknownSettingError,
)
from requesty_core.replies.reply import ChatReply, Message, ToolCall
from requesty_core.retry.backoff import RetryPolicy
from requesty_core.retry.chain import classified, fall_through, was_seen
from requesty_core.retry.fallback import Wait
from requesty_core.retry.health import HealthBoard
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_core.settings.config import Timeouts
from requesty_core.settings.options import RequestyOptions

Run = Generator[int | Wait, RequestyError | None, None]


def chain(names: list[str], policy: FallbackPolicy | None = None, health: HealthBoard | None = None) -> Run:
    return fall_through(names, policy or FallbackPolicy(), health or HealthBoard(), clock=lambda: 0.0)


def test_the_first_that_answers_ends_it() -> None:
    run = chain(["a", "b"])
    assert next(run) == 0
    with pytest.raises(StopIteration):
        run.send(None)


def test_members_are_tried_in_order_once_each() -> None:
    run = chain(["a", "a", "b"])
    assert next(run) == 0
    assert run.send(ServerError("x")) == 1
    assert run.send(RateLimitError("x")) == 2
    with pytest.raises(FallbackExhaustedError) as caught:
        run.send(ServerError("last"))
    assert [str(error) for error in caught.value.errors] == ["x", "x", "last"]


@pytest.mark.parametrize("error", [BadRequestError("x"), ConfigurationError("x")])
def test_what_no_other_member_can_mend_is_raised(error: RequestyError) -> None:
    run = chain(["a", "b"])
    next(run)
    with pytest.raises(type(error)):
        run.send(error)


def test_a_predicate_of_the_callers_decides() -> None:
    run = chain(["a", "b"], FallbackPolicy(should_fall_back=lambda error: error.kind is ErrorKind.BAD_REQUEST))
    next(run)
    assert run.send(BadRequestError("x")) == 1


def test_a_sick_member_is_passed_over_by_the_next_run() -> None:
    health = HealthBoard()
    run = chain(["a", "b"], health=health)
    next(run)
    assert run.send(ServerError("x")) == 1
    with pytest.raises(StopIteration):
        run.send(None)
    assert next(chain(["a", "b"], health=health)) == 1


class Foreign(Exception):
    def __init__(self, message: str, **attributes: Any) -> None:
        super().__init__(message)
        self.__dict__.update(attributes)


class ReadTimeoutOfSomebody(Exception):
    pass


class APIConnectionError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RateLimitError("x"), ErrorKind.RATE_LIMIT),
        (Foreign("x", status_code=429), ErrorKind.RATE_LIMIT),
        (Foreign("x", response=httpx.Response(503, headers={"Retry-After": "7"})), ErrorKind.OVERLOADED),
        (TimeoutError("x"), ErrorKind.TIMEOUT),
        (ReadTimeoutOfSomebody("x"), ErrorKind.TIMEOUT),
        (ConnectionResetError("x"), ErrorKind.CONNECTION),
        (APIConnectionError("x"), ErrorKind.CONNECTION),
        (httpx.ConnectError("x"), ErrorKind.CONNECTION),
        (httpx.ReadError("x"), ErrorKind.CONNECTION),
        (httpx.RemoteProtocolError("x"), ErrorKind.CONNECTION),
        (httpx.ConnectTimeout("x"), ErrorKind.TIMEOUT),
        (httpx.UnsupportedProtocol("x"), None),
        (httpx.LocalProtocolError("x"), None),
        (httpx.TooManyRedirects("x"), None),
        (http.client.IncompleteRead(b""), ErrorKind.CONNECTION),
        (http.client.RemoteDisconnected("x"), ErrorKind.CONNECTION),
        (urllib.error.URLError("x"), ErrorKind.CONNECTION),
        (KeyError("x"), None),
        (Foreign("x", status_code=200), None),
        (Foreign("x", status_code="429"), None),
    ],
    ids=repr,
)
def test_errors_of_other_clients_in_the_terms_of_the_rules(error: BaseException, kind: ErrorKind | None) -> None:
    found = classified(error)
    assert (None if found is None else found.kind) is kind
    if found is not None and found is not error:
        assert found.__cause__ is error


@pytest.mark.parametrize("where", ["response", "headers"])
def test_retry_after_of_other_clients_is_read(where: str) -> None:
    headers = {"Retry-After": "7"}
    told = {"response": httpx.Response(429, headers=headers)} if where == "response" else {"headers": headers}
    found = classified(Foreign("x", status_code=429, **told))
    assert found is not None
    assert found.retry_after == 7


@pytest.mark.parametrize(
    ("message", "seen"),
    [
        (None, False),
        (Message(), False),
        (Message(text="a"), True),
        (Message(reasoning="a"), True),
        (Message(tool_calls=(ToolCall("f", "", "c"),)), True),
    ],
)
def test_whether_the_user_may_have_seen_something(message: Message | None, seen: bool) -> None:
    error = ServerError("x", partial=None if message is None else ChatReply(message))
    assert was_seen(error) is seen


def test_kinds_of_built_errors_are_those_of_their_classes() -> None:
    assert isinstance(classified(TimeoutError()), RequestTimeoutError)
    assert isinstance(classified(ConnectionError()), ConnectionFailedError)


# --- plain values -----------------------------------------------------------------------------------------------------


def test_steps_as_plain_values() -> None:
    steps = [Step("a"), Step("b", retries=1), "c", {"model": "d"}]
    assert plain_steps(steps) == ["a", {"model": "b", "retries": 1}, "c", {"model": "d"}]


@pytest.mark.parametrize(
    ("options", "plain"),
    [(None, None), (RequestyOptions(tags=["t"]), {"tags": ["t"]}), ({"user_id": "u"}, {"user_id": "u"})],
)
def test_options_as_plain_values(options: Any, plain: Any) -> None:
    assert plain_options(options) == plain


@pytest.mark.parametrize("timeout", [None, 5.0, Timeouts(read=7, first_token=2)])
def test_a_timeout_there_and_back(timeout: Any) -> None:
    assert timeout_from(plain_timeout(timeout)) == timeout


@pytest.mark.parametrize("policy", [None, FallbackPolicy(cooldown=3, retry=RetryPolicy(base=0.1)), FallbackPolicy()])
def test_a_policy_there_and_back(policy: FallbackPolicy | None) -> None:
    assert policy_from(plain_policy(policy)) == policy


def test_a_policy_with_a_function_cannot_be_saved() -> None:
    with pytest.raises(ConfigurationError, match="should_fall_back"):
        plain_policy(FallbackPolicy(should_fall_back=lambda error: True))


@pytest.mark.parametrize(
    ("read", "saved", "line"),
    [
        (policy_from, {"cooldwn": 1}, "fallback_policy.cooldwn: FallbackPolicy has no such setting; did you mean cool"),
        (policy_from, {"retry": {"capp": 1}}, "fallback_policy.retry.capp: RetryPolicy has no such setting; did you"),
        (policy_from, {"zzz": 1}, "fallback_policy.zzz: FallbackPolicy has no such setting; it takes retry, deadline"),
        (timeout_from, {"reed": 1}, "timeout.reed: Timeouts has no such setting; did you mean read?"),
        (timeout_from, {1: 1}, "timeout.1: Timeouts has no such setting; it takes connect"),
    ],
)
def test_a_saved_setting_of_another_name_is_refused(read: Any, saved: Any, line: str) -> None:
    with pytest.raises(UnknownSettingError) as raised:
        read(saved)
    assert str(raised.value).startswith(line)
