"""Answers in the Thought/Action/Observation form for agents that describe their tools in the prompt."""

from __future__ import annotations

import json
import re

from requesty_emulator.answers.choose import fitting
from requesty_emulator.answers.model_request import ModelRequest, Tool
from requesty_emulator.answers.retrieve import answer
from requesty_emulator.answers.risk import fill_call, risky

_TOOL = re.compile(r"Tool Name:\s*(\S+)\s*\n\s*Tool Description:\s*(.*?)\n\s*Tool Args:\s*(\{.*\})", re.S)
#: Characters of one tool's description in a prompt.
_LONGEST = 8_000
_OBSERVATION = re.compile(r"^\s*Observation:\s*(.*)", re.S)


def react_reply(request: ModelRequest) -> str | None:
    """The next step of a prompt-described tool loop, or ``None`` when the prompt describes none."""
    prompt = "\n".join(turn.text for turn in request.turns if turn.role == "system")
    if "Action Input:" not in prompt:
        return None
    seen = _OBSERVATION.match(request.last.text)
    if seen:
        return (
            "Thought: I can answer without using any more tools. I'll use the user's language to answer\n"
            f"Answer: {seen.group(1).strip()}"
        )
    tools = _tools(prompt)
    if not tools:
        return None
    safe = tools if request.risky_tools else [tool for tool in tools if not risky(tool)]
    best = fitting(safe, request.question)
    if best is None:
        return f"Thought: I can answer without using any tools.\nAnswer: {answer(request.turns)}"
    arguments = json.dumps(fill_call(best, request.question, request.risky_tools), ensure_ascii=False)
    return (
        "Thought: The current language of the user is: English. I need to use a tool to help me answer the question.\n"
        f"Action: {best.name}\nAction Input: {arguments}"
    )


def _tools(prompt: str) -> list[Tool]:
    tools = []
    for block in re.split(r"(?=Tool Name:)", prompt):
        match = _TOOL.search(block[:_LONGEST])
        if not match:
            continue
        try:
            schema, _ = json.JSONDecoder().raw_decode(match.group(3))
        except (ValueError, RecursionError):
            continue
        tools.append(Tool(match.group(1), match.group(2).strip(), schema))
    return tools
