"""Agents against the strict emulator: tools, structure, streams, deferred tools, limits, loops; to the cent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel
from pydantic_ai import (
    Agent,
    DeferredToolRequests,
    DeferredToolResults,
    NativeOutput,
    PromptedOutput,
    RunContext,
    ToolOutput,
    UsageLimitExceeded,
    UsageLimits,
)
from pydantic_ai.exceptions import ContentFilterError, UnexpectedModelBehavior
from pydantic_ai.messages import FinalResultEvent, PartDeltaEvent, TextPartDelta
from pydantic_ai.models import override_allow_model_requests
from pydantic_ai.models.instrumented import InstrumentationSettings, InstrumentedModel
from tests.support.waiting import PATIENCE

from pydantic_ai_requesty import Budget, CostLedger, RequestyModels


class City(BaseModel):
    """A city."""

    name: str
    country: str


PARIS = City(name="Paris", country="France")
PROMPT = "The city is Paris in France. Answer in json."
MODES = [ToolOutput, NativeOutput, PromptedOutput]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("streams", [False, True], ids=["complete", "streamed"])
async def test_structured_output(make: Any, gw: Any, mode: Any, streams: bool) -> None:
    agent: Agent[None, City] = Agent(make(), output_type=mode(City))
    if streams:
        async with agent.run_stream(PROMPT) as result:
            partials = [partial async for partial in result.stream_output(debounce_by=None)]
            output, usage = await result.get_output(), result.usage
        assert partials[-1] == output
    else:
        run = await agent.run(PROMPT)
        output, usage = run.output, run.usage
    assert output == PARIS
    assert usage.cost == gw.billed > 0
    [request] = gw.requests
    wire = request.body
    if mode is ToolOutput:
        assert wire["tool_choice"] == "required"
        assert [tool["function"]["name"] for tool in wire["tools"]] == ["final_result"]
    elif mode is NativeOutput:
        assert wire["response_format"]["json_schema"]["schema"]["additionalProperties"] is False
    else:
        assert wire["response_format"] == {"type": "json_object"}


async def test_tools_in_parallel(make: Any, gw: Any) -> None:
    agent = Agent(make())
    seen: list[str] = []

    @agent.tool_plain
    def weather(city: str) -> str:
        seen.append(f"weather {city}")
        return "sunny"

    @agent.tool
    async def population(ctx: RunContext[None], city: str) -> int:
        seen.append(f"population {city}")
        return 2

    gw.say(
        tool_calls=[
            {"name": "weather", "arguments": {"city": "Paris"}, "id": "a"},
            {"name": "population", "arguments": {"city": "Rome"}, "id": "b"},
        ]
    )
    gw.say(text="Sunny and 2.")
    result = await agent.run("Weather of Paris and population of Rome?")
    assert result.output == "Sunny and 2."
    assert sorted(seen) == ["population Rome", "weather Paris"]
    assert (result.usage.requests, result.usage.tool_calls) == (2, 2)
    assert result.usage.cost == gw.billed
    answers = [m for m in gw.last_request.body["messages"] if m["role"] == "tool"]
    assert [(m["tool_call_id"], m["content"]) for m in answers] == [("a", "sunny"), ("b", "2")]


async def test_a_reasoning_tool_loop_is_signed(make: Any, gw: Any) -> None:
    agent = Agent(make("anthropic/claude-sonnet-4-5"))
    agent.tool_plain(_weather)
    gw.say(reasoning="hm", signature="sig", tool_calls=[{"name": "_weather", "arguments": {"city": "x"}, "id": "a"}])
    gw.say(text="Sunny.")
    await agent.run("Weather?")
    turn = gw.last_request.body["messages"][1]
    assert (turn["reasoning_content"], turn["reasoning_signature"]) == ("hm", "sig")


def _weather(city: str) -> str:
    """The weather."""
    return "sunny"


async def test_streamed_text_through_tools(make: Any, gw: Any) -> None:
    agent = Agent(make(), tools=[_weather])
    gw.say(tool_calls=[{"name": "_weather", "arguments": {"city": "Rome"}, "id": "a"}])
    gw.say(text="It is sunny.", pieces=["It ", "is ", "sunny."])
    async with agent.run_stream("Weather?") as result:
        pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
        assert result.is_complete
    assert pieces == ["It ", "is ", "sunny."]
    assert result.usage.cost == gw.billed


async def test_event_stream_handler(make: Any, gw: Any) -> None:
    events: list[Any] = []

    async def handle(ctx: RunContext[None], stream: AsyncIterator[Any]) -> None:
        events.extend([event async for event in stream])

    gw.say(text="a b", pieces=["a ", "b"])
    result = await Agent(make()).run("x", event_stream_handler=handle)
    assert result.output == "a b"
    assert any(isinstance(event, FinalResultEvent) for event in events)
    deltas = [event.delta for event in events if isinstance(event, PartDeltaEvent)]
    assert [delta.content_delta for delta in deltas if isinstance(delta, TextPartDelta)] == ["b"]


async def test_deferred_tools(make: Any, gw: Any) -> None:
    agent: Agent[None, str | DeferredToolRequests] = Agent(make(), output_type=[str, DeferredToolRequests])

    @agent.tool_plain(requires_approval=True)
    def pay(amount: int) -> str:
        return f"paid {amount}"

    gw.say(tool_calls=[{"name": "pay", "arguments": {"amount": 5}, "id": "a"}])
    first = await agent.run("Pay 5")
    assert isinstance(first.output, DeferredToolRequests)
    assert [call.tool_name for call in first.output.approvals] == ["pay"]
    gw.say(text="Done.")
    second = await agent.run(
        message_history=first.all_messages(), deferred_tool_results=DeferredToolResults(approvals={"a": True})
    )
    assert second.output == "Done."
    assert gw.last_request.body["messages"][-1]["content"] == "paid 5"


@pytest.mark.parametrize("streams", [False, True], ids=["complete", "streamed"])
async def test_cost_limit_is_enforced(make: Any, gw: Any, streams: bool) -> None:
    agent = Agent(make(), tools=[_weather])
    call = {"name": "_weather", "arguments": {"city": "x"}, "id": "a"}
    gw.say(tool_calls=[call], times=5, usage={"cost": 0.02})
    limits = UsageLimits(cost_limit=Decimal("0.03"))

    async def run() -> None:
        if not streams:
            await agent.run("x", usage_limits=limits)
            return
        async with agent.run_stream("x", usage_limits=limits) as result:
            await result.get_output()

    with pytest.raises(UsageLimitExceeded, match="cost"):
        await run()
    assert len(gw.requests) == 2


def test_repeated_run_sync_on_one_agent(make: Any, gw: Any) -> None:
    agent = Agent(make())
    costs = [agent.run_sync("How are you?").usage.cost for _ in range(3)]
    assert sum(costs, Decimal(0)) == gw.billed


def test_repeated_event_loops(make: Any, gw: Any) -> None:
    agent = Agent(make())

    async def once() -> str:
        async with agent, agent.run_stream("How are you?") as result:
            return await result.get_output()

    assert len({asyncio.run(once()) for _ in range(3)}) == 1
    assert len(gw.requests) == 3


async def test_refusal_tells_what_was_said(make: Any, gw: Any) -> None:
    gw.say(refusal="I will not.")
    with pytest.raises(ContentFilterError, match="I will not"):
        await Agent(make(), output_type=NativeOutput(City), retries=0).run("x")


async def test_an_answer_cut_at_the_limit_is_no_object(make: Any, gw: Any) -> None:
    gw.say(text='{"name": "Par', finish_reason="length")
    with pytest.raises(UnexpectedModelBehavior):
        await Agent(make(), output_type=NativeOutput(City), retries=0).run("x")


async def test_ledger_and_budget(make: Any, gw: Any) -> None:
    ledger = CostLedger()
    agent = Agent(make(ledger=ledger, budget=Budget(Decimal("0.00001"))))
    result = await agent.run("How are you?")
    assert ledger.total.cost == result.usage.cost == gw.billed
    with pytest.raises(UsageLimitExceeded, match="budget"):
        await agent.run("How are you?")
    assert len(gw.requests) == 1


async def test_strings_of_the_capability(provider: Any, gw: Any) -> None:
    agent = Agent("requesty:openai/o3-mini:high", capabilities=[RequestyModels(provider=provider())])
    await agent.run("x")
    await agent.run("x", model="requesty:anthropic/claude-sonnet-4-5")
    assert [request.model for request in gw.requests] == ["openai/o3-mini:high", "anthropic/claude-sonnet-4-5"]


async def test_model_requests_can_be_forbidden(make: Any, gw: Any) -> None:
    with override_allow_model_requests(False), pytest.raises(RuntimeError, match="not allowed"):
        await Agent(make()).run("x")
    assert gw.requests == []


@pytest.mark.parametrize("streams", [False, True], ids=["complete", "streamed"])
async def test_traces_name_the_gateway_and_the_cost(make: Any, gw: Any, streams: bool) -> None:
    exporter, tracers = InMemorySpanExporter(), TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    agent = Agent(InstrumentedModel(make(), InstrumentationSettings(tracer_provider=tracers)))
    if streams:
        async with agent.run_stream("x") as result:
            await result.get_output()
    else:
        await agent.run("x")
    [span] = [span for span in exporter.get_finished_spans() if span.name.startswith("chat")]
    shown = dict(span.attributes or {})
    assert shown["gen_ai.provider.name"] == shown["gen_ai.system"] == "requesty"
    assert (shown["server.address"], shown["server.port"]) == ("127.0.0.1", gw.port)
    assert shown["gen_ai.request.model"] == "openai/gpt-4o-mini"
    assert shown["operation.cost"] == float(gw.billed)
    assert gw.api_key not in str(shown)


async def test_cancelling_a_stream_frees_the_connection(make: Any, gw: Any) -> None:
    gw.say(text="x " * 400, pieces=["x "] * 400)
    gw.fault(chunk_delay=0.02)
    async with Agent(make()).run_stream("x") as result:
        async for _ in result.stream_text(delta=True, debounce_by=None):
            await result.cancel()
            break
    assert gw.wait_idle()
    assert result.response.state == "interrupted"


async def test_cancelling_from_another_task(make: Any, gw: Any) -> None:
    gw.say(text="x " * 400, pieces=["x "] * 400)
    gw.fault(stall_after_chunks=5)
    async with Agent(make()).run_stream("x") as result:
        came = asyncio.Event()

        async def reader() -> None:
            async for _ in result.stream_text(delta=True, debounce_by=None):
                came.set()

        task = asyncio.create_task(reader())
        await came.wait()
        # The reader is to be waiting on the silent connection.
        await asyncio.sleep(0.05)
        await result.cancel()
        await asyncio.wait_for(task, PATIENCE)
    assert gw.wait_idle()
    assert result.response.state == "interrupted"
