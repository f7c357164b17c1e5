"""What rows demand of streams: their order, their end, the pieces of tool calls and of reasoning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .looks import ContradictionError, Look, otherwise, short
from .wire import MISSING, Seen, UntoldError, value_at

__all__ = [
    "arguments_join",
    "counts_once",
    "each_is_json",
    "ends_with_done",
    "event_order",
    "finish_comes_last",
    "first_piece_names",
    "indexes",
    "no_finish_before",
    "piece",
    "roles",
    "same_everywhere",
    "usage_place",
]


def deltas(seen: Seen) -> Iterator[dict[str, Any]]:
    """The deltas of the first choice."""
    for event in seen.events:
        delta = value_at(event, "choices.0.delta")
        if isinstance(delta, dict):
            yield delta


def each_is_json(seen: Seen) -> str:
    """Every ``data:`` line is one JSON object, or ``[DONE]``."""
    for number, event in enumerate(seen.events):
        if not isinstance(event, dict):
            raise ContradictionError(f"data line {number} is no JSON object: {short(seen.data[number])}")
    if not seen.events:
        raise ContradictionError("there is no data: line")
    return f"{len(seen.events)} events"


def ends_with_done(seen: Seen) -> str:
    """``data: [DONE]`` is the last line, and comes once."""
    if not seen.data or seen.data[-1] != "[DONE]" or seen.data.count("[DONE]") != 1:
        raise otherwise("the last data line", "[DONE]", seen.data[-1] if seen.data else MISSING)
    return "[DONE]"


def same_everywhere(place: str) -> Look:
    """The same value on every event that has it."""

    def look(seen: Seen) -> str:
        values = [value_at(event, place) for event in seen.events]
        found = [value for value in values if value is not MISSING]
        if not found:
            raise ContradictionError(f"no event has {place}")
        if any(value != found[0] for value in found):
            raise ContradictionError(f"{place} changes from {short(found[0])} to {short(found[-1])}")
        return short(found[0])

    return look


def roles(seen: Seen) -> str:
    """``assistant`` on the first delta, and on every one where the gateway was seen."""
    said = [delta.get("role") for delta in deltas(seen)]
    if not said or said[0] != "assistant" or any(role not in ("assistant", None) for role in said):
        raise otherwise("the first delta's role", "assistant", said[0] if said else MISSING)
    return f"on {sum(role == 'assistant' for role in said)} of {len(said)} deltas"


def _finishes(seen: Seen) -> list[tuple[int, Any]]:
    reasons = [value_at(event, "choices.0.finish_reason") for event in seen.events]
    return [(number, reason) for number, reason in enumerate(reasons) if reason not in (MISSING, None)]


def no_finish_before(seen: Seen) -> str:
    """The key ``finish_reason`` is missing, or null, until the end."""
    nulls = sum(value_at(event, "choices.0.finish_reason") is None for event in seen.events)
    if len(_finishes(seen)) != 1:
        raise otherwise("the number of finish reasons", "1", len(_finishes(seen)))
    return f"null on {nulls} events before" if nulls else "missing before"


def finish_comes_last(*reasons: str) -> Look:
    """One of these reasons, after every delta with text or a tool call."""

    def look(seen: Seen) -> str:
        found = _finishes(seen)
        if len(found) != 1 or found[0][1] not in reasons:
            raise otherwise("finish_reason", " or ".join(reasons), found[0][1] if found else MISSING)
        for event in seen.events[found[0][0] + 1 :]:
            delta = value_at(event, "choices.0.delta")
            if isinstance(delta, dict) and (delta.get("content") or delta.get("tool_calls")):
                raise ContradictionError(f"text or a tool call comes after the finish reason: {short(delta)}")
        return short(found[0][1])

    return look


def usage_place(seen: Seen) -> str:
    """Usage comes on every chunk, growing, or on one last chunk in one of three forms; it says which."""
    having = [(number, event) for number, event in enumerate(seen.events) if isinstance(event.get("usage"), dict)]
    if not having:
        raise ContradictionError("include_usage was asked for, and no event has usage")
    if len(having) > 1:
        tokens = [event["usage"].get("completion_tokens") or 0 for _, event in having]
        if tokens != sorted(tokens):
            raise ContradictionError(f"the completion tokens of the chunks go down: {short(tokens)}")
        return f"on {len(having)} of {len(seen.events)} chunks, cumulative"
    number, event = having[0]
    if number != len(seen.events) - 1:
        raise ContradictionError(f"usage is on chunk {number} of {len(seen.events)}, which is not the last")
    choices = event.get("choices", MISSING)
    return f"on the last chunk, choices: {short(choices)}"


def piece(name: str, *, optional: bool = False) -> Look:
    """Text of this name in at least one delta; where it may be left out, its absence leaves the fact open."""

    def look(seen: Seen) -> str:
        found = [delta[name] for delta in deltas(seen) if name in delta]
        wrong = next((value for value in found if not isinstance(value, str) and value is not None), MISSING)
        if wrong is not MISSING:
            raise otherwise(f"delta.{name}", "text or null", wrong)
        text = "".join(value or "" for value in found)
        if not text and optional:
            raise UntoldError(f"no delta has {name}, and none need have it")
        if not text:
            raise ContradictionError(f"no delta has text in {name}")
        return f"in {len(found)} deltas: {short(text)}"

    return look


def _calls(seen: Seen) -> list[dict[str, Any]]:
    found = [call for delta in deltas(seen) for call in delta.get("tool_calls") or () if isinstance(call, dict)]
    if not found:
        raise UntoldError("the model streamed no tool call")
    return found


def indexes(seen: Seen) -> str:
    """Every piece of a tool call has a numeric index."""
    calls = _calls(seen)
    for call in calls:
        if isinstance(call.get("index"), bool) or not isinstance(call.get("index"), int):
            raise otherwise("delta.tool_calls[].index", "a number", call.get("index", MISSING))
    return f"on {len(calls)} pieces"


def first_piece_names(seen: Seen) -> str:
    """Id and name stand in a call's first piece only."""
    begun: set[Any] = set()
    for call in _calls(seen):
        function = call.get("function") or {}
        known = call.get("index", 0) in begun
        if not known and not (isinstance(function.get("name"), str) and function["name"]):
            raise otherwise("the name in a call's first piece", "text", function.get("name", MISSING))
        if known and (call.get("id") or function.get("name")):
            raise ContradictionError(f"a later piece has an id or a name again: {short(call)}")
        begun.add(call.get("index", 0))
    return f"{len(begun)} calls"


def arguments_join(seen: Seen) -> str:
    """The pieces of a call's arguments join to JSON."""
    parts: dict[Any, str] = {}
    for call in _calls(seen):
        text = (call.get("function") or {}).get("arguments") or ""
        index = call.get("index", 0)
        parts[index] = parts.get(index, "") + text
    for text in parts.values():
        try:
            json.loads(text)
        except ValueError:
            raise otherwise("the joined arguments", "JSON", text) from None
    return short(next(iter(parts.values())))


def event_order(first: str, last: str, *between: str) -> Look:
    """The types of a stream's events: the first, the last, and some that come between, in this order."""

    def look(seen: Seen) -> str:
        types = [value_at(event, "type") for event in seen.events]
        types = [kind for kind in types if kind != "ping"]
        if not types or types[0] != first or types[-1] != last:
            raise otherwise("the first and the last event", f"{first} and {last}", types[:1] + types[-1:])
        at = 0
        for name in between:
            if name not in types[at:]:
                raise ContradictionError(f"no {name} where it belongs; the events are {short(types)}")
            at = types.index(name, at)
        return f"{len(types)} events"

    return look


def counts_once(name: str, *kinds: type) -> Look:
    """A number in the usage that the stream ends with."""

    def look(seen: Seen) -> str:
        value = seen.usage.get(name, MISSING) if isinstance(seen.usage, dict) else MISSING
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise otherwise(f"usage.{name}", "a number", value)
        return short(value)

    return look
