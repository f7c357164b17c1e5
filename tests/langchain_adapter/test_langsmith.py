"""LangSmith is sent the billed cost beside the tokens; what LangChain adds up keeps whole numbers only."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

import pytest
from langchain.agents import create_agent
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import BaseCallbackHandler, UsageMetadataCallbackHandler
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langchain_core.tracers import LangChainTracer
from langsmith import Client, tracing_context
from tests.support.wire import Wire, answer

from langchain_requesty import ChatRequesty
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"


class Backend:
    """What LangSmith's address was sent, by run."""

    def __init__(self) -> None:
        runs = self.runs = dict[str, dict[str, Any]]()

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args: Any) -> None:
                pass

            def take(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                if self.path.startswith("/runs") and body:
                    sent = json.loads(body)
                    key = sent.get("id") or self.path.rpartition("/")[2]
                    runs[key] = {**runs.get(key, {}), **sent}
                self.send_response(202)
                self.send_header("content-length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            do_POST = do_PATCH = do_GET = take

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def usage(self) -> dict[str, Any]:
        (run,) = [run for run in self.runs.values() if run.get("run_type") == "llm"]
        found: dict[str, Any] = run["extra"]["metadata"]["usage_metadata"]
        return found


@pytest.fixture
def backend() -> Iterator[Backend]:
    backend = Backend()
    thread = threading.Thread(target=backend.server.serve_forever, daemon=True)
    thread.start()
    yield backend
    backend.server.shutdown()
    backend.server.server_close()
    thread.join(10)


def invoke(llm: Any, config: Any) -> None:
    llm.invoke("Hi", config)


def batch(llm: Any, config: Any) -> None:
    llm.batch(["Hi"], config)


def ainvoke(llm: Any, config: Any) -> None:
    asyncio.run(llm.ainvoke("Hi", config))


def stream(llm: Any, config: Any) -> None:
    list(llm.stream("Hi", config))


async def _read(chunks: Any) -> None:
    async for _ in chunks:
        pass


def astream(llm: Any, config: Any) -> None:
    asyncio.run(_read(llm.astream("Hi", config)))


def astream_events(llm: Any, config: Any) -> None:
    asyncio.run(_read(llm.astream_events("Hi", config, version="v2")))


def stream_events(llm: Any, config: Any) -> None:
    list(llm.stream_events("Hi", config, version="v3"))


def underneath(llm: Any, config: Any) -> None:
    """A whole answer that LangChain streams, as agents do."""
    llm.invoke("Hi", config, stream=True)


def aunderneath(llm: Any, config: Any) -> None:
    asyncio.run(llm.ainvoke("Hi", config, stream=True))


def in_a_chain(llm: Any, config: Any) -> None:
    list((RunnableLambda(lambda text: text) | llm).stream("Hi", config))


def ain_a_chain(llm: Any, config: Any) -> None:
    asyncio.run(_read((RunnableLambda(lambda text: text) | llm).astream("Hi", config)))


WAYS = [
    *(invoke, batch, ainvoke, stream, astream, astream_events, stream_events),
    *(underneath, aunderneath, in_a_chain, ain_a_chain),
]


def tracing(backend: Backend) -> LangChainTracer:
    return LangChainTracer(client=Client(api_url=backend.url, api_key="ls", auto_batch_tracing=False))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_trace_has_the_cost(gateway: GatewayEmulator, settings: dict[str, Any], backend: Backend, way: Any) -> None:
    added = UsageMetadataCallbackHandler()
    llm = ChatRequesty(model=MODEL, **settings)
    for _ in range(2):
        backend.runs.clear()
        way(llm, {"callbacks": [tracing(backend), added]})
    usage = backend.usage()
    assert usage["total_cost"] == pytest.approx(float(gateway.last_request.cost))
    assert usage["total_cost"] > 0
    assert usage["input_tokens"] > 0
    # Two calls were added up, which LangChain does with whole numbers alone.
    (total,) = added.usage_metadata.values()
    assert total["input_tokens"] == 2 * usage["input_tokens"]
    assert "total_cost" not in total


@pytest.mark.parametrize("way", [stream, astream, invoke], ids=lambda way: way.__name__)
def test_tracing_by_environment(gateway: GatewayEmulator, settings: dict[str, Any], backend: Backend, way: Any) -> None:
    client = Client(api_url=backend.url, api_key="ls", auto_batch_tracing=False)
    with tracing_context(enabled=True, client=client):
        way(ChatRequesty(model=MODEL, **settings), None)
    assert backend.usage()["total_cost"] == pytest.approx(float(gateway.last_request.cost))


@pytest.mark.parametrize("way", [stream, astream], ids=lambda way: way.__name__)
def test_a_tracer_of_the_model(gateway: GatewayEmulator, settings: dict[str, Any], backend: Backend, way: Any) -> None:
    way(ChatRequesty(model=MODEL, callbacks=[tracing(backend)], **settings), None)
    assert backend.usage()["total_cost"] == pytest.approx(float(gateway.last_request.cost))


@pytest.mark.parametrize("mode", ["invoke", "stream", "messages", "astream"])
def test_every_call_of_an_agent_has_its_cost(
    gateway: GatewayEmulator, settings: dict[str, Any], backend: Backend, mode: str
) -> None:
    gateway.say(tool_calls=[{"name": "tide", "arguments": {"place": "Oslo"}, "id": "call_1"}])
    gateway.say(text="Three metres.")

    @tool
    def tide(place: str) -> str:
        """The tide at a place."""
        return f"3 m at {place}"

    agent: Any = create_agent(ChatRequesty(model=MODEL, **settings), [tide])
    asked: Any = {"messages": [("user", "What is the tide in Oslo?")]}
    config: Any = {"callbacks": [tracing(backend)]}
    if mode == "invoke":
        agent.invoke(asked, config)
    elif mode == "astream":
        asyncio.run(_read(agent.astream(asked, config, stream_mode="messages")))
    else:
        list(agent.stream(asked, config, stream_mode="messages" if mode == "messages" else "updates"))
    runs = [run for run in backend.runs.values() if run.get("run_type") == "llm"]
    told = sorted(run["extra"]["metadata"]["usage_metadata"]["total_cost"] for run in runs)
    assert told == pytest.approx(sorted(float(request.cost) for request in gateway.requests))
    assert len(told) == 2


def test_calls_at_the_same_time_have_each_their_own(
    gateway: GatewayEmulator, settings: dict[str, Any], backend: Backend
) -> None:
    llm = ChatRequesty(model=MODEL, **settings)

    async def all_at_once() -> None:
        config: Any = {"callbacks": [tracing(backend)]}
        await asyncio.gather(*(_read(llm.astream("Hi " * 10 * number, config)) for number in range(1, 6)))

    asyncio.run(all_at_once())
    runs = [run["extra"]["metadata"]["usage_metadata"] for run in backend.runs.values()]
    told = sorted(run["total_cost"] for run in runs)
    assert told == pytest.approx(sorted(float(request.cost) for request in gateway.requests))
    assert len(set(told)) == 5


def test_an_answer_from_the_cache_costs_nothing(settings: dict[str, Any], backend: Backend) -> None:
    llm = ChatRequesty(model=MODEL, cache=InMemoryCache(), **settings)
    llm.invoke("Hi")
    llm.invoke("Hi", {"callbacks": [tracing(backend)]})
    assert backend.usage()["total_cost"] == 0


def test_a_stream_left_early_tells_no_cost(settings: dict[str, Any], backend: Backend) -> None:
    chunks: Any = ChatRequesty(model=MODEL, **settings).stream("Hi", {"callbacks": [tracing(backend)]})
    next(chunks)
    chunks.close()
    (run,) = backend.runs.values()
    assert run["error"]
    assert "total_cost" not in json.dumps(run["extra"])


@pytest.mark.parametrize("way", [stream, astream], ids=lambda way: way.__name__)
def test_an_untraced_run_keeps_its_configuration(settings: dict[str, Any], way: Any) -> None:
    seen = []

    class Watch(BaseCallbackHandler):
        def on_chat_model_start(self, *args: Any, **kwargs: Any) -> None:
            seen.append((kwargs["run_id"], kwargs["tags"], kwargs["metadata"]["shift"]))

    run_id = uuid4()
    config = {"callbacks": [Watch()], "tags": ["night"], "metadata": {"shift": 3}, "run_id": run_id}
    way(ChatRequesty(model=MODEL, **settings), config)
    assert seen == [(run_id, ["night"], 3)]


@pytest.mark.parametrize("way", [invoke, stream, astream, underneath], ids=lambda way: way.__name__)
def test_an_unknown_cost_is_not_told(backend: Backend, way: Any) -> None:
    wire = Wire(answer(usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}))
    llm = ChatRequesty(model=MODEL, api_key="k", http_client=wire.transport, http_async_client=wire.transport)
    way(llm, {"callbacks": [tracing(backend)]})
    assert backend.usage()["input_tokens"] == 3
    assert "total_cost" not in backend.usage()
