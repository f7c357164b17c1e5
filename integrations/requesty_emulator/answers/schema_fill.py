"""Instances for JSON schemas, filled from a prompt.

The result is deterministic and satisfies ``type``, ``required``, ``enum``, ``const``, bounds and
lengths; ``$ref``, ``$defs``, ``anyOf``, ``oneOf`` and ``allOf`` are followed.
"""

from __future__ import annotations

import re
from typing import Any

from requesty_emulator.answers.schema_values import ValueFiller
from requesty_emulator.answers.words import Hints, name_terms, terms

_MAX_DEPTH = 8


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

    def value(self, schema: Any, name: str, depth: int) -> Any:
        if not isinstance(schema, dict):
            return self.hints.phrase(name)
        schema = self.resolve(schema)
        if "const" in schema:
            return schema["const"]
        if isinstance(schema.get("enum"), list) and schema["enum"]:
            return self.pick(schema["enum"])
        for union in ("anyOf", "oneOf"):
            if schema.get(union):
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
        for _ in range(32):
            if "$ref" in schema:
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = {**self.pointer(schema["$ref"]), **rest}
            elif schema.get("allOf"):
                parts = [self.resolve(part) for part in schema["allOf"] if isinstance(part, dict)]
                schema = _merge([*parts, {key: value for key, value in schema.items() if key != "allOf"}])
            else:
                break
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
        known = [self.resolve(option) for option in options if isinstance(option, dict)]
        real = [option for option in known if option.get("type") != "null"]
        if (depth >= _MAX_DEPTH and len(real) < len(known)) or not real:
            return None
        simple = [option for option in real if option.get("type") not in ("object", "array") and "anyOf" not in option]
        chosen = simple[0] if depth >= _MAX_DEPTH and simple else self.closest(real)
        return self.value(_merge([base, chosen]), name, depth + 1)

    def closest(self, options: list[dict[str, Any]]) -> dict[str, Any]:
        words = set(terms(self.hints.text))

        def score(option: dict[str, Any]) -> int:
            about = (
                f"{option.get('title', '')} {option.get('description', '')} {' '.join(option.get('properties', {}))}"
            )
            constants = " ".join(
                str(inner["const"]) for inner in option.get("properties", {}).values() if "const" in inner
            )
            return len(words.intersection([*terms(constants), *name_terms(about)]))

        return max(options, key=score)

    def object(self, schema: dict[str, Any], name: str, depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        properties = properties if isinstance(properties, dict) else {}
        required = [key for key in schema.get("required") or () if isinstance(key, str)]
        result: dict[str, Any] = {}
        for key, inner in properties.items():
            free = depth < _MAX_DEPTH
            if key in required or (free and ((not required and not _optional(inner)) or self.wanted(inner, key))):
                result[key] = self.value(inner, key, depth + 1)
        for key in required:
            if key not in result:
                result[key] = self.value(schema.get("additionalProperties"), key, depth + 1)
        for index in range(max(0, int(schema.get("minProperties") or 0) - len(result))):
            result[f"key{index + 1}"] = self.value(schema.get("additionalProperties"), name, depth + 1)
        return result

    def wanted(self, schema: Any, name: str) -> bool:
        if self.everything:
            return True
        inner = self.resolve(schema) if isinstance(schema, dict) else {}
        if self.hints.labelled(name) is not None:
            return True
        text = self.hints.text.lower()
        options = [inner, *[self.resolve(option) for option in inner.get("anyOf") or () if isinstance(option, dict)]]
        choices = [str(choice) for option in options for choice in option.get("enum") or () if isinstance(choice, str)]
        return any(re.search(rf"\b{re.escape(choice.lower())}\b", text) for choice in choices)

    def array(self, schema: dict[str, Any], name: str, depth: int) -> list[Any]:
        low = max(0, int(schema.get("minItems") or 0))
        high = schema.get("maxItems")
        fixed = schema.get("prefixItems")
        if isinstance(fixed, list) and fixed:
            result = [self.value(inner, name, depth + 1) for inner in fixed]
        elif depth >= _MAX_DEPTH:
            result = []
        else:
            result = self.items(schema.get("items"), name, depth)
        rest = schema.get("items")
        while len(result) < low and len(result) < 1000:
            result.append(self.value(rest, name, depth + 1))
        if isinstance(high, int):
            result = result[: max(high, 0)]
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
            named = [choice for choice in inner["enum"] if re.search(rf"\b{re.escape(str(choice).lower())}\b", text)]
            return named or [inner["enum"][0]]
        return [self.value(inner, name, depth + 1)]


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
