"""What cannot live in the development environment: the vendor's npm package.

Run: ``make acceptance``. Installs into ``.venv/acceptance`` and runs against an emulator of its own. Not among them:
``langchain-openrouter``, whose SDK refuses answers without ``system_fingerprint`` and stream chunks without
``finish_reason``, neither of which this gateway sends.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from requesty_emulator import GatewayEmulator

HERE = Path(__file__).parent
WORK = HERE.parents[1] / ".venv" / "acceptance"


def against_emulator(*command: str, cwd: Path) -> int:
    """The exit status of a command that finds the emulator in its environment."""
    with GatewayEmulator() as gateway:
        place = {"EMULATOR_URL": gateway.base_url, "EMULATOR_KEY": gateway.api_key}
        status = subprocess.run(command, cwd=cwd, env={**os.environ, **place}, timeout=120, check=False).returncode
        print(f"  {len(gateway.requests)} requests, {gateway.billed} USD")
    return status


def vendor() -> int:
    """The vendor's provider for the AI SDK."""
    if shutil.which("npm") is None:
        print("npm is not installed; install Node.js 20 or newer")
        return 1
    folder = WORK / "npm"
    shutil.copytree(HERE / "npm", folder, dirs_exist_ok=True)
    subprocess.run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"], cwd=folder, check=True)
    return against_emulator("node", "vendor.mjs", cwd=folder)


def main() -> int:
    """Run them all."""
    failed = 0
    for run in (vendor,):
        print(f"== {run.__doc__}", flush=True)
        status = run()
        failed += status != 0
        print("  passed" if status == 0 else f"  FAILED with status {status}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
