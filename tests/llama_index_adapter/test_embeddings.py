"""Embeddings: their price, their settings, one event loop after another."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent, EmbeddingStartEvent
from llama_index.core.schema import TextNode

from llama_index.embeddings.requesty import RequestyEmbedding, RequestyEmbeddingUsageEvent
from requesty_core.errors import ConfigurationError, RequestyError


@pytest.mark.parametrize("is_async", [False, True])
def test_embeddings_tell_what_they_cost(gw: Any, events: list[Any], is_async: bool) -> None:
    gw.settings.embedding_cost = True
    gw.fault(reorder_embeddings=True)
    model = RequestyEmbedding(
        model="openai/text-embedding-3-small",
        base_url=gw.base_url,
        api_key=gw.api_key,
        embed_batch_size=2,
        dimensions=8,
        text_prefix="doc: ",
    )
    texts = ["a b", "c d", "e f", "g h", "i j"]
    run = model.aget_text_embedding_batch(texts) if is_async else None
    vectors = model.get_text_embedding_batch(texts) if run is None else asyncio.run(run)
    assert [len(vector) for vector in vectors] == [8] * 5
    sent = [request.body["input"] for request in gw.requests]
    assert sorted(text for batch in sent for text in batch) == [f"doc: {text}" for text in texts]
    told = [event for event in events if isinstance(event, RequestyEmbeddingUsageEvent)]
    assert sum(event.inputs for event in told) == 5
    assert sum(event.cost for event in told) == pytest.approx(float(gw.billed))
    assert model.ledger.total.cost == gw.billed > 0
    assert any(isinstance(event, EmbeddingStartEvent) for event in events)
    assert any(isinstance(event, EmbeddingEndEvent) for event in events)
    assert model.get_text_embedding("c d") == pytest.approx(vectors[1], abs=1e-6)


def test_an_empty_text_is_refused_before_anything_is_billed(embed_model: RequestyEmbedding, gw: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"texts\[1\]"):
        embed_model.get_text_embedding_batch(["a", ""])
    assert gw.requests == []
    assert embed_model.get_text_embedding_batch([]) == []
    assert gw.requests == []


def test_texts_and_settings_are_left_as_they_are(gw: Any) -> None:
    extra = {"user": "u"}
    model = RequestyEmbedding(
        model_name="openai/text-embedding-3-small", api_base=gw.base_url, api_key=gw.api_key, additional_kwargs=extra
    )
    text = "line one\n\nline  two \n"
    assert model.get_query_embedding(text)
    assert gw.last_request.body["input"] == [text]
    assert gw.last_request.body["user"] == "u"
    assert extra == {"user": "u"} == model.additional_kwargs


@pytest.mark.parametrize("retries", [0, 2])
def test_embedding_retries_are_literal(gw: Any, retries: int) -> None:
    gw.fail_next(429, times=9, retry_after=0)
    model = RequestyEmbedding("openai/e", base_url=gw.base_url, api_key=gw.api_key, max_retries=retries)
    with pytest.raises(RequestyError) as caught:
        model.get_text_embedding("x")
    assert caught.value.status == 429
    assert len(gw.requests) == 1 + retries


def test_embeddings_send_no_other_vendors_key(monkeypatch: pytest.MonkeyPatch, gw: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.delenv("REQUESTY_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="REQUESTY_API_KEY"):
        RequestyEmbedding("openai/text-embedding-3-small", base_url=gw.base_url).get_text_embedding("x")
    assert gw.requests == []


def test_embeddings_in_one_event_loop_after_another(embed_model: RequestyEmbedding, gw: Any) -> None:
    vectors = [asyncio.run(embed_model.aget_text_embedding("x")) for _ in range(3)]
    assert vectors[0] == vectors[1] == vectors[2]
    assert len(gw.requests) == 3


def test_nodes_are_embedded_in_a_pipeline(embed_model: RequestyEmbedding, gw: Any) -> None:
    nodes = IngestionPipeline(transformations=[embed_model]).run(nodes=[TextNode(text="a"), TextNode(text="b")])
    assert all(node.embedding for node in nodes)
    assert len(gw.requests) == 1
    twin = RequestyEmbedding.from_dict(embed_model.to_dict())
    # What a pipeline hashes for its cache.
    assert twin.to_dict() == embed_model.to_dict()
