"""A request's bytes: options, layers of headers and the body."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.ways import BASE_URL, KEY, MESSAGES, MODEL
from tests.support.wire import Wire, answer, http

from requesty_core import (
    ConfigurationError,
    RequestyOptions,
    analytics_headers,
)
from requesty_core.settings.options import merge_headers


def test_options_merge_key_by_key() -> None:
    base = RequestyOptions(auto_cache=True, tags=["a"], user_id="u", extra={"x": 1, "y": 1})
    merged = base.merged({"tags": ["b"], "trace_id": "t", "extra": {"y": 2}})
    assert merged.to_body() == {
        "auto_cache": True,
        "tags": ["b"],
        "user_id": "u",
        "trace_id": "t",
        "extra": {"x": 1, "y": 2},
    }
    assert base.merged(None) is base
    assert base.merged(RequestyOptions(auto_cache=False)).to_body()["auto_cache"] is False
    assert RequestyOptions().to_body() == {}
    assert RequestyOptions(tags=[], extra={}).to_body() == {"tags": []}


def test_analytics_headers() -> None:
    assert analytics_headers(team="search", ai_agent="bot") == {
        "X-Requesty-Team": "search",
        "X-Requesty-Ai-Agent": "bot",
    }
    assert analytics_headers(team="") == {}
    with pytest.raises(
        ConfigurationError, match=r"^analytics_headers: the value of 'X-Requesty-Team' contains a line break"
    ):
        analytics_headers(team="a\nb")


names = st.sampled_from(["A", "a", "B-c", "b-C"])


@given(st.lists(st.dictionaries(names, st.text("xyz", min_size=1)), max_size=4))
def test_later_headers_win_whatever_their_case(layers: list[dict[str, str]]) -> None:
    merged = merge_headers(*layers)
    lower = {name.lower(): value for layer in layers for name, value in layer.items()}
    assert {name.lower(): value for name, value in merged.items()} == lower
    assert len(merged) == len(lower)


def test_header_layers_of_a_request(way: Any) -> None:
    wire = Wire(answer(), answer())
    client = way.client(
        wire, extra_headers={"X-Requesty-Team": "a", "user-agent": "mine", "X-Empty": "", "X-Pad": " p "}
    )
    way.ask(client)
    headers = wire.requests[0].headers
    assert headers["x-requesty-team"] == "a"
    assert headers["user-agent"] == "mine"
    assert headers.get_list("user-agent") == ["mine"]
    assert headers["x-pad"] == "p"
    assert "x-empty" not in headers
    way.ask(client, extra_headers={"x-requesty-team": "b", "accept": "x/y"})
    assert wire.requests[1].headers.get_list("x-requesty-team") == ["b"]
    assert wire.requests[1].headers.get_list("accept") == ["x/y"]


def test_the_request_as_sent(way: Any) -> None:
    wire = Wire(answer())
    way(wire)
    request = wire.requests[0]
    assert (request.method, str(request.url)) == ("POST", f"{BASE_URL}/chat/completions")
    messages = b'"messages":[{"role":"user","content":"Hi"}]'
    tail = b',"stream":true,"stream_options":{"include_usage":true}' if way.streams else b""
    assert request.content == b'{"model":"openai/gpt-4o-mini",' + messages + tail + b"}"
    assert dict(request.headers) == {
        "host": "gateway.test",
        "accept": "text/event-stream" if way.streams else "application/json",
        "accept-encoding": "identity" if way.streams else "gzip, deflate",
        "content-type": "application/json",
        "content-length": str(len(request.content)),
        "user-agent": request.headers["user-agent"],
        "authorization": f"Bearer {KEY}",
    }
    assert request.headers["user-agent"].startswith("requesty-adapters/")


TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
BODIES: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    # settings of the client, parameters of the call, what the body then has beside model and messages
    ({}, {"temperature": 0, "top_p": None, "seed": 0, "stop": []}, {"temperature": 0, "seed": 0, "stop": []}),
    ({}, {"never_heard_of": {"a": [1]}}, {"never_heard_of": {"a": [1]}}),
    ({}, {"tools": [TOOL], "tool_choice": "auto"}, {"tools": [TOOL], "tool_choice": "auto"}),
    ({}, {"tools": [], "tool_choice": "auto", "parallel_tool_calls": True}, {}),
    ({}, {"tools": None}, {}),
    ({}, {"reasoning_effort": "none"}, {"reasoning_effort": "none"}),
    ({"options": {"auto_cache": True}}, {}, {"requesty": {"auto_cache": True}}),
    ({"options": {"tags": ["a"]}}, {"options": {"trace_id": "t"}}, {"requesty": {"tags": ["a"], "trace_id": "t"}}),
    ({"options": {"tags": ["a"]}}, {"options": RequestyOptions(tags=["b"])}, {"requesty": {"tags": ["b"]}}),
    (
        {"options": {"auto_cache": True, "user_id": "u"}},
        {"requesty": {"user_id": "v", "future": 1}},
        {"requesty": {"auto_cache": True, "user_id": "v", "future": 1}},
    ),
    (
        {"options": {"user_id": "u"}, "extra_body": {"a": 1}},
        {"requesty": {"trace_id": "t"}},
        {"a": 1, "requesty": {"user_id": "u", "trace_id": "t"}},
    ),
    (
        {"options": {"user_id": "u"}},
        {"requesty": {"trace_id": "t"}, "extra_body": {"requesty": {"trace_id": "x", "future": 1}}},
        {"requesty": {"user_id": "u", "trace_id": "x", "future": 1}},
    ),
    ({}, {"requesty": {}}, {}),
    ({"extra_body": {"a": 1, "b": 1}}, {"extra_body": {"b": 2}, "a": 0}, {"a": 1, "b": 2}),
    ({"extra_body": {"top_k": None}}, {}, {"top_k": None}),
    ({"extra_body": {"model": "sneaky"}}, {}, {}),
    ({"extra_body": {"requesty": {"trace_id": "t"}}}, {}, {"requesty": {"trace_id": "t"}}),
    ({}, {"stream": True}, {}),
]


@pytest.mark.parametrize(("settings", "params", "expected"), BODIES)
def test_bodies(way: Any, settings: dict[str, Any], params: dict[str, Any], expected: dict[str, Any]) -> None:
    wire = Wire(answer())
    before = copy.deepcopy((settings, params))
    way(wire, settings, **params)
    body = wire.body()
    assert body.pop("model") == MODEL
    assert body.pop("messages") == MESSAGES
    if way.streams:
        assert body.pop("stream") is True
        assert body.pop("stream_options") == {"include_usage": True}
    assert body == expected
    assert (settings, params) == before, "what the caller gave is not changed"


def test_stream_options_are_the_callers_to_change_and_not_sent_without_a_stream(way: Any) -> None:
    wire = Wire(answer(), answer())
    way(wire, stream_options={"include_usage": False})
    way(wire, stream_options={"x": 1})
    expected = [{"include_usage": False}, {"include_usage": True, "x": 1}] if way.streams else [None, None]
    assert [json.loads(r.content).get("stream_options") for r in wire.requests] == expected


def test_the_legacy_functions_field_declares_tools_too(way: Any) -> None:
    call = {"content": None, "function_call": {"name": "f", "arguments": "{}"}}
    reply = way(Wire(answer(call, finish="function_call")), functions=[{"name": "f"}, "?"])
    assert [c.name for c in reply.tool_calls] == ["f"]


@pytest.mark.parametrize(
    "tools", [["?"], [{}], [{"function": None}], [{"function": {"name": 5}}], [{"type": "web_search"}]]
)
def test_odd_tools_are_sent_as_given(way: Any, tools: list[Any]) -> None:
    wire = Wire(answer())
    way(wire, tools=tools)
    assert wire.body()["tools"] == tools


def test_each_step_of_a_chain_sends_its_own_model_and_nothing_else_differs(way: Any) -> None:
    wire = Wire(http(503), http(503), answer())
    chain = {"fallbacks": ["policy/mine", "coding/claude-4-sonnet:high@eu"], "adapt": "never"}
    way(wire, chain, model="a/1", temperature=0.5)
    assert wire.models == ["a/1", "policy/mine", "coding/claude-4-sonnet:high@eu"]
    bodies = [wire.body(i) for i in range(3)]
    assert all({**b, "model": ""} == {**bodies[0], "model": ""} for b in bodies)
