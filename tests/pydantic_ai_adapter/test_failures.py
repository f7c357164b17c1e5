"""Errors, fallback and what is recorded of both."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai import Agent
from pydantic_ai import exceptions as pai
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.usage import RunUsage

from pydantic_ai_requesty import FallbackPolicy, RequestyFallbackModel, Step, should_fall_back
from requesty_core.errors import ErrorKind, RequestyError
from requesty_emulator import Fault, Policy

PROMPT = [ModelRequest.user_text_prompt("How are you?")]
A, B = "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"


async def drained(stream: Any) -> None:
    async for _ in stream:
        pass


@pytest.mark.parametrize(
    ("status", "category", "kind"),
    [
        (400, pai.ModelRequestRejectedError, ErrorKind.BAD_REQUEST),
        (401, pai.ModelAuthenticationError, ErrorKind.AUTHENTICATION),
        (402, pai.ModelQuotaExceededError, ErrorKind.INSUFFICIENT_BALANCE),
        (403, pai.ModelAuthenticationError, ErrorKind.PERMISSION),
        (404, pai.ModelNotFoundError, ErrorKind.NOT_FOUND),
        (412, pai.ModelQuotaExceededError, ErrorKind.SPEND_LIMIT),
        (424, pai.ModelServerError, ErrorKind.UPSTREAM_FORMAT),
        (429, pai.ModelRateLimitError, ErrorKind.RATE_LIMIT),
        (500, pai.ModelServerError, ErrorKind.SERVER),
        (503, pai.ModelUnavailableError, ErrorKind.OVERLOADED),
        (529, pai.ModelOverloadedError, ErrorKind.OVERLOADED),
    ],
)
async def test_categories(ask: Any, make: Any, gw: Any, status: int, category: Any, kind: ErrorKind) -> None:
    gw.fail_next(status, retry_after=7, message="This is not allowed")
    with pytest.raises(category) as caught:
        await ask(make())
    error = caught.value
    assert isinstance(error, pai.ModelHTTPError)
    assert isinstance(error, RequestyError)
    assert (error.status_code, error.kind, error.model_name) == (status, kind, A)
    assert error.request_id == gw.last_request.request_id
    assert error.headers is not None
    assert error.headers["x-requesty-request-id"] == error.request_id
    assert len(error.attempts) == len(gw.requests) == 1
    if status == 429:
        assert error.retry_after == 7
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert (str(again), again.status_code, again.kind, again.model_name) == (str(error), status, kind, A)


async def test_context_overflow(ask: Any, make: Any, gw: Any) -> None:
    gw.fail_next(400, message="This model's maximum context length is 128000 tokens")
    with pytest.raises(pai.ModelContextWindowExceededError):
        await ask(make())


async def test_no_connection(ask: Any, make: Any) -> None:
    with pytest.raises(pai.ModelConnectionError) as caught:
        await ask(make(base_url="http://127.0.0.1:9/v1"))
    assert not isinstance(caught.value, pai.ModelHTTPError)


async def test_a_cut_stream_raises_and_keeps_what_came(make: Any, gw: Any) -> None:
    gw.say(text="one two three four")
    gw.fail_next(fault=Fault(truncate_after_chunks=3))
    async with model_request_stream(make(), PROMPT) as stream:
        with pytest.raises(pai.ModelConnectionError) as caught:
            await drained(stream)
    assert isinstance(caught.value, RequestyError)
    assert caught.value.partial.text == "one two "
    response = stream.get()
    assert (response.parts, response.state) == ([TextPart("one two ")], "incomplete")


async def test_usage_of_an_error_event_is_kept(make: Any, gw: Any) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7, "cost": 0.25}
    chunk = {"id": "i", "choices": [{"index": 0, "delta": {"content": "a"}}]}
    gw.say(chunks=[chunk, {"error": {"message": "boom", "code": 502}, "usage": usage}])
    async with model_request_stream(make(), PROMPT) as stream:
        with pytest.raises(pai.ModelAPIError, match="boom") as caught:
            await drained(stream)
    assert isinstance(caught.value, RequestyError)
    assert caught.value.partial.usage.cost == Decimal("0.25")
    assert stream.usage.cost == Decimal("0.25")
    assert stream.usage.input_tokens == 5


# --- the chain --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503),
        Fault(status=429),
        Fault(error_in_200="boom"),
        Fault(empty_choices=True),
        Fault(status=200, html=True),
        Fault(drop_connection=True),
        Fault(truncate_after_chunks=1),
        Fault(error_event={"message": "boom", "code": 502}, error_after_chunks=1),
    ],
    ids=["503", "429", "error body", "no choices", "html", "dropped", "cut before a token", "error before a token"],
)
async def test_falls_back(ask: Any, provider: Any, gw: Any, fault: Any) -> None:
    if not ask.streams and (fault.truncate_after_chunks or fault.error_event):
        return
    gw.fail_next(fault=fault, model=A)
    response = await ask(RequestyFallbackModel(A, B, provider=provider()))
    assert response.provider_details["requested_model"] == B
    [failed] = response.failed_attempts
    assert (failed.model_name, failed.provider_name, failed.outcome) == (A, "requesty", "error")
    assert failed.error
    assert failed.duration.total_seconds() > 0
    assert [attempt["model"] for attempt in response.provider_details["attempts"]] == [A, B]


@pytest.mark.parametrize("status", [400, 401, 403, 412])
async def test_does_not_fall_back(ask: Any, provider: Any, gw: Any, status: int) -> None:
    gw.fail_next(status)
    with pytest.raises(pai.ModelHTTPError):
        await ask(RequestyFallbackModel(A, B, provider=provider()))
    assert len(gw.requests) == 1


async def test_after_the_first_token_the_error_carries_what_came(provider: Any, gw: Any) -> None:
    gw.say(text="one two three four")
    gw.fail_next(fault=Fault(error_event={"message": "boom", "code": 502}, error_after_chunks=3), model=A)
    agent = Agent(RequestyFallbackModel(A, B, provider=provider()))
    async with agent.run_stream("x") as result:
        with pytest.raises(pai.ModelAPIError, match="boom") as caught:
            await drained(result.stream_text(delta=True, debounce_by=None))
    assert caught.value.partial.text == "one two "
    assert len(gw.requests) == 1


@pytest.mark.parametrize("streams", [False, True], ids=["complete", "streamed"])
async def test_a_run_counts_what_failed_attempts_cost(provider: Any, gw: Any, streams: bool) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 0, "total_tokens": 5, "cost": 0.25}
    if streams:
        gw.say(chunks=[{"error": {"message": "boom", "code": 502}, "usage": usage}], model=A)
    else:
        gw.say(body={"id": "i", "choices": [], "usage": usage}, model=A)
    gw.say(text="Fine.", model=B, usage={"prompt_tokens": 7, "completion_tokens": 1, "cost": 0.5})
    agent = Agent(RequestyFallbackModel(A, B, provider=provider()))
    # A stream's own result shows the answering request only; what the run spent is counted here.
    spent = RunUsage()
    if streams:
        async with agent.run_stream("x", usage=spent) as result:
            await result.get_output()
    else:
        assert (await agent.run("x", usage=spent)).usage.cost == spent.cost
    assert (spent.cost, spent.input_tokens, spent.requests) == (Decimal("0.75"), 12, 1)


async def test_a_chain_works_with_tools_and_output_types(provider: Any, gw: Any) -> None:
    gw.fail_next(503, model=A, times=1)
    policy = FallbackPolicy(cooldown=0)
    agent: Agent[None, int] = Agent(RequestyFallbackModel(A, B, provider=provider(), policy=policy), output_type=int)

    @agent.tool_plain
    def count() -> int:
        return 41

    gw.say(tool_calls=[{"name": "count", "arguments": {}, "id": "a"}], model=B)
    gw.say(tool_calls=[{"name": "final_result", "arguments": {"response": 42}, "id": "b"}], model=A)
    result = await agent.run("x")
    assert result.output == 42
    assert [request.model for request in gw.requests] == [A, B, A]
    assert result.usage.cost == gw.billed


async def test_an_exhausted_chain_tells_every_attempt(ask: Any, provider: Any, gw: Any) -> None:
    gw.fault(status=503)
    with pytest.raises(pai.ModelAPIError) as caught:
        await ask(RequestyFallbackModel(A, Step(B, retries=1), provider=provider()))
    assert isinstance(caught.value, RequestyError)
    assert caught.value.kind is ErrorKind.EXHAUSTED
    assert [attempt.model for attempt in caught.value.attempts] == [A, B, B]
    assert isinstance(pickle.loads(pickle.dumps(caught.value)), pai.ModelAPIError)


async def test_a_policy_is_the_gateways_own_chain(ask: Any, make: Any, gw: Any) -> None:
    gw.policies["production"] = Policy(models=[A, B])
    response = await ask(make("policy/production"))
    assert gw.requests[0].body["model"] == "policy/production"
    assert response.provider_details["requested_model"] == "policy/production"


async def test_within_the_frameworks_own_fallback_model(ask: Any, make: Any, gw: Any) -> None:
    gw.fail_next(fault=Fault(status=200, html=True), model=A)
    model = FallbackModel(make(A), make(B), fallback_on=should_fall_back)
    response = await ask(model)
    assert [attempt.model_name for attempt in response.failed_attempts] == [A]
    gw.fail_next(400, model=A)
    with pytest.raises(pai.ModelHTTPError):
        await ask(model)


async def test_rules_for_models_of_other_providers(make: Any) -> None:
    def overloaded(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise pai.ModelHTTPError(503, "other")

    def refused(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise pai.ModelHTTPError(400, "other")

    def bug(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        raise KeyError("mine")

    fallback = FallbackModel(FunctionModel(overloaded), make(), fallback_on=should_fall_back)
    assert (await model_request(fallback, PROMPT)).parts
    with pytest.raises(pai.ModelHTTPError):
        await model_request(FallbackModel(FunctionModel(refused), make(), fallback_on=should_fall_back), PROMPT)
    with pytest.raises(KeyError):
        await model_request(FallbackModel(FunctionModel(bug), make(), fallback_on=should_fall_back), PROMPT)


async def test_the_sdks_model_on_our_provider_says_what_to_use(provider: Any, gw: Any) -> None:
    model = OpenAIChatModel(A, provider=provider())
    with pytest.raises(pai.UserError, match="RequestyModel"):
        await model_request(model, PROMPT)
    assert gw.requests == []
