"""Random schemas, instances of them, and the answers that strict mode would give for those instances."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

Schema = dict[str, Any]
NAMES = st.sampled_from(["a", "b", "c", "default", "properties", "$ref", "title", "items", "required", "enum", "type"])
DEFS = ("Node", "Leaf[int]", "other def")
NOTES = st.sampled_from([{}, {}, {"title": "T"}, {"description": "d"}, {"default": None}, {"examples": [1]}])


class NoInstance(Exception):
    """The schema's recursion has no end within reach."""


def scalars() -> st.SearchStrategy[Schema]:
    return st.one_of(
        st.sampled_from([{"type": "string"}, {"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}]),
        st.sampled_from([{"type": "integer", "minimum": 2}, {"type": "integer", "maximum": 3}, {"type": "number"}]),
        st.sampled_from([{"const": "x"}, {"const": 1}, {"enum": ["x", "y"]}, {"enum": [1, None]}, {"enum": [True, 2]}]),
    )


def refs(names: tuple[str, ...]) -> st.SearchStrategy[Schema]:
    found = st.sampled_from(names).map(lambda name: {"$ref": f"#/$defs/{name.replace(' ', '%20')}"})
    return st.tuples(found, NOTES).map(lambda pair: {**pair[1], **pair[0]})


def nodes(names: tuple[str, ...], *, distinct: bool) -> st.SearchStrategy[Schema]:
    """Schemas over the references ``names``. ``distinct``: no value fits two branches of a union."""
    leaves = st.one_of(scalars(), refs(names)) if names and not distinct else scalars()
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            objects(inner, names),
            objects(inner, names),
            arrays(inner),
            tagged(inner, names) if distinct else unions(inner),
            st.lists(objects(inner, names, closed=False), min_size=1, max_size=2).map(
                lambda parts: {"allOf": [own_names(*pair) for pair in enumerate(parts)], "unevaluatedProperties": False}
            ),
        ),
        max_leaves=6,
    )


def objects(inner: Any, names: tuple[str, ...], *, closed: bool = True) -> st.SearchStrategy[Schema]:
    later = st.dictionaries(NAMES, refs(names), max_size=2) if names else st.just({})
    made = st.tuples(st.dictionaries(NAMES, st.tuples(inner, st.booleans()), max_size=3), later, NOTES)

    def build(parts: tuple[Any, Any, Any]) -> Schema:
        properties = {name: schema for name, (schema, _) in parts[0].items()}
        # References are optional, so that every recursion can end.
        optional = {name: schema for name, schema in parts[1].items() if name not in properties}
        return {
            **parts[2],
            "type": "object",
            "properties": properties | optional,
            "required": [name for name, (_, needed) in parts[0].items() if needed],
            **({"additionalProperties": False} if closed else {}),
        }

    return made.map(build)


def own_names(number: int, part: Schema) -> Schema:
    """An object of an ``allOf`` whose names no other part has: two schemas of one name may contradict each other."""
    return {
        **part,
        "properties": {f"{name}{number or ''}": inner for name, inner in part["properties"].items()},
        "required": [f"{name}{number or ''}" for name in part["required"]],
    }


def arrays(inner: Any) -> st.SearchStrategy[Schema]:
    listed = st.tuples(inner, NOTES).map(lambda pair: {**pair[1], "type": "array", "items": pair[0], "maxItems": 3})
    pair = st.lists(inner, min_size=1, max_size=2).map(
        lambda items: {"type": "array", "prefixItems": items, "minItems": len(items), "items": False}
    )
    return st.one_of(listed, pair)


def unions(inner: Any) -> st.SearchStrategy[Schema]:
    return st.tuples(st.lists(inner, min_size=1, max_size=3), NOTES).map(lambda pair: {**pair[1], "anyOf": pair[0]})


def tagged(inner: Any, names: tuple[str, ...]) -> st.SearchStrategy[Schema]:
    """Unions whose branches tell themselves apart by a constant."""

    def build(branches: list[Schema]) -> Schema:
        for number, branch in enumerate(branches):
            branch["properties"] = {"tag": {"const": f"t{number}"}, **branch["properties"]}
            branch["required"] = ["tag", *branch["required"]]
        return {"oneOf": branches, "discriminator": {"propertyName": "tag"}}

    return st.lists(objects(inner, names), min_size=1, max_size=3).map(lambda found: build(copy.deepcopy(found)))


@st.composite
def documents(draw: st.DrawFn, *, distinct: bool, root_object: bool = False) -> Schema:
    """Whole schemas, all objects closed; use :func:`opened` for what a user would write."""
    names = DEFS[: draw(st.integers(0, len(DEFS)))]
    definitions = {name: draw(objects(nodes((), distinct=distinct), names)) for name in names}
    inner = nodes(names, distinct=distinct)
    root = draw(objects(inner, names) if root_object else inner)
    return {**root, "$defs": definitions} if definitions else root


def opened(node: Any) -> Any:
    """The schema as most users write it: objects do not say that they are closed."""
    if isinstance(node, list):
        return [opened(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: {name: opened(inner) for name, inner in value.items()} if key in ("properties", "$defs") else opened(value)
        for key, value in node.items()
        if not (key in ("additionalProperties", "unevaluatedProperties") and value is False)
    }


def resolved(root: Schema, node: Schema) -> Schema:
    while "$ref" in node:
        node = root["$defs"][node["$ref"].removeprefix("#/$defs/").replace("%20", " ")]
    return node


def properties_of(root: Schema, node: Schema) -> dict[str, list[Schema]]:
    """Schemas of each property, over all parts of an ``allOf``."""
    found: dict[str, list[Schema]] = {}
    for part in node.get("allOf", [node]):
        for name, inner in resolved(root, part)["properties"].items():
            found.setdefault(name, []).append(inner)
    return found


def required_of(root: Schema, node: Schema) -> set[str]:
    return {name for part in node.get("allOf", [node]) for name in resolved(root, part).get("required", ())}


def valid(root: Schema, node: Schema, value: Any) -> bool:
    return bool(Draft202012Validator({"$defs": root.get("$defs", {}), "allOf": [node]}).is_valid(value))


def instance(draw: st.DrawFn, root: Schema, node: Schema, level: int = 0) -> Any:
    """A value that is valid under the node. Raises :class:`NoInstance`."""
    node = resolved(root, node)
    if level > 12:
        raise NoInstance
    if "const" in node:
        return node["const"]
    if "enum" in node:
        return draw(st.sampled_from(node["enum"]))
    if branches := node.get("anyOf") or node.get("oneOf"):
        return instance(draw, root, draw(st.sampled_from(branches)), level + 1)
    if "allOf" in node or node["type"] == "object":
        made = {}
        for name, schemas in properties_of(root, node).items():
            if name in required_of(root, node) or (level < 6 and draw(st.booleans())):
                made[name] = instance(draw, root, schemas[0], level + 1)
                if not all(valid(root, schema, made[name]) for schema in schemas):
                    raise NoInstance
        return made
    if node["type"] == "array":
        first = [instance(draw, root, item, level + 1) for item in node.get("prefixItems", ())]
        more = draw(st.integers(0, 2)) if level < 6 and node.get("items", False) is not False else 0
        return [*first, *(instance(draw, root, node["items"], level + 1) for _ in range(more))]
    words = node["type"] if isinstance(node["type"], list) else [node["type"]]
    return draw(
        {
            "string": st.text(max_size=3),
            "boolean": st.booleans(),
            "null": st.none(),
            "integer": st.integers(node.get("minimum", -9), node.get("maximum", 9)),
            "number": st.floats(-9, 9),
        }[draw(st.sampled_from(words))]
    )


def answer(root: Schema, node: Schema, value: Any) -> Any:
    """What strict mode writes for a valid value: every property, null where it is absent."""
    node = resolved(root, node)
    if branches := node.get("anyOf") or node.get("oneOf"):
        return answer(root, next(branch for branch in branches if valid(root, branch, value)), value)
    if isinstance(value, dict):
        return {
            name: answer(root, schemas[0], value[name]) if name in value else None
            for name, schemas in properties_of(root, node).items()
        }
    if isinstance(value, list):
        first = node.get("prefixItems", [])
        return [answer(root, first[i] if i < len(first) else node["items"], item) for i, item in enumerate(value)]
    return value


def with_own_nulls(root: Schema, node: Schema, value: Any) -> Any:
    """The value with null for every absent property whose own schema takes null: the two cannot be told apart."""
    node = resolved(root, node)
    if branches := node.get("anyOf") or node.get("oneOf"):
        return with_own_nulls(root, next(branch for branch in branches if valid(root, branch, value)), value)
    if isinstance(value, dict):
        made = {}
        for name, schemas in properties_of(root, node).items():
            if name in value:
                made[name] = with_own_nulls(root, schemas[0], value[name])
            elif all(valid(root, schema, None) for schema in schemas):
                made[name] = None
        return made
    if isinstance(value, list):
        first = node.get("prefixItems", [])
        return [
            with_own_nulls(root, first[i] if i < len(first) else node["items"], item) for i, item in enumerate(value)
        ]
    return value


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
