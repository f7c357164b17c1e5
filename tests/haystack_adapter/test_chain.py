"""The fallback generator."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import pytest
from haystack import component, tracing
from haystack.components.generators.chat import FallbackChatGenerator, OpenAIChatGenerator
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack.utils import Secret

from haystack_integrations.components.generators.requesty import (
    RequestyChatGenerator,
    RequestyFallbackChatGenerator,
)
from requesty_core.errors import ConfigurationError, FallbackExhaustedError, RequestyError
from requesty_core.network import shared
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_emulator import Fault

A, B = "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"


@pytest.fixture(params=["models", "generators"])
def chain(request: pytest.FixtureRequest, gw: Any, make: Any) -> RequestyFallbackChatGenerator:
    """The same chain written both ways."""
    if request.param == "generators":
        return RequestyFallbackChatGenerator([make(A), make(B)])
    settings = {"api_base_url": gw.base_url, "max_retries": 0}
    return RequestyFallbackChatGenerator(models=[A, B], generator_kwargs=settings)


def asked(gw: Any) -> list[str]:
    return [request.model for request in gw.requests]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=503),
        Fault(status=429),
        Fault(drop_connection=True),
        Fault(error_in_200="boom"),
        Fault(empty_choices=True),
        Fault(status=200, html=True),
    ],
    ids=["503", "429", "dropped", "error body", "no choices", "html"],
)
def test_failures_before_a_token_are_unseen(ask: Any, chain: Any, gw: Any, fault: Any) -> None:
    # A kept connection that is dropped is replaced by a new one, which is no failure.
    shared._close()
    gw.fail_next(fault=fault, model=A)
    result = ask.result(chain)
    [reply] = result["replies"]
    assert reply.meta["requested_model"] == B
    assert [(a["model"], a["outcome"]) for a in reply.meta["attempts"]] == [(A, "error"), (B, "ok")]
    assert result["meta"]["attempts"] == reply.meta["attempts"]
    assert asked(gw) == [A, B]
    if ask.streams:
        assert "".join(chunk.content for chunk in ask.chunks) == reply.text


@pytest.mark.parametrize("ask", [(False, True), (True, True)], indirect=True, ids=["sync", "async"])
@pytest.mark.parametrize(
    "cut", [Fault(truncate_after_chunks=3), Fault(error_event="boom", error_after_chunks=3)], ids=["cut", "error"]
)
def test_after_a_token_the_error_is_raised_with_what_came(ask: Any, chain: Any, gw: Any, cut: Any) -> None:
    gw.say(text="one two three", model=A)
    gw.fail_next(fault=cut, model=A)
    with pytest.raises(RequestyError) as caught:
        ask(chain)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "one two "
    assert asked(gw) == [A]


def test_all_failed(ask: Any, chain: Any, gw: Any) -> None:
    gw.fault(status=503)
    with pytest.raises(FallbackExhaustedError) as caught:
        ask(chain)
    assert len(caught.value.errors) == 2
    assert asked(gw) == [A, B]


@pytest.mark.parametrize("status", [400, 401, 412])
def test_what_no_other_model_can_mend_is_raised(ask: Any, chain: Any, gw: Any, status: int) -> None:
    gw.fail_next(status)
    with pytest.raises(RequestyError):
        ask(chain)
    assert asked(gw) == [A]


def test_a_bug_in_the_callback_is_not_retried(chain: Any, gw: Any) -> None:
    def bug(chunk: StreamingChunk) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        chain.run("x", streaming_callback=bug)
    assert asked(gw) == [A]


def test_a_sick_member_is_passed_over(ask: Any, chain: Any, gw: Any) -> None:
    gw.fault(status=503, model=A)
    ask(chain)
    ask(chain)
    assert asked(gw) == [A, B, B]


def test_a_member_without_its_key_does_not_break_the_chain(ask: Any, make: Any, gw: Any) -> None:
    missing = make(A, api_key=Secret.from_env_var("REQUESTY_KEY_THAT_IS_NOT_SET"))
    chain = RequestyFallbackChatGenerator([missing, make(B)])
    chain.warm_up()
    assert ask(chain).meta["requested_model"] == B
    assert asked(gw) == [B]


def test_members_of_other_packages(make: Any, gw: Any) -> None:
    plain = OpenAIChatGenerator(
        api_key=Secret.from_token("k"), model="x", api_base_url="http://127.0.0.1:9/v1", max_retries=0
    )
    chain = RequestyFallbackChatGenerator([plain, make(B)])
    result = chain.run("x")
    assert result["replies"][0].meta["requested_model"] == B
    assert result["meta"]["attempts"][0]["error_class"]


@component
class Odd:
    """A generator with a bug."""

    @component.output_types(replies=list[ChatMessage])
    def run(self, messages: list[ChatMessage]) -> dict[str, Any]:
        raise TypeError("a bug")


def test_bugs_of_members_are_raised(make: Any, gw: Any) -> None:
    with pytest.raises(TypeError, match="a bug"):
        RequestyFallbackChatGenerator([Odd(), make(B)]).run("x")
    assert gw.requests == []


def test_one_client_asks_all_models_of_a_list(gw: Any) -> None:
    chain = RequestyFallbackChatGenerator(
        models=[Step(A, retries=1), B], generator_kwargs={"api_base_url": gw.base_url}
    )
    assert len(chain.generators) == 1
    gw.fail_next(503, times=2, model=A, retry_after=0)
    assert chain.run("x")["replies"][0].meta["requested_model"] == B
    assert asked(gw) == [A, A, B]


@pytest.mark.parametrize(
    "arguments", [{}, {"generators": [], "models": []}, {"generators": ["x"]}, {"models": [5]}], ids=str
)
def test_unusable_chains(arguments: Any) -> None:
    with pytest.raises(ConfigurationError):
        RequestyFallbackChatGenerator(**arguments)


def test_saved_and_restored(chain: Any, gw: Any) -> None:
    chain.policy = FallbackPolicy(cooldown=5)
    saved = chain.to_dict()
    assert gw.api_key not in str(saved)
    again = RequestyFallbackChatGenerator.from_dict(saved)
    assert RequestyFallbackChatGenerator.from_dict(saved).to_dict() == saved == again.to_dict()
    gw.fail_next(503, model=A)
    assert again.run("x")["replies"][0].meta["requested_model"] == B
    assert isinstance(again.generators[0], RequestyChatGenerator)


# --- members of other packages ----------------------------------------------------------------------------------------


@component
class Member:
    """A generator of another package that does what it is told."""

    def __init__(self, outcome: Any) -> None:
        self.outcome = outcome
        self.messages: Any = None

    @component.output_types(replies=list[ChatMessage], meta=dict[str, Any])
    def run(self, messages: list[ChatMessage], streaming_callback: Any = None) -> dict[str, Any]:
        self.messages = messages
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return {"replies": self.outcome, "meta": {"own": 1}}


GOOD = [ChatMessage.from_assistant("Here.")]


def test_an_answer_without_replies_is_a_failure(ask: Any) -> None:
    result = ask.result(RequestyFallbackChatGenerator([Member([]), Member(GOOD)]))
    assert result["replies"][0].text == "Here."
    assert result["meta"]["attempts"][0]["error_class"] == "EmptyChoicesError"


def test_meta_has_what_haystacks_own_chain_tells(ask: Any) -> None:
    meta = ask.result(RequestyFallbackChatGenerator([Member(TimeoutError("slow")), Member(GOOD)]))["meta"]
    told = {name: meta[name] for name in meta if name not in ("attempts", "generator", "class")}
    assert told == {
        "own": 1,
        "successful_chat_generator_index": 1,
        "successful_chat_generator_class": "Member",
        "total_attempts": 2,
        "failed_chat_generators": ["Member"],
    }


def test_a_string_reaches_members_as_messages() -> None:
    member = Member(GOOD)
    RequestyFallbackChatGenerator([member]).run("Hello")
    assert member.messages == [ChatMessage.from_user("Hello")]
    with pytest.raises(TypeError, match=r"^messages: expected a list of ChatMessage or a string"):
        RequestyFallbackChatGenerator([member]).run({"role": "user"})  # type: ignore[arg-type]


def test_haystacks_own_name_of_the_members_is_taken() -> None:
    chain = RequestyFallbackChatGenerator(chat_generators=[Member(GOOD)])
    assert chain.run("Hello")["replies"] == GOOD
    with pytest.raises(ConfigurationError, match=r"^chat_generators: is another name of generators"):
        RequestyFallbackChatGenerator([Member(GOOD)], chat_generators=[Member(GOOD)])


def test_a_saved_chain_of_haystacks_loads_as_ours(gw: Any) -> None:
    members = [OpenAIChatGenerator(api_key=Secret.from_env_var("REQUESTY_API_KEY"), model=m) for m in ("a", "b")]
    saved = FallbackChatGenerator(members).to_dict()
    saved["type"] = f"{RequestyFallbackChatGenerator.__module__}.{RequestyFallbackChatGenerator.__name__}"
    chain = RequestyFallbackChatGenerator.from_dict(saved)
    assert [member.model for member in chain.generators] == ["a", "b"]


class Span(tracing.Span):
    """A span that keeps its tags."""

    def __init__(self, operation_name: str, tags: dict[str, Any]) -> None:
        self.operation_name = operation_name
        self.tags = tags

    def set_tag(self, key: str, value: Any) -> None:
        self.tags[key] = value


class SpyingTracer(tracing.Tracer):
    """A tracer that keeps its spans."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    @contextlib.contextmanager
    def trace(self, operation_name: str, tags: Any = None, parent_span: Any = None) -> Iterator[tracing.Span]:
        self.spans.append(Span(operation_name, dict(tags or {})))
        yield self.spans[-1]

    def current_span(self) -> tracing.Span | None:
        return None


class Screen:
    """A callback that is an object."""

    def __init__(self) -> None:
        self.shown = ""

    async def __call__(self, chunk: StreamingChunk) -> str:
        await asyncio.sleep(0)
        self.shown += chunk.content
        return "seen"


def test_an_object_whose_call_is_async_is_awaited(make: Any) -> None:
    for callback in (Screen(), functools.partial(Screen())):
        chain = RequestyFallbackChatGenerator([make(A), make(B)])
        asyncio.run(chain.run_async("The sea is calm.", streaming_callback=callback))
        assert "calm" in getattr(callback, "func", callback).shown


def test_a_callbacks_own_value_goes_back_to_the_member() -> None:
    @component
    class Streaming:
        @component.output_types(replies=list[ChatMessage])
        def run(self, messages: list[ChatMessage], streaming_callback: Any = None) -> dict[str, Any]:
            return {"replies": [ChatMessage.from_assistant(streaming_callback(StreamingChunk(content="x")))]}

    chain = RequestyFallbackChatGenerator([Streaming(), Member(GOOD)])
    assert chain.run("Hello", streaming_callback=lambda chunk: f"got {chunk.content}")["replies"][0].text == "got x"


def test_every_attempt_has_a_span_of_haystacks_tracer() -> None:
    tracer = SpyingTracer()
    tracing.enable_tracing(tracer)
    try:
        RequestyFallbackChatGenerator([Member(TimeoutError("slow")), Member(GOOD)]).run("Hello")
    finally:
        tracing.disable_tracing()
    spans = [span for span in tracer.spans if span.operation_name == "haystack.chat_generator.run"]
    assert [span.tags["haystack.component.type"] for span in spans] == ["Member", "Member"]
