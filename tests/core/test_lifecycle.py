"""Over real sockets: streams given up free their connections, loops come and go, threads share, hedges race, and time
limits hold. The pool's own state is what is looked at.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import gzip
import json
import multiprocessing
import pickle
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from requesty_core import (
    AsyncRequestyClient,
    CallCommitted,
    ConfigurationError,
    ConnectionFailedError,
    CostLedger,
    FallbackExhaustedError,
    FallbackPolicy,
    RequestTimeoutError,
    RequestyClient,
    RequestyError,
    Step,
    Timeouts,
    TruncatedStreamError,
)
from requesty_core.loops import loop_transport
from requesty_core.network import shared
from requesty_core.network.aio import LoopTransport
from requesty_core.network.alarm import set_alarm
from requesty_core.network.shared import make_async_transport, make_transport, shared_transport
from requesty_core.network.sync import SocketTransport

MODEL = "openai/gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "Hi"}]


def no_tls() -> Any:
    raise AssertionError("no TLS here")


def started(kit: SimpleNamespace) -> list[Any]:
    """An answer that begins and then stays silent until the client hangs up."""
    first = kit.sse(kit.chunk({"role": "assistant", "content": "Hel"}), done=False)
    return [kit.head(chunked=True) + kit.http_chunk(first), kit.WAIT]


def whole(kit: SimpleNamespace, text: str = "Hello", pause: float = 0.0) -> list[Any]:
    body = kit.sse(kit.chunk({"content": text}), kit.chunk(finish="stop"), kit.chunk({}, usage=kit.USAGE))
    return [pause, kit.head(chunked=True) + kit.http_chunk(body) + kit.http_chunk(b"")]


def completion(kit: SimpleNamespace, text: str = "Hello", pause: float = 0.0) -> list[Any]:
    return [pause, kit.full(json.dumps(kit.completion({"content": text}, usage=kit.USAGE)).encode())]


# --- streams given up -------------------------------------------------------------------------------------------------


def close(stream: Any) -> None:
    stream.close()


def leave(stream: Any) -> None:
    with stream:
        pass


def fail_inside(stream: Any) -> None:
    with pytest.raises(KeyError), stream:
        raise KeyError("the caller's own")


def drop(stream: Any) -> None:
    # The fixture's own reference is all that is left; see the test.
    pass


@pytest.mark.parametrize("give_up", [close, leave, fail_inside, drop])
def test_a_stream_given_up_frees_its_connection(
    kit: SimpleNamespace, serve: Any, give_up: Callable[[Any], None]
) -> None:
    server = serve(lambda n: started(kit))
    transport = SocketTransport(no_tls)
    client = RequestyClient(api_key="k", base_url=server.base_url, transport=transport)
    stream = client.stream(model=MODEL, messages=MESSAGES)
    next(stream)
    assert next(stream).text == "Hel"
    assert (transport.in_flight, transport.idle) == (1, 0)
    give_up(stream)
    del stream
    assert kit.eventually(lambda: transport.in_flight == 0)
    assert transport.idle == 0, "a connection in the middle of an answer must not be used again"
    assert server.hung_up.wait(1)


async def aclose(stream: Any, task: Any) -> None:
    await stream.close()


async def agenerator(stream: Any, task: Any) -> None:
    await stream._events.aclose()


async def aleave(stream: Any, task: Any) -> None:
    async with stream:
        pass


async def adrop(stream: Any, task: Any) -> None:
    pass


@pytest.mark.parametrize("give_up", [aclose, agenerator, aleave, adrop])
async def test_an_async_stream_given_up_frees_its_connection(kit: SimpleNamespace, serve: Any, give_up: Any) -> None:
    server = serve(lambda n: started(kit))
    transport = LoopTransport(no_tls)
    client = AsyncRequestyClient(api_key="k", base_url=server.base_url, transport=transport)
    stream = client.stream(model=MODEL, messages=MESSAGES)
    await anext(stream)
    assert (await anext(stream)).text == "Hel"
    assert (transport.in_flight, transport.idle) == (1, 0)
    await give_up(stream, None)
    del stream
    gc.collect()
    assert await kit.aeventually(lambda: transport.in_flight == 0)
    assert transport.idle == 0
    assert await asyncio.to_thread(server.hung_up.wait, 1)


async def test_a_stream_closed_under_its_reader_frees_its_connection(kit: SimpleNamespace, serve: Any) -> None:
    server = serve(lambda n: started(kit))
    transport = LoopTransport(no_tls)
    client = AsyncRequestyClient(api_key="k", base_url=server.base_url, transport=transport)
    stream = client.stream(model=MODEL, messages=MESSAGES)
    await anext(stream)
    assert (await anext(stream)).text == "Hel"
    reader = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    await stream.close()
    with pytest.raises(TruncatedStreamError) as caught:
        await asyncio.wait_for(reader, 1)
    assert caught.value.partial.text == "Hel"
    assert (transport.in_flight, transport.idle) == (0, 0)
    assert await asyncio.to_thread(server.hung_up.wait, 1)


@pytest.mark.parametrize("when", ["before the headers", "before the first token", "in the middle", "unary"])
async def test_a_cancelled_task_frees_its_connection(kit: SimpleNamespace, serve: Any, when: str) -> None:
    begun = [kit.head(chunked=True) + kit.http_chunk(kit.sse(kit.chunk({"role": "assistant"}), done=False)), kit.WAIT]
    script = {
        "before the headers": [kit.WAIT],
        "unary": [kit.head(length=9), kit.WAIT],
        "before the first token": begun,
    }
    server = serve(lambda n: script.get(when) or started(kit))
    transport = LoopTransport(no_tls)
    client = AsyncRequestyClient(api_key="k", base_url=server.base_url, transport=transport)
    reading = asyncio.Event()

    async def read() -> None:
        if when == "unary":
            await client.chat(model=MODEL, messages=MESSAGES)
        async for _ in client.stream(model=MODEL, messages=MESSAGES):
            reading.set()

    task = asyncio.create_task(read())
    if when == "in the middle":
        await asyncio.wait_for(reading.wait(), 5)
    else:
        assert await kit.aeventually(lambda: len(server.requests) == 1, 5)
        await asyncio.sleep(0.01)
    assert transport.in_flight == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await kit.aeventually(lambda: transport.in_flight == 0)
    assert await asyncio.to_thread(server.hung_up.wait, 1)


def test_a_stream_read_to_its_end_gives_its_connection_back(kit: SimpleNamespace, serve: Any) -> None:
    server = serve(lambda n: whole(kit))
    transport = SocketTransport(no_tls)
    client = RequestyClient(api_key="k", base_url=server.base_url, transport=transport)
    for _ in range(3):
        assert "".join(client.stream(model=MODEL, messages=MESSAGES).text_stream) == "Hello"
        assert (transport.in_flight, transport.idle) == (0, 1)
    assert server.connections == 1
    client.close()
    assert transport.idle == 0


async def test_an_async_stream_read_to_its_end_gives_its_connection_back(kit: SimpleNamespace, serve: Any) -> None:
    server = serve(lambda n: whole(kit))
    transport = LoopTransport(no_tls)
    async with AsyncRequestyClient(api_key="k", base_url=server.base_url, transport=transport) as client:
        for _ in range(3):
            texts = [t async for t in client.stream(model=MODEL, messages=MESSAGES).text_stream]
            assert texts == ["Hello"]
            assert (transport.in_flight, transport.idle) == (0, 1)
    assert server.connections == 1
    assert transport.idle == 0


def test_a_message_asked_for_too_early_says_so(kit: SimpleNamespace, streaming: Any) -> None:
    client = streaming.client(kit.Wire())
    with pytest.raises(ConfigurationError, match="has not ended"):
        _ = client.stream(model=MODEL, messages=MESSAGES).message


# --- loops, threads, processes, copies --------------------------------------------------------------------------------


def test_one_async_client_serves_one_loop_after_another(kit: SimpleNamespace, serve: Any) -> None:
    server = serve(lambda n: whole(kit) if b'"stream":true' in server.requests[-1] else completion(kit))
    client = AsyncRequestyClient(api_key="k", base_url=server.base_url)
    seen: list[Any] = []

    async def main() -> None:
        replies = await asyncio.gather(*(client.chat(model=MODEL, messages=MESSAGES) for _ in range(3)))
        assert [r.text for r in replies] == ["Hello"] * 3
        assert [t async for t in client.stream(model=MODEL, messages=MESSAGES).text_stream] == ["Hello"]
        transport = await loop_transport("http")
        assert isinstance(transport, LoopTransport)
        assert transport is await loop_transport("http")
        assert (transport.in_flight, transport.idle) == (0, 3)
        seen.append(transport)

    for _ in range(3):
        asyncio.run(main())
        assert seen[-1].idle == 0, "a loop's connections are closed with it"
    assert len({id(t) for t in seen}) == 3


def test_a_loop_that_ends_with_a_stream_under_way_leaves_nothing_open(kit: SimpleNamespace, serve: Any) -> None:
    server = serve(lambda n: started(kit))
    client = AsyncRequestyClient(api_key="k", base_url=server.base_url)
    kept: list[Any] = []

    async def main() -> None:
        kept.append(client.stream(model=MODEL, messages=MESSAGES))
        await anext(kept[0])

    asyncio.run(main())
    assert server.hung_up.wait(1)


def test_loops_in_threads_side_by_side(kit: SimpleNamespace, serve: Any) -> None:
    server = serve(lambda n: completion(kit))
    client = AsyncRequestyClient(api_key="k", base_url=server.base_url)
    texts: list[str] = []

    async def main() -> None:
        for _ in range(5):
            texts.append((await client.chat(model=MODEL, messages=MESSAGES)).text)

    threads = [threading.Thread(target=lambda: asyncio.run(main())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert texts == ["Hello"] * 30


def test_sixteen_threads_on_one_client(kit: SimpleNamespace, gateway: Any) -> None:
    ledger = CostLedger()
    client = RequestyClient(api_key=gateway.api_key, base_url=gateway.base_url, ledger=ledger, max_retries=0)
    barrier = threading.Barrier(16)

    def work(number: int) -> None:
        barrier.wait(5)
        for turn in range(6):
            content = [{"role": "user", "content": f"say {number} {turn}"}]
            if turn % 3 == 0:
                reply = client.chat(model=MODEL, messages=content)
            else:
                with client.stream(model=MODEL, messages=content) as stream:
                    pieces = "".join(stream.text_stream)
                reply = stream.message
                assert reply.text == pieces
            assert reply.usage is not None
            assert reply.usage.cost is not None

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert ledger.total.calls == len(gateway.chat_requests) == 96
    assert ledger.total.cost == gateway.billed


def test_copies_and_pickles_make_calls_of_their_own(kit: SimpleNamespace, serve: Any, way: Any) -> None:
    server = serve(lambda n: whole(kit) if way.streams else completion(kit))
    client = way.client(None, base_url=server.base_url)
    assert way.ask(client).text == "Hello"
    twin = copy.deepcopy(client)
    assert way.ask(twin).text == "Hello"
    woken = pickle.loads(pickle.dumps(client))
    with pytest.raises(RequestyError, match="REQUESTY_API_KEY"):
        way.ask(woken)
    assert len(server.requests) == 2


def _child(base_url: str, results: Any) -> None:
    """Runs in a forked process: connections, locks and threads of the parent must not be used."""
    client = RequestyClient(api_key="k", base_url=base_url, timeout=Timeouts(total=5))
    results.put((client.chat(model=MODEL, messages=MESSAGES).text, shared_transport("http").idle))  # type: ignore[attr-defined]


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_opens_connections_of_its_own(kit: SimpleNamespace, serve: Any) -> None:
    server = serve(lambda n: completion(kit))
    client = RequestyClient(api_key="k", base_url=server.base_url, timeout=Timeouts(total=5))
    assert client.chat(model=MODEL, messages=MESSAGES).text == "Hello"
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_child, args=(server.base_url, results))
    child.start()
    assert results.get(timeout=10) == ("Hello", 1)
    child.join(10)
    assert client.chat(model=MODEL, messages=MESSAGES).text == "Hello"
    assert server.connections == 2


# --- time limits ------------------------------------------------------------------------------------------------------

LIMITS: list[tuple[str, Timeouts, Callable[[Any], list[Any]], str]] = [
    ("no headers", Timeouts(read=0.05), lambda kit: [kit.WAIT], "timeout.read"),
    ("no headers in total", Timeouts(total=0.05), lambda kit: [kit.WAIT], "timeout"),
    ("silence in the middle", Timeouts(read=0.05), lambda kit: [kit.head(length=99) + b"{", kit.WAIT], "timeout.read"),
    (
        "drops in the middle",
        Timeouts(total=0.15),
        lambda kit: [kit.head(length=999), *[x for _ in range(100) for x in (b" ", 0.02)], kit.WAIT],
        "timeout: the attempt took longer than 0.15 s",
    ),
    (
        "drops without a length",
        Timeouts(total=0.15),
        lambda kit: [kit.head(), *[x for _ in range(100) for x in (b"\n", 0.02)], kit.WAIT],
        "timeout: the attempt took longer than 0.15 s",
    ),
    (
        "an error that does not end",
        Timeouts(total=0.15),
        lambda kit: [kit.head(status="500 No", length=9999), *[x for _ in range(100) for x in (b" ", 0.02)], kit.WAIT],
        "timeout: the attempt took longer than 0.15 s",
    ),
]


@pytest.mark.parametrize(("what", "timeout", "script", "words"), LIMITS, ids=[x[0] for x in LIMITS])
def test_time_limits(
    kit: SimpleNamespace, serve: Any, way: Any, what: str, timeout: Timeouts, script: Any, words: str
) -> None:
    server = serve(lambda n: script(kit))
    begun = time.monotonic()
    with pytest.raises(RequestTimeoutError) as caught:
        way(None, {"base_url": server.base_url, "timeout": timeout, "max_retries": 0})
    assert words in str(caught.value)
    assert time.monotonic() - begun < 2
    assert server.hung_up.wait(1)


def drip(kit: SimpleNamespace) -> list[Any]:
    """Keeps the connection busy without a meaningful word."""
    role = kit.http_chunk(kit.sse(kit.chunk({"role": "assistant"}), done=False))
    return [kit.head(chunked=True), *[x for _ in range(100) for x in (role, 0.02)], kit.WAIT]


def test_the_first_token_has_a_limit_of_its_own(kit: SimpleNamespace, serve: Any, streaming: Any) -> None:
    server = serve(lambda n: drip(kit) if n == 1 else whole(kit))
    reply = streaming(
        None,
        {"base_url": server.base_url, "fallbacks": ["b/2"]},
        model=Step(MODEL, first_token_timeout=0.1),
    )
    assert reply.text == "Hello"
    assert "first_token_timeout" in str(reply.attempts[0].error)


def test_a_slow_stream_is_cut_in_the_middle_with_what_had_arrived(
    kit: SimpleNamespace, serve: Any, streaming: Any
) -> None:
    text = kit.http_chunk(kit.sse(kit.chunk({"content": "x"}), done=False))
    server = serve(lambda n: [kit.head(chunked=True), *[x for _ in range(100) for x in (text, 0.02)], kit.WAIT])
    with pytest.raises(RequestTimeoutError) as caught:
        streaming(None, {"base_url": server.base_url, "timeout": Timeouts(total=0.2), "max_retries": 0})
    assert caught.value.partial is not None
    assert set(caught.value.partial.text) == {"x"}


def test_an_answer_that_ended_does_not_wait_for_the_connection(
    kit: SimpleNamespace, serve: Any, streaming: Any
) -> None:
    body = kit.sse(kit.chunk({"content": "Hello"}), kit.chunk(finish="stop"))
    server = serve(lambda n: [kit.head(chunked=True) + kit.http_chunk(body), kit.WAIT])
    assert streaming(None, {"base_url": server.base_url, "timeout": Timeouts(total=30)}).text == "Hello"
    assert server.hung_up.wait(3)


def test_a_connection_cut_after_the_answer_does_not_matter(kit: SimpleNamespace, serve: Any, streaming: Any) -> None:
    body = kit.sse(kit.chunk({"content": "Hello"}), kit.chunk(finish="stop"), done=False)
    for end in (kit.RESET, kit.CLOSE):
        server = serve(lambda n, end=end: [kit.head(chunked=True) + kit.http_chunk(body), 0.05, end])
        assert streaming(None, {"base_url": server.base_url, "timeout": Timeouts(total=5)}).text == "Hello"


def test_no_server_is_a_connection_error(kit: SimpleNamespace, way: Any) -> None:
    base_url = f"http://127.0.0.1:{kit.closed_port()}/v1"
    with pytest.raises(ConnectionFailedError):
        way(None, {"base_url": base_url, "max_retries": 1})


def test_alarms_ring_in_order_unless_cancelled() -> None:
    rung: list[int] = []
    done = threading.Event()
    late = set_alarm(0.06, lambda: (rung.append(3), done.set()))
    never = set_alarm(0.03, lambda: rung.append(2))
    early = set_alarm(0.01, lambda: rung.append(1))
    never.cancel()
    assert done.wait(2)
    assert rung == [1, 3]
    assert (early.went_off, never.went_off, late.went_off) == (True, False, True)


# --- hedging ----------------------------------------------------------------------------------------------------------

HEDGE = FallbackPolicy(hedge_after=0.03, cooldown=0)


def by_model(scripts: dict[bytes, Callable[[], list[Any]]]) -> Callable[[Any], Any]:
    """A script that depends on the model asked for."""

    def make(server: list[Any]) -> Callable[[int], Any]:
        def script(number: int) -> Iterator[Any]:
            request = server[0].requests[-1]
            model = next(m for m in scripts if b'"model":"' + m + b'"' in request)
            return iter(scripts[model]())

        return script

    return make


def hedged(
    kit: SimpleNamespace, serve: Any, way: Any, scripts: dict[bytes, Callable[[], list[Any]]], **more: Any
) -> Any:
    holder: list[Any] = []
    holder.append(serve(by_model(scripts)(holder)))
    settings = {"base_url": holder[0].base_url, "fallback_policy": HEDGE, "fallbacks": ["b/2"], **more}
    return holder[0], lambda: way(None, settings, model="a/1")


def good(kit: SimpleNamespace, way: Any, text: str, pause: float = 0.0) -> Callable[[], list[Any]]:
    return lambda: whole(kit, text, pause) if way.streams else completion(kit, text, pause)


def test_a_silent_model_is_overtaken_and_cut_off(kit: SimpleNamespace, serve: Any, way: Any) -> None:
    events: list[Any] = []
    server, ask = hedged(
        kit, serve, way, {b"a/1": lambda: [kit.WAIT], b"b/2": good(kit, way, "two")}, on_event=events.append
    )
    reply = ask()
    assert reply.text == "two"
    assert [(a.model, a.outcome) for a in reply.attempts if a.outcome == "ok"] == [("b/2", "ok")]
    assert server.hung_up.wait(1), "the loser is cut off at once"
    assert [e.model for e in events if isinstance(e, CallCommitted)] == (["b/2"] if way.streams else [])


def test_a_model_that_starts_but_says_nothing_is_overtaken(kit: SimpleNamespace, serve: Any, streaming: Any) -> None:
    server, ask = hedged(kit, serve, streaming, {b"a/1": lambda: drip(kit), b"b/2": good(kit, streaming, "two")})
    assert ask().text == "two"
    assert server.hung_up.wait(1)


def test_the_first_may_still_win(kit: SimpleNamespace, serve: Any, way: Any) -> None:
    server, ask = hedged(kit, serve, way, {b"a/1": good(kit, way, "one", 0.1), b"b/2": lambda: [kit.WAIT]})
    assert ask().text == "one"
    assert server.hung_up.wait(1)
    assert len(server.requests) == 2


def test_a_quick_answer_starts_no_hedge(kit: SimpleNamespace, serve: Any, way: Any) -> None:
    server, ask = hedged(
        kit,
        serve,
        way,
        {b"a/1": good(kit, way, "one")},
        fallback_policy=FallbackPolicy(hedge_after=5),
    )
    assert ask().text == "one"
    assert len(server.requests) == 1


def test_a_failure_in_a_race_leaves_the_other_running(kit: SimpleNamespace, serve: Any, way: Any) -> None:
    late_error = [0.08, kit.full(b'{"error": {"message": "busy"}}', status="503 Busy")]
    _, ask = hedged(kit, serve, way, {b"a/1": lambda: late_error, b"b/2": good(kit, way, "two", 0.2)})
    reply = ask()
    assert reply.text == "two"
    assert [(a.model, a.outcome) for a in reply.attempts] == [("a/1", "error"), ("b/2", "ok")]


def test_a_quick_failure_goes_on_without_waiting(kit: SimpleNamespace, serve: Any, way: Any) -> None:
    error = kit.full(b'{"error": {"message": "busy"}}', status="503 Busy")
    _, ask = hedged(
        kit,
        serve,
        way,
        {b"a/1": lambda: [error], b"b/2": good(kit, way, "two")},
        fallback_policy=FallbackPolicy(hedge_after=5),
    )
    assert [a.outcome for a in ask().attempts] == ["error", "ok"]


def test_when_every_contender_fails_all_are_told_of(kit: SimpleNamespace, serve: Any, way: Any) -> None:
    error = kit.full(b'{"error": {"message": "busy"}}', status="503 Busy")
    _, ask = hedged(kit, serve, way, {b"a/1": lambda: [0.1, error], b"b/2": lambda: [0.1, error]})
    with pytest.raises(FallbackExhaustedError) as caught:
        ask()
    assert {a.model for a in caught.value.attempts} == {"a/1", "b/2"}


def test_an_error_no_other_model_can_mend_ends_the_race(kit: SimpleNamespace, serve: Any, way: Any) -> None:
    error = kit.full(b'{"error": {"message": "bad key"}}', status="401 No")
    server, ask = hedged(kit, serve, way, {b"a/1": lambda: [error], b"b/2": lambda: [kit.WAIT]})
    with pytest.raises(RequestyError) as caught:
        ask()
    assert caught.value.status == 401
    assert len(server.requests) == 1


def test_a_hook_that_fails_ends_the_race(kit: SimpleNamespace, serve: Any, way: Any) -> None:
    def hook(event: Any) -> None:
        if getattr(event, "model", None) == "b/2":
            raise KeyError("mine")

    server, ask = hedged(kit, serve, way, {b"a/1": lambda: [kit.WAIT], b"b/2": good(kit, way, "two")}, on_event=hook)
    with pytest.raises(KeyError):
        ask()
    assert server.hung_up.wait(1)


async def test_a_cancelled_race_leaves_nothing_open(kit: SimpleNamespace, serve: Any) -> None:
    server = serve(lambda n: [kit.WAIT])
    transport = LoopTransport(no_tls)
    client = AsyncRequestyClient(
        api_key="k", base_url=server.base_url, transport=transport, fallback_policy=HEDGE, fallbacks=["b/2"]
    )
    task = asyncio.create_task(client.chat(model="a/1", messages=MESSAGES))
    assert await kit.aeventually(lambda: transport.in_flight == 2, 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert transport.in_flight == 0


def test_a_race_over_a_callers_own_transport(kit: SimpleNamespace, way: Any) -> None:
    wire = kit.Wire(kit.answer("one"))
    reply = way(wire, {"fallback_policy": FallbackPolicy(hedge_after=5), "fallbacks": ["b/2"]})
    assert reply.text == "one"


# --- which transport --------------------------------------------------------------------------------------------------


def test_a_proxy_of_the_environment_is_left_to_httpx(
    kit: SimpleNamespace, serve: Any, way: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(lambda n: whole(kit) if way.streams else completion(kit))
    monkeypatch.setenv("http_proxy", proxy.base_url.removesuffix("/v1"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    transport = make_transport("http")
    assert not isinstance(transport, SocketTransport)
    if way.is_async:
        reply = way(None, {"base_url": "http://gateway.invalid/v1"})
    else:
        reply = way(transport, {"base_url": "http://gateway.invalid/v1"})
        transport.close()
    assert reply.text == "Hello"
    assert proxy.requests[0].startswith(b"POST http://gateway.invalid/v1/chat/completions HTTP/1.1\r\n")


async def test_the_transports_of_each_scheme() -> None:
    assert isinstance(make_transport("https"), SocketTransport)
    assert isinstance(make_async_transport("https"), LoopTransport)
    assert shared_transport("https") is shared_transport("https") is not shared_transport("http")


def test_a_compressed_body_is_decoded(kit: SimpleNamespace, way: Any) -> None:
    body = kit.sse(kit.chunk({"content": "Hello"}), kit.chunk(finish="stop"))
    if not way.streams:
        body = json.dumps(kit.completion({"content": "Hello"})).encode()
    wire = kit.Wire(kit.pieces(gzip.compress(body), headers={"content-encoding": "gzip"}))
    assert way(wire).text == "Hello"
    wire = kit.Wire(kit.pieces(b"not gzip", headers={"content-encoding": "gzip"}))
    with pytest.raises(RequestyError):
        way(wire, {"max_retries": 0})


def test_transport_errors_of_httpx_are_typed(kit: SimpleNamespace, way: Any) -> None:
    for raised, cls in (
        (httpx.ConnectTimeout("x"), RequestTimeoutError),
        (httpx.PoolTimeout(""), RequestTimeoutError),
        (httpx.ConnectError("refused"), ConnectionFailedError),
        (httpx.ProxyError("proxy"), ConnectionFailedError),
    ):
        with pytest.raises(cls):
            way(kit.Wire(raised), {"max_retries": 0})
    with pytest.raises(TruncatedStreamError):
        way(kit.Wire(kit.pieces(b"{", httpx.ReadError("cut"))), {"max_retries": 0})


class Together(httpx.AsyncBaseTransport, httpx.BaseTransport):
    """Holds every answer back until ``number`` requests are there; then all of them come at once."""

    def __init__(self, kit: SimpleNamespace, number: int, streams: bool) -> None:
        self._kit = kit
        self._number = number
        self._streams = streams
        self._lock = threading.Lock()
        self._all = threading.Event()
        self._aall = asyncio.Event()
        self.bodies: list[Any] = []

    def _answer(self) -> httpx.Response:
        content = self._kit.answer("Hello")(self._streams).content
        response = self._kit.pieces(content)(self._streams)
        self.bodies.append(response.stream)
        assert isinstance(response, httpx.Response)
        return response

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self._number -= 1
            if self._number == 0:
                self._all.set()
        assert self._all.wait(5)
        with self._lock:
            return self._answer()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._number -= 1
        if self._number == 0:
            self._aall.set()
        await self._aall.wait()
        return self._answer()


def test_when_two_answer_in_the_same_moment_one_is_kept_and_the_other_closed(kit: SimpleNamespace, way: Any) -> None:
    transport = Together(kit, 2, way.streams)
    ledger = CostLedger()
    reply = way(transport, {"fallback_policy": HEDGE, "fallbacks": ["b/2"], "ledger": ledger}, model="a/1")
    assert reply.text == "Hello"
    if way.is_async and not way.streams:
        assert ledger.total.calls == 2, "both were answered, so both were billed"
    assert [a.outcome for a in reply.attempts if a.outcome == "ok"] == ["ok"]
    assert kit.eventually(lambda: len(transport.bodies) == 2 and all(b.closed for b in transport.bodies))


@pytest.mark.parametrize("hedge_after", [None, 5.0])
@pytest.mark.parametrize("raised", [KeyError("mine"), ConfigurationError("transport: not set up")])
def test_what_a_callers_own_transport_raises_ends_the_call(
    kit: SimpleNamespace, way: Any, raised: Exception, hedge_after: float | None
) -> None:
    wire = kit.Wire(raised)
    policy = FallbackPolicy(hedge_after=hedge_after)
    with pytest.raises(type(raised)) as caught:
        way(wire, {"fallback_policy": policy, "fallbacks": ["b/2"], "max_retries": 3})
    assert caught.value is raised
    assert len(wire.requests) == 1


def test_a_loser_that_answers_late_is_closed(kit: SimpleNamespace) -> None:
    late = threading.Event()
    body = kit.pieces(kit.answer("late")(True).content)(True)

    def handle(request: httpx.Request) -> httpx.Response:
        if b"a/1" in request.content:
            assert late.wait(5)
            return body
        return kit.answer("two")(True)

    client = RequestyClient(
        api_key="k", transport=httpx.MockTransport(handle), fallback_policy=HEDGE, fallbacks=["b/2"]
    )
    assert "".join(client.stream(model="a/1", messages=MESSAGES).text_stream) == "two"
    late.set()
    assert kit.eventually(lambda: body.stream.closed)


def test_the_shared_transport_is_made_anew_after_it_was_closed() -> None:
    first = shared_transport("http")
    shared._close()
    second = shared_transport("http")
    assert first is not second
    shared._forget()
    assert shared_transport("http") is not second


def test_https_uses_one_context_that_verifies(kit: SimpleNamespace, serve: Any, way: Any) -> None:
    server = serve(lambda n: [])
    base_url = f"https://127.0.0.1:{server.port}/v1"
    with pytest.raises(RequestyError):
        way(None, {"base_url": base_url, "timeout": Timeouts(connect=0.1), "max_retries": 0})
    assert shared._tls() is shared._tls()
    assert shared._tls().verify_mode is ssl.CERT_REQUIRED
    assert shared._tls().check_hostname
