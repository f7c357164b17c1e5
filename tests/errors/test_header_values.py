"""Values of headers and passwords of proxies may be secrets: no text of an object, and no frame of ours, shows them."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from langchain_requesty import ChatRequesty, RequestyEmbeddings
from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.llms.requesty import Requesty
from openai_requesty import RequestyOpenAI
from pydantic_ai_requesty import RequestyModel, RequestyProvider
from requesty_core import RequestyClient, RequestyError

VALUE = "s3cret-of-a-header"
HEADERS = {"X-Vault-Token": VALUE}
MADE: dict[str, Callable[[], Any]] = {
    "core": lambda: RequestyClient(api_key="k", extra_headers=HEADERS),
    "core's settings": lambda: RequestyClient(api_key="k", extra_headers=HEADERS).settings,
    "core's proxy": lambda: RequestyClient(api_key="k", proxy=f"http://user:{VALUE}@proxy.test:3128").settings,
    "langchain": lambda: ChatRequesty(model="m/m", extra_headers=HEADERS),
    "langchain's embeddings": lambda: RequestyEmbeddings(model="m/m", extra_headers=HEADERS),
    "llama_index": lambda: Requesty(model="m/m", extra_headers=HEADERS),
    "llama_index's embeddings": lambda: RequestyEmbedding(model="m/m", extra_headers=HEADERS),
    "haystack": lambda: RequestyChatGenerator(model="m/m", extra_headers=HEADERS),
    "openai": lambda: RequestyOpenAI(api_key="k", default_headers=HEADERS),
    "pydantic_ai": lambda: RequestyModel("m/m", provider=RequestyProvider(api_key="k", extra_headers=HEADERS)),
}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-key")


@pytest.mark.parametrize("name", MADE)
def test_no_text_of_an_object_shows_them(name: str) -> None:
    made = MADE[name]()
    assert VALUE not in f"{made!r} {made}"


def _refused(request: httpx.Request) -> httpx.Response:
    return httpx.Response(400, json={"error": {"message": "no"}})


def _unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route")


@pytest.mark.parametrize("answer", [_refused, _unreachable])
@pytest.mark.parametrize("per_call", [False, True])
def test_no_frame_of_ours_shows_them(answer: Callable[[httpx.Request], httpx.Response], per_call: bool) -> None:
    given: dict[str, Any] = {} if per_call else {"extra_headers": HEADERS}
    client = RequestyClient(api_key="k", transport=httpx.MockTransport(answer), max_retries=0, **given)
    call: dict[str, Any] = {"extra_headers": HEADERS} if per_call else {}
    with pytest.raises(RequestyError) as caught:
        client.chat(model="m/m", messages=[{"role": "user", "content": "Hi"}], **call)
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    shown = [f"{frame.name}: {frame.locals}" for frame in frames if "tests" not in frame.filename]
    assert [line for line in shown if VALUE in line] == []
