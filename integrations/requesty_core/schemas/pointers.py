"""References of a schema document: where they lead, and the names their targets get."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from .keywords import DEFINITIONS, ONE_SCHEMA, SCHEMA_LISTS, SCHEMA_MAPS
from .wellformed import malformed

__all__ = ["Document", "UnresolvedReferenceError"]

_UNNAMEABLE = re.compile(r"[^a-zA-Z0-9_-]+")


class UnresolvedReferenceError(Exception):
    """A reference leads out of the document, nowhere, or round in a circle."""


class Document:
    """One schema with its references: ``#``, ``#/$defs/X``, ``#/definitions/X``, any deeper pointer, ``#anchor``."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self._base = str(root.get("$id") or root.get("id") or "").split("#")[0]
        self._anchors: dict[str, Any] | None = None
        self._read: set[int] = set()
        self._names: dict[int, str] = {}
        self.targets: dict[str, Any] = {}
        """Name of each target in the order of naming."""

    def target(self, ref: Any) -> Any:
        """The schema a reference leads to, through any chain of bare references."""
        node = self._step(ref)
        seen = [ref]
        while isinstance(node, dict) and len(node) == 1 and "$ref" in node:
            if node["$ref"] in seen:
                raise UnresolvedReferenceError(f"the reference {ref!r} leads round in a circle")
            seen.append(node["$ref"])
            node = self._step(node["$ref"])
        return node

    def _step(self, ref: Any) -> Any:
        if not isinstance(ref, str):
            raise UnresolvedReferenceError(f"the reference {ref!r} is no text")
        base, _, fragment = ref.partition("#")
        if base and base != self._base:
            raise UnresolvedReferenceError(f"the reference {ref!r} leads out of the schema")
        fragment = unquote(fragment)
        node = self._pointed(fragment) if not fragment or fragment.startswith("/") else self._anchor(fragment)
        if not isinstance(node, (dict, bool)):
            raise UnresolvedReferenceError(f"the reference {ref!r} leads nowhere")
        if id(node) not in self._read:
            # A deep pointer may lead to a place that is no schema, such as a list of properties.
            if fault := malformed(node):
                raise UnresolvedReferenceError(f"the reference {ref!r} leads to no schema: {fault}")
            self._read.add(id(node))
        return node

    def _pointed(self, pointer: str) -> Any:
        node: Any = self.root
        for token in pointer.split("/")[1:]:
            name = token.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and name.isdecimal() and int(name) < len(node):
                node = node[int(name)]
            else:
                node = node.get(name) if isinstance(node, dict) else None
        return node

    def _anchor(self, name: str) -> Any:
        if self._anchors is None:
            self._anchors = {}
            _collect_anchors(self.root, self._anchors)
        return self._anchors.get(name)

    def name(self, ref: str, target: Any) -> str:
        """The name of a target in ``$defs``: its own, made legal and unique."""
        known = self._names.get(id(target))
        if known is not None:
            return known
        last = unquote(ref).rpartition("/")[2].rpartition("#")[2].replace("~1", "/").replace("~0", "~")
        if not last and isinstance(target, dict):
            last = str(target.get("title") or "Root")
        stem = (_UNNAMEABLE.sub("_", last) or "Definition")[:56]
        name, number = stem, 2
        while name in self.targets:
            name, number = f"{stem}_{number}", number + 1
        self._names[id(target)] = name
        self.targets[name] = target
        return name


def _collect_anchors(node: Any, found: dict[str, Any]) -> None:
    if not isinstance(node, dict):
        return
    if isinstance(node.get("$anchor"), str):
        found.setdefault(node["$anchor"], node)
    for key, value in node.items():
        if key in SCHEMA_MAPS | DEFINITIONS and isinstance(value, dict):
            inner = list(value.values())
        elif key in SCHEMA_LISTS | ONE_SCHEMA:
            inner = value if isinstance(value, list) else [value]
        else:
            continue
        for item in inner:
            _collect_anchors(item, found)
