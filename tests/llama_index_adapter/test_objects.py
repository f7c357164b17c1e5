"""Objects: metadata, stored and loaded, copied, shown."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest
from llama_index.core.embeddings.loading import load_embed_model
from llama_index.core.llms.loading import load_llm

import llama_index.embeddings.requesty as embeddings_package
import llama_index.llms.requesty as llms_package
from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.llms.requesty import Requesty, RequestyFallback
from requesty_core.catalog.catalog import bundled
from requesty_core.errors import ConfigurationError
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step

A, B = "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"

# --- metadata ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [A, f"{A}@eu", "openai/o3-mini:high"])
def test_metadata_is_the_catalogues(model: str) -> None:
    info = bundled().lookup(model)
    metadata = Requesty(model=model, api_key="k").metadata
    assert info is not None
    assert metadata.context_window == info.context_window
    assert metadata.is_function_calling_model == (info.supports_tool_calling is not False)
    assert (metadata.model_name, metadata.is_chat_model) == (model, True)


def test_metadata_can_be_overruled_and_a_chain_honours_its_smallest_member() -> None:
    own = Requesty(model="policy/x", api_key="k", context_window=5, max_tokens=7, is_function_calling_model=False)
    assert (own.metadata.context_window, own.metadata.num_output) == (5, 7)
    assert own.metadata.is_function_calling_model is False
    chain = RequestyFallback(models=["openai/gpt-4.1", "openai/gpt-4o"], api_key="k")
    windows = [bundled()[model].context_window or 0 for model in ("openai/gpt-4.1", "openai/gpt-4o")]
    assert chain.metadata.context_window == min(windows)


# --- objects ----------------------------------------------------------------------------------------------------------


def test_stored_and_loaded_without_the_key(make: Any, gw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    llms_package.register()
    embeddings_package.register()
    monkeypatch.setenv("REQUESTY_API_KEY", gw.api_key)
    policy = FallbackPolicy(cooldown=3)
    for llm in (
        make(temperature=0.2, options={"tags": ["t"]}),
        make(models=[A, Step(B, retries=1)], fallback_policy=policy),
    ):
        stored = json.loads(json.dumps(llm.to_dict()))
        assert gw.api_key not in json.dumps(stored)
        again = load_llm(stored)
        assert type(again) is type(llm)
        assert again.to_dict() == llm.to_dict()
        assert again.complete("x").text
        data = pickle.dumps(llm)
        assert gw.api_key.encode() not in data
        assert llm.api_key is not None
        assert pickle.loads(data).complete("x").text
    embedder = RequestyEmbedding(model="openai/text-embedding-3-small", base_url=gw.base_url, api_key=gw.api_key)
    stored = json.loads(embedder.to_json())
    assert gw.api_key not in str(stored)
    assert len(load_embed_model(stored).get_text_embedding("x")) == 1536


def test_copies_keep_the_key_and_share_the_ledger(make: Any, gw: Any) -> None:
    llm = make()
    llm.complete("x")
    asyncio.run(llm.acomplete("x"))
    twin = copy.deepcopy(llm)
    assert twin.complete("x").text
    assert llm.ledger.total.cost == gw.billed > Decimal(0)
    other = llm.model_copy(update={"model": B})
    assert other.complete("x").additional_kwargs["requested_model"] == B


def test_shown_without_the_key(make: Any, gw: Any) -> None:
    llm = make()
    for text in (repr(llm), str(llm), llm.model_dump_json(), str(llm.to_dict())):
        assert gw.api_key not in text


def test_importing_loads_no_other_vendors_package() -> None:
    code = (
        "import sys, llama_index.llms.requesty, llama_index.embeddings.requesty;"
        "print([name for name in ('openai', 'tiktoken', 'llama_index.core.llms.loading') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_one_event_loop_after_another(make: Any) -> None:
    llm = make()
    assert len({asyncio.run(llm.acomplete("x")).text for _ in range(3)}) == 1


SECRET = "rqsty-sk-0123456789abcdef0123"
# What a newcomer writes, and how the line begins.
MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"timeout": "30s"}, "timeout: a value of type str cannot be used; give seconds or Timeouts(…)"),
    ({"fallbacks": "openai/gpt-4o"}, "fallbacks: a value of type str cannot be used; give a list of models"),
    ({"fallbacks": [1]}, "fallbacks[0]: a value of type int cannot be used"),
    ({"max_retries": "two"}, "max_retries: a value of type str cannot be used; give a whole number"),
    ({"budget": 1.0}, "budget: a value of type float cannot be used; give a Budget, such as Budget('1.00')"),
    ({"ledger": True}, "ledger: a value of type bool cannot be used; give a CostLedger"),
    ({"on_event": "print"}, "on_event: a value of type str cannot be used; give a function that takes an event"),
    ({"options": "tags"}, "options: a value of type str cannot be used; give a mapping or RequestyOptions(…)"),
    ({"extra_headers": SECRET}, "extra_headers: a value of type str cannot be used; give a mapping"),
    ({"api_key": (SECRET,)}, "api_key: a value of type tuple cannot be used; give a text or a function that"),
    ({"api_key": [SECRET]}, "api_key: a value of type list cannot be used"),
    ({"base_url": [SECRET]}, "base_url: a value of type list cannot be used; give a text"),
    ({"tracing": SECRET}, "tracing: a value of type str cannot be used; give True or False"),
    ({"apikey": SECRET}, "apikey: Requesty has no such setting; did you mean api_key?"),
    ({"fallback": ["a/b"]}, "fallback: Requesty has no such setting; did you mean fallbacks?"),
    ({"max_retires": 0}, "max_retires: Requesty has no such setting; did you mean max_retries?"),
    ({"frobnicate": 1}, "frobnicate: Requesty has no such setting; request parameters"),
    ({"temperature": "hot"}, "temperature: a value of type str cannot be used; give a number"),
    ({"context_window": 0}, "context_window: 0 is out of range; should be greater than 0"),
    ({"structured_output": "json"}, "structured_output: not one of the values there are; give 'auto' or"),
    ({"pydantic_program_mode": "x"}, "pydantic_program_mode: not one of the values there are; give 'default' or"),
    ({"fallback_policy": 5}, "fallback_policy: a value of type int cannot be used; give a FallbackPolicy"),
]


@pytest.mark.parametrize(("given", "line"), MISTAKES, ids=[next(iter(given)) for given, _ in MISTAKES])
def test_a_mistake_is_one_line_without_the_value(given: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Requesty("openai/gpt-4o-mini", **given)
    error = caught.value
    assert str(error).startswith(line)
    assert "\n" not in str(error)
    # Nor in what an error tracker walks along.
    assert error.__cause__ is None
    assert error.__context__ is None
    assert SECRET not in str(error)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"dimension": 64}, "dimension: RequestyEmbedding has no such setting; did you mean dimensions?"),
        ({"batch_size": 10}, "batch_size: RequestyEmbedding has no such setting; did you mean embed_batch_size?"),
        ({"embed_batch_size": 3000}, "embed_batch_size: 3000 is out of range; should be less than or equal to 2048"),
        ({"api_key": (SECRET,)}, "api_key: a value of type tuple cannot be used"),
        ({"model": 5}, "model: a value of type int cannot be used; give a text"),
    ],
)
def test_a_mistake_in_embeddings_is_one_line_too(given: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RequestyEmbedding(**{"model": "openai/text-embedding-3-small", **given})
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("models", ["a/b", 5, None, [], [5]])
def test_a_chain_that_is_none_is_one_line(models: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RequestyFallback(models=models)
    assert "\n" not in str(caught.value)
