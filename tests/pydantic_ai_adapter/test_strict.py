"""Schemas that Pydantic AI's own transformer sends as strict although strict mode refuses them."""

from __future__ import annotations

import json
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel
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
