"""OpenAI Agents SDK: a model of its own over our asynchronous client."""

from __future__ import annotations

import asyncio
from typing import Any

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled
from harness import ASK, MODEL, Tide, Wire, run, tide

from openai_requesty import AsyncRequestyOpenAI

set_tracing_disabled(True)


def agent(wire: Wire, **more: Any) -> Agent[Any]:
    """An agent on the gateway."""
    model = OpenAIChatCompletionsModel(model=MODEL, openai_client=AsyncRequestyOpenAI(**wire.settings))
    return Agent(name="Sea", instructions="You know the sea.", model=model, **more)


def streamed(wire: Wire) -> list[str]:
    """The pieces of a streamed answer."""

    async def read() -> list[str]:
        events = Runner.run_streamed(agent(wire), ASK).stream_events()
        data = [e.data async for e in events if e.type == "raw_response_event"]
        return [d.delta for d in data if d.type == "response.output_text.delta"]

    return asyncio.run(read())


run(
    answer=lambda wire: Runner.run_sync(agent(wire), ASK).final_output,
    tools=lambda wire: Runner.run_sync(agent(wire, tools=[function_tool(tide)]), ASK).final_output,
    stream=streamed,
    structure=lambda wire: Runner.run_sync(agent(wire, output_type=Tide), ASK).final_output,
)
