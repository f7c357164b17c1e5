"""Which of the offered tools a prompt calls for."""

from __future__ import annotations

import re

from requesty_emulator.answers.ask import Ask, Tool
from requesty_emulator.answers.fit import FITS, NAMED, clauses_of, fits, read, sentences_of
from requesty_emulator.answers.risk import risky

_OUTPUT_TOOL = re.compile(r"final|result|respond|response|output|answer|submit|report", re.I)
_GREETING = re.compile(r"^\W*(?:hello|hi|hey|thanks|thank you|good (?:morning|evening|day))\W*$", re.I)


def choose(ask: Ask) -> list[tuple[Tool, str]]:
    """Tools to call, each with the text to take its arguments from; empty for an answer in words."""
    if not ask.tools or ask.choice == "none":
        return []
    prompt = ask.question
    after = [turn for turn in ask.since_user() if turn.role == "tool"]
    if ask.forced:
        return [(tool, _material(ask)) for tool in ask.tools if tool.name == ask.forced][:1]
    safe = ask.tools if ask.risky_tools else [tool for tool in ask.tools if not risky(tool)]
    if ask.choice == "required":
        return [(_required(ask, safe or ask.tools, {turn.tool for turn in after}), _material(ask))]
    if not safe:
        return []
    if ask.last.role == "tool":
        called = {turn.tool for turn in after}
        left = [pair for pair in _several(safe, prompt) if pair[0].name not in called]
        return left if ask.parallel else left[:1]
    if ask.last.role != "user" or _GREETING.match(prompt):
        return []
    if ask.parallel and (several := _several(safe, prompt)):
        return several
    best = fitting(safe, prompt)
    return [] if best is None else [(best, prompt)]


def fitting(tools: list[Tool], prompt: str) -> Tool | None:
    """The tool that fits best, if one fits at all."""
    ranked = fits(tools, prompt)
    return ranked[0][1] if ranked and ranked[0][0] >= FITS else None


def _material(ask: Ask) -> str:
    results = [turn.text for turn in ask.since_user() if turn.role == "tool"]
    return "\n".join([ask.question, *results])


def _required(ask: Ask, tools: list[Tool], called: set[str]) -> Tool:
    """A forced choice: after tool results the one that delivers the result, so that agent loops end."""
    if not called:
        return fits(tools, ask.question)[0][1]
    fresh = [tool for tool in tools if tool.name not in called]
    final = [tool for tool in fresh if _OUTPUT_TOOL.search(tool.name) or "final" in tool.description.lower()]
    return fits(final or fresh or tools, ask.question)[0][1]


def _several(tools: list[Tool], prompt: str) -> list[tuple[Tool, str]]:
    """Every tool that a clause of its own plainly asks for, in the order of the clauses; one alone does not count."""
    readers, lines = read(tools), sentences_of(prompt)
    places: dict[str, tuple[int, int, Tool]] = {}
    for number, line in enumerate(lines):
        for reader in readers:
            if reader.score(line) >= NAMED and (found := reader.pattern.search(line)):
                places.setdefault(reader.tool.name, (number, found.start(), reader.tool))
    if len(places) > 1:
        return [(tool, prompt) for _, _, tool in sorted(places.values(), key=lambda place: place[:2])]
    chosen: dict[str, tuple[Tool, str]] = {}
    for clause in clauses_of(prompt):
        points, best = max(((reader.score(clause), reader) for reader in readers), key=lambda pair: pair[0])
        if points >= FITS:
            chosen.setdefault(best.tool.name, (best.tool, clause))
    return list(chosen.values()) if len(chosen) > 1 else []
