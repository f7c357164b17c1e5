"""Both embedders."""

from __future__ import annotations

import asyncio
import copy
from typing import Any

import pytest
from haystack import Document

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder, RequestyTextEmbedder
from requesty_core import CostLedger, EmbeddingsError
from requesty_core.errors import ConfigurationError, RequestyError

MODEL = "openai/text-embedding-3-small"


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def run(request: pytest.FixtureRequest) -> Any:
    def call(embedder: Any, given: Any) -> Any:
        if request.param:
            return asyncio.run(embedder.run_async(given))
        return embedder.run(given)

    return call


@pytest.fixture
def embedder(gw: Any) -> Any:
    def build(**settings: Any) -> RequestyDocumentEmbedder:
        defaults = {"model": MODEL, "api_base_url": gw.base_url, "progress_bar": False, "max_retries": 0}
        return RequestyDocumentEmbedder(**{**defaults, **settings})

    return build


def documents(count: int) -> list[Document]:
    return [Document(content=f"text number {number}", meta={"title": f"T{number}"}) for number in range(count)]


def test_documents_over_several_batches(run: Any, embedder: Any, gw: Any) -> None:
    gw.settings.embedding_cost = True
    gw.fault(reorder_embeddings=True)
    ledger = CostLedger()
    given = documents(10)
    result = run(embedder(batch_size=3, dimensions=8, ledger=ledger, meta_fields_to_embed=["title"]), given)
    assert len(gw.requests) == 4
    assert [document.id for document in result["documents"]] == [document.id for document in given]
    assert all(len(document.embedding) == 8 for document in result["documents"])
    assert all(document.embedding is None for document in given)
    assert result["meta"]["usage"]["cost"] == pytest.approx(float(gw.billed))
    assert result["meta"]["usage"]["prompt_tokens"] == sum(r.usage["prompt_tokens"] for r in gw.requests)
    assert ledger.total.cost == gw.billed
    sent = sorted(text for request in gw.requests for text in request.body["input"])
    assert sent == sorted(f"T{n}\ntext number {n}" for n in range(10))
    gw.clear()
    [alone] = run(embedder(dimensions=8, meta_fields_to_embed=["title"]), given[4:5])["documents"]
    assert alone.embedding == pytest.approx(result["documents"][4].embedding, abs=1e-6)


def test_a_failed_batch_leaves_no_silent_hole(run: Any, embedder: Any, gw: Any) -> None:
    gw.fail_next(500)
    with pytest.raises(EmbeddingsError) as caught:
        run(embedder(batch_size=1, max_concurrency=1), documents(3))
    assert caught.value.failed_inputs == (0,)


def test_a_failed_batch_is_named_where_holes_are_wanted(run: Any, embedder: Any, gw: Any) -> None:
    gw.fail_next(500)
    given = documents(3)
    result = run(embedder(batch_size=1, max_concurrency=1, raise_on_failure=False), given)
    assert [document.embedding is None for document in result["documents"]] == [True, False, False]
    assert result["meta"]["failed"] == [given[0].id]
    gw.fault(status=500)
    result = run(embedder(raise_on_failure=False), given)
    assert result["meta"]["failed"] == [document.id for document in given]


def test_one_document_given_twice_is_embedded_once(run: Any, embedder: Any, gw: Any) -> None:
    [given] = documents(1)
    first, second = run(embedder(), [given, given])["documents"]
    assert first.embedding == second.embedding
    assert len(gw.last_request.body["input"]) == 1


def test_no_documents_make_no_request(run: Any, embedder: Any, gw: Any) -> None:
    assert run(embedder(), []) == {"documents": [], "meta": {}}
    assert gw.requests == []
    with pytest.raises(TypeError, match="RequestyTextEmbedder"):
        run(embedder(), "a text")


def test_progress_is_shown_as_batches_are_through(embedder: Any, capfd: pytest.CaptureFixture[str]) -> None:
    embedder(progress_bar=True, batch_size=1).run(documents(3))
    assert "3/3" in capfd.readouterr().err


def test_requests_at_a_time_are_bounded(embedder: Any, gw: Any) -> None:
    gw.fault(delay=0.05)
    asyncio.run(embedder(batch_size=1, max_concurrency=2).run_async(documents(6)))
    times = sorted((request.started, 1) for request in gw.requests)
    assert len(times) == 6
    # With two at a time, the third begins only when one of the first two is through.
    assert times[2][0] - times[0][0] >= 0.04


def test_text(run: Any, gw: Any) -> None:
    embedder = RequestyTextEmbedder(model=MODEL, api_base_url=gw.base_url, prefix="query: ", dimensions=8)
    result = run(embedder, "lighthouse")
    assert len(result["embedding"]) == 8
    assert result["meta"]["usage"]["prompt_tokens"] == gw.last_request.usage["prompt_tokens"]
    assert gw.last_request.body["input"] in (["query: lighthouse"], "query: lighthouse")
    assert gw.last_request.body["dimensions"] == 8
    with pytest.raises(TypeError):
        run(embedder, ["a"])


def test_failures_are_typed(run: Any, gw: Any) -> None:
    gw.fail_next(401)
    embedder = RequestyTextEmbedder(model=MODEL, api_base_url=gw.base_url)
    with pytest.raises(RequestyError):
        run(embedder, "x")
    with pytest.raises(ConfigurationError, match="model"):
        RequestyTextEmbedder(model="")


def test_saved_restored_and_copied(run: Any, embedder: Any, gw: Any) -> None:
    for made in (embedder(batch_size=7), RequestyTextEmbedder(model=MODEL, api_base_url=gw.base_url, suffix="!")):
        saved = made.to_dict()
        assert gw.api_key not in str(saved)
        assert type(made).from_dict(saved).to_dict() == type(made).from_dict(saved).to_dict() == saved
    assert run(copy.deepcopy(embedder()), documents(1))["documents"][0].embedding


def test_lifecycle(embedder: Any) -> None:
    made = embedder()
    for _ in range(2):
        made.warm_up()
        assert made.run(documents(1))["documents"][0].embedding
        made.close()

    async def life() -> None:
        await made.warm_up_async()
        assert (await made.run_async(documents(1)))["documents"][0].embedding
        await made.close_async()

    asyncio.run(life())
    asyncio.run(life())
