"""Semantic Kernel: its chat completion service over our asynchronous client."""

from __future__ import annotations

import asyncio
from typing import Any

from harness import ASK, MODEL, Tide, Wire, run
from harness import tide as tide_at
from semantic_kernel.agents import ChatCompletionAgent
from semantic_kernel.connectors.ai.open_ai import OpenAIChatCompletion, OpenAIChatPromptExecutionSettings
from semantic_kernel.functions import KernelArguments, kernel_function

from openai_requesty import AsyncRequestyOpenAI


class Sea:
    """A plugin."""

    @kernel_function(name="tide", description="The tide at a place.")
    def tide(self, place: str) -> str:
        """The tide at a place."""
        return tide_at(place)


def agent(wire: Wire, **more: Any) -> ChatCompletionAgent:
    """An agent on the gateway."""
    service = OpenAIChatCompletion(ai_model_id=MODEL, async_client=AsyncRequestyOpenAI(**wire.settings))
    return ChatCompletionAgent(service=service, name="Sea", instructions="You know the sea.", **more)


def ask(wire: Wire, **more: Any) -> str:
    """The text of an answer."""
    return str(asyncio.run(agent(wire, **more).get_response(messages=ASK)).message)


def streamed(wire: Wire) -> list[str]:
    """The pieces of a streamed answer."""

    async def read() -> list[str]:
        return [str(r.message) async for r in agent(wire).invoke_stream(messages=ASK) if str(r.message)]

    return asyncio.run(read())


def structured(wire: Wire) -> Tide:
    """An object of a class."""
    settings = OpenAIChatPromptExecutionSettings(response_format=Tide)
    return Tide.model_validate_json(ask(wire, arguments=KernelArguments(settings=settings)))


def tools(wire: Wire) -> str:
    """The emulator's script names the tool as the kernel does, with its plugin."""
    wire.gateway.reset()
    wire.gateway.say(tool_calls=[{"name": "Sea-tide", "arguments": {"place": "Oslo"}, "id": "call_1"}])
    wire.gateway.say(text="Three metres.")
    return ask(wire, plugins=[Sea()])


run(answer=ask, tools=tools, stream=streamed, structure=structured)
