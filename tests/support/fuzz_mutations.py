"""Ways of spoiling a body: values changed, bytes flipped, streams cut."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from tests.support.fuzz_seeds import STREAMS

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
