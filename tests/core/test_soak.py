"""A short run of the soak, so that it stays true; ``make soak`` runs the long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "soak"
SOAK = FOLDER / "run.py"


def test_a_short_soak() -> None:
    command = [sys.executable, str(SOAK), "--seeds", "1", "--seconds", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " right, " in done.stdout


def test_a_few_seeds_of_money_under_chaos() -> None:
    command = [sys.executable, str(FOLDER / "ledger.py"), "--seeds", "3", "--first", "101"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 seeds, 0 failed" in done.stdout
    assert " lost" in done.stdout
