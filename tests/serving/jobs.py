"""Jobs as production processes run them, through one adapter, and what is left of them afterwards.

``python -m tests.serving.jobs DRIVER BASE_URL KEY JOBS [CONDITION ...]`` prints JSON: for each condition the calls that
were made, the cost that the ledger added up, and the problems. A process of its own, because descriptors, threads and
event loops are counted.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.model import Ask, Driver

from requesty_core import CostLedger

MODEL = "openai/gpt-4o-mini"
TENANT: ContextVar[str] = ContextVar("tenant", default="")
BATCH_SIZE = {"LangChain": "chunk_size", "LlamaIndex": "embed_batch_size", "Haystack": "batch_size"}
SPARE = 8
"""Descriptors, threads and loops that may be there besides what was there before: a pool's, a thread's that ends."""
PATIENCE = 60.0


@dataclass
class Work:
    """One adapter's object, and what is known of the calls it made."""

    driver: Driver
    settings: dict[str, Any]
    ledger: CostLedger = field(default_factory=CostLedger)
    problems: list[str] = field(default_factory=list)
    calls: int = 0
    embeddings: int = 0
    built: Any = None
    numbers: Any = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.settings |= {"ledger": self.ledger, "on_event": self._on_event}
        self.built = self.driver.build(MODEL, **self.settings)

    def _on_event(self, event: Any) -> None:
        if not TENANT.get():
            self.problems.append(f"{type(event).__name__} came without the context of its call")

    def _question(self) -> tuple[str, Ask]:
        number = next(self.numbers)
        TENANT.set(f"tenant {number}")
        return f"job {number} ", Ask(messages=({"role": "user", "content": f"job {number} : say blue"},))

    def _note(self, name: str, text: str, calls: int = 1) -> None:
        self.calls += calls
        if name not in text:
            self.problems.append(f"{name!r} was answered {text!r}")

    def job(self) -> None:
        """One call and one stream."""
        for way in (self.driver.call, self.driver.stream):
            name, ask = self._question()
            self._note(name, way(self.built, ask).text)

    async def ajob(self) -> None:
        """One call and one stream on the running loop."""
        for way in (self.driver.acall, self.driver.astream):
            name, ask = self._question()
            self._note(name, (await way(self.built, ask)).text)

    def embed(self) -> None:
        """Three batches side by side, where the adapter has a setting for their size."""
        TENANT.set("embeds")
        size = BATCH_SIZE.get(self.driver.name)
        found = self.driver.embed(list("abcdef"), self.settings | ({size: 2} if size else {}))
        batches = 3 if size else 1
        self.calls += batches
        self.embeddings += batches
        if len(found.vectors) != 6:
            self.problems.append(f"{len(found.vectors)} vectors of 6 texts")


def asyncio_run(work: Work, jobs: int) -> None:
    """``asyncio.run`` for each job."""
    for _ in range(jobs):
        asyncio.run(work.ajob())


def new_loop(work: Work, jobs: int) -> None:
    """A loop made by hand for each job, and closed without the finalisers of its generators."""
    for _ in range(jobs):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(work.ajob())
        loop.close()


def thread_per_call(work: Work, jobs: int) -> None:
    """A thread for each job, four at a time; every tenth embeds."""
    for start in range(0, jobs, 4):
        targets = [work.embed if number % 10 == 9 else work.job for number in range(start, min(jobs, start + 4))]
        threads = [threading.Thread(target=target) for target in targets]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            if thread.is_alive():
                work.problems.append("a job did not end")


def fork_under_load(work: Work, jobs: int) -> None:
    """Children forked while other threads call; each does a job and ends."""
    stop = threading.Event()

    def load() -> None:
        while not stop.is_set():
            work.job()

    with ThreadPoolExecutor(3) as pool:
        loads = [pool.submit(load) for _ in range(3)]
        for _ in range(max(2, jobs // 50)):
            child = os.fork()
            if child == 0:
                _in_child(work)
            if not _ended_well(child):
                work.problems.append("a forked child hung or failed")
        stop.set()
        for one in loads:
            one.result(PATIENCE)


def _in_child(work: Work) -> None:
    code = 1
    try:
        before = len(work.problems)
        work.job()
        asyncio.run(work.ajob())
        code = 0 if len(work.problems) == before else 2
    finally:
        os._exit(code)


def _ended_well(child: int) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


def eager_tasks(work: Work, jobs: int) -> None:
    """Many tasks that begin to run where they are made."""

    async def main() -> None:
        if sys.version_info >= (3, 12):
            asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
        await _many(work, jobs)

    asyncio.run(main())


def uvloop(work: Work, jobs: int) -> None:
    """uvloop: one loop with many tasks, then a loop for each job."""
    import uvloop as library

    with asyncio.Runner(loop_factory=library.new_event_loop) as runner:
        runner.run(_many(work, jobs // 2))
    for _ in range(jobs - jobs // 2):
        with asyncio.Runner(loop_factory=library.new_event_loop) as runner:
            runner.run(work.ajob())


async def _many(work: Work, jobs: int) -> None:
    left = iter(range(jobs))

    async def worker() -> None:
        for _ in left:
            await work.ajob()

    await asyncio.gather(*(worker() for _ in range(16)))


def frozen_process(work: Work, jobs: int) -> None:
    """A loop and a client that stay while the process does not run: the gateway has closed what was idle."""
    loop = asyncio.new_event_loop()
    pause = float(os.environ.get("FROZEN_SECONDS", "0.5"))
    try:
        for _ in range(max(2, jobs // 300)):
            loop.run_until_complete(work.ajob())
            copy_context().run(work.job)
            time.sleep(pause)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


CONDITIONS: dict[str, Callable[[Work, int], None]] = {
    one.__name__: one
    for one in (asyncio_run, new_loop, thread_per_call, fork_under_load, eager_tasks, uvloop, frozen_process)
}


def held() -> dict[str, int]:
    """What the process holds: descriptors, threads, event loops and tasks."""
    for _ in range(3):
        gc.collect()
    objects = gc.get_objects()
    loops = sum(_is(thing, asyncio.AbstractEventLoop) for thing in objects)
    return {
        "descriptors": len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0,
        "threads": threading.active_count(),
        "loops": loops,
        "tasks": sum(_is(thing, asyncio.Task) for thing in objects),
    }


def _is(thing: Any, kind: type) -> bool:
    # Proxies raise what they like when they are asked for their class.
    return issubclass(type(thing), kind)


def tried(
    condition: Callable[[Work, int], None], driver: Driver, settings: dict[str, Any], jobs: int
) -> dict[str, Any]:
    """One condition, after a first round that imports and opens what stays."""
    warm = Work(driver, dict(settings))
    condition(warm, 4)
    warm.embed()
    before = held()
    work = Work(driver, dict(settings))
    condition(work, jobs)
    after = _settled(before)
    for name, count in after.items():
        if count > before[name] + SPARE:
            work.problems.append(f"{name}: {before[name]} before, {count} after {jobs} jobs")
    total = work.ledger.snapshot().total
    if condition is not fork_under_load and total.calls != work.calls:
        work.problems.append(f"{work.calls} calls, {total.calls} in the ledger")
    # The gateway does not tell what embeddings cost.
    if total.unknown != work.embeddings:
        work.problems.append(f"{total.unknown} calls of unknown cost")
    return {
        "calls": warm.calls + work.calls,
        "cost": str(warm.ledger.total.cost + total.cost),
        "held": after,
        "problems": sorted(set(work.problems)),
    }


def _settled(before: dict[str, int]) -> dict[str, int]:
    """What is held once threads and connections that are about to end have ended."""
    end = time.monotonic() + 5
    after = held()
    while time.monotonic() < end and any(after[name] > before[name] + SPARE for name in after):
        time.sleep(0.1)
        after = held()
    return after


def main(arguments: Iterable[str]) -> None:
    """See the module."""
    from tests.conformance.matrix import driver_of

    name, url, key, jobs, *conditions = arguments
    settings = {"base_url": url, "api_key": key, "max_retries": 0}
    found = {}
    for condition in conditions or CONDITIONS:
        found[condition] = tried(CONDITIONS[condition], driver_of(name), settings, int(jobs))
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
