"""Words of JSON Schema, and what OpenAI's strict mode takes of them.

Source: OpenAI, "Structured model outputs", section "Supported schemas"
(developers.openai.com/api/docs/guides/structured-outputs), as read in 2026: types string, number, boolean, integer,
object, array, enum and ``anyOf``; ``pattern`` and nine string formats; number bounds and ``multipleOf``; ``minItems``
and ``maxItems``; a root that is an object and no ``anyOf``; every object closed with every property required;
``$defs`` and recursion through ``$ref``. Not taken: ``allOf``, ``oneOf``, ``not``, ``dependentRequired``,
``dependentSchemas``, ``if``/``then``/``else``, keywords beside ``$ref``, items without a type, look-around in a
pattern, pointers to anything but a definition (clients' reports of HTTP 400, 2025-26). ``minLength`` and
``maxLength`` are taken by OpenAI's own endpoints since 2025 but not by Azure's, and a gateway may use either, so they
are told in words.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = [
    "DEFINITIONS",
    "MAX_DEPTH",
    "MAX_ENUM_VALUES",
    "MAX_LARGE_ENUM_CHARS",
    "MAX_NAME_CHARS",
    "MAX_PROPERTIES",
    "NOTED",
    "ONE_SCHEMA",
    "REFUSED",
    "SCHEMA_LISTS",
    "SCHEMA_MAPS",
    "SIMPLE_TYPES",
    "SMALL_ENUM",
    "STRICT_BOUNDS",
    "STRICT_FORMATS",
    "asserts",
    "has_lookaround",
    "json_type",
    "types_of",
]

#: Levels of nested objects, counted in the root and in each definition (limits of the page above, since 2025-10).
MAX_DEPTH = 10
#: Object properties in the whole schema.
MAX_PROPERTIES = 5_000
#: Characters of property names, definition names, enum values and const values together.
MAX_NAME_CHARS = 120_000
#: Enum values in the whole schema.
MAX_ENUM_VALUES = 1_000
#: An enum of strings with more values than this may have so many characters in all.
SMALL_ENUM = 250
MAX_LARGE_ENUM_CHARS = 15_000

STRICT_FORMATS = frozenset(
    ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"),
)
#: Bounds that strict mode enforces, by the type they belong to.
STRICT_BOUNDS: dict[str, tuple[str, ...]] = {
    "string": ("pattern", "format"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "array": ("minItems", "maxItems"),
}
#: Told to the model in the description where strict mode has no word for them.
NOTED = ("default", "examples", "minLength", "maxLength", "uniqueItems", "minProperties", "maxProperties")
#: Keywords that change which values are valid in a way strict mode cannot express.
REFUSED = frozenset(
    (
        *("not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies", "patternProperties"),
        *("propertyNames", "contains", "minContains", "maxContains", "$dynamicRef", "$recursiveRef"),
    )
)

#: Keywords whose value maps the user's own names to schemas: the names are never keywords.
SCHEMA_MAPS = frozenset(("properties", "patternProperties", "dependentSchemas"))
DEFINITIONS = frozenset(("$defs", "definitions"))
SCHEMA_LISTS = frozenset(("anyOf", "oneOf", "allOf", "prefixItems"))
ONE_SCHEMA = frozenset(
    (
        *("items", "additionalItems", "additionalProperties", "unevaluatedItems", "unevaluatedProperties"),
        *("contains", "propertyNames", "not", "if", "then", "else", "contentSchema"),
    )
)
SIMPLE_TYPES = frozenset(("string", "number", "integer", "boolean", "null"))

_IMPLIED = {
    **dict.fromkeys(("properties", "required", "additionalProperties", "minProperties", "maxProperties"), "object"),
    **dict.fromkeys(("items", "prefixItems", "minItems", "maxItems", "uniqueItems", "additionalItems"), "array"),
    **dict.fromkeys(("minLength", "maxLength", "pattern", "format"), "string"),
    **dict.fromkeys(STRICT_BOUNDS["number"], "number"),
}
_ASSERTIONS = frozenset((*_IMPLIED, *REFUSED, "type", "enum", "const", "$ref", *SCHEMA_LISTS, *ONE_SCHEMA))
_LOOKAROUND = re.compile(r"\\.|\((\?[=!]|\?<[=!])", re.DOTALL)


def asserts(node: dict[str, Any], *, besides: tuple[str, ...] = ()) -> bool:
    """Whether the schema narrows the values down, by another keyword than ``besides``; descriptions do not."""
    return any(key in _ASSERTIONS and key not in besides for key in node)


def json_type(value: Any) -> str:
    """JSON Schema's word for the type of a decoded JSON value; a whole number is ``integer``, ``1.0`` too."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return "integer" if isinstance(value, int) or float(value).is_integer() else "number"


def types_of(node: dict[str, Any]) -> list[str]:
    """The types a schema without references and unions takes; what its keywords imply where it names none."""
    stated = node.get("type")
    if isinstance(stated, str):
        return [stated]
    if isinstance(stated, list):
        return [word for word in stated if isinstance(word, str)]
    values = node["enum"] if isinstance(node.get("enum"), list) else [node["const"]] if "const" in node else None
    if values is not None:
        return list(dict.fromkeys(json_type(value) for value in values))
    return list(dict.fromkeys(_IMPLIED[key] for key in node if key in _IMPLIED))


def has_lookaround(pattern: str) -> bool:
    """Whether a regular expression looks ahead or behind, which strict mode refuses."""
    return any(match.group(1) for match in _LOOKAROUND.finditer(pattern))
