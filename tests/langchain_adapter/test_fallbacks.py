"""Chains: falling back unseen, and telling about it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel
from tests.support.langchain_tools import weather

import langchain_requesty as lr
from langchain_requesty import ChatRequesty, ChatRequestyFallback, CostLedger, FallbackPolicy, Step
from requesty_emulator import Fault, GatewayEmulator

FIRST, SECOND = "openai/gpt-4o", "anthropic/claude-sonnet-4-5"


class City(BaseModel):
    """A city."""

    name: str


def chains(settings: dict[str, Any]) -> list[ChatRequesty]:
    return [
        ChatRequesty(model=FIRST, fallbacks=[SECOND], **settings),
        ChatRequestyFallback(models=[FIRST, SECOND], **settings),
        ChatRequestyFallback([Step(FIRST), {"model": SECOND, "retries": 0}], **settings),
    ]


@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("mode", ["invoke", "stream", "ainvoke", "astream"])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503),
        Fault(status=402),
        Fault(error_in_200={"message": "broke"}),
        Fault(error_event={"message": "broke"}, error_after_chunks=1),
        Fault(truncate_after_chunks=1),
    ],
)
def test_falls_back_unseen(
    gateway: GatewayEmulator, settings: dict[str, Any], index: int, mode: str, fault: Fault
) -> None:
    unary = not mode.endswith("stream")
    if unary and (fault.error_event is not None or fault.truncate_after_chunks is not None):
        fault = Fault(drop_connection=True)
    gateway.fault(model=FIRST, **{f: getattr(fault, f) for f in _set(fault)})
    llm = chains(settings)[index]
    assert isinstance(llm, BaseChatModel)

    async def astream() -> Any:
        return [chunk async for chunk in llm.astream("hi")]

    if mode == "invoke":
        message = llm.invoke("hi")
    elif mode == "ainvoke":
        message = asyncio.run(llm.ainvoke("hi"))
    else:
        chunks = list(llm.stream("hi")) if mode == "stream" else asyncio.run(astream())
        message = chunks[0]
        for chunk in chunks[1:]:
            message = message + chunk  # type: ignore[assignment]
    assert message.text
    metadata = message.response_metadata
    assert metadata["requested_model"] == SECOND
    first, second = metadata["requesty"]["attempts"]
    assert (first["model"], first["outcome"]) == (FIRST, "error")
    assert (second["model"], second["outcome"]) == (SECOND, "ok")


def _set(fault: Fault) -> list[str]:
    return [name for name in Fault.__slots__ if getattr(fault, name) != getattr(Fault(), name)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [400, 401, 403, 412, 422])
def test_never_for_these(gateway: GatewayEmulator, settings: dict[str, Any], status: int) -> None:
    gateway.fault(model=FIRST, status=status)
    with pytest.raises(lr.RequestyError) as caught:
        ChatRequestyFallback(models=[FIRST, SECOND], **settings).invoke("hi")
    assert caught.value.status == status
    assert len(gateway.requests) == 1


def test_after_visible_output_the_error_is_raised(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(text="one two three", pieces=["one ", "two ", "three"])
    gateway.fault(model=FIRST, cut_after_chunks=3)
    seen: list[str] = []
    with pytest.raises(lr.RequestyTruncatedStreamError) as caught:
        seen.extend(chunk.text for chunk in ChatRequestyFallback(models=[FIRST, SECOND], **settings).stream("hi"))
    assert caught.value.partial is not None
    assert caught.value.partial.text == "".join(seen) != ""
    assert len(gateway.requests) == 1


def test_all_fail(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.fault(status=503)
    with pytest.raises(lr.RequestyFallbackExhaustedError) as caught:
        ChatRequestyFallback(models=[FIRST, SECOND], **settings).invoke("hi")
    assert [attempt.model for attempt in caught.value.attempts] == [FIRST, SECOND]
    assert len(caught.value.errors) == 2


def test_tools_and_structured_output_on_a_chain(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.fault(model=FIRST, status=503)
    ledger = CostLedger()
    llm = ChatRequestyFallback(models=[FIRST, SECOND], ledger=ledger, **settings)
    asked = llm.bind_tools([weather]).invoke("What is the weather in Oslo?")
    assert asked.tool_calls[0]["name"] == "weather"
    assert llm.with_structured_output(City).invoke("The city is named Oslo") is not None
    # The first model cools down after its failure: the second call did not ask it again.
    assert [request.model for request in gateway.requests] == [FIRST, SECOND, SECOND]
    assert ledger.total.cost == gateway.billed


def test_settings_of_the_first_step(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.fail_next(503, retry_after=0)
    message = ChatRequestyFallback(models=[Step(FIRST, retries=1), SECOND], **settings).invoke("hi")
    assert [attempt["model"] for attempt in message.response_metadata["requesty"]["attempts"]] == [FIRST, FIRST]
    # A model named by the call replaces the first step.
    ChatRequestyFallback(models=[Step(FIRST, retries=1), SECOND], **settings).invoke("hi", model="openai/gpt-4o-mini")
    assert gateway.last_request.model == "openai/gpt-4o-mini"


def test_fallbacks_of_one_call(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.fault(model=FIRST, status=503)
    message = ChatRequesty(model=FIRST, **settings).invoke("hi", fallbacks=[SECOND])
    assert message.response_metadata["requested_model"] == SECOND


def test_predicate_and_deadline(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.fault(model=FIRST, status=503)
    policy = FallbackPolicy(should_fall_back=lambda error: False)
    with pytest.raises(lr.RequestyOverloadedError):
        ChatRequestyFallback(models=[FIRST, SECOND], fallback_policy=policy, **settings).invoke("hi")
    assert len(gateway.requests) == 1


def test_profile_is_what_all_members_can_do(settings: dict[str, Any]) -> None:
    one = ChatRequesty(model="openai/gpt-4o", **settings).profile
    both = ChatRequestyFallback(models=["openai/gpt-4o", "google/gemini-2.5-pro"], **settings).profile
    assert one is not None
    assert both is not None
    assert both["max_input_tokens"] == min(one["max_input_tokens"], 1048576)
    assert ChatRequestyFallback(models=["openai/gpt-4o", "policy/x"], **settings).profile is None


@pytest.mark.parametrize("models", [[], None])
def test_a_chain_needs_models(settings: dict[str, Any], models: Any) -> None:
    with pytest.raises(lr.RequestyConfigurationError, match=r"^models: empty"):
        ChatRequestyFallback(models=models, model="x/y", **settings)
