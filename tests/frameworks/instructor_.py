"""Instructor: patched around our client."""

from __future__ import annotations

from typing import Any

import instructor
from harness import ASK, MODEL, Tide, Wire, run

from openai_requesty import RequestyOpenAI

MESSAGES: Any = [{"role": "user", "content": ASK}]


def answer(wire: Wire) -> Any:
    """Text, with no class asked for."""
    client = instructor.from_openai(RequestyOpenAI(**wire.settings))
    made = client.chat.completions.create(model=MODEL, messages=MESSAGES, response_model=None)
    return made.choices[0].message.content


def structured(wire: Wire) -> Any:
    """An object of a class; asked for as a call of a tool."""
    client = instructor.from_openai(RequestyOpenAI(**wire.settings))
    return client.chat.completions.create(model=MODEL, messages=MESSAGES, response_model=Tide)


run(
    answer=answer,
    tools="its answers are objects; a tool is the way they are asked for",
    stream="it streams objects, not text",
    structure_by_tool=structured,
)
