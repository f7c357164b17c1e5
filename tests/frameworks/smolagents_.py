"""smolagents: its OpenAI model with our client."""

from __future__ import annotations

from typing import Any

from harness import ASK, MODEL, Wire, run
from harness import tide as tide_at
from smolagents import ChatMessage, OpenAIModel, ToolCallingAgent, tool

from openai_requesty import RequestyOpenAI


@tool
def tide(place: str) -> str:
    """The tide at a place.

    Args:
        place: name of the place.
    """
    return tide_at(place)


def model(wire: Wire) -> OpenAIModel:
    """A model on the gateway."""
    return OpenAIModel(model_id=MODEL, client=RequestyOpenAI(**wire.settings))


def question() -> list[Any]:
    """The question as a message."""
    return [ChatMessage(role="user", content=[{"type": "text", "text": ASK}])]


def tools(wire: Wire) -> Any:
    """An agent's answer is a call of its own last tool."""
    wire.gateway.reset()
    for name, arguments in (("tide", {"place": "Oslo"}), ("final_answer", {"answer": "Three metres."})):
        wire.gateway.say(tool_calls=[{"name": name, "arguments": arguments, "id": f"call_{name}"}])
    return ToolCallingAgent(tools=[tide], model=model(wire), verbosity_level=0).run(ASK)


run(
    answer=lambda wire: model(wire).generate(question()).content,
    tools=tools,
    stream=lambda wire: [d.content for d in model(wire).generate_stream(question()) if d.content],
    structure="agents answer in text or values of code",
)
