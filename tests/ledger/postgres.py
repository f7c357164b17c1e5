"""The tests of this folder on a real PostgreSQL, started for them on the loopback. Run: ``make postgres``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.postgres import NoPostgresError, postgres  # noqa: E402


def main() -> int:
    """Run pytest with the server's address; 0 and a reason where there is no server."""
    try:
        with postgres() as url:
            words = [sys.executable, "-m", "pytest", "-q", "-n0", "tests/ledger", *sys.argv[1:]]
            return subprocess.run(words, cwd=ROOT, env={**os.environ, "REQUESTY_TEST_POSTGRES": url}).returncode
    except NoPostgresError as reason:
        print(f"skipped: {reason}")
        return 0


if __name__ == "__main__":
    sys.exit(main())
