"""Every failure is a typed error of both trees, with its response, request id and what had arrived."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core import exceptions as lc
from langchain_core.callbacks import BaseCallbackHandler

import langchain_requesty as lr
from langchain_requesty import Budget, ChatRequesty, RequestyEmbeddings
from requesty_core.errors import tree as core
from requesty_emulator import Fault, GatewayEmulator

MODEL = "openai/gpt-4o-mini"

STATUSES: list[tuple[int, str | None, type[Exception], type[Exception], bool]] = [
    (400, None, lr.RequestyBadRequestError, lc.ModelInvalidRequestError, False),
    (400, "maximum context length is 5 tokens", lr.RequestyContextOverflowError, lc.ContextOverflowError, False),
    (401, None, lr.RequestyAuthenticationError, lc.ModelAuthenticationError, False),
    (402, None, lr.RequestyInsufficientBalanceError, lc.ModelError, False),
    (403, "model not allowed", lr.RequestyPermissionDeniedError, lc.ModelPermissionDeniedError, False),
    (403, "Invalid authorization token", lr.RequestyAuthenticationError, lc.ModelAuthenticationError, False),
    (404, None, lr.RequestyNotFoundError, lc.ModelNotFoundError, False),
    (408, None, lr.RequestyTimeoutError, lc.ModelTimeoutError, True),
    (409, None, lr.RequestyBadRequestError, lc.ModelInvalidRequestError, False),
    (412, None, lr.RequestySpendLimitError, lc.ModelError, False),
    (422, None, lr.RequestyBadRequestError, lc.ModelInvalidRequestError, False),
    (424, None, lr.RequestyUpstreamFormatError, lc.ModelAPIError, True),
    (429, None, lr.RequestyRateLimitError, lc.ModelRateLimitError, True),
    (500, None, lr.RequestyServerError, lc.ModelAPIError, True),
    (502, None, lr.RequestyServerError, lc.ModelAPIError, True),
    (503, None, lr.RequestyOverloadedError, lc.ModelAPIError, True),
    (529, None, lr.RequestyOverloadedError, lc.ModelAPIError, True),
]


def _call(llm: ChatRequesty, mode: str) -> Any:
    async def astream() -> list[Any]:
        return [chunk async for chunk in llm.astream("hi")]

    if mode == "invoke":
        return llm.invoke("hi")
    if mode == "stream":
        return list(llm.stream("hi"))
    return asyncio.run(llm.ainvoke("hi") if mode == "ainvoke" else astream())


@pytest.mark.parametrize("mode", ["invoke", "stream", "ainvoke", "astream"])
@pytest.mark.parametrize(("status", "message", "ours", "theirs", "retryable"), STATUSES)
def test_statuses(
    gateway: GatewayEmulator,
    settings: dict[str, Any],
    mode: str,
    status: int,
    message: str | None,
    ours: type[Exception],
    theirs: type[Exception],
    retryable: bool,
) -> None:
    gateway.fail_next(status, message=message)
    with pytest.raises(ours) as caught:
        _call(ChatRequesty(model=MODEL, max_retries=0, **settings), mode)
    error: Any = caught.value
    assert isinstance(error, theirs)
    assert isinstance(error, core.RequestyError)
    assert error.is_retryable is retryable
    assert error.response.status_code == error.status == status
    assert error.response.json()["error"]["message"]
    assert error.request_id == gateway.last_request.request_id
    assert len(error.attempts) == len(gateway.requests) == 1
    assert gateway.api_key not in f"{error}{error!r}{error.response}"


ODD: list[tuple[str, Fault, type[Exception]]] = [
    ("invoke", Fault(error_in_200={"message": "broke"}), lr.RequestyErrorBodyError),
    ("invoke", Fault(empty_choices=True), lr.RequestyEmptyChoicesError),
    ("invoke", Fault(status=200, html=True), lr.RequestyMalformedResponseError),
    ("invoke", Fault(html=True), lr.RequestyServerError),
    ("invoke", Fault(malformed_json=True), lr.RequestyMalformedResponseError),
    ("invoke", Fault(drop_connection=True), lr.RequestyConnectionError),
    ("stream", Fault(truncate_after_chunks=3), lr.RequestyTruncatedStreamError),
    ("stream", Fault(cut_after_chunks=3), lr.RequestyTruncatedStreamError),
    ("stream", Fault(error_event={"message": "broke"}, error_after_chunks=3), lr.RequestyStreamError),
    ("stream", Fault(error_event="broke", error_after_chunks=0), lr.RequestyStreamError),
    ("stream", Fault(status=200, html=True), lr.RequestyMalformedResponseError),
]


@pytest.mark.parametrize("asynchronous", [False, True])
@pytest.mark.parametrize(("mode", "fault", "ours"), ODD)
def test_answers_that_are_none(
    gateway: GatewayEmulator,
    settings: dict[str, Any],
    mode: str,
    fault: Fault,
    ours: type[Exception],
    asynchronous: bool,
) -> None:
    gateway.say(text="one two three four five six", pieces=["one ", "two ", "three ", "four ", "five ", "six"])
    gateway.fail_next(fault=fault)
    with pytest.raises(ours) as caught:
        _call(ChatRequesty(model=MODEL, max_retries=0, **settings), f"a{mode}" if asynchronous else mode)
    assert isinstance(caught.value, lc.ModelError)
    assert caught.value.is_retryable


def test_what_had_arrived_is_in_the_error(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(text="one two three", pieces=["one ", "two ", "three"])
    gateway.fail_next(fault=Fault(cut_after_chunks=3))
    seen = []
    stream = ChatRequesty(model=MODEL, **settings).stream("hi")
    with pytest.raises(lr.RequestyTruncatedStreamError) as caught:
        seen.extend(chunk.text for chunk in stream)
    assert seen
    assert caught.value.partial is not None
    assert caught.value.partial.text == "".join(seen)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize("retries", [0, 2])
def test_max_retries_is_literal(gateway: GatewayEmulator, settings: dict[str, Any], retries: int) -> None:
    gateway.fail_next(503, times=9, retry_after=0)
    with pytest.raises(lr.RequestyOverloadedError):
        ChatRequesty(model=MODEL, max_retries=retries, **settings).invoke("hi")
    assert len(gateway.requests) == retries + 1


def test_a_budget_refuses_the_next_call(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    budget = Budget("0.0000001")
    llm = ChatRequesty(model=MODEL, budget=budget, **settings)
    llm.invoke("hi")
    with pytest.raises(lr.RequestyBudgetExceededError, match=r"^budget: "):
        llm.invoke("hi")
    assert len(gateway.requests) == 1
    assert budget.spent == gateway.billed


def test_traces_see_the_response(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    seen: list[Any] = []

    class Tracer(BaseCallbackHandler):
        def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
            seen.append((error, kwargs["response"]))

    gateway.fail_next(400)
    with pytest.raises(lr.RequestyBadRequestError):
        ChatRequesty(model=MODEL, **settings).invoke("hi", config={"callbacks": [Tracer()]})
    ((error, result),) = seen
    metadata = result.generations[0][0].message.response_metadata
    assert metadata["status_code"] == 400
    assert metadata["request_id"] == error.request_id


def test_an_exception_of_the_callers_callback_is_his_own(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    class Loud(BaseCallbackHandler):
        raise_error = True

        def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
            raise KeyError("mine")

    llm = ChatRequesty(model=MODEL, fallbacks=["openai/gpt-4o"], **settings)
    with pytest.raises(KeyError, match="mine"):
        list(llm.stream("hi", config={"callbacks": [Loud()]}))
    assert len(gateway.requests) == 1


def test_embeddings_errors(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.fail_next(429)
    embeddings = RequestyEmbeddings(model="openai/text-embedding-3-small", max_retries=0, chunk_size=1, **settings)
    with pytest.raises(lr.RequestyRateLimitError) as caught:
        embeddings.embed_documents(["a", "b", "c"])
    failed = caught.value.failed_inputs  # type: ignore[attr-defined]
    assert len(failed) == 1
    assert sum(v is not None for v in caught.value.vectors) == 2  # type: ignore[attr-defined]
