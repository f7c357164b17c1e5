"""What cannot live in the development environment: the vendor's npm package, and other clients in JavaScript.

Run: ``make acceptance``. Installs into ``.venv/acceptance`` and runs against an emulator of its own. Not among them:
``langchain-openrouter``, whose SDK refuses answers without ``system_fingerprint`` and stream chunks without
``finish_reason``, neither of which this gateway sends.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from requesty_emulator import GatewayEmulator

HERE = Path(__file__).parent
WORK = HERE.parents[1] / ".venv" / "acceptance"
JAVASCRIPT = {
    "openai": "openai.mjs",
    "ai": "ai.mjs",
    "@openai/agents": "agents.mjs",
    "@langchain/openai": "langchain.mjs",
}


def against_emulator(*command: str, cwd: Path) -> int:
    """The exit status of a command that finds the emulator in its environment."""
    with GatewayEmulator() as gateway:
        place = {"EMULATOR_URL": gateway.base_url, "EMULATOR_KEY": gateway.api_key}
        status = subprocess.run(command, cwd=cwd, env={**os.environ, **place}, timeout=120, check=False).returncode
        print(f"  {len(gateway.requests)} requests, {gateway.billed} USD")
    return status


def installed(name: str) -> Path | None:
    """A folder of scripts with the npm packages that they need; None without npm."""
    if shutil.which("npm") is None:
        print("npm is not installed; install Node.js 20 or newer")
        return None
    folder = WORK / name
    shutil.copytree(HERE / name, folder, dirs_exist_ok=True)
    npm = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
    subprocess.run(npm, cwd=folder, check=True, timeout=300)
    return folder


def vendor() -> int:
    """The vendor's provider for the AI SDK."""
    folder = installed("npm")
    return 1 if folder is None else against_emulator("node", "vendor.mjs", cwd=folder)


def javascript() -> int:
    """openai, Vercel's ai, the OpenAI Agents SDK and LangChain, in JavaScript."""
    folder = installed("javascript")
    if folder is None:
        return 1
    failed = []
    for package, script in JAVASCRIPT.items():
        told = json.loads((folder / "node_modules" / package / "package.json").read_text(encoding="utf-8"))
        print(f"{package} {told['version']}", flush=True)
        if against_emulator("node", script, cwd=folder):
            failed.append(package)
    if failed:
        print(f"  failed: {', '.join(failed)}")
    return 1 if failed else 0


def main() -> int:
    """Run them all."""
    failed = 0
    for run in (vendor, javascript):
        print(f"== {run.__doc__}", flush=True)
        status = run()
        failed += status != 0
        print("  passed" if status == 0 else f"  FAILED with status {status}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
