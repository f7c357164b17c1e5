"""``RequestyFallbackMiddleware`` over models of other providers: whose errors it reads, and what it asks them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware, ModelRequest
from langchain_core import exceptions as lc
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langgraph.errors import GraphInterrupt

from langchain_requesty import ChatRequesty, RequestyFallbackExhaustedError, RequestyFallbackMiddleware

MARK = {"cache_control": {"type": "ephemeral"}}


class Foreign(GenericFakeChatModel):
    """A model of another package, of which only the kind is known."""

    kind: str = "foreign-chat"

    @property
    def _llm_type(self) -> str:
        return self.kind


def model(kind: str = "foreign-chat") -> Foreign:
    return Foreign(messages=iter([AIMessage("second")] * 3), kind=kind)


class StatusError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"HTTP {status}")
        self.status_code = status


class AwsError(Exception):
    response: ClassVar[dict[str, Any]] = {"Error": {"Code": "Throttling"}, "ResponseMetadata": {"HTTPStatusCode": 429}}


def wrapped(cause: Exception) -> RuntimeError:
    error = RuntimeError("the package's own words")
    error.__cause__ = cause
    return error


def failing(error: Exception) -> Foreign:
    def messages() -> Iterator[Any]:
        raise error
        yield

    return Foreign(messages=messages())


def told(ask: Callable[..., Any], mode: str) -> Any:
    if mode == "sync":
        return ask({"messages": [HumanMessage("hi")]})
    return asyncio.run(ask({"messages": [HumanMessage("hi")]}))


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize(
    "error",
    [
        StatusError(503),
        StatusError(429),
        StatusError(404),
        AwsError(),
        wrapped(StatusError(529)),
        wrapped(AwsError()),
        ConnectionResetError("gone"),
        TimeoutError("late"),
        lc.ModelRateLimitError("slow down"),
    ],
    ids=repr,
)
def test_failures_of_other_packages_fall_back(error: Exception, mode: str) -> None:
    agent = create_agent(failing(error), middleware=[RequestyFallbackMiddleware(model())])
    answer = told(agent.invoke if mode == "sync" else agent.ainvoke, mode)["messages"][-1]
    assert answer.content == "second"
    (attempt,) = answer.response_metadata["requesty"]["attempts"]
    assert attempt["model"] == "Foreign"


def test_a_chain_that_is_used_up_names_its_models() -> None:
    agent = create_agent(failing(StatusError(503)), middleware=[RequestyFallbackMiddleware(failing(AwsError("slow")))])
    with pytest.raises(RequestyFallbackExhaustedError) as caught:
        agent.invoke({"messages": [HumanMessage("hi")]})
    said = str(caught.value)
    assert "Foreign: OverloadedError: HTTP 503" in said
    assert "Foreign: RateLimitError: " in said
    assert isinstance(caught.value.__cause__, AwsError)


@pytest.mark.parametrize(
    "error",
    [StatusError(400), StatusError(401), wrapped(StatusError(422)), ValueError("a bug"), GraphInterrupt()],
    ids=repr,
)
def test_what_no_other_model_can_help_with_is_raised_as_it_is(error: Exception) -> None:
    agent = create_agent(failing(error), middleware=[RequestyFallbackMiddleware(unasked := model())])
    if isinstance(error, GraphInterrupt):
        agent.invoke({"messages": [HumanMessage("hi")]})  # LangGraph's own: the run pauses
    else:
        with pytest.raises(type(error)) as caught:
            agent.invoke({"messages": [HumanMessage("hi")]})
        assert caught.value is error
    assert len(list(unasked.messages)) == 3


@tool(extras={**MARK, "defer_loading": True})
def look(place: str) -> str:
    """Look at a place."""
    return place


class Marks(AgentMiddleware[Any, Any, Any]):
    """Marks everything, as caching middleware before the fallback does."""

    def wrap_model_call(self, request: ModelRequest[Any], handler: Callable[..., Any]) -> Any:
        block = {"type": "text", "text": "hi", "extras": {**MARK, "kept": 1}, "metadata": {**MARK}, **MARK}
        headers = {"X-Session-Affinity": "s", "X-Other": "o"}
        return handler(
            request.override(
                messages=[HumanMessage([block, "plain"])],
                system_message=SystemMessage([{"type": "text", "text": "be", **MARK}]),
                tools=[look, {"type": "web_search", **MARK}],
                model_settings={**MARK, "prompt_cache_key": "k", "extra_headers": headers, "temperature": 0.5},
            )
        )


class Seen(AgentMiddleware[Any, Any, Any]):
    """Keeps what reaches each model."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[ModelRequest[Any]] = []

    def wrap_model_call(self, request: ModelRequest[Any], handler: Callable[..., Any]) -> Any:
        self.requests.append(request)
        if len(self.requests) == 1:
            raise StatusError(503)
        return AIMessage("ok")


def second_request(second: Any) -> ModelRequest[Any]:
    seen = Seen()
    agent = create_agent(model(), [look], middleware=[Marks(), RequestyFallbackMiddleware(second), seen])
    agent.invoke({"messages": [HumanMessage("hi")]})
    first, asked = seen.requests
    assert MARK.items() <= first.model_settings.items()
    assert asked.model is second
    return asked


def marks(value: Any) -> int:
    """How often the mark stands in it."""
    if isinstance(value, dict):
        return ("cache_control" in value) + sum(map(marks, value.values()))
    return sum(map(marks, value)) if isinstance(value, list) else 0


@pytest.mark.parametrize(
    ("kind", "settings", "marked"),
    [
        ("foreign-chat", {"extra_headers": {"X-Other": "o"}, "temperature": 0.5}, 0),
        ("openai-chat", {"prompt_cache_key": "k", "extra_headers": {"X-Other": "o"}, "temperature": 0.5}, 0),
        ("anthropic-chat", {**MARK, "extra_headers": {"X-Other": "o"}, "temperature": 0.5}, 6),
        (
            "fireworks-chat",
            {
                "prompt_cache_key": "k",
                "extra_headers": {"X-Session-Affinity": "s", "X-Other": "o"},
                "temperature": 0.5,
            },
            0,
        ),
    ],
)
def test_a_model_gets_the_cache_settings_that_it_takes(kind: str, settings: dict[str, Any], marked: int) -> None:
    asked = second_request(model(kind))
    assert asked.model_settings == settings
    tools = [asked.tools[0].extras, asked.tools[1]]
    assert asked.system_message is not None
    assert marks([asked.system_message.content, *(m.content for m in asked.messages), *tools]) == marked
    (message,) = asked.messages
    assert message.content[0]["extras"]["kept"] == 1
    assert message.content[1] == "plain"
    assert asked.tools[0].extras["defer_loading"] is True
    assert look.extras == {**MARK, "defer_loading": True}


def test_the_gateway_takes_every_mark() -> None:
    asked = second_request(ChatRequesty(model="openai/gpt-4o", api_key="k"))
    assert asked.model_settings["prompt_cache_key"] == "k"
    assert marks([message.content for message in asked.messages]) == 3
