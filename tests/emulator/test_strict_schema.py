"""What the emulator refuses of a strict schema, and in which words."""

# One row, one line.
# ruff: noqa: E501

from __future__ import annotations

from typing import Any

import httpx
import pytest

from requesty_emulator import GatewayEmulator
from requesty_emulator.validation.strict_schema import strict_body_problem, strict_problem

S = {"type": "string"}


def closed(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    names = list(properties)
    return {"type": "object", "properties": properties, "required": names, "additionalProperties": False, **more}


def deep(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = S
    for _ in range(levels):
        schema = closed({"a": schema})
    return schema


TAKEN = [
    closed({}),
    closed({"a": {"type": ["string", "null"], "title": "A", "description": "d"}}, title="T"),
    closed({"a": {"anyOf": [S, {"type": "null"}]}, "b": {"enum": ["x"]}, "c": {"const": 1}}),
    closed(
        {"a": {"$ref": "#/$defs/X~1Y"}, "b": {"$ref": "#"}}, **{"$defs": {"X/Y": closed({"default": S, "oneOf": S})}}
    ),
    closed({"a": {"$ref": "#/definitions/X"}}, definitions={"X": S}),
    closed(
        {"a": {"type": "array", "items": S, "minItems": 1}, "b": {"type": "string", "format": "date", "minLength": 1}}
    ),
    closed({"a": {"type": "string", "pattern": r"\(?=x"}}),
    deep(10),
]
REFUSED = [
    (None, "schema must be a JSON Schema of 'type: \"object\"', got 'type: None'."),
    ({"type": "array", "items": S}, "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"array\"'."),
    ({"$ref": "#/$defs/X", "$defs": {"X": closed({})}}, "got 'type: None'."),
    (closed({}, anyOf=[closed({})]), "not have 'anyOf' at the top level."),
    ({"type": "object", "properties": {}, "required": []}, "In context=(), 'additionalProperties' is required to be supplied and to be false."),
    (closed({"a": {"type": "object", "properties": {}}}), "In context=('properties', 'a'), 'additionalProperties' is required"),
    (closed({"a": {"type": "object", "additionalProperties": S}}), "'additionalProperties' is required to be supplied and to be false."),
    (
        closed({"a": {**closed({"b": S, "c": S}), "required": ["c"]}}),
        "In context=('properties', 'a'), 'required' is required to be supplied and to be an array including every key in "
        "properties. Missing 'b'.",
    ),
    ({**closed({"a": S}), "required": ["a", "z"]}, "In context=(), Extra required key 'z' supplied."),
    ({"type": "object", "properties": {"a": S}, "additionalProperties": False}, "Missing 'a'."),
    (closed({"a": {"$ref": "#/$defs/X", "description": "d"}}, **{"$defs": {"X": S}}), "In context=('properties', 'a'), $ref cannot have keywords {'description'}."),
    (closed({"a": {"$ref": "#/properties/b"}, "b": S}), "reference can only point to definitions defined at the top level"),
    (closed({"a": {"$ref": "#/$defs/X"}}), "reference to '#/$defs/X' cannot be resolved."),
    (closed({"a": {"oneOf": [S]}}), "In context=('properties', 'a'), 'oneOf' is not permitted."),
    (closed({"a": {"allOf": [S]}}), "'allOf' is not permitted."),
    (closed({"a": {**S, "default": "x"}}), "'default' is not permitted."),
    (closed({"a": {"type": "array", "prefixItems": [S]}}), "'prefixItems' is not permitted."),
    (closed({"a": {"type": "array", "items": S, "uniqueItems": True}}), "'uniqueItems' is not permitted."),
    (closed({"a": {"type": "array"}}), "array schema missing items."),
    (closed({"a": {"type": "array", "items": {}}}), "In context=('properties', 'a', 'items'), schema must have a 'type' key."),
    (closed({"a": {"anyOf": [S, {"description": "d"}]}}), "In context=('properties', 'a', 'anyOf', 1), schema must have a 'type' key."),
    (closed({"a": {"type": "text"}}), "'text' is not valid under any of the given schemas."),
    (closed({"a": {"type": "string", "format": "uri"}}), "'uri' is not a valid format."),
    (closed({"a": {"type": "string", "pattern": "(?=x)"}}), "'pattern' must not look ahead or behind."),
    (closed({}, **{"$defs": {"X": {"type": "object", "properties": {"q": S}}}}), "In context=('$defs', 'X'), 'additionalProperties' is required"),
    (closed({"a": True}), "In context=('properties', 'a'), True is not of type 'object'."),
    (deep(11), "11 levels of nesting exceeds limit of 10."),
    (closed({f"p{number}": S for number in range(5001)}), "5001 object properties exceeds limit of 5000."),
    (closed({"a": {"enum": list(range(1001))}}), "1001 enum values exceeds limit of 1000."),
    (closed({"a": {"enum": [f"{number:0100}" for number in range(251)]}}), "25100 characters exceeds limit of 15000."),
    (closed({f"{number:0200}": S for number in range(700)}), "140000 characters of names and values exceeds limit of 120000."),
    (deep(3000), "the nesting exceeds limit of 10."),
]  # fmt: skip


@pytest.mark.parametrize("schema", TAKEN, ids=range(len(TAKEN)))
def test_taken(schema: dict[str, Any]) -> None:
    assert strict_problem(schema, "response_format", "x") is None


@pytest.mark.parametrize(("schema", "said"), REFUSED, ids=range(len(REFUSED)))
def test_refused_with_the_path(schema: Any, said: str) -> None:
    problem = strict_problem(schema, "response_format", "Answer")
    assert problem is not None
    assert problem.startswith("Invalid schema for response_format 'Answer': ")
    assert said in problem


@pytest.mark.parametrize("name", ["", "a b", "größe", "x" * 65, None])
def test_illegal_names(name: Any) -> None:
    problem = strict_problem(closed({}), "response_format", name)
    assert problem is not None
    assert problem.startswith("Invalid 'response_format.json_schema.name': string does not match pattern.")


def test_only_what_says_strict_is_read() -> None:
    loose = {"type": "object", "properties": {"a": {}}}

    def body(form: bool | None, tool: bool | None) -> dict[str, Any]:
        return {
            "response_format": {"type": "json_schema", "json_schema": {"name": "F", "schema": loose, "strict": form}},
            "tools": [
                {"type": "web_search"},
                {"type": "function", "function": {"name": "t", "parameters": loose, "strict": tool}},
            ],
        }

    assert strict_body_problem({}) is None
    assert strict_body_problem(body(None, False)) is None
    said = strict_body_problem(body(True, True))
    assert said is not None
    assert said.startswith("Invalid schema for response_format 'F': In context=(), 'additionalProperties'")
    said = strict_body_problem(body(False, True))
    assert said is not None
    assert said.startswith("Invalid schema for function 't' (tools[1].function.parameters): In context=(), ")


OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
ROUTES = [
    (
        "/chat/completions",
        {
            "messages": [{"role": "user", "content": "x"}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "F", "strict": True, "schema": OPEN}},
        },
        "Invalid schema for response_format 'F': In context=(), 'additionalProperties' is required",
    ),
    (
        "/chat/completions",
        {
            "messages": [{"role": "user", "content": "x"}],
            "tools": [{"type": "function", "function": {"name": "t", "strict": True, "parameters": OPEN}}],
        },
        "Invalid schema for function 't' (tools[0].function.parameters): In context=(), ",
    ),
    (
        "/responses",
        {"input": "x", "text": {"format": {"type": "json_schema", "name": "F", "strict": True, "schema": OPEN}}},
        "Invalid schema for response_format 'F': In context=(), ",
    ),
    (
        "/responses",
        {"input": "x", "tools": [{"type": "function", "name": "t", "strict": True, "parameters": OPEN}]},
        "Invalid schema for function 't' (tools[0].function.parameters): In context=(), ",
    ),
]


@pytest.mark.parametrize(("route", "body", "said"), ROUTES, ids=range(len(ROUTES)))
def test_the_routes_answer_400_and_only_warn_when_lenient(
    http: httpx.Client,
    gw: GatewayEmulator,
    route: str,
    body: dict[str, Any],
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = {"model": "openai/gpt-4o-mini", **body}
    reply = http.post(f"/v1{route}", json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["origin"] == "provider"
    assert reply.json()["error"]["message"].startswith(said)
    gw.settings.strict_schemas = False
    assert http.post(f"/v1{route}", json=body).status_code == 200
    assert said in caplog.text
