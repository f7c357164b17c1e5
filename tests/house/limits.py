"""How long files, classes and functions are, and which modules import each other in a circle: read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2] / "integrations"
FILE, CLASS, FUNCTION = 350, 200, 50

Tree = Mapping[str, str]
"""Source texts by path below the source root."""


@dataclass(frozen=True)
class Exceeding:
    """Something longer than its limit: ``path``, ``path::Class`` or ``path::Class.function``."""

    name: str
    lines: int
    limit: int

    def __str__(self) -> str:
        return f"{self.name} has {self.lines} lines, the limit is {self.limit}"


def sources(root: Path = ROOT) -> Tree:
    """Every Python file below the root."""
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in sorted(root.rglob("*.py"))}


def exceeding(tree: Tree) -> Iterator[Exceeding]:
    """Everything longer than its limit; a function counts with its decorators and its docstring."""
    for path, text in tree.items():
        lines = len(text.splitlines())
        if lines > FILE:
            yield Exceeding(path, lines, FILE)
        yield from _long_definitions(ast.parse(text), f"{path}::")


def _long_definitions(node: ast.AST, prefix: str) -> Iterator[Exceeding]:
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _long_definitions(child, prefix)
            continue
        limit = CLASS if isinstance(child, ast.ClassDef) else FUNCTION
        first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
        lines = (child.end_lineno or child.lineno) - first + 1
        if lines > limit:
            yield Exceeding(f"{prefix}{child.name}", lines, limit)
        yield from _long_definitions(child, f"{prefix}{child.name}.")


def module_name(path: str) -> str:
    """The dotted name of a file below the source root."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(tree: Tree) -> dict[str, set[str]]:
    """For each module the modules of the tree that are loaded while it is loaded, by its own statements.

    What only type checkers read and what functions import later does not count, nor does that a package is loaded
    before its modules. ``from package import name`` is the submodule of that name where there is one, and the package
    otherwise.
    """
    modules = {module_name(path) for path in tree}
    found: dict[str, set[str]] = {}
    for path, text in tree.items():
        name = module_name(path)
        package = name if path.endswith("__init__.py") else name.rpartition(".")[0]
        statements = _statements(ast.parse(text).body)
        found[name] = {target for node in statements for target in _targets(node, package, modules)} - {name}
    return found


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If) and _is_for_type_checkers(node.test):
            yield from _statements(node.orelse)
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for field in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(node, field, ()))
            for handler in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
                yield from _statements(handler.body)


def _is_for_type_checkers(test: ast.expr) -> bool:
    return ast.unparse(test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _targets(node: ast.Import | ast.ImportFrom, package: str, modules: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        base = node.module or ""
        if node.level:
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*above, *([node.module] if node.module else [])])
        names = [f"{base}.{alias.name}" if f"{base}.{alias.name}" in modules else base for alias in node.names]
    yield from (name for name in names if name in modules)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The groups of modules that reach each other, sorted."""
    reached = {name: _reached(graph, name) for name in graph}
    groups = {tuple(sorted({name, *(n for n in reached[name] if name in reached.get(n, ()))})) for name in graph}
    return [list(group) for group in sorted(groups) if len(group) > 1]


def _reached(graph: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph.get(waiting.pop(), set()) - found
        found |= new
        waiting.extend(new)
    return found
