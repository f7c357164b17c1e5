"""Clean environments: made and filled by uv where it finds the packages that pip finds, and by pip otherwise."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from packaging.requirements import Requirement

from .commands import StepFailedError, run

__all__ = ["Installer", "Pip", "Resolution", "Uv", "choose_installer", "floor", "pip_config", "uv_settings"]


class Resolution(StrEnum):
    """Which releases are installed."""

    LOWEST = "lowest"
    """The lowest that the package declares for its direct requirements, the newest of everything else."""
    LOCKED = "locked"
    """Those of constraints.txt."""
    LATEST = "latest"
    """The newest there are."""


class Installer(Protocol):
    """Makes environments and installs into them. ``folder`` is where it works; it reads no project there."""

    name: str

    def create(self, python: Path, where: Path) -> Path:
        """The interpreter of a new, empty environment."""

    def install(
        self,
        python: Path,
        *wanted: str,
        constraints: Path | None = None,
        lowest: Sequence[str] = (),
        copies: bool = False,
    ) -> None:
        """Install into an environment; of the requirements ``lowest`` the lowest release that they allow.

        ``copies`` are files of the environment's own, where links into a cache would be quicker.
        """

    def freeze(self, python: Path) -> str:
        """What is installed, as constraints, without what came from a file."""

    def build(self, source: Path, into: Path, what: str) -> Path:
        """Build a ``wheel`` or ``sdist`` of a folder or an sdist."""


def _constrained(constraints: Path | None) -> tuple[str, ...]:
    return ("-c", str(constraints)) if constraints else ()


def _pinned(frozen: str) -> str:
    return "".join(f"{line}\n" for line in frozen.splitlines() if re.fullmatch(r"[\w.-]+==\S+", line))


class Uv:
    """uv, in a folder of its own so that it reads no project."""

    name = "uv"

    def __init__(self, binary: str, folder: Path, env: Mapping[str, str]) -> None:
        self._binary, self._folder = binary, folder
        self._env = {**env, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}

    def _uv(self, *words: str, label: str | None = None) -> str:
        return run(self._binary, *words, cwd=self._folder, env=self._env, label=label)

    def create(self, python: Path, where: Path) -> Path:
        """The interpreter of a new, empty environment."""
        self._uv("venv", "-q", "--python", str(python), str(where))
        return where / "bin" / "python"

    def install(
        self,
        python: Path,
        *wanted: str,
        constraints: Path | None = None,
        lowest: Sequence[str] = (),
        copies: bool = False,
    ) -> None:
        """Install into an environment; of the requirements ``lowest`` the lowest release that they allow."""
        how = ("--resolution", "lowest-direct", *lowest) if lowest else ()
        if copies:
            how = ("--link-mode", "copy", *how)
        label = f"uv pip install {' '.join((*how, *wanted))}"
        self._uv(
            "pip", "install", "-q", "--python", str(python), *_constrained(constraints), *how, *wanted, label=label
        )

    def freeze(self, python: Path) -> str:
        """What is installed, as constraints, without what came from a file."""
        return _pinned(self._uv("pip", "freeze", "-q", "--python", str(python)))

    def build(self, source: Path, into: Path, what: str) -> Path:
        """Build a ``wheel`` or ``sdist`` of a folder or an sdist."""
        self._uv("build", "-q", f"--{what}", "--out-dir", str(into), str(source))
        (made,) = into.glob("*.whl" if what == "wheel" else "*.tar.gz")
        return made

    def check(self) -> None:
        """Fail where the index that builds need is out of reach."""
        (self._folder / "probe.txt").write_text("hatchling\nhttpx\nmsgspec\n")
        self._uv("pip", "compile", "-q", "probe.txt")


class Pip:
    """pip and venv, where uv is not usable; several times slower."""

    name = "pip"

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self._folder, self._env = folder, dict(env)

    def _pip(self, python: Path | str, *words: str, label: str | None = None) -> str:
        return run(python, "-m", "pip", *words, cwd=self._folder, env=self._env, label=label)

    def create(self, python: Path, where: Path) -> Path:
        """The interpreter of a new, empty environment."""
        run(python, "-m", "venv", where, cwd=self._folder, env=self._env)
        return where / "bin" / "python"

    def install(
        self,
        python: Path,
        *wanted: str,
        constraints: Path | None = None,
        lowest: Sequence[str] = (),
        copies: bool = False,
    ) -> None:
        """Install into an environment; of the requirements ``lowest`` exactly the lowest release they name."""
        if "--group" in wanted:
            self._pip(python, "install", "-q", "pip>=25.1")  # the first that knows groups
        pins = [floor(requirement) for requirement in lowest]
        label = f"pip install {' '.join((*pins, *wanted))}"
        self._pip(python, "install", "-q", *_constrained(constraints), *pins, *wanted, label=label)

    def freeze(self, python: Path) -> str:
        """What is installed, as constraints, without what came from a file."""
        return _pinned(self._pip(python, "freeze", "-q"))

    def build(self, source: Path, into: Path, what: str) -> Path:
        """Build a ``wheel`` or ``sdist`` of a folder or an sdist."""
        if what == "wheel":
            self._pip(sys.executable, "wheel", "-q", "--no-deps", "-w", str(into), str(source))
            (made,) = into.glob("*.whl")
        else:
            tools = self.create(Path(sys.executable), into / "tools")
            self.install(tools, "build")
            run(tools, "-m", "build", "-q", "--sdist", "-o", into, source, cwd=self._folder, env=self._env)
            (made,) = into.glob("*.tar.gz")
        return made


def floor(requirement: str) -> str:
    """A requirement pinned to the lowest release that it names; one without a lower bound stays as it is."""
    parsed = Requirement(requirement)
    extras = f"[{','.join(sorted(parsed.extras))}]" if parsed.extras else ""
    bounds = [spec.version for spec in parsed.specifier if spec.operator in (">=", "==", "~=")]
    return f"{parsed.name}{extras}=={bounds[0]}" if bounds else requirement


def pip_config(listed: str) -> dict[str, str]:
    """Settings by name from what ``pip config list`` prints; those of the environment win, then those of install."""
    rank = {"global": 0, "install": 1, ":env:": 2}
    found = re.findall(r"^([\w:]+)\.([\w-]+)='(.*)'$", listed, re.M)
    ordered = sorted((item for item in found if item[0] in rank), key=lambda item: rank[item[0]])
    return {name: value for _, name, value in ordered}


def uv_settings(config: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """pip's settings of where packages come from under uv's names; none where the environment has uv's own."""
    if any(re.fullmatch(r"UV_(DEFAULT_INDEX|INDEX|INDEX_URL|EXTRA_INDEX_URL|FIND_LINKS)", name) for name in environ):
        return {}
    names = {
        "index-url": "UV_DEFAULT_INDEX",
        "extra-index-url": "UV_INDEX",
        "cert": "SSL_CERT_FILE",
        "trusted-host": "UV_INSECURE_HOST",
    }
    settings = {names[name]: value for name, value in config.items() if name in names}
    if config.get("find-links"):
        settings["UV_FIND_LINKS"] = ",".join(config["find-links"].split())
    if "extra-index-url" in config:
        # pip takes the best release of all indexes, uv the first index that knows the name.
        settings["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return settings


def choose_installer(folder: Path, env: Mapping[str, str]) -> tuple[Installer, str]:
    """uv if it is there and sees what pip sees, otherwise pip; and a line that says which and why."""
    beside = Path(sys.executable).with_name("uv")
    binary = str(beside) if beside.exists() else shutil.which("uv", path=env.get("PATH"))
    if binary is None:
        return Pip(folder, env), "pip: uv is not installed"
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False, env=dict(env)
    )
    settings = uv_settings(pip_config(listed.stdout), env)
    reasons = []
    for more, how in ((settings, "uv, with pip's settings of where packages are"), ({}, "uv, with its own settings")):
        if not more and how.startswith("uv, with pip"):
            continue
        installer = Uv(binary, folder, {**env, **more})
        try:
            installer.check()
        except StepFailedError as failure:
            reasons.append(str(failure).splitlines()[-1].strip())
            continue
        return installer, how
    return Pip(folder, env), f"pip: uv finds no packages here ({reasons[-1]})"
