"""Arguments that a constructor does not have, for every class: never without a word, and no key is shown."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder, RequestyTextEmbedder
from haystack_integrations.components.generators.requesty import RequestyChatGenerator, RequestyFallbackChatGenerator
from langchain_requesty import ChatRequesty, ChatRequestyFallback, RequestyEmbeddings
from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.llms.requesty import Requesty, RequestyFallback
from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI
from pydantic_ai_requesty import RequestyEmbeddingModel, RequestyFallbackModel, RequestyModel, RequestyProvider
from requesty_core import AsyncRequestyClient, ConfigurationError, RequestyClient, RequestyError

CHAT, EMBED = "openai/gpt-4o-mini", "openai/text-embedding-3-small"
SECRET = "sk-live-4f9a8b7c6d5e4f3a2b1c"

CLASSES: dict[str, Callable[..., Any]] = {
    "RequestyEmbeddings": lambda **k: RequestyEmbeddings(model=EMBED, **k),
    "ChatRequesty": lambda **k: ChatRequesty(model=CHAT, **k),
    "ChatRequestyFallback": lambda **k: ChatRequestyFallback(models=[CHAT], **k),
    "RequestyEmbedding": lambda **k: RequestyEmbedding(model=EMBED, **k),
    "Requesty": lambda **k: Requesty(CHAT, **k),
    "RequestyFallback": lambda **k: RequestyFallback([CHAT], **k),
    "RequestyDocumentEmbedder": lambda **k: RequestyDocumentEmbedder(model=EMBED, **k),
    "RequestyTextEmbedder": lambda **k: RequestyTextEmbedder(model=EMBED, **k),
    "RequestyChatGenerator": lambda **k: RequestyChatGenerator(model=CHAT, **k),
    "RequestyFallbackChatGenerator": lambda **k: RequestyFallbackChatGenerator(models=[CHAT], **k),
    "RequestyModel": lambda **k: RequestyModel(CHAT, **k),
    "RequestyProvider": lambda **k: RequestyProvider(**k),
    "RequestyEmbeddingModel": lambda **k: RequestyEmbeddingModel(EMBED, **k),
    "RequestyFallbackModel": lambda **k: RequestyFallbackModel(CHAT, **k),
    "RequestyOpenAI": lambda **k: RequestyOpenAI(**k),
    "AsyncRequestyOpenAI": lambda **k: AsyncRequestyOpenAI(**k),
    "RequestyClient": lambda **k: RequestyClient(**k),
    "AsyncRequestyClient": lambda **k: AsyncRequestyClient(**k),
}

WRONG: tuple[dict[str, Any], ...] = (
    {"max_retires": 0},
    {"timeuot": 3},
    {"apikey": SECRET},
    {"openai_api_key": SECRET},
    {"api_token": SECRET},
    {"dimension": 64},
    {"temprature": 1},
    {"fallback": ["a/b"]},
    {"base_urll": "http://127.0.0.1:1/v1"},
    {SECRET: 1},
    {"frobnicate": 1},
)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", "rqy-of-the-environment")


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: "a key" if SECRET in wrong else min(wrong))
@pytest.mark.parametrize("name", CLASSES)
def test_unknown_arguments_are_refused_or_told(name: str, wrong: dict[str, Any]) -> None:
    refused, made = None, None
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        try:
            made = CLASSES[name](**wrong)
        except RequestyError as error:
            refused = error
    if refused is not None:
        assert isinstance(refused, ConfigurationError)
        assert "\n" not in str(refused)
        assert SECRET not in str(refused)
        return
    # LangChain's custom: what has no field is sent with every request, which is said.
    argument = min(wrong)
    assert argument in ("frobnicate", "fallback"), made
    assert made.model_kwargs == wrong
    assert [str(warning.message) for warning in told] == [
        f"{name}: {argument} sent as request parameters (model_kwargs)"
    ]


@pytest.mark.parametrize(
    ("name", "given", "meant"),
    [
        ("RequestyEmbeddings", "batch_size", "chunk_size"),
        ("RequestyEmbeddings", "embed_batch_size", "chunk_size"),
        ("RequestyEmbeddings", "dimension", "dimensions"),
        ("RequestyEmbedding", "chunk_size", "embed_batch_size"),
        ("RequestyEmbedding", "max_concurrency", "num_workers"),
        ("RequestyDocumentEmbedder", "chunk_size", "batch_size"),
        ("RequestyDocumentEmbedder", "base_url", "api_base_url"),
        ("RequestyDocumentEmbedder", "max_in_flight", "max_concurrency"),
        ("RequestyTextEmbedder", "model_name", "model"),
        ("RequestyChatGenerator", "model_kwargs", "generation_kwargs"),
        ("Requesty", "model_kwargs", "additional_kwargs"),
        ("RequestyOpenAI", "api_base", "base_url"),
        ("RequestyProvider", "openai_api_key", "api_key"),
        ("RequestyClient", "request_timeout", "timeout"),
    ],
)
def test_what_other_frameworks_call_a_setting_is_understood(name: str, given: str, meant: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^{given}: .*did you mean {meant}\\?"):
        CLASSES[name](**{given: 3})
