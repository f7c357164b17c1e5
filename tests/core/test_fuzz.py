"""Mutated bodies: whatever arrives gives a result or a typed error, no other exception, no hang, no growing memory.

The seeds have the shapes of recorded answers (ids, key order, usage on every chunk, both tails of a stream, the native
routes' events, catalogue entries); mutations change values, keys, whole events and single bytes, and cut the body at
random places. ``REQUESTY_FUZZ=100000`` runs that many bodies of each kind, ``REQUESTY_FUZZ_SEED`` other ones.
"""

from __future__ import annotations

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
from tests.support.fuzz_mutations import cut, event_stream, json_body
from tests.support.fuzz_seeds import BODIES, MESSAGES, MODEL, STREAMS, TOOLS, ask_chat

from requesty_core import (
    ChatReply,
    CostLedger,
    EmbeddingsError,
    MalformedResponseError,
    RequestyClient,
    RequestyError,
    TextDelta,
)
from requesty_core.adapters import reply_metadata
from requesty_core.network.sse import MAX_EVENT_BYTES

CASES = int(os.environ.get("REQUESTY_FUZZ", "3000"))
SEED = os.environ.get("REQUESTY_FUZZ_SEED", "1")
SHARDS = 6

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
    # An embeddings call may fail for single vectors of an answer that is good, and paid, besides.
    assert error.attempts[-1].outcome == "error" or isinstance(error, EmbeddingsError)
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
