"""Every kind of job through every adapter, 1,000 each; then 5,000 calls an adapter, and what the process grew by.

Run: ``make serving``; ``make serving ARGS="--jobs 100 --drivers core"`` for less.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conformance.matrix import DRIVERS

from requesty_emulator import GatewayEmulator

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 900.0
GROWTH = 2.0
"""Megabytes that a process may grow by in the calls of a soak."""


def run(driver: str, gateway: GatewayEmulator, jobs: int, conditions: tuple[str, ...] = ()) -> dict[str, Any]:
    """What :mod:`tests.serving.jobs` found, in a process of its own. Raises ``RuntimeError`` where it failed."""
    return _python("tests.serving.jobs", driver, gateway.base_url, gateway.api_key, str(jobs), *conditions)


def _python(module: str, *arguments: str) -> dict[str, Any]:
    environment = {**os.environ, "HAYSTACK_TELEMETRY_ENABLED": "false"}
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-m", module, *arguments],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": os.pathsep.join([str(ROOT / "integrations"), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} {arguments[0]} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    """Print a line for each condition and adapter; 1 where something is left, lost or mixed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--drivers", nargs="*", default=list(DRIVERS), choices=DRIVERS)
    given = parser.parse_args()
    failed = 0
    with GatewayEmulator(keep_alive=0.2, keep_requests=100) as gateway:
        for driver in given.drivers:
            for condition, one in run(driver, gateway, given.jobs).items():
                failed += bool(one["problems"])
                state = "; ".join(one["problems"]) or "ok"
                print(f"{driver:12} {condition:16} {one['calls']:6} calls  {one['held']}  {state}", flush=True)
            grown = _python("tests.serving.growth", driver, gateway.base_url, gateway.api_key, str(given.calls))
            is_well = grown["megabytes"] < GROWTH
            failed += not is_well
            print(f"{driver:12} {'soak':16} {given.calls:6} calls  {grown}  {'ok' if is_well else 'grew'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
