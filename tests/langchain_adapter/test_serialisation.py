"""Objects that move: dumpd and load, pickle, copies, threads and event loops."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.load import dumpd, dumps, load

from langchain_requesty import (
    ChatRequesty,
    ChatRequestyFallback,
    CostLedger,
    FallbackPolicy,
    RequestyEmbeddings,
    Step,
    Timeouts,
)
from requesty_emulator import GatewayEmulator

KEY = "rqy-very-secret"
MODEL = "openai/gpt-4o-mini"

MODELS: list[Any] = [
    lambda **k: ChatRequesty(model=MODEL, temperature=0.5, stop=["x"], options={"tags": ["a"]}, **k),
    lambda **k: ChatRequesty(
        model=MODEL,
        fallbacks=["a/b", Step("c/d", retries=1)],
        timeout=Timeouts(total=3),
        fallback_policy=FallbackPolicy(deadline=5, cooldown=0),
        extra_headers={"X-A": "b"},
        **k,
    ),
    lambda **k: ChatRequestyFallback([Step("a/b", timeout=2.0), "c/d"], max_retries=0, **k),
]


def settings_of(llm: ChatRequesty) -> dict[str, Any]:
    return {name: getattr(llm, name) for name in type(llm).model_fields if name not in ("requesty_api_key", "name")}


@pytest.mark.filterwarnings("ignore:The function `load` is in beta")
@pytest.mark.parametrize("make", MODELS)
def test_load_restores_what_dumpd_wrote(make: Any) -> None:
    llm = make(api_key=KEY)
    dumped = json.loads(json.dumps(dumpd(llm)))
    assert KEY not in json.dumps(dumped)
    assert KEY not in dumps(llm)
    again = load(
        dumped,
        allowed_objects=[type(llm)],
        valid_namespaces=["langchain_requesty"],
        secrets_map={"REQUESTY_API_KEY": "another"},
    )
    assert type(again) is type(llm)
    assert settings_of(again) == settings_of(llm)
    assert again.requesty_api_key.get_secret_value() == "another"


@pytest.mark.parametrize("make", MODELS)
def test_pickle_leaves_the_key(make: Any) -> None:
    llm = make(api_key=KEY, ledger=CostLedger())
    llm._pair()
    data = pickle.dumps(llm)
    assert KEY.encode() not in data
    again = pickle.loads(data)
    assert again.requesty_api_key is None
    assert again.model == llm.model
    assert again.fallbacks == llm.fallbacks


def test_pickled_models_work(gateway: GatewayEmulator, settings: dict[str, Any], monkeypatch: Any) -> None:
    again = pickle.loads(pickle.dumps(ChatRequesty(model=MODEL, **settings)))
    monkeypatch.setenv("REQUESTY_API_KEY", gateway.api_key)
    assert again.invoke("hi").text


def test_copies_share_account_and_health(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    ledger = CostLedger()
    llm = ChatRequesty(model=MODEL, ledger=ledger, options={"tags": ["a"]}, **settings)
    twin = copy.deepcopy(llm)
    assert twin.options == llm.options
    assert twin.options is not llm.options
    twin.invoke("hi")
    assert ledger.total.cost == gateway.billed > 0


def test_changed_settings_are_not_ignored(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    llm = ChatRequesty(model=MODEL, **settings)
    warm = llm.model_copy(update={"temperature": 0.9})
    assert warm._clients is llm._clients
    warm.invoke("hi")
    assert gateway.last_request.body["temperature"] == 0.9
    llm.options = {"tags": ["late"]}
    llm.invoke("hi")
    assert gateway.last_request.requesty == {"tags": ["late"]}
    llm.model_copy(update={"extra_body": {"x": 1}}).invoke("hi")
    assert gateway.last_request.body["x"] == 1


def test_the_key_is_nowhere_but_in_the_header() -> None:
    llm = ChatRequesty(model=MODEL, api_key=KEY)
    embeddings = RequestyEmbeddings(model=MODEL, api_key=KEY)
    shown = f"{llm!r}{llm}{llm._identifying_params}{llm.asdict()}{embeddings!r}{llm._get_ls_params()}"
    assert KEY not in shown


def test_a_key_from_a_callable(gateway: GatewayEmulator) -> None:
    keys = iter(["wrong", gateway.api_key])
    llm = ChatRequesty(model=MODEL, base_url=gateway.base_url, api_key=lambda: next(keys), max_retries=0)
    with pytest.raises(Exception, match="authorization token"):
        llm.invoke("hi")
    assert llm.invoke("hi").text


def test_sixteen_threads_and_two_loops(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    llm = ChatRequesty(model=MODEL, **settings)
    with ThreadPoolExecutor(16) as pool:
        texts = list(pool.map(lambda n: llm.invoke(f"Say the number {n}").text, range(32)))
    assert len(texts) == 32

    async def both() -> list[Any]:
        return await asyncio.gather(*(llm.ainvoke(f"Say {n}") for n in range(8)))

    assert len(asyncio.run(both())) == 8
    assert len(asyncio.run(both())) == 8


def test_routing_is_part_of_the_cache_key(settings: dict[str, Any]) -> None:
    plain = ChatRequesty(model=MODEL, **settings)
    routed = ChatRequesty(model=MODEL, options={"auto_cache": True}, **settings)
    chained = ChatRequesty(model=MODEL, fallbacks=["a/b"], **settings)
    keys = {llm._get_llm_string() for llm in (plain, routed, chained)}
    assert len(keys) == 3
