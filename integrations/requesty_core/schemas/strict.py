"""The strict form of a schema, as OpenAI's strict mode takes it (see :mod:`.keywords` for the source).

Every object is closed and requires all its properties; what was optional may be null instead. References stand alone
and lead to ``$defs``; recursion stays recursion. Where strict mode has no word for a bound, a default or an example,
the description tells it to the model; where it has no word for the values themselves, there is no strict form.
"""

from __future__ import annotations

from typing import Any

from .flat import Flattener, NoFormError
from .keywords import REFUSED, SIMPLE_TYPES, STRICT_BOUNDS, asserts, types_of
from .pointers import Document, UnresolvedReferenceError
from .strict_values import NoStrictFormError, choice, described, simple

__all__ = ["NoStrictFormError", "StrictCompiler"]

Schema = dict[str, Any]
_NULL: Schema = {"type": "null"}
_MAX_LEVELS = 60


class StrictCompiler:
    """Makes the strict forms of one document's nodes and collects the definitions they refer to.

    Args:
        document: the user's schema.
        flattener: flat forms of the same document.
        nullable: whether a property that was optional may be null instead; otherwise it must be given like any other.
    """

    def __init__(self, document: Document, flattener: Flattener, *, nullable: bool = True) -> None:
        self._nullable = nullable
        self._document = document
        self._flattener = flattener
        self._definitions: dict[str, Schema] = {}
        self._level = 0

    def compile(self, root: Any, wrapper: str | None) -> Schema:
        """The strict form of the document; under the property ``wrapper`` if its root is no object.

        Raises :class:`NoStrictFormError`.
        """
        body = self._root(root) if wrapper is None else self._strict(root, "$")
        # Definitions found while making definitions are made in turn.
        while missing := [name for name in self._document.targets if name not in self._definitions]:
            for name in missing:
                self._definitions[name] = self._strict(self._document.targets[name], f"$.$defs.{name}")
        used = {"$defs": dict(self._definitions)} if self._definitions else {}
        return {**(body if wrapper is None else _closed({wrapper: body})), **used}

    def _root(self, root: Any) -> Schema:
        """The root itself, never a mere reference."""
        return self._flat_form(self._flat(root, "$"), "$")

    def _flat(self, node: Any, path: str) -> Any:
        try:
            return self._flattener.flat(node)
        except NoFormError as error:
            raise NoStrictFormError(path, str(error)) from None

    def _strict(self, node: Any, path: str) -> Schema:
        if isinstance(node, dict) and (reference := self._reference(node, path)):
            return reference
        if self._level > _MAX_LEVELS:
            raise NoStrictFormError(path[:200], "the schema is nested too deeply")
        self._level += 1
        try:
            return self._flat_form(self._flat(node, path), path)
        finally:
            self._level -= 1

    def _reference(self, node: Schema, path: str) -> Schema | None:
        """A node that is a reference with at most a description beside it; ``None`` for any other."""
        source = node
        parts = node.get("allOf")
        if "$ref" not in node and isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], dict):
            source = parts[0]
            if asserts(node, besides=("allOf",)):
                return None
        if "$ref" not in source or asserts(source, besides=("$ref",)):
            return None
        try:
            target = self._document.target(source["$ref"])
        except UnresolvedReferenceError as error:
            raise NoStrictFormError(path, str(error)) from None
        if isinstance(target, bool) or target == {}:
            raise NoStrictFormError(path, "any value would do; strict mode needs a type")
        reference: Schema = {"$ref": f"#/$defs/{self._document.name(source['$ref'], target)}"}
        text = described({**source, **node}, nullable=self._nullable)
        return {"anyOf": [reference], **text} if text else reference

    def _flat_form(self, node: Any, path: str) -> Schema:
        if node is True or node is False:
            said = "any value would do; strict mode needs a type" if node else "no value fits"
            raise NoStrictFormError(path, said)
        for key in node:
            if key in REFUSED or (key in ("unevaluatedProperties", "unevaluatedItems") and node[key] is not False):
                raise NoStrictFormError(path, f"strict mode has no {key!r}")
        if "anyOf" in node:
            return self._union(node, path)
        if "enum" in node or "const" in node:
            return choice(node, path, nullable=self._nullable)
        word = node["type"]
        if word == "object":
            return self._object(node, path)
        if word == "array":
            return self._array(node, path)
        return simple(node, path, nullable=self._nullable)

    def _union(self, node: Schema, path: str) -> Schema:
        branches: list[Schema] = []
        for index, branch in enumerate(node["anyOf"]):
            if self._flattener.never(branch):
                continue
            made = self._strict(branch, f"{path}.anyOf[{index}]")
            if made not in branches:
                branches.append(made)
        if not branches:
            raise NoStrictFormError(path, "no value fits")
        text = described(node, nullable=self._nullable)
        if len(branches) == 1 and "$ref" not in branches[0]:
            return {**branches[0], **text}
        return {"anyOf": branches, **text} if len(branches) > 1 or text else branches[0]

    def _object(self, node: Schema, path: str) -> Schema:
        properties, rest = node.get("properties"), node.get("additionalProperties")
        if rest not in (None, False):
            raise NoStrictFormError(path, "the object takes keys that it does not name (additionalProperties)")
        if properties is None and rest is None:
            raise NoStrictFormError(path, "the object names no properties, so any would do")
        properties = properties or {}
        if not isinstance(properties, dict):
            raise NoStrictFormError(path, "'properties' must be an object")
        required = node.get("required") or ()
        for name in required:
            if name not in properties:
                raise NoStrictFormError(path, f"{name!r} is required but not described")
        closed: dict[str, Schema] = {}
        for name, inner in properties.items():
            where = f"{path}.properties.{name}"
            if name not in required and self._flattener.never(inner):
                continue
            needed = name in required or not self._nullable
            if name in required and isinstance(inner, dict) and "default" in inner:
                # It is never absent, so no default ever stands in for it.
                inner = {key: value for key, value in inner.items() if key != "default"}
            made = self._strict(inner, where)
            closed[name] = made if needed else self.nullable(made)
        return _closed(closed, described(node, nullable=self._nullable))

    def _array(self, node: Schema, path: str) -> Schema:
        first, rest = tuple_items(node)
        bounds = {key: node[key] for key in STRICT_BOUNDS["array"] if key in node}
        elements: list[Schema] = []
        limit = bounds.get("maxItems")
        for index, item in enumerate(first if limit is None else first[:limit]):
            made = self._strict(item, f"{path}.prefixItems[{index}]")
            if made not in elements:
                elements.append(made)
        if rest is False or (first and limit is not None and limit <= len(first)):
            bounds["maxItems"] = min(len(first), len(first) if limit is None else limit)
        else:
            made = self._strict(rest, f"{path}.items")
            if made not in elements:
                elements.append(made)
        if not elements:
            raise NoStrictFormError(path, "the array takes no elements; strict mode needs their type")
        items = elements[0] if len(elements) == 1 else {"anyOf": elements}
        noted = {"items in this order": [_brief(item) for item in first]} if len(elements) > 1 else {}
        return {"type": "array", "items": items, **bounds, **described(node, noted, nullable=self._nullable)}

    def nullable(self, schema: Schema) -> Schema:
        """The strict schema, or null."""
        if self._takes_null(schema, set()):
            return schema
        if "anyOf" in schema:
            return {**schema, "anyOf": [*schema["anyOf"], _NULL]}
        words = types_of(schema)
        if "$ref" in schema or not SIMPLE_TYPES.issuperset(words):
            text = {"description": schema["description"]} if "description" in schema else {}
            bare = {key: value for key, value in schema.items() if key != "description"}
            return {"anyOf": [bare, _NULL], **text}
        wide = {**schema, "type": [*words, "null"]}
        if "const" in wide:
            wide["enum"] = [wide.pop("const")]
        if "enum" in wide:
            wide["enum"] = [*wide["enum"], None]
        return wide

    def _takes_null(self, schema: Schema, seen: set[str]) -> bool:
        if "$ref" in schema:
            name = schema["$ref"].removeprefix("#/$defs/")
            if name in seen:
                return False
            return self._target_takes_null(self._document.targets[name], seen | {name})
        if "anyOf" in schema:
            return any(self._takes_null(branch, seen) for branch in schema["anyOf"])
        return "null" in types_of(schema)

    def _target_takes_null(self, node: Any, seen: set[str]) -> bool:
        """The same for a definition that may not be made yet."""
        if isinstance(node, dict) and (reference := self._reference(node, "$")):
            return self._takes_null(reference, seen)
        flat = self._flat(node, "$")
        if isinstance(flat, bool):
            return flat
        if "anyOf" in flat:
            return any(self._target_takes_null(branch, seen) for branch in flat["anyOf"])
        values = flat.get("enum", [flat["const"]] if "const" in flat else None)
        return "null" in types_of(flat) and (values is None or None in values)


def tuple_items(node: Schema) -> tuple[list[Any], Any]:
    """Schemas of an array's first elements, and of the others (``True`` if unsaid); both spellings of tuples."""
    first, rest = node.get("prefixItems"), node.get("items", True)
    if isinstance(rest, list):
        return rest, node.get("additionalItems", True)
    return (first if isinstance(first, list) else []), rest


def _closed(properties: dict[str, Schema], text: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
        **(text or {}),
    }


def _brief(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    return item.get("title") or item.get("type") or item.get("$ref") or "value"
