"""CrewAI: its OpenAI model with our client in the place of its own."""

from __future__ import annotations

from typing import Any

from crewai import LLM, Agent, Crew, Task
from crewai.tools import tool
from harness import ASK, MODEL, Tide, Wire, run
from harness import tide as tide_at

from openai_requesty import RequestyOpenAI


def model(wire: Wire) -> Any:
    """A model on the gateway: its own client is exchanged, as it takes one HTTP client for both modes only."""
    llm: Any = LLM(model=MODEL, provider="openai", api_key="not used", base_url=wire.gateway.base_url)
    llm._client = RequestyOpenAI(**wire.settings)
    return llm


@tool("tide")
def tide(place: str) -> str:
    """The tide at a place."""
    return tide_at(place)


def crew(wire: Wire) -> Any:
    """One agent with one task and a tool."""
    agent = Agent(role="Sailor", goal="Know the sea", backstory="Old", llm=model(wire), tools=[tide])
    task = Task(description=ASK, expected_output="a height", agent=agent)
    return Crew(agents=[agent], tasks=[task], tracing=False).kickoff().raw


run(
    answer=lambda wire: model(wire).call(ASK),
    tools=crew,
    stream="it hands out streams through its event bus only",
    structure=lambda wire: model(wire).call(ASK, response_model=Tide),
)
