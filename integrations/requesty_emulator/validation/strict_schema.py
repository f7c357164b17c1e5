"""What OpenAI's strict mode refuses about a schema, with the words it refuses it in.

An own reading of the vendor's rules ("Structured model outputs", section "Supported schemas", as read in 2026) and of
the HTTP 400 texts that clients reported in 2024-26: a root that is a closed object, every property required, ``$ref``
alone and to a definition at the top level, ``anyOf`` as the only union, a type everywhere, nine string formats, limits
of size. ``title``, ``description`` and words that JSON Schema does not know are let pass.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

from requesty_emulator.errors import bad_request

__all__ = ["check_strict_schemas", "strict_body_problem", "strict_problem"]

logger = logging.getLogger("requesty_emulator")

_NAME = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
_FORMATS = ("date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid")
_NOT_PERMITTED = (
    *("oneOf", "allOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "dependencies"),
    *("patternProperties", "propertyNames", "unevaluatedProperties", "minProperties", "maxProperties"),
    *("prefixItems", "additionalItems", "unevaluatedItems", "contains", "minContains", "maxContains", "uniqueItems"),
    "default",
)
_TYPED_BY = ("type", "enum", "const", "anyOf", "$ref")
_MAX_LEVELS = 10
_MAX_PROPERTIES = 5000
_MAX_ENUM_VALUES = 1000
_MAX_TEXT = 120_000
_LONG_ENUM, _MAX_LONG_ENUM_TEXT = 250, 15_000

Step = str | int
Found = tuple[tuple[Step, ...], str]


def check_strict_schemas(body: dict[str, Any], *, refuse: bool) -> None:
    """Answer 400 to a chat-completions body that strict mode refuses; without ``refuse`` only the log says so."""
    problem = strict_body_problem(body)
    if problem is None:
        return
    if refuse:
        raise bad_request(problem, "provider")
    logger.warning("OpenAI's strict mode would refuse this request: %s", problem)


def strict_body_problem(body: dict[str, Any]) -> str | None:
    """The first thing that strict mode refuses in a chat-completions body, as its message; ``None`` if nothing.

    Only parts that say ``strict: true`` are read: the response format's schema and the function tools' parameters.
    """
    form = body.get("response_format")
    inner = form.get("json_schema") if isinstance(form, dict) else None
    if isinstance(inner, dict) and inner.get("strict") is True:
        problem = strict_problem(inner.get("schema"), "response_format", inner.get("name"))
        if problem:
            return problem
    tools = body.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        function = tool.get("function") if isinstance(tool, dict) else None
        if isinstance(function, dict) and function.get("strict") is True:
            problem = strict_problem(function.get("parameters"), f"tools[{index}].function", function.get("name"))
            if problem:
                return problem
    return None


def strict_problem(schema: object, where: str, name: object) -> str | None:
    """The first thing that strict mode refuses about a schema, ``None`` if it takes it.

    Args:
        schema: the schema as sent.
        where: ``response_format``, or ``tools[i].function`` for a tool's parameters.
        name: the name sent beside the schema.
    """
    spot = "response_format.json_schema.name" if where == "response_format" else f"{where}.name"
    if not isinstance(name, str) or not _NAME.match(name):
        return (
            f"Invalid '{spot}': string does not match pattern. Expected a string that matches the pattern "
            f"'^[a-zA-Z0-9_-]+$' of at most 64 characters, not {str(name)[:80]!r}."
        )
    what = f"response_format {name!r}" if where == "response_format" else f"function {name!r} ({where}.parameters)"
    said = _first(schema)
    return None if said is None else f"Invalid schema for {what}: {said}"


def _first(schema: object) -> str | None:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        word = schema.get("type") if isinstance(schema, dict) else None
        got = "None" if word is None else f'"{word}"' if isinstance(word, str) else str(word)
        return f"schema must be a JSON Schema of 'type: \"object\"', got 'type: {got}'."
    for word in ("anyOf", "oneOf", "allOf", "enum", "not", "$ref"):
        if word in schema:
            return f"schema must have type 'object' and not have {word!r} at the top level."
    try:
        for context, text in _violations(schema, (), schema):
            return f"In context={context!r}, {text}"
        return _size(schema)
    except RecursionError:
        return f"the nesting exceeds limit of {_MAX_LEVELS}."


def _map(node: dict[str, Any], word: str) -> dict[str, Any]:
    value = node.get(word)
    return value if isinstance(value, dict) else {}


def _violations(node: object, context: tuple[Step, ...], root: dict[str, Any]) -> Iterator[Found]:
    if not isinstance(node, dict):
        yield context, f"{node!r} is not of type 'object'."
        return
    if "$ref" in node:
        yield from _reference(node, context, root)
        return
    for word in _NOT_PERMITTED:
        if word in node:
            yield context, f"{word!r} is not permitted."
    if not any(word in node for word in _TYPED_BY):
        yield context, "schema must have a 'type' key."
    types = node["type"] if isinstance(node.get("type"), list) else [node["type"]] if "type" in node else []
    for word in types:
        if word not in _TYPES:
            yield context, f"{word!r} is not valid under any of the given schemas."
    yield from _scalars(node, context)
    if "object" in types or "properties" in node:
        yield from _object(node, context, root)
    if "array" in types or "items" in node:
        if not isinstance(node.get("items"), dict):
            yield context, "array schema missing items."
        else:
            yield from _violations(node["items"], (*context, "items"), root)
    if "anyOf" in node:
        branches = node["anyOf"]
        if not isinstance(branches, list) or not branches:
            yield context, "'anyOf' must be a non-empty array."
            return
        for index, branch in enumerate(branches):
            yield from _violations(branch, (*context, "anyOf", index), root)
    for word in ("$defs", "definitions"):
        for name, inner in _map(node, word).items():
            yield from _violations(inner, (*context, word, name), root)


def _reference(node: dict[str, Any], context: tuple[Step, ...], root: dict[str, Any]) -> Iterator[Found]:
    others = [word for word in node if word != "$ref"]
    if others:
        yield context, f"$ref cannot have keywords {{{', '.join(map(repr, others))}}}."
    ref = node["$ref"]
    if ref == "#":
        return
    found = re.fullmatch(r"#/(\$defs|definitions)/([^/]+)", ref) if isinstance(ref, str) else None
    if found is None:
        yield context, "reference can only point to definitions defined at the top level of the schema."
    elif found[2].replace("~1", "/").replace("~0", "~") not in _map(root, found[1]):
        yield context, f"reference to {ref!r} cannot be resolved."


def _object(node: dict[str, Any], context: tuple[Step, ...], root: dict[str, Any]) -> Iterator[Found]:
    if node.get("additionalProperties", True) is not False:
        yield context, "'additionalProperties' is required to be supplied and to be false."
    properties = node.get("properties", {})
    if not isinstance(properties, dict):
        yield context, "'properties' must be an object."
        return
    required = node.get("required")
    names = required if isinstance(required, list) else []
    for name in properties:
        if name not in names:
            yield (
                context,
                "'required' is required to be supplied and to be an array including every key in properties. "
                f"Missing {name!r}.",
            )
    for name in names:
        if name not in list(properties):
            yield context, f"Extra required key {name!r} supplied."
    for name, inner in properties.items():
        yield from _violations(inner, (*context, "properties", name), root)


def _scalars(node: dict[str, Any], context: tuple[Step, ...]) -> Iterator[Found]:
    if "format" in node and node["format"] not in _FORMATS:
        yield context, f"{node['format']!r} is not a valid format."
    pattern = node.get("pattern")
    if isinstance(pattern, str) and re.search(r"(?<!\\)\(\?(?:[=!]|<[=!])", pattern):
        yield context, "'pattern' must not look ahead or behind."
    if "enum" in node and (not isinstance(node["enum"], list) or not node["enum"]):
        yield context, "'enum' must be a non-empty array."


def _size(schema: dict[str, Any]) -> str | None:
    parts = [schema]
    text = 0
    for word in ("$defs", "definitions"):
        for name, inner in _map(schema, word).items():
            parts.append(inner)
            text += len(name)
    properties = values = 0
    for part in parts:
        for node, level in _nodes(part, 0):
            if level > _MAX_LEVELS:
                return f"{level} levels of nesting exceeds limit of {_MAX_LEVELS}."
            names = node.get("properties") or {}
            enum = node.get("enum") or []
            long = sum(len(value) for value in enum if isinstance(value, str))
            if len(enum) > _LONG_ENUM and long > _MAX_LONG_ENUM_TEXT:
                return f"enum of {len(enum)} values with {long} characters exceeds limit of {_MAX_LONG_ENUM_TEXT}."
            constant = node.get("const")
            text += sum(map(len, names)) + long + (len(constant) if isinstance(constant, str) else 0)
            properties += len(names)
            values += len(enum)
    for count, limit, what in (
        (properties, _MAX_PROPERTIES, "object properties"),
        (values, _MAX_ENUM_VALUES, "enum values"),
        (text, _MAX_TEXT, "characters of names and values"),
    ):
        if count > limit:
            return f"{count} {what} exceeds limit of {limit}."
    return None


def _nodes(node: dict[str, Any], level: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Every schema inside, with the number of objects around it; references and definitions are not entered."""
    level += "properties" in node
    yield node, level
    for inner in (*(node.get("properties") or {}).values(), *node.get("anyOf", ())):
        yield from _nodes(inner, level)
    if "items" in node:
        yield from _nodes(node["items"], level)
