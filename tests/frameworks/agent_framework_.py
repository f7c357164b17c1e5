"""Microsoft Agent Framework: its OpenAI chat client over our asynchronous client."""

from __future__ import annotations

import asyncio
from typing import Any

from agent_framework import Agent
from agent_framework.openai import OpenAIChatCompletionClient
from harness import ASK, MODEL, Tide, Wire, run, tide

from openai_requesty import AsyncRequestyOpenAI


def agent(wire: Wire, **more: Any) -> Any:
    """An agent on the gateway."""
    client = OpenAIChatCompletionClient(model=MODEL, async_client=AsyncRequestyOpenAI(**wire.settings))
    return Agent(client=client, instructions="You know the sea.", **more)


def ask(wire: Wire, *, options: Any = None, **more: Any) -> Any:
    """An answer."""

    async def run_it() -> Any:
        return await agent(wire, **more).run(ASK, options=options)

    return asyncio.run(run_it())


def streamed(wire: Wire) -> list[str]:
    """The pieces of a streamed answer."""

    async def read() -> list[str]:
        return [update.text async for update in agent(wire).run(ASK, stream=True) if update.text]

    return asyncio.run(read())


run(
    answer=lambda wire: ask(wire).text,
    tools=lambda wire: ask(wire, tools=[tide]).text,
    stream=streamed,
    structure=lambda wire: ask(wire, options={"response_format": Tide}).value,
)
