from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from requesty_emulator.answers.pattern import matching
from requesty_emulator.answers.schema_fill import fill

STRING = {"type": "string"}


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


@pytest.mark.parametrize(
    ("schema", "prompt", "expected"),
    [
        (obj(a={"type": "integer"}, b={"type": "integer"}), "Multiply 6 by 7", {"a": 6, "b": 7}),
        (obj(input={"type": "integer"}), "What is magic_function(3)?", {"input": 3}),
        (obj(x={"type": "number"}), "about -2.5 degrees", {"x": -2.5}),
        (obj(customer_name=STRING), "a customer named 'Zoé & Co'", {"customer_name": "Zoé & Co"}),
        (obj(name=STRING, age={"type": "integer"}), "John Smith is 42 years old.", {"name": "John Smith", "age": 42}),
        (obj(city=STRING), "What's the weather in San Francisco, CA?", {"city": "San Francisco, CA"}),
        (obj(origin=STRING, destination=STRING), "Fly from Oslo to Rome", {"origin": "Oslo", "destination": "Rome"}),
        (obj(unit={"enum": ["celsius", "fahrenheit"]}), "in Fahrenheit please", {"unit": "fahrenheit"}),
        (obj(unit={"enum": ["celsius", "fahrenheit"]}), "please", {"unit": "celsius"}),
        (obj(kind={"const": "fixed"}), "", {"kind": "fixed"}),
        (obj(email=STRING), "write to ann@example.org now", {"email": "ann@example.org"}),
        (obj(day={"type": "string", "format": "date"}), "on 2026-03-04", {"day": "2026-03-04"}),
        (obj(numbers={"type": "array", "items": {"type": "integer"}}), "sort 3, 1 and 2", {"numbers": [3, 1, 2]}),
        (obj(tags={"type": "array", "items": STRING}), "tags 'a' and 'b'", {"tags": ["a", "b"]}),
        (obj(colour=STRING), "colour: dark red, size: 4", {"colour": "dark red"}),
        (obj(size={"type": "integer"}), "page 9, size: 4", {"size": 4}),
        (obj(urgent={"type": "boolean"}), "not urgent", {"urgent": False}),
        (obj(urgent={"type": "boolean"}), "urgent!", {"urgent": True}),
        (obj(expression=STRING), "What is 12 * (3 + 4)?", {"expression": "12 * (3 + 4)"}),
        (obj(harbour=STRING), "When does the next ferry leave from Oban?", {"harbour": "Oban"}),
        (obj(animal=STRING), "tell me a joke about cats", {"animal": "cats"}),
        (obj(query=STRING), "look up ferries in Oban", {"query": "look up ferries in Oban"}),
        ({"type": "object", "properties": {}}, "anything", {}),
        ({}, "hello", "hello"),
    ],
)
def test_values_come_from_the_prompt(schema: dict[str, Any], prompt: str, expected: object) -> None:
    assert fill(schema, prompt) == expected


def test_references_and_unions() -> None:
    schema = {
        "type": "object",
        "properties": {
            "person": {"$ref": "#/$defs/Person"},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "pet": {"oneOf": [obj(kind={"const": "cat"}), obj(kind={"const": "dog"})]},
            "both": {"allOf": [obj(a=STRING), obj(b=STRING)]},
        },
        "required": ["person", "note", "pet", "both"],
        "$defs": {"Person": obj(name=STRING, friends={"type": "array", "items": {"$ref": "#/$defs/Person"}})},
    }
    value = fill(schema, "Anna has a dog")
    jsonschema.validate(value, schema)
    assert value["person"]["name"] == "Anna"
    assert value["pet"] == {"kind": "dog"}


def test_optional_fields_only_when_the_prompt_names_them() -> None:
    schema = {"type": "object", "properties": {"a": STRING, "unit": {"enum": ["c", "f"]}}, "required": ["a"]}
    assert fill(schema, "x") == {"a": "x"}
    assert fill(schema, "x in f") == {"a": "x in f", "unit": "f"}
    assert set(fill(schema, "x", everything=True)) == {"a", "unit"}


@pytest.mark.parametrize(
    "pattern",
    [
        r"^\d{3}-\d{4}$",
        r"^[A-Z]{2}[0-9]+$",
        r"^(foo|bar)$",
        r"^[^a]x?$",
        r"\w+@\w+\.com",
        r"^$",
        r"a{2,3}b*",
        r"^#[0-9a-f]{6}$",
    ],
)
def test_patterns_are_matched(pattern: str) -> None:
    assert re.search(pattern, matching(pattern, "nothing fits"))


def test_a_pattern_prefers_the_prompt() -> None:
    assert matching(r"^[A-Z]{2}\d{4}$", "flight LH1234 today") == "LH1234"


LEAVES = st.one_of(
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.just({"type": ["string", "null"]}),
    st.builds(
        lambda low, size: {"type": "integer", "minimum": low, "maximum": low + size},
        st.integers(-50, 50),
        st.integers(0, 9),
    ),
    st.builds(lambda low: {"type": "integer", "exclusiveMinimum": low}, st.integers(-50, 50)),
    st.builds(lambda high: {"type": "number", "exclusiveMaximum": high}, st.integers(-50, 50)),
    st.builds(lambda low: {"type": "number", "minimum": low, "maximum": low + 0.5}, st.integers(-50, 50)),
    st.builds(lambda step: {"type": "integer", "multipleOf": step}, st.integers(1, 9)),
    st.builds(
        lambda low, more: {"type": "string", "minLength": low, "maxLength": low + more},
        st.integers(0, 30),
        st.integers(0, 9),
    ),
    st.builds(lambda values: {"enum": values}, st.lists(st.integers() | st.text(max_size=4), min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, st.integers() | st.text(max_size=4) | st.none()),
    st.sampled_from(
        [{"type": "string", "format": name} for name in ("date", "date-time", "email", "uri", "uuid", "ipv4")]
    ),
)


def _objects(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    keys = st.text("abcdefg_", min_size=1, max_size=6)

    def build(properties: dict[str, Any], take: int) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": sorted(properties)[:take],
            "additionalProperties": False,
        }

    return st.builds(build, st.dictionaries(keys, inner, max_size=4), st.integers(0, 4))


def _arrays(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda items, low, more: {"type": "array", "items": items, "minItems": low, "maxItems": low + more},
        inner,
        st.integers(0, 3),
        st.integers(0, 3),
    )


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        _objects(inner),
        _arrays(inner),
        st.builds(lambda options: {"anyOf": options}, st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(
    schema=SCHEMAS, prompt=st.text(max_size=60) | st.sampled_from(["Add 3 and 4.5 for 'Bob' in Rome", "a: 7, b is x"])
)
def test_every_instance_satisfies_its_schema(schema: dict[str, Any], prompt: str) -> None:
    value = fill(schema, prompt)
    jsonschema.Draft202012Validator(schema).validate(value)
    assert fill(schema, prompt) == value
