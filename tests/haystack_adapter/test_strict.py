"""Strict tools and response formats: the user's tool, function and class get what their own schemas accept."""

from __future__ import annotations

import json
from typing import Any

import pytest
from haystack.tools import Tool
from pydantic import BaseModel, RootModel

from requesty_core import ConfigurationError
from requesty_core.schemas import AnswerFormatError

SCHEMA = {
    "type": "object",
    "properties": {
        "parent": {"type": "string"},
        "default": {"type": "string"},
        "properties": {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/Part"}},
    },
    "required": ["parent", "properties"],
    "$defs": {"Part": {"type": "object", "properties": {"n": {"type": "integer"}, "sub": {"$ref": "#/$defs/Part"}}}},
}
ARGUMENTS = {
    "parent": "p",
    "default": None,
    "properties": {"title": "t"},
    "parts": [{"n": None, "sub": {"n": 1, "sub": None}}],
}
GIVEN = {"parent": "p", "properties": {"title": "t"}, "parts": [{"sub": {"n": 1}}]}


class Stop(BaseModel):
    place: str
    nights: int = 1


class Trip(BaseModel):
    first: Stop
    note: str = "none"


class Stops(RootModel[list[Stop]]):
    pass


class Free(BaseModel):
    values: dict[str, int]


def make_tool(parameters: dict[str, Any]) -> Tool:
    return Tool(name="page", description="A page.", parameters=parameters, function=lambda **arguments: "ok")


@pytest.mark.parametrize("streaming", [False, True])
def test_a_tools_arguments_come_back_as_its_own_schema_takes_them(make: Any, gw: Any, streaming: bool) -> None:
    gw.say(tool_calls=[{"name": "page", "arguments": ARGUMENTS, "id": "c"}])
    more = {"streaming_callback": lambda chunk: None} if streaming else {}
    [reply] = make(tools=[make_tool(SCHEMA)], tools_strict=True).run("x", **more)["replies"]
    assert reply.tool_calls[0].arguments == GIVEN
    sent = gw.last_request.body["tools"][0]["function"]
    assert sent["strict"] is True
    assert sorted(sent["parameters"]["properties"]) == ["default", "parent", "parts", "properties"]
    assert sent["parameters"]["properties"]["properties"]["properties"] == {"title": {"type": "string"}}


@pytest.mark.parametrize("parameters", [{"type": "object"}, {"type": "object", "properties": {}}])
def test_a_tool_without_arguments(make: Any, gw: Any, parameters: dict[str, Any]) -> None:
    gw.say(tool_calls=[{"name": "page", "arguments": {}, "id": "c"}])
    [reply] = make(tools=[make_tool(parameters)], tools_strict=True).run("x")["replies"]
    assert reply.tool_calls[0].arguments == {}
    assert gw.last_request.body["tools"][0]["function"]["parameters"]["additionalProperties"] is False


def test_names_of_tools_come_back(make: Any, gw: Any) -> None:
    tool = Tool(name="größe", description="d", parameters=SCHEMA, function=lambda **arguments: "ok")
    gw.say(tool_calls=[{"name": "gr_e", "arguments": GIVEN, "id": "c"}])
    [reply] = make(tools=[tool]).run("x")["replies"]
    assert reply.tool_calls[0].tool_name == "größe"
    assert gw.last_request.body["tools"][0]["function"]["name"] == "gr_e"


def test_a_tool_without_a_strict_form_is_one_line(make: Any, gw: Any) -> None:
    tool = make_tool({"type": "object", "properties": {"m": {"type": "object", "additionalProperties": True}}})
    with pytest.raises(
        ConfigurationError, match=r"^tools_strict: the parameters of 'page' have no strict form: \$\.properties\.m: "
    ):
        make(tools=[tool], tools_strict=True).run("x")
    assert gw.requests == []


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize(
    ("form", "answer", "text"),
    [
        (Trip, {"first": {"place": "Oslo", "nights": None}, "note": None}, '{"first":{"place":"Oslo"}}'),
        (Stops, {"value": [{"place": "Oslo", "nights": None}]}, '[{"place":"Oslo"}]'),
    ],
)
def test_a_class_as_response_format(
    make: Any, gw: Any, form: Any, answer: Any, text: str, streaming: bool, saved: bool
) -> None:
    gw.say(text=json.dumps(answer))
    generator = make(generation_kwargs={"response_format": form})
    if saved:
        # The saved form holds the user's own schema, so that the way back is known after loading too.
        kept = generator.to_dict()["init_parameters"]["generation_kwargs"]
        generator = make(generation_kwargs=json.loads(json.dumps(kept)))
    pieces: list[Any] = []
    more = {"streaming_callback": pieces.append} if streaming else {}
    [reply] = generator.run("json", **more)["replies"]
    assert reply.text == text
    assert gw.last_request.body["response_format"]["json_schema"]["strict"] is True


def test_a_class_without_a_strict_form_is_sent_without_strict(make: Any, gw: Any) -> None:
    gw.say(text='```json\n{"values": {"a": 1}}\n```')
    [reply] = make(generation_kwargs={"response_format": Free}).run("json")["replies"]
    assert reply.text == '{"values":{"a":1}}'
    assert "strict" not in gw.last_request.body["response_format"]["json_schema"]


def test_an_answer_that_is_no_json_is_an_error_with_the_text(make: Any, gw: Any) -> None:
    gw.say(text="I would rather not.")
    with pytest.raises(AnswerFormatError) as caught:
        make(generation_kwargs={"response_format": Trip}).run("json")
    assert caught.value.text == "I would rather not."
