"""Core against the hand-written floor (httpx and the json module), as ratios from one run.

Client CPU (user + system) of this process; the server has a process and, where possible, a processor of its own. Each
round runs floor and core in turn; the ratio is of the medians. Run: ``make bench-quick``.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from pathlib import Path

import httpx

from requesty_core import AsyncRequestyClient, RequestyClient

ROUNDS = 9
MESSAGES = [{"role": "user", "content": "From how far away can the light be seen?"}]
KEY = "bench"
HEAD = {"Authorization": f"Bearer {KEY}"}


@contextmanager
def server():
    """The replay server's base URL."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("server.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        cpus = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []
        if len(cpus) > 1:
            os.sched_setaffinity(process.pid, {cpus[1]})
            os.sched_setaffinity(0, {cpus[0]})
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.stdin.close()
        process.wait(5)


def cpu(run: Callable[[], object]) -> float:
    """CPU seconds of this process in one run."""
    start = time.process_time()
    run()
    return time.process_time() - start


def compare(
    name: str, unit: str, per: int, floor: Callable[[], object], core: Callable[[], object], target: str
) -> None:
    """Print one row: floor, core, ratio, target."""
    floor(), core()
    pairs = [(cpu(floor), cpu(core)) for _ in range(ROUNDS)]
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    scale = {"us": 1e6, "ms": 1e3}[unit] / per
    print(f"{name:42}{a * scale:10.1f}{b * scale:10.1f} {unit}{b / a:8.2f}   {target}", flush=True)


def floor_stream(client: httpx.Client, url: str, model: str) -> str:
    """What one writes by hand: iter_lines and json.loads."""
    parts = []
    body = {"model": model, "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    with client.stream("POST", f"{url}/chat/completions", json=body, headers=HEAD) as response:
        for line in response.iter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                chunk = json.loads(line[6:])
                if chunk["choices"]:
                    parts.append(chunk["choices"][0]["delta"].get("content") or "")
    return "".join(parts)


async def floor_astream(client: httpx.AsyncClient, url: str, model: str) -> str:
    """The same on an event loop."""
    parts = []
    body = {"model": model, "messages": MESSAGES, "stream": True, "stream_options": {"include_usage": True}}
    async with client.stream("POST", f"{url}/chat/completions", json=body, headers=HEAD) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                chunk = json.loads(line[6:])
                if chunk["choices"]:
                    parts.append(chunk["choices"][0]["delta"].get("content") or "")
    return "".join(parts)


def floor_chat(client: httpx.Client, url: str) -> str:
    """One request by hand."""
    body = {"model": "bench/unary", "messages": MESSAGES}
    return client.post(f"{url}/chat/completions", json=body, headers=HEAD).json()["choices"][0]["message"]["content"]


def floor_embed(client: httpx.Client, url: str, model: str) -> list[list[float]]:
    """One embeddings request by hand."""
    answer = client.post(f"{url}/embeddings", json={"model": model, "input": ["x"] * 100}, headers=HEAD).json()
    vectors = [d["embedding"] for d in sorted(answer["data"], key=lambda d: d["index"])]
    if isinstance(vectors[0], str):
        return [list(struct.unpack(f"<{len(b) // 4}f", b)) for b in map(base64.b64decode, vectors)]
    return vectors


def drain(stream: object) -> None:
    """Read a stream to its end."""
    for _ in stream:  # type: ignore[attr-defined]
        pass


async def adrain(stream: object) -> None:
    """Read an asynchronous stream to its end."""
    async for _ in stream:  # type: ignore[attr-defined]
        pass


async def fifty(call: Callable[[], Awaitable[object]]) -> None:
    """500 calls, 50 at a time."""
    room = asyncio.Semaphore(50)

    async def one() -> None:
        async with room:
            await call()

    await asyncio.gather(*(one() for _ in range(500)))


def fresh(code: str) -> float:
    """CPU seconds of a fresh interpreter that runs ``code``, beyond an empty one."""

    def once(source: str) -> float:
        before = os.times()
        subprocess.run([sys.executable, "-c", source], check=True)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    return statistics.median(once(code) for _ in range(5)) - statistics.median(once("pass") for _ in range(5))


def main() -> None:
    """Print the table."""
    print(f"{'':42}{'httpx+json':>10}{'core':>10}   {'ratio':>8}   target")
    with server() as url:
        settings = {"api_key": KEY, "base_url": url, "max_retries": 0}
        by_hand, core = httpx.Client(), RequestyClient(**settings)
        for chunks in (500, 2000, 8000):
            model = f"bench/stream-{chunks}"
            compare(
                f"stream of {chunks}, sync, per chunk",
                "us",
                chunks,
                lambda m=model: floor_stream(by_hand, url, m),
                lambda m=model: drain(core.stream(model=m, messages=MESSAGES)),
                "<= 0.75",
            )
        compare(
            "tool arguments of 2000 pieces, per chunk",
            "us",
            2000,
            lambda: floor_stream(by_hand, url, "bench/tool-2000"),
            lambda: drain(core.stream(model="bench/tool-2000", messages=MESSAGES)),
            "<= 0.75",
        )
        loop = asyncio.new_event_loop()
        by_hand_async, acore = (
            httpx.AsyncClient(limits=httpx.Limits(max_connections=100)),
            AsyncRequestyClient(**settings),
        )
        compare(
            "stream of 2000, async, per chunk",
            "us",
            2000,
            lambda: loop.run_until_complete(floor_astream(by_hand_async, url, "bench/stream-2000")),
            lambda: loop.run_until_complete(adrain(acore.stream(model="bench/stream-2000", messages=MESSAGES))),
            "<= 0.75",
        )
        compare(
            "request, one after another",
            "us",
            200,
            lambda: [floor_chat(by_hand, url) for _ in range(200)],
            lambda: [core.chat(model="bench/unary", messages=MESSAGES) for _ in range(200)],
            "<= 0.95",
        )

        async def post() -> None:
            body = {"model": "bench/unary", "messages": MESSAGES}
            (await by_hand_async.post(f"{url}/chat/completions", json=body, headers=HEAD)).json()

        compare(
            "request, 50 at a time, async",
            "us",
            500,
            lambda: loop.run_until_complete(fifty(post)),
            lambda: loop.run_until_complete(fifty(lambda: acore.chat(model="bench/unary", messages=MESSAGES))),
            "<= 0.20",
        )
        for kind, target in (("floats", "<= 0.35"), ("base64", "<= 0.95")):
            compare(
                f"embeddings 100 x 1536, {kind}",
                "ms",
                1,
                lambda k=kind: floor_embed(by_hand, url, f"bench/{k}"),
                lambda k=kind: core.embeddings(model=f"bench/{k}", input=["x"] * 100).vectors,
                target,
            )
        loop.run_until_complete(by_hand_async.aclose())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    base, ours = fresh("import httpx, msgspec"), fresh("from requesty_core import AsyncRequestyClient, RequestyClient")
    name = "import (floor: httpx and msgspec)"
    print(f"{name:42}{base * 1e3:10.0f}{ours * 1e3:10.0f} ms{ours / base:8.2f}   + <= 130 ms")
    RequestyClient(api_key=KEY)
    start = time.process_time()
    for _ in range(1000):
        RequestyClient(api_key=KEY)
    print(f"{'second constructor':42}{'':10}{(time.process_time() - start):10.3f} ms{'':8}   <= 0.5 ms")


if __name__ == "__main__":
    main()
