"""Commands that must succeed, and the environment variables they see."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["StepFailedError", "clean_environment", "run"]

_LINES = 25
# What the caller's shell may have set that would change what a newcomer sees.
_FOREIGN = frozenset(
    {
        "PYTHONPATH",
        "PYTHONHOME",
        # Without it every start of Python in the new environments compiles all packages again.
        "PYTHONDONTWRITEBYTECODE",
        "VIRTUAL_ENV",
        "MAKEFLAGS",
        "MFLAGS",
        "MAKELEVEL",
    }
)
_FOREIGN_PREFIXES = ("REQUESTY_", "OPENAI_", "ANTHROPIC_", "PYTEST_", "COV_", "CONFORMANCE_")


class StepFailedError(Exception):
    """A step did not do what it must. ``str()`` is what failed and the last lines of its output."""

    def __init__(self, step: str, output: str, lines: int = _LINES) -> None:
        kept = [line for line in output.strip().splitlines() if line.strip()]
        super().__init__("\n  ".join([step, *kept[-lines:]]))


def clean_environment(environ: Mapping[str, str] = os.environ, **more: str) -> dict[str, str]:
    """``environ`` without settings for Python, for this project and for the SDKs, and with ``more``."""
    kept = {k: v for k, v in environ.items() if k not in _FOREIGN and not k.startswith(_FOREIGN_PREFIXES)}
    return {**kept, "HAYSTACK_TELEMETRY_ENABLED": "false", "NO_COLOR": "1", **more}


def run(
    *command: str | Path,
    cwd: Path,
    env: Mapping[str, str],
    status: int = 0,
    seconds: float = 900,
    label: str | None = None,
) -> str:
    """Standard output of a command that must end with ``status``.

    Raises:
        StepFailedError: it ended otherwise or took longer than ``seconds``. Says ``label`` in place of the command.
    """
    words: Sequence[str] = [str(word) for word in command]
    name = label or " ".join(words)
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StepFailedError(name, f"no end after {seconds:g} s") from None
    if done.returncode != status:
        raise StepFailedError(f"{name}: status {done.returncode}, not {status}", f"{done.stdout}\n{done.stderr}")
    return done.stdout if status == 0 else done.stdout + done.stderr
