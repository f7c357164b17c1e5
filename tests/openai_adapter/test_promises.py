"""The promises: typed failures, one retry layer, fallback with hold-back, cost, secrets, life."""

from __future__ import annotations

import asyncio
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import openai
import pytest
from tests.support.secrets import everything_logged, shown_of

from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI, call_details
from requesty_core import Budget, CostLedger, FallbackPolicy
from requesty_core.errors import ErrorKind, FallbackExhaustedError, RequestyError
from requesty_core.network import shared
from requesty_emulator import Fault

A, B = "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"
USER: list[Any] = [{"role": "user", "content": "How are you?"}]


def create(client: Any, **more: Any) -> Any:
    return lambda: client.chat.completions.create(**{"model": A, "messages": USER, **more})


@pytest.mark.parametrize(
    ("status", "sdk", "kind"),
    [
        (400, openai.BadRequestError, ErrorKind.BAD_REQUEST),
        (401, openai.AuthenticationError, ErrorKind.AUTHENTICATION),
        (402, openai.APIStatusError, ErrorKind.INSUFFICIENT_BALANCE),
        (403, openai.PermissionDeniedError, ErrorKind.PERMISSION),
        (404, openai.NotFoundError, ErrorKind.NOT_FOUND),
        (412, openai.APIStatusError, ErrorKind.SPEND_LIMIT),
        (422, openai.UnprocessableEntityError, ErrorKind.BAD_REQUEST),
        (424, openai.APIStatusError, ErrorKind.UPSTREAM_FORMAT),
        (429, openai.RateLimitError, ErrorKind.RATE_LIMIT),
        (500, openai.InternalServerError, ErrorKind.SERVER),
        (503, openai.InternalServerError, ErrorKind.OVERLOADED),
        (529, openai.InternalServerError, ErrorKind.OVERLOADED),
    ],
)
@pytest.mark.parametrize("streams", [False, True])
def test_statuses(way: Any, gw: Any, status: int, sdk: Any, kind: ErrorKind, streams: bool) -> None:
    gw.fail_next(status, message="This is not allowed", retry_after=7)
    client = way.client()
    with pytest.raises(sdk) as caught:
        way(create(client, stream=streams))
    error = caught.value
    assert isinstance(error, RequestyError)
    assert (error.status_code, error.kind) == (status, kind)
    assert error.response.status_code == status
    assert error.request_id == gw.last_request.request_id
    assert len(error.attempts) == len(gw.requests) == 1
    assert call_details(error).attempts == error.attempts
    if status == 429:
        assert error.retry_after == 7
    again = pickle.loads(pickle.dumps(error))
    assert isinstance(again, sdk)
    assert again.kind is kind


def test_a_wrong_key_is_both(way: Any, gw: Any) -> None:
    client = way.client(api_key="rqy-wrong")
    with pytest.raises(openai.AuthenticationError) as caught:
        way(create(client))
    assert isinstance(caught.value, openai.PermissionDeniedError)


@pytest.mark.parametrize(
    ("fault", "sdk"),
    [
        (Fault(empty_choices=True), openai.APIResponseValidationError),
        (Fault(status=200, html=True), openai.APIResponseValidationError),
        (Fault(malformed_json=True), openai.APIError),
        (Fault(error_in_200="boom"), openai.APIError),
        (Fault(drop_connection=True), openai.APIConnectionError),
    ],
    ids=["no choices", "html", "broken json", "error body", "dropped"],
)
@pytest.mark.parametrize("streams", [False, True])
def test_what_is_no_answer_is_an_error(way: Any, gw: Any, fault: Any, sdk: Any, streams: bool) -> None:
    gw.fail_next(fault=fault)
    client = way.client()
    with pytest.raises(sdk) as caught:
        way.read(create(client, stream=True)) if streams else way(create(client))
    assert isinstance(caught.value, RequestyError)
    assert caught.value.attempts


def test_time_limits(way: Any, gw: Any) -> None:
    gw.fault(delay=5)
    client = way.client()
    with pytest.raises(openai.APITimeoutError) as caught:
        way(create(client, timeout=0.05))
    assert isinstance(caught.value, TimeoutError)


def test_a_cut_stream_raises_with_what_came(way: Any, gw: Any) -> None:
    gw.say(text="one two three")
    gw.fail_next(fault=Fault(truncate_after_chunks=3))
    client = way.client()
    with pytest.raises(openai.APIConnectionError) as caught:
        way.read(create(client, stream=True))
    assert isinstance(caught.value, RequestyError)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "one two "


def test_there_is_one_retry_layer_and_it_is_literal(way: Any, gw: Any) -> None:
    gw.fail_next(503, times=9, retry_after=0)
    client = way.client(max_retries=2)
    with pytest.raises(openai.InternalServerError):
        way(create(client))
    assert len(gw.requests) == 3


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(
    "fault",
    [Fault(status=503), Fault(error_in_200="boom"), Fault(empty_choices=True), Fault(drop_connection=True)],
    ids=["503", "error body", "no choices", "dropped"],
)
def test_falls_back_unseen(way: Any, gw: Any, fault: Any, streams: bool) -> None:
    # A kept connection that is dropped is replaced by a new one, which is no failure.
    shared._close()
    gw.fail_next(fault=fault, model=A)
    ledger = CostLedger()
    client = way.client(fallbacks=[B], ledger=ledger)
    if streams:
        chunks, stream = way.read(create(client, stream=True))
        details = stream.details
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    else:
        details = call_details(way(create(client)))
    assert [(attempt.model, attempt.outcome) for attempt in details.attempts] == [(A, "error"), (B, "ok")]
    assert details.requested_model == B
    assert ledger.total.cost is None or ledger.total.cost <= gw.billed
    assert [request.model for request in gw.requests] == [A, B]


@pytest.mark.parametrize("chunks", [1, 3], ids=["before a token", "after a token"])
def test_hold_back(way: Any, gw: Any, chunks: int) -> None:
    gw.say(text="one two three", model=A)
    gw.fail_next(fault=Fault(error_event={"message": "boom", "code": 502}, error_after_chunks=chunks), model=A)
    client = way.client(fallbacks=[B])
    if chunks == 1:
        _, stream = way.read(create(client, stream=True))
        assert [attempt.outcome for attempt in stream.details.attempts] == ["error", "ok"]
        return
    with pytest.raises(openai.APIError, match="boom") as caught:
        way.read(create(client, stream=True))
    assert isinstance(caught.value, RequestyError)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "one two "
    assert len(gw.requests) == 1


@pytest.mark.parametrize("status", [400, 401, 412])
def test_does_not_fall_back(way: Any, gw: Any, status: int) -> None:
    gw.fail_next(status)
    client = way.client(fallbacks=[B])
    with pytest.raises(openai.APIStatusError):
        way(create(client))
    assert len(gw.requests) == 1


def test_an_exhausted_chain_is_the_last_failure_and_tells_all(way: Any, gw: Any) -> None:
    gw.fault(status=429)
    client = way.client(fallbacks=[B], fallback_policy=FallbackPolicy(cooldown=0))
    with pytest.raises(openai.RateLimitError) as caught:
        way(create(client))
    assert isinstance(caught.value, FallbackExhaustedError)
    assert [attempt.model for attempt in caught.value.attempts] == [A, B]
    assert A in str(caught.value)


def test_copies_remember_sick_models(way: Any, gw: Any) -> None:
    gw.fault(status=503, model=A)
    client = way.client(fallbacks=[B])
    way(create(client))
    way(create(client.with_options(timeout=9)))
    assert [request.model for request in gw.requests] == [A, B, B]


def test_budget_refuses_before_any_request(way: Any, gw: Any) -> None:
    client = way.client(budget=Budget(Decimal("0.00000001")))
    way(create(client))
    with pytest.raises(openai.OpenAIError, match="budget"):
        way(create(client))
    assert len(gw.requests) == 1


# --- secrets ----------------------------------------------------------------------------------------------------------


def test_the_key_is_nowhere(way: Any, gw: Any) -> None:
    with everything_logged() as logged:
        client = way.client()
        way(create(client))
        gw.fail_next(500, message=f"you sent Bearer {gw.api_key}")
        with pytest.raises(openai.InternalServerError) as caught:
            way(create(client))
    shown = [logged.getvalue(), repr(client), str(client.api_key), shown_of(caught.value)]
    for text in shown:
        assert gw.api_key not in text


def test_pickles_lack_the_key_and_copies_have_it(way: Any, gw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = way.client()
    data = pickle.dumps(client)
    assert gw.api_key.encode() not in data
    again = pickle.loads(data)
    with pytest.raises(openai.OpenAIError, match="REQUESTY_API_KEY"):
        way(create(again))
    monkeypatch.setenv("REQUESTY_API_KEY", gw.api_key)
    assert way(create(pickle.loads(data))).choices
    assert way(create(copy.deepcopy(client))).choices


def test_a_missing_key_names_ours_and_not_the_sdks(way: Any, gw: Any) -> None:
    client = way.client(api_key=None)
    with pytest.raises(openai.OpenAIError, match="REQUESTY_API_KEY"):
        way(create(client))
    assert gw.requests == []


def test_the_key_goes_nowhere_else(way: Any, gw: Any) -> None:
    client = way.client()
    with pytest.raises(openai.OpenAIError, match="not the gateway"):
        way(lambda: client.get("http://127.0.0.1:9/v1/models", cast_to=object))
    with pytest.raises(openai.OpenAIError, match="Authorization"):
        way(create(client, extra_headers={"Authorization": "Bearer x"}))
    assert gw.requests == []


@pytest.mark.parametrize("settings", [{"region": "mars"}, {"max_retries": -1}, {"base_url": "ftp://x"}], ids=str)
def test_unusable_settings_are_one_clear_line(way: Any, settings: Any) -> None:
    (name,) = settings
    with pytest.raises(openai.OpenAIError, match=name):
        way.client(**settings)


def test_unknown_settings_are_named(way: Any) -> None:
    with pytest.raises(TypeError, match="azure_endpoint"):
        way.client(azure_endpoint="x")


# --- life -------------------------------------------------------------------------------------------------------------


def test_sixteen_threads(gw: Any) -> None:
    client = RequestyOpenAI(base_url=gw.base_url, api_key=gw.api_key)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: create(client)().choices[0].message.content, range(32)))
    assert all(answers)
    assert len(gw.requests) == 32


def test_one_event_loop_after_another(gw: Any) -> None:
    client = AsyncRequestyOpenAI(base_url=gw.base_url, api_key=gw.api_key)
    for _ in range(3):
        assert asyncio.run(create(client)()).choices


def test_leaving_a_stream_frees_its_connection(way: Any, gw: Any) -> None:
    gw.say(text="x " * 400, pieces=["x "] * 400)
    gw.fault(chunk_delay=0.02)
    client = way.client()
    if way.is_async:

        async def run() -> None:
            async with await create(client, stream=True)() as stream:
                await anext(aiter(stream))

        asyncio.run(run())
    else:
        with create(client, stream=True)() as stream:
            next(iter(stream))
    assert gw.wait_idle()


def test_an_error_in_the_callers_loop_is_his_own(way: Any, gw: Any) -> None:
    client = way.client(fallbacks=[B])

    def boom(_: Any) -> None:
        raise KeyError("mine")

    def sync() -> None:
        for chunk in create(client, stream=True)():
            boom(chunk)

    async def asynchronous() -> None:
        async for chunk in await create(client, stream=True)():
            boom(chunk)

    with pytest.raises(KeyError, match="mine"):
        asyncio.run(asynchronous()) if way.is_async else sync()
    assert len(gw.requests) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("default_headers", value) for value in ([("a", "b")], "a: b", ("x",), 5)),
        *(("default_query", value) for value in ([("a", "b")], "a=b", 5)),
        *((name, ("rqsty-x",)) for name in ("organization", "project", "webhook_secret", "websocket_base_url")),
    ],
)
def test_settings_of_the_sdk_of_another_kind_are_refused_in_one_line(way: Any, gw: Any, name: str, value: Any) -> None:
    with pytest.raises(openai.OpenAIError, match=rf"^{name}: .*\S$") as made:
        way.client(**{name: value})
    assert isinstance(made.value, RequestyError)
    assert "rqsty-x" not in str(made.value)
    assert not gw.requests


@pytest.mark.parametrize(
    "headers", [{"X-A": "ü"}, {"ü": "x"}, {"X\nA": "x"}, {"X-A": "a\nb"}, {"X-A": 5}, {"X-A": None}]
)
def test_headers_that_cannot_be_sent_are_refused_in_one_line(way: Any, gw: Any, headers: Any) -> None:
    with pytest.raises(openai.OpenAIError, match=r"^default_headers: .*\S$") as made:
        way.client(default_headers=headers)
    with pytest.raises(openai.OpenAIError, match=r"^extra_headers: .*\S$") as called:
        way(create(way.client(), extra_headers=headers))
    assert isinstance(made.value, RequestyError)
    assert isinstance(called.value, RequestyError)
    assert not gw.requests
