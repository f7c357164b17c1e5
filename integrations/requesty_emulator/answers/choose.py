"""Which of the offered tools a prompt calls for."""

from __future__ import annotations

import re

from requesty_emulator.answers.ask import Ask, Tool
from requesty_emulator.answers.words import name_terms, terms

_OUTPUT_TOOL = re.compile(r"final|result|respond|response|output|answer|submit|report", re.I)
_CLAUSE = re.compile(r"\band\b|\bthen\b|[,;?.!\n]|\balso\b|\bund\b", re.I)
_GENERIC = frozenset({"get", "fetch", "find", "look", "search", "tool", "function", "call", "run", "current", "data"})
_GREETING = re.compile(r"^\W*(?:hello|hi|hey|thanks|thank you|good (?:morning|evening|day))\W*$", re.I)


def choose(ask: Ask) -> list[tuple[Tool, str]]:
    """Tools to call, each with the text to take its arguments from; empty for an answer in words."""
    if not ask.tools or ask.choice == "none":
        return []
    prompt = ask.question
    after = [turn for turn in ask.since_user() if turn.role == "tool"]
    if ask.forced:
        return [(tool, _material(ask)) for tool in ask.tools if tool.name == ask.forced][:1]
    if ask.choice == "required":
        return [(_required(ask, {turn.tool for turn in after}), _material(ask))]
    if ask.last.role == "tool":
        called = {turn.tool for turn in after}
        left = [pair for pair in _several(ask.tools, prompt) if pair[0].name not in called]
        return left if ask.parallel else left[:1]
    if ask.last.role != "user" or _GREETING.match(prompt):
        return []
    if ask.parallel and (several := _several(ask.tools, prompt)):
        return several
    return [(_best(ask.tools, prompt), prompt)]


def _material(ask: Ask) -> str:
    results = [turn.text for turn in ask.since_user() if turn.role == "tool"]
    return "\n".join([ask.question, *results])


def score(tool: Tool, text: str) -> float:
    """How well a tool fits a text: its name named outright, then shared words of name, description, parameters."""
    lower = text.lower()
    if re.search(rf"(?<![\w]){re.escape(tool.name.lower())}(?![\w])", lower):
        return 100.0 + len(tool.name) / 100
    words = set(terms(text))
    properties = tool.schema.get("properties")
    fields = " ".join(properties) if isinstance(properties, dict) else ""
    in_name = set(name_terms(tool.name)) - _GENERIC
    return (
        3.0 * len(words & in_name)
        + 1.0 * len((words & set(terms(tool.description))) - _GENERIC)
        + 0.5 * len(words & set(name_terms(fields)))
        + (
            0.4
            if re.search(r"\d\s*[-+*/×]\s*\d", text)
            and re.search(r"calc|math|add|sum|arith|multip|comput", _about(tool))
            else 0
        )
    )


def _about(tool: Tool) -> str:
    return f"{tool.name} {tool.description}".lower()


def _best(tools: list[Tool], text: str) -> Tool:
    return max(tools, key=lambda tool: score(tool, text))


def _required(ask: Ask, called: set[str]) -> Tool:
    """A forced choice: after tool results the one that delivers the result, so that agent loops end."""
    if not called:
        return _best(ask.tools, ask.question)
    fresh = [tool for tool in ask.tools if tool.name not in called]
    final = [tool for tool in fresh if _OUTPUT_TOOL.search(tool.name) or "final" in tool.description.lower()]
    return _best(final or fresh or ask.tools, ask.question)


def _several(tools: list[Tool], prompt: str) -> list[tuple[Tool, str]]:
    """Every tool that a clause of its own plainly asks for, in the order of the clauses; one alone does not count."""
    named = [tool for tool in tools if score(tool, prompt) >= 100]
    if len(named) > 1:
        lower = prompt.lower()
        return [(tool, prompt) for tool in sorted(named, key=lambda tool: lower.index(tool.name.lower()))]
    chosen: dict[str, tuple[Tool, str]] = {}
    for clause in _CLAUSE.split(prompt):
        best = _best(tools, clause)
        if score(best, clause) >= 3:
            chosen.setdefault(best.name, (best, clause.strip()))
    return list(chosen.values()) if len(chosen) > 1 else []
