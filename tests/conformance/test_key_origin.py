"""A refused key is named by where it came from: the argument, the function, or the variable that was read."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from haystack.utils import Secret
from pydantic_ai import Agent

from haystack_integrations.components.embedders.requesty import RequestyTextEmbedder
from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from langchain_requesty import ChatRequesty, RequestyEmbeddings
from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.llms.requesty import Requesty
from openai_requesty import RequestyOpenAI
from pydantic_ai_requesty import RequestyModel, RequestyProvider
from requesty_core import AsyncRequestyClient, RequestyClient
from requesty_core.errors import RequestyError
from requesty_emulator import GatewayEmulator

CHAT, VECTORS = "openai/gpt-4o-mini", "openai/text-embedding-3-small"
MESSAGES: Any = [{"role": "user", "content": "hi"}]
Ask = Callable[..., Any]


def _async(base_url: str, **key: Any) -> None:
    asyncio.run(AsyncRequestyClient(base_url=base_url, **key).chat(model=CHAT, messages=MESSAGES))


def _pydantic_ai(base_url: str, **key: Any) -> None:
    Agent(RequestyModel(CHAT, provider=RequestyProvider(base_url=base_url, **key))).run_sync("hi")


ASK: dict[str, Ask] = {
    "core": lambda url, **key: RequestyClient(base_url=url, **key).chat(model=CHAT, messages=MESSAGES),
    "core, async": _async,
    "core, stream": lambda url, **key: list(RequestyClient(base_url=url, **key).stream(model=CHAT, messages=MESSAGES)),
    "core, keys": lambda url, **key: RequestyClient(base_url=url, **key).management.check_auth(),
    "langchain": lambda url, **key: ChatRequesty(model=CHAT, base_url=url, **key).invoke("hi"),
    "langchain, copied": lambda url, **key: copy.deepcopy(ChatRequesty(model=CHAT, base_url=url, **key)).invoke("hi"),
    "langchain, vectors": lambda url, **key: RequestyEmbeddings(model=VECTORS, base_url=url, **key).embed_query("hi"),
    "llama_index": lambda url, **key: Requesty(model=CHAT, base_url=url, **key).complete("hi"),
    "llama_index, vectors": lambda url, **key: RequestyEmbedding(
        model_name=VECTORS, base_url=url, **key
    ).get_text_embedding("hi"),
    "haystack": lambda url, **key: RequestyChatGenerator(model=CHAT, api_base_url=url, **key).run("hi"),
    "haystack, vectors": lambda url, **key: RequestyTextEmbedder(model=VECTORS, api_base_url=url, **key).run("hi"),
    "pydantic_ai": _pydantic_ai,
    "openai": lambda url, **key: RequestyOpenAI(base_url=url, **key).chat.completions.create(
        model=CHAT, messages=MESSAGES
    ),
    "openai, stream": lambda url, **key: list(
        RequestyOpenAI(base_url=url, **key).chat.completions.create(model=CHAT, messages=MESSAGES, stream=True)
    ),
}


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    with GatewayEmulator() as gateway:
        yield gateway.base_url


def refused(ask: Ask, base_url: str, **key: Any) -> str:
    with pytest.raises(RequestyError) as raised:
        ask(base_url, **key)
    return str(raised.value)


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_the_refusal_names_where_the_key_is_from(ask: Ask, base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqsty-of-the-environment")
    assert "the key in REQUESTY_API_KEY" in refused(ask, base_url)
    assert "api_key" not in refused(ask, base_url)


@pytest.mark.parametrize("ask", ASK.values(), ids=ASK)
def test_and_not_the_variable_that_was_not_read(ask: Ask, base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqsty-of-the-environment")
    line = refused(ask, base_url, api_key="rqsty-given")
    assert "the key given as api_key" in line
    assert "REQUESTY_API_KEY" not in line
    line = refused(ask, base_url, api_key=lambda: "rqsty-returned")
    assert "the key that the api_key function returned" in line


@pytest.mark.parametrize("name", ["haystack", "haystack, vectors"])
def test_a_secret_names_its_own_variable(name: str, base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_KEY", "rqsty-of-the-team")
    line = refused(ASK[name], base_url, api_key=Secret.from_env_var(["NOT_SET_HERE", "TEAM_KEY"]))
    assert "the key in TEAM_KEY" in line
    assert "the key given as api_key" in refused(ASK[name], base_url, api_key=Secret.from_token("rqsty-given"))
