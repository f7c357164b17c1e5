"""Tools: every shape of call, and the way back."""

from __future__ import annotations

import json
from typing import Any

from ..model import STREAMS, Ask, Case, scenario

GROUP = "Tools"


def tool(name: str, **properties: str) -> dict[str, Any]:
    """A function tool whose arguments are all required."""
    schema = {
        "type": "object",
        "properties": {key: {"type": kind} for key, kind in properties.items()},
        "required": list(properties),
    }
    return {"type": "function", "function": {"name": name, "description": f"Does {name}.", "parameters": schema}}


WEATHER = tool("weather", city="string")
CLOCK = tool("clock")


def delta(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A raw stream chunk with tool-call pieces."""
    return {
        "id": "rqsty-cmpl-1",
        "object": "chat.completion.chunk",
        "created": 1753000000,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": list(calls)}, **more}],
    }


def piece(
    arguments: str | None, *, index: int | None = None, id: str | None = None, name: str | None = None
) -> dict[str, Any]:
    """One piece of a tool call; what is ``None`` is missing on the wire."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    out: dict[str, Any] = {"function": function}
    if index is not None:
        out["index"] = index
    if id is not None:
        out |= {"id": id, "type": "function"}
    return out


FINISH = {
    "id": "rqsty-cmpl-1",
    "object": "chat.completion.chunk",
    "created": 1753000000,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}],
}


def two_cities(case: Case, *chunks: dict[str, Any]) -> None:
    """The chunks, read as calls of the weather in Oslo and in Bergen."""
    case.gw.say(chunks=[*chunks, FINISH])
    got = case.ask(Ask(tools=[WEATHER]))
    assert [(c.name, c.arguments) for c in got.calls] == [
        ("weather", {"city": "Oslo"}),
        ("weather", {"city": "Bergen"}),
    ]
    ids = [c.id for c in got.calls]
    assert all(ids)
    assert len(set(ids)) == 2
    assert got.finish_reason == "tool_calls"


@scenario(GROUP, "one call, with the declaration as given")
def one_call(case: Case) -> None:
    got = case.ask(Ask(messages=[{"role": "user", "content": "What is the weather in Oslo?"}], tools=[WEATHER]))
    (call,) = got.calls
    assert call.name == "weather"
    assert isinstance(call.arguments, dict)
    assert got.finish_reason == "tool_calls"
    (sent,) = case.body["tools"]
    assert sent["function"]["name"] == "weather"
    assert sent["function"]["parameters"]["properties"]["city"]["type"] == "string"


@scenario(GROUP, "two parallel calls after a text")
def parallel(case: Case) -> None:
    case.gw.say(
        text="Let me look.",
        tool_calls=[
            {"name": "weather", "arguments": {"city": "Oslo"}, "id": "a"},
            {"name": "weather", "arguments": {"city": "Bergen"}, "id": "b"},
        ],
    )
    got = case.ask(Ask(tools=[WEATHER]))
    assert got.text == "Let me look."
    assert [(c.arguments["city"], c.id) for c in got.calls] == [("Oslo", "a"), ("Bergen", "b")]


@scenario(GROUP, "two calls in one chunk", modes=STREAMS)
def same_chunk(case: Case) -> None:
    two_cities(
        case,
        delta(
            piece('{"city": "Oslo"}', index=0, id="a", name="weather"),
            piece('{"city": "Bergen"}', index=1, id="b", name="weather"),
        ),
    )


@scenario(GROUP, "interleaved pieces of two calls", modes=STREAMS)
def interleaved(case: Case) -> None:
    two_cities(
        case,
        delta(piece("", index=0, id="a", name="weather")),
        delta(piece("", index=1, id="b", name="weather")),
        delta(piece('{"city": ', index=0)),
        delta(piece('{"city": ', index=1)),
        delta(piece('"Oslo"}', index=0), piece('"Bergen"}', index=1)),
    )


@scenario(GROUP, "calls without an index", modes=STREAMS)
def index_less(case: Case) -> None:
    two_cities(
        case,
        delta(piece('{"city": ', id="a", name="weather")),
        delta(piece('"Oslo"}')),
        delta(piece('{"city": "Bergen"}', id="b", name="weather")),
    )


@scenario(GROUP, "id and name repeated on every piece", modes=STREAMS)
def repeated(case: Case) -> None:
    two_cities(
        case,
        delta(piece('{"city": ', index=0, id="a", name="weather")),
        delta(piece('"Oslo"}', index=0, id="a", name="weather")),
        delta(piece('{"city": ', index=1, id="b", name="weather")),
        delta(piece('"Bergen"}', index=1, id="b", name="weather")),
    )


@scenario(GROUP, "no arguments at all")
def no_arguments(case: Case) -> None:
    case.gw.say(tool_calls=[{"name": "clock", "arguments": "", "id": "a"}])
    (call,) = case.ask(Ask(tools=[CLOCK])).calls
    assert call.arguments in ({}, "")


@scenario(GROUP, "arguments that are not JSON are handed over, not lost", needs="invalid arguments")
def invalid_arguments(case: Case) -> None:
    case.gw.say(tool_calls=[{"name": "weather", "arguments": "city: Oslo", "id": "a"}])
    (call,) = case.ask(Ask(tools=[WEATHER])).calls
    assert call.name == "weather"
    assert "Oslo" in str(call.arguments)


@scenario(GROUP, "a forced tool")
def forced(case: Case) -> None:
    got = case.ask(Ask(tools=[WEATHER, CLOCK], tool_choice="clock"))
    assert case.body["tool_choice"] == {"type": "function", "function": {"name": "clock"}}
    assert [c.name for c in got.calls] == ["clock"]


@scenario(GROUP, "some tool is required")
def required(case: Case) -> None:
    got = case.ask(Ask(tools=[CLOCK], tool_choice="required"))
    assert case.body["tool_choice"] == "required"
    assert got.calls


@scenario(GROUP, "tools offered but none wanted", needs="tool_choice none")
def none_wanted(case: Case) -> None:
    got = case.ask(Ask(tools=[WEATHER], tool_choice="none"))
    assert case.body["tool_choice"] == "none"
    assert got.text
    assert not got.calls


def loop(result: Any) -> list[dict[str, Any]]:
    """A conversation in the middle of a tool loop."""
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    return [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "a", "content": result},
    ]


@scenario(GROUP, "the result goes back under its id")
def result(case: Case) -> None:
    got = case.ask(Ask(messages=loop("Sunny, 21 degrees"), tools=[WEATHER]))
    asked, answered = case.body["messages"][-2:]
    assert asked["tool_calls"][0]["id"] == answered["tool_call_id"] == "a"
    assert json.loads(asked["tool_calls"][0]["function"]["arguments"]) == {"city": "Oslo"}
    assert "Sunny, 21 degrees" in json.dumps(answered["content"])
    assert "21" in got.text


@scenario(GROUP, "an image in a tool result is kept", needs="image in tool result")
def image_result(case: Case) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    case.gw.say(text="A chart.")
    case.ask(Ask(messages=loop([{"type": "text", "text": "a chart"}, image]), tools=[WEATHER]))
    assert "data:image/png;base64,iVBORw0KGgo=" in json.dumps(case.body["messages"])


@scenario(GROUP, "arguments in 2,000 pieces", modes=STREAMS)
def long_arguments(case: Case) -> None:
    chunks = [delta(piece('{"city": "', index=0, id="a", name="weather"))]
    chunks += [delta(piece("ab", index=0))] * 2000
    case.gw.say(chunks=[*chunks, delta(piece('"}', index=0)), FINISH])
    (call,) = case.ask(Ask(tools=[WEATHER])).calls
    assert call.arguments == {"city": "ab" * 2000}


@scenario(GROUP, "null arguments are no arguments")
def null_arguments(case: Case) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "clock", "arguments": None}}
    if case.mode.streams:
        case.gw.say(chunks=[delta({"index": 0, **call}), FINISH])
    else:
        choice = {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "tool_calls": [call]}}
        case.gw.say(body={"id": "rqsty-cmpl-1", "object": "chat.completion", "choices": [choice]})
    got = case.ask(Ask(tools=[CLOCK]))
    assert [(made.name, made.arguments) for made in got.calls] == [("clock", {})]


@scenario(GROUP, "web searches the provider ran by itself are no calls of the user's tools")
def server_side(case: Case) -> None:
    case.gw.say(
        text="It rained.",
        tool_calls=[{"name": "web_search", "arguments": {"query": "weather"}, "id": "srvtoolu_1"}],
    )
    got = case.ask(Ask(tools=[WEATHER]))
    assert got.text == "It rained."
    assert got.calls == []
    assert got.finish_reason == "stop"
