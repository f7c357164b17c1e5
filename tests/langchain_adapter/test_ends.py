"""Ends: what is whole is given, what is not is marked or an error, and the same on every path."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from decimal import Decimal
from typing import Any, TypedDict

import httpx
import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.exceptions import OutputParserException
from langchain_core.load import dumps, load
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolMessage, message_chunk_to_message
from langchain_core.outputs import LLMResult
from pydantic import BaseModel, SecretStr
from tests.support.bodies import USAGE, sse
from tests.support.wire import Wire, answer

from langchain_requesty import ChatRequesty, RequestyError, RequestyMalformedResponseError, RequestyRefusalError
from requesty_core import CostLedger
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
TOOL = {
    "type": "function",
    "function": {
        "name": "delete",
        "parameters": {"type": "object", "properties": {"target": {"type": "string"}, "dry_run": {"type": "boolean"}}},
    },
}
CUSTOM = {"type": "custom", "custom": {"name": "shell"}}


def total(pieces: Iterable[Any]) -> Any:
    whole = None
    for piece in pieces:
        whole = piece if whole is None else whole + piece
    return whole


async def collect(pieces: AsyncIterator[Any]) -> list[Any]:
    return [piece async for piece in pieces]


class Ends(BaseCallbackHandler):
    """Keeps the message that a trace would show at the end."""

    message: Any = None

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        self.message = response.generations[0][0].message  # type: ignore[union-attr]


def traced(llm: Any) -> Any:
    handler = Ends()
    total(llm.stream("go", config={"callbacks": [handler]}))
    return handler.message


def v1_end(llm: Any) -> Any:
    async def run() -> Any:
        events = [event async for event in llm.astream_events("go", version="v2")]
        return next(event["data"]["output"] for event in events if event["event"] == "on_chat_model_end")

    return asyncio.run(run())


def v3(llm: Any) -> Any:
    return llm.stream_events("go", version="v3").output


# path: (constructor, ask)
PATHS: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "invoke": ({}, lambda llm: llm.invoke("go")),
    "ainvoke": ({}, lambda llm: asyncio.run(llm.ainvoke("go"))),
    "batch": ({}, lambda llm: llm.batch(["go"])[0]),
    "stream": ({}, lambda llm: total(llm.stream("go"))),
    "astream": ({}, lambda llm: total(asyncio.run(collect(llm.astream("go"))))),
    "streaming=True": ({"streaming": True}, lambda llm: llm.invoke("go")),
    "streaming=True, async": ({"streaming": True}, lambda llm: asyncio.run(llm.ainvoke("go"))),
    "invoke v1": ({"output_version": "v1"}, lambda llm: llm.invoke("go")),
    "stream v1": ({"output_version": "v1"}, lambda llm: total(llm.stream("go"))),
    "streaming=True v1": ({"output_version": "v1", "streaming": True}, lambda llm: llm.invoke("go")),
    "summed at once": ({}, lambda llm: (pieces := list(llm.stream("go")))[0] + pieces[1:]),
    "as a message": ({}, lambda llm: message_chunk_to_message(total(llm.stream("go")))),
    "trace": ({}, traced),
    "events v2": ({}, v1_end),
    "events v3": ({}, v3),
}

# arguments, finish reason, whole?
CALLS: list[tuple[str, str, dict[str, Any] | None]] = [
    ('{"target": "staging", "dry_run": true}', "tool_calls", {"target": "staging", "dry_run": True}),
    ("", "tool_calls", {}),
    ("null", "tool_calls", {}),
    ("nul", "length", None),
    ("{}", "tool_calls", {}),
    ("{}", "length", None),
    ('{"target": "staging"}', "length", {"target": "staging"}),
    ('{"target": "staging", "dry_run": fal', "length", None),
    ('{"target": "staging", "dry_run": fal', "content_filter", None),
    ('{"target": "staging", "dry_run": fal', "tool_calls", None),
    ('{"target": "stag', "stop", None),
    ('{"target": "staging"', "length", None),
    ('{"target": "staging"}}', "tool_calls", None),
    ("[1]", "tool_calls", None),
    ("", "length", None),
    ("", "content_filter", None),
    ("oops", "tool_calls", None),
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(("arguments", "finish", "args"), CALLS)
def test_a_call_is_whole_or_marked_on_every_path(
    gateway: GatewayEmulator,
    settings: dict[str, Any],
    arguments: str,
    finish: str,
    args: dict[str, Any] | None,
    path: str,
) -> None:
    constructor, ask = PATHS[path]
    gateway.say(
        tool_calls=[
            {"name": "delete", "arguments": '{"target": "a"}', "id": "c0"},
            {"name": "delete", "arguments": arguments, "id": "c1"},
        ],
        finish_reason=finish,
    )
    message = ask(ChatRequesty(model=MODEL, **settings, **constructor).bind_tools([TOOL]))
    valid = [("c0", {"target": "a"})] + ([] if args is None else [("c1", args)])
    assert [(call["id"], call["args"]) for call in message.tool_calls] == valid
    invalid = [(bad["id"], bad["args"] or "") for bad in message.invalid_tool_calls]
    assert invalid == ([] if args is not None else [("c1", arguments)])
    blocks = [block for block in message.content_blocks if "call" in block["type"]]
    assert [(block["type"], block["id"]) for block in blocks] == [
        ("tool_call", "c0"),
        ("tool_call" if args is not None else "invalid_tool_call", "c1"),
    ]


def test_a_whole_message_is_langchains_own_and_survives_serialisation(
    gateway: GatewayEmulator, settings: dict[str, Any]
) -> None:
    llm = ChatRequesty(model=MODEL, **settings).bind_tools([TOOL])
    gateway.say(tool_calls=[{"name": "delete", "arguments": '{"a', "id": "c1"}], finish_reason="length")
    whole = message_chunk_to_message(total(llm.stream("go")))
    assert type(whole) is AIMessage
    again: Any = load(json.loads(dumps(whole)), allowed_objects="all")
    assert (again.tool_calls, again.invalid_tool_calls) == ([], whole.invalid_tool_calls)
    gateway.say(text="hi")
    pieces = list(llm.stream("go"))
    assert all(isinstance(piece, AIMessageChunk) for piece in pieces)
    assert type(load(json.loads(dumps(pieces[0])), allowed_objects="all")) is AIMessageChunk


def test_partial_arguments_are_seen_while_they_arrive(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(tool_calls=[{"name": "delete", "arguments": '{"target": "staging", "dry_run": true}', "id": "c1"}])
    whole: Any = None
    seen = []
    for piece in ChatRequesty(model=MODEL, **settings).bind_tools([TOOL]).stream("go"):
        whole = piece if whole is None else whole + piece
        seen.append(whole.tool_calls[0]["args"] if whole.tool_calls else None)
    assert {"target": "staging"} in seen
    assert seen[-1] == {"target": "staging", "dry_run": True}


# --- custom tools, and what stands beside a call ----------------------------------------------------------------------

SIGNATURE = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
FUNCTION_CALL = {"id": "c1", "type": "function", "function": {"name": "delete", "arguments": "{}"}}
CUSTOM_CALL = {"id": "c2", "type": "custom", "custom": {"name": "shell", "input": 'echo "hi"'}}
MODES = ["invoke", "stream", "invoke v1", "stream v1", "events v3", "streaming=True"]


def ask(wire: Wire, mode: str, messages: Any = "go", **more: Any) -> Any:
    constructor, _ = PATHS[mode]
    llm = ChatRequesty(model=MODEL, api_key=SecretStr("key"), http_client=wire.transport, **constructor, **more)
    bound: Any = llm.bind_tools([TOOL, CUSTOM])
    if mode.startswith("stream v") or mode == "stream":
        return total(bound.stream(messages))
    return bound.stream_events(messages, version="v3").output if mode == "events v3" else bound.invoke(messages)


@pytest.mark.parametrize("mode", MODES)
def test_custom_tools_and_signatures_come_and_go_back_as_they_were(mode: str) -> None:
    calls = [{**FUNCTION_CALL, **SIGNATURE}, CUSTOM_CALL]
    numbered = [{"index": number, **call} for number, call in enumerate(calls)]
    wire = Wire(
        lambda stream: answer({"tool_calls": numbered if stream else calls}, finish="tool_calls")(stream), answer("ok")
    )
    message = ask(wire, mode)
    assert [(call["name"], call["args"], call["id"]) for call in message.tool_calls] == [
        ("delete", {}, "c1"),
        ("shell", {"__arg1": 'echo "hi"'}, "c2"),
    ]
    assert message.response_metadata["finish_reason"] == "tool_calls"
    results = [ToolMessage("done", tool_call_id="c1"), ToolMessage("hi", tool_call_id="c2")]
    ask(wire, mode, [HumanMessage("go"), message, *results])
    sent = wire.body()["messages"][1]
    assert sent["tool_calls"] == calls
    assert not sent.get("content")


@pytest.mark.parametrize("mode", MODES)
def test_a_custom_call_that_was_cut_is_marked_and_goes_back_as_it_came(mode: str) -> None:
    numbered = {**CUSTOM_CALL, "index": 0}
    wire = Wire(answer({"tool_calls": [numbered]}, finish="length"), answer("ok"))
    message = ask(wire, mode)
    assert message.tool_calls == []
    assert [bad["name"] for bad in message.invalid_tool_calls] == ["shell"]
    ask(wire, mode, [HumanMessage("go"), message, ToolMessage("cut", tool_call_id="c2")])
    assert wire.body()["messages"][1]["tool_calls"] == [CUSTOM_CALL]


def test_a_custom_tool_in_the_flat_form_of_responses_is_sent_in_that_of_chat() -> None:
    wire = Wire(answer("ok"), answer("ok"))
    llm = ChatRequesty(model=MODEL, api_key=SecretStr("key"), http_client=wire.transport)
    flat = {"type": "custom", "name": "shell", "description": "Run.", "format": {"type": "text"}}
    llm.bind_tools([flat], tool_choice="shell").invoke("go")
    custom = {"name": "shell", "description": "Run.", "format": {"type": "text"}}
    assert wire.body()["tools"] == [{"type": "custom", "custom": custom}]
    assert wire.body()["tool_choice"] == {"type": "custom", "custom": {"name": "shell"}}
    llm.bind_tools([CUSTOM], tool_choice=True).invoke("go")
    assert wire.body()["tool_choice"] == {"type": "custom", "custom": {"name": "shell"}}


# --- several choices, tiers, unknown keys -----------------------------------------------------------------------------


def two_choices(stream: bool) -> httpx.Response:
    if not stream:
        choices = [
            {"index": n, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            for n, text in enumerate(("one", "two"))
        ]
        return httpx.Response(200, json={"id": "x", "model": "m", "choices": choices, "usage": USAGE})
    pieces = [(0, "o"), (1, "t"), (0, "n"), (1, "w"), (0, "e"), (1, "o")]
    events = [{"id": "x", "model": "m", "choices": [{"index": n, "delta": {"content": text}}]} for n, text in pieces]
    ends = [{"id": "x", "choices": [{"index": n, "delta": {}, "finish_reason": "stop"}]} for n in (0, 1)]
    content = sse(*events, *ends, {"id": "x", "choices": [], "usage": USAGE})
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=content)


@pytest.mark.parametrize("mode", MODES)
def test_choices_that_nobody_asked_for_are_never_mixed(mode: str) -> None:
    message = ask(Wire(two_choices), mode)
    assert message.text == "one"
    if mode not in ("invoke", "invoke v1"):
        assert message.response_metadata["requesty"]["other_choices"] == [{"text": "two", "finish_reason": "stop"}]


@pytest.mark.parametrize("several", [{"n": 2}, {"model_kwargs": {"n": 2}}, {"extra_body": {"n": 2}}])
def test_several_answers_are_asked_for_as_a_whole(several: dict[str, Any]) -> None:
    wire = Wire(two_choices, for_good=True)
    llm = ChatRequesty(model=MODEL, api_key=SecretStr("key"), http_client=wire.transport, streaming=True, **several)
    result = llm.generate([[HumanMessage("go")]])
    assert [generation.text for generation in result.generations[0]] == ["one", "two"]
    with pytest.raises(RequestyError, match=r"^n: a stream gives one answer"):
        list(llm.stream("go"))
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    ("model", "call", "streams"),
    [
        ({"n": 2}, {"n": 1}, True),
        ({"n": 2}, {"n": None}, True),
        ({"n": 1}, {"n": 2}, False),
        ({"model_kwargs": {"n": 2}}, {"n": 1}, True),
        ({"extra_body": {"n": 1}}, {"n": 2}, True),
        ({"extra_body": {"n": 2}}, {"extra_body": {"n": 1}}, True),
        ({"extra_body": {"n": 1}}, {"extra_body": {"n": 2}}, False),
    ],
)
def test_the_call_says_how_many_answers_before_the_model_does(
    model: dict[str, Any], call: dict[str, Any], streams: bool
) -> None:
    wire = Wire(two_choices, for_good=True)
    llm = ChatRequesty(model=MODEL, api_key=SecretStr("key"), http_client=wire.transport, streaming=True, **model)
    llm.generate([[HumanMessage("go")]], **call)
    assert [bool(json.loads(request.content).get("stream")) for request in wire.requests] == [streams]


@pytest.mark.parametrize("mode", MODES)
def test_the_tier_and_unknown_keys_are_in_the_metadata(mode: str) -> None:
    message = ask(Wire(answer({"content": "hi", "mood": {"a": 1}}, service_tier="flex")), mode)
    assert message.response_metadata["service_tier"] == "flex"
    assert message.additional_kwargs["mood"] == {"a": 1}


# Fields that LangChain gives a meaning to, with values of other types.
ODD = [
    {"content": "hi", "tool_calls": {"a": 1}},
    {"content": "hi", "tool_calls": "none"},
    {"content": "hi", "function_call": "none"},
    {"content": "hi", "reasoning_content": {"a": 1}},
    {"content": "hi", "reasoning": "hm", "reasoning_content": {"a": 1}},
    {"content": "hi", "refusal": {"a": 1}},
    {"content": "hi", "annotations": "none"},
    {"content": "hi", "cache_control": 3},
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("body", ODD)
def test_odd_values_neither_break_the_message_nor_vanish(body: dict[str, Any], mode: str) -> None:
    message = ask(Wire(answer(body)), mode)
    assert message.text == "hi"
    key, value = next((k, v) for k, v in body.items() if k not in ("content", "reasoning"))
    kept = {**message.additional_kwargs, **message.response_metadata.get("message_extra", {})}
    assert kept[key] == value


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_that_langchain_cannot_hold_is_a_typed_error_with_the_answer(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise ValueError("no such thing\nsecond line")

    monkeypatch.setattr("langchain_requesty._replies.usage_metadata", broken)
    ledger = CostLedger()
    with pytest.raises(
        RequestyMalformedResponseError, match=r"ValueError: no such thing\); `partial` holds it"
    ) as caught:
        ask(Wire(answer("paid")), mode, ledger=ledger)
    partial = caught.value.partial
    assert partial is not None
    assert partial.text == "paid"
    assert (ledger.total.calls, ledger.total.cost) == (1, Decimal("0.001"))


# --- structured answers -----------------------------------------------------------------------------------------------


class Trip(BaseModel):
    """A trip."""

    city: str
    stops: list[str] = []


class TripDict(TypedDict):
    """A trip."""

    city: str
    stops: list[str]


SCHEMA = {
    "title": "Trip",
    "description": "A trip.",
    "type": "object",
    "properties": {"city": {"type": "string"}, "stops": {"type": "array", "items": {"type": "string"}}},
    "required": ["city"],
}
WHOLE = '{"city": "Oslo", "stops": ["Hamar"]}'
OSLO = {"city": "Oslo", "stops": ["Hamar"]}

# text, finish reason, (what it gives as a class, as plain values); an error where None
ANSWERS: dict[str, tuple[str, str | None, Any]] = {
    "whole": (WHOLE, None, (OSLO, OSLO)),
    "cut by length": (WHOLE[:22], "length", (None, None)),
    "cut by filter": (WHOLE[:22], "content_filter", (None, None)),
    "cut without a word": (WHOLE[:22], "stop", (None, None)),
    "whole, but length": (WHOLE, "length", (None, None)),
    "whole, but filter": (WHOLE, "content_filter", (None, None)),
    "nothing": ("", "content_filter", (None, None)),
    "misfit": ('{"city": 3}', None, (None, {"city": 3})),
    "prose": ("I would rather not.", None, (None, None)),
    "array": ("[1]", None, (None, None)),
    "key twice": ('{"city": "a", "city": "b"}', None, (None, None)),
    "no JSON number": ('{"city": "a", "stops": [NaN]}', None, (None, None)),
    "more after it": (WHOLE + " and", None, (None, None)),
}
SHAPES: dict[str, Any] = {"class": Trip, "schema": SCHEMA, "typed dict": TripDict}
ASKING: dict[str, tuple[dict[str, Any], Callable[[Any], Any]]] = {
    "invoke": ({}, lambda chain: chain.invoke("json")),
    "ainvoke": ({}, lambda chain: asyncio.run(chain.ainvoke("json"))),
    "stream": ({}, lambda chain: list(chain.stream("json"))),
    "astream": ({}, lambda chain: asyncio.run(collect(chain.astream("json")))),
    "streaming=True": ({"streaming": True}, lambda chain: chain.invoke("json")),
    "stream v1": ({"output_version": "v1"}, lambda chain: list(chain.stream("json"))),
    "invoke v1": ({"output_version": "v1"}, lambda chain: chain.invoke("json")),
}


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
@pytest.mark.parametrize(("text", "finish", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_a_structured_answer_is_whole_or_an_error_on_every_path(
    gateway: GatewayEmulator, settings: dict[str, Any], method: Any, text: str, finish: str | None, expected: Any
) -> None:
    for shape, schema in SHAPES.items():
        right = expected[0 if shape == "class" else 1] or ERROR
        for how, (constructor, run) in ASKING.items():
            for include_raw in (False, True):
                gateway.clear()
                if method == "function_calling":
                    gateway.say(tool_calls=[{"name": schema_name(schema), "arguments": text}], finish_reason=finish)
                else:
                    gateway.say(text=text, finish_reason=finish)
                llm = ChatRequesty(model=MODEL, **settings, **constructor)
                chain = llm.with_structured_output(schema, method=method, include_raw=include_raw)
                assert outcome(chain, run, include_raw) == right, (shape, how, include_raw)


def schema_name(schema: Any) -> str:
    return schema.__name__ if isinstance(schema, type) else schema["title"]


ERROR = "an error"


def outcome(chain: Any, run: Callable[[Any], Any], include_raw: bool) -> Any:
    """The object as plain values; :data:`ERROR` for an error, which must be where it belongs."""
    if not include_raw:
        try:
            got = run(chain)
        except OutputParserException as error:
            return ERROR if error.llm_output is not None else error
        return plain(got[-1] if isinstance(got, list) else got)
    got = run(chain)
    told = total(got) if isinstance(got, list) else got
    assert set(told) == {"raw", "parsed", "parsing_error"}
    assert isinstance(told["raw"], AIMessage)
    if told["parsing_error"] is not None:
        assert isinstance(told["parsing_error"], OutputParserException)
        assert told["parsed"] is None
        return ERROR
    return plain(told["parsed"])


def plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value


@pytest.mark.parametrize("include_raw", [False, True])
@pytest.mark.parametrize("mode", ["invoke", "stream"])
def test_a_tool_that_was_not_called_is_an_error_unless_others_were_offered(
    gateway: GatewayEmulator, settings: dict[str, Any], mode: str, include_raw: bool
) -> None:
    llm = ChatRequesty(model=MODEL, **settings)
    run = ASKING[mode][1]
    methods: list[Any] = ["function_calling", "json_schema"]
    for method in methods:
        gateway.say(text="" if method == "json_schema" else "Oslo is nice.")
        chain = llm.with_structured_output(Trip, method=method, include_raw=include_raw)
        assert outcome(chain, run, include_raw) == ERROR
        gateway.say(tool_calls=[{"name": "delete", "arguments": "{}"}])
        chain = llm.with_structured_output(Trip, method=method, include_raw=include_raw, tools=[TOOL])
        got = run(chain)
        if include_raw:
            told = total(got) if isinstance(got, list) else got
            assert (told["parsed"], told["parsing_error"]) == (None, None)
            assert told["raw"].tool_calls[0]["name"] == "delete"
        else:
            assert got in (None, [None])


def test_a_refusal_is_in_its_field_when_streamed(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(refusal="I will not.")
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(Trip, include_raw=True)
    told = total(chain.stream("json"))
    assert told["parsed"] is None
    assert isinstance(told["parsing_error"], RequestyRefusalError)
    assert told["raw"].response_metadata["cost"] >= 0


def test_half_objects_stream_and_the_last_one_is_whole(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(text=WHOLE, pieces=['{"city": "Os', 'lo", "stops": ["Ha', 'mar"]}'])
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(SCHEMA, method="json_schema", include_raw=True)
    pieces: list[Any] = list(chain.stream("json"))
    assert {"city": "Os"} in [piece.get("parsed") for piece in pieces]
    assert total(pieces)["parsed"] == OSLO
