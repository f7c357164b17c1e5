"""The register of promises: which test proves what a page says. ``python docs/promises.py`` lists what is promised;
``--check`` is for ``make lint``.

A unit is a sentence, a row of a table or a definition. One with a word of :data:`WORDS`, or with an amount, can be
untrue. It carries ``<!-- promise: ID -->``, which no reader sees, or holds a phrase that ``tests/docs/promises.toml``
lists as no promise, with the reason. The same file says which tests prove an id; one id may stand on several pages.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["MARK", "Unit", "problems", "units_of"]

ROOT = Path(__file__).resolve().parents[1]
REGISTER = ROOT / "tests" / "docs" / "promises.toml"
WORDS = re.compile(r"\b(?:never|only|every|always|at once|nothing|at most)\b", re.I)
AMOUNT = re.compile(
    r"(?<![\w./`~-])\d[\d,.]*\s(?:ms|s|seconds?|minutes?|hours?|days?|times|requests?|attempts?|retries|characters|tokens|"
    r"bytes|[kKM]i?B|inputs|texts|per ?cent|%|USD)(?![\w`])"
)
MARK = re.compile(r"[ \n]*<!-- promise: (?P<ids>[a-z0-9-]+(?:, [a-z0-9-]+)*) -->")
_FENCE = re.compile(r"^(?P<indent> *)```.*?^(?P=indent)```[ ]*$", re.M | re.S)
_COMMENT = re.compile(r"<!--(?! promise: ).*?-->", re.S)
_BLOCK = re.compile(r"(?:^[ ]*\S.*\n?)+", re.M)
_OWN_UNIT = re.compile(r"\s*(?:\||#|[-*] |\d+\. |: )")
# A sentence ends before the next capital letter, but for a mark, which belongs to the sentence before it.
_SENTENCE = re.compile(r"(?<=[.!?>])\s+(?=[A-Z`*\[(\"])")


@dataclass(frozen=True)
class Unit:
    """A sentence, a row of a table or a definition of a page, without code blocks and comments."""

    line: int
    text: str
    ids: tuple[str, ...]

    @property
    def promises(self) -> bool:
        """Whether it says something that can be untrue. Headings and names in code font do not count."""
        if self.text.startswith("#"):
            return False
        prose = re.sub(r"`[^`]*`", "`", self.text)
        return bool(WORDS.search(prose) or AMOUNT.search(prose))


def units_of(text: str) -> Iterator[Unit]:
    """The units of a page in order."""
    for pattern in (_FENCE, _COMMENT):
        text = pattern.sub(lambda match: "\n" * match.group().count("\n"), text)
    for block in _BLOCK.finditer(text):
        first = text.count("\n", 0, block.start()) + 1
        lines = block.group().splitlines()
        # A row, an item or a definition begins a unit of its own; what follows a row or a heading does, too.
        starts = [
            number
            for number, line in enumerate(lines)
            if not number or _OWN_UNIT.match(line) or lines[number - 1].lstrip().startswith(("|", "#"))
        ]
        for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
            yield from _sentences(first + start, " ".join(lines[start:end]))


def _sentences(line: int, text: str) -> Iterator[Unit]:
    whole = " ".join(text.split())
    for sentence in [whole] if whole.startswith("|") else _SENTENCE.split(whole):
        ids = tuple(one for mark in MARK.finditer(sentence) for one in mark["ids"].split(", "))
        yield Unit(line, MARK.sub("", sentence), ids)


def pages(register: Mapping[str, Any]) -> list[Path]:
    """The pages that are read: all but those that the register leaves out with its reason."""
    every = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [page for page in every if not any(page.match(pattern) for pattern in register["pages_left_out"])]


@cache
def tests_in(path: str) -> Mapping[str, bool]:
    """The functions of a file of tests, by name: its tests, or the stories of a scenario; whether each can fail.

    One can that asserts, expects an error, raises, or calls a function of its file that does.
    """
    file = ROOT / path
    if not file.is_file():
        return {}
    nodes = [node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, _FUNCTION)]
    named = {node.name: node for node in nodes}
    failing = {name for name, node in named.items() if any(map(_fails, ast.walk(node)))}
    while more := {name for name, node in named.items() if name not in failing and _called(node) & failing}:
        failing |= more
    return {name: name in failing for name in named}


_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def _fails(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in ("pytest.raises", "pytest.warns", "pytest.fail")
    return isinstance(node, (ast.Assert, ast.Raise))


def _called(node: ast.AST) -> set[str]:
    calls = [part.func for part in ast.walk(node) if isinstance(part, ast.Call)]
    return {call.id for call in calls if isinstance(call, ast.Name)}


def problems(texts: Mapping[str, str], register: Mapping[str, Any]) -> list[str]:
    """What is wrong, a line each: of the pages' texts by name, and of the register."""
    found: list[str] = []
    proofs, phrases = register["promises"], register["no_promise"]
    elsewhere = register.get("asserts_elsewhere", {})
    reasons = {phrase: reason for reason, listed in phrases.items() for phrase in listed}
    used: set[str] = set()
    for name, text in texts.items():
        for unit in units_of(text):
            where = f"{name}:{unit.line}"
            used.update(unit.ids)
            found += [f"{where}: no test is named for the promise {one!r}" for one in unit.ids if one not in proofs]
            listed = [phrase for phrase in reasons if phrase in unit.text]
            used.update(listed)
            if unit.promises and not unit.ids and not listed:
                found.append(f"{where}: a promise without an id: {unit.text}")
            if unit.ids and listed:
                found.append(f"{where}: has an id, and is listed as no promise: {listed[0]!r}")
    found += [f"promises.toml: {one!r} stands on no page" for one in (*proofs, *reasons) if one not in used]
    for one, tests in proofs.items():
        if not tests:
            found.append(f"promises.toml: {one!r} has no test")
        for test in tests:
            path, _, name = test.partition("::")
            if name not in tests_in(path):
                found.append(f"promises.toml: {one!r} names {test}, which does not exist")
            elif tests_in(path)[name] is (test in elsewhere):
                what = "asserts by itself: take it out of asserts_elsewhere" if test in elsewhere else "asserts nothing"
                found.append(f"promises.toml: {one!r} names {test}, which {what}")
    return found


def main() -> int:
    """List, or check."""
    register = tomllib.loads(REGISTER.read_text(encoding="utf-8"))
    texts = {page.relative_to(ROOT).as_posix(): page.read_text(encoding="utf-8") for page in pages(register)}
    if "--check" in sys.argv[1:]:
        found = problems(texts, register)
        print("\n".join(found) or f"promises: {len(register['promises'])} ids, each with its tests")
        return int(bool(found))
    for name, text in texts.items():
        for unit in units_of(text):
            if unit.ids:
                print(f"{name}:{unit.line}: {', '.join(unit.ids)}: {unit.text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
