"""Agno: its OpenAI model over our client."""

from __future__ import annotations

from typing import Any

from agno.agent import Agent
from agno.models.openai import OpenAIChat
from harness import ASK, MODEL, Tide, Wire, run, tide

from openai_requesty import RequestyOpenAI


def agent(wire: Wire, **more: Any) -> Agent:
    """An agent on the gateway."""
    model = OpenAIChat(id=MODEL, client=RequestyOpenAI(**wire.settings))
    return Agent(model=model, telemetry=False, **more)


run(
    answer=lambda wire: agent(wire).run(ASK).content,
    tools=lambda wire: agent(wire, tools=[tide]).run(ASK).content,
    stream=lambda wire: [e.content for e in agent(wire).run(ASK, stream=True) if getattr(e, "content", None)],
    structure=lambda wire: agent(wire, output_schema=Tide).run(ASK).content,
)
