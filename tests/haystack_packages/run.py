"""Haystack's provider packages as members of our chain, and its MCP tools. Run: ``make haystack``.

They run in an environment of their own, against servers on the loopback that fail, and the emulator that answers.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from tests.support.environments import ROOT, environment  # noqa: E402 -- found by the line above

PACKAGES = (
    "amazon-bedrock-haystack",
    "anthropic-haystack",
    "google-genai-haystack",
    "mcp-haystack",
    "mistral-haystack",
    "ollama-haystack",
    "openrouter-haystack",
    "whisper-haystack",
)
SCRIPTS = ("chain.py", "own.py")
KEYS = ("ANTHROPIC_", "AWS_", "GEMINI_", "GOOGLE_", "MISTRAL_", "OLLAMA_", "OPENAI_", "OPENROUTER_", "REQUESTY_")
"""What of the environment could lead elsewhere than to the loopback, or to an account."""


def main() -> int:
    """The scripts' status: 0 if all went as it should."""
    python = environment("haystack-packages", PACKAGES, ["haystack", "emulator"])
    env = {name: value for name, value in os.environ.items() if not name.startswith(KEYS)}
    env |= {"HAYSTACK_TELEMETRY_ENABLED": "false", "PYTHONPATH": str(ROOT), "AWS_EC2_METADATA_DISABLED": "true"}
    failed = 0
    for script in SCRIPTS:
        failed |= subprocess.run([str(python), str(HERE / script)], env=env, timeout=600, check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
