"""No request makes a cassette's servers fail, and whatever was recorded is replayed."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from requesty_emulator import Cassette, GatewayEmulator, Recorder, Replayer
from requesty_emulator.cassettes.matching import asked, differences, fingerprint, nearest
from requesty_emulator.cassettes.tape import Answer, Chunk, Exchange, Question
from requesty_emulator.gateway.redact import Redaction

CHAT = "/v1/chat/completions"
QUIET = [HealthCheck.function_scoped_fixture]
texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)
bodies = st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode())
parts = st.lists(st.binary(max_size=12), min_size=1, max_size=6)
SECRET = "rqsty-sk-0123456789abcdef0123456789abcdef"
HEADERS = {"authorization": f"Bearer {SECRET}"}


@pytest.fixture(autouse=True)
def no_failure_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.ERROR):
        yield
    assert caplog.records == []


@pytest.fixture(scope="module")
def upstream() -> Iterator[GatewayEmulator]:
    with GatewayEmulator(api_key=SECRET) as running:
        yield running


@pytest.fixture(scope="module")
def recorder(upstream: GatewayEmulator, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with Recorder(tmp_path_factory.mktemp("cassettes") / "any.json", upstream.base_url) as running:
        yield running


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client(headers=HEADERS, trust_env=False, timeout=20) as client:
        yield client


@settings(max_examples=150, deadline=None, suppress_health_check=QUIET)
@given(body=bodies, path=st.sampled_from([CHAT, "/v1/messages", "/v1/models", "/feedback/%C3%A9 x"]), query=texts)
def test_any_request_is_recorded_and_replayed(
    recorder: Recorder, http: httpx.Client, body: bytes, path: str, query: str
) -> None:
    def ask(server: Recorder | Replayer) -> tuple[int, bytes, str | None]:
        headers = {"content-type": "application/json"}
        reply = http.post(server.management_url + path, content=body, params={"q": query}, headers=headers)
        return reply.status_code, reply.content, reply.headers.get("x-requesty-request-id")

    recorded = ask(recorder)
    assert recorded[0] < 500
    tape = Cassette(recorder.cassette.exchanges[-1:])
    with Replayer(tape) as replayer:
        assert ask(replayer) == recorded
        assert ask(replayer)[0] == 400


@pytest.mark.parametrize("levels", [200, 300, 900, 100_000])
@pytest.mark.parametrize("pair", ["[]", '{"a":}'])
def test_deep_bodies_are_told_apart(http: httpx.Client, levels: int, pair: str) -> None:
    opening, closing = (pair[0], pair[1]) if pair == "[]" else (pair[:-1], pair[-1])
    deep = (opening * levels + "1" + closing * levels).encode()
    near = deep.replace(b"1", b"2")
    tape = Cassette([Exchange(asked("POST", CHAT, "", {}, deep), Answer(200, (), (Chunk(0, b"{}"),)))])
    with Replayer(tape) as replayer:
        assert http.post(replayer.base_url + "/chat/completions", content=near).json()["error"]["nearest"]
        assert http.post(replayer.base_url + "/chat/completions", content=deep).text == "{}"


@settings(max_examples=300, deadline=None)
@given(one=values, other=values)
def test_differences_are_found_where_there_are_any(one: Any, other: Any) -> None:
    first, second = (asked("POST", CHAT, "", {}, json.dumps(value).encode()) for value in (one, other))
    assert (fingerprint(first) == fingerprint(second)) == (differences(first, second) == [])
    assert nearest(first, [second, first]) in (0, 1)
    assert differences(first, [second, first][nearest(first, [second, first]) or 0]) == [] or first != second


@settings(max_examples=300, deadline=None)
@given(exchanges=st.lists(st.tuples(bodies, parts, st.booleans(), st.integers(200, 599)), max_size=3))
def test_a_file_is_read_as_it_was_written(exchanges: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    tape = Cassette()
    for body, pieces, chunked, status in exchanges:
        chunks = tuple(Chunk(float(n), data) for n, data in enumerate(pieces)) if chunked else (Chunk(0.0, pieces[0]),)
        question = asked("POST", CHAT, "b=2&a=1", {"content-type": "application/json"}, body)
        tape.exchanges.append(Exchange(question, Answer(status, (("retry-after", "1"),), chunks, chunked)))
    path: Path = tmp_path_factory.mktemp("tape") / "one.json"
    tape.save(path)
    read = Cassette.load(path)
    assert [one.answer for one in read.exchanges] == [one.answer for one in tape.exchanges]
    assert [fingerprint(one.question) for one in read.exchanges] == [
        fingerprint(one.question) for one in tape.exchanges
    ]
    assert all(isinstance(one.question, Question) for one in read.exchanges)


@settings(max_examples=300, deadline=None)
@given(before=st.binary(max_size=30), after=st.binary(max_size=30), cuts=st.lists(st.integers(0, 110), max_size=4))
def test_a_secret_is_found_wherever_it_is_cut(before: bytes, after: bytes, cuts: list[int]) -> None:
    data = before + SECRET.encode() + after
    places = [0, *sorted(cuts), len(data)]
    kept = b"".join(Redaction(HEADERS, CHAT).pieces([data[start:end] for start, end in pairwise(places)]))
    assert SECRET.encode() not in kept
    assert kept == Redaction(HEADERS, CHAT).data(data)


@settings(max_examples=200, deadline=None)
@given(cuts=st.lists(st.integers(1, len(SECRET) - 1), min_size=1, max_size=6, unique=True), wire=st.integers(1, 400))
def test_a_secret_is_found_in_the_deltas_of_a_stream(cuts: list[int], wire: int) -> None:
    places = [0, *sorted(cuts), len(SECRET)]
    pieces = ["It is ", *(SECRET[start:end] for start, end in pairwise(places)), " indeed"]
    events = [json.dumps({"choices": [{"index": 0, "delta": {"content": piece}}]}) for piece in pieces]
    data = "".join(f"data: {event}\n\n" for event in events).encode() + b"data: [DONE]\n\n"
    kept = b"".join(
        Redaction(HEADERS, CHAT).pieces([data[at : at + wire] for at in range(0, len(data), wire)])
    ).decode()
    said = [json.loads(line[6:]) for line in kept.splitlines() if line.startswith("data: {")]
    text = "".join(event["choices"][0]["delta"]["content"] for event in said)
    assert len(said) == len(events)
    assert text == "It is  indeed"
    assert kept.endswith("data: [DONE]\n\n")
