"""The gateway contract's unknowns (section 21), row by row."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest
from tests.support.bodies import chunk, completion, sse
from tests.support.wire import Wire, answer, http, pieces, router_error

from requesty_core import (
    BadRequestError,
    ErrorBodyError,
    RequestyOptions,
    ServerError,
)


@pytest.mark.parametrize("headers", [{}, {"retry-after": "soon"}, {"x-ratelimit-remaining": "0"}])
def test_21_01_retry_after_and_limits_may_never_come(way: Any, headers: Any) -> None:
    wire = Wire(
        http(429, {"error": {"message": "x"}}, **{k.replace("-", "_"): v for k, v in headers.items()}),
        pieces(b": keep-alive\n\n", answer("ok")(True).content) if way.streams else answer("ok"),
    )
    assert way(wire, {"max_retries": 1}).text == "ok"


@pytest.mark.parametrize("headers", [{}, {"x-requesty-provider": "azure"}, {"x-requesty-latency-ms": "soon"}])
def test_21_02_any_of_the_gateways_headers_may_be_missing(way: Any, headers: Any) -> None:
    reply = way(Wire(answer(headers=headers)))
    assert reply.provider == headers.get("x-requesty-provider")
    assert reply.request_id is None


def test_21_03_to_05_only_what_the_caller_set_is_sent_and_all_of_it(way: Any) -> None:
    wire = Wire(answer(), answer())
    way(wire)
    always = {"model", "messages", "stream", "stream_options"} if way.streams else {"model", "messages"}
    assert wire.body().keys() == always
    params = {"models": ["a/b"], "include_reasoning": True, "top_k": 5, "user": "u", "field_of_the_future": {"x": 1}}
    way(wire, **params, options={"user_id": "v"})
    assert wire.body().keys() == always | params.keys() | {"requesty"}


@pytest.mark.parametrize("usage", [None, {}, {"cost": 1}, {"prompt_tokens": None}, {"prompt_tokens": "7"}, "odd", 5])
def test_21_06_usage_may_be_anything(way: Any, usage: Any) -> None:
    reply = way(Wire(answer("Hello", usage=usage)))
    assert reply.text == "Hello"
    assert (reply.usage is None) == (not isinstance(usage, dict))


@pytest.mark.parametrize(
    "change",
    [
        {"id": None}, {"created": None}, {"created": "today"}, {"model": None}, {"object": None}, {"extra": {"x": 1}},
    ],
)  # fmt: skip
def test_21_07_heads_may_miss_anything(way: Any, change: Any) -> None:
    def scripted(stream: bool) -> Any:
        if stream:
            chunks = [chunk({"content": "Hello"}, **change), chunk(finish="stop", **change)]
            return http(200, sse(*chunks))(stream)
        return http(200, completion({"content": "Hello"}, **change))(stream)

    assert way(Wire(scripted)).text == "Hello"


def test_21_07_a_missing_or_unknown_finish_reason(way: Any) -> None:
    def scripted(reason: str | None) -> Any:
        def render(stream: bool) -> Any:
            if stream:
                return http(200, sse(chunk({"content": "Hi"}), chunk(finish=reason)))(stream)
            return http(200, completion({"content": "Hi"}, finish=reason))(stream)

        return render

    assert way(Wire(scripted(None))).text == "Hi"
    reply = way(Wire(scripted("bored")))
    assert (reply.finish_reason, reply.message.raw_finish_reason) == ("bored", "bored")


def piece(arguments: Any, **more: Any) -> dict[str, Any]:
    return {"index": 0, "id": "a", **more, "function": {"name": "f", "arguments": arguments}}


CALLS: list[tuple[str, list[dict[str, Any]], list[tuple[str, str]]]] = [
    ("no indexes", [piece("{}", index=None), piece("[]", index=None, id="b")], [("f", "{}"), ("f", "[]")]),
    ("equal indexes", [piece("1"), piece("2", id="b")], [("f", "1"), ("f", "2")]),
    ("an object", [piece({"x": 1})], [("f", '{"x":1}')]),
    ("no JSON", [piece("{oops")], [("f", "{oops")]),
    ("no id", [piece("{}", id=None)], [("f", "{}")]),
]


@pytest.mark.parametrize(("what", "calls", "expected"), CALLS, ids=[c[0] for c in CALLS])
def test_21_08_tool_calls_of_every_form(way: Any, what: str, calls: Any, expected: Any) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    reply = way(Wire(answer({"content": None, "tool_calls": calls}, finish="tool_calls")), tools=tools)
    assert [(c.name, c.arguments.replace(" ", "")) for c in reply.tool_calls] == expected
    assert len({c.id for c in reply.tool_calls}) == len(expected)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": "x", "reasoning_content": "a"}, ("a", None)),
        ({"content": "x", "reasoning_signature": "s"}, ("", "s")),
        ({"content": "x", "reasoning_content": "a", "reasoning_signature": "s"}, ("a", "s")),
    ],
)
def test_21_09_reasoning_with_and_without_signature(way: Any, message: Any, expected: Any) -> None:
    reply = way(Wire(answer(message)))
    assert (reply.reasoning, reply.reasoning_signature) == expected


def test_21_10_citations_of_any_shape_and_searches_nobody_declared(way: Any) -> None:
    citation = {"type": "a_shape_of_the_future", "where": 1}
    search = {"index": 0, "id": "srvtoolu_1", "type": "function", "function": {"name": "web_search", "arguments": "{}"}}
    message = {"content": "x", "annotations": [citation], "tool_calls": [search]}
    reply = way(Wire(answer(message, finish="tool_calls")))
    assert reply.message.annotations == (citation,)
    assert (reply.tool_calls, reply.finish_reason) == ((), "stop")
    assert [c.name for c in reply.message.server_tool_calls] == ["web_search"]


def test_21_11_catalogue_entries_come_and_go(unary: Any) -> None:
    entries = [{"id": "new/x:turbo@moon", "api": "video", "geolocation": "moon"}, {"id": "bare"}]
    wire = Wire(http(200, {"data": entries}), http(404))
    catalog = unary.run(unary.client(wire), lambda c: c.models.catalog())
    assert catalog["new/x:turbo@moon"].geolocation == "moon"
    assert catalog["bare"].input_price is None


def test_21_12_prompt_and_answer_may_have_been_changed_on_the_way(way: Any) -> None:
    usage = {"prompt_tokens": 5000, "completion_tokens": 1, "cost": 1}
    reply = way(Wire(answer("[SSN REDACTED]", usage=usage)))
    assert (reply.text, reply.usage.input_tokens) == ("[SSN REDACTED]", 5000)


def test_21_13_is_section_13(way: Any) -> None:
    for body in (b"<html>", b"\xff", b"", b"null"):
        with pytest.raises(ServerError):
            way(Wire(http(502, body)), {"max_retries": 0})
    with pytest.raises(ErrorBodyError):
        way(Wire(http(200, {"error": "x"})), {"max_retries": 0})


def test_21_14_a_conversation_keeps_its_trace(way: Any) -> None:
    wire = Wire(answer(model="a"), answer(model="b"))
    client = way.client(wire, options=RequestyOptions.conversation(tags=["t"]))
    served = [way.ask(client, model="policy/mine").served_model for _ in range(2)]
    assert served == ["a", "b"], "the policy may switch all the same"
    assert wire.body(0)["requesty"]["trace_id"] == wire.body(1)["requesty"]["trace_id"]
    assert RequestyOptions.conversation().trace_id != RequestyOptions.conversation().trace_id


def test_21_15_embedding_limits_are_the_callers_to_set(unary: Any) -> None:
    packed = base64.b64encode(struct.pack("<2f", 1, 2)).decode()
    one = http(200, {"data": [{"embedding": packed}]})
    wire = Wire(one, one, router_error(400, "dimensions not supported", "provider"))
    client = unary.client(wire)
    reply = unary.run(client, lambda c: c.embeddings(model="cohere/any-id", input=["a", "b"], batch_size=1))
    assert reply.vectors == [[1.0, 2.0]] * 2
    assert "dimensions" not in wire.body(0)
    with pytest.raises(BadRequestError, match="dimensions"):
        unary.run(client, lambda c: c.embeddings(model="cohere/any-id", input="a", dimensions=3))


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"OK", b'{"ok": true}'])
def test_21_16_bodies_of_writes_are_not_read(unary: Any, body: bytes) -> None:
    wire = Wire(http(202, body), http(202, body))
    client = unary.client(wire)
    assert unary.run(client, lambda c: c.feedback.send("id", rating=1))
    unary.run(client, lambda c: c.management.keys.delete("k"))


@pytest.mark.parametrize("region", ["us", "ap"])
def test_21_17_regions_and_their_hosts_can_be_set(unary: Any, region: str) -> None:
    wire = Wire(http(200, {"keys": []}))
    client = unary.client(wire, base_url=None, region=region, management_url="https://manage.test")
    assert client.base_url == f"https://router.{region}.requesty.ai/v1"
    unary.run(client, lambda c: c.management.keys.list())
    assert wire.requests[0].url.host == "manage.test"


def test_21_is_complete() -> None:
    numbers = {int(name[8:10]) for name in globals() if name.startswith("test_21_") and name[8:10].isdigit()}
    assert numbers | {4, 5} == set(range(1, 18))
