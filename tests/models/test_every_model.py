"""Every chat model of the catalogue, through every adapter, without a 400 on the strict emulator.

`make test` asks one model of each class of models that neither the core nor the emulator tells apart (and every model
by the two fastest adapters); `make models` asks every model by every adapter.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAIError
from pydantic_ai.exceptions import AgentRunError
from tests.models.calls import ADAPTERS, City, core

from requesty_core import BadRequestError, FallbackPolicy, RequestyClient, RequestyError
from requesty_core.catalog import ModelInfo, bundled, supports_schema
from requesty_core.catalog.rules import rules_for
from requesty_emulator import GatewayEmulator
from requesty_emulator.models.catalogue import find
from requesty_emulator.models.rules import rules_of

ALL = bool(os.environ.get("EVERY_MODEL"))
SCHEMA_IS_THE_CALLERS = frozenset(("core", "openai", "haystack"))
"""Where the caller gives the response format, and a model that takes none refuses it."""


def chat_models() -> list[ModelInfo]:
    """Models that answer in words; managed ids first."""
    found = [m for m in bundled().values() if m.api in (None, "chat") and not m.supports_image_generation]
    return sorted(found, key=lambda m: ("/" in m.id, m.id))


def class_of(info: ModelInfo) -> object:
    """What the core and the emulator know of a model, apart from its names, prices and sizes."""
    flags = [getattr(info, name) for name in ModelInfo.__slots__ if name.startswith("supports_")]
    served = find(info.id)
    own = (served.caching, served.vision, served.reasoning, served.tools, served.schema, served.temperature)
    return rules_for(info.id), tuple(flags), info.accepts_temperature, rules_of(served), own


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayEmulator]:
    """A gateway of its own, and the environment that leads to it."""
    with GatewayEmulator() as gateway, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTY_BASE_URL", gateway.base_url)
        patch.setenv("REQUESTY_API_KEY", gateway.api_key)
        yield gateway


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """The ids to ask: all of them, or the first of each class."""
    models = chat_models()
    if ALL:
        return [m.id for m in models]
    firsts: dict[object, str] = {}
    for info in models:
        firsts.setdefault(class_of(info), info.id)
    return list(firsts.values())


def test_the_managed_ids_and_more_are_known() -> None:
    ids = [m.id for m in chat_models()]
    assert sum("/" not in name for name in ids) > 150
    assert len(ids) > 500


CALLS = [(adapter, kind) for adapter, (_, kinds) in ADAPTERS.items() for kind in kinds]


@pytest.mark.parametrize(("adapter", "kind"), CALLS, ids=[f"{a}-{k}" for a, k in CALLS])
def test_it_answers(adapter: str, kind: str, gateway: GatewayEmulator, asked: list[str]) -> None:
    call, kinds = ADAPTERS[adapter]
    failed = {}
    for model in asked:
        refuses = "schema" in kind and adapter in SCHEMA_IS_THE_CALLERS and not supports_schema(model)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                answer = call(model, {}, **kinds[kind])
            assert answer
            if "schema" in kind and adapter not in SCHEMA_IS_THE_CALLERS:
                assert isinstance(answer, City)
        except (RuntimeError, ValueError, RequestyError, OpenAIError, AgentRunError) as error:
            if not (refuses and "response_format" in str(error)):
                failed[model] = f"{type(error).__name__}: {error}"[:200]
    gateway.clear()
    assert failed == {}


@pytest.mark.parametrize("kind", ["chat", "tools", "effort"])
def test_every_model_answers_the_core(kind: str, gateway: GatewayEmulator) -> None:
    _, kinds = ADAPTERS["core"]
    failed = {}
    for info in chat_models():
        try:
            core(info.id, {}, **kinds[kind])
        except BadRequestError as error:
            failed[info.id] = str(error)
    gateway.clear()
    assert failed == {}


# --- a chain of three makers ------------------------------------------------------------------------------------------

CHAIN = ["openai/gpt-5.6", "anthropic/claude-opus-4-7", "google/gemini-2.5-pro"]
CHAINS = [CHAIN, [CHAIN[1], CHAIN[2], CHAIN[0]], [CHAIN[2], CHAIN[0], CHAIN[1]]]
SAMPLING = {"temperature": 0.2}


@pytest.mark.parametrize("kind", ["tools", "schema", "effort"])
@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: chain[0])
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_chain_falls_through_its_makers_without_a_refusal(
    adapter: str, chain: list[str], kind: str, gateway: GatewayEmulator
) -> None:
    call, kinds = ADAPTERS[adapter]
    first, second, third = chain
    more: dict[str, Any] = {"fallbacks": [second, third]}
    # The first model takes what it is given; the others have to be spared what they refuse.
    params = {**kinds[kind], **({} if rules_for(first).refused & SAMPLING.keys() else SAMPLING)}
    gateway.clear()
    for model in (first, second):
        gateway.fault(model=model, status=503)
    try:
        assert call(first, more, **params)
        statuses = [(r.body["model"], r.status) for r in gateway.requests]
    finally:
        gateway.reset()
    assert statuses[:3] == [(first, 503), (second, 503), (third, 200)]
    assert 400 not in [status for _, status in statuses]


# --- the other formats ------------------------------------------------------------------------------------------------

MESSAGES_TOOLS = [{"name": "weather", "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}}}]
RESPONSES_TOOLS = [{"type": "function", "name": "weather", "parameters": MESSAGES_TOOLS[0]["input_schema"]}]
ASKED = [{"role": "user", "content": "What is the weather in Oslo?"}]
NATIVE: dict[str, dict[str, Any]] = {
    "messages": {
        "messages": ASKED,
        "max_tokens": 5000,
        "temperature": 0.2,
        "top_p": 0.9,
        "tools": MESSAGES_TOOLS,
        "tool_choice": {"type": "any"},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
    },
    "responses": {
        "input": ASKED,
        "max_output_tokens": 5000,
        "temperature": 0.2,
        "top_p": 0.9,
        "tools": RESPONSES_TOOLS,
        "tool_choice": "required",
        "reasoning": {"effort": "low"},
    },
}


@pytest.mark.parametrize("route", NATIVE)
def test_every_model_can_be_the_later_one_of_a_chain(route: str, gateway: GatewayEmulator) -> None:
    failed, spared = {}, 0
    first = "openai/gpt-4o-mini"
    for info in chat_models():
        gateway.fail_next(503, model=first)
        client = RequestyClient(max_retries=0, fallbacks=[info.id], fallback_policy=FallbackPolicy(cooldown=0))
        ask = client.messages if route == "messages" else client.responses
        try:
            reply: Any = ask(model=first, **NATIVE[route])
        except RequestyError as error:
            failed[info.id] = f"{type(error).__name__}: {error}"[:200]
        else:
            assert [attempt.model for attempt in reply.attempts] == [first, info.id]
            spared += bool(reply.attempts[1].left_out)
    gateway.clear()
    assert failed == {}
    assert spared > 100


@pytest.mark.parametrize("route", NATIVE)
@pytest.mark.parametrize("model", ["openai/gpt-5", "anthropic/claude-sonnet-4-5", "anthropic/claude-opus-4-7"])
def test_the_emulator_refuses_there_what_the_makers_refuse(route: str, model: str, gateway: GatewayEmulator) -> None:
    client = RequestyClient(max_retries=0)
    ask: Any = client.messages if route == "messages" else client.responses
    with pytest.raises(BadRequestError):
        ask(model=model, **NATIVE[route])
