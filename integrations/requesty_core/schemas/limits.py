"""Whether a strict schema keeps to the size that strict mode allows (figures and source in :mod:`.keywords`)."""

from __future__ import annotations

from typing import Any

from .keywords import (
    MAX_DEPTH,
    MAX_ENUM_VALUES,
    MAX_LARGE_ENUM_CHARS,
    MAX_NAME_CHARS,
    MAX_PROPERTIES,
    SMALL_ENUM,
)

__all__ = ["oversize"]


def oversize(schema: dict[str, Any]) -> str | None:
    """What is too large about a strict schema, in one line that begins with the JSON path; ``None`` if nothing is."""
    size = _Size()
    definitions = schema.get("$defs") or {}
    size.add(schema, "$", 0)
    for name, node in definitions.items():
        size.chars += len(name)
        size.add(node, f"$.$defs.{name}", 0)
    if size.problem:
        return size.problem
    for count, limit, what in (
        (size.properties, MAX_PROPERTIES, "properties"),
        (size.values, MAX_ENUM_VALUES, "enum values"),
        (size.chars, MAX_NAME_CHARS, "characters of names and enum values"),
    ):
        if count > limit:
            return f"$: the schema has {count} {what}; strict mode takes {limit}"
    return None


class _Size:
    """Sums over one schema. Nesting is counted in the root and in each definition, not through references."""

    def __init__(self) -> None:
        self.properties = 0
        self.values = 0
        self.chars = 0
        self.problem: str | None = None

    def add(self, node: dict[str, Any], path: str, depth: int) -> None:
        if self.problem:
            return
        if "properties" in node:
            depth += 1
            if depth > MAX_DEPTH:
                self.problem = f"{path}: objects are nested {depth} levels deep; strict mode takes {MAX_DEPTH}"
                return
            for name, inner in node["properties"].items():
                self.properties += 1
                self.chars += len(name)
                self.add(inner, f"{path}.properties.{name}", depth)
        if "items" in node:
            self.add(node["items"], f"{path}.items", depth)
        for index, branch in enumerate(node.get("anyOf", ())):
            self.add(branch, f"{path}.anyOf[{index}]", depth)
        self._values(node, path)

    def _values(self, node: dict[str, Any], path: str) -> None:
        values = node.get("enum", ())
        lengths = [len(value) for value in (*values, node.get("const")) if isinstance(value, str)]
        self.values += len(values)
        self.chars += sum(lengths)
        if len(values) > SMALL_ENUM and sum(lengths) > MAX_LARGE_ENUM_CHARS:
            self.problem = (
                f"{path}: an enum of {len(values)} values has {sum(lengths)} characters; strict mode takes "
                f"{MAX_LARGE_ENUM_CHARS} beyond {SMALL_ENUM} values"
            )
