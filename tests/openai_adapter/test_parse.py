"""``parse`` with classes that the SDK's own helper makes unusable schemas of."""

from __future__ import annotations

import json
from typing import Annotated, Any, Generic, Literal, TypeVar

import pytest
from pydantic import BaseModel, Field, RootModel
from pydantic.dataclasses import dataclass

MODEL = "openai/gpt-4o-mini"
ASK = [{"role": "user", "content": "json"}]
T = TypeVar("T")


class Stop(BaseModel):
    place: str
    nights: int = 1


class Trip(BaseModel):
    first: Stop = Field(description="where it begins")
    tags: set[str] = set()


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Owner(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    at: tuple[int, str]


class Page(BaseModel, Generic[T]):
    items: list[T]


class Stops(RootModel[list[Stop]]):
    pass


class Free(BaseModel):
    values: dict[str, int]


@dataclass
class Point:
    x: int
    y: int = 0


CASES = [
    (Trip, {"first": {"place": "Oslo", "nights": None}, "tags": None}, Trip(first=Stop(place="Oslo")), True),
    (Owner, {"pet": {"kind": "dog"}, "at": [1, "x"]}, Owner(pet=Dog(kind="dog"), at=(1, "x")), True),
    (Page[int], {"items": [1]}, Page[int](items=[1]), True),
    (Stops, {"value": [{"place": "Oslo", "nights": None}]}, Stops([Stop(place="Oslo")]), True),
    (Point, {"x": 1, "y": None}, Point(1), True),
    (Free, {"values": {"a": 1}}, Free(values={"a": 1}), False),
]


@pytest.mark.parametrize(("cls", "answer", "expected", "strict"), CASES, ids=[case[0].__name__ for case in CASES])
@pytest.mark.parametrize("fence", ["{}", "```json\n{}\n```"])
async def test_what_is_sent_and_what_comes_back(
    way: Any, gw: Any, cls: Any, answer: Any, expected: Any, strict: bool, fence: str
) -> None:
    gw.say(fence.replace("{}", json.dumps(answer)))
    reply = await way.get(way.client().chat.completions.parse(model=MODEL, messages=ASK, response_format=cls))
    assert reply.choices[0].message.parsed == expected
    sent = gw.last_request.body["response_format"]["json_schema"]
    assert sent.get("strict") is (True if strict else None)


@pytest.mark.parametrize(
    ("cls", "value"),
    [
        (Trip, Trip(first=Stop(place="Oslo"), tags={"a"})),
        (Owner, Owner(pet=Dog(kind="dog"), at=(1, "x"))),
        (Page[int], Page[int](items=[1])),
        (Free, Free(values={"a": 1})),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
async def test_the_stream_helper(way: Any, gw: Any, cls: Any, value: Any) -> None:
    gw.say(value.model_dump_json())
    _, final, _ = await way.helper(way.client().chat.completions.stream(model=MODEL, messages=ASK, response_format=cls))
    assert final.choices[0].message.parsed == value
    assert gw.last_request.body["response_format"]["json_schema"].get("strict") is (None if cls is Free else True)


async def test_a_callers_own_form_is_left_alone(way: Any, gw: Any) -> None:
    gw.say('{"values": {}}')
    form = {"type": "json_object"}
    await way.get(way.client().chat.completions.parse(model=MODEL, messages=ASK, response_format=form))
    assert gw.last_request.body["response_format"] == form


@pytest.mark.parametrize(("cls", "answer", "expected", "strict"), CASES, ids=[case[0].__name__ for case in CASES])
async def test_the_same_on_the_responses_route(
    way: Any, gw: Any, cls: Any, answer: Any, expected: Any, strict: bool
) -> None:
    gw.say(json.dumps(answer))
    reply = await way.get(way.client().responses.parse(model=MODEL, input="json", text_format=cls))
    assert reply.output_parsed == expected
    sent = gw.last_request.body["text"]["format"]
    assert (sent["type"], sent.get("strict")) == ("json_schema", True if strict else None)
    assert "default" not in json.dumps(sent["schema"])


async def test_a_class_in_the_responses_stream_helper(way: Any, gw: Any) -> None:
    gw.say('{"first": {"place": "Oslo", "nights": 2}, "tags": []}')
    _, final, _ = await way.helper(way.client().responses.stream(model=MODEL, input="json", text_format=Trip))
    assert final.output_parsed == Trip(first=Stop(place="Oslo", nights=2))
    sent = gw.last_request.body["text"]["format"]
    assert sent["strict"] is True
    assert sorted(sent["schema"]["required"]) == ["first", "tags"]
    assert "default" not in json.dumps(sent["schema"])


async def test_a_format_of_the_callers_own_is_sent_as_given(way: Any, gw: Any) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    form = {"type": "json_schema", "name": "mine", "schema": schema, "strict": False}
    gw.say('{"a": 1}')
    await way.get(way.client().responses.create(model=MODEL, input="json", text={"format": form, "verbosity": "low"}))
    assert gw.last_request.body["text"] == {"format": form, "verbosity": "low"}


async def test_other_parameters_of_text_stay_beside_a_class(way: Any, gw: Any) -> None:
    gw.say('{"place": "Oslo", "nights": 1}')
    client = way.client()
    await way.get(client.responses.parse(model=MODEL, input="json", text_format=Stop, text={"verbosity": "low"}))
    assert gw.last_request.body["text"]["verbosity"] == "low"
    assert gw.last_request.body["text"]["format"]["name"] == "Stop"
