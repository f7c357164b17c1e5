"""Mutated bodies: whatever arrives gives a result or a typed error, no other exception, no hang, no growing memory.

The seeds have the shapes of recorded answers (ids, key order, usage on every chunk, both tails of a stream, the native
routes' events, catalogue entries); mutations change values, keys, whole events and single bytes, and cut the body at
random places. ``REQUESTY_FUZZ=100000`` runs that many bodies of each kind, ``REQUESTY_FUZZ_SEED`` other ones.
"""

from __future__ import annotations

import copy
import json
import os
import random
import resource
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from requesty_core import ChatReply, CostLedger, MalformedResponseError, RequestyClient, RequestyError, TextDelta
from requesty_core.adapters import reply_metadata
from requesty_core.catalog.catalog import bundled
from requesty_core.network.sse import MAX_EVENT_BYTES

CASES = int(os.environ.get("REQUESTY_FUZZ", "3000"))
SEED = os.environ.get("REQUESTY_FUZZ_SEED", "1")
SHARDS = 6
MODEL = "vertex/google/gemini-2.5-pro"
MESSAGES = [{"role": "user", "content": "Hi"}]
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {}}}]

# --- seeds ------------------------------------------------------------------------------------------------------------

USAGE = {
    "prompt_tokens": 130,
    "completion_tokens": 10,
    "total_tokens": 1251,
    "prompt_tokens_details": {
        "cached_tokens": 0,
        "caching_tokens": 100,
        "caching_token_details": {"caching_5m_tokens": 100, "caching_1h_tokens": 0},
    },
    "completion_tokens_details": {"reasoning_tokens": 3},
    "cost": 0.0005208,
}
CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
ANNOTATION = {
    "type": "url_citation",
    "tool_use_id": "srvtoolu_1",
    "query": "q",
    "url_citation": {"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 9},
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
ERROR = {"error": {"origin": "provider", "message": "There was a problem with the provider stream", "code": 502}}


def chunk(*deltas: dict[str, Any], usage: Any = None, **choice: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": "rqsty-cmpl-3c1f0c9e-5b0e-4f5a-9f6b-0d6c2b1a7e11",
        "object": "chat.completion.chunk",
        "created": 1753000000,
        "model": "gemini-2.5-pro",
        "choices": [{"index": i, "delta": {"role": "assistant", **d}, **choice} for i, d in enumerate(deltas)],
    }
    if usage is not None:
        body["usage"] = usage
    return body


CHAT_STREAMS: list[list[Any]] = [
    [
        chunk({"content": "Hel"}, usage=USAGE),
        chunk({"content": "lo wörld 🌍"}, usage=USAGE),
        chunk({"content": "."}, usage=USAGE, finish_reason="stop"),
        "[DONE]",
    ],
    [
        chunk({"content": ""}),
        chunk({"reasoning_content": "Let me think", "reasoning_signature": None}),
        chunk({"reasoning_content": "", "reasoning_signature": "c2ln"}),
        chunk({"content": "Hi"}),
        chunk({}, finish_reason="stop"),
        {**chunk(), "choices": [], "usage": USAGE},
        "[DONE]",
    ],
    [
        chunk({"tool_calls": [CALL]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}),
        chunk({"tool_calls": [{"index": 1, "id": "call_2", "function": {"name": "f", "arguments": "{}"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": " 1}"}}]}),
        chunk({}, finish_reason="tool_calls"),
        chunk({}, usage=USAGE),
        "[DONE]",
    ],
    [
        chunk({"content": "A"}, {"content": "B"}),
        chunk({"web_search": {"content": [{"url": "https://a.test", "title": "A"}]}, "annotations": [ANNOTATION]}),
        chunk({"images": [IMAGE], "refusal": "no"}, {}, logprobs={"content": [{"token": "A", "logprob": -1.5}]}),
        chunk({}, {}, finish_reason="length"),
        "[DONE]",
    ],
    [chunk({"content": "Hel"}), ERROR],
    [chunk({"content": "cut off"})],
]
MESSAGE_STREAM: list[Any] = [
    {
        "type": "message_start",
        "message": {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-4-5",
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 4},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "s1"}},
    {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "content_block_delta", "index": 1, "delta": {"type": "citations_delta", "citation": {"url": "u"}}},
    {
        "type": "content_block_start",
        "index": 2,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 2, "delta": {"type": "input_json_delta", "partial_json": '{"a": 1}'}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 7, "cost": "0.5"}},
    {"type": "message_stop"},
]
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "status": "completed",
    "model": "gpt-4o-mini",
    "error": None,
    "output": [
        {"type": "reasoning", "summary": []},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hello"}]},
    ],
    "usage": {
        "input_tokens": 9,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": 13,
        "cost": 0.25,
    },
}
RESPONSE_STREAM: list[Any] = [
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": [], "usage": None}},
    {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}},
    {"type": "response.output_text.delta", "delta": "Hel"},
    {"type": "response.output_text.delta", "delta": "lo"},
    {"type": "response.completed", "response": RESPONSE},
]
STREAMS: list[tuple[str, list[Any]]] = [
    *(("chat", s) for s in CHAT_STREAMS),
    ("messages", MESSAGE_STREAM),
    ("responses", RESPONSE_STREAM),
]


def completion(message: dict[str, Any], finish: str = "stop", **more: Any) -> dict[str, Any]:
    return {
        "id": "rqsty-cmpl-3c1f0c9e",
        "object": "chat.completion",
        "created": 1753000000,
        "model": "gemini-2.5-pro",
        "choices": [
            {"index": 0, "finish_reason": finish, "logprobs": None, "message": {"role": "assistant", **message}}
        ],
        "usage": USAGE,
        **more,
    }


def ask_chat(c: RequestyClient) -> Any:
    return c.chat(model=MODEL, messages=MESSAGES, tools=TOOLS)


def ask_messages(c: RequestyClient) -> Any:
    return c.messages(model=MODEL, max_tokens=9, messages=MESSAGES)


MEMBER = {"id": "u1", "email": "a@b.c", "role": "admin", "monthly_limit": 5, "monthly_spend": 1.5, "active": True}
GROUP = {
    "id": "g1",
    "organization_id": "o1",
    "name": "red",
    "members_count": 1,
    "monthly_spend": 1.5,
    "monthly_limit": 10,
    "created_by": "u1",
    "created_at": "2026-08-07T00:00:00Z",
    "members": [MEMBER],
}
KEY = {
    "id": "k1",
    "name": "ci",
    "monthly_limit": "500",
    "monthly_spend": "12.5",
    "labels": {"a": "b"},
    "permissions": {"manage": "read", "completions": "write"},
    "created_by": {"id": "u1"},
    "group": {"id": "g1"},
}
DAY = {
    "completions_requests": 3,
    "total_requests": 4,
    "spend": "0.25",
    "input_tokens": 10,
    "output_tokens": 5,
    "total_tokens": 15,
    "grouped_data": [{"group_by_values": {"user_id": "ann"}, "total_requests": 1, "spend": "0.1"}],
}
VECTORS = {
    "object": "list",
    "model": "openai/text-embedding-3-small",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
    "data": [
        {"object": "embedding", "index": 1, "embedding": [0.25, -1.5, 3e-9]},
        {"object": "embedding", "index": 0, "embedding": "AACAPwAAAEAAAEBA"},
    ],
}
LIST = {"id": "l1", "name": "safe", "auto_approve": True, "chat": ["a/b"], "embedding": [], "image": None}
CATALOG = {"object": "list", "data": [dict(m.raw) for m in list(bundled().values())[::60]]}

BODIES: list[tuple[Callable[[RequestyClient], Any], Any]] = [
    (
        ask_chat,
        completion({"content": "Hello", "reasoning_content": "hm", "reasoning_signature": "s", "refusal": None}),
    ),
    (
        ask_chat,
        completion({"content": None, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": '{"a": 1}'}}]}),
    ),
    (ask_chat, completion({"content": "Hi", "annotations": [ANNOTATION], "images": [IMAGE]}, system_fingerprint="fp")),
    (ask_chat, completion({"content": "", "function_call": {"name": "f", "arguments": "{}"}}, "function_call")),
    (ask_chat, ERROR),
    (ask_messages, {**MESSAGE_STREAM[0]["message"], "content": [{"type": "text", "text": "Hello"}]}),
    (ask_messages, {"error": {"type": "overloaded_error", "message": "busy"}}),
    (lambda c: c.responses(model=MODEL, input="Hi"), RESPONSE),
    (lambda c: c.embeddings(model="e", input=["a", "b"]), VECTORS),
    (lambda c: c.models.list(), CATALOG),
    (lambda c: c.models.catalog(refresh=True).filter(vision=True, max_input_price=1), CATALOG),
    (lambda c: c.management.keys.list(), {"keys": [KEY, KEY]}),
    (lambda c: c.management.keys.create("n"), {"api_key_id": "k1", "api_key": "s"}),
    (lambda c: c.management.keys.usage(start="2026-08-07"), {"usage": {"2026-08-07T00:00:00Z": DAY}}),
    (lambda c: c.management.groups.get("g1"), {"group": GROUP}),
    (lambda c: c.management.groups.list(), {"groups": [GROUP]}),
    (lambda c: c.management.members(), {"members": [MEMBER]}),
    (lambda c: c.management.access_lists.list(), {"access_lists": [LIST]}),
    (lambda c: c.management.organization(), {"name": "Acme", "balance": 3.25}),
    (lambda c: c.images.generate(model="m", prompt="p"), {"created": 1, "data": [{"url": "u"}], "usage": USAGE}),
    (lambda c: c.audio.transcribe(model="m", file=("a.mp3", b"x")), {"text": "Hi", "usage": {"input_tokens": 3}}),
]

# --- mutations --------------------------------------------------------------------------------------------------------

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    10**40,
    -0.0,
    0.5,
    1e308,
    "",
    " ",
    "0",
    "NaN",
    "1e9999999",
    "stop",
    "error",
    "\ud7ff",
    "é🌍",
    "x" * 300,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": None},
    {"error": "x"},
    [0, 1],
    "[DONE]",
    "null",
    {"a": {"a": {"a": []}}},
    "tool_calls",
    {"index": 0},
    {"type": "text"},
    401,
    429,
    529,
    "rate_limit_error",
]
KEYS = [
    "error",
    "choices",
    "delta",
    "message",
    "usage",
    "index",
    "id",
    "type",
    "content",
    "tool_calls",
    "finish_reason",
]
KEYS += ["cost", "total_cost", "embedding", "data", "status", "output", "response", "function", "reasoning", "x"]
TOKENS = [
    b"\n",
    b"\r\n",
    b"\r",
    b"\n\n",
    b":",
    b": ping\n",
    b"data:",
    b"data: ",
    b"event: error\n",
    b"id: 1\n",
    b"retry: 5\n",
]
TOKENS += [
    b"[DONE]",
    b"data: [DONE]\n\n",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"\\u",
    b",",
]
TOKENS += [
    b"null",
    b"1e999",
    b"<html>",
    b"\\ud800",
    b"data: {}\n\n",
    b'data: {"error": "x"}\n\n',
    b"data\n\n",
    b"0" * 5000,
]


def spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in a value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from spots(inner)


def changed(value: Any, rng: random.Random) -> Any:
    """A copy with one value, key or element changed."""
    value = copy.deepcopy(value)
    places = list(spots(value))
    if not places or rng.random() < 0.02:
        return rng.choice(VALUES)
    container, key = rng.choice(places)
    kind = rng.random()
    if kind < 0.5:
        container[key] = copy.deepcopy(rng.choice(VALUES))
    elif kind < 0.65:
        del container[key]
    elif kind < 0.8:
        other, other_key = rng.choice(places)
        container[key] = copy.deepcopy(other[other_key])
    elif isinstance(container, dict):
        container[rng.choice(KEYS)] = copy.deepcopy(rng.choice(VALUES))
    else:
        container.insert(key, copy.deepcopy(rng.choice(VALUES)))
    return value


def noisy(body: bytes, rng: random.Random) -> bytes:
    """A copy with a few bytes changed."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(body) + 1)
        end = min(len(body), at + rng.randint(1, 40))
        kind = rng.random()
        if kind < 0.2:
            body = body[:at] + bytes([rng.randrange(256)]) + body[at + 1 :]
        elif kind < 0.4:
            body = body[:at] + body[end:]
        elif kind < 0.55:
            body = body[:end] + body[at:]
        elif kind < 0.85:
            body = body[:at] + rng.choice(TOKENS) + body[at:]
        else:
            body = body[:at]
    return body


def event_stream(events: list[Any], rng: random.Random) -> bytes:
    """A mutated event stream."""
    events = list(events)
    for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
        if not events:
            break
        at = rng.randrange(len(events))
        kind = rng.random()
        if kind < 0.7:
            events[at] = changed(events[at], rng) if not isinstance(events[at], str) else rng.choice(VALUES)
        elif kind < 0.8:
            del events[at]
        elif kind < 0.9:
            events.insert(rng.randrange(len(events) + 1), events[at])
        else:
            events[at] = rng.choice(rng.choice(STREAMS)[1])
    newline = rng.choice((b"\n", b"\n", b"\n", b"\r\n", b"\r"))
    head = rng.choice((b"data: ", b"data: ", b"data:", b": ping\ndata: ", b"event: message\ndata: "))
    body = b""
    for event in events:
        payload = event if isinstance(event, str) else json.dumps(event, ensure_ascii=rng.random() < 0.5)
        body += (head + payload.encode("utf-8", "replace") + b"\n\n").replace(b"\n", newline)
    return noisy(body, rng) if rng.random() < 0.6 else body


def json_body(value: Any, rng: random.Random) -> bytes:
    """A mutated JSON body."""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
        value = changed(value, rng)
    body = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "replace")
    return noisy(body, rng) if rng.random() < 0.4 else body


def cut(body: bytes, rng: random.Random) -> list[bytes]:
    """The body in pieces: whole, byte by byte, or at random places."""
    if rng.random() < 0.3:
        return [body]
    if len(body) < 400 and rng.random() < 0.1:
        return [body[i : i + 1] for i in range(len(body))]
    places = sorted(rng.randrange(len(body) + 1) for _ in range(rng.randint(1, 6)))
    return [body[a:b] for a, b in zip([0, *places], [*places, len(body)], strict=True)]


# --- the run ----------------------------------------------------------------------------------------------------------


class Body(httpx.SyncByteStream):
    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts


class Transport(httpx.BaseTransport):
    """Answers with whatever is in ``parts``."""

    status = 200
    parts: list[bytes]

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(self.status, stream=Body(self.parts))


def make() -> tuple[Transport, RequestyClient]:
    transport = Transport()
    client = RequestyClient(
        api_key="k", base_url="https://g.test/v1", transport=transport, max_retries=0, ledger=CostLedger()
    )
    return transport, client


def check_reply(reply: Any) -> None:
    """What any caller relies on."""
    if isinstance(reply, ChatReply):
        assert isinstance(reply.text, str)
        assert reply.reasoning is None or isinstance(reply.reasoning, str)
        for call in reply.tool_calls:
            assert isinstance(call.name, str)
            assert isinstance(call.arguments, str)
        json.dumps(reply_metadata(reply))
    elif hasattr(reply, "text"):
        assert isinstance(reply.text, str)
    usage = getattr(reply, "usage", None)
    if usage is not None:
        assert usage.cost is None or (isinstance(usage.cost, Decimal) and usage.cost.is_finite())
        assert min(usage.input_tokens, usage.output_tokens, usage.total_tokens) >= 0


def check_error(error: RequestyError) -> None:
    """What any handler relies on."""
    assert str(error)
    assert error.attempts
    assert error.attempts[-1].outcome == "error"
    if error.partial is not None:
        check_reply(error.partial)


def outcome(call: Callable[[], Any]) -> tuple[Any, ...]:
    """What a call came to, in short; raises whatever is neither a result nor a typed error."""
    try:
        reply = call()
    except RequestyError as error:
        check_error(error)
        return type(error).__name__, None if error.partial is None else error.partial.text
    check_reply(reply)
    return "ok", getattr(reply, "text", None)


def read(client: RequestyClient, route: str) -> Any:
    """Read a stream to its end; the pieces of text make the text."""
    if route == "chat":
        stream = client.stream(model=MODEL, messages=MESSAGES, tools=TOOLS)
        pieces = "".join(e.text for e in stream if isinstance(e, TextDelta) and e.choice == 0)
        assert stream.message.text == pieces
        return stream.message
    native = (
        client.stream_messages(model=MODEL, max_tokens=9, messages=MESSAGES)
        if route == "messages"
        else client.stream_responses(model=MODEL, input="Hi")
    )
    for _ in native:
        pass
    return native.message


def memory() -> int:
    """Peak memory of this process in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_mutated_streams(shard: int) -> None:
    transport, client = make()
    before = memory()
    kinds: dict[str, int] = {}
    for number in range(shard, CASES, SHARDS):
        rng = random.Random(f"{SEED}-sse-{number}")
        route, seed = rng.choice(STREAMS)
        body = event_stream(seed, rng)
        try:
            transport.parts = [body]
            result = outcome(lambda route=route: read(client, route))  # type: ignore[misc]
            transport.parts = cut(body, rng)
            assert outcome(lambda route=route: read(client, route)) == result, "the cuts made a difference"  # type: ignore[misc]
        except Exception as exc:
            raise AssertionError(f"case {number} of seed {SEED!r}, {route}: {transport.parts!r}") from exc
        kinds[result[0]] = kinds.get(result[0], 0) + 1
    assert kinds["ok"] > sum(kinds.values()) / 10, "the mutations leave some answers whole"
    assert len(kinds) > 3, "and break the others in several ways"
    assert memory() - before < 100_000_000


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_mutated_json(shard: int) -> None:
    transport, client = make()
    before = memory()
    kinds: dict[str, int] = {}
    for number in range(shard, CASES, SHARDS):
        rng = random.Random(f"{SEED}-json-{number}")
        ask, seed = rng.choice(BODIES)
        body = json_body(seed, rng)
        transport.status = (
            200 if rng.random() < 0.85 else rng.choice((400, 401, 402, 403, 404, 412, 424, 429, 500, 502, 503, 529))
        )
        transport.parts = cut(body, rng)
        try:
            result = outcome(lambda ask=ask: ask(client))  # type: ignore[misc]
        except Exception as exc:
            raise AssertionError(f"case {number} of seed {SEED!r}, status {transport.status}: {body!r}") from exc
        kinds[result[0]] = kinds.get(result[0], 0) + 1
    assert kinds["ok"] > sum(kinds.values()) / 10
    assert len(kinds) > 3
    assert memory() - before < 100_000_000


# --- size and depth ---------------------------------------------------------------------------------------------------


class Endless(httpx.SyncByteStream):
    """The same piece for ever; remembers how much was taken."""

    def __init__(self, first: bytes, piece: bytes) -> None:
        self._first = first
        self._piece = piece
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        yield self._first
        while True:
            self.taken += len(self._piece)
            yield self._piece


@pytest.mark.parametrize("first", [b"data: ", b"event: ", b"{", b"<html>", b": "], ids=repr)
def test_an_event_without_end_is_given_up(first: bytes) -> None:
    endless = Endless(first, b"x" * 1_000_000)
    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=endless))
    client = RequestyClient(api_key="k", transport=transport, max_retries=0)
    with pytest.raises(MalformedResponseError):
        list(client.stream(model=MODEL, messages=MESSAGES))
    assert endless.taken <= MAX_EVENT_BYTES + 2_000_000


@pytest.mark.parametrize(
    "body", [b"[" * 200_000, b'{"a":' * 200_000, b'{"choices":' + b"[" * 5000 + b"]" * 5000 + b"}"]
)
def test_depth_is_no_danger(body: bytes) -> None:
    for data, stream in ((body, False), (body, True), (b"data: " + body + b"\n\n", True)):
        transport = httpx.MockTransport(lambda request, data=data: httpx.Response(200, content=data))  # type: ignore[misc]
        client = RequestyClient(api_key="k", transport=transport, max_retries=0)
        with pytest.raises(RequestyError):
            list(client.stream(model=MODEL, messages=MESSAGES)) if stream else ask_chat(client)
