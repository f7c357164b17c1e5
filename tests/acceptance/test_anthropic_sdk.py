"""The ``anthropic`` SDK, plain, on ``/v1/messages``."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from requesty_emulator import GatewayEmulator

MODEL = "anthropic/claude-sonnet-4-5"
USER: list[Any] = [{"role": "user", "content": "The light can be seen from 18 miles. From how far can it be seen?"}]


@pytest.fixture
def client(requesty_gateway: GatewayEmulator) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        base_url=requesty_gateway.management_url, api_key=requesty_gateway.api_key, max_retries=0
    )


def test_messages(client: anthropic.Anthropic, requesty_gateway: GatewayEmulator) -> None:
    answer = client.messages.create(model=MODEL, max_tokens=200, messages=USER)
    assert "18" in answer.content[0].text  # type: ignore[union-attr]
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens == requesty_gateway.last_request.usage["completion_tokens"]  # type: ignore[index]


def test_stream(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model=MODEL, max_tokens=200, messages=USER) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert "18" in text
    assert final.content[0].text == text  # type: ignore[union-attr]
    assert final.usage.output_tokens > 0


def test_tools(client: anthropic.Anthropic) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools: list[Any] = [{"name": "get_weather", "description": "The weather of a city.", "input_schema": schema}]
    question: list[Any] = [{"role": "user", "content": "What is the weather in Oslo?"}]
    first = client.messages.create(model=MODEL, max_tokens=200, messages=question, tools=tools)
    assert first.stop_reason == "tool_use"
    [call] = [block for block in first.content if block.type == "tool_use"]
    assert call.input
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "Sunny, 12 degrees."}
    history: list[Any] = [
        *question,
        {"role": "assistant", "content": first.content},
        {"role": "user", "content": [result]},
    ]
    second = client.messages.create(model=MODEL, max_tokens=200, messages=history, tools=tools)
    assert "12" in second.content[-1].text  # type: ignore[union-attr]


def test_errors(client: anthropic.Anthropic, requesty_gateway: GatewayEmulator) -> None:
    requesty_gateway.fail_next(429)
    with pytest.raises(anthropic.RateLimitError):
        client.messages.create(model=MODEL, max_tokens=9, messages=USER)
    wrong = client.with_options(api_key="rqy-wrong")
    with pytest.raises((anthropic.AuthenticationError, anthropic.PermissionDeniedError)):
        wrong.messages.create(model=MODEL, max_tokens=9, messages=USER)
