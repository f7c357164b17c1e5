"""A chain is one model: fallback, events, settings and members."""

from __future__ import annotations

from typing import Any

import pytest
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.instrumentation.events.exception import ExceptionEvent
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatStartEvent,
    LLMCompletionEndEvent,
    LLMCompletionStartEvent,
)

from llama_index.llms.requesty import RequestyFallback
from requesty_core.errors import ConfigurationError, ErrorKind, FallbackExhaustedError, RequestyError
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_emulator import Fault

A, B = "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"
METHODS = ["chat", "achat", "stream_chat", "astream_chat"]


@pytest.mark.parametrize("name", METHODS)
async def test_a_chain_is_one_llm_with_one_span_and_one_pair_of_events(
    make: Any, gw: Any, run_method: Any, events: list[Any], spans: Any, name: str
) -> None:
    gw.fail_next(503, model=A)
    chain = make(models=[A, Step(B, retries=1)])
    last = (await run_method(chain, name, [ChatMessage("x")]))[-1]
    assert last.additional_kwargs["requested_model"] == B
    assert [(a["model"], a["outcome"]) for a in last.additional_kwargs["attempts"]] == [(A, "error"), (B, "ok")]
    assert len([event for event in events if isinstance(event, LLMChatStartEvent)]) == 1
    assert len([event for event in events if isinstance(event, LLMChatEndEvent)]) == 1
    assert len([span for span in spans.completed_spans if f".{name}-" in span.id_]) == 1
    assert chain.ledger.total.cost == gw.billed


@pytest.mark.parametrize("name", ["stream_chat", "astream_chat"])
async def test_before_the_first_token_unseen_after_it_with_what_came(
    make: Any, gw: Any, run_method: Any, name: str
) -> None:
    gw.fail_next(fault=Fault(error_event={"message": "boom", "code": 502}, error_after_chunks=1), model=A)
    policy = FallbackPolicy(cooldown=0)
    chain = make(models=[A, B], fallback_policy=policy)
    assert (await run_method(chain, name, [ChatMessage("x")]))[-1].additional_kwargs["requested_model"] == B
    gw.say(text="one two three", model=A)
    gw.fail_next(fault=Fault(error_event={"message": "boom", "code": 502}, error_after_chunks=3), model=A)
    with pytest.raises(RequestyError, match="boom") as caught:
        await run_method(chain, name, [ChatMessage("x")])
    assert caught.value.partial is not None
    assert caught.value.partial.text == "one two "


@pytest.mark.parametrize("status", [400, 401, 412])
def test_what_no_other_model_can_mend_is_raised(make: Any, gw: Any, status: int) -> None:
    gw.fail_next(status)
    with pytest.raises(RequestyError):
        make(models=[A, B]).complete("x")
    assert len(gw.requests) == 1


def test_all_failed(make: Any, gw: Any) -> None:
    gw.fault(status=503)
    with pytest.raises(FallbackExhaustedError) as caught:
        make(models=[A, B]).complete("x")
    assert caught.value.kind is ErrorKind.EXHAUSTED
    assert [attempt.model for attempt in caught.value.attempts] == [A, B]


def test_members_lend_their_settings_and_must_agree(make: Any, gw: Any) -> None:
    chain = RequestyFallback(models=[make(A, temperature=0.1), make(B, temperature=0.1)])
    assert chain.complete("x").text
    assert gw.last_request.body["temperature"] == 0.1
    with pytest.raises(ConfigurationError, match="temperature"):
        RequestyFallback(models=[make(A, temperature=0.1), make(B, temperature=0.2)])


def test_settings_reach_the_chain(make: Any, gw: Any, settings: Any, events: list[Any]) -> None:
    gw.fail_next(503, model=A)
    counter = TokenCountingHandler(tokenizer=lambda text: text.split())
    settings.callback_manager = CallbackManager([counter])
    settings.llm = make(models=[make(A), make(B)])
    assert settings.llm.callback_manager is settings.callback_manager
    assert settings.llm.complete("x").additional_kwargs["requested_model"] == B
    usage = gw.last_request.usage
    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    assert len([event for event in events if isinstance(event, LLMCompletionStartEvent)]) == 1


def test_the_models_of_a_chain_are_changed_together(make: Any, gw: Any) -> None:
    chain = make(models=[A, B])
    chain.models = [B, A]
    assert (chain.model, chain.fallbacks, chain.metadata.model_name) == (B, [A], B)
    other = chain.model_copy(update={"models": [A]})
    assert (other.model, other.fallbacks) == (A, [])
    assert chain.complete("x").additional_kwargs["requested_model"] == B
    assert other.complete("x").additional_kwargs["requested_model"] == A
    with pytest.raises(ConfigurationError, match="set models"):
        chain.model = A
    with pytest.raises(ConfigurationError, match="set models"):
        chain.model_copy(update={"fallbacks": []})
    for nothing in ([], None, A):
        with pytest.raises(ConfigurationError, match="models"):
            chain.models = nothing


@pytest.mark.parametrize("name", [*METHODS, "complete", "acomplete", "stream_complete", "astream_complete"])
async def test_one_call_is_one_span_and_one_pair_of_events(
    make: Any, run_method: Any, events: list[Any], spans: Any, name: str
) -> None:
    await run_method(make(), name, "x" if "complete" in name else [ChatMessage("x")])
    starts = (LLMChatStartEvent, LLMCompletionStartEvent)
    assert len([event for event in events if isinstance(event, starts)]) == 1
    assert len([event for event in events if isinstance(event, (LLMChatEndEvent, LLMCompletionEndEvent))]) == 1
    assert len([span for span in spans.completed_spans if f".{name}-" in span.id_]) == 1


@pytest.mark.parametrize("name", ["stream_chat", "astream_chat"])
async def test_a_stream_left_early_ends_its_events_and_its_connection(
    make: Any, gw: Any, events: list[Any], name: str
) -> None:
    gw.say(text="one two three four five six")
    llm = make()
    if name == "stream_chat":
        stream = llm.stream_chat([ChatMessage("x")])
        next(stream)
        stream.close()
    else:
        astream = await llm.astream_chat([ChatMessage("x")])
        await anext(astream)
        await astream.aclose()
    assert [event for event in events if isinstance(event, ExceptionEvent)]
    assert not [event for event in events if isinstance(event, LLMChatEndEvent)]
    assert llm.complete("again").text
