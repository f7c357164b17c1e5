"""What a ledger's store and a shared budget cost a call: CPU time of this process beside the same without.

Calls go one after the other, each kind in turn, in rounds that end when the last row is in the database; shown are
medians over the rounds. The server answers at once; a real answer takes seconds, so that the shares are upper bounds.
Run:
``python benchmarks/bench_ledger.py``; ``--store postgresql://…`` for a server of your own.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

from quick import KEY, MESSAGES, server
from requesty_core import Budget, CostLedger, RequestyClient

ROUNDS = 15
SIZES = {50: 200, 200: 100, 500: 60, 2000: 20}
"""Chunks of an answer, and how many of them are read in a round."""


def main() -> None:
    """Print a table for each size of answer, a row for each kind of client."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store")
    given = parser.parse_args()
    with server() as url, tempfile.TemporaryDirectory() as folder:
        store = given.store or str(Path(folder) / "spend.db")
        ledger = CostLedger(store=store)
        kinds = {
            "without": RequestyClient(base_url=url, api_key=KEY),
            "ledger in memory": RequestyClient(base_url=url, api_key=KEY, ledger=CostLedger()),
            "ledger in a store": RequestyClient(base_url=url, api_key=KEY, ledger=ledger),
            "and a budget in it": RequestyClient(
                base_url=url, api_key=KEY, ledger=ledger, budget=Budget(10**6, store=store)
            ),
        }
        for chunks, calls in SIZES.items():
            times: dict[str, list[float]] = {name: [] for name in kinds}
            for number in range(ROUNDS + 1):
                for name, client in kinds.items():
                    start = time.process_time()
                    for _ in range(calls):
                        for _ in client.stream(model=f"bench/stream-{chunks}", messages=MESSAGES):
                            pass
                    ledger.flush()
                    if number:
                        times[name].append((time.process_time() - start) / calls)
            base = times["without"]
            print(f"{chunks} chunks")
            for name, measured in times.items():
                share = statistics.median(one / other - 1 for one, other in zip(measured, base, strict=True))
                least = min(measured) / min(base) - 1
                told = f"{statistics.median(measured) * 1e3:9.3f} ms CPU a streamed call"
                print(f"  {name:20}{told} {share:+8.1%}, of the least {least:+8.1%}")


if __name__ == "__main__":
    main()
