"""LangSmith is sent the billed cost beside the tokens; what LangChain adds up keeps whole numbers only."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.tracers import LangChainTracer
from langsmith import Client
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


def ask(llm: ChatRequesty, mode: str, callbacks: list[Any]) -> Any:
    config: Any = {"callbacks": callbacks}
    if mode == "invoke":
        return llm.invoke("Hi", config)
    if mode == "batch":
        return llm.batch(["Hi"], config)
    return asyncio.run(llm.ainvoke("Hi", config))


@pytest.mark.parametrize("mode", ["invoke", "batch", "ainvoke"])
def test_a_trace_has_the_cost(gateway: GatewayEmulator, settings: dict[str, Any], backend: Backend, mode: str) -> None:
    client = Client(api_url=backend.url, api_key="ls", auto_batch_tracing=False)
    added = UsageMetadataCallbackHandler()
    llm = ChatRequesty(model=MODEL, **settings)
    for _ in range(2):
        backend.runs.clear()
        ask(llm, mode, [LangChainTracer(client=client), added])
    usage = backend.usage()
    assert usage["total_cost"] == pytest.approx(float(gateway.last_request.cost))
    assert usage["total_cost"] > 0
    assert usage["input_tokens"] > 0
    # Two calls were added up, which LangChain does with whole numbers alone.
    (total,) = added.usage_metadata.values()
    assert total["input_tokens"] == 2 * usage["input_tokens"]
    assert "total_cost" not in total


def test_an_unknown_cost_is_not_told(backend: Backend) -> None:
    wire = Wire(answer(usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}))
    client = Client(api_url=backend.url, api_key="ls", auto_batch_tracing=False)
    llm = ChatRequesty(model=MODEL, api_key="k", http_client=wire.transport)
    ask(llm, "invoke", [LangChainTracer(client=client)])
    assert backend.usage()["input_tokens"] == 3
    assert "total_cost" not in backend.usage()
