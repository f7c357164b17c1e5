"""The ``openai`` SDK, plain."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
USER: list[Any] = [{"role": "user", "content": "The light can be seen from 18 miles. From how far can it be seen?"}]


@pytest.fixture
def client(requesty_gateway: GatewayEmulator) -> openai.OpenAI:
    return openai.OpenAI(base_url=requesty_gateway.base_url, api_key=requesty_gateway.api_key, max_retries=0)


def test_chat(client: openai.OpenAI, requesty_gateway: GatewayEmulator) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=USER)
    assert "18" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.usage.cost == float(requesty_gateway.billed)  # type: ignore[attr-defined]


def test_stream(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(model=MODEL, messages=USER, stream=True, stream_options={"include_usage": True})
    )
    assert "18" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert chunks[-1].usage is not None


class Light(BaseModel):
    """A lighthouse."""

    name: str
    miles: int


def test_parse_and_the_stream_helper(client: openai.OpenAI) -> None:
    answer = client.chat.completions.parse(model=MODEL, messages=USER, response_format=Light)
    assert isinstance(answer.choices[0].message.parsed, Light)
    with client.chat.completions.stream(model=MODEL, messages=USER, response_format=Light) as stream:
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Light)


def test_tools(client: openai.OpenAI) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools: list[Any] = [{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}]
    question: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]
    first = client.chat.completions.create(model=MODEL, messages=question, tools=tools)
    message = first.choices[0].message
    assert message.tool_calls
    result: Any = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "Sunny, 12 degrees."}
    second = client.chat.completions.create(model=MODEL, messages=[*question, message, result], tools=tools)  # type: ignore[list-item]
    assert "12" in (second.choices[0].message.content or "")


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(client: openai.OpenAI, encoding: Any) -> None:
    answer = client.embeddings.create(
        model="openai/text-embedding-3-small", input=["a", "b"], dimensions=8, encoding_format=encoding
    )
    assert len(answer.data) == 2
    plain = client.embeddings.create(model="openai/text-embedding-3-small", input="a")
    assert len(plain.data[0].embedding) == 1536


def test_models_and_responses(client: openai.OpenAI) -> None:
    assert MODEL in [model.id for model in client.models.list()]
    assert client.responses.create(model=MODEL, input="Hello").output_text
    events = [event.type for event in client.responses.create(model=MODEL, input="Hello", stream=True)]
    assert events[0] == "response.created"
    assert events[-1] == "response.completed"


def test_errors(client: openai.OpenAI, requesty_gateway: GatewayEmulator) -> None:
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="openai/no-such-model", messages=USER)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=[{"role": "tool", "tool_call_id": "x", "content": "y"}])
    requesty_gateway.fail_next(429, retry_after=1)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model=MODEL, messages=USER)


def test_async(requesty_gateway: GatewayEmulator) -> None:
    async def run() -> str:
        async with openai.AsyncOpenAI(base_url=requesty_gateway.base_url, api_key=requesty_gateway.api_key) as client:
            stream = await client.chat.completions.create(model=MODEL, messages=USER, stream=True)
            return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    assert "18" in asyncio.run(run())
