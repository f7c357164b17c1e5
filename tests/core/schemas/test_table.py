"""The table of hand-written schemas, read by the compiler, the emulator's check and a checker of the tests' own."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from requesty_core import ConfigurationError
from requesty_core.schemas import compile_schema
from requesty_emulator.validation.strict_schema import strict_problem

from .checker import strict_faults
from .table import REFUSED, ROWS, Row, arr, nested, obj, one


def fits(schema: dict[str, Any], value: Any) -> bool:
    if isinstance(schema.get("items"), list) or "definitions" in schema or "additionalItems" in str(schema):
        from jsonschema import Draft7Validator

        return bool(Draft7Validator(schema).is_valid(value))
    return bool(Draft202012Validator(schema).is_valid(value))


def test_the_table_is_long_enough() -> None:
    assert len(ROWS) >= 60
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_strict_form_and_way_back(row: Row) -> None:
    before = json.dumps(row.schema)
    compiled = compile_schema(row.schema)
    strict = compiled.strict
    assert strict is not None, compiled.reason
    assert compiled.reason is None
    assert strict_faults(strict) == []
    assert strict_problem(strict, "response_format", "x") is None
    assert fits(strict, row.answer)
    answer = copy.deepcopy(row.answer)
    assert compiled.restore(answer) == row.given
    assert answer == row.answer
    assert fits(row.schema, row.given)
    # What the user's schema accepts is the user's: it comes back as it is.
    assert compiled.restore(row.given) == row.given
    assert json.dumps(row.schema) == before


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_plain_form_keeps_the_meaning(row: Row) -> None:
    compiled = compile_schema(row.schema)
    plain = compiled.plain
    assert plain["type"] == "object"
    assert not plain.keys() & {"$ref", "anyOf", "oneOf", "allOf", "enum", "const"}
    given = row.given if compiled.wrapper is None else {compiled.wrapper: row.given}
    assert fits(plain, given)
    assert not fits(plain, 7)
    assert compiled.restore(given) == row.given
    assert all(set(node) == {"$ref"} and node["$ref"].startswith("#/$defs/") for node in references(plain))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_strict_form_is_its_own_strict_form(row: Row) -> None:
    strict = compile_schema(row.schema).strict
    assert strict is not None
    again = compile_schema(strict)
    assert again.strict == strict
    assert again.restore(row.answer) is row.answer


def references(node: Any, *, names: bool = False) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for item in node for found in references(item)]
    if not isinstance(node, dict):
        return []
    own = [node] if "$ref" in node and not names else []
    return own + [
        found
        for key, value in node.items()
        for found in references(value, names=not names and key in ("properties", "$defs"))
    ]


@pytest.mark.parametrize(
    ("name", "schema", "reason"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_no_strict_form_and_why(name: str, schema: dict[str, Any], reason: str) -> None:
    compiled = compile_schema(schema)
    assert compiled.strict is None
    assert compiled.reason is not None
    assert reason in compiled.reason
    assert compiled.reason.startswith("$")
    assert "\n" not in compiled.reason
    with pytest.raises(ConfigurationError, match="response_format: the schema has no strict form"):
        compiled.require_strict("response_format")
    assert compiled.plain["type"] == "object"


def test_ten_levels_are_taken() -> None:
    assert compile_schema(nested(10)).strict is not None


def test_exact_forms() -> None:
    schema = obj(
        {
            "a": {"type": "integer", "minimum": 0, "default": 3, "title": "A"},
            "b": {"$ref": "#/$defs/B", "description": "b"},
        },
        "b",
        title="T",
        description="t",
        **{"$defs": {"B": {"type": "string"}}},
    )
    compiled = compile_schema(schema)
    assert compiled.strict == {
        "type": "object",
        "properties": {
            "a": {"type": ["integer", "null"], "minimum": 0, "description": "(null stands for: 3)"},
            "b": {"anyOf": [{"$ref": "#/$defs/B"}], "description": "b"},
        },
        "required": ["a", "b"],
        "additionalProperties": False,
        "description": "t",
        "$defs": {"B": {"type": "string"}},
    }
    assert compiled.plain == {
        **schema,
        "properties": {**schema["properties"], "b": {"anyOf": [{"$ref": "#/$defs/B"}], "description": "b"}},
    }


def test_the_forms_are_the_callers_own() -> None:
    compiled = compile_schema(one(arr({"type": "string"})))
    for form in (compiled.strict, compiled.plain):
        assert form is not None
        form["properties"].clear()
    assert compiled.strict is not None
    assert list(compiled.strict["properties"]) == list(compiled.plain["properties"]) == ["a"]


def test_kept_by_content_not_by_object() -> None:
    schema = one({"type": "string"})
    first = compile_schema(schema)
    assert compile_schema(copy.deepcopy(schema)) is first
    schema["properties"]["b"] = {"type": "integer"}
    second = compile_schema(schema)
    assert second is not first
    assert second.strict is not None
    assert list(second.strict["properties"]) == ["a", "b"]


@pytest.mark.parametrize("schema", [[], "x", None, {"a": object()} and [1]], ids=repr)
def test_what_is_no_schema_is_one_line(schema: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^schema: must be a JSON schema"):
        compile_schema(schema)


@pytest.mark.parametrize("levels", [11, 60, 95])
def test_deep_schemas_are_sent_plain(levels: int) -> None:
    compiled = compile_schema(nested(levels))
    assert compiled.strict is None
    assert compiled.plain == compiled.inlined == nested(levels)


@pytest.mark.parametrize("levels", [101, 3000])
def test_bottomless_schemas_are_one_line(levels: int) -> None:
    with pytest.raises(ConfigurationError, match=r"^schema: (is nested more than 200 levels|is not JSON)"):
        compile_schema(nested(levels))


def test_a_default_that_json_cannot_hold() -> None:
    compiled = compile_schema(obj({"a": {"type": "string", "default": {1, 2}.__class__}}))
    assert compiled.strict is not None


def test_an_answer_that_fits_nothing_comes_back_as_it_is() -> None:
    compiled = compile_schema(one({"anyOf": [obj({"x": {"type": "integer"}}, "x"), {"type": "string"}]}))
    for answer in ({"a": {"x": None}}, {"a": 5}, {}, [], None, {"a": {"x": 1, "y": None}}):
        assert compiled.restore(answer) == answer
