"""Agents: tools, structured answers, fallback in mid-run; their cost is the gateway's bill. And registration."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy
from langchain.chat_models import init_chat_model
from langchain.embeddings import init_embeddings
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from pydantic import BaseModel

import langchain_requesty as lr
from langchain_requesty import ChatRequesty, ChatRequestyFallback, CostLedger, RequestyEmbeddings, register
from requesty_emulator import GatewayEmulator

FIRST, SECOND = "openai/gpt-4o", "anthropic/claude-sonnet-4-5"


@tool
def weather(city: str) -> str:
    """Tell the weather in a city."""
    return f"Sunny in {city}, 21 degrees"


class Report(BaseModel):
    """A weather report."""

    city: str
    degrees: int


def cost_of(messages: list[Any]) -> float:
    return sum(m.response_metadata["cost"] for m in messages if isinstance(m, AIMessage))


def run(agent: Any, mode: str) -> list[Any]:
    question = {"messages": [("user", "What is the weather in Oslo?")]}

    async def astream() -> Any:
        return [state async for state in agent.astream(question, stream_mode="values")][-1]

    state = {
        "invoke": lambda: agent.invoke(question),
        "ainvoke": lambda: asyncio.run(agent.ainvoke(question)),
        "stream": lambda: list(agent.stream(question, stream_mode="values"))[-1],
        "astream": lambda: asyncio.run(astream()),
        "messages": lambda: list(agent.stream(question, stream_mode=["messages", "values"]))[-1][1],
    }[mode]()
    assert isinstance(state["structured_response"], Report)
    return state["messages"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("mode", ["invoke", "ainvoke", "stream", "astream", "messages"])
@pytest.mark.parametrize("strategy", [ToolStrategy, ProviderStrategy])
@pytest.mark.parametrize("kind", ["fallbacks", "middleware"])
def test_agent_with_tools_structured_answer_and_fallback_in_mid_run(
    gateway: GatewayEmulator, settings: dict[str, Any], mode: str, strategy: Any, kind: str
) -> None:
    gateway.say(tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "c1"}])
    report = {"city": "Oslo", "degrees": 21}
    if strategy is ToolStrategy:
        gateway.say(tool_calls=[{"name": "Report", "arguments": report, "id": "c2"}])
    else:
        gateway.say(text='{"city": "Oslo", "degrees": 21}')
    # The first call passes, the second one (with the tool's result) meets an outage.
    gateway.fault(model=FIRST, nth=2, status=503)
    ledger = CostLedger()
    if kind == "fallbacks":
        model: ChatRequesty = ChatRequestyFallback(models=[FIRST, SECOND], ledger=ledger, **settings)
        middleware: list[Any] = []
    else:
        model = ChatRequesty(model=FIRST, max_retries=0, ledger=ledger, **settings)
        middleware = [lr.RequestyFallbackMiddleware(SECOND)]
    agent = create_agent(model, [weather], response_format=strategy(Report), middleware=middleware)
    messages = run(agent, mode)
    assert [request.model for request in gateway.requests] == [FIRST, FIRST, SECOND]
    assert cost_of(messages) == pytest.approx(float(gateway.billed))
    assert ledger.total.cost == gateway.billed
    answers = [m for m in messages if isinstance(m, AIMessage)]
    attempts = answers[1].response_metadata["requesty"]["attempts"]
    assert [(a["model"], a["outcome"]) for a in attempts] == [(FIRST, "error"), (SECOND, "ok")]
    assert gateway.requests[2].body["messages"][-1] == {
        "role": "tool",
        "tool_call_id": "c1",
        "content": "Sunny in Oslo, 21 degrees",
    }


@pytest.mark.parametrize("status", [400, 401, 412])
def test_middleware_leaves_errors_that_no_model_mends(
    gateway: GatewayEmulator, settings: dict[str, Any], status: int
) -> None:
    gateway.fail_next(status)
    agent = create_agent(
        ChatRequesty(model=FIRST, **settings), [weather], middleware=[lr.RequestyFallbackMiddleware(SECOND)]
    )
    with pytest.raises(lr.RequestyError) as caught:
        agent.invoke({"messages": [("user", "hi")]})
    assert caught.value.status == status
    assert len(gateway.requests) == 1


def test_middleware_when_all_fail(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.fault(status=503)
    agent = create_agent(
        ChatRequesty(model=FIRST, max_retries=0, **settings),
        middleware=[
            lr.RequestyFallbackMiddleware(SECOND, ChatRequesty(model="openai/gpt-4o-mini", max_retries=0, **settings))
        ],
    )
    with pytest.raises(lr.RequestyFallbackExhaustedError) as caught:
        agent.invoke({"messages": [("user", "hi")]})
    assert len(caught.value.errors) == len(gateway.requests) == 3


def test_middleware_remembers(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.fault(model=FIRST, status=503)
    agent = create_agent(
        ChatRequesty(model=FIRST, max_retries=0, **settings), middleware=[lr.RequestyFallbackMiddleware(SECOND)]
    )
    for _ in range(2):
        agent.invoke({"messages": [("user", "hi")]})
    assert [request.model for request in gateway.requests] == [FIRST, SECOND, SECOND]


def test_middleware_does_not_answer_twice(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(text="one two three", pieces=["one ", "two ", "three"])
    gateway.fault(model=FIRST, cut_after_chunks=3)
    agent = create_agent(ChatRequesty(model=FIRST, **settings), middleware=[lr.RequestyFallbackMiddleware(SECOND)])
    with pytest.raises(lr.RequestyTruncatedStreamError):
        list(agent.stream({"messages": [("user", "hi")]}, stream_mode="messages"))
    assert len(gateway.requests) == 1


def test_register(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    register()
    register()
    llm = init_chat_model("requesty:openai/o3-mini:high", **settings)
    assert isinstance(llm, ChatRequesty)
    assert llm.model == "openai/o3-mini:high"
    assert isinstance(init_chat_model("policy/x", model_provider="requesty", **settings), ChatRequesty)
    embeddings = init_embeddings("requesty:openai/text-embedding-3-small", **settings)
    assert isinstance(embeddings, RequestyEmbeddings)
    configurable = init_chat_model(configurable_fields="any", **settings)
    answer = configurable.invoke("hi", config={"configurable": {"model": "requesty:openai/gpt-4o-mini"}})
    assert answer.response_metadata["requested_model"] == "openai/gpt-4o-mini"


CUT = '{"city": "Oslo'


@pytest.mark.parametrize("mode", ["invoke", "ainvoke", "stream", "astream", "messages", "streaming=True", "v1"])
@pytest.mark.parametrize(("arguments", "finish"), [(CUT, "length"), (CUT, "content_filter"), ("", "length")])
def test_an_agent_never_runs_a_call_that_was_cut(
    gateway: GatewayEmulator, settings: dict[str, Any], arguments: str, finish: str, mode: str
) -> None:
    ran: list[str] = []

    @tool
    def forecast(city: str = "everywhere") -> str:
        """Tell the weather in a city."""
        ran.append(city)
        return "sunny"

    gateway.say(tool_calls=[{"name": "forecast", "arguments": arguments, "id": "c1"}], finish_reason=finish)
    more = {"streaming=True": {"streaming": True}, "v1": {"output_version": "v1", "streaming": True}}.get(mode, {})
    agent: Any = create_agent(ChatRequesty(model=FIRST, **settings, **more), [forecast])
    question = {"messages": [("user", "What is the weather in Oslo?")]}

    async def astream() -> Any:
        return [state async for state in agent.astream(question, stream_mode="values")][-1]

    state = {
        "ainvoke": lambda: asyncio.run(agent.ainvoke(question)),
        "stream": lambda: list(agent.stream(question, stream_mode="values"))[-1],
        "astream": lambda: asyncio.run(astream()),
        "messages": lambda: list(agent.stream(question, stream_mode=["messages", "values"]))[-1][1],
    }.get(mode, lambda: agent.invoke(question))()
    assert ran == []
    last = state["messages"][-1]
    assert type(last) is AIMessage
    assert last.tool_calls == []
    assert [(bad["name"], bad["args"]) for bad in last.invalid_tool_calls] == [("forecast", arguments)]


OVERFLOW = {"status": 400, "message": "This model's maximum context length is 128000 tokens", "origin": "provider"}


@pytest.mark.parametrize("kind", ["fallbacks", "middleware"])
def test_an_overflow_that_no_other_member_can_take_is_raised_as_itself(
    gateway: GatewayEmulator, settings: dict[str, Any], kind: str
) -> None:
    gateway.fault(**OVERFLOW, times=9)
    others = ["openai/gpt-4o-mini"]
    llm = ChatRequesty(model=FIRST, fallbacks=others if kind == "fallbacks" else [], **settings)
    middleware = [lr.RequestyFallbackMiddleware(*others)] if kind == "middleware" else []
    agent: Any = create_agent(llm, [], middleware=middleware)
    with pytest.raises(lr.RequestyContextOverflowError) as caught:
        agent.invoke({"messages": [("user", "long")]})
    assert isinstance(caught.value, ContextOverflowError)
