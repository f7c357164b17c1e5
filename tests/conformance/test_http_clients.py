"""Each adapter's own parameter for an HTTP client: clients and transports of both libraries, and no other kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest

from langchain_requesty import ChatRequesty, RequestyEmbeddings
from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.llms.requesty import Requesty
from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI
from pydantic_ai_requesty import RequestyModel, RequestyProvider

SETTINGS: dict[str, Any] = {"api_key": "k", "base_url": "http://gateway.test/v1"}
CHAT: dict[str, Any] = {"model": "a/b", **SETTINGS}
MESSAGES: Any = [{"role": "user", "content": "Hi"}]

Ask = Callable[[Any], Any]


def provider_answers(client: Any) -> str:
    from pydantic_ai import Agent

    provider = RequestyProvider(http_client=client, **SETTINGS)
    return str(Agent(RequestyModel("a/b", provider=provider)).run_sync("Hi").output)


def openai_answers(client: Any) -> Any:
    one = RequestyOpenAI(http_client=client, **SETTINGS)
    return one.chat.completions.create(model="a/b", messages=MESSAGES).choices[0].message.content


def async_openai_answers(client: Any) -> Any:
    one = AsyncRequestyOpenAI(http_client=client, **SETTINGS)
    return asyncio.run(one.chat.completions.create(model="a/b", messages=MESSAGES)).choices[0].message.content


SYNC: dict[str, tuple[str, Ask]] = {
    "LangChain": ("http_client", lambda c: ChatRequesty(http_client=c, **CHAT).invoke("Hi").content),
    "LlamaIndex": ("http_client", lambda c: Requesty(http_client=c, **CHAT).complete("Hi").text),
    "OpenAI": ("http_client", openai_answers),
}
ASYNC: dict[str, tuple[str, Ask]] = {
    "LangChain": (
        "http_async_client",
        lambda c: asyncio.run(ChatRequesty(http_async_client=c, **CHAT).ainvoke("Hi")).content,
    ),
    "LlamaIndex": (
        "async_http_client",
        lambda c: asyncio.run(_complete(Requesty(async_http_client=c, **CHAT))),
    ),
    "Pydantic AI": ("http_client", provider_answers),
    "OpenAI": ("http_client", async_openai_answers),
}


async def _complete(llm: Requesty) -> str:
    return (await llm.acomplete("Hi")).text


def answering(library: Any, seen: list[Any]) -> Any:
    def handler(request: Any) -> Any:
        seen.append(request.headers.get("x-mine"))
        message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}
        return library.Response(200, json={"id": "x", "model": "m", "created": 1, "choices": [message]})

    return library.MockTransport(handler)


def a_name(value: object) -> str:
    """Of a case: the same in every run, so never the place of an object."""
    return value if isinstance(value, str) else type(value).__name__ if type(value) is object else str(value)[:24]


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("name", list(SYNC))
def test_sync_clients_and_transports_of_both_libraries(library: Any, name: str) -> None:
    seen: list[Any] = []
    transport = answering(library, seen)
    assert SYNC[name][1](library.Client(transport=transport, headers={"X-Mine": "1"})) == "ok"
    assert SYNC[name][1](transport) == "ok"
    assert seen == ["1", None]


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("name", list(ASYNC))
def test_async_clients_and_transports_of_both_libraries(library: Any, name: str) -> None:
    seen: list[Any] = []
    transport = answering(library, seen)
    assert ASYNC[name][1](library.AsyncClient(transport=transport, headers={"X-Mine": "1"})) == "ok"
    assert ASYNC[name][1](transport) == "ok"
    assert seen == ["1", None]


def wrong(kind: str) -> list[Any]:
    other = "AsyncClient" if kind == "sync" else "Client"
    transport = "AsyncHTTPTransport" if kind == "sync" else "HTTPTransport"
    made = [getattr(library, name)() for library in (httpx, httpx2) for name in (other, transport)]
    return [*made, httpx.Client, object(), 3, "curl"]


@pytest.mark.parametrize(("name", "given"), [(n, g) for n in SYNC for g in wrong("sync")], ids=a_name)
def test_the_wrong_kind_is_refused_for_sync_calls_by_the_adapters_own_name(name: str, given: Any) -> None:
    setting, ask = SYNC[name]
    check(setting, lambda: ask(given))


@pytest.mark.parametrize(("name", "given"), [(n, g) for n in ASYNC for g in wrong("async")], ids=a_name)
def test_the_wrong_kind_is_refused_for_async_calls_by_the_adapters_own_name(name: str, given: Any) -> None:
    setting, ask = ASYNC[name]
    check(setting, lambda: ask(given))


@pytest.mark.parametrize("make", [RequestyEmbeddings, RequestyEmbedding])
def test_embeddings_refuse_the_wrong_kind_where_they_are_made(make: Any) -> None:
    check("http_client", lambda: make(http_client=httpx.AsyncClient(), **CHAT))


def check(setting: str, make: Callable[[], Any]) -> None:
    # The SDK's own class for it, from the OpenAI clients; a ConfigurationError, which is a ValueError, from the others.
    with pytest.raises((ValueError, TypeError)) as caught:
        make()
    words = str(caught.value)
    assert setting in words.partition(";")[0]
    assert "\n" not in words
