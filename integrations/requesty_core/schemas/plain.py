"""The plain form of a schema: the user's own words, complete in themselves and with an object at the root.

Providers that take a schema without strict mode still want an object at the root without a union beside it, and some
lose what stands beside a ``$ref`` or what a pointer other than ``#/$defs/…`` leads to.
"""

from __future__ import annotations

from typing import Any

from .flat import Flattener, NoFormError
from .keywords import DEFINITIONS, ONE_SCHEMA, SCHEMA_LISTS, SCHEMA_MAPS, asserts
from .pointers import Document, UnresolvedReferenceError

__all__ = ["inlined", "plain_form", "without_titles"]

Schema = dict[str, Any]
_LEFT_OUT = DEFINITIONS | {"discriminator", "$schema", "$id", "$anchor"}


def plain_form(document: Document, flattener: Flattener, wrapper: str | None) -> Schema:
    """The plain form; under the property ``wrapper`` if the root is no object."""
    walk = _Walk(document)
    if wrapper is None:
        body = walk.copy(_root(document.root, flattener))
    else:
        inner = walk.copy(document.root)
        body = {
            "type": "object",
            "properties": {wrapper: inner},
            "required": [wrapper],
            "additionalProperties": False,
        }
    definitions = walk.definitions()
    return {**body, "$defs": definitions} if definitions else body


def inlined(plain: Schema) -> Schema:
    """A plain form with every reference written out. The form must not contain itself."""
    definitions = plain.get("$defs") or {}

    def written(node: Any) -> Any:
        if isinstance(node, list):
            return [written(item) for item in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            name = node["$ref"].removeprefix("#/$defs/")
            return written(definitions[name]) if name in definitions else node
        out: Schema = {}
        for key, value in node.items():
            if key in SCHEMA_MAPS and isinstance(value, dict):
                out[key] = {name: written(inner) for name, inner in value.items()}
            elif key in SCHEMA_LISTS | ONE_SCHEMA:
                out[key] = written(value)
            else:
                out[key] = value
        return _bare(node, out)

    return written({key: value for key, value in plain.items() if key != "$defs"})  # type: ignore[no-any-return]


def _bare(node: Schema, out: Schema) -> Schema:
    """A reference with only a description beside it, without the list it stood in."""
    branches = node.get("anyOf")
    single = isinstance(branches, list) and len(branches) == 1 and set(branches[0]) == {"$ref"}
    if not single or not isinstance(out["anyOf"][0], dict) or asserts(node, besides=("anyOf",)):
        return out
    return {**out["anyOf"][0], **{key: value for key, value in out.items() if key != "anyOf"}}


def without_titles(node: Any) -> Any:
    """A copy of a schema without the titles that classes give everything; properties called ``title`` stay."""
    if isinstance(node, list):
        return [without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    out: Schema = {}
    for key, value in node.items():
        if key in SCHEMA_MAPS | DEFINITIONS and isinstance(value, dict):
            out[key] = {name: without_titles(inner) for name, inner in value.items()}
        elif key in SCHEMA_LISTS | ONE_SCHEMA:
            out[key] = without_titles(value)
        elif key != "title":
            out[key] = value
    return out


def _root(root: Schema, flattener: Flattener) -> Schema:
    """The root without a reference or ``allOf`` of its own, where it has one."""
    if "$ref" not in root and "allOf" not in root:
        return root if "type" in root else {"type": "object", **root}
    try:
        flat = flattener.flat(root)
    except NoFormError:
        return root
    return flat if isinstance(flat, dict) else root


class _Walk:
    """Copies nodes, and makes their references lead to definitions of the copy."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def definitions(self) -> Schema:
        """Every definition that a copied node refers to, in turn."""
        made: Schema = {}
        while missing := [name for name in self._document.targets if name not in made]:
            for name in missing:
                made[name] = self.copy(self._document.targets[name])
        return made

    def copy(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self.copy(item) for item in node]
        if not isinstance(node, dict):
            return node
        out: Schema = {}
        for key, value in node.items():
            if key in _LEFT_OUT:
                continue
            if key in SCHEMA_MAPS and isinstance(value, dict):
                out[key] = {name: self.copy(inner) for name, inner in value.items()}
            elif key in SCHEMA_LISTS or key in ONE_SCHEMA:
                out[key] = self.copy(value)
            else:
                out[key] = value
        return self._referred(out) if "$ref" in out else out

    def _referred(self, node: Schema) -> Schema:
        """A node with a reference: alone, or in a list of its own beside the other keywords."""
        ref = node.pop("$ref")
        try:
            target = self._document.target(ref)
        except UnresolvedReferenceError:
            # What cannot be found here is the user's own affair: it stays as written.
            return {"$ref": ref, **node}
        reference = {"$ref": f"#/$defs/{self._document.name(ref, target)}"}
        if not node:
            return reference
        if not asserts(node) and "anyOf" not in node:
            return {"anyOf": [reference], **node}
        return {**node, "allOf": [reference, *node.get("allOf", ())]}
