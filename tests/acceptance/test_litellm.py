"""``litellm``, plain, as an OpenAI-compatible endpoint."""

from __future__ import annotations

import os
from typing import Any

# Read on import: without it the price table would be fetched from elsewhere.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"

import litellm
import pytest

from requesty_emulator import GatewayEmulator

USER = [{"role": "user", "content": "The light can be seen from 18 miles. From how far can it be seen?"}]


@pytest.fixture
def there(requesty_gateway: GatewayEmulator) -> dict[str, Any]:
    return {
        "model": "openai/openai/gpt-4o-mini",
        "api_base": requesty_gateway.base_url,
        "api_key": requesty_gateway.api_key,
        "num_retries": 0,
        "max_retries": 0,
    }


def test_completion(there: dict[str, Any], requesty_gateway: GatewayEmulator) -> None:
    answer = litellm.completion(messages=USER, **there)
    assert "18" in answer.choices[0].message.content
    assert answer.usage.total_tokens == requesty_gateway.last_request.usage["total_tokens"]  # type: ignore[index]
    assert requesty_gateway.last_request.model == "openai/gpt-4o-mini"


def test_stream(there: dict[str, Any]) -> None:
    chunks = list(litellm.completion(messages=USER, stream=True, stream_options={"include_usage": True}, **there))
    assert "18" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def test_async(there: dict[str, Any]) -> None:
    answer = await litellm.acompletion(messages=USER, **there)
    assert "18" in answer.choices[0].message.content


def test_tools(there: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tools = [{"type": "function", "function": {"name": "get_weather", "parameters": schema}}]
    question = [{"role": "user", "content": "What is the weather in Oslo?"}]
    answer = litellm.completion(messages=question, tools=tools, **there)
    assert answer.choices[0].message.tool_calls[0].function.name == "get_weather"


def test_embedding(there: dict[str, Any]) -> None:
    place = {**there, "model": "openai/openai/text-embedding-3-small"}
    answer = litellm.embedding(input=["a", "b"], **place)
    assert len(answer.data) == 2


def test_errors(there: dict[str, Any], requesty_gateway: GatewayEmulator) -> None:
    requesty_gateway.fail_next(429)
    with pytest.raises(litellm.RateLimitError):
        litellm.completion(messages=USER, **there)
