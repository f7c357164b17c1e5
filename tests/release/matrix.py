"""One environment: an extra, a Python and a resolution, and everything that is asked of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .artefacts import Artefacts
from .commands import StepFailedError, run
from .environments import Installer, Resolution
from .extras import MISSING, Extra, alone_script
from .interpreters import Interpreter
from .metadata import direct_requirements
from .readme import Example

__all__ = ["DEPTHS", "Job", "Kit", "check"]

DEPTHS = ("calls", "smoke", "full")
PYTEST = ("pytest>=8.4", "pytest-asyncio>=1.2", "pytest-timeout>=2.4", "pydantic>=2")
# Stories of the conformance matrix that touch each thing a framework's release can break.
SMOKE = (
    "plain",
    "pieces",
    "one_call",
    "parallel",
    "result",
    "json_schema",
    "tool_mode",
    "partials",
    "text_and_signature",
    "round_trip",
    "image_url",
    "cost",
    "embeddings",
    "error_in_200",
    "truncated",
    "after_503",
    "after_role",
    "tools",
    "agent",
    "structured",
    "serialised",
    "deep_copy",
    "secret",
)
_MISSING_SCRIPT = """
import json, sys
for statement, extra in json.loads(sys.argv[1]):
    try:
        exec(statement, {})
    except ImportError as error:
        said = str(error)
        assert said.endswith(f"run: pip install 'requesty-adapters[{extra}]'") and "\\n" not in said, said
    else:
        raise AssertionError(f"{statement} works without [{extra}]")
"""
_FIXTURE_TEST = "def test_fixture(requesty_gateway):\n    pass\n"


@dataclass(frozen=True)
class Job:
    """One cell of the table."""

    extra: Extra
    python: Interpreter
    resolution: Resolution

    @property
    def folder(self) -> str:
        """A name for its environment."""
        return f"{self.extra.label}-{self.python.version}-{self.resolution}"


@dataclass(frozen=True)
class Kit:
    """What all jobs share. ``env`` points at a running emulator."""

    artefacts: Artefacts
    installer: Installer
    constraints: Path
    examples: Sequence[Example]
    env: Mapping[str, str]
    folder: Path
    depth: str


@dataclass(frozen=True)
class _Place:
    """An environment that is being checked; ``work`` is an empty folder outside the checkout."""

    job: Job
    kit: Kit
    python: Path
    work: Path

    def run(self, *command: str | Path, cwd: Path | None = None, status: int = 0, label: str | None = None) -> str:
        return run(*command, cwd=cwd or self.work, env=self.kit.env, status=status, label=label)

    def install(self, *wanted: str) -> None:
        """Add tools without changing a release that is already there."""
        frozen = self.work.parent / "installed.txt"
        frozen.write_text(self.kit.installer.freeze(self.python), encoding="utf-8")
        self.kit.installer.install(self.python, *wanted, constraints=frozen)

    def one_line(self, *arguments: str, extra: str) -> None:
        """The command line must end with status 2 and one line that names an extra."""
        command = self.python.with_name("requesty-adapters")
        said = self.run(command, *arguments, status=2).strip()
        wanted = f"run: pip install 'requesty-adapters[{extra}]'"
        if "\n" in said or not said.endswith(wanted):
            raise StepFailedError(f"requesty-adapters {' '.join(arguments)}: not one line that ends {wanted!r}", said)


def check(job: Job, kit: Kit) -> None:
    """Make the environment and ask everything of it.

    Raises:
        StepFailedError: the first thing that is not as it must be.
    """
    where = kit.folder / job.folder
    try:
        _check(job, kit, where)
    finally:
        # Hundreds of megabytes each, 81 in all.
        shutil.rmtree(where, ignore_errors=True)


def _check(job: Job, kit: Kit, where: Path) -> None:
    python = kit.installer.create(job.python.path, where)
    (where / "work").mkdir()
    place = _Place(job, kit, python, where / "work")
    _install(place)
    place.run(python, "-c", alone_script(job.extra), label=f"alone, with a call of [{job.extra.label}]")
    _missing(place)
    if job.resolution is Resolution.LATEST:
        _examples(place)
    if job.resolution is not Resolution.LOCKED and job.extra.driver and kit.depth != "calls":
        _stories(place, job.extra.driver)


def _install(place: _Place) -> None:
    extra, kit, resolution = place.job.extra, place.kit, place.job.resolution
    wheel = f"{kit.artefacts.wheel}[{extra.name}]" if extra.name else str(kit.artefacts.wheel)
    lowest = direct_requirements(kit.artefacts.metadata, extra.name) if resolution is Resolution.LOWEST else ()
    locked = kit.constraints if resolution is Resolution.LOCKED else None
    kit.installer.install(place.python, wheel, constraints=locked, lowest=lowest)


def _missing(place: _Place) -> None:
    """What is said where an extra is missing."""
    if place.job.extra.name == "cli":
        place.one_line("demo", extra="langchain,cli")
    if place.job.extra.name:
        return
    statements = json.dumps(MISSING)
    place.run(place.python, "-c", _MISSING_SCRIPT, statements, label="what a missing extra says")
    for command in ("demo", "emulator", "chat", "--help"):
        place.one_line(command, extra="cli")
    if place.job.resolution is Resolution.LATEST:
        _missing_in_part(place)


def _missing_in_part(place: _Place) -> None:
    """What is said where other software has brought some of an extra's packages."""
    place.install("typer", "rich")
    place.one_line("demo", extra="langchain,cli")
    for command in ("emulator", "doctor", "configure librechat", "configure codex --write"):
        place.one_line(*command.split(), extra="cli")
    place.install("langchain-core")
    place.one_line("demo", extra="cli")
    place.install("pytest")
    test = place.work / "test_fixture.py"
    test.write_text(_FIXTURE_TEST)
    said = place.run(place.python, "-m", "pytest", "-q", test, status=1)
    if "run: pip install 'requesty-adapters[emulator]'" not in said:
        raise StepFailedError("the pytest fixture without [emulator] does not name the extra", said)


def _examples(place: _Place) -> None:
    """The README's examples that need exactly what is here; all of them where everything is."""
    extra = place.job.extra
    for example in place.kit.examples:
        if example.extras == extra.everything or extra.name == "all":
            script = place.work / f"readme_{example.line}.py"
            script.write_text(example.source, encoding="utf-8")
            printed = place.run(place.python, script, label=f"README.md, line {example.line}")
            if "print(" in example.source and not printed.strip():
                raise StepFailedError(f"README.md, line {example.line}: prints nothing", printed)


def _stories(place: _Place, driver: str) -> None:
    """The driver's column of the conformance matrix, from the tests that the sdist brings.

    Of the matrix alone: the files beside it compare adapters, and one extra brings one.
    """
    place.install(f"{place.kit.artefacts.wheel}[emulator]", *PYTEST, *place.job.extra.needs)
    chosen = () if place.kit.depth == "full" else ("-k" + " or ".join(f"-{name}-" for name in SMOKE),)
    run(
        place.python,
        *(
            "-m",
            "pytest",
            "-p",
            "tests.release.only_driver",
            "-p",
            "no:cacheprovider",
            "-q",
            "tests/conformance/test_matrix.py",
        ),
        *chosen,
        cwd=place.kit.artefacts.tree,
        env={**place.kit.env, "CONFORMANCE_DRIVER": driver},
        label=f"the conformance stories of {driver}",
    )
