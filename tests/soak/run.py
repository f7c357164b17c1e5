"""Calls against a gateway that breaks at random: every call is right or a typed error. Run: ``make soak``.

``make soak ARGS="--seeds 20 --seconds 9"``. Each seed runs the synchronous client in threads, the asynchronous one on
asyncio and, where it is installed, on uvloop, and the OpenAI SDK on top of the core. At its end the ledger equals the
bill, and descriptors, threads and tasks are what they were.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from requesty_core import AsyncRequestyClient, CostLedger, FallbackPolicy, RequestyClient, RetryPolicy, Timeouts
from requesty_core.errors import RequestyError
from requesty_core.network import shared
from requesty_core.network.aio import LoopTransport
from server import COST, BrokenGateway

WORKERS = 8
SETTINGS: dict[str, Any] = {
    "api_key": "soak",
    "timeout": Timeouts(connect=5, read=1.0, write=5, total=8),
    "max_retries": 1,
    "fallback_policy": FallbackPolicy(retry=RetryPolicy(base=0.001, cap=0.01), cooldown=0),
    "max_connections": WORKERS // 2,
}


@dataclass
class Report:
    """What one seed came to."""

    outcomes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)

    def add(self, wanted: str, got: str | BaseException) -> None:
        """One call's end."""
        if isinstance(got, RequestyError):
            self.outcomes[type(got).__name__] += 1
        elif isinstance(got, BaseException):
            self.problems.append(f"not typed: {got!r}")
        elif got == wanted:
            self.outcomes["right"] += 1
        else:
            self.problems.append(f"another call's answer: {got!r} instead of {wanted!r}")


def question(dice: random.Random, number: int) -> tuple[str, list[dict[str, str]]]:
    """A text of its own for each call, sometimes a long one; the answer is its beginning."""
    text = f"q{number:06d}".ljust(16, "-")
    return text, [{"role": "user", "content": text + "x" * dice.choice((0, 0, 0, 100_000, 1_000_000))}]


def in_threads(url: str, dice: random.Random, until: float, ledger: CostLedger, report: Report) -> None:
    """The synchronous client."""
    client = RequestyClient(base_url=url, ledger=ledger, **SETTINGS)

    def call(job: tuple[str, list[dict[str, str]], bool]) -> tuple[str, str | BaseException]:
        wanted, messages, streams = job
        try:
            if streams:
                return wanted, "".join(client.stream(model="m", messages=messages).text_stream)
            return wanted, client.chat(model="m", messages=messages).text
        except Exception as exc:  # noqa: BLE001 -- what is not typed is what is looked for
            return wanted, exc

    number = 0
    with ThreadPoolExecutor(WORKERS) as pool:
        while time.monotonic() < until:
            jobs = [(*question(dice, number + i), dice.random() < 0.5) for i in range(WORKERS * 2)]
            number += len(jobs)
            for wanted, got in pool.map(call, jobs):
                report.add(wanted, got)


def on_loop(
    make: Callable[[], asyncio.AbstractEventLoop] | None, *, gives_up: bool = False
) -> Callable[[str, random.Random, float, CostLedger, Report], None]:
    """The asynchronous client on a loop made by ``make``; with ``gives_up`` every call is cancelled after a moment."""

    async def main(url: str, dice: random.Random, until: float, ledger: CostLedger, report: Report) -> None:
        client = AsyncRequestyClient(base_url=url, ledger=ledger, **SETTINGS)

        async def call(wanted: str, messages: list[dict[str, str]], streams: bool) -> None:
            async def ask() -> str:
                if streams:
                    return "".join([t async for t in client.stream(model="m", messages=messages).text_stream])
                return (await client.chat(model="m", messages=messages)).text

            try:
                async with asyncio.timeout(dice.random() * 0.02 if gives_up else None):
                    got: str | BaseException = await ask()
            except TimeoutError as exc:
                if gives_up and not isinstance(exc, RequestyError):
                    report.outcomes["given up"] += 1
                    return
                got = exc
            except Exception as exc:  # noqa: BLE001 -- what is not typed is what is looked for
                got = exc
            report.add(wanted, got)

        number = 0
        while time.monotonic() < until:
            jobs = [call(*question(dice, number + i), dice.random() < 0.5) for i in range(WORKERS * 2)]
            number += len(jobs)
            await asyncio.gather(*jobs)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if left:
            report.problems.append(f"{len(left)} tasks left")

    def run(url: str, dice: random.Random, until: float, ledger: CostLedger, report: Report) -> None:
        with asyncio.Runner(loop_factory=make) as runner:
            runner.run(main(url, dice, until, ledger, report))

    return run


def through_the_sdk(url: str, dice: random.Random, until: float, ledger: CostLedger, report: Report) -> None:
    """The OpenAI SDK on top of the core."""
    from openai_requesty import RequestyOpenAI

    client = RequestyOpenAI(
        base_url=url, ledger=ledger, **{k: v for k, v in SETTINGS.items() if k != "max_connections"}
    )
    number = 0
    while time.monotonic() < until:
        wanted, messages = question(dice, number)
        number += 1
        try:
            got: str | BaseException = (
                client.chat.completions.create(model="m", messages=messages).choices[0].message.content
            )
        except Exception as exc:  # noqa: BLE001 -- what is not typed is what is looked for
            got = exc
        report.add(wanted, got)


def modes() -> dict[str, Callable[[str, random.Random, float, CostLedger, Report], None]]:
    """What there is to run here."""
    found: dict[str, Any] = {"threads": in_threads, "asyncio": on_loop(None), "given up": on_loop(None, gives_up=True)}
    try:
        import uvloop
    except ImportError:
        print("uvloop is not installed; its part is left out")
    else:
        found["uvloop"] = on_loop(uvloop.new_event_loop)
        found["given up on uvloop"] = on_loop(uvloop.new_event_loop, gives_up=True)
    found["openai"] = through_the_sdk
    return found


def resources() -> tuple[int, int, int]:
    """Descriptors, threads, and transports of loops."""
    gc.collect()
    files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    loops = sum(isinstance(thing, LoopTransport) for thing in gc.get_objects())
    return files, threading.active_count(), loops


def soak(seed: int, seconds: float) -> Report:
    """One seed: every mode for its share of ``seconds``."""
    report = Report()
    parts = modes()
    before = resources()
    for place, (name, run) in enumerate(parts.items()):
        ledger = CostLedger()
        with BrokenGateway(seed * 10 + place) as gateway:
            run(gateway.base_url, random.Random(seed), time.monotonic() + seconds / len(parts), ledger, report)
            spent = ledger.total.cost or Decimal(0)
            # A call that was given up has an unknown cost; an unasked answer may take the place of one that was paid.
            unknown = gateway.bill if name.startswith("given up") else gateway.happened["stray"] * COST
            if not gateway.bill - unknown <= spent <= gateway.bill:
                report.problems.append(f"{name}: ledger {spent}, bill {gateway.bill}")
            report.happened += gateway.happened
        shared._close()
    after = resources()
    for _ in range(50):
        if after[0] <= before[0] and after[1] <= before[1]:
            break
        time.sleep(0.05)
        after = resources()
    for what, left, was in zip(("descriptors", "threads", "transports"), after, before, strict=True):
        if left > was:
            report.problems.append(f"{left - was} {what} left")
    return report


def main() -> int:
    """Print a line for each seed; 1 if any call was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=9.0, help="per seed; default: three minutes in all")
    given = parser.parse_args()
    soak(0, 0.5)  # What is loaded once is loaded now.
    failed = 0
    for seed in range(given.first, given.first + given.seeds):
        report = soak(seed, given.seconds)
        calls = sum(report.outcomes.values())
        errors = {name: count for name, count in sorted(report.outcomes.items()) if name != "right"}
        print(f"seed {seed}: {calls} calls, {report.outcomes['right']} right, {errors}", flush=True)
        for problem in dict.fromkeys(report.problems):
            print("  WRONG:", problem)
        failed += bool(report.problems)
    print(f"{given.seeds} seeds, {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
