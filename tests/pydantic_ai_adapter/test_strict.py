"""Schemas that Pydantic AI's own transformer sends as strict although strict mode refuses them."""

from __future__ import annotations

import json
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel, Field
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.exceptions import UserError
from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer

from pydantic_ai_requesty import RequestyModel, RequestyProvider
from pydantic_ai_requesty._schema import RequestyJsonSchemaTransformer
from requesty_emulator import GatewayEmulator
from requesty_emulator.validation.strict_schema import strict_problem


class Loose(BaseModel):
    value: Any


class Pair(BaseModel):
    at: tuple[int, str]


class Wide(BaseModel):
    code: Enum("Code", {f"C{number}": f"c{number}" for number in range(1001)})  # type: ignore[valid-type]


class Stop(BaseModel):
    place: str
    nights: int = 1


class Trip(BaseModel):
    first: Stop
    others: list[Stop] = []


class Free(BaseModel):
    values: dict[str, int]


ALL_OF = {
    "type": "object",
    "properties": {"a": {"allOf": [{"type": "integer", "minimum": 1}, {"maximum": 9}]}},
    "required": ["a"],
    "additionalProperties": False,
}
SHORT = [Loose.model_json_schema(), Pair.model_json_schema(), Wide.model_json_schema(), ALL_OF]


@pytest.mark.parametrize("schema", SHORT, ids=["any", "tuple", "enum", "allOf"])
def test_where_the_frameworks_transformer_falls_short(schema: dict[str, Any]) -> None:
    theirs = OpenAIJsonSchemaTransformer(json.loads(json.dumps(schema)), strict=None)
    sent = theirs.walk()
    # When this fails, the framework has caught up and ours may go.
    assert theirs.is_strict_compatible
    assert strict_problem(sent, "response_format", "x") is not None
    ours = RequestyJsonSchemaTransformer(schema, strict=None)
    sent = ours.walk()
    assert not ours.is_strict_compatible or strict_problem(sent, "response_format", "x") is None


class Home(BaseModel):
    address: Stop = Field(description="where it is")


class Node(BaseModel):
    name: str
    children: list[Node]


NAMES = ("default", "properties", "$ref", "items")
NAMED_LIKE_KEYWORDS = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in NAMES},
    "required": list(NAMES),
    "additionalProperties": False,
}
POINTED = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/properties/a"}},
    "required": ["a", "b"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    "schema",
    [Home.model_json_schema(), Node.model_json_schema(), NAMED_LIKE_KEYWORDS],
    ids=["$ref with siblings", "recursion", "names of keywords"],
)
def test_where_the_frameworks_transformer_is_enough(schema: dict[str, Any]) -> None:
    for transformer in (OpenAIJsonSchemaTransformer, RequestyJsonSchemaTransformer):
        sent = transformer(json.loads(json.dumps(schema)), strict=True).walk()
        assert strict_problem(sent, "response_format", "x") is None


def test_where_it_falls_short_with_strict() -> None:
    pointed = OpenAIJsonSchemaTransformer(json.loads(json.dumps(POINTED)), strict=True).walk()
    assert strict_problem(pointed, "response_format", "x") is not None
    assert strict_problem(RequestyJsonSchemaTransformer(POINTED, strict=True).walk(), "response_format", "x") is None
    # A free map is closed without a word: no answer could hold a key.
    closed = OpenAIJsonSchemaTransformer(Free.model_json_schema(), strict=True).walk()
    assert closed["properties"]["values"].get("properties", {}) == {}
    assert closed["properties"]["values"]["additionalProperties"] is False
    with pytest.raises(UserError, match=r"\$\.properties\.values"):
        RequestyJsonSchemaTransformer(Free.model_json_schema(), strict=True).walk()


@pytest.mark.parametrize("strict", [None, False])
@pytest.mark.parametrize("model", [Loose, Pair, Home, Node, Free, Stop], ids=lambda model: model.__name__)
def test_a_schema_that_was_walked_before_is_the_same_again(model: type[BaseModel], strict: bool | None) -> None:
    schema = {**model.model_json_schema(), "description": f"only here: {model.__name__} {strict}"}
    walks = [RequestyJsonSchemaTransformer(schema, strict=strict) for _ in range(3)]
    first, *later = ((one.walk(), one.is_strict_compatible) for one in walks)
    expected = json.dumps(first)
    for again in later:
        assert json.dumps(again) == expected
        # Whoever got it may write into it.
        again[0].clear()
    first[0].clear()
    last = RequestyJsonSchemaTransformer(schema, strict=strict)
    assert json.dumps((last.walk(), last.is_strict_compatible)) == expected
    assert schema["description"].startswith("only here")


class Shouting(RequestyJsonSchemaTransformer):
    """A transformer of the caller's own, over ours."""

    def transform(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {**super().transform(schema), "title": "LOUD"}


def test_a_transformer_over_ours_has_its_own_walks() -> None:
    schema = {**Home.model_json_schema(), "description": "for two transformers"}
    for _ in range(2):
        plain, loud = (one(schema, strict=False).walk() for one in (RequestyJsonSchemaTransformer, Shouting))
        assert loud["title"] == "LOUD"
        assert plain.get("title") != "LOUD"


def test_values_that_json_cannot_hold_are_not_taken_for_text() -> None:
    def walked(default: object) -> Any:
        schema = {"type": "object", "properties": {"a": {"type": "string", "default": default}}}
        return RequestyJsonSchemaTransformer(schema, strict=False).walk()["properties"]["a"]["default"]

    for default in ("1.5", Decimal("1.5"), "1.5", Decimal("1.5")):
        assert walked(default) == default
        assert type(walked(default)) is type(default)


def agent(gw: GatewayEmulator, output: Any) -> Agent[None, Any]:
    provider = RequestyProvider(base_url=gw.base_url, api_key=gw.api_key)
    return Agent(RequestyModel("openai/gpt-4o-mini", provider=provider), output_type=output)


CASES = [
    (Loose, {"value": [1]}, Loose(value=[1]), None),
    (Pair, {"at": [1, "x"]}, Pair(at=(1, "x")), None),
    (Trip, {"first": {"place": "Oslo"}}, Trip(first=Stop(place="Oslo")), None),
    (Pair, {"at": [1, "x"]}, Pair(at=(1, "x")), True),
    (Trip, {"first": {"place": "Oslo", "nights": 1}, "others": []}, Trip(first=Stop(place="Oslo")), True),
]


@pytest.mark.parametrize(("cls", "answer", "expected", "strict"), CASES)
@pytest.mark.parametrize("kind", [NativeOutput, ToolOutput])
async def test_outputs(
    gw: GatewayEmulator, cls: Any, answer: Any, expected: Any, strict: bool | None, kind: Any
) -> None:
    if kind is NativeOutput:
        gw.say(text=json.dumps(answer))
    else:
        gw.say(tool_calls=[{"name": "final_result", "arguments": answer, "id": "c"}])
    result = await agent(gw, kind(cls, strict=strict)).run("json")
    assert result.output == expected


@pytest.mark.parametrize("kind", [NativeOutput, ToolOutput])
async def test_no_strict_form_is_one_line(gw: GatewayEmulator, kind: Any) -> None:
    with pytest.raises(UserError, match=r"strict: the schema has no strict form: \$\.properties\.values: "):
        await agent(gw, kind(Free, strict=True)).run("json")
    assert gw.requests == []
