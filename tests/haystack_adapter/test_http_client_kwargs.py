"""``http_client_kwargs``: refused where they are given, honoured in every run, on one event loop after another."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import httpx
import httpx2
import pytest
from haystack.dataclasses import ChatMessage
from haystack.utils import Secret

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder, RequestyTextEmbedder
from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from requesty_core import ConfigurationError

MESSAGES = [ChatMessage.from_user("Hi")]


def generator(url: str, given: Any) -> RequestyChatGenerator:
    return RequestyChatGenerator(
        model="openai/gpt-4o-mini", api_key=Secret.from_token("k"), api_base_url=url, http_client_kwargs=given
    )


@pytest.mark.parametrize(
    "given",
    [
        {"nonsense": 1},
        {"proxy": "ftp://x"},
        {"verify": "/none"},
        {"cert": "/none"},
        {"timeout": "x"},
        {"timeout": -1},
        {"limits": 3},
        {"limits": {"max_connections": "a"}},
        {"limits": {"nonsense": 1}},
        {"headers": 3},
        {"cookies": 3},
        {"event_hooks": 3},
        {"auth": object()},
        {"mounts": {"http://": 3}},
        {"transport": 3},
        {"transport": httpx.Client},
        [],
        3,
        "httpx",
    ],
    ids=lambda given: next(iter(given), "none") if isinstance(given, dict) else str(given),
)
@pytest.mark.parametrize("make", [RequestyChatGenerator, RequestyTextEmbedder, RequestyDocumentEmbedder])
def test_nonsense_is_refused_in_one_line_where_it_is_given(make: Any, given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^http_client_kwargs") as caught:
        make(model="openai/gpt-4o-mini", api_key=Secret.from_token("k"), http_client_kwargs=given)
    assert "\n" not in str(caught.value)


def answering(library: Any, seen: list[Any]) -> Any:
    def handler(request: Any) -> Any:
        seen.append(request)
        message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}
        return library.Response(200, json={"id": "x", "model": "m", "choices": [message]})

    return library.MockTransport(handler)


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_transports_of_both_libraries_and_every_argument_are_honoured(library: Any) -> None:
    seen: list[Any] = []
    given = {"transport": answering(library, seen), "headers": {"X-Mine": "1"}, "params": {"q": "2"}, "timeout": 7}
    one = generator("http://gateway.test/v1", given)
    assert one.run(MESSAGES)["replies"][0].text == "ok"
    assert asyncio.run(one.run_async(MESSAGES))["replies"][0].text == "ok"
    for request in seen:
        assert request.headers["x-mine"] == "1"
        assert request.url.params["q"] == "2"
        assert request.extensions["timeout"]["read"] == 7


def test_a_transport_of_one_kind_refuses_the_calls_of_the_other() -> None:
    one = generator("http://gateway.test/v1", {"transport": httpx.HTTPTransport()})
    with pytest.raises(ConfigurationError, match=r"^http_client_kwargs.transport: a HTTPTransport cannot carry async"):
        asyncio.run(one.run_async(MESSAGES))


def test_a_component_goes_from_one_event_loop_to_the_next(make: Any) -> None:
    one = make(http_client_kwargs={"headers": {"X-Mine": "1"}})

    async def main() -> list[str]:
        results = await asyncio.gather(*(one.run_async(MESSAGES) for _ in range(3)))
        return [result["replies"][0].text for result in results]

    first = asyncio.run(main())
    assert asyncio.run(main()) == first
    one.close()
    assert [one.run(MESSAGES)["replies"][0].text] == first[:1]


def test_copies_and_pickles_make_clients_of_their_own(make: Any) -> None:
    one = make(http_client_kwargs={"headers": {"X-Mine": "1"}})
    text = one.run(MESSAGES)["replies"][0].text
    twin = copy.deepcopy(one)
    one.close()
    assert twin.run(MESSAGES)["replies"][0].text == text
    assert pickle.loads(pickle.dumps(one)).http_client_kwargs == {"headers": {"X-Mine": "1"}}
