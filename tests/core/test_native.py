"""``/v1/messages``, ``/v1/responses``, images and audio: bytes sent, events as received, usage, errors, fallback."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.support.ways import BASE_URL
from tests.support.wire import Wire, http

from requesty_core import (
    Budget,
    BudgetExceededError,
    ConfigurationError,
    CostLedger,
    ErrorBodyError,
    FallbackExhaustedError,
    MalformedResponseError,
    OverloadedError,
    RateLimitError,
    RequestyError,
    StreamError,
    TruncatedStreamError,
)

MODEL = "anthropic/claude-sonnet-4-5"
MESSAGES = [{"role": "user", "content": "Hi"}]
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "content": [{"type": "text", "text": "Hel"}, {"type": "tool_use", "name": "f"}, {"type": "text", "text": "lo"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 10, "output_tokens": 2, "cache_read_input_tokens": 4, "cost": 0.5},
}
RESPONSE = {
    "id": "resp_1",
    "status": "completed",
    "model": "gpt-4o-mini",
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "content": [{"type": "output_text", "text": "Hello"}, 5]},
        {"type": "message", "content": None},
        "odd",
    ],
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 13,
        "cost": "0.25",
    },
}


def events_of(*events: Any) -> bytes:
    """An event stream in the routes' own style: an ``event:`` line, no ``[DONE]``."""
    out = b""
    for event in events:
        if isinstance(event, bytes):
            out += event
        else:
            out += f"event: {event.get('type')}\ndata: {json.dumps(event)}\n\n".encode()
    return out


def message_events(text: str = "Hello") -> list[dict[str, Any]]:
    start = {k: v for k, v in MESSAGE.items() if k not in ("content", "stop_reason")}
    return [
        {
            "type": "message_start",
            "message": {**start, "content": [], "usage": {"input_tokens": 10, "output_tokens": 1}},
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "ping"},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s1"}},
        {"type": "content_block_stop", "index": 0},
        {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": text[:3]}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": text[3:]}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {"url": "u"}}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "future_delta", "x": 1}},
        {
            "type": "content_block_start",
            "index": 2,
            "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
        },
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
        {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": ": 1}"}},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7, "cost": "0.5"}},
        {"type": "message_stop"},
    ]


def response_events() -> list[dict[str, Any]]:
    return [
        {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}},
        {"type": "response.output_text.delta", "delta": "Hel"},
        {"type": "response.output_text.delta", "delta": "lo"},
        {"type": "response.completed", "response": RESPONSE},
    ]


def stream(content: bytes) -> Any:
    return lambda _: httpx.Response(200, headers={"content-type": "text/event-stream"}, content=content)


ROUTES: list[tuple[str, dict[str, Any], dict[str, Any], list[dict[str, Any]]]] = [
    ("messages", {"max_tokens": 5, "messages": MESSAGES}, MESSAGE, message_events()),
    ("responses", {"input": "Hi"}, RESPONSE, response_events()),
]


def call(way: Any, client: Any, route: str, **params: Any) -> tuple[Any, list[Any]]:
    """The reply of either route in any of the four ways, and the events of a stream."""
    params = {"model": MODEL, **params}
    if not way.streams:
        return way.run(client, lambda c: getattr(c, route)(**params)), []
    if not way.is_async:
        with getattr(client, f"stream_{route}")(**params) as events:
            got = list(events)
        return events.message, got

    async def main() -> tuple[Any, list[Any]]:
        async with getattr(client, f"stream_{route}")(**params) as events:
            got = [e async for e in events]
        return events.message, got

    return asyncio.run(main())


@pytest.mark.parametrize(("route", "fields", "body", "events"), ROUTES, ids=["messages", "responses"])
def test_a_call_as_sent_and_answered(way: Any, route: str, fields: Any, body: Any, events: Any) -> None:
    ledger = CostLedger()
    answer = stream(events_of(*events)) if way.streams else http(200, body, x_requesty_provider="anthropic")
    wire = Wire(answer)
    client = way.client(wire, ledger=ledger, options={"tags": ["t"]})
    reply, got = call(way, client, route, **fields, temperature=0, extra_body={"x": 1}, thinking=None)
    assert str(wire.requests[0].url) == f"{BASE_URL}/{route}"
    sent = {"model": MODEL, **fields, "temperature": 0, "x": 1, "requesty": {"tags": ["t"]}}
    assert wire.body() == {**sent, **({"stream": True} if way.streams else {})}
    assert reply.text == "Hello"
    assert reply.id == body["id"]
    assert (reply.requested_model, reply.served_model) == (MODEL, body["model"])
    assert reply.usage.cost == Decimal(str(body["usage"]["cost"]))
    assert ledger.snapshot().by_tag["t"].cost == reply.usage.cost
    assert [a.outcome for a in reply.attempts] == ["ok"]
    assert reply.provider == (None if way.streams else "anthropic")
    if way.streams:
        assert [e.data for e in got] == events
        assert [e.type for e in got] == [e["type"] for e in events]
        assert reply.attempts[0].time_to_first_token is not None


def test_streamed_messages_are_put_together(streaming: Any) -> None:
    wire = Wire(stream(events_of(*message_events())))
    reply, _ = call(streaming, streaming.client(wire), "messages", max_tokens=5, messages=MESSAGES)
    assert reply.body["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "s1"},
        {"type": "text", "text": "Hello", "citations": [{"url": "u"}]},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
    ]
    assert reply.body["stop_reason"] == "tool_use"
    # The delta's usage is laid over the start's: it need not repeat the input.
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (10, 7)
    assert reply.body["usage"] == {"input_tokens": 10, "output_tokens": 7, "cost": "0.5"}


def test_usage_details_of_responses(unary: Any) -> None:
    reply, _ = call(unary, unary.client(Wire(http(200, RESPONSE))), "responses", input=[{"role": "user"}])
    usage = reply.usage
    assert (usage.input_tokens, usage.cached_tokens, usage.reasoning_tokens, usage.total_tokens) == (9, 3, 1, 13)


ODD_STREAMS: list[tuple[str, list[Any], str]] = [
    (
        "a block that begins with a number",
        [
            {"type": "content_block_start", "content_block": {"type": "text", "text": 5}},
            {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "ok"}},
        ],
        "ok",
    ),
    (
        "a delta without a start",
        [{"type": "content_block_delta", "index": 3, "delta": {"type": "text_delta", "text": "ok"}}],
        "ok",
    ),
    ("a citation without a start", [{"type": "content_block_delta", "delta": {"type": "c", "citation": {"a": 1}}}], ""),
    (
        "arguments that are no JSON",
        [
            {"type": "content_block_start", "content_block": {"type": "tool_use"}},
            {"type": "content_block_delta", "delta": {"type": "input_json_delta", "partial_json": "{oops"}},
        ],
        "",
    ),
    ("no blocks at all", [{"type": "message_start", "message": {"content": [{"type": "text", "text": "ok"}]}}], "ok"),
    ("nothing that is known", [{"type": "future"}], ""),
]


@pytest.mark.parametrize(("what", "events", "text"), ODD_STREAMS, ids=[o[0] for o in ODD_STREAMS])
def test_odd_streams_of_messages(streaming: Any, what: str, events: list[Any], text: str) -> None:
    wire = Wire(stream(events_of(*events, {"type": "message_stop"})))
    reply, got = call(streaming, streaming.client(wire), "messages", max_tokens=1, messages=MESSAGES)
    assert reply.text == text
    assert reply.usage is None
    assert len(got) == len(events) + 1


FAILURES: list[tuple[str, str, Any, type[RequestyError], str]] = [
    ("messages", "no closing event", message_events()[:-1], TruncatedStreamError, "closing event"),
    (
        "messages",
        "an error event",
        [*message_events()[:8], {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}],
        OverloadedError,
        "busy",
    ),
    (
        "messages",
        "an error event without an object",
        [*message_events()[:8], {"type": "error", "message": "odd"}],
        StreamError,
        "odd",
    ),
    (
        "messages",
        "a list for an event",
        [*message_events()[:8], b"data: []\n\n"],
        MalformedResponseError,
        "not an object",
    ),
    (
        "messages",
        "an event without a type",
        [*message_events()[:8], b"data: {}\n\n"],
        MalformedResponseError,
        "no type",
    ),
    ("responses", "no closing event", response_events()[:-1], TruncatedStreamError, "closing event"),
    (
        "responses",
        "a failed answer",
        [
            *response_events()[:3],
            {"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded", "message": "slow"}}},
        ],
        RequestyError,
        "slow",
    ),
    (
        "responses",
        "a failed answer without a word",
        [*response_events()[:3], {"type": "response.failed"}],
        StreamError,
        "the response failed",
    ),
]


@pytest.mark.parametrize(
    ("route", "what", "events", "cls", "words"), FAILURES, ids=[f"{f[0]}-{f[1]}" for f in FAILURES]
)
def test_a_failure_after_the_first_word_carries_what_had_arrived(
    streaming: Any, route: str, what: str, events: Any, cls: type[RequestyError], words: str
) -> None:
    wire = Wire(stream(events_of(*events)))
    fields = ROUTES[0 if route == "messages" else 1][1]
    with pytest.raises(cls) as caught:
        call(streaming, streaming.client(wire, fallbacks=["b/2"]), route, **fields)
    assert words in str(caught.value)
    partial: Any = caught.value.partial
    assert partial.text.startswith("Hel")
    assert [a.outcome for a in caught.value.attempts] == ["error"]


@pytest.mark.parametrize(("route", "fields", "body", "events"), ROUTES, ids=["messages", "responses"])
def test_a_failure_before_the_first_word_is_recovered_unseen(
    way: Any, route: str, fields: Any, body: Any, events: Any
) -> None:
    broken = stream(events_of(events[0], {"type": "error", "error": {"message": "no"}}))
    good = stream(events_of(*events)) if way.streams else http(200, body)
    wire = Wire(broken if way.streams else http(503), good)
    reply, got = call(way, way.client(wire), route, **fields, fallbacks=["b/2"])
    assert wire.models == [MODEL, "b/2"]
    assert reply.requested_model == "b/2"
    assert [a.outcome for a in reply.attempts] == ["error", "ok"]
    assert len(got) == (len(events) if way.streams else 0)


BODIES: list[tuple[Any, type[RequestyError], str]] = [
    ([], MalformedResponseError, "base_url"),
    ({"id": "x"}, MalformedResponseError, "neither 'content' nor 'output'"),
    ({"error": {"type": "rate_limit_error", "message": "slow"}}, RateLimitError, "slow"),
    ({"error": "words"}, ErrorBodyError, "words"),
]


@pytest.mark.parametrize(("body", "cls", "words"), BODIES)
def test_a_200_that_is_no_answer(way: Any, body: Any, cls: type[RequestyError], words: str) -> None:
    with pytest.raises(cls) as caught:
        call(way, way.client(Wire(http(200, body)), max_retries=0), "messages", max_tokens=1, messages=MESSAGES)
    assert words in str(caught.value)


def test_a_failed_response_without_an_error_is_one(unary: Any) -> None:
    wire = Wire(http(200, {**RESPONSE, "status": "failed", "error": None}))
    with pytest.raises(ErrorBodyError, match="failed"):
        call(unary, unary.client(wire, max_retries=0), "responses", input="Hi")


@pytest.mark.parametrize(("route", "fields", "body", "events"), ROUTES, ids=["messages", "responses"])
def test_a_whole_body_in_answer_to_a_stream(streaming: Any, route: str, fields: Any, body: Any, events: Any) -> None:
    reply, got = call(streaming, streaming.client(Wire(http(200, body))), route, **fields)
    assert reply.text == "Hello"
    assert [e.type for e in got] == ["whole"]
    assert got[0].data == body


def test_a_response_given_up_before_any_text_is_partial_all_the_same(streaming: Any) -> None:
    events = [response_events()[0], {"type": "response.output_item.added", "item": {"type": "function_call"}}]
    with pytest.raises(TruncatedStreamError) as caught:
        call(streaming, streaming.client(Wire(stream(events_of(*events))), max_retries=0), "responses", input="Hi")
    partial: Any = caught.value.partial
    assert (partial.id, partial.text) == ("resp_1", "")


def test_text_of_odd_bodies(unary: Any) -> None:
    body = {"id": 5, "output": [{"content": 7}, {"content": [{"type": "output_text", "text": None}]}], "model": ""}
    reply, _ = call(unary, unary.client(Wire(http(200, body))), "responses", input="Hi")
    assert (reply.text, reply.id, reply.served_model, reply.usage) == ("", None, None, None)


def test_native_routes_of_the_emulator(gateway: Any, way: Any) -> None:
    client = way.client(None, base_url=gateway.base_url, api_key=gateway.api_key)
    gateway.say(text="Hello there", times=2)
    reply, _ = call(way, client, "messages", max_tokens=50, messages=MESSAGES)
    assert reply.text == "Hello there"
    assert reply.usage.input_tokens > 0
    reply, _ = call(way, client, "responses", input="Hi")
    assert reply.text == "Hello there"
    assert reply.usage.cost is not None


# --- images and audio -------------------------------------------------------------------------------------------------

IMAGES = {"created": 1, "data": [{"b64_json": "AAAA"}, "odd"], "usage": {"input_tokens": 3, "output_tokens": 4}}


def test_images(unary: Any) -> None:
    wire = Wire(http(200, IMAGES, x_requesty_request_id="r1"))
    ledger = CostLedger()
    client = unary.client(wire, ledger=ledger, fallbacks=["chat/model"])
    reply = unary.run(client, lambda c: c.images.generate(model="openai/gpt-image-1", prompt="a cat", n=2))
    assert str(wire.requests[0].url) == f"{BASE_URL}/images/generations"
    assert wire.body() == {"model": "openai/gpt-image-1", "prompt": "a cat", "n": 2}
    assert reply.data == [{"b64_json": "AAAA"}]
    assert (reply.request_id, reply.usage.output_tokens, reply.usage.cost) == ("r1", 4, None)
    assert (ledger.total.calls, ledger.total.unknown) == (1, 1)


def test_an_image_edit_is_a_form(unary: Any) -> None:
    wire = Wire(http(200, IMAGES), http(200, IMAGES))
    client = unary.client(wire)
    image = ("cat.png", b"\x89PNG", "image/png")
    unary.run(client, lambda c: c.images.edit(model="m/x", prompt="hat", image=image, n=2))
    unary.run(client, lambda c: c.images.edit(model="m/x", prompt="hat", image=image, mask=("m.png", b"M")))
    form = wire.requests[0].content
    assert wire.requests[0].headers["content-type"].startswith("multipart/form-data; boundary=")
    for part in (
        b'name="model"\r\n\r\nm/x',
        b'name="n"\r\n\r\n2',
        b'filename="cat.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG',
    ):
        assert part in form
    assert b'name="mask"; filename="m.png"' in wire.requests[1].content


def test_speech(unary: Any) -> None:
    wire = Wire(http(200, b"ID3...", content_type="audio/mpeg"))
    spoken = unary.run(
        unary.client(wire), lambda c: c.audio.speech(model="openai/tts-1", input="Hi", voice="alloy", speed=2)
    )
    assert str(wire.requests[0].url) == f"{BASE_URL}/audio/speech"
    assert wire.requests[0].headers["accept"] == "*/*"
    assert wire.body() == {"model": "openai/tts-1", "input": "Hi", "voice": "alloy", "speed": 2}
    assert (spoken.content, spoken.media_type) == (b"ID3...", "audio/mpeg")


def test_transcription(unary: Any) -> None:
    body = {"text": "Hi", "usage": {"type": "duration", "seconds": 2}, "segments": [1]}
    wire = Wire(http(503), http(200, body))
    client = unary.client(wire, max_retries=1)
    heard = unary.run(
        client, lambda c: c.audio.transcribe(model="openai/whisper-1", file=("a.mp3", b"snd"), language="en")
    )
    assert str(wire.requests[1].url) == f"{BASE_URL}/audio/transcriptions"
    assert wire.requests[0].content == wire.requests[1].content
    assert b'name="language"\r\n\r\nen' in wire.requests[1].content
    assert (heard.text, heard.raw["segments"], heard.usage.cost) == ("Hi", [1], None)


def ask_images(c: Any) -> Any:
    return c.images.generate(model="m/x", prompt="p")


def ask_speech(c: Any) -> Any:
    return c.audio.speech(model="m/x", input="Hi", voice="v")


def ask_text(c: Any) -> Any:
    return c.audio.transcribe(model="m/x", file=("a.mp3", b"snd"))


MEDIA: list[tuple[str, Any, Any, type[RequestyError], str]] = [
    ("no list", ask_images, (200, {"data": {}}), MalformedResponseError, "no images"),
    ("no object", ask_images, (200, []), MalformedResponseError, "base_url"),
    ("an error", ask_images, (200, {"error": "too rude"}), ErrorBodyError, "too rude"),
    ("a status", ask_images, (429, {"error": {"message": "slow"}}), RateLimitError, "slow"),
    ("no audio", ask_speech, (200, b""), MalformedResponseError, "no audio"),
    ("no text", ask_text, (200, {"text": None}), MalformedResponseError, "no text"),
    ("html", ask_text, (200, "<html>"), MalformedResponseError, "not JSON"),
]


@pytest.mark.parametrize(("what", "ask", "answer", "cls", "words"), MEDIA, ids=[m[0] for m in MEDIA])
def test_media_failures(unary: Any, what: str, ask: Any, answer: Any, cls: Any, words: str) -> None:
    with pytest.raises(cls) as caught:
        unary.run(unary.client(Wire(http(*answer)), max_retries=0), ask)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("body", "cls"), [({"error": {"message": "no voice"}}, ErrorBodyError), ({"ok": 1}, MalformedResponseError)]
)
def test_json_is_no_speech(unary: Any, body: Any, cls: Any) -> None:
    wire = Wire(http(200, body, content_type="application/json"))
    with pytest.raises(cls):
        unary.run(unary.client(wire, max_retries=0), ask_speech)


def test_media_calls_count_against_the_budget_and_may_name_a_chain(unary: Any) -> None:
    with pytest.raises(BudgetExceededError):
        unary.run(unary.client(Wire(), budget=Budget(0)), ask_images)
    wire = Wire(http(503), http(200, IMAGES))
    unary.run(unary.client(wire), lambda c: c.images.generate(model="m/x", prompt="p", fallbacks=["m/y"]))
    assert wire.models == ["m/x", "m/y"]
    wire = Wire(http(503), http(503))
    with pytest.raises(FallbackExhaustedError):
        unary.run(unary.client(wire), lambda c: c.images.generate(model="m/x", prompt="p", fallbacks=["m/y"]))
    with pytest.raises(ConfigurationError, match="file upload names one model"):
        unary.run(unary.client(Wire()), lambda c: c.audio.transcribe(model="m/x", file=("a", b"b"), fallbacks=["m/y"]))


def test_media_of_the_emulator(gateway: Any, unary: Any) -> None:
    client = unary.client(None, base_url=gateway.base_url, api_key=gateway.api_key)
    reply = unary.run(client, lambda c: c.images.generate(model="openai/gpt-image-1", prompt="a cat", n=2))
    assert len(reply.data) == 2
    spoken = unary.run(client, lambda c: c.audio.speech(model="openai/tts-1", input="Hi", voice="alloy"))
    heard = unary.run(
        client, lambda c: c.audio.transcribe(model="openai/whisper-1", file=("a.mp3", spoken.content, "audio/mpeg"))
    )
    assert heard.text
