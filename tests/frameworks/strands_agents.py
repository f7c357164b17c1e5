"""Strands Agents: its OpenAI model over our asynchronous client."""

from __future__ import annotations

import asyncio
from typing import Any

from harness import ASK, MODEL, Tide, Wire, run, tide
from strands import Agent, tool
from strands.models.openai import OpenAIModel

from openai_requesty import AsyncRequestyOpenAI


def agent(wire: Wire, **more: Any) -> Agent:
    """An agent on the gateway."""
    model = OpenAIModel(client=AsyncRequestyOpenAI(**wire.settings), model_id=MODEL)
    return Agent(model=model, callback_handler=None, **more)


def streamed(wire: Wire) -> list[str]:
    """The pieces of a streamed answer."""

    async def read() -> list[str]:
        return [event["data"] async for event in agent(wire).stream_async(ASK) if "data" in event]

    return asyncio.run(read())


run(
    answer=lambda wire: agent(wire)(ASK),
    tools=lambda wire: agent(wire, tools=[tool(tide)])(ASK),
    stream=streamed,
    structure_by_tool=lambda wire: agent(wire)(ASK, structured_output_model=Tide).structured_output,
)
