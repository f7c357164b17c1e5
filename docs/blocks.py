"""The code blocks of the documentation, run as a reader would run them, against the emulator.

``python docs/blocks.py PAGE…`` runs pages and writes what their blocks print into the output blocks that follow them;
``--check`` compares instead. The tests check every page in a process of its own.

==================================  ====================================================================================
fence                               meaning
==================================  ====================================================================================
```` ```python ````                 runs; the blocks of a page share their names
```` ```text title="Output" ````    what the block before it prints; ``...`` stands for anything
```` ```diff ````                   a migration: lines with ``+`` or a space run, with ``-`` or a space they compile
```` ```bash ````                   ``requesty-adapters`` is run; ``pip``, ``make`` and ``export`` are checked
==================================  ====================================================================================
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import textwrap
import tomllib
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from requesty_emulator import GatewayEmulator, Policy

__all__ = ["Block", "BlockError", "blocks_of", "gateway_for_pages", "run_page", "with_outputs"]

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)```[ ]*$", re.M | re.S
)
OUTPUT = "Output"
POLICY = "production"


class BlockError(AssertionError):
    """A block of a page does not do what the page says."""


@dataclass(frozen=True)
class Block:
    """One fenced block. ``start`` and ``end`` are the offsets of its body in the page."""

    language: str
    info: str
    body: str
    indent: str
    line: int
    start: int
    end: int
    follows: int | None
    """Offset of the end of the fence just before it, with nothing but blank lines between."""

    @property
    def is_output(self) -> bool:
        """Whether it shows what the block before it prints."""
        return self.language == "text" and f'title="{OUTPUT}"' in self.info


def blocks_of(text: str) -> list[Block]:
    """The fenced blocks of a page in order, those in tabs and lists without their indentation."""
    found: list[Block] = []
    previous_end: int | None = None
    for match in FENCE.finditer(text):
        follows = previous_end if previous_end is not None and not text[previous_end : match.start()].strip() else None
        found.append(
            Block(
                language=match["language"],
                info=match["info"],
                body=textwrap.dedent(match["body"]),
                indent=match["indent"],
                line=text.count("\n", 0, match.start("body")) + 1,
                start=match.start("body"),
                end=match.end("body"),
                follows=follows,
            )
        )
        previous_end = match.end()
    return found


@contextlib.contextmanager
def gateway_for_pages() -> Iterator[GatewayEmulator]:
    """The gateway that pages talk to, set in the environment; an empty working folder."""
    settings = {"HAYSTACK_TELEMETRY_ENABLED": "false", "NO_COLOR": "1", "COLUMNS": "100"}
    before, folder = dict(os.environ), Path.cwd()
    with GatewayEmulator() as gateway, tempfile.TemporaryDirectory() as empty:
        gateway.policies[POLICY] = Policy(models=["openai/gpt-4o-mini"])
        settings |= {"REQUESTY_BASE_URL": gateway.base_url, "REQUESTY_API_KEY": gateway.api_key}
        os.environ.update(settings)
        os.chdir(empty)
        try:
            yield gateway
        finally:
            os.chdir(folder)
            os.environ.clear()
            os.environ.update(before)


def run_page(text: str, name: str, gateway: GatewayEmulator) -> dict[int, str]:
    """Run every block of a page; returns what was printed, by the offset of the output block it belongs to.

    Raises:
        BlockError: a block failed, or a command is not one a page may show.
    """
    printed: dict[int, str] = {}
    last = ""
    with _main_module() as names:
        for block in blocks_of(text):
            where = f"{name}:{block.line}"
            if block.is_output:
                if block.follows is None:
                    raise BlockError(f"{where}: an output block follows no code")
                printed[block.start] = last
                continue
            runner = RUNNERS.get(block.language)
            last = runner(block.body, where, names, gateway) if runner else ""
    return printed


@contextlib.contextmanager
def _main_module() -> Iterator[dict[str, Any]]:
    """The names of a fresh ``__main__``: classes and functions of a page are found there by what looks them up."""
    before, module = sys.modules["__main__"], ModuleType("__main__")
    sys.modules["__main__"] = module
    try:
        yield vars(module)
    finally:
        sys.modules["__main__"] = before


def _python(body: str, where: str, names: dict[str, Any], gateway: GatewayEmulator) -> str:
    out = io.StringIO()
    # As many lines before it as the page has, so that a traceback names the line of the page.
    source = "\n" * (int(where.rpartition(":")[2]) - 1) + body
    try:
        with contextlib.redirect_stdout(out):
            exec(compile(source, where.rpartition(":")[0], "exec"), names)
            for test in [value for key, value in names.items() if key.startswith("test_") and callable(value)]:
                test(gateway)
    except Exception as error:
        raise BlockError(f"{where}: {type(error).__name__}: {error}") from error
    for key in [key for key in names if key.startswith("test_")]:
        del names[key]
    return out.getvalue()


def _diff(body: str, where: str, names: dict[str, Any], gateway: GatewayEmulator) -> str:
    def side(sign: str) -> str:
        return "\n".join(line[1:] for line in body.splitlines() if not line or line[0] in f" {sign}")

    try:
        compile(side("-"), where, "exec")
    except SyntaxError as error:
        raise BlockError(f"{where}: what was before does not compile: {error}") from error
    return _python(side("+"), where, names, gateway)


def _bash(body: str, where: str, names: dict[str, Any], gateway: GatewayEmulator) -> str:
    printed = ""
    for line in body.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if not words:
            continue
        check = COMMANDS.get(words[0])
        if check is None:
            raise BlockError(f"{where}: {words[0]} is no command that pages may show")
        problem = check(words)
        if problem:
            raise BlockError(f"{where}: {line}: {problem}")
        if words[0] == "requesty-adapters":
            printed += _command(words[1:], where)
    return printed


def _command(arguments: list[str], where: str) -> str:
    # What runs until it is ended is tested in a terminal instead.
    if arguments[:1] == ["emulator"]:
        return ""
    command = str(Path(sys.executable).with_name("requesty-adapters"))
    done = subprocess.run(
        [command, *arguments], capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise BlockError(f"{where}: requesty-adapters {shlex.join(arguments)}: {done.stdout}{done.stderr}")
    return done.stdout


def _pip(words: list[str]) -> str | None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    if words[1] != "install":
        return "only pip install is shown"
    for word in words[2:]:
        match = re.fullmatch(r"(?:requesty-adapters|\.)\[([\w,-]+)\]", word)
        if match and (unknown := set(match[1].split(",")) - extras.keys()):
            return f"no such extra: {', '.join(unknown)}"
    return None


def _make(words: list[str]) -> str | None:
    target = next(word for word in words[1:] if "=" not in word)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return None if re.search(rf"^{re.escape(target)}:", makefile, re.M) else "no such target"


def _fine(words: list[str]) -> None:
    return None


COMMANDS: dict[str, Callable[[list[str]], str | None]] = {
    "pip": _pip,
    "make": _make,
    "export": _fine,
    "requesty-adapters": _fine,
}
RUNNERS: dict[str, Callable[[str, str, dict[str, Any], GatewayEmulator], str]] = {
    "python": _python,
    "py": _python,
    "diff": _diff,
    "bash": _bash,
    "sh": _bash,
}


def differences(text: str, name: str, printed: dict[int, str]) -> str:
    """Where a page's output blocks differ from what was printed; empty if nowhere."""
    found: list[str] = []
    for block in blocks_of(text):
        if block.is_output and not _matches(block.body, printed[block.start]):
            lines = difflib.unified_diff(
                block.body.rstrip().splitlines(), printed[block.start].rstrip().splitlines(), "page", "run", lineterm=""
            )
            found.append("\n".join([f"{name}:{block.line}", *lines]))
    return "\n\n".join(found)


def _matches(shown: str, printed: str) -> bool:
    pattern = ".*?".join(re.escape(part) for part in _trimmed(shown).split("..."))
    return re.fullmatch(pattern, _trimmed(printed), re.S) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def with_outputs(text: str, printed: dict[int, str]) -> str:
    """The page with its output blocks as printed; those that match already, ``...`` included, stay."""
    for block in reversed(blocks_of(text)):
        if block.is_output and not _matches(block.body, printed[block.start]):
            body = textwrap.indent(_trimmed(printed[block.start]) + "\n", block.indent)
            text = text[: block.start] + body + text[block.end :]
    return text


def main(arguments: list[str]) -> int:
    """Run the named pages and write their outputs; with ``--check`` compare them."""
    check = "--check" in arguments
    status = 0
    for argument in [argument for argument in arguments if argument != "--check"]:
        page = Path(argument).resolve()
        text = page.read_text(encoding="utf-8")
        try:
            with gateway_for_pages() as gateway:
                printed = run_page(text, argument, gateway)
        except BlockError as error:
            traceback.print_exception(error.__cause__ or error)
            print(error, file=sys.stderr)
            status = 1
            continue
        if check:
            if found := differences(text, argument, printed):
                print(found, file=sys.stderr)
                status = 1
        elif (new := with_outputs(text, printed)) != text:
            page.write_text(new, encoding="utf-8")
            print(f"{argument}: outputs written")
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
