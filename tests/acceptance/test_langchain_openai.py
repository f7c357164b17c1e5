"""``langchain-openai``, plain."""

from __future__ import annotations

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

from requesty_emulator import GatewayEmulator

QUESTION = "The light can be seen from 18 miles. From how far can it be seen?"


@pytest.fixture
def chat(requesty_gateway: GatewayEmulator) -> ChatOpenAI:
    return ChatOpenAI(
        model="openai/gpt-4o-mini",
        base_url=requesty_gateway.base_url,
        api_key=SecretStr(requesty_gateway.api_key),
        stream_usage=True,
    )


class Light(BaseModel):
    """A lighthouse."""

    name: str
    miles: int


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"Sunny in {city}, 12 degrees."


def test_invoke_and_stream(chat: ChatOpenAI) -> None:
    answer = chat.invoke(QUESTION)
    assert "18" in answer.text
    assert answer.usage_metadata
    whole = None
    for chunk in chat.stream(QUESTION):
        whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert "18" in whole.text
    assert whole.usage_metadata


async def test_async(chat: ChatOpenAI) -> None:
    assert "18" in "".join([chunk.text async for chunk in chat.astream(QUESTION)])


def test_tools_and_structure(chat: ChatOpenAI) -> None:
    bound = chat.bind_tools([get_weather])
    asked = bound.invoke("What is the weather in Oslo?")
    assert asked.tool_calls
    call = asked.tool_calls[0]
    result = get_weather.invoke(call)
    assert isinstance(result, ToolMessage)
    answer = bound.invoke([HumanMessage("What is the weather in Oslo?"), asked, result])
    assert "12" in answer.text
    assert isinstance(chat.with_structured_output(Light).invoke(QUESTION), Light)


def test_embeddings(requesty_gateway: GatewayEmulator) -> None:
    embeddings = OpenAIEmbeddings(
        model="openai/text-embedding-3-small",
        base_url=requesty_gateway.base_url,
        api_key=SecretStr(requesty_gateway.api_key),
        check_embedding_ctx_length=False,
    )
    assert [len(vector) for vector in embeddings.embed_documents(["a", "b"])] == [1536, 1536]
