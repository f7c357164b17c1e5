"""A short run of every job (``make serving`` runs them all, 1,000 each): nothing is mixed, lost or left behind."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from tests.conformance.matrix import DRIVERS

from requesty_emulator import GatewayEmulator

from .run import run

JOBS = 12


@pytest.mark.parametrize("driver", DRIVERS)
def test_jobs_leave_nothing_behind(driver: str) -> None:
    with GatewayEmulator(keep_alive=0.2) as gateway:
        found = run(driver, gateway, JOBS)
        billed = gateway.billed
    problems = {name: one["problems"] for name, one in found.items() if one["problems"]}
    assert problems == {}, json.dumps(found, indent=1)
    # Forked children add up in ledgers of their own.
    assert sum(Decimal(one["cost"]) for one in found.values()) <= billed
