"""Money under chaos: what a ledger holds as known and as unknown is what the gateway worked for. Run: ``make soak``.

``python tests/soak/ledger.py --seeds 60``. Each seed makes calls in threads and on an event loop, streamed or not, some
given up, against an emulator whose answers are cut, garbled, replaced and dropped at random, with a ledger and a budget
in one store. At its end every answer that was worked for is booked once: with its cost where its usage arrived, as an
attempt of unknown cost where it did not.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

from requesty_core import (
    AsyncRequestyClient,
    Budget,
    CostLedger,
    FallbackPolicy,
    LedgerRow,
    RequestyClient,
    RequestyError,
    RetryPolicy,
    Timeouts,
)
from requesty_emulator import Fault, GatewayEmulator

CALLS = 48
MODELS = ("openai/gpt-4o-mini", "anthropic/claude-haiku-4-5")


def faults(dice: random.Random) -> Fault:
    """Something that happens to an answer."""
    return dice.choice(
        (
            lambda: Fault(cut_after_bytes=dice.randrange(1, 400)),
            lambda: Fault(cut_after_chunks=dice.randrange(1, 12)),
            lambda: Fault(truncate_after_chunks=dice.randrange(1, 12)),
            lambda: Fault(error_event={"message": "broke", "code": 502}, error_after_chunks=dice.randrange(1, 5)),
            lambda: Fault(malformed_json=True),
            lambda: Fault(empty_choices=True),
            lambda: Fault(usage="no_cost"),
            lambda: Fault(status=dice.choice((429, 500, 503)), retry_after=0),
            lambda: Fault(error_in_200={"message": "no", "code": 502}),
            lambda: Fault(html=True),
            lambda: Fault(drop_connection=True),
            lambda: Fault(stall_after_chunks=dice.randrange(1, 6)),
            lambda: Fault(delay=1.0),
        )
    )()


class Chaos:
    """One seed: its gateway, its ledger in a store, its clients."""

    def __init__(self, seed: int, gateway: GatewayEmulator, folder: Path) -> None:
        self.dice = random.Random(seed)
        self.gateway = gateway
        self.ledger = CostLedger(store=folder / "spend.db")
        self.budget = Budget(1000, store=folder / "spend.db")
        settings: dict[str, Any] = {
            "base_url": gateway.base_url,
            "api_key": gateway.api_key,
            "ledger": self.ledger,
            "budget": self.budget,
            "timeout": Timeouts(connect=5, read=0.4, write=5, total=3),
            "max_retries": 1,
            "fallbacks": [MODELS[1]],
            "fallback_policy": FallbackPolicy(retry=RetryPolicy(base=0.001, cap=0.01), cooldown=0),
        }
        self.sync = RequestyClient(**settings)
        self.aio = AsyncRequestyClient(**settings)

    def jobs(self) -> Iterator[dict[str, Any]]:
        """Calls, each of a user of its own."""
        for number in range(CALLS):
            if self.dice.random() < 0.6:
                self.gateway.fail_next(fault=faults(self.dice), times=self.dice.choice((1, 1, 2)))
            yield {
                "streams": self.dice.random() < 0.5,
                "leaves": self.dice.random() < 0.2,
                "call": {
                    "model": MODELS[0],
                    "messages": [{"role": "user", "content": f"Question {number}"}],
                    "options": {"user_id": f"u{number}"},
                },
            }

    def one(self, streams: bool, leaves: bool, call: dict[str, Any]) -> None:
        """A call of the synchronous client; who leaves reads no more than a part of a stream."""
        with contextlib.suppress(RequestyError):
            if not streams:
                self.sync.chat(**call)
                return
            with self.sync.stream(**call) as stream:
                for _ in stream:
                    if leaves:
                        break

    async def task(self, streams: bool, leaves: bool, call: dict[str, Any]) -> None:
        """The same of the asynchronous client; who leaves is cancelled after a moment."""

        async def ask() -> None:
            if streams:
                async with self.aio.stream(**call) as stream:
                    async for _ in stream:
                        pass
            else:
                await self.aio.chat(**call)

        with contextlib.suppress(RequestyError, TimeoutError):
            async with asyncio.timeout(0.004 if leaves else None):
                await ask()

    def run(self) -> None:
        """All calls: half in threads, half on a loop."""
        jobs = list(self.jobs())
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda job: self.one(**job), jobs[::2]))

        async def gathered() -> None:
            await asyncio.gather(*(self.task(**job) for job in jobs[1::2]))
            await self.aio.close()

        asyncio.run(gathered())
        self.gateway.wait_idle(10)

    def problems(self) -> Iterator[str]:
        """What does not add up."""
        every = self.ledger.history.rows()
        rows = [row for row in every if row.counted]
        known = {row.request_id: row for row in rows if row.cost is not None}
        worked = {one.request_id: one for one in self.gateway.worked}
        lost = self.gateway.lost(seen=[request_id for request_id in known if request_id is not None])
        cost = self.ledger.total.cost
        if cost != sum((row.cost or Decimal(0) for row in rows), Decimal(0)):
            yield f"the ledger has {cost}, its store something else"
        if len(known) != sum(row.cost is not None for row in rows):
            yield "an answer is booked twice"
        for request_id, row in known.items():
            if request_id not in worked or worked[request_id].cost != row.cost:
                yield f"{row} is booked and was not worked for"
        total = sum((one.cost for one in worked.values()), Decimal(0))
        if cost + sum((one.cost for one in lost), Decimal(0)) != total:
            yield f"{cost} known and {len(lost)} lost answers are not the {total} that were worked for"
        yield from _unmarked(every, [one.user_id for one in lost])
        if (self.budget.spent, self.budget.reserved) != (cost, 0):
            yield f"the budget has {self.budget.standing}, the ledger {cost}"
        if self.budget.unknown != self.ledger.total.unknown:
            yield f"the budget has {self.budget.unknown} unknown attempts, the ledger {self.ledger.total.unknown}"
        if self.ledger.pending or self.ledger.lost:
            yield f"{self.ledger.pending} entries wait, {self.ledger.lost} are lost"


def _unmarked(rows: list[LedgerRow], lost: list[str | None]) -> Iterator[str]:
    # One that was sent twice may have been worked for twice.
    marked = Counter(row.user for row in rows for is_one in (row.counted and row.cost is None, row.resent) if is_one)
    for user, number in Counter(lost).items():
        if number > marked[user]:
            yield f"{user}: {number} lost answers, {marked[user]} attempts of unknown cost or sent twice"


def soak(seed: int) -> tuple[CostLedger, list[str], int]:
    """One seed: its ledger, what was wrong, and how many answers were lost."""
    with GatewayEmulator(seed=seed) as gateway, tempfile.TemporaryDirectory() as folder:
        chaos = Chaos(seed, gateway, Path(folder))
        chaos.run()
        problems = list(chaos.problems())
        chaos.ledger.close()
        return chaos.ledger, problems, len(gateway.lost())


def main() -> int:
    """Print a line for each seed; 1 if any did not add up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=60)
    parser.add_argument("--first", type=int, default=1)
    given = parser.parse_args()
    failed = 0
    for seed in range(given.first, given.first + given.seeds):
        ledger, problems, lost = soak(seed)
        total = ledger.total
        print(
            f"seed {seed}: {total.calls} attempts, {total.cost:f} USD, {total.unknown} unknown, {lost} lost", flush=True
        )
        for problem in problems:
            print("  WRONG:", problem)
        failed += bool(problems)
    print(f"{given.seeds} seeds, {failed} failed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
