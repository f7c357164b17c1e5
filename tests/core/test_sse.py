"""The event-stream decoder against a naive one that reads the whole stream at once."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.bodies import USAGE, chunk, sse
from tests.support.wire import Wire, pieces

from requesty_core import MalformedResponseError
from requesty_core.network.sse import ServerSentEvent, SSEDecoder


def reference(stream: bytes) -> list[ServerSentEvent]:
    """The events of a whole stream by the letter of the format; an event cut off by the end counts too."""
    lines = re.split(rb"\r\n|\r|\n", stream.removeprefix(b"\xef\xbb\xbf"))
    events: list[ServerSentEvent] = []
    data: list[bytes] = []
    name: bytes | None = None
    for line in [*lines, b""]:
        if line == b"":
            if data:
                events.append(ServerSentEvent(b"\n".join(data), name))
            data, name = [], None
            continue
        match = re.fullmatch(rb"([^:]*)(?:: ?(.*))?", line, re.DOTALL)
        assert match is not None
        field, value = match[1], match[2] or b""
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
        elif field == b"error":
            data.append(value)
            name = b"error"
        elif line.startswith(b"{") and b'"error"' in line:
            data.append(line)
    return events


def decode(parts: list[bytes]) -> list[ServerSentEvent]:
    decoder = SSEDecoder()
    events = [event for part in parts for event in decoder.feed(part)]
    return events + decoder.close()


def feed_often(decoder: SSEDecoder, data: bytes, times: int) -> None:
    for _ in range(times):
        decoder.feed(data)


def cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    marks = [0, *sorted(c % (len(stream) + 1) for c in cuts), len(stream)]
    return [stream[a:b] for a, b in pairwise(marks)]


TOKENS = [b"data", b"event", b"id", b":", b": ", b" ", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"\r\r"]
TOKENS += [
    b"error: ",
    b'{"error": 1}',
    b"data: ",
    b"data:",
    b"data",
    b"\xef\xbb\xbf",
    b"{}",
    b"[DONE]",
    "é".encode(),
    b"x",
    b"\0",
    b": ping\n",
]
streams = st.one_of(st.lists(st.sampled_from(TOKENS), max_size=30).map(b"".join), st.binary(max_size=60))
cuts = st.lists(st.integers(0, 200), max_size=12)


@given(streams, cuts)
@example(b"data: a\r\n\r\ndata: b\r\n\r\n", [8, 9, 10])
@example(b"data: a\r\r\ndata: b\n\n", [9])
@example(b"\xef\xbb\xbfdata: a\n\n", [1, 2])
@example(b"\xef\xbb", [1])
@example(b"data: a\n\n\n\ndata: b", [9, 10])
@example(b"\r\n\r\ndata: a\n\r", [1, 13, 14])
def test_any_split_decodes_to_the_same_events(stream: bytes, cuts: list[int]) -> None:
    assert decode(cut(stream, cuts)) == reference(stream)


@given(streams)
def test_byte_by_byte_is_no_different(stream: bytes) -> None:
    assert decode([bytes([b]) for b in stream]) == decode([stream])


@given(st.lists(st.tuples(st.binary(max_size=20), st.sampled_from([b"\n", b"\r\n", b"\r"])), max_size=8), cuts)
def test_data_comes_through_byte_for_byte(payloads: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    payloads = [(re.sub(rb"[\r\n]", b"?", payload), end) for payload, end in payloads]
    stream = b"".join(b": keep-alive" + end + b"data: " + payload + end + end for payload, end in payloads)
    assert [e.data for e in decode(cut(stream, cuts))] == [payload for payload, _ in payloads]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: one\n\n", [(b"one", None)]),
        (b"data:one\n\n", [(b"one", None)]),
        (b"data:  one\n\n", [(b" one", None)]),
        (b"data\n\n", [(b"", None)]),
        (b"data: a\ndata: b\ndata\n\n", [(b"a\nb\n", None)]),
        (b"event: error\ndata: x\n\n", [(b"x", b"error")]),
        (b"event: only\n\ndata: x\n\n", [(b"x", None)]),
        (b": comment\n\n: another\ndata: x\n\n", [(b"x", None)]),
        (b"id: 7\nretry: 10\nunknown\ndata: x\n\n", [(b"x", None)]),
        (b" data: indented is another field\n\n", []),
        (b"DATA: case counts\n\n", []),
        (b"data: a: b\n\n", [(b"a: b", None)]),
        (b"\n\n\ndata: x\n\n\n\n", [(b"x", None)]),
        (b"data: unfinished", [(b"unfinished", None)]),
        (b"", []),
    ],
)
def test_lines(stream: bytes, events: list[tuple[bytes, bytes | None]]) -> None:
    assert decode([stream]) == [ServerSentEvent(*e) for e in events]


@pytest.mark.parametrize("step", [1, 7, 100])
def test_an_endless_event_is_refused_and_a_long_stream_is_not(step: int) -> None:
    fine = b"data: 0123456789\n\n" * 50
    decoder = SSEDecoder(max_event_bytes=100)
    count = sum(len(decoder.feed(fine[i : i + step])) for i in range(0, len(fine), step))
    assert count == 50
    with pytest.raises(MalformedResponseError, match="longer than 100 bytes"):
        feed_often(decoder, b"x" * step, 200 // step + 1)


@given(st.integers(1, 40), st.sampled_from([b"\n", b"\r\n", b"\r"]))
def test_what_is_kept_is_bounded(size: int, end: bytes) -> None:
    decoder = SSEDecoder(max_event_bytes=size)
    with pytest.raises(MalformedResponseError):
        feed_often(decoder, b"x" + end + b":", size + 1)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("step", [1, 2, 3, 5, 17, 1000])
def test_a_chat_stream_reads_the_same_however_it_is_cut(streaming: Any, end: bytes, step: int) -> None:
    chunks = [chunk({"content": "Grüße "}), chunk({"content": "🙂"}), chunk(finish="stop", usage=USAGE)]
    body = b"\xef\xbb\xbf: hi\n\nevent: message\n" + sse(*chunks[:2], b": ping\n\n", b"data:\n\n", chunks[2])
    body = body.replace(b"\n", end)
    parts = [body[i : i + step] for i in range(0, len(body), step)]
    reply = streaming(Wire(pieces(*parts)), {"max_retries": 0})
    assert reply.text == "Grüße 🙂"
    assert reply.usage is not None
    assert reply.usage.output_tokens == 3
