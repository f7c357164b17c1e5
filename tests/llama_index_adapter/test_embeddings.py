"""Embeddings: their price, their settings, one event loop after another."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import pytest
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent, EmbeddingStartEvent
from llama_index.core.schema import TextNode
from llama_index.core.storage.kvstore import SimpleKVStore
from pydantic import SecretStr

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


async def _ask(model: RequestyEmbedding, way: str, text: str) -> Any:
    result = getattr(model, way)([text] if "batch" in way else text)
    return await result if way.startswith("a") else result


TEXT_WAYS = ["get_text_embedding", "aget_text_embedding", "get_text_embedding_batch", "aget_text_embedding_batch"]


@pytest.mark.parametrize("query", ["get_query_embedding", "aget_query_embedding"])
@pytest.mark.parametrize("text", TEXT_WAYS)
async def test_cache_entries_belong_to_what_made_them(query: str, text: str, embed_model: Any, gw: Any) -> None:
    store = SimpleKVStore()
    first = embed_model.model_copy(update={"embeddings_cache": store})
    others = [
        first.model_copy(update={"dimensions": 8}),
        first.model_copy(update={"text_prefix": "passage: "}),
        first.model_copy(update={"additional_kwargs": {"user": "u"}}),
        RequestyEmbedding(
            model="openai/text-embedding-3-large", base_url=gw.base_url, api_key=gw.api_key, embeddings_cache=store
        ),
    ]
    asked = 0
    for number, model in enumerate([first, *others]):
        model.api_key = SecretStr(gw.api_key)
        for way in (text, text, query, query):
            await _ask(model, way, "the light")
        # Two requests each, for the document and for the query; the prefix of documents does not touch queries.
        asked += {2: 1}.get(number, 2)
        assert len(gw.requests) == asked, number
    twin = pickle.loads(pickle.dumps(first))
    twin.api_key = SecretStr(gw.api_key)
    await _ask(twin, query, "the light")
    assert len(gw.requests) == asked
    first.dimensions = 16
    await _ask(first, text, "the light")
    assert len(gw.requests) == asked + 1


def test_the_cache_is_still_the_store(embed_model: Any) -> None:
    store = SimpleKVStore()
    embed_model.embeddings_cache = store
    embed_model.get_text_embedding("a")
    assert embed_model.embeddings_cache.get_all("embeddings") == store.get_all("embeddings") != {}
    assert embed_model.embeddings_cache.to_dict() == store.to_dict()
    for bad in (5, {}):
        with pytest.raises(ConfigurationError, match=r"^embeddings_cache: not a key-value store"):
            RequestyEmbedding(model="a/b", embeddings_cache=bad)


def test_one_span_and_one_pair_of_events_for_a_query(embed_model: Any, spans: Any, events: list[Any]) -> None:
    embed_model.get_query_embedding("a")
    names = [span.id_.partition("-")[0] for span in spans.completed_spans]
    assert names.count("RequestyEmbedding.get_query_embedding") == 1
    assert [type(event).__name__ for event in events].count("EmbeddingEndEvent") == 1
