"""Long embedding runs: what is sent after a refusal, an outage, an interrupt, and how much work that is."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import numpy
import pytest
from tests.core.test_embeddings import MODEL, Gateway, embed, good, packed, refusal, vector
from tests.support.waiting import eventually

from requesty_core import (
    AsyncRequestyClient,
    EmbeddingsError,
    ErrorKind,
    MalformedEmbeddingsError,
    MalformedResponseError,
    RequestyClient,
    RequestyError,
)
from requesty_core.embeddings.batches import Cutter
from requesty_core.embeddings.run import EmbeddingsRun, RunRules
from requesty_core.embeddings.vectors import BatchResult

TEXTS = [f"text {i}" for i in range(40)]


def refusing(*bad: str, status: int = 400, message: str = "not this one") -> Any:
    """Refuses every request that holds one of these texts."""

    def answer(body: dict[str, Any]) -> Any:
        return refusal(status, message) if set(bad) & set(body["input"]) else good(body)

    return answer


# --- refused inputs ---


@pytest.mark.parametrize("status", [400, 413, 422])
@pytest.mark.parametrize("bad", [(7,), (0,), (39,), (0, 1), (5, 6, 7, 30), (0, 39)], ids=str)
def test_only_the_inputs_that_are_refused_have_no_vector(unary: Any, status: int, bad: tuple[int, ...]) -> None:
    gateway = Gateway(refusing(*(TEXTS[i] for i in bad), status=status))
    with pytest.raises(EmbeddingsError) as caught:
        embed(unary, gateway, input=TEXTS, batch_size=16)
    error = caught.value
    assert error.failed_inputs == bad
    assert error.not_sent == ()
    assert [i for i, found in enumerate(error.vectors) if found is None] == list(bad)
    assert all(found == vector(TEXTS[i]) for i, found in enumerate(error.vectors) if found is not None)
    assert error.kind is ErrorKind.BAD_REQUEST
    # Two halves per level of a batch of 16, at most.
    assert len(gateway.bodies) <= 3 + len(bad) * 8


def test_a_lone_refused_input_fails_as_itself(unary: Any) -> None:
    gateway = Gateway(refusing("bad"))
    with pytest.raises(RequestyError) as caught:
        embed(unary, gateway, input=["bad"])
    assert not isinstance(caught.value, EmbeddingsError)
    assert len(gateway.bodies) == 1


def test_batches_that_are_too_large_get_smaller_once(unary: Any) -> None:
    gateway = Gateway(lambda b: refusal(413, "too many inputs") if len(b["input"]) > 5 else good(b))
    reply = embed(unary, gateway, input=TEXTS * 3, batch_size=20, max_in_flight=1)
    assert reply.vectors == [vector(t) for t in TEXTS * 3]
    sizes = [len(b["input"]) for b in gateway.bodies]
    # 20 and its halves of 10 are refused, quarters are taken; the second 20 was cut before that was known.
    assert sizes.count(20) <= 2
    assert max(sizes[-16:]) <= 5


def test_a_request_that_is_always_refused_ends_the_run(unary: Any) -> None:
    gateway = Gateway(lambda b: refusal(400, "no such thing"))
    with pytest.raises(EmbeddingsError) as caught:
        embed(unary, gateway, input=[f"t{i}" for i in range(5000)], batch_size=64)
    assert len(gateway.bodies) < 100
    assert len(caught.value.failed_inputs) == 5000
    assert "were not sent" in str(caught.value)


@pytest.mark.parametrize(
    "body",
    [
        {"message": "This model does not support specifying dimensions.", "code": 400},
        {"message": "Invalid value", "param": "dimensions"},
        {"message": "Unknown field", "param": "user"},
        {"message": "no such model", "param": "model"},
    ],
    ids=lambda body: str(body.get("param")),
)
def test_a_refusal_that_names_another_field_is_not_about_the_inputs(unary: Any, body: dict[str, Any]) -> None:
    gateway = Gateway(lambda b: httpx.Response(400, json={"error": body}))
    with pytest.raises(RequestyError):
        embed(unary, gateway, input=TEXTS, dimensions=3, user="u")
    assert len(gateway.bodies) == 1


def test_halves_can_be_declined(unary: Any) -> None:
    gateway = Gateway(refusing(TEXTS[3]))
    with pytest.raises(EmbeddingsError) as caught:
        embed(unary, gateway, input=TEXTS, batch_size=8, halves=False)
    assert caught.value.failed_inputs == tuple(range(8))
    assert len(gateway.bodies) == 5


# --- outages ---


@pytest.mark.parametrize("in_flight", [1, 4])
def test_an_outage_ends_the_run_and_what_there_is_is_kept(unary: Any, in_flight: int) -> None:
    served = iter(range(8))

    def answer(body: dict[str, Any]) -> Any:
        return refusal(503, "down") if next(served, None) is None else good(body)

    gateway = Gateway(answer)
    with pytest.raises(EmbeddingsError) as caught:
        embed(unary, gateway, {"max_retries": 2}, input=TEXTS * 10, batch_size=4, max_in_flight=in_flight)
    error = caught.value
    # Those under way when it began, and two alone after them; a good answer may come late between threads.
    assert len(gateway.bodies) <= 8 + 3 * (2 * in_flight + 2)
    assert sum(found is not None for found in error.vectors) == 32
    assert error.failed_inputs == tuple(i for i, found in enumerate(error.vectors) if found is None)
    assert len(error.not_sent) >= 368 - 4 * (2 * in_flight + 2)
    assert f"{len(error.not_sent)} inputs were not sent" in str(error)


def test_a_failure_that_passes_does_not_end_the_run(unary: Any) -> None:
    def answer(body: dict[str, Any]) -> Any:
        return refusal(503) if body["input"][0] in ("text 4", "text 20") else good(body)

    with pytest.raises(EmbeddingsError) as caught:
        embed(unary, Gateway(answer), {"max_retries": 0}, input=TEXTS, batch_size=4, max_in_flight=2)
    assert caught.value.failed_inputs == (4, 5, 6, 7, 20, 21, 22, 23)
    assert caught.value.not_sent == ()


# --- vectors that are no use ---


def test_a_single_wrong_vector_is_asked_for_again_alone(unary: Any) -> None:
    asked: list[list[str]] = []

    def answer(body: dict[str, Any]) -> Any:
        asked.append(body["input"])
        reply = good(body)
        if len(asked) == 1:
            reply["data"][1]["embedding"] = packed([float("nan"), 1.0, 2.0])
        return reply

    reply = embed(unary, Gateway(answer), {"max_retries": 1}, input=["a", "bb", "ccc"])
    assert asked == [["a", "bb", "ccc"], ["bb"]]
    assert reply.vectors == [vector(t) for t in ("a", "bb", "ccc")]
    assert len(reply.attempts) == 2


def test_wrong_vectors_are_named_and_the_others_kept(unary: Any) -> None:
    def answer(body: dict[str, Any]) -> Any:
        reply = good(body, base64_wanted=False)
        for entry, text in zip(reply["data"], body["input"], strict=True):
            if text == "bb":
                entry["embedding"] = [1.0]
        return reply

    gateway = Gateway(answer)
    with pytest.raises(MalformedEmbeddingsError) as caught:
        embed(unary, gateway, {"max_retries": 0}, input=["a", "bb", "ccc"])
    assert caught.value.failed_inputs == (1,)
    assert caught.value.vectors == (vector("a"), None, vector("ccc"))
    assert "1 numbers where the others have 3" in str(caught.value)
    assert isinstance(caught.value, MalformedResponseError)
    assert len(gateway.bodies) == 1


def test_two_lengths_in_two_batches_are_an_error(unary: Any) -> None:
    def answer(body: dict[str, Any]) -> Any:
        size = 3 if body["input"] == ["a"] else 4
        return {"data": [{"index": 0, "embedding": packed([1.0] * size)}]}

    with pytest.raises(MalformedEmbeddingsError) as caught:
        embed(unary, Gateway(answer), {"max_retries": 0}, input=["a", "b"], batch_size=1, max_in_flight=1)
    assert caught.value.failed_inputs == (1,)


@pytest.mark.parametrize("texts", [["a"], ["a", "b", "c"]])
def test_other_dimensions_than_asked_are_an_error_and_not_asked_for_again(unary: Any, texts: list[str]) -> None:
    gateway = Gateway()
    with pytest.raises(MalformedResponseError, match="8 dimensions were asked for but 3 came back"):
        embed(unary, gateway, {"max_retries": 2}, input=texts, dimensions=8)
    assert len(gateway.bodies) == 1


def test_base64_that_is_refused_gives_way_to_floats_for_good(unary: Any) -> None:
    def answer(body: dict[str, Any]) -> Any:
        if "encoding_format" in body:
            return refusal(422, "unknown variant `base64`, expected `float`")
        return good(body, base64_wanted=False)

    gateway = Gateway(answer)
    client = unary.client(gateway.async_transport if unary.is_async else gateway.transport, max_retries=0)
    for _ in range(2):
        reply = unary.run(client, lambda c: c.embeddings(model=MODEL, input=["a"]))
        assert reply.vectors == [vector("a")]
    assert [b.get("encoding_format") for b in gateway.bodies] == ["base64", None, None]
    unary.run(client, lambda c: c.embeddings(model="other/model", input=["a"]))
    assert "encoding_format" in gateway.bodies[-2]


def test_an_encoding_that_the_caller_chose_is_not_given_up(unary: Any) -> None:
    gateway = Gateway(lambda b: refusal(400, "encoding_format: base64 is not supported"))
    with pytest.raises(RequestyError):
        embed(unary, gateway, input=["a", "b"], encoding_format="base64")
    assert len(gateway.bodies) == 1


# --- inputs ---


class Column:
    """What iterates like a column of a data frame, and is no sequence."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __bool__(self) -> bool:
        raise ValueError("the truth value of a column is ambiguous")


FORMS: list[tuple[str, Any, list[Any]]] = [
    ("array of text", numpy.array(["a", "bb"]), ["a", "bb"]),
    ("array of objects", numpy.array(["a", "bb"], dtype=object), ["a", "bb"]),
    ("column", Column(["a", "bb"]), ["a", "bb"]),
    ("token array", numpy.array([1, 2]), [[1, 2]]),
    ("token arrays", [numpy.array([1, 2]), numpy.array([3])], [[1, 2], [3]]),
    ("token matrix", numpy.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    ("empty array", numpy.array([]), []),
]


@pytest.mark.parametrize(("given", "sent"), [f[1:] for f in FORMS], ids=[f[0] for f in FORMS])
def test_inputs_in_other_containers(unary: Any, given: Any, sent: list[Any]) -> None:
    gateway = Gateway(lambda b: {"data": [{"index": i, "embedding": [1.0]} for i in range(len(b["input"]))]})
    reply = embed(unary, gateway, input=given)
    assert [b["input"] for b in gateway.bodies] == ([sent] if sent else [])
    assert len(reply) == len(sent)


def test_batches_are_cut_by_tokens_and_by_the_models_own_limit(unary: Any) -> None:
    gateway = Gateway()
    embed(unary, gateway, input=["x" * 400_000] * 5, max_in_flight=1)
    assert [len(b["input"]) for b in gateway.bodies] == [2, 2, 1]  # 300,000 tokens, by the catalogue
    gateway = Gateway()
    embed(unary, gateway, input=["x"] * 5000, batch_size=5000, max_in_flight=1)
    assert [len(b["input"]) for b in gateway.bodies] == [2048, 2048, 904]


# --- streams ---


def read(way: Any, gateway: Gateway, settings: dict[str, Any] | None = None, **params: Any) -> list[Any]:
    """All pairs of a stream."""
    client = way.client(gateway.async_transport if way.is_async else gateway.transport, **(settings or {}))
    stream = client.stream_embeddings(model=MODEL, **params)
    if not way.is_async:
        return list(stream)

    async def collect() -> list[Any]:
        return [pair async for pair in stream]

    return asyncio.run(collect())


@pytest.mark.parametrize("in_flight", [1, 3])
def test_a_stream_gives_vectors_in_order(unary: Any, in_flight: int) -> None:
    told: list[int] = []
    pairs = read(
        unary, Gateway(), input=(t for t in TEXTS), batch_size=7, max_in_flight=in_flight, on_batch=told.append
    )
    assert [(at, list(found)) for at, found in pairs] == [(i, vector(t)) for i, t in enumerate(TEXTS)]
    assert sum(told) == 40


def test_a_stream_reads_only_a_few_batches_ahead(unary: Any) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield f"t{taken}"

    gateway = Gateway()
    client = unary.client(gateway.async_transport if unary.is_async else gateway.transport)
    stream = client.stream_embeddings(model=MODEL, input=endless(), batch_size=5, max_in_flight=2)

    if unary.is_async:

        async def some() -> int:
            async with stream:
                return len([await anext(stream) for _ in range(100)])

        assert asyncio.run(some()) == 100
    else:
        with stream:
            assert len([next(stream) for _ in range(100)]) == 100
    assert taken <= 100 + 5 * 2 * 3 + 1
    sent = len(gateway.bodies)
    assert sent <= 26
    assert not [t for t in threading.enumerate() if t.name == "requesty-embeddings"]


def test_a_stream_gives_all_it_can_before_it_fails(unary: Any) -> None:
    gateway = Gateway(refusing(TEXTS[3], TEXTS[21]))
    seen: list[int] = []
    client = unary.client(gateway.async_transport if unary.is_async else gateway.transport)
    stream = client.stream_embeddings(model=MODEL, input=TEXTS, batch_size=8)

    async def collect_async() -> None:
        async for at, _ in stream:
            seen.append(at)

    def collect() -> None:
        for at, _ in stream:
            seen.append(at)

    with pytest.raises(EmbeddingsError) as caught:
        asyncio.run(collect_async()) if unary.is_async else collect()
    assert seen == [i for i in range(40) if i not in (3, 21)]
    assert caught.value.failed_inputs == (3, 21)
    assert caught.value.vectors == ()
    assert stream.usage is not None


def test_what_inputs_raise_is_let_out(unary: Any) -> None:
    def broken() -> Iterator[str]:
        yield from ("a", "b", "c")
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        read(unary, Gateway(), input=broken(), batch_size=1)


# --- ends ---


def test_a_closed_client_sends_nothing_more(unary: Any) -> None:
    """Closing while a run is under way: what was reached is kept."""
    client: Any = None

    def answer(body: dict[str, Any]) -> Any:
        if body["input"] == ["text 6"]:
            closing()
        return good(body)

    def closing() -> None:
        if unary.is_async:
            asyncio.get_running_loop().create_task(client.close())
        else:
            client.close()

    gateway = Gateway(answer)
    client = unary.client(gateway.async_transport if unary.is_async else gateway.transport)
    with pytest.raises(EmbeddingsError) as caught:
        unary.run(client, lambda c: c.embeddings(model=MODEL, input=TEXTS, batch_size=1, max_in_flight=2))
    assert len(gateway.bodies) <= 10
    assert caught.value.vectors[0] == vector(TEXTS[0])
    assert caught.value.not_sent


def test_cancelling_ends_the_run() -> None:
    gateway = Gateway()

    async def main() -> None:
        client = AsyncRequestyClient(transport=gateway.async_transport, api_key="k", base_url="https://gateway.test/v1")
        task = asyncio.ensure_future(client.embeddings(model=MODEL, input=TEXTS, batch_size=1, max_in_flight=3))
        for _ in range(10_000):
            await asyncio.sleep(0)
            if len(gateway.bodies) >= 5:
                break
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        sent = len(gateway.bodies)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(gateway.bodies) == sent < 40
        # The line is free again.
        await client.embeddings(model=MODEL, input=["a", "b"], max_in_flight=1)

    asyncio.run(main())


def test_one_limit_for_all_calls_of_a_client() -> None:
    gateway = Gateway()

    async def main() -> None:
        client = AsyncRequestyClient(transport=gateway.async_transport, api_key="k", base_url="https://gateway.test/v1")
        calls = [
            client.embeddings(model=MODEL, input=TEXTS[i : i + 4], batch_size=2, max_in_flight=3) for i in range(12)
        ]
        await asyncio.gather(*calls)

    asyncio.run(main())
    assert gateway.most == 3
    assert len(gateway.bodies) == 24


def test_one_limit_for_all_threads_of_a_client() -> None:
    gateway = Gateway()
    client = RequestyClient(transport=gateway.transport, api_key="k", base_url="https://gateway.test/v1")
    threads = [
        threading.Thread(
            target=client.embeddings,
            kwargs={"model": MODEL, "input": TEXTS[:6], "batch_size": 2, "max_in_flight": 1 + i % 3},
        )
        for i in range(9)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert gateway.most <= 3
    assert len(gateway.bodies) == 27


def test_a_text_that_somebody_waits_for_does_not_stand_in_line() -> None:
    gateway = Gateway()

    async def main() -> None:
        client = AsyncRequestyClient(transport=gateway.async_transport, api_key="k", base_url="https://gateway.test/v1")
        await asyncio.gather(*(client.embeddings(model=MODEL, input="query", max_in_flight=1) for _ in range(8)))

    asyncio.run(main())
    assert gateway.most == 8


def test_a_run_keeps_nothing_twice(unary: Any) -> None:
    reply = embed(unary, Gateway(), input=TEXTS)
    assert all(not isinstance(v, list) for v in reply.data)
    lists = reply.vectors
    assert reply.data is lists
    assert [a.typecode for a in reply.arrays] == ["f"] * 40
    assert reply.numpy().shape == (40, 3)


def calls_of_a_run(batches: int) -> int:
    """How many function calls a run of so many batches makes, without IO."""
    run = EmbeddingsRun(MODEL, Cutter(iter(["x"] * batches), 1, None), RunRules(count=batches))
    result = BatchResult([[1.0]], None, None, None, None, {})
    calls = 0

    def count(frame: Any, event: str, arg: Any) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        while not run.is_over:
            while run.wants and (batch := run.cut()) is not None:
                run.add(batch)
            while run.ready:
                run.answered(run.next(), result, ())
    finally:
        sys.setprofile(None)
    assert len(run.reply()) == batches
    return calls


def test_work_is_linear_in_the_batches() -> None:
    assert calls_of_a_run(4000) <= calls_of_a_run(400) * 10.5


def test_ctrl_c_cuts_what_is_under_way_and_nothing_more_is_sent() -> None:
    """On real sockets: the first batch is answered, the others never."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []
    came: list[Any] = []

    def serve() -> None:
        # Ends when the listener is closed.
        with contextlib.suppress(OSError):
            while True:
                connection, address = listener.accept()
                held.append(connection)
                came.append(address)
                if len(held) == 1:
                    body = json.dumps({"data": [{"index": 0, "embedding": [1.0]}]}).encode()
                    connection.recv(65536)
                    head = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
                    connection.sendall(head + body)
                    connection.close()

    server = threading.Thread(target=serve, daemon=True)
    server.start()

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    client = RequestyClient(
        api_key="k", base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v1", timeout=60, max_retries=5
    )
    with pytest.raises(KeyboardInterrupt):
        client.embeddings(model=MODEL, input=TEXTS, batch_size=1, max_in_flight=3, on_batch=interrupt)
    assert not [thread for thread in threading.enumerate() if thread.name == "requesty-embeddings"]
    # Connections are accepted in their order: before this one, all that the run had made.
    with socket.create_connection(listener.getsockname()) as last:
        assert eventually(lambda: last.getsockname() in came)
    made = len(held)
    assert made <= 5
    for connection in held[1:]:
        connection.settimeout(10)
        while connection.recv(65536):
            pass  # The request; then its end, because it was cut.
    assert len(held) == made
    # Closed alone, it would leave whoever waits for a connection waiting.
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    server.join(10)
