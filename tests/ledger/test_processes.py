"""Many processes and one store: nothing is lost, counted twice or overspent, also where one is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest

from requesty_core import Budget, CostLedger, RequestyClient
from requesty_emulator import GatewayEmulator

WORKER = Path(__file__).with_name("worker.py")
CALL = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "How high is the light?"}]}


def start(gateway: GatewayEmulator, place: str, user: str, calls: int, **more: str) -> subprocess.Popen[str]:
    words = [sys.executable, str(WORKER), gateway.base_url, gateway.api_key, place, user, str(calls)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **more}
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment)


def finished(process: subprocess.Popen[str]) -> list[str]:
    output, _ = process.communicate(timeout=100)
    assert process.returncode == 0
    return output.split()


def billed(gateway: GatewayEmulator) -> dict[str | None, Decimal]:
    bill: Counter[str | None] = Counter()
    for entry in gateway.ledger:
        bill[entry.user_id] += entry.spend  # type: ignore[assignment]
    return dict(bill)  # type: ignore[arg-type]


def test_eight_processes_of_which_one_is_killed_write_the_bill(gateway: GatewayEmulator, place: str) -> None:
    CostLedger(store=place).close()
    workers = [start(gateway, place, f"u{number}", 12) for number in range(7)]
    victim = start(gateway, place, "victim", 100_000)
    assert victim.stdout is not None
    told = [victim.stdout.readline().strip() for _ in range(20)]
    victim.send_signal(signal.SIGKILL)
    told += victim.communicate(timeout=30)[0].split()
    assert [finished(worker) for worker in workers] == [["answered"] * 12] * 7

    # What the victim had not written yet is in its journal, which the next who opens the store carries over.
    found = CostLedger(store=place).history.totals("user")
    bill = billed(gateway)
    for user in bill.keys() - {"victim"}:
        assert (found[user].calls, found[user].cost, found[user].unknown) == (12, bill[user], 0)
    assert len(bill) == len(found) == 8
    # Every answer that the victim saw is there; one more may have been on its way.
    assert len(told) <= found["victim"].calls <= len(told) + 1
    assert found["victim"].cost <= bill["victim"] <= found["victim"].cost + bill["victim"] / found["victim"].calls


def test_a_budget_holds_for_all_processes_together(gateway: GatewayEmulator, place: str) -> None:
    one = RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key).chat(**CALL).usage
    assert one is not None
    assert one.cost is not None
    before = gateway.billed
    limit = one.cost * 20
    workers = [start(gateway, place, f"u{number}", 100, BUDGET=str(limit)) for number in range(6)]
    told = [finished(worker) for worker in workers]
    budget = Budget(limit, store=place)
    assert all(words[-1] == "refused" for words in told)
    assert budget.spent == gateway.billed - before == one.cost * sum(words.count("answered") for words in told)
    assert budget.reserved == 0
    # At most six were under way when it was spent, and none cost more than its estimate.
    assert budget.spent < limit + one.cost


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
def test_a_forked_child_books_its_own_and_nothing_twice(gateway: GatewayEmulator, place: str) -> None:
    ledger = CostLedger(store=place)
    ledger.record("parent/before", None)
    assert ledger.pending == 1
    child = os.fork()
    if child == 0:
        code = 1
        try:
            ledger.record("child", None)
            code = 0 if ledger.pending == 1 and ledger.flush() else 2
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    ledger.record("parent/after", None)
    assert os.waitstatus_to_exitcode(status) == 0
    assert {name: one.calls for name, one in ledger.history.totals("model").items()} == {
        "child": 1,
        "parent/after": 1,
        "parent/before": 1,
    }
