"""Over real sockets: streams given up free their connections, loops come and go, threads share.

The pool's own state is what is looked at.
"""

from __future__ import annotations

import asyncio
import copy
import gc
import multiprocessing
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from tests.support.bodies import chunk, sse
from tests.support.socket_answers import started, unstreamed, whole
from tests.support.sockets import WAIT, head, http_chunk, no_tls
from tests.support.waiting import PATIENCE, aeventually, eventually
from tests.support.ways import MESSAGES, MODEL
from tests.support.wire import Wire

from requesty_core import (
    AsyncRequestyClient,
    ConfigurationError,
    CostLedger,
    RequestyClient,
    RequestyError,
    Timeouts,
    TruncatedStreamError,
)
from requesty_core.loops import loop_transport
from requesty_core.network.aio import LoopTransport
from requesty_core.network.shared import shared_transport
from requesty_core.network.sync import SocketTransport

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
def test_a_stream_given_up_frees_its_connection(serve: Any, give_up: Callable[[Any], None]) -> None:
    server = serve(lambda n: started())
    transport = SocketTransport(no_tls)
    client = RequestyClient(api_key="k", base_url=server.base_url, transport=transport)
    stream = client.stream(model=MODEL, messages=MESSAGES)
    next(stream)
    assert next(stream).text == "Hel"
    assert (transport.in_flight, transport.idle) == (1, 0)
    give_up(stream)
    del stream
    assert eventually(lambda: transport.in_flight == 0)
    assert transport.idle == 0, "a connection in the middle of an answer must not be used again"
    assert server.hung_up.wait(PATIENCE)


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
async def test_an_async_stream_given_up_frees_its_connection(serve: Any, give_up: Any) -> None:
    server = serve(lambda n: started())
    transport = LoopTransport(no_tls)
    client = AsyncRequestyClient(api_key="k", base_url=server.base_url, transport=transport)
    stream = client.stream(model=MODEL, messages=MESSAGES)
    await anext(stream)
    assert (await anext(stream)).text == "Hel"
    assert (transport.in_flight, transport.idle) == (1, 0)
    await give_up(stream, None)
    del stream
    gc.collect()
    assert await aeventually(lambda: transport.in_flight == 0)
    assert transport.idle == 0
    assert await asyncio.to_thread(server.hung_up.wait, 1)


async def test_a_stream_closed_under_its_reader_frees_its_connection(serve: Any) -> None:
    server = serve(lambda n: started())
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
async def test_a_cancelled_task_frees_its_connection(serve: Any, when: str) -> None:
    begun = [head(chunked=True) + http_chunk(sse(chunk({"role": "assistant"}), done=False)), WAIT]
    script = {
        "before the headers": [WAIT],
        "unary": [head(length=9), WAIT],
        "before the first token": begun,
    }
    server = serve(lambda n: script.get(when) or started())
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
        assert await aeventually(lambda: len(server.requests) == 1)
        await asyncio.sleep(0.01)
    assert transport.in_flight == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await aeventually(lambda: transport.in_flight == 0)
    assert await asyncio.to_thread(server.hung_up.wait, 1)


def test_a_stream_read_to_its_end_gives_its_connection_back(serve: Any) -> None:
    server = serve(lambda n: whole())
    transport = SocketTransport(no_tls)
    client = RequestyClient(api_key="k", base_url=server.base_url, transport=transport)
    for _ in range(3):
        assert "".join(client.stream(model=MODEL, messages=MESSAGES).text_stream) == "Hello"
        assert (transport.in_flight, transport.idle) == (0, 1)
    assert server.connections == 1
    client.close()
    assert transport.idle == 0


async def test_an_async_stream_read_to_its_end_gives_its_connection_back(serve: Any) -> None:
    server = serve(lambda n: whole())
    transport = LoopTransport(no_tls)
    async with AsyncRequestyClient(api_key="k", base_url=server.base_url, transport=transport) as client:
        for _ in range(3):
            texts = [t async for t in client.stream(model=MODEL, messages=MESSAGES).text_stream]
            assert texts == ["Hello"]
            assert (transport.in_flight, transport.idle) == (0, 1)
    assert server.connections == 1
    assert transport.idle == 0


def test_a_message_asked_for_too_early_says_so(streaming: Any) -> None:
    client = streaming.client(Wire())
    with pytest.raises(ConfigurationError, match="has not ended"):
        _ = client.stream(model=MODEL, messages=MESSAGES).message


# --- loops, threads, processes, copies --------------------------------------------------------------------------------


def test_one_async_client_serves_one_loop_after_another(serve: Any) -> None:
    server = serve(lambda n: whole() if b'"stream":true' in server.requests[-1] else unstreamed())
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


def test_a_loop_that_ends_with_a_stream_under_way_leaves_nothing_open(serve: Any) -> None:
    server = serve(lambda n: started())
    client = AsyncRequestyClient(api_key="k", base_url=server.base_url)
    kept: list[Any] = []

    async def main() -> None:
        kept.append(client.stream(model=MODEL, messages=MESSAGES))
        await anext(kept[0])

    asyncio.run(main())
    assert server.hung_up.wait(PATIENCE)


def test_loops_in_threads_side_by_side(serve: Any) -> None:
    server = serve(lambda n: unstreamed())
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


def test_sixteen_threads_on_one_client(gateway: Any) -> None:
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


def test_copies_and_pickles_make_calls_of_their_own(serve: Any, way: Any) -> None:
    server = serve(lambda n: whole() if way.streams else unstreamed())
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
def test_a_forked_child_opens_connections_of_its_own(serve: Any) -> None:
    server = serve(lambda n: unstreamed())
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
