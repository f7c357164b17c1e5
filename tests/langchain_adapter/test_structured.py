"""Structured output: what is asked for, what is parsed, and what is refused."""

from __future__ import annotations

import asyncio
from typing import Any, TypedDict

import pytest
from langchain_core.exceptions import OutputParserException
from langchain_core.tools import tool
from pydantic import BaseModel, Field

from langchain_requesty import ChatRequesty, RequestyConfigurationError, RequestyRefusalError
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"


class Person(BaseModel):
    """Somebody."""

    name: str = Field(description="Full name")
    age: int


class PersonDict(TypedDict):
    """Somebody."""

    name: str
    age: int


PERSON_SCHEMA = {
    "title": "Person",
    "description": "Somebody.",
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer"}},
    "required": ["name", "age"],
}
TEXT = '{"name": "Ada", "age": 36}'
METHODS = ["function_calling", "json_schema", "json_mode"]


def answer(gateway: GatewayEmulator, method: str, text: str = TEXT, **more: Any) -> None:
    if method == "function_calling":
        gateway.say(tool_calls=[{"name": "Person", "arguments": text, "id": "c"}], **more)
    else:
        gateway.say(text=text, **more)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [Person, PERSON_SCHEMA])
@pytest.mark.parametrize("mode", ["invoke", "ainvoke", "stream", "astream"])
def test_methods(gateway: GatewayEmulator, settings: dict[str, Any], method: Any, schema: Any, mode: str) -> None:
    answer(gateway, method)
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(schema, method=method)
    prompt = "Ada, 36, as json"

    async def astream() -> Any:
        return [item async for item in chain.astream(prompt)][-1]

    got = {
        "invoke": lambda: chain.invoke(prompt),
        "ainvoke": lambda: asyncio.run(chain.ainvoke(prompt)),
        "stream": lambda: list(chain.stream(prompt))[-1],
        "astream": lambda: asyncio.run(astream()),
    }[mode]()
    assert got == (Person(name="Ada", age=36) if schema is Person else {"name": "Ada", "age": 36})
    body = gateway.last_request.body
    if method == "function_calling":
        assert body["tool_choice"] == {"type": "function", "function": {"name": "Person"}}
        assert body["parallel_tool_calls"] is False
        assert "response_format" not in body
    elif method == "json_schema":
        form = body["response_format"]
        assert form["type"] == "json_schema"
        assert form["json_schema"]["name"] == "Person"
        assert set(form["json_schema"]["schema"]["properties"]) == {"name", "age"}
        assert "tools" not in body
    else:
        assert body["response_format"] == {"type": "json_object"}
    assert "ls_structured_output_format" not in body


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_strict(gateway: GatewayEmulator, settings: dict[str, Any], method: Any) -> None:
    answer(gateway, method)
    ChatRequesty(model=MODEL, **settings).with_structured_output(Person, method=method, strict=True).invoke("json")
    body = gateway.last_request.body
    if method == "function_calling":
        function = body["tools"][0]["function"]
        assert function["strict"] is True
        assert function["parameters"]["additionalProperties"] is False
    else:
        assert body["response_format"]["json_schema"]["strict"] is True
        assert body["response_format"]["json_schema"]["schema"]["additionalProperties"] is False


def test_typed_dict(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(text=TEXT)
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(PersonDict, method="json_schema")  # type: ignore[arg-type]
    assert chain.invoke("hi") == {"name": "Ada", "age": 36}


@pytest.mark.parametrize(
    ("profile", "sent"),
    [
        ({"structured_output": True}, "response_format"),
        ({"structured_output": False}, "tools"),
        (None, "response_format"),
    ],
)
def test_default_method_follows_the_profile(
    gateway: GatewayEmulator, settings: dict[str, Any], profile: Any, sent: str
) -> None:
    llm = ChatRequesty(model=MODEL, profile=profile, **settings)
    assert llm.with_structured_output(Person).invoke("Ada is 36 years old") is not None
    assert sent in gateway.last_request.body


@pytest.mark.parametrize("method", METHODS)
def test_include_raw(gateway: GatewayEmulator, settings: dict[str, Any], method: Any) -> None:
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(Person, method=method, include_raw=True)
    answer(gateway, method)
    result: Any = chain.invoke("json")
    assert result["parsed"] == Person(name="Ada", age=36)
    assert result["parsing_error"] is None
    assert result["raw"].response_metadata["cost"] > 0
    answer(gateway, method, '{"name": "Ada", "age": "old"}')
    result = chain.invoke("json")
    assert result["parsed"] is None
    assert result["parsing_error"] is not None


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_cut_answer_is_an_error(
    gateway: GatewayEmulator, settings: dict[str, Any], method: Any, stream: bool
) -> None:
    answer(gateway, method, '{"name": "Ad', finish_reason="length")
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(PERSON_SCHEMA, method=method)
    with pytest.raises(OutputParserException, match="max_tokens"):
        list(chain.stream("json")) if stream else chain.invoke("json")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_an_error(gateway: GatewayEmulator, settings: dict[str, Any], method: Any, stream: bool) -> None:
    gateway.say(refusal="I will not.")
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(Person, method=method)
    with pytest.raises(RequestyRefusalError, match="I will not"):
        list(chain.stream("json")) if stream else chain.invoke("json")


def test_arguments_that_are_no_json(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    answer(gateway, "function_calling", "oops")
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(Person, method="function_calling")
    with pytest.raises(OutputParserException, match="not valid JSON"):
        chain.invoke("hi")


def test_tools_beside_a_schema(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    @tool
    def weather(city: str) -> str:
        """Tell the weather."""
        return city

    gateway.say(text=TEXT)
    llm = ChatRequesty(model=MODEL, **settings)
    chain = llm.with_structured_output(Person, method="json_schema", tools=[weather], temperature=0)
    assert chain.invoke("hi") == Person(name="Ada", age=36)
    body = gateway.last_request.body
    assert body["tools"][0]["function"]["name"] == "weather"
    assert body["response_format"]["type"] == "json_schema"
    assert body["temperature"] == 0


def test_partial_objects_stream(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(text=TEXT, pieces=['{"name": ', '"Ada"', ', "age": ', "36}"])
    chain = ChatRequesty(model=MODEL, **settings).with_structured_output(PERSON_SCHEMA, method="json_schema")
    seen = list(chain.stream("hi"))
    assert seen[0] == {}
    assert {"name": "Ada"} in seen
    assert seen[-1] == {"name": "Ada", "age": 36}


@pytest.mark.parametrize(
    ("arguments", "match"),
    [({"method": "magic"}, r"^method: 'magic'"), ({"method": "json_schema"}, r"^schema: ")],
)
def test_wrong_use(settings: dict[str, Any], arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(RequestyConfigurationError, match=match):
        ChatRequesty(model=MODEL, **settings).with_structured_output(None, **arguments)


@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
@pytest.mark.parametrize("schema", ["json", 5, [], {}, {"type": "object"}, int, list[int]], ids=repr)
def test_what_is_no_schema_is_one_line(schema: Any, method: Any) -> None:
    llm = ChatRequesty(model=MODEL, api_key="k")
    with pytest.raises(RequestyConfigurationError, match=r"^schema: .* is no schema; give a class, .*$"):
        llm.with_structured_output(schema, method=method)


@pytest.mark.parametrize("given", ["x", 5, {}, None, int], ids=repr)
def test_what_is_no_tool_is_one_line(given: Any) -> None:
    with pytest.raises(RequestyConfigurationError, match=r"^tools\[1\]: .* is no tool; give a tool, .*$"):
        ChatRequesty(model=MODEL, api_key="k").bind_tools([PERSON_SCHEMA, given])
