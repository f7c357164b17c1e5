"""Coding agents, installed from npm and set up by ``configure``, complete a turn with a tool each against the emulator.

Run: ``make agents``; some: ``ARGS="codex opencode"``; ``ARGS=--write`` keeps what came of it for the page on
applications. Each agent has a folder below ``build/agents``, a home of its own that is thrown away, and a time limit. A
proxy that nobody listens at keeps it from other hosts. A turn has passed when the agent exits with 0, has sent the text
of the file that the emulated model asked for, says the answer, and every request was accepted for the configured model.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "integrations")]

from tests.agents.programs import PROGRAMS, Program  # noqa: E402 -- found by the line above

from requesty_cli.configure.applications import APPLICATIONS  # noqa: E402
from requesty_emulator import GatewayEmulator, RecordedRequest  # noqa: E402

BUILD = ROOT / "build" / "agents"
RESULTS = ROOT / "docs" / "agents.json"
ANSWER = "31 metres"
FILE = "The light is 31 metres high.\n"
INSTALL_SECONDS, TURN_SECONDS = 300, 180
#: What the newest releases ask for; an older Node.js is completed by the one that npm has.
NODE = 22


class FailedError(Exception):
    """Why an agent did not complete its turn, in one line."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one agent."""

    program: Program
    version: str
    seconds: float
    requests: int


def run(command: list[str], seconds: float, cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Exit status and all output; the whole process group ends at the time limit."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise FailedError(f"{Path(command[0]).name} was not done after {seconds:.0f} s") from None
    finally:
        # Some leave helpers behind, which would outlive their home.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return process.returncode, output


def installed(package: str) -> Path:
    """The folder of a package's commands, installed if it is not there yet."""
    folder = BUILD / package.strip("@").replace("/", "-")
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private": true}\n')
        npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", package]
        env = {**os.environ, "PATH": path_of()}
        status, output = run(npm, INSTALL_SECONDS, folder, env)
        if status:
            raise FailedError(f"npm install {package} ended with {status}: {output.strip().splitlines()[-1:]}")
        (folder / "done").touch()
    return folder / "node_modules" / ".bin"


def path_of(*folders: Path) -> str:
    """The search path, with a Node.js that is new enough."""
    return os.pathsep.join([*map(str, folders), *map(str, node()), os.environ["PATH"]])


def node() -> list[Path]:
    """The folder of a newer Node.js, if that of this machine is too old and npm has one for it."""
    told = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    if int(told.strip().lstrip("v").partition(".")[0]) >= NODE:
        return []
    kinds = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}
    name = f"node-{sys.platform}-{kinds.get(platform.machine().lower(), platform.machine())}"
    folder = BUILD / "node"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        npm = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--prefix", ".", f"{name}@24"]
        status, output = run(npm, INSTALL_SECONDS, folder, os.environ)
        if status:
            raise FailedError(f"Node.js {told.strip()} is too old, and {name} does not install: {output[-200:]}")
        (folder / "done").touch()
    return [folder / "node_modules" / name / "bin"]


def environment(program: Program, home: Path, commands: Path, key: str) -> dict[str, str]:
    """A home of its own, the key, and no way out of this machine."""
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9")
    here = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
    base = {"HOME": str(home), "PATH": path_of(commands), "LANG": "C.UTF-8", "TERM": "dumb", "REQUESTY_API_KEY": key}
    return {**base, **nowhere, **here, **program.quiet}


def configure(program: Program, gateway: GatewayEmulator, work: Path, env: Mapping[str, str]) -> None:
    """Set the agent up as a user does: written into its file, or by the command that is printed."""
    by_hand = APPLICATIONS[program.application].by_hand is not None
    words = ["-m", "requesty_cli", "configure", program.application, "--base-url", gateway.base_url, "--json"]
    env = {**env, "PYTHONPATH": str(ROOT / "integrations")}
    status, output = run([sys.executable, *words, *([] if by_hand else ["--write"])], 60, work, env)
    if status:
        raise FailedError(f"configure ended with {status}: {output.strip()}")
    told = json.loads(output)
    if by_hand:
        status, output = run(["/bin/sh", "-c", told["settings"]["Command"]], 60, work, env)
        if status:
            raise FailedError(f"{told['settings']['Command'].split(' --')[0]} ended with {status}: {output.strip()}")
    elif gateway.api_key in Path(told["file"]).read_text(encoding="utf-8"):
        raise FailedError(f"the key stands in {told['file']}")


def turn(program: Program) -> Outcome:
    """One headless turn. Raises :class:`FailedError`."""
    commands = installed(program.package)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, GatewayEmulator() as gateway:
        home = Path(folder)
        work = home / "work"
        work.mkdir()
        (work / "notes.txt").write_text(FILE)
        for name, text in program.before.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        env = environment(program, home, commands, gateway.api_key)
        executable = str(commands / program.command)
        status, said = run([executable, "--version"], 60, work, env)
        version = next((word for word in said.split() if word[:1].isdigit()), said.strip())
        configure(program, gateway, work, env)
        call = {"name": program.tool, "arguments": dict(program.arguments(work / "notes.txt"))}
        # Titles and other background work offer no tools.
        gateway.say(tool_calls=[call], offers=program.tool)
        began = time.monotonic()
        status, output = run([executable, *program.turn], TURN_SECONDS, work, env)
        seconds = time.monotonic() - began
        gateway.wait_idle()
        check(program, gateway.requests, status, output)
        return Outcome(program, version, seconds, len(gateway.requests))


def check(program: Program, requests: list[RecordedRequest], status: int, output: str) -> None:
    """Raise :class:`FailedError` unless the turn was completed, with the tool, on accepted requests only."""
    end = " / ".join(output.strip().splitlines()[-4:])[-400:]
    if status:
        raise FailedError(f"it ended with {status}: {end}")
    refused = [request for request in requests if request.status != 200]
    if refused:
        raise FailedError(f"{refused[0].method} {refused[0].path} got {refused[0].status}: {refused[0].error}")
    models = {request.model for request in requests if request.method == "POST"}
    if APPLICATIONS[program.application].model not in models:
        raise FailedError(f"it asked {', '.join(map(str, models)) or 'nobody'}, not the configured model")
    sent = [request for request in requests if request.path == program.route and ANSWER.encode() in request.raw]
    if not sent:
        raise FailedError(f"it did not send back what {program.tool} read; requests: {len(requests)}; {end}")
    if ANSWER not in output:
        raise FailedError(f"it did not say the answer: {end}")


def table(outcomes: list[Outcome], failed: dict[str, str]) -> str:
    """A line for each agent."""
    rows = [("agent", "version", "result")]
    for one in outcomes:
        name = APPLICATIONS[one.program.application].title
        result = f"passed in {one.seconds:.1f} s, {one.requests} requests, tool {one.program.tool}"
        rows.append((name, one.version, result))
    rows += [(APPLICATIONS[name].title, "-", f"FAILED: {why}") for name, why in failed.items()]
    return "\n".join(f"{name:<14} {version:<12} {result}" for name, version, result in rows)


def write(outcomes: list[Outcome]) -> None:
    """Keep what was tried for the page on applications; agents that were not run this time stay as they are."""
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    for one in outcomes:
        kept[one.program.application] = {
            "version": one.version,
            "date": datetime.now(UTC).date().isoformat(),
            "route": one.program.route,
            "tool": one.program.tool,
        }
    RESULTS.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Run them; 1 if any failed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [program.application for program in PROGRAMS]
    parser.add_argument("agents", nargs="*", help=f"of {', '.join(names)}; all by default")
    parser.add_argument("--write", action="store_true", help="keep the results for docs/applications.md")
    given = parser.parse_args()
    unknown = sorted(set(given.agents) - set(names))
    if unknown:
        parser.error(f"unknown agent {unknown[0]}; there are {', '.join(names)}")
    if shutil.which("npm") is None or shutil.which("node") is None:
        print("make agents: npm is not installed; install Node.js 20 or newer", file=sys.stderr)
        return 2
    outcomes: list[Outcome] = []
    failed: dict[str, str] = {}
    for program in PROGRAMS:
        if given.agents and program.application not in given.agents:
            continue
        try:
            outcomes.append(turn(program))
        except FailedError as error:
            failed[program.application] = str(error)
    print(table(outcomes, failed))
    if given.write:
        write(outcomes)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
