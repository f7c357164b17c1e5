"""What type checkers are told of a constructor is what it takes."""

from __future__ import annotations

import inspect

import pytest

from langchain_requesty import ChatRequesty, ChatRequestyFallback, RequestyEmbeddings
from langchain_requesty import _typed as langchain
from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.embeddings.requesty._typed import EmbeddingArguments
from llama_index.llms.requesty import Requesty, RequestyFallback
from llama_index.llms.requesty._typed import ChainArguments, ChatArguments
from requesty_core.calls.settings import ClientSettings
from requesty_core.calls.typed import ClientArguments


def names(arguments: type) -> set[str]:
    """Of a typed dictionary and those that it extends."""
    return set(arguments.__required_keys__ | arguments.__optional_keys__)  # type: ignore[attr-defined]


def test_the_clients() -> None:
    assert names(ClientArguments) - {"settings"} == set(inspect.signature(ClientSettings.build).parameters)


@pytest.mark.parametrize(
    ("cls", "arguments", "own"),
    [
        (Requesty, ChatArguments, {"model"}),
        (RequestyFallback, ChainArguments, {"model", "models", "fallbacks"}),
        (RequestyEmbedding, EmbeddingArguments, set()),
    ],
)
def test_llama_index(cls: type, arguments: type, own: set[str]) -> None:
    fields = cls.model_fields.keys()  # type: ignore[attr-defined]
    assert names(arguments) - {"api_base"} == fields - own


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (ChatRequesty, langchain.ChatArguments),
        (ChatRequestyFallback, langchain.FallbackArguments),
        (RequestyEmbeddings, langchain.EmbeddingsArguments),
    ],
)
def test_langchain(cls: type, arguments: type) -> None:
    fields = cls.model_fields  # type: ignore[attr-defined]
    taken = {*fields, *(field.alias for field in fields.values())}
    assert names(arguments) - taken == set()
