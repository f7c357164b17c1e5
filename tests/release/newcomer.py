"""The two commands of the README in a fresh clone, and the tests in an unpacked sdist."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .artefacts import ROOT, Artefacts
from .commands import StepFailedError, run
from .environments import Installer
from .interpreters import Interpreter

__all__ = ["clone", "suite"]


def clone(python: Interpreter, folder: Path, env: Mapping[str, str]) -> None:
    """``make demo`` and a few tests with ``make test`` in a clone of what is committed.

    Raises:
        StepFailedError: one of them failed or printed something else.
    """
    where = folder / "clone"
    run("git", "clone", "-q", ROOT, where, cwd=folder, env=env)
    shown = run("make", "demo", f"PYTHON={python.path}", cwd=where, env=env)
    if "cost" not in shown.lower():
        raise StepFailedError("make demo shows no cost", shown)
    tested = run(
        *("make", "test", f"PYTHON={python.path}", "ARGS=tests/core/test_sse.py tests/openai_adapter"),
        cwd=where,
        env=env,
    )
    if " passed" not in tested:
        raise StepFailedError("make test ran no test", tested)


def suite(
    artefacts: Artefacts,
    installer: Installer,
    python: Interpreter,
    constraints: Path,
    env: Mapping[str, str],
    *,
    whole: bool,
) -> None:
    """Collect the tests that the sdist brings, or run them all, with the wheel and the test tools installed.

    Raises:
        StepFailedError: a test cannot be collected, or fails.
    """
    binary = installer.create(python.path, artefacts.tree.parent.parent / "suite")
    groups = [
        word
        for group in ("test", "docs", "notebooks")
        for word in ("--group", f"{artefacts.tree}/pyproject.toml:{group}")
    ]
    # nltk, which LlamaIndex brings, refuses to read its data through hard links.
    installer.install(binary, f"{artefacts.wheel}[all]", *groups, constraints=constraints, copies=True)
    how = ("-n", "2") if whole else ("--collect-only",)
    run(
        *(binary, "-m", "pytest", "-q", "-p", "no:cacheprovider", *how),
        cwd=artefacts.tree,
        env=env,
        seconds=3600,
        label=f"the tests in the unpacked sdist ({' '.join(how)})",
    )
