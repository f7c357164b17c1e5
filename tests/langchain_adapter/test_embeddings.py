"""Embeddings: plain text, order, batches, dimensions, usage and cost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from langchain_requesty import CostLedger, RequestyConfigurationError, RequestyEmbeddings
from requesty_emulator import GatewayEmulator

MODEL = "openai/text-embedding-3-small"


@pytest.mark.parametrize("asynchronous", [False, True])
def test_batches_keep_order(gateway: GatewayEmulator, settings: dict[str, Any], asynchronous: bool) -> None:
    gateway.fault(reorder_embeddings=True)
    texts = [f"text number {n}" for n in range(7)]
    embeddings = RequestyEmbeddings(model=MODEL, chunk_size=2, dimensions=32, **settings)
    vectors = asyncio.run(embeddings.aembed_documents(texts)) if asynchronous else embeddings.embed_documents(texts)
    assert [len(vector) for vector in vectors] == [32] * 7
    assert sorted(len(request.body["input"]) for request in gateway.requests) == [1, 2, 2, 2]
    assert all(isinstance(text, str) for request in gateway.requests for text in request.body["input"])
    single = RequestyEmbeddings(model=MODEL, dimensions=32, **settings)
    for text, vector in zip(texts, vectors, strict=True):
        assert single.embed_query(text) == pytest.approx(vector)


def test_usage_and_cost(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.settings.embedding_cost = True
    ledger = CostLedger()
    embeddings = RequestyEmbeddings(model=MODEL, chunk_size=2, ledger=ledger, **settings)
    reply = embeddings.embed(["a", "b", "c"])
    assert reply.usage is not None
    assert reply.usage.cost == gateway.billed == ledger.total.cost
    assert len(reply.attempts) == 2
    assert asyncio.run(embeddings.aembed(["a"])).usage is not None


def test_nothing_to_embed_makes_no_request(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    assert RequestyEmbeddings(model=MODEL, **settings).embed_documents([]) == []
    assert gateway.requests == []


def test_request_fields(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    RequestyEmbeddings(
        model=MODEL, user="u", options={"tags": ["t"]}, model_kwargs={"encoding_format": "float"}, **settings
    ).embed_query("x")
    body = gateway.last_request.body
    assert body == {
        "model": MODEL,
        "input": ["x"],
        "user": "u",
        "encoding_format": "float",
        "requesty": {"tags": ["t"]},
    }


@pytest.mark.parametrize("arguments", [{"chunk_size": 0}, {"max_concurrency": -1}, {"model": ""}])
def test_bad_settings(arguments: dict[str, Any]) -> None:
    name = next(iter(arguments))
    with pytest.raises(RequestyConfigurationError, match=f"^{name}: "):
        RequestyEmbeddings(**{"model": MODEL, **arguments})
