"""Structured answers in all three methods."""

from __future__ import annotations

from pydantic import BaseModel

from requesty_emulator import GatewayEmulator

from ..model import STREAMS, Ask, Case, scenario

GROUP = "Structured output"


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


ADA = Person(name="Ada", age=36)
TEXT = '{"name": "Ada", "age": 36}'
PROMPT = [{"role": "user", "content": "Ada is 36 years old. Answer in json."}]


def answer(gw: GatewayEmulator, method: str, text: str = TEXT, *, tool: str = "Person", **more: str) -> None:
    if method == "tool":
        gw.say(tool_calls=[{"name": tool, "arguments": text, "id": "c"}], **more)  # type: ignore[arg-type]
    else:
        gw.say(text=text, **more)  # type: ignore[arg-type]


@scenario(GROUP, "json_schema, strict", needs="json_schema")
def json_schema(case: Case) -> None:
    case.gw.say(text=TEXT)
    assert case.ask(Ask(messages=PROMPT, schema=Person, method="json_schema")).parsed == ADA
    form = case.body["response_format"]
    assert form["type"] == "json_schema"
    assert form["json_schema"]["strict"] is True
    assert form["json_schema"]["schema"]["additionalProperties"] is False
    assert set(form["json_schema"]["schema"]["properties"]) == {"name", "age"}


@scenario(GROUP, "json_object", needs="json_object")
def json_object(case: Case) -> None:
    case.gw.say(text=TEXT)
    assert case.ask(Ask(messages=PROMPT, schema=Person, method="json_object")).parsed == ADA
    assert case.body["response_format"]["type"] == "json_object"


@scenario(GROUP, "by a tool", needs="tool mode")
def tool_mode(case: Case) -> None:
    # The emulator fills the offered tool, whatever a framework calls it.
    got = case.ask(Ask(messages=PROMPT, schema=Person, method="tool"))
    assert isinstance(got.parsed, Person)
    assert case.body["tools"]


@scenario(GROUP, "partial objects while streaming", modes=STREAMS, needs="partials, json_schema")
def partials(case: Case) -> None:
    case.gw.say(text=TEXT, pieces=['{"name": ', '"Ada"', ', "age": ', "36}"])
    got = case.ask(Ask(messages=PROMPT, schema=Person, method="json_schema"))
    assert got.partials
    assert got.parsed == ADA


@scenario(GROUP, "a refusal is an error, not an empty object", needs="structured refusal, json_schema")
def refusal(case: Case) -> None:
    case.gw.say(refusal="I will not.")
    failure = case.fail(Ask(messages=PROMPT, schema=Person, method="json_schema"))
    assert "I will not" in str(failure.error)


@scenario(GROUP, "an answer cut at max_tokens is an error, not half an object", needs="structured cut, json_schema")
def cut(case: Case) -> None:
    case.gw.say(text='{"name": "Ad', finish_reason="length")
    failure = case.fail(Ask(messages=PROMPT, schema=Person, method="json_schema", params={"max_tokens": 3}))
    assert failure.error is not None


@scenario(GROUP, "a plain refusal can be read")
def plain_refusal(case: Case) -> None:
    case.gw.say(refusal="I will not.")
    assert "I will not." in (case.ask().refusal or "")
