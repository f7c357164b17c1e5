"""Schemas as users write them, what a model in strict mode answers to them, and what the user gets."""

# One row, one line.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any, NamedTuple

S, I, N, B = {"type": "string"}, {"type": "integer"}, {"type": "number"}, {"type": "boolean"}  # noqa: E741
NULL = {"type": "null"}


def obj(properties: dict[str, Any], *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), **more}


def arr(items: Any, **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **more}


def ref(name: str, **more: Any) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}", **more}


def one(inner: Any, **more: Any) -> dict[str, Any]:
    return obj({"a": inner}, "a", **more)


def nested(levels: int) -> dict[str, Any]:
    schema = S
    for _ in range(levels):
        schema = one(schema)
    return schema


NODE = obj({"name": S, "children": arr(ref("Node"))}, "name", "children")
CAT = obj({"kind": {"const": "cat"}, "lives": I}, "kind")
DOG = obj({"kind": {"const": "dog"}, "tricks": arr(S)}, "kind")
PETS = {"$defs": {"Cat": CAT, "Dog": DOG}}
KEYWORDS = [
    "default",
    "title",
    "description",
    "properties",
    "required",
    "items",
    "enum",
    "const",
    "type",
    "$ref",
    "$defs",
    "anyOf",
    "oneOf",
    "allOf",
    "not",
    "format",
    "additionalProperties",
    "discriminator",
    "definitions",
    "patternProperties",
    "prefixItems",
    "minimum",
]


class Row(NamedTuple):
    """A schema that has a strict form; ``answer`` is valid under it and ``given`` is what the user gets."""

    name: str
    schema: dict[str, Any]
    answer: Any
    given: Any


ROWS = [
    # Objects and optional properties.
    Row("all required", obj({"a": I, "b": S}, "a", "b"), {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
    Row("optional left out", obj({"a": I, "b": S}, "a"), {"a": 1, "b": None}, {"a": 1}),
    Row("optional given", obj({"a": I, "b": S}, "a"), {"a": 1, "b": "x"}, {"a": 1, "b": "x"}),
    Row("nothing required", {"type": "object", "properties": {"a": I, "b": B}}, {"a": None, "b": None}, {}),
    Row("no properties", obj({}), {}, {}),
    Row("own null stays", obj({"a": {"type": ["integer", "null"]}}), {"a": None}, {"a": None}),
    Row("own null in anyOf stays", obj({"a": {"anyOf": [S, NULL]}}), {"a": None}, {"a": None}),
    Row("own null in a definition stays", obj({"a": ref("M")}, **{"$defs": {"M": {"anyOf": [S, NULL]}}}), {"a": None}, {"a": None}),
    Row("optional with default", obj({"a": {**I, "default": 5}}), {"a": None}, {}),
    Row("nested default", one(obj({"b": {**obj({"c": I}), "default": {"c": 3}}})), {"a": {"b": None}}, {"a": {}}),
    Row("optional object", obj({"a": obj({"b": I}, "b")}), {"a": None}, {}),
    Row("optional in optional", obj({"a": obj({"b": I})}), {"a": {"b": None}}, {"a": {}}),
    Row("optional in array items", one(arr(obj({"b": I}))), {"a": [{"b": None}, {"b": 2}]}, {"a": [{}, {"b": 2}]}),
    Row("optional array", obj({"a": arr(I)}), {"a": None}, {}),
    Row("optional enum", obj({"a": {"enum": ["x", "y"]}}), {"a": None}, {}),
    Row("optional const", obj({"a": {"const": "x"}}), {"a": None}, {}),
    Row("closed already", obj({"a": I}, additionalProperties=False), {"a": None}, {}),
    Row("a property that is never there", obj({"a": I, "b": False}, "a"), {"a": 1}, {"a": 1}),
    Row("type implied by properties", {"properties": {"a": {"items": S}}, "required": ["a"]}, {"a": ["x"]}, {"a": ["x"]}),
    # Properties named after keywords.
    Row("names of keywords", obj(dict.fromkeys(KEYWORDS, S), *KEYWORDS), dict.fromkeys(KEYWORDS, "x"), dict.fromkeys(KEYWORDS, "x")),
    Row("optional names of keywords", obj(dict.fromkeys(KEYWORDS, S)), dict.fromkeys(KEYWORDS), {}),
    Row("properties in properties", one(obj({"properties": obj({"title": S}, "title")}, "properties")),
        {"a": {"properties": {"title": "x"}}}, {"a": {"properties": {"title": "x"}}}),
    Row("definitions named after keywords", one(ref("properties"), **{"$defs": {"properties": S, "default": I}}), {"a": "x"}, {"a": "x"}),
    # References.
    Row("reference", one(ref("X"), **{"$defs": {"X": obj({"b": I})}}), {"a": {"b": None}}, {"a": {}}),
    Row("reference with description", one(ref("X", description="d"), **{"$defs": {"X": S}}), {"a": "x"}, {"a": "x"}),
    Row("reference with default", obj({"a": ref("X", default="q")}, **{"$defs": {"X": S}}), {"a": None}, {}),
    Row("reference with a bound", one(ref("X", minimum=3), **{"$defs": {"X": I}}), {"a": 3}, {"a": 3}),
    Row("reference in allOf with description", one({"allOf": [ref("X")], "description": "d"}, **{"$defs": {"X": I}}), {"a": 1}, {"a": 1}),
    Row("definitions of draft 7", one({"$ref": "#/definitions/X"}, definitions={"X": S}), {"a": "x"}, {"a": "x"}),
    Row("pointer into properties", obj({"a": S, "b": {"$ref": "#/properties/a"}}, "a", "b"), {"a": "x", "b": "y"}, {"a": "x", "b": "y"}),
    Row("pointer with escapes", one({"$ref": "#/$defs/x~1y%20z"}, **{"$defs": {"x/y z": I}}), {"a": 1}, {"a": 1}),
    Row("pointer into a list", one({"$ref": "#/$defs/U/anyOf/1"}, **{"$defs": {"U": {"anyOf": [S, I]}}}), {"a": 1}, {"a": 1}),
    Row("anchor", one({"$ref": "#here"}, **{"$defs": {"X": {"$anchor": "here", **S}}}), {"a": "x"}, {"a": "x"}),
    Row("own id", {"$id": "urn:x", **one({"$ref": "urn:x#/$defs/X"}, **{"$defs": {"X": S}})}, {"a": "x"}, {"a": "x"}),
    Row("chain of references", one(ref("X"), **{"$defs": {"X": ref("Y"), "Y": S}}), {"a": "x"}, {"a": "x"}),
    Row("generic's name", one(ref("Box[int]"), **{"$defs": {"Box[int]": one(I), "Box_int_": S}}), {"a": {"a": 1}}, {"a": {"a": 1}}),
    Row("two names, one legal form", obj({"a": ref("x y"), "b": ref("x_y")}, "a", "b", **{"$defs": {"x y": I, "x_y": S}}), {"a": 1, "b": "s"}, {"a": 1, "b": "s"}),
    Row("unused definition without a form", one(S, **{"$defs": {"Any": {}}}), {"a": "x"}, {"a": "x"}),
    # Recursion.
    Row("reference at the root", {**ref("Node"), "$defs": {"Node": NODE}}, {"name": "x", "children": [{"name": "y", "children": []}]},
        {"name": "x", "children": [{"name": "y", "children": []}]}),
    Row("recursion to the root", obj({"next": {"$ref": "#"}, "v": I}, "v"), {"v": 1, "next": {"v": 2, "next": None}}, {"v": 1, "next": {"v": 2}}),
    Row("mutual recursion", {**ref("A"), "$defs": {"A": obj({"b": ref("B")}), "B": obj({"a": ref("A")})}}, {"b": {"a": {"b": None}}}, {"b": {"a": {}}}),
    Row("recursion through a union", one(ref("E"), **{"$defs": {"E": {"anyOf": [N, obj({"l": ref("E"), "r": ref("E")}, "l", "r")]}}}),
        {"a": {"l": 1, "r": {"l": 2, "r": 3}}}, {"a": {"l": 1, "r": {"l": 2, "r": 3}}}),
    Row("recursion through allOf", {**ref("T"), "$defs": {"T": {"allOf": [obj({"id": I}, "id"), obj({"sub": arr(ref("T"))})]}}},
        {"id": 1, "sub": [{"id": 2, "sub": None}]}, {"id": 1, "sub": [{"id": 2}]}),
    Row("a tree of optional branches", {**ref("T"), "$defs": {"T": obj({"l": ref("T"), "r": {"anyOf": [ref("T"), NULL]}}, "r")}}, {"l": {"l": None, "r": None}, "r": None}, {"l": {"r": None}, "r": None}),
    # Unions.
    Row("union of types", one({"anyOf": [S, I]}), {"a": 1}, {"a": 1}),
    Row("union of objects", one({"anyOf": [obj({"x": I}, "x"), obj({"y": I})]}), {"a": {"y": None}}, {"a": {}}),
    Row("discriminated union", one({"oneOf": [ref("Cat"), ref("Dog")], "discriminator": {"propertyName": "kind"}}, **PETS),
        {"a": {"kind": "dog", "tricks": None}}, {"a": {"kind": "dog"}}),
    Row("discriminated union with a type", one({"type": "object", "oneOf": [ref("Cat"), ref("Dog")]}, **PETS), {"a": {"kind": "cat", "lives": None}}, {"a": {"kind": "cat"}}),
    Row("the branch whose null it is", one({"anyOf": [obj({"k": {"const": 1}, "v": I}, "k"), obj({"k": {"const": 2}, "v": {"type": ["integer", "null"]}}, "k")]}),
        {"a": {"k": 2, "v": None}}, {"a": {"k": 2, "v": None}}),
    Row("keywords beside a union", one({**obj({"n": S}, "n"), "anyOf": [obj({"x": I}, "x"), obj({"y": I}, "y")]}), {"a": {"n": "q", "y": 1}}, {"a": {"n": "q", "y": 1}}),
    Row("a bound beside a union of types", one({"anyOf": [I, N], "minimum": 3}), {"a": 4.5}, {"a": 4.5}),
    Row("nested unions", one({"anyOf": [{"anyOf": [I, S]}, {"oneOf": [B, NULL]}]}), {"a": None}, {"a": None}),
    Row("optional union", obj({"a": {"anyOf": [S, I]}}), {"a": None}, {}),
    Row("types with an inside", one({"type": ["object", "array", "null"], "properties": {"x": I}, "items": S}), {"a": {"x": None}}, {"a": {}}),
    Row("union of equals", one({"anyOf": [S, S]}), {"a": "x"}, {"a": "x"}),
    # allOf.
    Row("allOf of two objects", one({"allOf": [obj({"x": I}, "x"), obj({"y": I})]}), {"a": {"x": 1, "y": None}}, {"a": {"x": 1}}),
    Row("allOf at the root", {"allOf": [ref("Base"), obj({"y": I}, "y")], "$defs": {"Base": obj({"x": I})}}, {"x": None, "y": 1}, {"y": 1}),
    Row("allOf narrows a property", one({"allOf": [obj({"x": I}, "x"), obj({"x": {"minimum": 2}})]}), {"a": {"x": 2}}, {"a": {"x": 2}}),
    Row("allOf of bounds", one({"allOf": [{"type": "integer", "minimum": 1}, {"minimum": 3, "maximum": 9}]}), {"a": 3}, {"a": 3}),
    Row("allOf of unions", one({"allOf": [{"anyOf": [I, S]}, {"type": "string"}]}), {"a": "x"}, {"a": "x"}),
    Row("allOf of enums", one({"allOf": [{"enum": ["a", "b"]}, {"enum": ["b", "c"]}]}), {"a": "b"}, {"a": "b"}),
    # Arrays and tuples.
    Row("tuple", one({"type": "array", "prefixItems": [I, S], "minItems": 2, "maxItems": 2}), {"a": [1, "x"]}, {"a": [1, "x"]}),
    Row("tuple of draft 7", one({"type": "array", "items": [I, obj({"b": I})], "additionalItems": False, "minItems": 2}), {"a": [1, {"b": None}]}, {"a": [1, {}]}),
    Row("tuple of one type", one({"type": "array", "prefixItems": [I, I], "items": False, "minItems": 2}), {"a": [1, 2]}, {"a": [1, 2]}),
    Row("tuple with a rest", one({"type": "array", "prefixItems": [I], "items": S}), {"a": [1, "x", "y"]}, {"a": [1, "x", "y"]}),
    Row("set", one(arr(S, uniqueItems=True)), {"a": ["x"]}, {"a": ["x"]}),
    # Enums, constants, bounds, formats.
    Row("enum with null", one({"enum": ["x", None]}), {"a": None}, {"a": None}),
    Row("optional enum with null", obj({"a": {"enum": [1, None]}}), {"a": None}, {"a": None}),
    Row("enum of two types", one({"enum": ["x", 1, True]}), {"a": True}, {"a": True}),
    Row("enum narrowed by its type", one({"type": "string", "enum": ["x", None]}), {"a": "x"}, {"a": "x"}),
    Row("constant null", one({"const": None}), {"a": None}, {"a": None}),
    Row("bounds of numbers", one({"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.5}), {"a": 1.5}, {"a": 1.5}),
    Row("known format", one({"type": "string", "format": "date-time"}), {"a": "2026-01-01T00:00:00Z"}, {"a": "2026-01-01T00:00:00Z"}),
    Row("unknown format is told", one({"type": "string", "format": "uri", "minLength": 1}), {"a": "http://x"}, {"a": "http://x"}),
    Row("a pattern that looks ahead is told", one({"type": "string", "pattern": "^(?=a)"}), {"a": "ab"}, {"a": "ab"}),
    # Roots that are no objects.
    Row("array at the root", arr(obj({"a": I})), {"value": [{"a": None}]}, [{}]),
    Row("union at the root", {"anyOf": [ref("Cat"), ref("Dog")], **PETS}, {"value": {"kind": "cat", "lives": None}}, {"kind": "cat"}),
    Row("text at the root", {"type": "string"}, {"value": "x"}, "x"),
    Row("enum at the root", {"enum": [1, 2]}, {"value": 2}, 2),
    Row("nullable object at the root", {"anyOf": [obj({"a": I}), NULL]}, {"value": None}, None),
    Row("a root that uses the wrapper's name", {"anyOf": [obj({"value": I}), S]}, {"result": {"value": None}}, {}),
    Row("recursive array at the root", {"type": "array", "items": {"$ref": "#"}}, {"value": [[], [[]]]}, [[], [[]]]),
]  # fmt: skip

#: Schemas without a strict form, and what the reason says.
REFUSED = [
    ("free map", one({"type": "object", "additionalProperties": I}), "$.properties.a: the object takes keys"),
    ("open on purpose", one(I, additionalProperties=True), "$: the object takes keys"),
    ("an object of anything", one({"type": "object"}), "$.properties.a: the object names no properties"),
    ("anything", one({}), "$.properties.a: any value would do"),
    ("anything, described", one({"description": "x"}), "$.properties.a: any value would do"),
    ("true", one(True), "$.properties.a: any value would do"),
    ("array of anything", one({"type": "array"}), "$.properties.a.items: any value would do"),
    ("tuple with an untyped rest", one({"type": "array", "prefixItems": [I]}), "$.properties.a.items: any value"),
    ("pattern properties", one({"type": "object", "patternProperties": {"^x": I}}), "strict mode has no 'patternProperties'"),
    ("not", one({"not": S}), "$.properties.a: strict mode has no 'not'"),
    ("if", one({"type": "string", "if": {"const": "x"}, "then": {"minLength": 1}}), "strict mode has no 'if'"),
    ("dependent schemas", obj({"a": I}, dependentSchemas={"a": obj({"b": I})}), "$: strict mode has no 'dependentSchemas'"),
    ("contains", one(arr(I, contains={"const": 1})), "strict mode has no 'contains'"),
    ("property names", one(I, propertyNames={"pattern": "^a"}), "strict mode has no 'propertyNames'"),
    ("required, not described", obj({"a": I}, "a", "b"), "$: 'b' is required but not described"),
    ("reference out of the schema", one({"$ref": "https://x.org/y.json"}), "leads out of the schema"),
    ("reference to nowhere", one(ref("X")), "leads nowhere"),
    ("circle of references", one(ref("X"), **{"$defs": {"X": ref("Y"), "Y": ref("X")}}), "circle"),
    ("allOf of itself", {**ref("X"), "$defs": {"X": {"allOf": [ref("X"), obj({"a": I})]}}}, "contains itself"),
    ("allOf without a value", one({"allOf": [S, I]}), "no value is both"),
    ("allOf of closed objects", one({"allOf": [obj({"x": I}, "x", additionalProperties=False), obj({"y": I}, "y")]}), "forbidden by a closed one"),
    ("constant object", one({"const": {"x": 1}}), "no constant objects"),
    ("enum without a value", one({"type": "string", "enum": [1]}), "no value fits"),
    ("eleven levels", nested(11), "nested 11 levels deep"),
    ("too many properties", obj({f"p{number}": I for number in range(5001)}), "5001 properties"),
    ("too many enum values", one({"enum": list(range(1001))}), "1001 enum values"),
    ("a long enum of long texts", one({"enum": [f"{number:0100}" for number in range(251)]}), "25100 characters"),
    ("too long names", obj({f"{number:0200}": I for number in range(700)}), "140000 characters"),
    ("in a definition", one(ref("X"), **{"$defs": {"X": obj({"m": {"type": "object", "additionalProperties": True}})}}), "$.$defs.X.properties.m: "),
]  # fmt: skip
