"""Profiles, embeddings, and models as objects: copied, pickled, shown."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai import Agent, Embedder
from pydantic_ai.direct import model_request, model_request_sync
from pydantic_ai.exceptions import ModelAPIError, UsageLimitExceeded, UserError
from pydantic_ai.messages import BinaryContent, ModelRequest
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.usage import UsageLimits

from pydantic_ai_requesty import (
    CostLedger,
    RequestyEmbeddingModel,
    RequestyEmbeddingSettings,
    RequestyFallbackModel,
    RequestyModel,
    RequestyProvider,
    register,
)
from requesty_core.catalog.catalog import bundled

PROMPT = [ModelRequest.user_text_prompt("x")]
EMBEDDER = "openai/text-embedding-3-small"


@pytest.mark.parametrize("model", ["openai/gpt-4o-mini", "openai/gpt-4o-mini@eu", "anthropic/claude-3-7-sonnet-latest"])
def test_profile_knows_what_the_catalogue_knows(model: str) -> None:
    info = bundled().lookup(model)
    assert info is not None
    profile = RequestyModel(model, provider=RequestyProvider(api_key="k")).profile
    assert profile.get("context_window") == info.context_window
    assert profile.get("supports_tools", True) == (info.supports_tool_calling is not False)
    assert profile["openai_chat_thinking_field"] == "reasoning_content"


@pytest.mark.parametrize("model", ["policy/production", "my-managed-model", "new/vendor/model:free@eu"])
def test_profile_of_what_nobody_knows_forbids_nothing(model: str) -> None:
    profile = RequestyModel(model, provider=RequestyProvider(api_key="k")).profile
    assert profile.get("supports_tools", True)
    assert profile.get("context_window") is None


def test_a_chain_has_the_smallest_window_of_its_models() -> None:
    provider = RequestyProvider(api_key="k")
    windows = [bundled()[model].context_window for model in ("openai/gpt-4o", "openai/gpt-4.1")]
    both = RequestyFallbackModel("openai/gpt-4.1", "openai/gpt-4o", provider=provider)
    assert both.profile.get("context_window") == min(window for window in windows if window)
    assert both.models == ["openai/gpt-4.1", "openai/gpt-4o"]


def test_a_profile_of_the_users_wins() -> None:
    model = RequestyModel("openai/gpt-4o", provider=RequestyProvider(api_key="k"), profile={"context_window": 5})
    assert model.profile.get("context_window") == 5


def test_shown_without_the_key(provider: Any, gw: Any) -> None:
    model = RequestyModel("openai/gpt-4o-mini", provider=provider())
    assert (model.system, model.base_url, model.model_id) == ("requesty", gw.base_url, "requesty:openai/gpt-4o-mini")
    for text in (repr(model), repr(model.provider), str(model.requesty.clients.settings)):
        assert gw.api_key not in text


def test_pickled_without_the_key_and_copied_with_it(make: Any, gw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = make()
    data = pickle.dumps(model)
    assert gw.api_key.encode() not in data
    monkeypatch.setenv("REQUESTY_API_KEY", gw.api_key)
    assert model_request_sync(pickle.loads(data), PROMPT).parts
    monkeypatch.delenv("REQUESTY_API_KEY")
    assert model_request_sync(copy.deepcopy(model), PROMPT).parts


def test_environment_of_the_openai_sdk_does_not_leak(make: Any, gw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org")
    assert model_request_sync(make(), PROMPT).parts
    assert gw.last_request.headers["authorization"] == f"Bearer {gw.api_key}"
    assert not [name for name in gw.last_request.headers if name.startswith("openai-")]


def test_settings_from_the_environment(gw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", gw.api_key)
    monkeypatch.setenv("REQUESTY_BASE_URL", gw.base_url)
    assert model_request_sync(RequestyModel("openai/gpt-4o-mini"), PROMPT).parts


async def test_embeddings(provider: Any, gw: Any) -> None:
    gw.settings.embedding_cost = True
    gw.fault(reorder_embeddings=True)
    ledger = CostLedger()
    texts = [f"text number {number}" for number in range(7)]
    settings = RequestyEmbeddingSettings(dimensions=8, requesty_batch_size=3, requesty_tags=["t"])
    model = RequestyEmbeddingModel(EMBEDDER, provider=provider(ledger=ledger), settings=settings)
    embedder = Embedder(model)
    result = await embedder.embed_documents(texts)
    assert [len(vector) for vector in result.embeddings] == [8] * 7
    assert len(gw.requests) == 3
    for text in texts:
        alone = await embedder.embed_query(text)
        assert alone.embeddings[0] == pytest.approx(result[text], abs=1e-6)
    assert result.usage.cost is not None
    assert result.usage.cost == sum((request.cost for request in gw.requests[:3]), Decimal(0))
    assert ledger.total.cost == gw.billed
    assert result.usage.input_tokens == sum(request.usage["prompt_tokens"] for request in gw.requests[:3])
    assert gw.requests[0].body["requesty"] == {"tags": ["t"]}
    assert (result.model_name, result.provider_name) == (EMBEDDER, "requesty")
    assert len(result.provider_details["attempts"]) == 3


async def test_an_empty_list_makes_no_request(provider: Any, gw: Any) -> None:
    model = RequestyEmbeddingModel(EMBEDDER, provider=provider())
    assert (await model.embed([], input_type="document")).embeddings == []
    assert gw.requests == []


async def test_failed_batches_name_their_inputs(provider: Any, gw: Any) -> None:
    settings = RequestyEmbeddingSettings(requesty_batch_size=1, requesty_max_in_flight=1)
    model = RequestyEmbeddingModel(EMBEDDER, provider=provider(), settings=settings)
    gw.fail_next(500)
    with pytest.raises(ModelAPIError) as caught:
        await model.embed(["a", "b"], input_type="document")
    assert caught.value.model_name == EMBEDDER
    assert "0" in str(caught.value)


async def test_what_an_embedding_model_tells(provider: Any) -> None:
    model = RequestyEmbeddingModel(EMBEDDER, provider=provider())
    assert (model.system, model.model_name) == ("requesty", EMBEDDER)
    info = bundled().lookup(EMBEDDER)
    assert await model.max_input_tokens() == (None if info is None else info.context_window)
    with pytest.raises(UserError, match="model"):
        RequestyEmbeddingModel("", provider=provider())


async def test_an_embedder_takes_the_gateways_strings(gw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTY_API_KEY", gw.api_key)
    monkeypatch.setenv("REQUESTY_BASE_URL", gw.base_url)
    register()
    embedder = Embedder(f"requesty:{EMBEDDER}")
    result = await embedder.embed_query("the light")
    assert gw.last_request.body["model"] == EMBEDDER
    assert result.provider_name == "requesty"
    with pytest.raises(Exception, match="nowhere"):
        await Embedder("nowhere:x").embed_query("x")


@pytest.mark.parametrize("told", [True, False])
async def test_what_embeddings_cost(told: bool, provider: Any, gw: Any) -> None:
    gw.settings.embedding_cost = told
    model = RequestyEmbeddingModel(EMBEDDER, provider=provider())
    result = await Embedder(model).embed_documents(["the light", "the harbour"])
    info = bundled().lookup(EMBEDDER)
    assert info is not None
    price = result.cost()
    assert (result.usage.cost is None) is not told
    assert (
        price.total_price == price.input_price == (gw.billed if told else info.input_price * result.usage.input_tokens)
    )
    assert price.model.id == EMBEDDER
    assert "requesty" in repr(price)


async def test_an_unknown_price_is_a_lookup_error(canned: Any) -> None:
    model, wire = canned({"data": [{"index": 0, "embedding": [1.0]}], "usage": {"prompt_tokens": 3}, "model": "m"})
    del model
    source = RequestyProvider(api_key="k", base_url="http://gateway.test/v1", http_client=wire.transport)
    result = await Embedder(RequestyEmbeddingModel("new/vendor", provider=source)).embed_query("x")
    with pytest.raises(LookupError, match="no price for 'new/vendor'"):
        result.cost()


SECRET = "rqsty-sk-0123456789abcdef0123"


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (
            lambda: RequestyProvider(max_retires=0),
            "max_retires: RequestyProvider has no such setting; did you mean max_r",
        ),  # type: ignore[call-arg]
        (
            lambda: RequestyProvider(apikey=SECRET),
            "apikey: RequestyProvider has no such setting; did you mean api_key?",
        ),  # type: ignore[call-arg]
        (lambda: RequestyModel("a/b", fallback=["c/d"]), "fallback: RequestyModel has no such setting; did you mean"),  # type: ignore[call-arg]
        (
            lambda: RequestyFallbackModel("a/b", polcy=1),
            "polcy: RequestyFallbackModel has no such setting; did you mean",
        ),  # type: ignore[call-arg]
        (lambda: RequestyEmbeddingModel("a/b", dims=1), "dims: RequestyEmbeddingModel has no such setting; it takes"),  # type: ignore[call-arg]
        (lambda: RequestyModel("a/b", fallback_policy={"deadline": 5}), "fallback_policy: a value of type dict cannot"),  # type: ignore[arg-type]
        (lambda: RequestyModel("a/b", fallbacks="c/d"), "fallbacks: "),
        (lambda: RequestyProvider(api_key=(SECRET,)), "api_key: "),
    ],
)
def test_a_mistake_is_one_line(make: Any, line: str) -> None:
    with pytest.raises(UserError) as caught:
        make()
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"requesty_fallback": ["a/b"]}, "requesty_fallback: RequestyModelSettings has no such setting; did you mean"),
        (
            {"requesty_tag": ["x"]},
            "requesty_tag: RequestyModelSettings has no such setting; did you mean requesty_tags?",
        ),
        ({"api_key": SECRET}, "api_key: is no setting of a request"),
        ({"temprature": 1}, "temprature: is no model setting and would have no effect; did you mean temperature?"),
        ({"max_retires": 0}, "max_retires: is no model setting and would have no effect; did you mean max_retries?"),
        ({"extra_headers": "x"}, "extra_headers: 'x' is not a mapping; give names and values"),
        ({"extra_body": ["x"]}, "extra_body: ['x'] is not a mapping; give names and values"),
        ({"fallbacks": ["a/b"]}, "fallbacks: is no setting of a request"),
    ],
)
async def test_settings_without_effect_are_refused(settings: Any, line: str, make: Any, gw: Any) -> None:
    with pytest.raises(UserError) as caught:
        await model_request(make(), PROMPT, model_settings=settings)
    assert str(caught.value).startswith(line)
    assert SECRET not in str(caught.value)
    assert gw.requests == []


async def test_tokens_are_counted_before_a_request_with_media_as_media(make: Any, gw: Any) -> None:
    pdf = BinaryContent(b"x" * 4_000_000, media_type="application/pdf")
    agent = Agent(make())
    with pytest.raises(UsageLimitExceeded):
        await agent.run(
            ["word " * 4000, pdf], usage_limits=UsageLimits(input_tokens_limit=4000, count_tokens_before_request=True)
        )
    assert gw.requests == []
    result = await agent.run(
        ["word " * 400, pdf], usage_limits=UsageLimits(input_tokens_limit=4000, count_tokens_before_request=True)
    )
    assert result.output
    counted = await make().count_tokens([ModelRequest.user_text_prompt("word " * 400)], None, ModelRequestParameters())
    assert 400 <= counted.input_tokens <= 600
