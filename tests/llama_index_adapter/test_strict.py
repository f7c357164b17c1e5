"""Structured predictions and strict tools: nested defaults, recursion, roots that are no object, answers in a fence."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel, Field, RootModel

from llama_index.llms.requesty import Requesty
from llama_index.llms.requesty._structured import StructuredOutputError
from requesty_core import ConfigurationError


class Stop(BaseModel):
    """A stop."""

    place: str
    nights: int = 1


class Trip(BaseModel):
    """A trip."""

    first: Stop = Field(description="where it begins")
    others: list[Stop] = []
    note: str = "none"


class Node(BaseModel):
    """A tree."""

    name: str
    children: list[Node] = []


class Booking(BaseModel):
    first: Stop
    default: int = 2


class Stops(RootModel[list[Stop]]):
    """A list."""


CASES = [
    (Trip, {"first": {"place": "Oslo", "nights": None}, "others": None, "note": None}, Trip(first=Stop(place="Oslo"))),
    (Node, {"name": "a", "children": [{"name": "b", "children": None}]}, Node(name="a", children=[Node(name="b")])),
    (Stops, {"value": [{"place": "Oslo", "nights": None}]}, Stops([Stop(place="Oslo")])),
]
PROMPT = PromptTemplate("json")


def native(make: Any) -> Requesty:
    llm: Requesty = make(structured_output="json_schema")
    return llm


@pytest.mark.parametrize(("made_of", "answer", "expected"), CASES, ids=["nested", "recursive", "list"])
async def test_nulls_of_ours_do_not_come_back(make: Any, gw: Any, made_of: Any, answer: Any, expected: Any) -> None:
    llm = native(make)
    for text in (json.dumps(answer), f"```json\n{json.dumps(answer)}\n```"):
        gw.say(text=text)
        assert llm.structured_predict(made_of, PROMPT) == expected
        assert gw.last_request.body["response_format"]["json_schema"]["strict"] is True
        gw.say(text=text)
        assert await llm.astructured_predict(made_of, PROMPT) == expected


@pytest.mark.parametrize(("made_of", "answer", "expected"), CASES[:2], ids=["nested", "recursive"])
def test_streamed_objects_end_in_the_restored_one(make: Any, gw: Any, made_of: Any, answer: Any, expected: Any) -> None:
    text = json.dumps(answer)
    gw.say(text=text, pieces=[text[:20], text[20:40], text[40:]])
    assert list(native(make).stream_structured_predict(made_of, PROMPT))[-1].model_dump() == expected.model_dump()


@pytest.mark.parametrize("text", ["Sure: {}", '{"first": NaN}', '{"first": {"place": "a", "place": "b"}}', "{}"])
def test_what_is_no_answer_is_an_error_that_pickles(make: Any, gw: Any, text: str) -> None:
    gw.say(text=text)
    with pytest.raises(StructuredOutputError) as caught:
        native(make).structured_predict(Trip, PROMPT)
    error = caught.value
    assert error.reason == "invalid"
    assert error.response.message.content == text
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert (type(again), str(again), again.reason) == (type(error), str(error), error.reason)
        assert again.response.message.content == text


@pytest.mark.parametrize("streaming", [False, True])
def test_a_strict_tools_function_gets_no_null_of_ours(make: Any, gw: Any, streaming: bool) -> None:
    tool = FunctionTool.from_defaults(lambda **_: "booked", name="book", description="Book.", fn_schema=Booking)
    arguments = {"first": {"place": "Oslo", "nights": None}, "default": None}
    gw.say(tool_calls=[{"name": "book", "arguments": json.dumps(arguments), "id": "c"}])
    llm = make()
    if streaming:
        response: Any = list(llm.stream_chat_with_tools([tool], user_msg="x", strict=True))[-1]
    else:
        response = llm.chat_with_tools([tool], user_msg="x", strict=True)
    [selection] = llm.get_tool_calls_from_response(response)
    assert selection.tool_kwargs == {"first": {"place": "Oslo"}}
    assert gw.last_request.body["tools"][0]["function"]["strict"] is True


@pytest.mark.parametrize("streaming", [False, True])
def test_names_of_tools_come_back(make: Any, gw: Any, streaming: bool) -> None:
    tool = FunctionTool.from_defaults(lambda **_: "booked", name="book.trip", description="Book.", fn_schema=Booking)
    gw.say(tool_calls=[{"name": "book_trip", "arguments": '{"first": {"place": "Oslo"}}', "id": "c"}])
    llm = make()
    if streaming:
        response: Any = list(llm.stream_chat_with_tools([tool], user_msg="x"))[-1]
    else:
        response = llm.chat_with_tools([tool], user_msg="x", tool_choice="book.trip")
    [selection] = llm.get_tool_calls_from_response(response)
    assert selection.tool_name == "book.trip"
    assert gw.last_request.body["tools"][0]["function"]["name"] == "book_trip"


def test_a_tool_without_a_strict_form_is_one_line(make: Any, gw: Any) -> None:
    def free(values: dict[str, int]) -> str:
        """Free."""
        return ""

    tool = FunctionTool.from_defaults(free)
    with pytest.raises(
        ConfigurationError, match=r"^strict: the parameters of 'free' have no strict form: \$\.properties"
    ):
        make().chat_with_tools([tool], user_msg="x", strict=True)
    assert gw.requests == []
