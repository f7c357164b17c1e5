"""Wheel and sdist: built in every way a user or an index may, and looked at."""

from __future__ import annotations

import re
import subprocess
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .commands import StepFailedError, run
from .contents import differences, sdist_problems, wheel_problems
from .environments import Installer
from .metadata import entry_point_problems, metadata_problems

__all__ = ["Artefacts", "build", "content_problems", "validate"]

ROOT = Path(__file__).resolve().parents[2]
# Eight top-level names are the point of this wheel, one for each ecosystem.
_IGNORED = "W009"
_RENDER = """
import sys
from readme_renderer.markdown import render
html = render(open(sys.argv[1], encoding="utf-8").read())
assert html and "<h1" in html and "<table" in html and "<pre" in html, "the description does not render as Markdown"
"""


@dataclass(frozen=True)
class Artefacts:
    """The files to release, the wheel that the sdist gives, and the sdist unpacked."""

    wheel: Path
    sdist: Path
    wheel_of_sdist: Path
    tree: Path

    @property
    def metadata(self) -> str:
        """METADATA of the wheel."""
        return _record(_wheel_files(self.wheel), "METADATA")

    def summary(self) -> str:
        """Names, numbers of files and sizes."""
        wheel, sdist = _wheel_files(self.wheel), _sdist_names(self.sdist)
        return (
            f"{self.wheel.name}: {len(wheel)} files, {self.wheel.stat().st_size // 1024} KiB; "
            f"{self.sdist.name}: {len(sdist)} files, {self.sdist.stat().st_size // 1024} KiB"
        )


def build(installer: Installer, folder: Path) -> Artefacts:
    """Build all of them below ``folder``.

    Raises:
        StepFailedError: a build failed.
    """
    for name in ("sdist", "wheel", "again", "unpacked"):
        (folder / name).mkdir(parents=True)
    sdist = installer.build(ROOT, folder / "sdist", "sdist")
    wheel = installer.build(ROOT, folder / "wheel", "wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "unpacked", filter="data")
    (tree,) = (folder / "unpacked").iterdir()
    return Artefacts(wheel, sdist, installer.build(sdist, folder / "again", "wheel"), tree)


def content_problems(artefacts: Artefacts) -> list[str]:
    """What is wrong with the files and the metadata."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    files = _wheel_files(artefacts.wheel)
    tracked = _tracked()
    prefix = "integrations/"
    inside = None if tracked is None else {name.removeprefix(prefix) for name in tracked if name.startswith(prefix)}
    roots = [name.replace(".", "/") for name in pyproject["tool"]["importlinter"]["root_packages"]]
    return [
        *(f"wheel: {problem}" for problem in wheel_problems(files, inside, roots)),
        *(f"sdist: {problem}" for problem in sdist_problems(_sdist_names(artefacts.sdist), tracked)),
        *(
            f"{name} is not the same in the wheel of the sdist"
            for name in differences(files, _wheel_files(artefacts.wheel_of_sdist))
        ),
        *(f"METADATA: {problem}" for problem in _metadata_problems(files, pyproject["project"])),
    ]


def validate(artefacts: Artefacts, installer: Installer, python: Path, env: Mapping[str, str]) -> None:
    """Let twine, check-wheel-contents and the renderer of package indexes judge them.

    Raises:
        StepFailedError: one of them objects.
    """
    where = artefacts.tree.parent.parent / "tools"
    tool = installer.create(python, where)
    installer.install(tool, "twine>=6", "check-wheel-contents>=0.6", "readme-renderer[md]>=44")
    toplevel = ",".join(sorted({name.partition("/")[0] for name in _wheel_files(artefacts.wheel) if _is_code(name)}))
    description = where / "description.md"
    description.write_text(artefacts.metadata.partition("\n\n")[2], encoding="utf-8")
    bin_ = tool.parent
    run(bin_ / "twine", "check", "--strict", artefacts.wheel, artefacts.sdist, cwd=where, env=env)
    how = ("--no-config", "--ignore", _IGNORED, "--toplevel", toplevel)
    run(bin_ / "check-wheel-contents", *how, artefacts.wheel, cwd=where, env=env)
    run(tool, "-c", _RENDER, description, cwd=where, env=env, label="the description as a package index renders it")


def _is_code(name: str) -> bool:
    return ".dist-info/" not in name


def _wheel_files(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _sdist_names(sdist: Path) -> list[str]:
    with tarfile.open(sdist) as archive:
        return [member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()]


def _record(files: Mapping[str, bytes], name: str) -> str:
    found = [data for path, data in files.items() if path.endswith(f".dist-info/{name}")]
    if not found:
        raise StepFailedError(f"the wheel has no {name}", "")
    return found[0].decode("utf-8")


def _metadata_problems(files: Mapping[str, bytes], project: Mapping[str, Any]) -> list[str]:
    source = (ROOT / "integrations" / "requesty_core" / "_version.py").read_text(encoding="utf-8")
    version = re.findall(r"^__version__ = \"(.+)\"$", source, re.M)
    if len(version) != 1:
        return ["integrations/requesty_core/_version.py names no version"]
    return [
        *metadata_problems(_record(files, "METADATA"), project, version[0]),
        *entry_point_problems(_record(files, "entry_points.txt"), project),
    ]


def _tracked() -> set[str] | None:
    """Files under version control; ``None`` outside a checkout."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    return set(filter(None, done.stdout.split("\0"))) if done.returncode == 0 else None
