"""Capacity: how the emulator on one processor and the core on the other carry many paced streams at once.

Run: ``python benchmarks/paced.py [STREAMS]`` (default 500). Every stream has 20 chunks a second for 5 seconds; an
error, or a stream that is not read to its end, ends the run with status 1.
"""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import os
import statistics
import sys
import time
from multiprocessing.connection import Connection

from requesty_core import AsyncRequestyClient, TextDelta

PACE, CHUNKS = 0.05, 100
MODEL = "openai/gpt-4o-mini"


def serve(pipe: Connection) -> None:
    """The emulator in a process of its own, until told to stop; then its CPU seconds."""
    from requesty_emulator import GatewayEmulator

    if len(cpus := sorted(os.sched_getaffinity(0))) > 1:
        os.sched_setaffinity(0, {cpus[1]})
    with GatewayEmulator(chunk_delay=PACE) as gateway:
        gateway.say(text="x " * CHUNKS, pieces=["x "] * CHUNKS, times=100_000)
        pipe.send((gateway.base_url, gateway.api_key))
        pipe.recv()
        pipe.send(time.process_time())


async def read(client: AsyncRequestyClient) -> float:
    """Seconds one stream took."""
    started = time.perf_counter()
    seen = 0
    async with client.stream(model=MODEL, messages=[{"role": "user", "content": "go"}]) as stream:
        async for event in stream:
            seen += isinstance(event, TextDelta)
    if seen != CHUNKS:
        raise RuntimeError(f"{seen} of {CHUNKS} chunks came")
    return time.perf_counter() - started


async def main(streams: int, url: str, key: str) -> int:
    """Run them and print what it took."""
    client = AsyncRequestyClient(base_url=url, api_key=key, max_retries=0)
    started, cpu = time.perf_counter(), time.process_time()
    results = await asyncio.gather(*(read(client) for _ in range(streams)), return_exceptions=True)
    took, used = time.perf_counter() - started, time.process_time() - cpu
    failed = [result for result in results if isinstance(result, BaseException)]
    times = [result for result in results if isinstance(result, float)]
    print(f"{streams} streams of {CHUNKS} chunks at {1 / PACE:.0f}/s: {len(failed)} errors, {took:.1f} s in all")
    if times:
        print(f"a stream took {statistics.median(times):.2f} s (median), {max(times):.2f} s (longest)")
    print(f"client CPU {used:.2f} s, {used / streams / CHUNKS * 1e6:.0f} us a chunk")
    for error in failed[:3]:
        print(f"  {error!r}")
    return 1 if failed else 0


if __name__ == "__main__":
    here, there = mp.Pipe()
    server = mp.get_context("spawn").Process(target=serve, args=(there,), daemon=True)
    server.start()
    place = here.recv()
    if len(processors := sorted(os.sched_getaffinity(0))) > 1:
        os.sched_setaffinity(0, {processors[0]})
    status = asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500, *place))
    here.send("stop")
    print(f"emulator CPU {here.recv():.2f} s")
    server.join(5)
    sys.exit(status)
