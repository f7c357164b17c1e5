"""One schema node without references, ``allOf`` and mixed unions: the form that the compilers and the inverse read."""

from __future__ import annotations

from typing import Any

from .keywords import DEFINITIONS, SIMPLE_TYPES, asserts, types_of
from .merge import ContradictionError, UnmergeableError, merged
from .pointers import Document, UnresolvedReferenceError

__all__ = ["Flattener", "NoFormError", "NoValueError"]

_DROPPED = DEFINITIONS | {"$schema", "$id", "id", "$anchor", "$comment", "$vocabulary", "discriminator"}
_MAX_ALL_OF = 24


class NoFormError(Exception):
    """A schema cannot be brought into the wanted form; the message says why in one line."""


class NoValueError(NoFormError):
    """No value is valid under the schema."""


class Flattener:
    """Flat forms of one document's nodes, each made once.

    A flat node is a boolean, ``{"anyOf": [...]}`` with annotations only, or a schema of one type (or of several types
    that have no inside: a list of simple ones) without ``$ref``, ``allOf`` and ``oneOf``. Nested schemas are left as
    they are.
    """

    def __init__(self, document: Document) -> None:
        self.document = document
        # The node is kept with its form: an id is only good while its object lives.
        self._known: dict[int, tuple[Any, Any]] = {}

    def flat(self, node: Any) -> Any:
        """The flat form. Raises :class:`NoFormError`, or :class:`NoValueError` for a contradiction."""
        known = self._known.get(id(node))
        if known is None:
            known = self._known[id(node)] = (node, self._flat(node))
        return known[1]

    def never(self, node: Any) -> bool:
        """Whether no value can be valid under the node."""
        try:
            return self.flat(node) is False
        except NoValueError:
            return True
        except NoFormError:
            return False

    def _flat(self, node: Any) -> Any:
        if node is True or node == {}:
            return True
        if node is False:
            return False
        if not isinstance(node, dict):
            raise NoFormError(f"a schema must be an object or a boolean, not {type(node).__name__}")
        try:
            whole = self._joined(node, 0)
        except ContradictionError as error:
            raise NoValueError(str(error)) from None
        except (UnmergeableError, UnresolvedReferenceError) as error:
            raise NoFormError(str(error)) from None
        return whole if isinstance(whole, bool) else self._typed(self._union(whole))

    def _joined(self, node: Any, level: int) -> Any:
        """The node with its references and ``allOf`` merged in."""
        if isinstance(node, bool):
            return node
        if level > _MAX_ALL_OF:
            raise NoFormError("an allOf or a reference contains itself")
        out = {key: value for key, value in node.items() if key not in _DROPPED and key not in ("$ref", "allOf")}
        parts = [self.document.target(node["$ref"])] if "$ref" in node else []
        if isinstance(node.get("allOf"), list):
            parts += node["allOf"]
        for part in parts:
            inner = self._joined(part, level + 1)
            if inner is False:
                return False
            if inner is not True:
                out = merged(out, inner)
        return out

    def _union(self, node: dict[str, Any]) -> dict[str, Any]:
        """The node with keywords beside a union moved into its branches."""
        for word in ("anyOf", "oneOf"):
            branches = node.get(word)
            if not isinstance(branches, list):
                continue
            notes = {key: value for key, value in node.items() if not asserts({key: value})}
            base = {key: value for key, value in node.items() if key != word and key not in notes}
            if set(base) == {"type"} and all(self._within(branch, base["type"]) for branch in branches):
                base = {}
            return {**notes, "anyOf": [{"allOf": [base, branch]} for branch in branches] if base else branches}
        return node

    def _within(self, branch: Any, stated: Any) -> bool:
        """Whether a branch names a type that the whole allows, so that the type beside the union says nothing new."""
        try:
            inner = self._joined(branch, 0)
        except (NoFormError, UnmergeableError, UnresolvedReferenceError):
            return False
        if not isinstance(inner, dict) or "type" not in inner:
            return False
        return set(types_of(inner)) <= set(types_of({"type": stated}))

    def _typed(self, node: dict[str, Any]) -> Any:
        """The node with its type named, split into a union where several types have an inside."""
        if "anyOf" in node:
            return node
        words = types_of(node)
        if not words:
            return node if asserts(node) else True
        if "number" in words:
            words = [word for word in words if word != "integer"]
        if len(words) == 1:
            return {**node, "type": words[0]}
        if SIMPLE_TYPES.issuperset(words):
            return {**node, "type": words}
        notes = {key: value for key, value in node.items() if not asserts({key: value})}
        base = {key: value for key, value in node.items() if key not in notes and key != "type"}
        return {**notes, "anyOf": [{**_of_type(base, word), "type": word} for word in words]}


_INSIDES = {
    "object": ("properties", "required", "additionalProperties", "patternProperties", "minProperties", "maxProperties"),
    "array": ("items", "prefixItems", "additionalItems", "minItems", "maxItems", "uniqueItems", "contains"),
}


def _of_type(base: dict[str, Any], word: str) -> dict[str, Any]:
    """Without the keywords of other types, which say nothing about this one."""
    foreign = {key for name, keys in _INSIDES.items() if name != word for key in keys}
    return {key: value for key, value in base.items() if key not in foreign}
