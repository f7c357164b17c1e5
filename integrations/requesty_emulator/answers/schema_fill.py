"""Instances for JSON schemas, filled from a prompt.

The result is deterministic and satisfies ``type``, ``required``, ``enum``, ``const``, bounds and
lengths; ``$ref``, ``$defs``, ``anyOf``, ``oneOf`` and ``allOf`` are followed. Depth and number of
values are bounded: a schema that requires itself has no finite instance and is cut off, empty, where
the bound is reached.
"""

from __future__ import annotations

import re
from typing import Any

from requesty_emulator.answers.schema_values import ValueFiller, count
from requesty_emulator.answers.words import Hints, name_terms, terms

#: Optional parts are left out below this depth, required ones below the second.
_MAX_DEPTH = 8
_DEEPEST = 32
#: Values of one instance, and steps to resolve one schema.
_MAX_VALUES = 2_000
_MAX_STEPS = 64
_MAX_ITEMS = 1_000
#: Choices and alternatives that are compared with the prompt.
_MAX_CHOICES = 200


def fill(schema: dict[str, Any], prompt: str, *, everything: bool = False) -> Any:
    """An instance of ``schema`` built from ``prompt``.

    Optional properties are left out unless the prompt names a value for them or nothing is required;
    ``everything`` fills them too.
    """
    return _Filler(schema, Hints.of(prompt), everything).value(schema, "", 0)


class _Filler(ValueFiller):
    def __init__(self, root: dict[str, Any], hints: Hints, everything: bool) -> None:
        super().__init__(hints)
        self.root = root
        self.everything = everything
        self.left = _MAX_VALUES

    def value(self, schema: Any, name: str, depth: int) -> Any:
        self.left -= 1
        if not isinstance(schema, dict):
            return self.hints.phrase(name) if self.left > 0 else ""
        schema = self.resolve(schema)
        if self.left <= 0 or depth > _DEEPEST:
            return _EMPTY.get(_type(schema, depth))
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self.pick(schema["enum"])
        for union in ("anyOf", "oneOf"):
            if isinstance(schema.get(union), list) and schema[union]:
                return self.branch(schema, schema[union], name, depth)
        word = _type(schema, depth)
        if word == "object":
            return self.object(schema, name, depth)
        if word == "array":
            return self.array(schema, name, depth)
        if word in ("integer", "number"):
            return self.number(schema, name, whole=word == "integer")
        if word == "boolean":
            return self.boolean(name)
        return None if word == "null" else self.string(schema, name)

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        return self.resolved(schema, [_MAX_STEPS])

    def resolved(self, schema: dict[str, Any], steps: list[int]) -> dict[str, Any]:
        """``schema`` with references and ``allOf`` merged in; ``steps`` counts down over all parts."""
        while "$ref" in schema or isinstance(schema.get("allOf"), list):
            rest = {key: value for key, value in schema.items() if key not in ("$ref", "allOf")}
            steps[0] -= 1
            if steps[0] <= 0:
                return rest
            if "$ref" in schema:
                inner = {key: value for key, value in schema.items() if key != "$ref"}
                schema = {**self.pointer(schema["$ref"]), **inner}
            else:
                parts = [self.resolved(part, steps) for part in schema["allOf"] if isinstance(part, dict)]
                schema = _merge([*parts, rest])
        return schema

    def pointer(self, ref: object) -> dict[str, Any]:
        node: Any = self.root
        if not isinstance(ref, str) or not ref.startswith("#"):
            return {}
        for raw in ref[1:].strip("/").split("/"):
            step = raw.replace("~1", "/").replace("~0", "~")
            if step:
                node = node.get(step) if isinstance(node, dict) else None
        return node if isinstance(node, dict) else {}

    def branch(self, schema: dict[str, Any], options: list[Any], name: str, depth: int) -> Any:
        base = {key: value for key, value in schema.items() if key not in ("anyOf", "oneOf")}
        known = [self.resolve(option) for option in options[:_MAX_CHOICES] if isinstance(option, dict)]
        real = [option for option in known if option.get("type") != "null"]
        if (depth >= _MAX_DEPTH and len(real) < len(known)) or not real:
            return None
        simple = [option for option in real if option.get("type") not in ("object", "array") and "anyOf" not in option]
        chosen = simple[0] if depth >= _MAX_DEPTH and simple else self.closest(real)
        return self.value(_merge([base, chosen]), name, depth + 1)

    def closest(self, options: list[dict[str, Any]]) -> dict[str, Any]:
        words = set(terms(self.hints.text))

        def score(option: dict[str, Any]) -> int:
            properties = _object(option.get("properties"))
            about = f"{option.get('title', '')} {option.get('description', '')} {' '.join(properties)}"
            constants = [str(inner["const"]) for inner in properties.values() if "const" in _object(inner)]
            return len(words.intersection([*terms(" ".join(constants)), *name_terms(about)]))

        return max(options, key=score)

    def object(self, schema: dict[str, Any], name: str, depth: int) -> dict[str, Any]:
        properties = _object(schema.get("properties"))
        required = {key: None for key in _list(schema.get("required")) if isinstance(key, str)}
        result: dict[str, Any] = {}
        for key, inner in properties.items():
            free = depth < _MAX_DEPTH
            if key in required or (free and ((not required and not _optional(inner)) or self.wanted(inner, key))):
                result[key] = self.value(inner, key, depth + 1)
        for key in required:
            if key not in result:
                result[key] = self.value(schema.get("additionalProperties"), key, depth + 1)
        for index in range((count(schema, "minProperties", _MAX_ITEMS) or 0) - len(result)):
            result[f"key{index + 1}"] = self.value(schema.get("additionalProperties"), name, depth + 1)
        return result

    def wanted(self, schema: Any, name: str) -> bool:
        if self.everything:
            return True
        inner = self.resolve(schema) if isinstance(schema, dict) else {}
        if self.hints.labelled(name) is not None:
            return True
        text = self.hints.text.lower()
        branches = _list(inner.get("anyOf"))[:_MAX_CHOICES]
        options = [inner, *[self.resolve(option) for option in branches if isinstance(option, dict)]]
        choices = [choice for option in options for choice in _list(option.get("enum")) if isinstance(choice, str)]
        return any(re.search(rf"\b{re.escape(choice.lower())}\b", text) for choice in choices[:_MAX_CHOICES])

    def array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        low, high = count(schema, "minItems", _MAX_ITEMS) or 0, count(schema, "maxItems")
        fixed = schema.get("prefixItems")
        if isinstance(fixed, list) and fixed:
            result = [self.value(inner, name, depth + 1) for inner in fixed[:_MAX_ITEMS]]
        elif depth >= _MAX_DEPTH:
            result = []
        else:
            result = self.items(schema.get("items"), name, depth)
        rest = schema.get("items")
        while len(result) < low:
            result.append(self.value(rest, name, depth + 1))
        if high is not None:
            result = result[:high]
        return _unique(result) if schema.get("uniqueItems") else result

    def items(self, schema: Any, name: str, depth: int) -> list[Any]:
        inner = self.resolve(schema) if isinstance(schema, dict) else {}
        word = _type(inner, depth) if inner else "string"
        if word in ("integer", "number") and "enum" not in inner and self.hints.numbers:
            values = [value for value in self.hints.numbers if word == "number" or value == int(value)]
            return [self.clamp(inner, value, whole=word == "integer") for value in values] or [self.number(inner, name)]
        if (
            word == "string"
            and not {"enum", "const", "format", "pattern"} & inner.keys()
            and len(self.hints.quoted) > 1
        ):
            return [self.fit(inner, value) for value in self.hints.quoted]
        if isinstance(inner.get("enum"), list) and inner["enum"]:
            text = self.hints.text.lower()
            named = [
                choice
                for choice in inner["enum"][:_MAX_CHOICES]
                if re.search(rf"\b{re.escape(str(choice).lower())}\b", text)
            ]
            return named or [inner["enum"][0]]
        return [self.value(inner, name, depth + 1)]


#: What stands in for a value that is cut off; ``None`` for types without an empty value.
_EMPTY: dict[str, Any] = {"object": {}, "array": [], "string": "", "boolean": False, "integer": 0, "number": 0}


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _type(schema: dict[str, Any], depth: int) -> str:
    word = schema.get("type")
    if isinstance(word, list):
        real = [item for item in word if item != "null"]
        word = real[0] if real and (depth < _MAX_DEPTH or "null" not in word) else "null"
    if isinstance(word, str):
        return word
    if "properties" in schema or "additionalProperties" in schema or "required" in schema:
        return "object"
    if "items" in schema or "prefixItems" in schema:
        return "array"
    if "minimum" in schema or "maximum" in schema:
        return "number"
    return "string"


def _optional(schema: Any) -> bool:
    return isinstance(schema, dict) and "default" in schema and schema["default"] is None


def _merge(parts: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            if key == "properties" and isinstance(merged.get(key), dict) and isinstance(value, dict):
                merged[key] = {**merged[key], **value}
            elif key == "required" and isinstance(merged.get(key), list) and isinstance(value, list):
                merged[key] = [*merged[key], *(item for item in value if item not in merged[key])]
            else:
                merged[key] = value
    return merged


def _unique(values: list[Any]) -> list[Any]:
    result: list[Any] = []
    for value in values:
        while value in result:
            if isinstance(value, bool) or not isinstance(value, (int, float, str)):
                break
            value = f"{value} {len(result) + 1}" if isinstance(value, str) else value + 1
        if value not in result:
            result.append(value)
    return result
