"""The examples of the README as scripts of their own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Example", "examples", "extras_of"]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<body>.*?)^```[ ]*$", re.M | re.S)
# first part of an imported module -> extra
_ROOTS = {
    "requesty_core": None,
    "requesty_emulator": "emulator",
    "requesty_cli": "cli",
    "langchain_requesty": "langchain",
    "langchain_core": "langchain",
    "langchain": "langchain",
    "llama_index": "llama-index",
    "haystack_integrations": "haystack",
    "haystack": "haystack",
    "pydantic_ai_requesty": "pydantic-ai",
    "pydantic_ai": "pydantic-ai",
    "openai_requesty": "openai",
    "openai": "openai",
}


@dataclass(frozen=True)
class Example:
    """One Python block: the line of the page it starts on, its text, and the extras it needs."""

    line: int
    source: str
    extras: frozenset[str]


def examples(page: str) -> list[Example]:
    """The ``python`` blocks of a Markdown page in order.

    Raises:
        SyntaxError: a block is no Python.
    """
    found = []
    for match in _FENCE.finditer(page):
        words = match["info"].split()
        if words and words[0] in ("python", "py"):
            line = page.count("\n", 0, match.start("body")) + 1
            found.append(Example(line, match["body"], extras_of(match["body"])))
    return found


def extras_of(source: str) -> frozenset[str]:
    """The extras that a script needs for what it imports."""
    found = {_ROOTS.get(module.partition(".")[0]) for module in _imports(ast.parse(source))}
    return frozenset(extra for extra in found if extra)


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
