"""The page "In production": its applications under the servers it names, its workers, and other ways of running."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import multiprocessing
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from tests.serving import pool
from tests.support.waiting import eventually

from requesty_core import Budget, CostLedger
from requesty_emulator import GatewayEmulator

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "concepts" / "production.md").read_text(encoding="utf-8")
PATIENCE = 30.0

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="these servers need POSIX")


def from_the_page(name: str) -> str:
    """The block of the page with this title."""
    found = re.search(rf'^```python title="{re.escape(name)}"\n(.*?)^```$', PAGE, re.M | re.S)
    assert found is not None
    return found[1]


def environment(gateway: GatewayEmulator, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "REQUESTY_BASE_URL": gateway.base_url,
        "REQUESTY_API_KEY": gateway.api_key,
        "HAYSTACK_TELEMETRY_ENABLED": "false",
        "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT / "integrations"), str(ROOT)]),
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(command: list[str], gateway: GatewayEmulator, folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server that runs in a folder; it ends well when it is asked to."""
    log = folder / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=folder, env=environment(gateway, folder), stdout=out, stderr=out
        )
        try:
            assert eventually(lambda: server.poll() is not None or listens(port), PATIENCE)
            assert server.poll() is None, log.read_text()
            yield server
            server.send_signal(signal.SIGTERM)
            code = server.wait(PATIENCE)
            # uvicorn raises the signal again once it has ended in good order.
            assert code in (0, -signal.SIGTERM), log.read_text()
            assert "Traceback" not in log.read_text()
        finally:
            server.kill()
            server.wait()


def listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


def get(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status == 200, text
        return text
    finally:
        connection.close()


ASGI = {
    "uvicorn": ["uvicorn", "app:app", "--port", "{port}", "--loop", "asyncio"],
    "uvicorn on uvloop": ["uvicorn", "app:app", "--port", "{port}", "--loop", "uvloop"],
    "gunicorn": ["gunicorn", "-k", "asgi", "--workers", "1", "-b", "127.0.0.1:{port}", "app:app"],
}


@pytest.mark.parametrize("name", ASGI)
def test_the_application(tmp_path: Path, name: str) -> None:
    (tmp_path / "app.py").write_text(from_the_page("app.py"), encoding="utf-8")
    port = free_port()
    with GatewayEmulator() as gateway:
        command = [word.format(port=port) for word in ASGI[name]]
        with serving(command, gateway, tmp_path, port):
            ask = [f"/chat?question={quote(f'job {number} : say blue')}" for number in range(8)]
            ask += [path.replace("/chat?", "/chat/sync?") for path in ask]
            with ThreadPoolExecutor(8) as threads:
                for path, text in zip(ask, threads.map(lambda path: get(port, path), ask), strict=True):
                    number = re.search(r"job%20(\d+)", path)
                    assert number is not None
                    assert f"job {number[1]} " in text
            a_visitor_leaves(gateway, port)
            health = json.loads(get(port, "/health"))
            assert 0 < Decimal(health["cost"]) <= gateway.billed
            assert health["unknown"] == 1
            assert health["calls"] == []
            in_flight(gateway, port)


def a_visitor_leaves(gateway: GatewayEmulator, port: int) -> None:
    """The stream ends with its visitor."""
    gateway.fault(chunk_delay=0.3, times=1)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/chat?question=Tell%20me%20more")
    assert connection.getresponse().read(1)
    connection.close()
    assert eventually(lambda: gateway.requests[-1].disconnected, PATIENCE)
    assert eventually(lambda: json.loads(get(port, "/health"))["calls"] == [], PATIENCE)


def in_flight(gateway: GatewayEmulator, port: int) -> None:
    """What is under way shows on the health route."""
    gateway.fault(delay=1.0, times=1)
    caller = threading.Thread(target=get, args=(port, "/chat/sync?question=Hi"))
    caller.start()
    assert eventually(lambda: len(json.loads(get(port, "/health"))["calls"]) == 1, PATIENCE)
    caller.join()


def test_a_model_made_before_the_fork(tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").write_text(from_the_page("wsgi.py"), encoding="utf-8")
    port = free_port()
    with GatewayEmulator() as gateway:
        command = ["gunicorn", "--preload", "--workers", "3", "-b", f"127.0.0.1:{port}", "wsgi:application"]
        with serving(command, gateway, tmp_path, port), ThreadPoolExecutor(6) as threads:
            questions = [f"job {number} " for number in range(30)]
            paths = [f"/?question={quote(question + ': say blue')}" for question in questions]
            for question, text in zip(questions, threads.map(lambda path: get(port, path), paths), strict=True):
                assert question in text
        assert len(gateway.requests) == 30


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_process_pools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    for name, value in environment_of_workers().items():
        monkeypatch.setenv(name, value)
    with GatewayEmulator() as gateway:
        monkeypatch.setenv("REQUESTY_BASE_URL", gateway.base_url)
        monkeypatch.setenv("REQUESTY_API_KEY", gateway.api_key)
        ledger = CostLedger(tmp_path / "spend.db")
        given = pool.Given.made(ledger, Budget(1, store=tmp_path / "spend.db"))
        for adapter in pool.ADAPTERS:
            assert given.ask(adapter, 1000)
        context = multiprocessing.get_context(method)
        with ProcessPoolExecutor(2, mp_context=context) as workers:
            jobs = [(adapter, number) for number in range(3) for adapter in pool.ADAPTERS]
            asked = [workers.submit(given.ask, *job) for job in jobs]
            for (_, number), answer in zip(jobs, asked, strict=True):
                assert f"job {number} " in answer.result(PATIENCE)
        ledger.flush()
        assert ledger.history.total().cost == gateway.billed
        assert ledger.history.total().calls == len(gateway.requests) == 4 * len(pool.ADAPTERS)


def environment_of_workers() -> dict[str, str]:
    path = os.pathsep.join([str(ROOT / "integrations"), str(ROOT)])
    return {"PYTHONPATH": path, "HAYSTACK_TELEMETRY_ENABLED": "false"}


def in_a_process(code: str, gateway: GatewayEmulator, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(gateway, folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_gevent_waits_cooperatively(tmp_path: Path) -> None:
    code = """
from gevent import monkey; monkey.patch_all()
import gevent, time
from requesty_core import RequestyClient
client = RequestyClient()
def ask(number):
    call = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": f"job {number} : say blue"}]}
    text, stream = client.chat(**call).text, client.stream(**call)
    return f"job {number} " in text and f"job {number} " in "".join(stream.text_stream)
began = time.monotonic()
jobs = [gevent.spawn(ask, number) for number in range(20)]
gevent.joinall(jobs, timeout=60)
print(all(job.value for job in jobs))
"""
    with GatewayEmulator(delay=0.1) as gateway:
        assert in_a_process(code, gateway, tmp_path).split() == ["True"]
        seen = [(request.started, request.finished) for request in gateway.requests]
    # They overlap: more than one was being answered at a time.
    assert any(later[0] < earlier[1] for earlier, later in itertools.pairwise(seen) if earlier[1])


def test_nested_loops(tmp_path: Path) -> None:
    code = """
import asyncio, nest_asyncio
nest_asyncio.apply()
from langchain_requesty import ChatRequesty
from pydantic_ai import Agent
from pydantic_ai_requesty import RequestyModel
from requesty_core import AsyncRequestyClient
client, model = AsyncRequestyClient(), ChatRequesty(model="openai/gpt-4o-mini")
ask = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
async def inner():
    pieces = [chunk.text async for chunk in model.astream("Hi")]
    return (await client.chat(**ask)).text, "".join(pieces)
async def cell():
    first = asyncio.run(inner())
    agent = Agent(RequestyModel("openai/gpt-4o-mini")).run_sync("Hi").output
    return first, await inner(), agent
first, second, agent = asyncio.run(cell())
print(len({*first, *second}), bool(agent))
"""
    with GatewayEmulator() as gateway:
        assert in_a_process(code, gateway, tmp_path).split() == ["1", "True"]


def test_a_frozen_collector(tmp_path: Path) -> None:
    code = """
import gc, threading
from requesty_core import RequestyClient
client = RequestyClient()
ask = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
client.chat(**ask)
gc.collect(); gc.freeze()
for _ in range(50):
    stream = client.stream(**ask)
    next(iter(stream))
    del stream
print(client.chat(**ask).finish_reason, threading.active_count() < 5)
"""
    with GatewayEmulator() as gateway:
        assert in_a_process(code, gateway, tmp_path).split() == ["stop", "True"]
        assert gateway.wait_idle(PATIENCE)


def test_a_stopped_process_goes_on(tmp_path: Path) -> None:
    code = """
import asyncio, sys, time
from requesty_core import AsyncRequestyClient, CostLedger, RequestyClient
ask = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Hi"}]}
ledger = CostLedger()
settings = dict(max_retries=0, ledger=ledger, fallbacks=["openai/gpt-4o"])
sync, shared, loop = RequestyClient(**settings), AsyncRequestyClient(**settings), asyncio.new_event_loop()
for turn in range(2):
    replies = [sync.chat(**ask), loop.run_until_complete(shared.chat(**ask))]
    print([len(reply.attempts) for reply in replies], [reply.requested_model for reply in replies], flush=True)
    sys.stdin.readline()
"""
    with GatewayEmulator(keep_alive=0.2) as gateway:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment(gateway, tmp_path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            assert process.stdout.readline()
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.6)
            process.send_signal(signal.SIGCONT)
            process.stdin.write("\n\n")
            process.stdin.flush()
            assert process.stdout.readline() == "[1, 1] ['openai/gpt-4o-mini', 'openai/gpt-4o-mini']\n"
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            process.communicate()


def test_every_way_of_running_is_on_the_page() -> None:
    said: list[Any] = ["--loop uvloop", "gunicorn -k asgi", "--preload", "gevent", "nest_asyncio", "gc.freeze()"]
    assert [word for word in said if word not in PAGE] == []
