"""Bulk work on a local Ray cluster of two workers, through kills of workers and drivers. Run: ``make ray``.

Ray lives in an environment of its own; the emulated gateway in this process, which nobody kills. Each round embeds and
chats, kills a worker midway, kills the driver, and resumes. In the end every row is in the output once, no settled row
was asked again, what the gateway billed is what the ledger holds but for requests that were under way at a kill, and a
budget was exceeded by no more than it says. The examples of the page run besides, each framework inside the workers.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "integrations")]

import psutil  # noqa: E402
from tests.support.environments import environment  # noqa: E402

from requesty_core import CostLedger  # noqa: E402
from requesty_emulator import GatewayEmulator  # noqa: E402

JOB = Path(__file__).with_name("job.py")
EXAMPLES = sorted(Path(__file__).with_name("examples").glob("*.py"))
CONCURRENCY, WORKERS, EMBED_BATCH = 4, 2, 32
PATIENCE = 180.0


@dataclass
class Driver:
    """A driver under way, and the processes of its cluster."""

    process: subprocess.Popen[str]

    def cluster(self) -> list[psutil.Process]:
        """Everything it has started, which outlives it for a moment."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def kill(self) -> None:
        """End it without a word, and wait for the end of its cluster."""
        cluster = self.cluster()
        self.process.kill()
        self.process.wait(10)
        _, left = psutil.wait_procs(cluster, timeout=5)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def finish(self) -> None:
        """Wait for its end. Raises ``RuntimeError`` if it failed."""
        try:
            _, errors = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError("the driver did not end") from None
        if self.process.returncode:
            # What Ray says ends in advice; the error is the last line that names one.
            named = [line for line in errors.splitlines() if "Error" in line]
            raise RuntimeError((named or errors.strip().splitlines() or ["the driver failed"])[-1])


def start(python: Path, gateway: GatewayEmulator, words: Sequence[str]) -> Driver:
    """Start a driver with the gateway's key in its environment, and nowhere else."""
    variables = {
        **os.environ,
        "REQUESTY_API_KEY": gateway.api_key,
        "REQUESTY_BASE_URL": gateway.base_url,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "HAYSTACK_TELEMETRY_ENABLED": "false",
        "PYTHONPATH": str(ROOT / "integrations"),
    }
    return Driver(
        subprocess.Popen(
            [str(python), *words], env=variables, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
    )


def settled(folder: Path) -> dict[int, set[str]]:
    """The keys of settled rows by the process that settled them."""
    found: dict[int, set[str]] = {}
    for path in (folder / "checkpoint").glob("*.rows"):
        lines = path.read_bytes().splitlines(keepends=True)[1:]
        keys = {json.loads(line)["key"] for line in lines if line.endswith(b"\n")}
        found.setdefault(int(path.name.partition("-")[0]), set()).update(keys)
    return found


def wait_for(folder: Path, rows: int, driver: Driver) -> dict[int, set[str]]:
    """Wait until so many rows are settled."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and driver.process.poll() is None:
        found = settled(folder)
        if sum(map(len, found.values())) >= rows:
            return found
        time.sleep(0.02)
    raise RuntimeError(f"{rows} rows were not settled in time")


def killed(python: Path, gateway: GatewayEmulator, kind: str, count: int, folder: Path) -> None:
    """One run of ``count`` rows: a worker killed midway, then the driver, then resumed."""
    words = [str(JOB), kind, str(count), str(folder), "--concurrency", str(CONCURRENCY), "--workers", str(WORKERS)]
    driver = start(python, gateway, words)
    found = wait_for(folder, count // 5, driver)
    pids = {process.pid for process in driver.cluster()}
    victim = next(pid for pid, keys in found.items() if pid in pids and keys)
    os.kill(victim, signal.SIGKILL)
    before = sum(map(len, settled(folder).values()))
    wait_for(folder, max(before, count // 2), driver)
    driver.kill()
    driver = start(python, gateway, words)
    driver.finish()


def answered(gateway: GatewayEmulator) -> Counter[str]:
    """How often each row was answered."""
    found: Counter[str] = Counter()
    for one in gateway.requests:
        if one.status == 200 and one.path.endswith("/embeddings"):
            found.update(one.body["input"])
        elif one.status == 200 and one.path.endswith("/chat/completions"):
            found[one.body["messages"][-1]["content"].removeprefix("Label: ")] += 1
    return found


def check_output(gateway: GatewayEmulator, kind: str, count: int, folder: Path) -> list[str]:
    """What is wrong with the rows, one line each."""
    wrong = []
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    if Counter(row["id"] for row in rows) != Counter(range(count)):
        wrong.append(f"{len(rows)} rows, {len({row['id'] for row in rows})} of them different, of {count}")
    if failed := [row["error"] for row in rows if row["error"] is not None]:
        wrong.append(f"{len(failed)} rows failed, the first with {failed[0]}")
    if kind == "embed" and any(row["dimensions"] != 16 for row in rows):
        wrong.append("a row has no vector")
    times = answered(gateway)
    again = sum(number - 1 for number in times.values())
    # At a kill, so many rows were under way at most: once of one worker, once of all.
    most = (1 + WORKERS) * CONCURRENCY * (EMBED_BATCH if kind == "embed" else 1)
    if again > most:
        wrong.append(f"{again} rows were asked again, where at most {most} were under way")
    if not any(row["resumed"] for row in rows):
        wrong.append("nothing was resumed")
    keys = Counter(key for found in settled(folder).values() for key in found)
    if len(keys) != count or max(keys.values()) > 1:
        wrong.append(f"{len(keys)} rows are settled, one of them {max(keys.values())} times")
    return wrong


def check_money(gateway: GatewayEmulator, folder: Path) -> list[str]:
    """What the ledger does not know of what was billed: only what was under way at a kill."""
    booked = {row.request_id: row for row in CostLedger(store=folder / "ledger.db").history.rows()}
    billed = {one.request_id: one for one in gateway.requests if one.status == 200}
    missing = billed.keys() - booked.keys()
    wrong = []
    most = (1 + WORKERS) * CONCURRENCY
    if len(missing) > most:
        wrong.append(f"{len(missing)} billed requests are not in the ledger, where at most {most} were under way")
    for name in billed.keys() & booked.keys():
        told, cost = booked[name].cost, billed[name].cost
        if told is not None and told != cost:
            wrong.append(f"{name}: billed {cost}, booked {told}")
    if booked.keys() - billed.keys() - {None}:
        wrong.append("the ledger holds requests that nobody answered")
    return wrong


def check_budget(python: Path, gateway: GatewayEmulator, count: int, folder: Path) -> list[str]:
    """A budget of half the money ends the run; more of it goes on."""
    words = [str(JOB), "chat", str(count), str(folder), "--concurrency", str(CONCURRENCY)]
    probe = start(python, gateway, [str(JOB), "chat", "4", str(folder / "probe")])
    (folder / "probe").mkdir()
    probe.finish()
    dearest = max(one.cost or Decimal(0) for one in gateway.chat_requests)
    gateway.clear()
    limit = dearest * count / 2
    try:
        start(python, gateway, [*words, "--budget", str(limit)]).finish()
        return ["a run went on without money"]
    except RuntimeError as error:
        if "BudgetExceededError" not in str(error) and "budget: " not in str(error):
            return [f"a spent budget ended the run with: {error}"]
    spent = sum((one.cost or Decimal(0) for one in gateway.chat_requests), Decimal(0))
    wrong = [] if spent <= limit + dearest else [f"{spent} USD of {limit} were spent"]
    if spent < limit * Decimal("0.8"):
        wrong.append(f"only {spent} USD of {limit} were spent")
    start(python, gateway, [*words, "--budget", str(limit * 4)]).finish()
    rows = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    if Counter(row["id"] for row in rows) != Counter(range(count)):
        wrong.append("after more money, rows are missing")
    if max(answered(gateway).values()) > 1:
        wrong.append("after more money, a row was asked again")
    return wrong


def measured(name: str, check: Any) -> bool:
    """Run one check and say how it went."""
    began = time.monotonic()
    try:
        wrong = check()
    except RuntimeError as error:
        wrong = [str(error)]
    print(f"{'ok   ' if not wrong else 'WRONG'} {name} ({time.monotonic() - began:.0f} s)", flush=True)
    for line in wrong:
        print(f"      {line}", flush=True)
    return not wrong


def main() -> int:
    """All rounds; 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of 2,000 embeddings, nothing else")
    parser.add_argument("--times", type=int, default=1, help="rounds of kills")
    given = parser.parse_args()
    frameworks = () if given.quick else ("langchain", "llama-index", "haystack")
    python = environment("ray-quick" if given.quick else "ray", [], extras=("ray", "ledger", *frameworks))
    rows = {"embed": 2_000} if given.quick else {"embed": 20_000, "chat": 2_000}
    well = True
    with GatewayEmulator(keep_requests=None, keep_bytes=None, delay=0.02, embedding_cost=True) as gateway:
        for number in range(1, given.times + 1):
            for kind, count in rows.items():
                gateway.clear()
                folder = Path(tempfile.mkdtemp(prefix="requesty-ray-"))

                def check(kind: str = kind, count: int = count, folder: Path = folder) -> list[str]:
                    killed(python, gateway, kind, count, folder)
                    gateway.wait_idle()
                    return check_output(gateway, kind, count, folder) + check_money(gateway, folder)

                well &= measured(f"round {number}: {count} rows, {kind}, a worker and the driver killed", check)
                shutil.rmtree(folder)
        if not given.quick:
            gateway.clear()
            folder = Path(tempfile.mkdtemp(prefix="requesty-ray-"))
            well &= measured("a budget that ends midway", lambda: check_budget(python, gateway, 200, folder))
            shutil.rmtree(folder)
        for example in () if given.quick else EXAMPLES:

            def run_example(example: Path = example) -> list[str]:
                start(python, gateway, [str(example)]).finish()
                return []

            well &= measured(f"example {example.name}", run_example)
    print("all well" if well else "something is wrong")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
