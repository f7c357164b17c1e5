"""The released files as users get them, in clean environments. Run: ``make release-check ARGS="--help"``.

Builds sdist and wheel and checks what is in them. Installs every extra alone on every Python at the lowest declared,
the locked and the latest releases; in each environment the extra's package is imported and asked once, no other
framework may be there, and a missing extra is one line. With the latest releases the README's examples run, and with
lowest and latest the extra's column of the conformance matrix. Ends with a table, and with status 1 if anything failed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from requesty_emulator import GatewayEmulator

from .artefacts import ROOT, build, content_problems, validate
from .commands import StepFailedError, clean_environment, run
from .environments import Resolution, choose_installer
from .extras import ALL, EXTRAS, Extra, alone_script
from .interpreters import SUPPORTED, Interpreter, find
from .matrix import DEPTHS, Job, Kit, check
from .newcomer import clone, suite
from .readme import examples
from .table import Outcome, table

BY_NAME = {extra.label: extra for extra in (*EXTRAS, ALL)}
# The machine of a small CI; every job keeps about one core busy.
WORKERS = 2


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line. Lists may be given with commas or by repeating the option."""

    def several(text: str) -> list[str]:
        return [word for word in text.split(",") if word]

    parser = argparse.ArgumentParser(prog="release-check", description=__doc__.split("\n\n")[0])
    parser.add_argument("--python", action="extend", type=several, metavar="3.12", help="versions; default all three")
    parser.add_argument("--extra", action="extend", type=several, metavar="NAME", help=f"of {', '.join(BY_NAME)}")
    parser.add_argument("--resolution", action="extend", type=several, help=f"of {', '.join(Resolution)}")
    parser.add_argument("--require", action="extend", type=several, default=[], help="versions that must be found")
    parser.add_argument("--depth", choices=DEPTHS, default="smoke", help="conformance stories: none, a choice, all")
    parser.add_argument("--suite", action="store_true", help="run all tests from the unpacked sdist, not only collect")
    parser.add_argument("--clone", action="store_true", help="also make demo and make test in a fresh clone")
    parser.add_argument("--contents", action="store_true", help="only build and look at what was built")
    chosen = parser.parse_args(words)
    chosen.python = chosen.python or sorted({*SUPPORTED, *chosen.require}, key=lambda text: text.split("."))
    chosen.extra = chosen.extra or list(BY_NAME)
    chosen.resolution = chosen.resolution or list(Resolution)
    for option, known in (("extra", BY_NAME), ("resolution", set(Resolution))):
        unknown = [name for name in getattr(chosen, option) if name not in known]
        if unknown:
            parser.error(f"--{option}: {', '.join(unknown)} is not one of {', '.join(known)}")
    return chosen


class Report:
    """Outcomes as they come; the failures are kept for the end."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def step(self, name: str, work: Callable[[], object]) -> Outcome:
        """Do something, say how long it took, and keep what failed."""
        start = time.monotonic()
        try:
            work()
        except StepFailedError as failure:
            outcome = Outcome(time.monotonic() - start, str(failure))
            self.failures.append(f"{name}: {failure}")
        else:
            outcome = Outcome(time.monotonic() - start)
        print(f"{name}: {outcome.text}", flush=True)
        return outcome


def main(words: Sequence[str] | None = None) -> int:
    """Check everything that was asked for; the exit status."""
    chosen = arguments(words)
    pythons, missing = find(chosen.python, os.environ)
    report = Report()
    for version in missing:
        needed = version in chosen.require
        line = f"Python {version}: none on PATH or among pyenv's versions; name one in PYTHONS=/path/to/python{version}"
        print(f"{'error: ' if needed else ''}{line}", flush=True)
        if needed:
            report.failures.append(line)
    if not pythons:
        print("error: no Python to check with")
        return 1
    for python in pythons:
        print(f"Python {python.full}: {python.path}")
    with tempfile.TemporaryDirectory(prefix="release-") as name, GatewayEmulator() as gateway:
        env = clean_environment(REQUESTY_BASE_URL=gateway.base_url, REQUESTY_API_KEY=gateway.api_key)
        _check_all(chosen, pythons, Path(name), env, report)
    for failure in report.failures:
        print(f"\nFAILED {failure}")
    print(f"\n{len(report.failures)} failures" if report.failures else "\nall well")
    return 1 if report.failures else 0


def _check_all(
    chosen: argparse.Namespace, pythons: Sequence[Interpreter], folder: Path, env: dict[str, str], report: Report
) -> None:
    (folder / "empty").mkdir()
    installer, why = choose_installer(folder / "empty", env)
    print(why, flush=True)
    try:
        artefacts = build(installer, folder)
    except StepFailedError as failure:
        report.failures.append(f"build: {failure}")
        return
    print(artefacts.summary(), flush=True)
    constraints = ROOT / "constraints.txt"

    def contents() -> None:
        problems = content_problems(artefacts)
        if problems:
            raise StepFailedError(f"{len(problems)} problems", "\n".join(problems), lines=len(problems))

    report.step("contents", contents)
    report.step("validators", lambda: validate(artefacts, installer, pythons[0].path, env))
    if chosen.contents:
        return

    def sdist() -> None:
        python = installer.create(pythons[0].path, folder / "from-sdist")
        installer.install(python, str(artefacts.sdist))
        run(python, "-c", alone_script(BY_NAME["core"]), cwd=folder / "empty", env=env)

    report.step("sdist installed", sdist)
    blocks = examples((ROOT / "README.md").read_text(encoding="utf-8"))
    without = [extra.name for extra in EXTRAS if extra.brings and not any(extra.name in b.extras for b in blocks)]
    if without:
        report.failures.append(f"README.md has no example of {', '.join(without)}")
    kit = Kit(artefacts, installer, constraints, blocks, env, folder, chosen.depth)
    extras = [BY_NAME[name] for name in chosen.extra]
    _matrix(chosen.resolution, pythons, extras, kit, report)
    # As in a shell that has no key.
    bare = clean_environment()
    report.step(
        "tests of the sdist", lambda: suite(artefacts, installer, pythons[0], constraints, bare, whole=chosen.suite)
    )
    if chosen.clone:
        report.step("make demo and make test in a clone", lambda: clone(pythons[0], folder, bare))


def _matrix(
    resolutions: Sequence[str], pythons: Sequence[Interpreter], extras: Sequence[Extra], kit: Kit, report: Report
) -> None:
    jobs = [
        Job(extra, python, Resolution(resolution))
        for extra in extras
        for python in pythons
        for resolution in resolutions
    ]

    def do(job: Job) -> Outcome:
        name = f"[{job.extra.label}] on {job.python.version}, {job.resolution}"
        return report.step(name, lambda: check(job, kit))

    start = time.monotonic()
    with ThreadPoolExecutor(WORKERS) as pool:
        outcomes = list(pool.map(do, jobs))
    cells = {(j.extra.label, j.python.version, str(j.resolution)): out for j, out in zip(jobs, outcomes, strict=True)}
    shown = table([e.label for e in extras], [p.version for p in pythons], [str(r) for r in resolutions], cells)
    print(f"\n{shown}\n\n{len(jobs)} environments in {time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
