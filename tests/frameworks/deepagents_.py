"""deepagents: our LangChain model handed to ``create_deep_agent``."""

from __future__ import annotations

from typing import Any

from deepagents import create_deep_agent
from harness import ASK, MODEL, Tide, Wire, run, tide

from langchain_requesty import ChatRequesty


def agent(wire: Wire, **more: Any) -> Any:
    """An agent on the gateway."""
    return create_deep_agent(model=ChatRequesty(model=MODEL, **wire.settings), **more)


def ask(wire: Wire, **more: Any) -> Any:
    """The last state of a run."""
    return agent(wire, **more).invoke({"messages": [{"role": "user", "content": ASK}]})


def streamed(wire: Wire) -> list[str]:
    """The pieces of a streamed answer."""
    question = {"messages": [{"role": "user", "content": ASK}]}
    pieces = [part for part, _ in agent(wire).stream(question, stream_mode="messages")]
    return [piece.text for piece in pieces if piece.type == "AIMessageChunk" and piece.text]


run(
    answer=lambda wire: ask(wire)["messages"][-1].content,
    tools=lambda wire: ask(wire, tools=[tide])["messages"][-1].content,
    stream=streamed,
    structure=lambda wire: ask(wire, response_format=Tide)["structured_response"],
)
