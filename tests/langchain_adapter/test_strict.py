"""Strict tools and answers: what is sent is what strict mode takes; the user gets what the user's schema accepts."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.structured_output import ProviderStrategy
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool, tool
from pydantic import BaseModel, Field, RootModel, ValidationError

from langchain_requesty import ChatRequesty, RequestyConfigurationError, RequestyRefusalError
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"


class Stop(BaseModel):
    place: str
    nights: int = 1


class Trip(BaseModel):
    """A trip."""

    title: str = Field(description="how to call it")
    first: Stop = Field(description="where it begins")
    others: list[Stop] = []
    default: str = "none"


class Node(BaseModel):
    """A tree."""

    name: str
    children: list[Node] = []


class Stops(RootModel[list[Stop]]):
    """Stops."""


class Free(BaseModel):
    """Anything."""

    values: dict[str, int]


SENT = {"title": "T", "first": {"place": "Oslo", "nights": None}, "others": None, "default": None}
TRIP = Trip(title="T", first=Stop(place="Oslo"))
TREE = {"name": "a", "children": [{"name": "b", "children": None}]}


def say(gateway: GatewayEmulator, method: str, value: Any, name: str = "Trip") -> None:
    if method == "function_calling":
        gateway.say(tool_calls=[{"name": name, "arguments": json.dumps(value), "id": "c"}])
    else:
        gateway.say(text=json.dumps(value))


def run(chain: Any, mode: str) -> Any:
    async def astream() -> Any:
        return [item async for item in chain.astream("json")][-1]

    return {
        "invoke": lambda: chain.invoke("json"),
        "ainvoke": lambda: asyncio.run(chain.ainvoke("json")),
        "stream": lambda: list(chain.stream("json"))[-1],
        "astream": lambda: asyncio.run(astream()),
    }[mode]()


@pytest.mark.parametrize("mode", ["invoke", "ainvoke", "stream", "astream"])
@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_nulls_of_ours_do_not_come_back(
    gateway: GatewayEmulator, settings: dict[str, Any], method: Any, mode: str
) -> None:
    say(gateway, method, SENT)
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(Trip, method=method, strict=True)
    assert run(chain, mode) == TRIP
    say(gateway, method, TREE, "Node")
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(Node, method=method, strict=True)
    assert run(chain, mode) == Node(name="a", children=[Node(name="b")])


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_json_schemas_and_roots_that_are_no_object(
    gateway: GatewayEmulator, settings: dict[str, Any], method: Any
) -> None:
    schema = {
        "title": "Names",
        "type": "object",
        "properties": {"default": {"type": "string"}, "n": {"type": "integer"}},
    }
    say(gateway, method, {"default": "x", "n": None}, "Names")
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(schema, method=method, strict=True)
    assert chain.invoke("json") == {"default": "x"}
    if method == "json_schema":
        say(gateway, method, {"value": [1, 2]})
        listed = {"title": "Numbers", "type": "array", "items": {"type": "integer"}}
        assert ChatRequesty(model=MODEL, **settings).with_structured_output(listed, method=method).invoke("json") == [
            1,
            2,
        ]


def test_a_root_model(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    say(gateway, "json_schema", {"value": [{"place": "Oslo", "nights": None}]})
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(Stops, method="json_schema", strict=True)
    assert chain.invoke("json") == Stops([Stop(place="Oslo")])


@pytest.mark.parametrize("strict", [None, True])
def test_tools_with_json_schemas_of_other_servers(
    gateway: GatewayEmulator, settings: dict[str, Any], strict: bool | None
) -> None:
    """As MCP servers give them: recursion, and properties that are called like keywords."""
    schema = {
        "type": "object",
        "title": "Args",
        "properties": {"title": {"type": "string"}, "$ref": {"type": "string"}, "tree": {"$ref": "#/$defs/T"}},
        "required": ["title", "$ref"],
        "$defs": {"T": {"type": "object", "properties": {"sub": {"type": "array", "items": {"$ref": "#/$defs/T"}}}}},
    }
    other = StructuredTool(name="other", description="o", args_schema=schema, func=lambda **arguments: "ok")
    arguments = {"title": "t", "$ref": "r", "tree": None if strict else {"sub": []}}
    gateway.say(tool_calls=[{"name": "other", "arguments": json.dumps(arguments), "id": "c"}])
    message: Any = ChatRequesty(model=MODEL, **settings).bind_tools([other], strict=strict).invoke("x")
    sent = gateway.last_request.body["tools"][0]["function"]["parameters"]
    assert list(sent["properties"]) == ["title", "$ref", "tree"]
    assert sent["$defs"]["T"]["properties"]["sub"] != {"type": "array", "items": {}}
    assert message.tool_calls[0]["args"] == {key: value for key, value in arguments.items() if value is not None}


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_no_strict_form_is_one_line_before_anything_is_sent(
    gateway: GatewayEmulator, settings: dict[str, Any], method: Any
) -> None:
    chat = ChatRequesty(model=MODEL, **settings)
    with pytest.raises(
        RequestyConfigurationError, match=r"^strict: .*\$\.properties\.values: the object takes keys"
    ) as caught:
        chat.with_structured_output(Free, method=method, strict=True)
    assert "\n" not in str(caught.value)
    say(gateway, method, {"values": {"a": 1}}, "Free")
    assert chat.with_structured_output(Free, method=method).invoke("json") == Free(values={"a": 1})


@pytest.mark.parametrize("streaming", [False, True])
def test_a_strict_tools_function_gets_no_null_of_ours(
    gateway: GatewayEmulator, settings: dict[str, Any], streaming: bool
) -> None:
    got = []

    @tool
    def book(place: str, nights: int = 2, stop: Stop | None = None) -> str:
        """Book a room."""
        got.append((place, nights, stop))
        return "booked"

    chat = ChatRequesty(model=MODEL, **settings)
    model = chat.bind_tools([book], strict=True)
    arguments = {"place": "Oslo", "nights": None, "stop": {"place": "Bergen", "nights": None}}
    gateway.say(tool_calls=[{"name": "book", "arguments": json.dumps(arguments), "id": "c"}])
    if streaming:
        message: Any = run_whole(model, "book")
    else:
        message = model.invoke("book")
    assert message.tool_calls[0]["args"] == {"place": "Oslo", "stop": {"place": "Bergen"}}
    book.invoke(message.tool_calls[0])
    assert got == [("Oslo", 2, Stop(place="Bergen"))]
    assert "strict_schemas" not in gateway.last_request.body


@pytest.mark.parametrize("streaming", [False, True])
def test_names_of_tools_are_legal_on_the_wire_and_the_users_own_in_replies(
    gateway: GatewayEmulator, settings: dict[str, Any], streaming: bool
) -> None:
    tools = [
        StructuredTool(name=name, description="d", args_schema=Stop, func=lambda **_: "ok") for name in ("a.b", "a_b")
    ]
    model = ChatRequesty(model=MODEL, **settings).bind_tools(tools, tool_choice="a.b")
    gateway.say(tool_calls=[{"name": "a_b_2", "arguments": '{"place": "Oslo"}', "id": "c"}])
    message: Any = run_whole(model, "x") if streaming else model.invoke("x")
    assert message.tool_calls[0]["name"] == "a.b"
    sent = gateway.last_request.body
    assert [each["function"]["name"] for each in sent["tools"]] == ["a_b_2", "a_b"]
    assert sent["tool_choice"]["function"]["name"] == "a_b_2"
    gateway.say(text="done")
    model.invoke([HumanMessage("x"), message, ToolMessage("ok", tool_call_id="c")])
    assert gateway.last_request.body["messages"][1]["tool_calls"][0]["function"]["name"] == "a_b_2"


def run_whole(model: Any, prompt: str) -> Any:
    chunks = list(model.stream(prompt))
    message = chunks[0]
    for chunk in chunks[1:]:
        message += chunk
    return message


def test_an_agents_strict_provider_strategy(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(text=json.dumps(SENT))
    agent = create_agent(ChatRequesty(model=MODEL, **settings), [], response_format=ProviderStrategy(Trip, strict=True))
    assert agent.invoke({"messages": [("user", "json")]})["structured_response"] == TRIP  # type: ignore[list-item]


@pytest.mark.parametrize(
    "text", ["Sure: {}", '{"title": NaN}', "```json\n{}\n``` done", '{"title": "a", "title": "b"}']
)
@pytest.mark.parametrize("streaming", [False, True])
def test_what_is_not_exact_json_is_an_error_with_the_text(
    gateway: GatewayEmulator, settings: dict[str, Any], text: str, streaming: bool
) -> None:
    gateway.say(text=text)
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(Trip, method="json_mode")
    with pytest.raises(OutputParserException) as caught:
        list(chain.stream("json")) if streaming else chain.invoke("json")
    assert caught.value.llm_output == text


@pytest.mark.parametrize("schema", [Stop, Stop.model_json_schema()], ids=["class", "schema"])
@pytest.mark.parametrize(
    "text", ['{"place": "Oslo", "nights": "many"}', '{"place": "Os', "no", '{"place": 1, "place": 2}']
)
@pytest.mark.parametrize("mode", ["stream", "astream"])
def test_a_streamed_call_that_does_not_fit_is_an_error(
    gateway: GatewayEmulator, settings: dict[str, Any], schema: Any, text: str, mode: str
) -> None:
    gateway.say(tool_calls=[{"name": "Stop", "arguments": text, "id": "c"}])
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(schema, method="function_calling")
    if isinstance(schema, dict) and "many" in text:
        assert run(chain, mode) == {"place": "Oslo", "nights": "many"}
        return
    with pytest.raises((OutputParserException, ValidationError)):
        run(chain, mode)


def test_one_fenced_block_is_accepted(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(text='```json\n{"title": "T", "first": {"place": "Oslo"}}\n```')
    assert ChatRequesty(model=MODEL, **settings).with_structured_output(Trip, method="json_mode").invoke("json") == TRIP


def test_a_refusal_pickles() -> None:
    error = pickle.loads(pickle.dumps(RequestyRefusalError("no")))
    assert (str(error), error.refusal) == ("the model refused: no", "no")
