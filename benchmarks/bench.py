"""Everything beside everything, in one run: ``httpx`` and ``json`` by hand, the core, and for each framework its floor,
our adapter and the peer's. Run: ``make bench``; conditions as in ``quick``. ``ARGS=--write`` holds the figures of the
adapters for the home page.

A framework's floor is a model class of it that does nothing but yield the same chunks (``floors``). What an adapter may
cost is that floor and the core together, and a quarter more: the last column, which should not exceed 1.25. All that is
compared takes turns, and a ratio is the median of those of the rounds: processors change their pace within a run.
"""

from __future__ import annotations

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"

import argparse
import asyncio
import datetime
import gc
import inspect
import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from floors import CHUNKS, ELSEWHERE, FRAMEWORKS, MODEL
from quick import KEY, MESSAGES, adrain, cpu, drain, floor_astream, floor_stream, server
from requesty_core import AsyncRequestyClient, RequestyClient

REQUESTS = 100
ROOT = Path(__file__).resolve().parents[1]
HELD = ROOT / "docs" / "bench.json"


def measure(
    loop: asyncio.AbstractEventLoop, ways: dict[str, Callable[[], Any] | None], rounds: int
) -> dict[str, list[float]]:
    """Seconds of CPU of each way in each of the rounds, in which all take turns."""

    def run(way: Callable[[], Any]) -> None:
        result = way()
        if inspect.isawaitable(result):
            loop.run_until_complete(result)

    there = {name: way for name, way in ways.items() if way is not None}
    taken: dict[str, list[float]] = {name: [] for name in there}
    for turn in range(rounds + 1):
        for name, way in there.items():
            gc.collect()
            seconds = cpu(lambda way=way: run(way))
            if turn:
                taken[name].append(seconds)
    return taken


def ratio(parts: list[float], *wholes: list[float]) -> float:
    """The median of what the first is of the sum of the others in each round."""
    return statistics.median(part / sum(whole) for part, *whole in zip(parts, *wholes, strict=True))


def core(url: str, loop: asyncio.AbstractEventLoop, rounds: int, name: str) -> None:
    """Print the rows of the core on a loop."""
    by_hand, client = httpx.Client(), RequestyClient(api_key=KEY, base_url=url, max_retries=0)
    aby_hand, aclient = httpx.AsyncClient(), AsyncRequestyClient(api_key=KEY, base_url=url, max_retries=0)
    sync = measure(
        loop,
        {
            "hand": lambda: floor_stream(by_hand, url, MODEL),
            "ours": lambda: drain(client.stream(model=MODEL, messages=MESSAGES)),
        },
        rounds,
    )
    aio = measure(
        loop,
        {
            "hand": lambda: floor_astream(aby_hand, url, MODEL),
            "ours": lambda: adrain(aclient.stream(model=MODEL, messages=MESSAGES)),
        },
        rounds,
    )
    for title, found in (("core, sync", sync), (f"core, {name}", aio)):
        hand, ours = (statistics.median(found[key]) / CHUNKS * 1e6 for key in ("hand", "ours"))
        print(f"{title:26}{hand:12.1f}{ours:10.2f}{ratio(found['ours'], found['hand']):10.2f}   <= 0.22", flush=True)
    loop.run_until_complete(aby_hand.aclose())


def adapters(url: str, loop: asyncio.AbstractEventLoop, rounds: int) -> dict[str, dict[str, float]]:
    """Print the rows of the frameworks; returns their microseconds per chunk."""
    held: dict[str, dict[str, float]] = {}
    print(
        f"\n{'stream, us per chunk':26}{'floor':>8}{'+ core':>8}{'ours':>8}"
        f"{'peer':>8}{'/ peer':>8}{'/ floor + core':>16}   <= 1.25"
    )
    for framework in FRAMEWORKS:
        try:
            rows = in_environment(framework, url, rounds) or of_framework(framework, url, loop, rounds)
        except ImportError as error:
            print(f"{framework.__name__}: left out ({error})")
            continue
        for title, found in rows.items():
            held[title] = {name: round(found[name], 1) for name in ("floor", "ours", "peer") if name in found}
            peer = f"{found['peer']:8.1f}{found['of_peer']:8.2f}" if "peer" in found else f"{'-':>8}{'-':>8}"
            least = found["floor"] + found["core"]
            print(
                f"{title:26}{found['floor']:8.1f}{least:8.1f}{found['ours']:8.1f}{peer}{found['of_least']:16.2f}",
                flush=True,
            )
    return held


def of_framework(
    framework: Callable[[str], Any], url: str, loop: asyncio.AbstractEventLoop, rounds: int
) -> dict[str, dict[str, float]]:
    """Microseconds per chunk of each way of each row of a framework and of the core, and what ours is of the others."""
    client = RequestyClient(api_key=KEY, base_url=url, max_retries=0)
    aclient = AsyncRequestyClient(api_key=KEY, base_url=url, max_retries=0)
    alone: dict[bool, Callable[[], Any]] = {
        False: lambda: drain(client.stream(model=MODEL, messages=MESSAGES)),
        True: lambda: adrain(aclient.stream(model=MODEL, messages=MESSAGES)),
    }
    found: dict[str, dict[str, float]] = {}
    for title, ways in framework(url).items():
        one = ways["floor"]()
        is_async = inspect.iscoroutine(one)
        if is_async:
            one.close()
        taken = measure(loop, {"core": alone[is_async], **ways}, rounds)
        row = {name: statistics.median(each) / CHUNKS * 1e6 for name, each in taken.items()}
        row["of_least"] = ratio(taken["ours"], taken["floor"], taken["core"])
        if "peer" in taken:
            row["of_peer"] = ratio(taken["ours"], taken["peer"])
        found[title] = row
    return found


def in_environment(framework: Callable[[str], Any], url: str, rounds: int) -> dict[str, dict[str, float]] | None:
    """The same from a process in an environment of its own, where the peer's requirements are at odds with others'.

    ``None`` for a framework that needs none, and where none can be made.
    """
    needed = ELSEWHERE.get(framework)
    if needed is None:
        return None
    sys.path.insert(0, str(ROOT))
    from tests.support.environments import environment

    name = framework.__name__
    try:
        python = environment(f"bench-{name}", needed.packages, needed.extras)
    except subprocess.CalledProcessError as error:
        print(f"{name}: without its peer, which cannot be installed ({error})")
        return None
    command = [str(python), __file__, "--rounds", str(rounds), "--framework", name, "--at", url]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=600)
    rows: dict[str, dict[str, float]] = json.loads(done.stdout)
    return rows


def request(url: str, loop: asyncio.AbstractEventLoop, rounds: int) -> None:
    """Print the row of the OpenAI adapter's plain request."""
    import openai

    from openai_requesty import RequestyOpenAI

    def way(client: openai.OpenAI) -> Callable[[], Any]:
        call: Any = {"model": "bench/unary", "messages": MESSAGES}
        return lambda: [client.chat.completions.create(**call) for _ in range(REQUESTS)] and None

    settings: Any = {"api_key": KEY, "base_url": url, "max_retries": 0}
    ways = {"ours": way(RequestyOpenAI(**settings)), "peer": way(openai.OpenAI(**settings))}
    taken = measure(loop, ways, rounds)
    ours, peer = (statistics.median(taken[name]) / REQUESTS * 1e6 for name in ("ours", "peer"))
    print(f"\n{'OpenAI SDK, a request':26}{ours:24.0f}{peer:8.0f}{ratio(taken['ours'], taken['peer']):8.2f}   <= 0.60")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="hold the figures of the adapters in docs/bench.json")
    parser.add_argument("--framework", help=argparse.SUPPRESS)
    parser.add_argument("--at", help=argparse.SUPPRESS)
    args = parser.parse_args()
    rounds = args.rounds
    loop = asyncio.new_event_loop()
    if args.framework is not None:
        (framework,) = (one for one in FRAMEWORKS if one.__name__ == args.framework)
        print(json.dumps(of_framework(framework, args.at, loop, rounds)))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
        return
    with server() as url:
        print(f"{'stream, us per chunk':26}{'httpx+json':>12}{'core':>10}{'ratio':>10}   target")
        core(url, loop, rounds, "asyncio")
        try:
            import uvloop
        except ImportError:
            print("uvloop is not installed; its row is left out")
        else:
            fast = uvloop.new_event_loop()
            core(url, fast, rounds, "uvloop")
            fast.run_until_complete(fast.shutdown_asyncgens())
            fast.close()
        held = adapters(url, loop, rounds)
        request(url, loop, rounds)
        loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    if args.write:
        today = datetime.date.today().isoformat()
        figures = {"date": today, "unit": "microseconds of CPU per streamed chunk", "rows": held}
        HELD.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
