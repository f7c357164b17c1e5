"""The Python interpreters of this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["SUPPORTED", "Interpreter", "candidates", "find", "version_of"]

SUPPORTED = ("3.11", "3.12", "3.13")


@dataclass(frozen=True)
class Interpreter:
    """One interpreter: ``version`` such as 3.12, ``full`` such as 3.12.1."""

    version: str
    full: str
    path: Path


def version_of(path: Path) -> str | None:
    """The full version of an interpreter that can make environments; ``None`` of anything else."""
    code = "import ensurepip, sys, venv; print('.'.join(map(str, sys.version_info[:3])))"
    try:
        # A shim of pyenv exists for versions that are not switched on, and says so by failing.
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 and re.fullmatch(r"\d+\.\d+\.\d+\S*\n", done.stdout) else None


def candidates(version: str, environ: Mapping[str, str]) -> Iterator[Path]:
    """Where an interpreter of ``version`` may be, best first: PYTHONS, PATH, pyenv's versions, this one's base."""
    for name in environ.get("PYTHONS", "").split():
        yield Path(name)
    on_path = shutil.which(f"python{version}", path=environ.get("PATH", ""))
    if on_path:
        yield Path(on_path)
    root = Path(environ.get("PYENV_ROOT") or Path(environ.get("HOME", "/")) / ".pyenv")
    folders = [folder for folder in (root / "versions").glob(f"{version}.*") if re.search(r"\.\d+$", folder.name)]
    for folder in sorted(folders, key=lambda folder: int(folder.name.rpartition(".")[2]), reverse=True):
        yield folder / "bin" / "python"
    yield Path(getattr(sys, "_base_executable", sys.executable))


def find(
    wanted: Sequence[str],
    environ: Mapping[str, str],
    probe: Callable[[Path], str | None] = version_of,
) -> tuple[list[Interpreter], list[str]]:
    """The first interpreter of each wanted version that works, and the versions that none was found of."""
    found: list[Interpreter] = []
    missing: list[str] = []
    for version in wanted:
        for path in candidates(version, environ):
            full = probe(path)
            if full is not None and full.split(".")[:2] == version.split("."):
                found.append(Interpreter(version, full, path))
                break
        else:
            missing.append(version)
    return found, missing
