"""Which of the offered tools a prompt calls for."""

from __future__ import annotations

import re

from requesty_emulator.answers.fit import FITS, NAMED, clauses_of, fits, read, sentences_of
from requesty_emulator.answers.model_request import ModelRequest, Tool
from requesty_emulator.answers.risk import risky

_OUTPUT_TOOL = re.compile(r"final|result|respond|response|output|answer|submit|report", re.I)
_ANSWER_TOOL = re.compile(r"final_?(result|answer|response|output)(_\w+)?", re.I)
_GREETING = re.compile(r"^\W*(?:hello|hi|hey|thanks|thank you|good (?:morning|evening|day))\W*$", re.I)


def choose(request: ModelRequest) -> list[tuple[Tool, str]]:
    """Tools to call, each with the text to take its arguments from; empty for an answer in words."""
    if not request.tools or request.choice == "none":
        return []
    prompt = request.question
    after = [turn for turn in request.since_user() if turn.role == "tool"]
    if request.forced:
        return [(tool, _material(request)) for tool in request.tools if tool.name == request.forced][:1]
    safe = request.tools if request.risky_tools else [tool for tool in request.tools if not risky(tool)]
    if request.choice == "required":
        return [(_required(request, safe or request.tools, {turn.tool for turn in after}), _material(request))]
    if not safe:
        return []
    if request.last.role == "tool":
        called = {turn.tool for turn in after}
        left = [pair for pair in _several(safe, prompt) if pair[0].name not in called]
        return (left if request.parallel else left[:1]) or _answering(request, safe, called)
    if request.last.role != "user" or _GREETING.match(prompt):
        return []
    if request.parallel and (several := _several(safe, prompt)):
        return several
    best = fitting(safe, prompt)
    return _answering(request, safe, set()) if best is None else [(best, prompt)]


def _answering(request: ModelRequest, tools: list[Tool], called: set[str]) -> list[tuple[Tool, str]]:
    """The tool that by its name takes the answer itself, as agents offer it, where the question asks for no other."""
    return [
        (tool, _material(request)) for tool in tools if _ANSWER_TOOL.fullmatch(tool.name) and tool.name not in called
    ][:1]


def fitting(tools: list[Tool], prompt: str) -> Tool | None:
    """The tool that fits best, if one fits at all."""
    ranked = fits(tools, prompt)
    return ranked[0][1] if ranked and ranked[0][0] >= FITS else None


def _material(request: ModelRequest) -> str:
    results = [turn.text for turn in request.since_user() if turn.role == "tool"]
    return "\n".join([request.question, *results])


def _required(request: ModelRequest, tools: list[Tool], called: set[str]) -> Tool:
    """A forced choice: after tool results the one that delivers the result, so that agent loops end."""
    if not called:
        return fits(tools, request.question)[0][1]
    fresh = [tool for tool in tools if tool.name not in called]
    final = [tool for tool in fresh if _OUTPUT_TOOL.search(tool.name) or "final" in tool.description.lower()]
    return fits(final or fresh or tools, request.question)[0][1]


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
