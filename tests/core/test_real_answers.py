"""What real services send, as public reports and their documentation show it, streamed and complete."""

from __future__ import annotations

import json
from typing import Any

import pytest

from requesty_core import ChatReply, MalformedResponseError, StreamEvent
from requesty_core.adapters import read_arguments, read_call
from requesty_core.replies.accumulate import Accumulator, read_completion
from requesty_core.wire.json import decode_json, encode_json

TOOLS = frozenset({"f", "g", "grep"})


def complete(message: Any, finish: Any = "stop", **fields: Any) -> ChatReply:
    choice = {"index": 0, "finish_reason": finish, "message": message}
    return read_completion({"id": "x", "model": "m", "choices": [choice], **fields}, "a/b", TOOLS)


def streamed(*deltas: Any, finish: Any = "stop", **fields: Any) -> tuple[ChatReply, list[StreamEvent]]:
    accumulator = Accumulator("a/b", TOOLS)
    events: list[StreamEvent] = []
    for delta in deltas:
        events += accumulator.feed({"id": "x", "model": "m", "choices": [{"index": 0, "delta": delta}]})
    events += accumulator.feed({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **fields})
    reply = accumulator.finish(done=True)
    return reply, events + accumulator.end_events(reply)


def call(name: str = "f", arguments: Any = '{"a":1}', **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **fields}


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
EMPTY_CALL = {"name": "", "arguments": ""}
PNG = "iVBORw0KGgo="
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}

# message (also sent as one delta), what the reply must say
MESSAGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "legacy call with nothing in it (Go)": ({"content": "ok", "function_call": EMPTY_CALL}, {"text": "ok"}),
    "call with nothing in it (Go)": (
        {"content": "ok", "tool_calls": [{"index": 0, "id": "", "type": "", "function": EMPTY_CALL}]},
        {"text": "ok"},
    ),
    "empty strings everywhere": ({"content": "ok", "reasoning": "", "refusal": ""}, {"text": "ok", "refusal": None}),
    "legacy call": ({"content": None, "function_call": {"name": "f", "arguments": "{}"}}, {"calls": [("f", "{}")]}),
    "legacy call repeated beside the new one": (
        {"tool_calls": [call()], "function_call": {"name": "f", "arguments": '{"a":1}'}},
        {"calls": [("f", '{"a":1}')]},
    ),
    "two calls with one id": (
        {"tool_calls": [call(id="w", index=0), call(arguments='{"a":2}', id="w", index=1)]},
        {"calls": [("f", '{"a":1}'), ("f", '{"a":2}')]},
    ),
    "two calls with one id and no index": (
        {"tool_calls": [call(id="w"), call(arguments='{"a":2}', id="w")]},
        {"calls": [("f", '{"a":1}'), ("f", '{"a":2}')]},
    ),
    "two calls without id and index": (
        {"tool_calls": [call(), call(arguments='{"a":2}')]},
        {"calls": [("f", '{"a":1}'), ("f", '{"a":2}')]},
    ),
    "custom tool": (
        {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "grep", "input": "x{"}}]},
        {"calls": [("grep", "x{")], "types": ["custom"]},
    ),
    "thinking with a list inside (Mistral)": (
        {"content": [THINKING, {"type": "text", "text": "ok"}]},
        {"text": "ok", "reasoning": "hm"},
    ),
    "thinking with text and signature (Anthropic)": (
        {"content": [{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "ok"}]},
        {"text": "ok", "reasoning": "hm", "reasoning_signature": "s"},
    ),
    "reasoning with a summary (OpenAI)": (
        {"content": [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}]},
        {"reasoning": "hm"},
    ),
    "refusal as a part": ({"content": [{"type": "refusal", "refusal": "No."}]}, {"refusal": "No."}),
    "one part without a list": ({"content": {"type": "text", "text": "ok"}}, {"text": "ok"}),
    "text as an object": ({"content": [{"type": "output_text", "text": {"value": "ok"}}]}, {"text": "ok"}),
    "image as base64": ({"images": [PNG]}, {"images": (IMAGE,)}),
    "image as URL": ({"images": IMAGE["image_url"]["url"]}, {"images": (IMAGE,)}),  # type: ignore[index]
    "image with a plain image_url": (
        {"images": [{"type": "image_url", "image_url": "https://x.test/i.png"}]},
        {"images": ({"type": "image_url", "image_url": {"url": "https://x.test/i.png"}},)},
    ),
    "image as b64_json": ({"images": [{"b64_json": PNG}]}, {"images": (IMAGE,)}),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_message(name: str) -> None:
    message, expected = MESSAGES[name]
    for reply in (complete(message), streamed(message)[0]):
        expect = {"text": "", "reasoning": "", "refusal": None, "images": (), **expected}
        calls, types = expect.pop("calls", []), expect.pop("types", None)
        assert {key: getattr(reply.message, key) for key in expect} == expect
        assert [(c.name, c.arguments) for c in reply.tool_calls] == calls
        assert types is None or [c.type for c in reply.tool_calls] == types
        assert len({c.id for c in reply.tool_calls if not c.id.startswith("w")}) <= len(calls)


@pytest.mark.parametrize(
    ("parts", "calls"),
    [
        # One id for every call (Kimi, Gemini's compatible endpoint): the index tells them apart.
        ([call(id="w", index=0), call("f", '{"a":2}', id="w", index=1)], ['{"a":1}', '{"a":2}']),
        # One id, no index: a whole call is not added to.
        ([call(id="w"), call("f", '{"a":2}', id="w")], ['{"a":1}', '{"a":2}']),
        # Id and name on every part of one call.
        ([call("f", '{"a"', id="w", index=0), call("f", ":1}", id="w", index=0)], ['{"a":1}']),
        # Braces inside: not whole before its end.
        ([call("f", '{"a":{}', id="w", index=0), call("f", "}", id="w", index=0)], ['{"a":{}}']),
        # A placeholder before the arguments.
        ([call("f", "{}", id="w", index=0), {"index": 0, "function": {"arguments": '{"a":1}'}}], ['{"a":1}']),
        # No arguments but the empty object.
        ([call("f", "{}", id="w", index=0)], ["{}"]),
        # An index as text.
        ([call("f", '{"a"', id="w", index="0"), {"index": "0", "function": {"arguments": ":1}"}}], ['{"a":1}']),
        # An object instead of text, and null.
        ([call("f", {"a": 1}, id="w", index=0)], ['{"a":1}']),
        ([call("f", None, id="w", index=0)], [""]),
    ],
)
def test_calls_in_parts(parts: list[dict[str, Any]], calls: list[str]) -> None:
    reply, events = streamed(*({"tool_calls": [part]} for part in parts))
    assert [c.arguments for c in reply.tool_calls] == calls
    told: dict[int, str] = {}
    for event in events:
        if hasattr(event, "arguments"):
            told[event.index] = told.get(event.index, "") + event.arguments
    assert list(told.values()) == calls


def test_unknown_fields_of_a_call_are_kept_and_sent_back() -> None:
    signature = {"google": {"thought_signature": "c2ln"}}
    for reply in (
        complete({"tool_calls": [call(id="c", extra_content=signature)]}),
        streamed(
            {"tool_calls": [call("f", "", id="c", index=0)]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"a":1}'}, "extra_content": signature}]},
        )[0],
    ):
        assert reply.tool_calls[0].to_wire() == call(id="c", extra_content=signature)


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ("", {}),
        (" ", {}),
        ("{}", {}),
        ('{"a":1}', {"a": 1}),
        ('{"a":1', None),
        ("[1]", None),
        ("{} {}", None),
        ("NaN", None),
    ],
)
def test_arguments_are_read_strictly(arguments: str, value: dict[str, Any] | None) -> None:
    assert complete({"tool_calls": [call(arguments=arguments, id="c")]}).tool_calls[0].parsed() == value


@pytest.mark.parametrize(
    ("word", "normal"),
    [
        ("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("RECITATION", "content_filter"),
        ("Length", "length"), ("end_turn", "stop"), ("tool_use", "tool_calls"), ("refusal", "content_filter"),
        ("model_length", "length"), ("content-filter", "content_filter"), ("odd", "odd"),
    ],
)  # fmt: skip
def test_finish_words(word: str, normal: str) -> None:
    for reply in (complete({"content": "x"}, word), streamed({"content": "x"}, finish=word)[0]):
        assert (reply.finish_reason, reply.message.raw_finish_reason) == (normal, word)


@pytest.mark.parametrize("message", [None, {}])
def test_a_choice_without_a_message_is_no_answer(message: Any) -> None:
    with pytest.raises(MalformedResponseError, match="no message") as caught:
        complete(message, usage={"prompt_tokens": 5, "cost": 0.1})
    assert caught.value.partial is not None
    assert caught.value.partial.usage is not None
    with pytest.raises(MalformedResponseError, match="no message"):
        read_completion({"choices": [{"index": 0, "finish_reason": "stop"}]}, "a/b")
    filtered = complete(message, "content_filter")
    assert (filtered.text, filtered.finish_reason) == ("", "content_filter")


def test_a_whole_message_in_place_of_a_delta() -> None:
    accumulator = Accumulator("a/b", TOOLS)
    accumulator.feed(
        {"choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]}
    )
    assert accumulator.finish(done=True).text == "ok"


@pytest.mark.parametrize(
    "created", [1769000000, 1769000000.9, "1769000000", 1769000000123, 1769000000123456, 1769000000123456789]
)
def test_moments(created: Any) -> None:
    assert complete({"content": "x"}, created=created).created == 1769000000


@pytest.mark.parametrize("created", ["soon", None, [], True, -(10**30), 10**300])
def test_moments_that_are_none(created: Any) -> None:
    assert complete({"content": "x"}, created=created).created is None


def test_service_tier_is_kept() -> None:
    assert complete({"content": "x"}, service_tier="flex").service_tier == "flex"
    assert streamed({"content": "x"}, service_tier="flex")[0].service_tier == "flex"


@pytest.mark.parametrize("error", [{}, {"message": "", "code": 0}, ""])
def test_an_error_field_of_zero_values_beside_an_answer_is_none(error: Any) -> None:
    assert complete({"content": "x"}, error=error).text == "x"


def test_halves_of_characters_find_each_other() -> None:
    for key, field in (("content", "text"), ("reasoning_content", "reasoning")):
        reply, events = streamed({key: "a\ud83d"}, {key: "\ude00b"})
        assert getattr(reply, field) == "a\U0001f600b"
        assert "".join(getattr(e, "text", "") for e in events) == "a\U0001f600b"
    reply, _ = streamed(
        {"tool_calls": [call("f", '{"a":"\ud83d', id="c", index=0)]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '\ude00"}'}}]},
    )
    assert reply.tool_calls[0].parsed() == {"a": "\U0001f600"}


def test_a_half_without_its_other_is_delivered_at_the_end_as_it_came() -> None:
    reply, events = streamed({"content": "a\ud83d"})
    assert reply.text == "a\ud83d"
    assert "".join(getattr(e, "text", "") for e in events) == "a\ud83d"
    assert json.loads(encode_json({"content": reply.text})) == {"content": "a\ud83d"}


@pytest.mark.parametrize(
    "data", [b'{"a":"\\ud83d"}', b'\xef\xbb\xbf{"a":"\\ud83d"}', '\ufeff{"a":"\\uD83D"}', bytearray(b'{"a":"\\uD83d"}')]
)
def test_json_with_halves_and_byte_order_mark(data: Any) -> None:
    assert decode_json(data) == {"a": "\ud83d"}


@pytest.mark.parametrize(
    "data", [b'{"a":"\\ud83d"', b'{"a":"\\ud83d","b":NaN}', b"\xef\xbb\xbf", b"\xef\xbb\xbf{", b'["\\ud83d"]]']
)
def test_what_is_no_json_stays_none(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        decode_json(data)


def test_usage_as_text_is_read() -> None:
    usage = complete({"content": "x"}, usage={"prompt_tokens": "5", "completion_tokens": "2", "cost": "0.1"}).usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (5, 2, 7)


@pytest.mark.parametrize("finish", ["length", "content_filter", "MAX_TOKENS"])
@pytest.mark.parametrize("arguments", ["", None, " ", "{}"])
def test_a_call_cut_before_its_arguments_is_no_call_without_arguments(finish: str, arguments: Any) -> None:
    last = {"index": 1, **call("g", arguments, id="2")}
    first = {"index": 0, **call("f", "", id="1")}
    for reply in (
        complete({"tool_calls": [first, last]}, finish),
        streamed({"tool_calls": [first, last]}, finish=finish)[0],
    ):
        assert [(c.name, c.is_cut, c.parsed()) for c in reply.tool_calls] == [("f", False, {}), ("g", True, None)]
    whole = complete({"tool_calls": [call("g", arguments)]}, "tool_calls")
    assert [(c.is_cut, c.parsed()) for c in whole.tool_calls] == [(False, {})]


@pytest.mark.parametrize(
    ("text", "value"),
    [("", {}), (" ", {}), ("null", {}), ('{"a":1}', {"a": 1}), ("[]", None), ("1", None), ('{"a"', None)],
)
def test_arguments_are_read_by_one_rule(text: str, value: Any) -> None:
    made = complete({"tool_calls": [call("f", text)]}).tool_calls[0]
    assert made.parsed() == value
    assert read_call(made)[0] == value
    assert read_arguments(made.arguments)[0] == value


def test_unknown_lists_of_deltas_are_joined() -> None:
    reply, _ = streamed({"content": "a", "reasoning_details": [1]}, {"content": "b", "reasoning_details": [2]})
    assert reply.message.extra == {"reasoning_details": [1, 2]}


def test_the_tier_may_come_before_the_last_chunk() -> None:
    accumulator = Accumulator("a/b", TOOLS)
    accumulator.feed({"choices": [{"index": 0, "delta": {"content": "x"}}], "service_tier": "flex"})
    accumulator.feed({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "service_tier": None})
    accumulator.feed({"choices": [], "usage": {"prompt_tokens": 1}})
    assert accumulator.finish(done=True).service_tier == "flex"
