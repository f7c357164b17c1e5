"""From chunks to one message: tables of what the wire was seen to send, and properties over any split of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.bodies import completion

from requesty_core import (
    AnnotationDelta,
    BadRequestError,
    ChatReply,
    ContextOverflowError,
    EmptyChoicesError,
    ErrorBodyError,
    ImageDelta,
    MalformedResponseError,
    MessageStart,
    OverloadedError,
    RateLimitError,
    ReasoningDelta,
    RefusalDelta,
    RequestyError,
    StreamError,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    TruncatedStreamError,
)
from requesty_core.replies.accumulate import Accumulator, read_completion

F = frozenset({"f", "g"})


def read(
    chunks: Sequence[Any], declared: frozenset[str] | None = F, done: bool = True
) -> tuple[ChatReply, list[StreamEvent]]:
    """The reply of these chunks, after checking that the events say the same as the reply."""
    accumulator = Accumulator("a/b", declared)
    events = [event for chunk in chunks for event in accumulator.feed(chunk)]
    reply = accumulator.finish(done=done)
    events += accumulator.end_events(reply)[:-1]
    check(events, reply)
    return reply, events


def check(events: Sequence[StreamEvent], reply: ChatReply) -> None:
    """A program that only adds up the events arrives at the same message."""
    assert isinstance(events[0], MessageStart)
    for number, message in enumerate(reply.choices):
        mine: list[Any] = [e for e in events if getattr(e, "choice", None) == number]
        assert "".join(e.text for e in mine if isinstance(e, TextDelta)) == message.text
        assert all(e.text for e in mine if isinstance(e, TextDelta))
        assert "".join(e.text for e in mine if isinstance(e, ReasoningDelta)) == message.reasoning
        assert ("".join(e.text for e in mine if isinstance(e, RefusalDelta)) or None) == message.refusal
        assert tuple(e.image for e in mine if isinstance(e, ImageDelta)) == message.images
        assert tuple(e.annotation for e in mine if isinstance(e, AnnotationDelta)) == message.annotations
        signatures = [e.signature for e in mine if isinstance(e, ReasoningDelta) and e.signature is not None]
        assert (signatures[-1] if signatures else None) == message.reasoning_signature
        calls: list[list[Any]] = []
        for e in mine:
            if isinstance(e, ToolCallDelta):
                if e.index == len(calls):
                    assert e.id
                    assert e.name
                    calls.append([e.name, e.arguments, e.id])
                else:
                    assert e.id is None
                    assert e.name is None
                    calls[e.index][1] += e.arguments
        assert [tuple(c) for c in calls] == [(c.name, c.arguments, c.id) for c in message.tool_calls if c.name]


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


def end(reason: str = "stop") -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


# --- properties: any split -------------------------------------------------------------------------------------------

texts = st.lists(st.text(max_size=8), max_size=6)
calls = st.lists(st.tuples(st.sampled_from(["f", "g"]), st.lists(st.text(max_size=6), max_size=5)), max_size=4)


@given(texts, texts, calls, st.randoms(use_true_random=False), st.booleans(), st.booleans(), st.data())
def test_pieces_join_to_the_whole_however_they_are_cut_and_mixed(
    text: list[str],
    reasoning: list[str],
    tools: list[tuple[str, list[str]]],
    random: Any,
    indexed: bool,
    repeat: bool,
    data: st.DataObject,
) -> None:
    spelling = data.draw(st.sampled_from(["reasoning_content", "reasoning"]))
    queues: list[list[dict[str, Any]]] = [[{"content": t} for t in text], [{spelling: r} for r in reasoning]]
    for number, (name, parts) in enumerate(tools):
        pieces: list[dict[str, Any]] = [{"id": f"c{number}", "function": {"name": name, "arguments": ""}}]
        for part in parts:
            function = {"arguments": part, **({"name": name} if repeat else {})}
            # Without an index only the id tells interleaved calls apart.
            pieces.append({"function": function, **({} if indexed and not repeat else {"id": f"c{number}"})})
        if indexed:
            pieces = [{"index": 10 - number, **p} for p in pieces]
        queues.append([{"tool_calls": [p]} for p in pieces])
    deltas: list[dict[str, Any]] = []
    while any(queues):
        deltas.append(random.choice([q for q in queues if q]).pop(0))
    # Neighbours that touch different fields may share a chunk; two calls may share one list.
    merged: list[dict[str, Any]] = []
    for item in deltas:
        if merged and random.random() < 0.4 and not set(merged[-1]) & set(item):
            merged[-1] = {**merged[-1], **item}
        elif merged and random.random() < 0.4 and set(merged[-1]) == set(item) == {"tool_calls"}:
            merged[-1] = {"tool_calls": merged[-1]["tool_calls"] + item["tool_calls"]}
        else:
            merged.append(item)
    reply, _ = read([delta(**d) for d in merged] + [end()])
    assert reply.text == "".join(text)
    assert reply.reasoning == "".join(reasoning)
    got = {c.id: (c.name, c.arguments) for c in reply.tool_calls}
    assert got == {f"c{n}": (name, "".join(parts)) for n, (name, parts) in enumerate(tools)}


@given(st.text(), texts, st.lists(st.tuples(st.sampled_from("fg"), st.text()), max_size=3))
def test_a_whole_body_is_a_stream_of_one_delta(text: str, reasoning: list[str], tools: list[tuple[str, str]]) -> None:
    message = {
        "role": "assistant",
        "content": text,
        "reasoning_content": "".join(reasoning),
        "tool_calls": [
            {"id": f"c{n}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for n, (name, arguments) in enumerate(tools)
        ],
    }
    body = {"id": "x", "model": "m", "created": 5, "choices": [{"index": 0, "finish_reason": "stop"}]}
    body["choices"][0]["message"] = message  # type: ignore[index]
    whole = read_completion(body, "a/b", F)
    streamed, _ = read([{"id": "x", "model": "m", "created": 5, **delta(**message)}, end()])
    assert whole == streamed
    assert len(whole.tool_calls) == len(tools)


@given(st.lists(st.dictionaries(st.sampled_from(["prompt_tokens", "cost"]), st.integers(0, 99)), max_size=6))
def test_the_last_usage_counts_and_none_is_added(usages: list[dict[str, int]]) -> None:
    reply, _ = read([{**delta(content="x"), "usage": u} for u in usages] + [{**end(), "usage": None}])
    if not usages:
        assert reply.usage is None
    else:
        assert reply.usage is not None
        # A usage of zeros only says nothing beside one that was told before.
        last = next((u for u in reversed(usages) if any(u.values())), usages[0])
        assert reply.usage.raw == last
        assert reply.usage.input_tokens == last.get("prompt_tokens", 0)
        cost = last.get("cost")
        assert reply.usage.cost == (None if cost is None else Decimal(cost))


# --- tool calls as seen on the wire -----------------------------------------------------------------------------------


def call(name: str | None = None, arguments: Any = None, **fields: Any) -> dict[str, Any]:
    function = {k: v for k, v in (("name", name), ("arguments", arguments)) if v is not None}
    return {**fields, **({"function": function} if function else {})}


TOOL_CALLS: dict[str, tuple[list[list[dict[str, Any]]], list[tuple[str, str]]]] = {
    "one call in one piece": ([[call("f", "{}", index=0, id="a")]], [("f", "{}")]),
    "one call in pieces": (
        [[call("f", "", index=0, id="a")], [call(None, '{"x":', index=0)], [call(None, "1}", index=0)]],
        [("f", '{"x":1}')],
    ),
    "interleaved by index": (
        [
            [call("f", "{", index=0, id="a")],
            [call("g", "[", index=1, id="b")],
            [call(None, "}", index=0)],
            [call(None, "]", index=1)],
        ],
        [("f", "{}"), ("g", "[]")],
    ),
    "interleaved by id, no index": (
        [[call("f", "{", id="a")], [call("g", "[", id="b")], [call(None, "}", id="a")], [call(None, "]", id="b")]],
        [("f", "{}"), ("g", "[]")],
    ),
    "two in one chunk": (
        [[call("f", "{}", index=0, id="a"), call("g", "[]", index=1, id="b")]],
        [("f", "{}"), ("g", "[]")],
    ),
    "two in one chunk, equal index": (
        [[call("f", "{}", index=0, id="a"), call("f", "[]", index=0, id="b")]],
        [("f", "{}"), ("f", "[]")],
    ),
    "two in one chunk, no index, no id": ([[call("f", "{}"), call("f", "{}")]], [("f", "{}"), ("f", "{}")]),
    "two one after the other, equal index": (
        [
            [call("f", "", index=0, id="a")],
            [call(None, "{}", index=0)],
            [call("g", "", index=0, id="b")],
            [call(None, "[]", index=0)],
        ],
        [("f", "{}"), ("g", "[]")],
    ),
    "two calls of one tool, equal index, no id": (
        [[call("f", "{}", index=0)], [call("f", '{"x":1}', index=0)]],
        [("f", "{}"), ("f", '{"x":1}')],
    ),
    "another name without an id": ([[call("f", "{", index=0)], [call("g", "{}", index=0)]], [("f", "{"), ("g", "{}")]),
    "no index at all": ([[call("f", "", id="a")], [call(None, "{")], [call(None, "}")]], [("f", "{}")]),
    "id and name on every piece": (
        [[call("f", "{", index=0, id="a")], [call("f", "}", index=0, id="a")]],
        [("f", "{}")],
    ),
    "name on every piece, no id": ([[call("f", "{", index=0)], [call("f", "}", index=0)]], [("f", "{}")]),
    "a new id on every piece while the arguments are open": (
        [[call("f", "{", index=0)], [call("f", "}", index=0, id="late")]],
        [("f", "{}")],
    ),
    "id comes late": ([[call("f", "{", index=0)], [call(None, "}", index=0, id="late")]], [("f", "{}")]),
    "name comes late": ([[call(None, "{", index=0, id="a")], [call("f", "}", index=0)]], [("f", "{}")]),
    "nothing but a name": ([[call("f", index=0, id="a")]], [("f", "")]),
    "null arguments": ([[{"index": 0, "id": "a", "function": {"name": "f", "arguments": None}}]], [("f", "")]),
    "arguments as an object": ([[call("f", {"x": [1, "é"]}, index=0, id="a")]], [("f", '{"x":[1,"é"]}')]),
    "empty object": ([[call("f", {}, index=0, id="a")]], [("f", "{}")]),
    "arguments as invalid JSON": ([[call("f", "{oops", index=0, id="a")]], [("f", "{oops")]),
    "a continuation without function": (
        [[call("f", "{}", index=0, id="a")], [{"index": 0, "type": "function"}]],
        [("f", "{}")],
    ),
    "null function": ([[call("f", "{}", index=0, id="a")], [{"index": 0, "function": None}]], [("f", "{}")]),
    "empty id": ([[call("f", "{", index=0, id="")], [call(None, "}", index=0, id="")]], [("f", "{}")]),
    "null id": ([[call("f", "{}", index=0, id=None)]], [("f", "{}")]),
    "index as text": ([[call("f", "{", index="0", id="a")], [call(None, "}", index="0")]], [("f", "{}")]),
    "indexes with gaps": (
        [[call("f", "{}", index=7, id="a")], [call("g", "[]", index=3, id="b")]],
        [("f", "{}"), ("g", "[]")],
    ),
    "back to an earlier id without an index": (
        [[call("f", "{", id="a"), call("g", "[]", id="b")], [call(None, "}", id="a")]],
        [("f", "{}"), ("g", "[]")],
    ),
}


@pytest.mark.parametrize("case", TOOL_CALLS)
def test_tool_calls(case: str) -> None:
    lists, expected = TOOL_CALLS[case]
    reply, events = read([delta(tool_calls=x) for x in lists] + [end("tool_calls")])
    assert [(c.name, c.arguments) for c in reply.tool_calls] == expected
    assert reply.finish_reason == "tool_calls"
    assert all(c.id for c in reply.tool_calls)
    assert len({c.id for c in reply.tool_calls}) == len(expected)
    first = [e for e in events if isinstance(e, ToolCallDelta) and e.name]
    assert [(e.index, e.name) for e in first] == [(n, name) for n, (name, _) in enumerate(expected)]


def test_wire_ids_are_kept_and_missing_ones_made_up() -> None:
    reply, _ = read([delta(tool_calls=[call("f", "{}", id="call_1"), call("g", "{}")]), end()])
    assert reply.tool_calls[0].id == "call_1"
    assert reply.tool_calls[1].id.startswith("call_")


def test_a_call_that_never_gets_a_name_is_not_announced_but_kept() -> None:
    reply, events = read([delta(tool_calls=[call(None, "{}", index=0, id="a")]), end()])
    assert [(c.name, c.arguments) for c in reply.tool_calls] == [("", "{}")]
    assert not [e for e in events if isinstance(e, ToolCallDelta)]


@pytest.mark.parametrize("part", ["message", "delta"])
def test_the_legacy_function_call(part: str) -> None:
    if part == "message":
        message = {"content": None, "function_call": {"name": "f", "arguments": '{"x":1}'}}
        body = {"choices": [{"message": message, "finish_reason": "function_call"}]}
        reply = read_completion(body, "a/b", F)
    else:
        pieces = [{"name": "f", "arguments": ""}, {"arguments": '{"x":'}, {"arguments": "1}"}]
        reply, _ = read([delta(function_call=p) for p in pieces] + [end("function_call")])
    assert [(c.name, c.arguments) for c in reply.tool_calls] == [("f", '{"x":1}')]
    assert (reply.finish_reason, reply.message.raw_finish_reason) == ("tool_calls", "function_call")


SEARCH = call("web_search", '{"query":"x"}', id="srvtoolu_1", index=0)
SERVER_CALLS = [
    # declared tools, calls, visible names, server names, finish reason
    (frozenset(), [SEARCH], [], ["web_search"], "stop"),
    (frozenset({"f"}), [SEARCH], [], ["web_search"], "stop"),
    (frozenset({"f"}), [SEARCH, call("f", "{}", id="a", index=1)], ["f"], ["web_search"], "tool_calls"),
    (frozenset({"web_search"}), [SEARCH], ["web_search"], [], "tool_calls"),
    (frozenset({"f"}), [call("invented", "{}", id="a", index=0)], ["invented"], [], "tool_calls"),
    (frozenset({"f"}), [call("other", "{}", id="srvtoolu_2", index=0)], [], ["other"], "stop"),
    (None, [SEARCH], ["web_search"], [], "tool_calls"),
]


@pytest.mark.parametrize(("declared", "pieces", "visible", "server", "finish"), SERVER_CALLS)
def test_searches_the_provider_ran_itself_are_set_aside(
    declared: frozenset[str] | None,
    pieces: list[dict[str, Any]],
    visible: list[str],
    server: list[str],
    finish: str,
) -> None:
    reply, events = read([delta(tool_calls=pieces), delta(content="Found."), end("tool_calls")], declared)
    assert [c.name for c in reply.tool_calls] == visible
    assert [c.name for c in reply.message.server_tool_calls] == server
    assert reply.finish_reason == finish
    assert reply.text == "Found."
    assert [e.name for e in events if isinstance(e, ToolCallDelta) and e.name] == visible


# --- other fields -----------------------------------------------------------------------------------------------------

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
CITATION = {"type": "url_citation", "url_citation": {"url": "https://x.test", "title": "X"}}

DELTAS: list[tuple[list[dict[str, Any]], dict[str, Any]]] = [
    ([{"content": "a"}, {"content": None}, {"content": "b"}], {"text": "ab"}),
    ([{"content": [{"type": "text", "text": "a"}, {"type": "output_text", "text": "b"}, "c"]}], {"text": "abc"}),
    ([{"content": [IMAGE, {"type": "text", "text": "x"}]}], {"text": "x", "images": (IMAGE,)}),
    ([{"content": [{"type": "audio", "audio": "?"}]}], {"extra": {"content_parts": [{"type": "audio", "audio": "?"}]}}),
    ([{"content": [{"type": "text", "text": None}, {"type": "text"}]}], {"text": ""}),
    ([{"content": []}], {"text": ""}),
    ([{"reasoning_content": "a"}, {"reasoning_content": "b"}], {"reasoning": "ab"}),
    ([{"reasoning": "a"}, {"reasoning": "b"}], {"reasoning": "ab"}),
    ([{"reasoning": "a", "reasoning_content": "a"}], {"reasoning": "a"}),
    ([{"reasoning_content": "", "reasoning": "b"}], {"reasoning": "b"}),
    ([{"reasoning_content": None, "reasoning": "b"}], {"reasoning": "b"}),
    ([{"reasoning_content": "a", "reasoning_signature": "s"}], {"reasoning": "a", "reasoning_signature": "s"}),
    ([{"reasoning_signature": "s1"}, {"reasoning_signature": "s2"}], {"reasoning_signature": "s2"}),
    ([{"reasoning_signature": "s"}, {"reasoning_signature": None}], {"reasoning_signature": "s"}),
    ([{"refusal": "No"}, {"refusal": "."}, {"refusal": ""}], {"refusal": "No."}),
    ([{"images": [IMAGE]}, {"images": [IMAGE]}], {"images": (IMAGE, IMAGE)}),
    ([{"images": ["data:,"]}], {"images": ({"type": "image_url", "image_url": {"url": "data:,"}},), "extra": {}}),
    ([{"images": [7]}], {"images": (), "extra": {"images": [7]}}),
    ([{"annotations": [CITATION]}], {"annotations": (CITATION,)}),
    ([{"annotations": ["https://x.test"]}], {"annotations": (), "extra": {"annotations": ["https://x.test"]}}),
    ([{"web_search": {"content": [{"url": "u"}]}}], {"extra": {"web_search": {"content": [{"url": "u"}]}}}),
    ([{"role": "assistant"}, {}], {"text": "", "extra": {}}),
]


@pytest.mark.parametrize(("deltas", "expected"), DELTAS)
def test_fields_of_a_message(deltas: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    reply, _ = read([delta(**d) for d in deltas] + [end()])
    assert {name: getattr(reply.message, name) for name in expected} == expected


def test_reasoning_comes_before_the_text_of_the_same_delta() -> None:
    _, events = read([delta(content="answer", reasoning_content="thought"), end()])
    assert [type(e) for e in events] == [MessageStart, ReasoningDelta, TextDelta]


def test_log_probabilities_of_a_stream_are_joined() -> None:
    parts: list[Any] = [{"content": [{"token": "a"}]}, None, {"content": [{"token": "b"}], "refusal": None}, {"x": 1}]
    chunks = [{"choices": [{"index": 0, "delta": {"content": "z"}, "logprobs": p}]} for p in parts]
    reply, _ = read([*chunks, end()])
    assert reply.message.logprobs == {"content": [{"token": "a"}, {"token": "b"}], "refusal": None, "x": 1}
    late = [{"choices": [{"delta": {}, "logprobs": {"content": v}}]} for v in (None, [1])]
    assert read([*late, end()])[0].message.logprobs == {"content": [1]}


def test_several_choices_stay_apart_and_in_order() -> None:
    chunks = [
        {"choices": [{"index": 1, "delta": {"content": "B"}}]},
        {"choices": [{"index": 0, "delta": {"content": "A"}}, {"index": 1, "delta": {"content": "b"}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]},
    ]
    reply, _ = read(chunks, done=False)
    assert [(m.text, m.finish_reason) for m in reply.choices] == [("A", "stop"), ("Bb", "length")]
    assert reply.text == "A"
    with pytest.raises(TruncatedStreamError):
        read(chunks[:-1], done=False)


@pytest.mark.parametrize("index", [None, "0", True, 1.0, -1])
def test_an_odd_choice_index_counts_as_the_first(index: Any) -> None:
    assert read([{"choices": [{"index": index, "delta": {"content": "x"}}]}, end()])[0].text == "x"


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("max_tokens", "length"),
        ("max_output_tokens", "length"),
        ("tool_calls", "tool_calls"),
        ("tool_use", "tool_calls"),
        ("function_call", "tool_calls"),
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("eos", "stop"),
        ("content_filter", "content_filter"),
        ("other", "other"),
        ("never seen before", "never seen before"),
    ],
)
def test_finish_reasons(raw: str, normal: str) -> None:
    reply, _ = read([delta(content="x"), end(raw)])
    assert (reply.finish_reason, reply.message.raw_finish_reason) == (normal, raw)


@pytest.mark.parametrize("last", [{"choices": [{"index": 0, "delta": {}}]}, {"choices": []}, {"choices": None}, {}])
def test_usage_in_a_last_chunk_whatever_its_choices(last: dict[str, Any]) -> None:
    reply, _ = read([delta(content="x"), end(), {**last, "usage": {"prompt_tokens": 4, "cost": 0.5}}])
    assert reply.usage is not None
    assert (reply.usage.input_tokens, reply.usage.cost) == (4, Decimal("0.5"))
    assert reply.finish_reason == "stop"


def test_cumulative_usage_on_every_chunk_is_not_summed() -> None:
    usages = [{"completion_tokens": n, "cost": n / 10} for n in (1, 2, 3)]
    reply, _ = read([{**delta(content="x"), "usage": u} for u in usages] + [end()])
    assert reply.usage is not None
    assert (reply.usage.output_tokens, reply.usage.cost) == (3, Decimal("0.3"))


def test_the_head_of_a_reply() -> None:
    top = {
        "id": "rqsty-cmpl-1",
        "model": "gpt",
        "created": 7,
        "system_fingerprint": "fp",
        "service_tier": "flex",
        "odd": 1,
    }
    reply, events = read([{**top, **delta(content="x")}, end()])
    assert (reply.id, reply.served_model, reply.created, reply.system_fingerprint) == ("rqsty-cmpl-1", "gpt", 7, "fp")
    assert (reply.requested_model, dict(reply.extra)) == ("a/b", {"odd": 1})
    assert events[0] == MessageStart("rqsty-cmpl-1", "gpt", 7, "a/b")


@pytest.mark.parametrize(
    ("first", "is_bare"),
    [
        (delta(role="assistant", content=""), True),
        (delta(role="assistant", content="x"), False),
        (delta(), True),
        (end(), False),
        ({"id": "i", "choices": []}, True),
    ],
    ids=["role", "role and text", "nothing", "the end", "no choice"],
)
def test_a_start_that_brought_nothing_else_says_so(first: Any, is_bare: bool) -> None:
    _, events = read([first, delta(content="y"), end()])
    assert isinstance(events[0], MessageStart)
    assert events[0].is_bare is is_bare


@pytest.mark.parametrize("odd", [None, "", [], {}, "soon", 1e300, -1e300, True])
def test_an_odd_head_is_no_failure(odd: Any) -> None:
    reply, _ = read([{"id": odd, "model": odd, "created": odd, "system_fingerprint": odd, **delta(content="x")}, end()])
    assert reply.text == "x"
    assert reply.served_model in (None, "soon")


def test_a_stream_may_end_without_done_or_without_a_reason_but_not_without_both() -> None:
    assert read([delta(content="x"), end()], done=False)[0].text == "x"
    assert read([delta(content="x")], done=True)[0].finish_reason is None
    with pytest.raises(TruncatedStreamError, match=r"without a finish reason and without \[DONE\]") as caught:
        read([delta(content="x")], done=False)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "x"


@pytest.mark.parametrize("chunks", [[], [{}], [{"choices": []}], [{"choices": [], "usage": {"cost": 1}}]])
def test_no_choice_at_all(chunks: list[Any]) -> None:
    with pytest.raises(EmptyChoicesError):
        read(chunks)
    with pytest.raises(TruncatedStreamError):
        read(chunks, done=False)


def test_the_finish_reason_error_is_an_error() -> None:
    with pytest.raises(StreamError, match="finish_reason 'error'") as caught:
        read([delta(content="x"), end("error")])
    assert caught.value.partial is not None
    assert caught.value.partial.text == "x"


# --- errors in bodies -------------------------------------------------------------------------------------------------

ERROR_OBJECTS: list[tuple[Any, type[RequestyError] | None, str]] = [
    # the error, its class (None: the one for its place), a part of the message
    ("boom", None, "boom"),
    ("", None, "without a message"),
    (17, None, "without a message"),
    ({}, None, "without a message"),
    ({"message": None}, None, "without a message"),
    ({"message": {"a": 1}}, None, "'a': 1"),
    ({"origin": "router", "message": "There was a problem with the provider stream"}, None, "provider stream"),
    ({"message": "slow down", "code": 429}, RateLimitError, "slow down"),
    ({"message": "slow down", "code": "429"}, RateLimitError, "slow down"),
    ({"message": "full", "status": 503}, OverloadedError, "full"),
    ({"message": "slow down", "type": "rate_limit_error"}, RateLimitError, "slow down"),
    ({"message": "slow down", "code": "rate_limit_exceeded"}, RateLimitError, "slow down"),
    ({"message": "bad", "type": "invalid_request_error"}, BadRequestError, "bad"),
    ({"message": "too long", "code": "context_length_exceeded"}, ContextOverflowError, "too long"),
    ({"message": "maximum context length", "code": 400}, ContextOverflowError, "maximum context"),
    ({"message": "odd", "code": 200}, None, "odd"),
    ({"message": "odd", "code": True, "type": "unheard of"}, None, "odd"),
]


@pytest.mark.parametrize(("error", "cls", "text"), ERROR_OBJECTS)
@pytest.mark.parametrize("part", ["message", "delta"])
def test_error_objects(error: Any, cls: type[RequestyError] | None, text: str, part: str) -> None:
    chunk = {"error": error}
    with pytest.raises(RequestyError) as caught:
        read_completion(chunk, "a/b") if part == "message" else read([delta(content="Hel"), chunk])
    own = ErrorBodyError if part == "message" else StreamError
    assert type(caught.value) is (cls or own)
    assert text in str(caught.value)
    assert caught.value.body == error
    assert caught.value.requested_model == "a/b"
    assert caught.value.in_stream == (part == "delta")
    if part == "delta":
        assert caught.value.partial is not None
        assert caught.value.partial.text == "Hel"


def test_a_null_error_is_none() -> None:
    assert read([{"error": None, **delta(content="x")}, {"error": None, **end()}])[0].text == "x"


MALFORMED: list[tuple[Any, str]] = [
    ([], "not an object but list"),
    (None, "not an object but NoneType"),
    ("x", "not an object but str"),
    ({"choices": {"0": 1}}, "choices is not a list"),
    ({"choices": "x"}, "choices is not a list"),
    ({"choices": ["x"]}, "a choice is not an object"),
    ({"choices": [{"delta": "x", "message": "x"}]}, "is not an object"),
    ({"choices": [{"delta": {"content": 5}, "message": {"content": 5}}]}, "neither text nor a list of parts but int"),
    ({"choices": [{"delta": {"tool_calls": ["x"]}, "message": {"tool_calls": ["x"]}}]}, "a tool call is not an object"),
]


@pytest.mark.parametrize(("body", "text"), MALFORMED)
def test_malformed_bodies(body: Any, text: str) -> None:
    with pytest.raises(MalformedResponseError, match=text):
        read_completion(body, "a/b")
    with pytest.raises(MalformedResponseError, match=text):
        read([body])


@pytest.mark.parametrize("body", [{}, {"object": "list", "data": []}, {"message": "Hello from a load balancer"}])
def test_json_that_is_no_completion_points_at_the_base_url(body: Any) -> None:
    with pytest.raises(MalformedResponseError, match="not a chat completion; check base_url"):
        read_completion(body, "a/b")


@pytest.mark.parametrize(
    "message",
    [
        {"content": "x", "tool_calls": None, "annotations": None, "images": None, "refusal": None},
        {"content": "x", "tool_calls": {}, "annotations": {}, "images": "?", "refusal": 5, "reasoning_content": 7},
    ],
)
def test_nulls_and_odd_types_of_side_fields_do_not_cost_the_answer(message: Any) -> None:
    reply = read_completion(json.loads(json.dumps(completion(message))), "a/b", F)
    assert reply.text == "x"
    assert reply.tool_calls == ()


ODD_DELTAS: list[Any] = [
    {"content": "a"},
    {"content": ""},
    {"content": None},
    {"content": "half \ud83d"},
    {"content": "\ude00 whole"},
    {"role": "assistant", "content": "b"},
    {"content": ["c"]},
    {"content": [{"type": "text", "text": "d"}]},
    {"content": "e", "refusal": None},
    {"content": "f", "reasoning_content": "g"},
    {"role": "assistant"},
    {},
    None,
    "text",
    7,
]


@pytest.mark.parametrize("finish", [None, "stop", ""])
@pytest.mark.parametrize("logprobs", [None, {"content": [1]}, []])
@pytest.mark.parametrize("index", [0, 1, True, 0.0, "0", None, -1])
def test_the_short_way_for_text_says_what_the_long_one_says(finish: Any, logprobs: Any, index: Any) -> None:
    """A field that nobody knows sends a chunk the long way."""

    def read(delta: Any, more: dict[str, Any]) -> tuple[list[Any], Any]:
        accumulator = Accumulator("m")
        events: list[Any] = []
        choice = {"index": index, "delta": delta, "finish_reason": finish, "logprobs": logprobs}
        start = {"index": 0, "delta": {"content": "start"}}
        try:
            for choices in ([start], [choice], [choice], [start], [choice, choice], [], {"0": choice}):
                events += accumulator.feed({"id": "x", "choices": choices, **more})
        except MalformedResponseError as error:
            events.append(str(error))
        return events, replace(accumulator.finish(done=True), extra={})

    for delta in ODD_DELTAS:
        assert read(delta, {}) == read(delta, {"unknown": 1}), delta
