"""Environments of their own for programs that do not fit into the development environment, or into each other's."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["ROOT", "environment"]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "environments"


def environment(name: str, packages: Sequence[str], extras: Sequence[str] = ()) -> Path:
    """The Python of an environment with these packages and this project, made or renewed where they changed.

    Args:
        name: of its folder below ``build/environments``.
        packages: requirements, as ``pip`` reads them.
        extras: of this project.

    Raises:
        subprocess.CalledProcessError: something could not be installed; what ``pip`` says is on the terminal.
    """
    folder = FOLDER / name
    python = folder / "bin" / "python"
    own = [*packages, "-e", f"{ROOT}[{','.join(extras)}]" if extras else str(ROOT)]
    state = hashlib.sha256("\n".join([sys.version, *own]).encode()).hexdigest()
    mark = folder / ".installed"
    if mark.exists() and mark.read_text() == state:
        return python
    print(f"setting up {folder.relative_to(ROOT)} ...", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "-q"]
    subprocess.run([*pip, *own], check=True, stdout=sys.stderr)
    mark.write_text(state)
    return python
