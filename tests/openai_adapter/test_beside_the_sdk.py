"""The same call on our client and on the SDK's own, with the same answer: the bytes sent and the objects got."""

from __future__ import annotations

import functools
import inspect
import json
import operator
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from pydantic import BaseModel
from tests.openai_adapter.conftest import Way
from tests.support.bodies import USAGE, chunk, completion, sse

MODEL = "openai/gpt-4o-mini"
ASK: list[Any] = [{"role": "user", "content": "Hi \U0001f419"}]
CHAT: dict[str, Any] = {"model": MODEL, "messages": ASK}
STREAM: dict[str, Any] = {**CHAT, "stream": True, "stream_options": {"include_usage": True}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
HELLO = completion({"content": "Hello \u2028"}, usage=USAGE)
FORMAT = {"name": "tide", "strict": True, "schema": {"type": "object", "properties": {}}}
ITEM = {"type": "message", "id": "m", "role": "assistant", "status": "completed"}
SAID = {**ITEM, "content": [{"type": "output_text", "text": "Hello", "annotations": []}]}
RESPONSE = {
    "id": "r-1",
    "object": "response",
    "created_at": 1,
    "model": "gpt-4o-mini",
    "status": "completed",
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "output": [SAID],
}
DELTA = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "logprobs": []}
EVENTS: list[dict[str, Any]] = [
    {"type": "response.created", "response": {**RESPONSE, "status": "in_progress", "output": []}},
    {"type": "response.not_known_yet", "x": 1},
    {"type": "response.output_item.added", "output_index": 0, "item": {**ITEM, "content": []}},
    {**DELTA, "delta": "Hel"},
    {**DELTA, "delta": "lo"},
    {"type": "response.completed", "response": RESPONSE},
]
END = {**chunk(), "choices": [], "usage": USAGE}
SPOKEN = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Hel"}),
    chunk({"content": "lo"}, finish="stop"),
]
FILE = {"id": "f", "object": "file", "bytes": 2, "created_at": 1, "filename": "a", "purpose": "batch", "status": "ok"}
MULTIPART = re.compile(rb"boundary=(\S+)")
WAV = ("a.wav", b"RIFF", "audio/wav")
SPEECH: dict[str, Any] = {"model": "m/s", "voice": "alloy", "input": "Hi"}
TURN: list[Any] = [*ASK, {"role": "assistant", "content": None, "refusal": "No."}, *ASK]


def _part(**fields: Any) -> dict[str, Any]:
    return chunk({"tool_calls": [{"index": 0, **fields}]})


CALLED = [
    chunk({"role": "assistant", "content": None}),
    _part(id="t1", type="function", function={"name": "f", "arguments": ""}),
    _part(function={"arguments": '{"a":'}),
    _part(function={"arguments": "1}"}),
    chunk(finish="tool_calls"),
]


def answer(body: Any, status: int = 200, kind: str = "application/json") -> httpx.Response:
    """An answer: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.Response(status, content=content, headers={"content-type": kind, "x-request-id": "req-1"})


def events(*chunks: Any, done: bool = True) -> httpx.Response:
    """An answer that is a stream."""
    named = [b"event: %s\n" % c["type"].encode() + sse(c, done=False) if "type" in c else c for c in chunks]
    return answer(sse(*named, done=done), kind="text/event-stream")


async def outcome(way: Way, ours: bool, reply: Callable[[], httpx.Response], call: Callable[[Any], Any]) -> Any:
    """The requests of a call on our client or the SDK's, and what came of it."""
    sent: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append(_sent(request))
        return reply()

    http: Any = (httpx.AsyncClient if way.is_async else httpx.Client)(transport=httpx.MockTransport(handler))
    plain: Any = openai.AsyncOpenAI if way.is_async else openai.OpenAI
    # The environment holds an organisation and a project, which the SDK would send.
    given = {"http_client": http, "organization": "o", "project": "p", "max_retries": 0}
    client = way.client(**given) if ours else plain(**given, base_url=way.gw.base_url, api_key="k")
    try:
        result = await _read(await way.get(call(client)))
    except openai.OpenAIError as error:
        result = error
    return sent, _shown(result)


async def _read(result: Any) -> Any:
    """What is in a stream, in the answer behind a context manager, or in a raw one."""
    if isinstance(result, (BaseModel, str, dict)):
        return result
    if hasattr(result, "__aenter__") and not hasattr(result, "__aiter__"):
        async with result as opened:
            return await _read(opened)
    if hasattr(result, "__enter__") and not hasattr(result, "__iter__"):
        with result as opened:
            return await _read(opened)
    if hasattr(result, "iter_bytes"):
        content = result.read()
        return await content if inspect.isawaitable(content) else content
    if hasattr(result, "parse"):
        return [result.status_code, result.content]
    return [item async for item in result] if hasattr(result, "__aiter__") else list(result)


def _sent(request: httpx.Request) -> Any:
    dropped = ("host", "user-agent", "authorization", "connection", "accept", "accept-encoding", "content-length")
    headers = {k: v for k, v in request.headers.items() if k not in dropped and not k.startswith("x-stainless")}
    content: Any = request.content
    if boundary := MULTIPART.search(headers.get("content-type", "").encode()):
        content = content.replace(boundary[1], b"-")
        headers["content-type"] = "multipart/form-data"
    elif content:
        content = json.loads(content)
    return request.method, request.url.raw_path, headers, content


def _shown(result: Any) -> Any:
    if isinstance(result, list):
        return [_shown(item) for item in result]
    if isinstance(result, BaseModel):
        return type(result), result.model_dump(mode="json", warnings=False), getattr(result, "_request_id", None)
    if isinstance(result, openai.APIError):
        sdk = next(cls for cls in type(result).__mro__ if cls.__module__.split(".")[0] == "openai")
        names = ("status_code", "code", "param", "type", "request_id", "body")
        return sdk, [getattr(result, name, None) for name in names]
    return result


def failure(status: int) -> Callable[[], httpx.Response]:
    return lambda: answer({"error": {"message": "no", "type": "t", "param": "p", "code": "c"}}, status)


def _chat(**more: Any) -> Callable[[Any], Any]:
    return lambda c: c.chat.completions.create(**{**CHAT, **more})


#: The answer, and the call.
CALLS: dict[str, tuple[Callable[[], httpx.Response], Callable[[Any], Any]]] = {
    "chat": (lambda: answer(HELLO), _chat()),
    "marks of what was not given": (lambda: answer(HELLO), _chat(stop=openai.NOT_GIVEN, tools=openai.omit)),
    "extras": (
        lambda: answer(HELLO),
        _chat(extra_headers={"X-A": "1"}, extra_query={"q": ["a", "b"], "t": True}, extra_body={"temperature": 1}),
    ),
    "numbers": (lambda: answer(HELLO), _chat(temperature=1.0, seed=2**60, extra_body={"a": 1e-7, "b": 10**30})),
    "a mark in a header": (lambda: answer(HELLO), _chat(extra_headers={"x-a": openai.omit})),
    "a header in bytes": (lambda: answer(HELLO), _chat(extra_headers={"x-a": b"1"})),
    "a tuple": (lambda: answer(HELLO), _chat(messages=tuple(ASK))),
    "a generator": (lambda: answer(HELLO), lambda c: c.chat.completions.create(model=MODEL, messages=iter(ASK))),
    "a schema": (lambda: answer(HELLO), _chat(response_format={"type": "json_schema", "json_schema": FORMAT})),
    "headers of a copy": (
        lambda: answer(HELLO),
        lambda c: c.with_options(default_headers={"X-A": "1"}, default_query={"a": 1}).chat.completions.create(**CHAT),
    ),
    "fields nobody knows": (lambda: answer({**HELLO, "more": {"a": [1]}}), _chat()),
    "an answer without an id": (lambda: answer({**HELLO, "id": None}), _chat()),
    "bytes as they came": (
        lambda: answer(HELLO),
        lambda c: c.chat.completions.with_streaming_response.create(**CHAT),
    ),
    "a stream": (lambda: events(*SPOKEN, END), _chat(**STREAM)),
    "a stream of a tool call": (lambda: events(*CALLED, END), _chat(**STREAM, tools=[TOOL])),
    "bytes of a stream": (
        lambda: events(*SPOKEN, END),
        lambda c: c.chat.completions.with_streaming_response.create(**STREAM),
    ),
    "a stream helper": (
        lambda: events(*SPOKEN, END),
        lambda c: c.chat.completions.stream(**CHAT, stream_options={"include_usage": True}),
    ),
    **{f"status {status}": (failure(status), _chat()) for status in (400, 401, 404, 409, 413, 422, 429, 500, 503)},
    "a flat error": (lambda: answer({"message": "no"}, 400), _chat()),
    "responses": (lambda: answer(RESPONSE), lambda c: c.responses.create(model=MODEL, input="Hi")),
    "responses, cut": (
        lambda: answer({**RESPONSE, "status": "incomplete", "incomplete_details": {"reason": "content_filter"}}),
        lambda c: c.responses.create(model=MODEL, input="Hi"),
    ),
    "responses, streamed": (
        lambda: events(*EVENTS, done=False),
        lambda c: c.responses.create(model=MODEL, input="Hi", stream=True),
    ),
    "a later look at a response": (lambda: answer(RESPONSE), lambda c: c.responses.retrieve("r-1", include=["a"])),
    "a later look at a stream": (
        lambda: events(*({**EVENTS[n], "sequence_number": n} for n in (0, 2, -1)), done=False),
        lambda c: c.responses.stream(response_id="r-1", starting_after=-9),
    ),
    "an image, streamed": (
        lambda: events({"type": "image_generation.completed", "b64_json": "AA"}, done=False),
        lambda c: c.images.generate(model="m/i", prompt="A light", stream=True),
    ),
    "a response deleted": (lambda: answer(b"", 204), lambda c: c.responses.with_raw_response.delete("r-1")),
    "embeddings": (
        lambda: answer(
            {"object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}
        ),
        lambda c: c.embeddings.create(model="m/e", input=[[1, 2]], encoding_format="float", dimensions=1),
    ),
    "models": (lambda: answer({"object": "list", "data": []}), lambda c: c.models.with_raw_response.list()),
    "an image": (
        lambda: answer({"created": 1, "data": [{"b64_json": "AA"}]}),
        lambda c: c.images.generate(model="m/i", prompt="A light", n=1),
    ),
    "an image changed": (
        lambda: answer({"created": 1, "data": [{"b64_json": "AA"}]}),
        lambda c: c.images.edit(model="m/i", prompt="A light", image=[("a.png", b"\x89PNG"), ("b.png", b"\x89")]),
    ),
    "speech": (lambda: answer(b"ID3", kind="audio/mpeg"), lambda c: c.audio.speech.create(**SPEECH)),
    "speech, raw": (
        lambda: answer(b"ID3", kind="audio/mpeg"),
        lambda c: c.audio.speech.with_raw_response.create(**SPEECH),
    ),
    "speech, streamed": (
        lambda: answer(b"ID3", kind="audio/mpeg"),
        lambda c: c.audio.speech.with_streaming_response.create(**SPEECH),
    ),
    "a transcription": (
        lambda: answer({"text": "Hi"}),
        lambda c: c.audio.transcriptions.create(model="m/t", file=WAV, timestamp_granularities=["word"]),
    ),
    "a transcription as text": (
        lambda: answer(b"Hi", kind="text/plain"),
        lambda c: c.audio.transcriptions.create(model="m/t", file=WAV, response_format="text"),
    ),
    "a file": (lambda: answer(FILE), lambda c: c.files.create(file=("a.jsonl", b"{}"), purpose="batch")),
    "a file's content": (lambda: answer(b"{}"), lambda c: c.files.with_streaming_response.content("f")),
    "a route of one's own": (lambda: answer({"a": 1}), lambda c: c.patch("/own", body={"x": None}, cast_to=object)),
}


@pytest.mark.parametrize("name", CALLS)
async def test_bytes_and_objects_are_those_of_the_sdk(way: Way, name: str) -> None:
    reply, call = CALLS[name]
    sent, got = await outcome(way, True, reply, call)
    assert (sent, got) == await outcome(way, False, reply, call)
    assert sent


async def test_what_is_none_is_not_sent(way: Way) -> None:
    sent, _ = await outcome(way, True, lambda: answer(HELLO), _chat(stop=None, stream=False, messages=TURN))
    assert [content for *_, content in sent] == [{"model": MODEL, "messages": TURN}]


def _sockets(resource: Any, path: str = "", depth: int = 3) -> Iterator[str]:
    """Where below a resource of the SDK there is a ``connect``; found in what is there, so a new one is found too."""
    if path and hasattr(resource, "connect"):
        yield path
    names = [n for n in dir(type(resource)) if isinstance(getattr(type(resource), n), functools.cached_property)]
    for name in names if depth else []:
        if not name.startswith("with_"):
            yield from _sockets(getattr(resource, name), f"{path}.{name}".removeprefix("."), depth - 1)


def test_every_websocket_is_refused_by_one_line(way: Way) -> None:
    plain: Any = openai.AsyncOpenAI if way.is_async else openai.OpenAI
    found = list(_sockets(plain(api_key="k")))
    assert {"realtime", "responses"} <= {*found}
    client = way.client()
    for path in found:
        with pytest.raises(
            openai.OpenAIError, match=rf"^{re.escape(path)}\.connect: the gateway has no WebSocket[^\n]+$"
        ):
            operator.attrgetter(path)(client).connect(model=MODEL)


def test_a_websocket_of_ones_own_server_is_the_sdks(way: Way) -> None:
    assert way.client(websocket_base_url="ws://127.0.0.1:1/v1").realtime.connect(model=MODEL)


async def test_speech_is_written_to_a_file_as_it_comes(way: Way, tmp_path: Any) -> None:
    speech = {**SPEECH, "model": "openai/gpt-4o-mini-tts"}
    manager = way.client().audio.speech.with_streaming_response.create(**speech)
    if way.is_async:
        async with manager as response:
            await response.stream_to_file(tmp_path / "a.mp3")
    else:
        with manager as response:
            response.stream_to_file(tmp_path / "a.mp3")
    whole = await way.get(way.client().audio.speech.create(**speech))
    assert (tmp_path / "a.mp3").read_bytes() == whole.content != b""
