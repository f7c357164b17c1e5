"""The chat generator: bytes sent, replies, tools, failures, lifecycle."""

from __future__ import annotations

import asyncio
import copy
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from haystack import Pipeline
from haystack.dataclasses import ChatMessage, FileContent, ImageContent, ReasoningContent, TextContent, ToolCall
from haystack.tools import Tool, Toolset
from haystack.utils import Secret
from pydantic import BaseModel

from haystack_integrations.components.embedders.requesty import RequestyDocumentEmbedder, RequestyTextEmbedder
from haystack_integrations.components.generators.requesty import RequestyChatGenerator, RequestyFallbackChatGenerator
from requesty_core import Budget, CostLedger
from requesty_core.errors import (
    BudgetExceededError,
    ConfigurationError,
    EmptyChoicesError,
    ErrorBodyError,
    MalformedResponseError,
    RequestyError,
    TruncatedStreamError,
)
from requesty_emulator import Fault

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "unit": {"type": "string", "default": "C"}},
    "required": ["city"],
}


def weather(city: str, unit: str = "C") -> str:
    return f"sunny in {city}"


@pytest.fixture
def tool() -> Tool:
    return Tool(name="weather", description="The weather.", parameters=copy.deepcopy(SCHEMA), function=weather)


def test_a_plain_run(ask: Any, make: Any, gw: Any) -> None:
    reply = ask(make())
    meta = reply.meta
    assert reply.text
    assert meta["usage"]["cost"] == float(gw.billed) > 0
    assert meta["usage"]["prompt_tokens"] == gw.last_request.usage["prompt_tokens"]
    assert (meta["model"], meta["requested_model"]) == ("gpt-4o-mini", "openai/gpt-4o-mini")
    assert meta["finish_reason"] == "stop"
    assert meta["request_id"] == gw.last_request.request_id
    assert [attempt["outcome"] for attempt in meta["attempts"]] == ["ok"]
    expected: dict[str, Any] = {
        "model": "openai/gpt-4o-mini",
        "messages": [{"role": "user", "content": "How are you?"}],
    }
    if ask.streams:
        expected |= {"stream": True, "stream_options": {"include_usage": True}}
        assert "".join(chunk.content for chunk in ask.chunks) == reply.text
        assert meta["completion_start_time"]
        assert ask.chunks[-2].finish_reason == "stop"
        assert ask.chunks[-1].meta["usage"] == meta["usage"]
    assert gw.last_request.body == expected


@pytest.mark.parametrize(("usage", "cost"), [({"cost": 0}, 0.0), ({"cost": None}, None), ({"cost": "0.5"}, 0.5)])
def test_cost_is_a_float_or_absent(ask: Any, make: Any, gw: Any, usage: Any, cost: Any) -> None:
    gw.say(text="a", usage=usage)
    told = ask(make()).meta["usage"]
    assert None not in told.values()
    assert told.get("cost") == cost
    assert ("cost" in told) == (cost is not None)


def test_settings_of_a_run_lie_over_those_of_the_generator(ask: Any, make: Any, gw: Any) -> None:
    generator = make(
        generation_kwargs={"temperature": 0.1, "max_tokens": 9},
        options={"tags": ["t"]},
        extra_headers={"X-Requesty-Team": "a"},
        extra_body={"top_k": 5},
        app_title="App",
    )
    ask(generator, generation_kwargs={"temperature": 0.5, "reasoning_effort": "low"})
    body, headers = gw.last_request.body, gw.last_request.headers
    assert (body["temperature"], body["max_tokens"], body["top_k"]) == (0.5, 9, 5)
    assert body["requesty"] == {"tags": ["t"]}
    assert (headers["x-requesty-team"], headers["x-title"]) == ("a", "App")
    assert headers["authorization"] == f"Bearer {gw.api_key}"


def test_tools_and_no_tools(ask: Any, make: Any, gw: Any, tool: Tool) -> None:
    generator = make(tools=[tool])
    gw.say(tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "c"}])
    reply = ask(generator, "Weather of Oslo?")
    assert reply.tool_calls == [ToolCall("weather", {"city": "Oslo"}, "c")]
    assert reply.meta["finish_reason"] == "tool_calls"
    assert gw.last_request.body["tools"][0]["function"] == {
        "name": "weather",
        "description": "The weather.",
        "parameters": SCHEMA,
    }
    # An empty list of a run means none, not those of the generator.
    ask(generator, "Hello", tools=[])
    assert "tools" not in gw.last_request.body
    ask(generator, "Hello", tools=Toolset([tool]))
    assert len(gw.last_request.body["tools"]) == 1
    # Tools of the provider's own, which Haystack has no object for, stand beside the user's.
    ask(generator, "Hello", generation_kwargs={"tools": [{"type": "web_search"}]})
    assert [each["type"] for each in gw.last_request.body["tools"]] == ["web_search", "function"]


def test_strict_tools_leave_the_users_tool_alone(ask: Any, make: Any, gw: Any, tool: Tool) -> None:
    gw.say(tool_calls=[{"name": "weather", "arguments": {"city": "Oslo", "unit": None}, "id": "c"}])
    reply = ask(make(tools=[tool], tools_strict=True), "Weather?")
    function = gw.last_request.body["tools"][0]["function"]
    assert function["strict"] is True
    assert function["parameters"]["additionalProperties"] is False
    assert sorted(function["parameters"]["required"]) == ["city", "unit"]
    assert tool.parameters == SCHEMA
    # An optional argument left out comes as null, which the function's own default replaces.
    assert reply.tool_calls[0].arguments == {"city": "Oslo"}


def test_tools_of_the_same_name_are_refused(make: Any, gw: Any, tool: Tool) -> None:
    with pytest.raises(ValueError, match="weather"):
        make().run("x", tools=[tool, copy.deepcopy(tool)])
    assert gw.requests == []


def test_text_and_a_call_in_one_chunk(make: Any, gw: Any, tool: Tool) -> None:
    call = {"index": 0, "id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
    first = {"id": "i", "choices": [{"index": 0, "delta": {"content": "I look.", "tool_calls": [call]}}]}
    last = {"id": "i", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    gw.say(chunks=[first, last])
    chunks: list[Any] = []
    [reply] = make(tools=[tool]).run("x", streaming_callback=chunks.append)["replies"]
    assert reply.text == "I look."
    assert reply.tool_calls[0].arguments == {"city": "Oslo"}
    assert "".join(chunk.content for chunk in chunks) == "I look."
    assert [delta.tool_name for chunk in chunks for delta in chunk.tool_calls or () if delta.tool_name] == ["weather"]


def test_arguments_that_are_no_json_are_handed_over(ask: Any, make: Any, gw: Any, tool: Tool) -> None:
    gw.say(tool_calls=[{"name": "weather", "arguments": '{"city": ', "id": "c"}])
    reply = ask(make(tools=[tool]))
    assert reply.tool_calls == []
    [bad] = reply.meta["invalid_tool_calls"]
    assert (bad["name"], bad["arguments"], bad["id"]) == ("weather", '{"city": ', "c")


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


WIRE_SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "p", "strict": True, "schema": {"type": "object", "properties": {}}},
}


@pytest.mark.parametrize("form", [Person, WIRE_SCHEMA, {"type": "json_object"}], ids=["class", "schema", "object"])
def test_response_format(ask: Any, make: Any, gw: Any, form: Any) -> None:
    gw.say(text='{"name": "Ada", "age": 36}')
    generator = make(generation_kwargs={"response_format": form})
    reply = ask(generator, "Ada is 36. Answer in json.")
    assert Person.model_validate_json(reply.text or "") == Person(name="Ada", age=36)
    sent = gw.last_request.body["response_format"]
    assert sent["type"] == ("json_object" if form == {"type": "json_object"} else "json_schema")
    saved = generator.to_dict()
    assert RequestyChatGenerator.from_dict(saved).to_dict() == saved
    assert saved["init_parameters"]["generation_kwargs"]["response_format"]["type"] == sent["type"]


def test_reasoning_goes_back_with_its_signature(ask: Any, make: Any, gw: Any, tool: Tool) -> None:
    gw.say(reasoning="hm", signature="sig", tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "c"}])
    generator = make("anthropic/claude-sonnet-4-5", tools=[tool])
    reply = ask(generator, "Weather?")
    assert reply.reasoning is not None
    assert reply.reasoning.reasoning_text == "hm"
    if ask.streams:
        assert "".join(c.reasoning.reasoning_text for c in ask.chunks if c.reasoning) == "hm"
    result = ChatMessage.from_tool("sunny", reply.tool_calls[0])
    ask(generator, [ChatMessage.from_user("Weather?"), reply, result])
    turn = gw.last_request.body["messages"][1]
    assert (turn["reasoning_content"], turn["reasoning_signature"]) == ("hm", "sig")


def test_multimodal_prompts_and_tool_results(make: Any, gw: Any) -> None:
    image = ImageContent(base64_image="iVBORw0KGgo=", mime_type="image/png", detail="low", validation=False)
    call = ToolCall("look", {}, "c")
    make().run(
        [
            ChatMessage.from_system("Be brief."),
            ChatMessage.from_user(content_parts=["Look", image]),
            ChatMessage.from_assistant(tool_calls=[call], reasoning=ReasoningContent("hm")),
            ChatMessage.from_tool([TextContent("here"), image], call),
        ]
    )
    system, user, turn, result = gw.last_request.body["messages"]
    part = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
    assert system == {"role": "system", "content": "Be brief."}
    assert user["content"] == [{"type": "text", "text": "Look"}, part]
    assert turn["content"] is None
    assert result == {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "here"}, part]}


def test_files_take_the_gateways_form(make: Any, gw: Any) -> None:
    paper = FileContent(base64_data="JVBERi0=", mime_type="application/pdf", filename="a.pdf", validation=False)
    call = ToolCall("look", {}, "c")
    make().run(
        [
            ChatMessage.from_user(content_parts=["Read", paper]),
            ChatMessage.from_assistant(tool_calls=[call]),
            ChatMessage.from_tool([paper], call),
        ]
    )
    user, _, result = gw.last_request.body["messages"]
    part = {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    assert user["content"] == [{"type": "text", "text": "Read"}, part]
    assert result["content"] == [part]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(empty_choices=True), EmptyChoicesError),
        (Fault(error_in_200="boom"), ErrorBodyError),
        (Fault(status=200, html=True), MalformedResponseError),
        (Fault(status=429, retry_after=3), RequestyError),
        (Fault(status=401), RequestyError),
    ],
    ids=["no choices", "error body", "html", "429", "401"],
)
def test_failures_are_typed(ask: Any, make: Any, gw: Any, fault: Any, expected: Any) -> None:
    gw.fail_next(fault=fault)
    with pytest.raises(expected) as caught:
        ask(make())
    assert len(gw.requests) == len(caught.value.attempts) == 1
    assert gw.api_key not in str(caught.value)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_truncated_stream_raises_with_what_came(make: Any, gw: Any, is_async: bool) -> None:
    gw.say(text="one two three")
    gw.fail_next(fault=Fault(truncate_after_chunks=3))
    pieces: list[str] = []

    async def take(chunk: Any) -> None:
        pieces.append(chunk.content)

    def run() -> None:
        if is_async:
            asyncio.run(make().run_async("x", streaming_callback=take))
        else:
            make().run("x", streaming_callback=lambda chunk: pieces.append(chunk.content))

    with pytest.raises(TruncatedStreamError) as caught:
        run()
    assert caught.value.partial is not None
    assert caught.value.partial.text == "".join(pieces) == "one two "


def test_errors_of_the_callback_are_the_callers_own(make: Any, gw: Any) -> None:
    def bug(chunk: Any) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        make(max_retries=2, fallbacks=["anthropic/claude-sonnet-4-5"]).run("x", streaming_callback=bug)
    assert len(gw.requests) == 1
    assert gw.wait_idle()


def test_an_async_run_with_a_sync_callback_and_the_reverse(make: Any, gw: Any) -> None:
    pieces: list[str] = []
    asyncio.run(make().run_async("x", streaming_callback=lambda chunk: pieces.append(chunk.content)))
    assert "".join(pieces)

    async def take(chunk: Any) -> None:
        raise AssertionError("never awaited")

    gw.clear()
    with pytest.raises(ValueError, match=r"coroutine|async"):
        make().run("x", streaming_callback=take)
    assert gw.requests == []


@pytest.mark.parametrize("ask", [(False, False), (True, False)], indirect=True, ids=["sync", "async"])
def test_several_choices_count_their_usage_once(ask: Any, make: Any, gw: Any) -> None:
    replies = ask.result(make(generation_kwargs={"n": 2}))["replies"]
    assert len(replies) == 2
    assert sum(reply.meta["usage"].get("cost", 0.0) for reply in replies) == float(gw.billed)


def test_ledger_and_budget(ask: Any, make: Any, gw: Any) -> None:
    ledger = CostLedger()
    generator = make(ledger=ledger, budget=Budget("0.00000001"))
    ask(generator)
    assert ledger.total.cost == gw.billed
    with pytest.raises(BudgetExceededError):
        ask(generator)
    assert len(gw.requests) == 1


# --- life -------------------------------------------------------------------------------------------------------------


def test_lifecycle_is_lazy_idempotent_and_open_again(make: Any, gw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = make()
    monkeypatch.delenv("REQUESTY_API_KEY")
    with pytest.raises(ValueError, match="REQUESTY_API_KEY"):
        generator.warm_up()
    monkeypatch.setenv("REQUESTY_API_KEY", gw.api_key)
    for _ in range(2):
        generator.warm_up()
        generator.close()
        generator.close()
        assert generator.run("x")["replies"]

    async def life() -> None:
        await generator.warm_up_async()
        assert (await generator.run_async("x"))["replies"]
        await generator.close_async()
        await generator.close_async()
        assert (await generator.run_async("x"))["replies"]

    asyncio.run(life())
    asyncio.run(life())


def test_sixteen_threads_on_one_generator(make: Any, gw: Any) -> None:
    generator = make()
    with ThreadPoolExecutor(16) as pool:
        replies = list(pool.map(lambda _: generator.run("x")["replies"][0].text, range(32)))
    assert all(replies)
    assert len(gw.requests) == 32


def test_copies_and_pickles(make: Any, gw: Any) -> None:
    generator = make(api_key=Secret.from_token(gw.api_key))
    assert copy.deepcopy(generator).run("x")["replies"]
    data = pickle.dumps(generator)
    assert gw.api_key.encode() not in data
    assert pickle.loads(data).run("x")["replies"]
    assert generator.run("x")["replies"]
    for text in (repr(generator), str(generator.__dict__)):
        assert gw.api_key not in text


@pytest.mark.parametrize("key", ["rqy-secret", Secret.from_token("rqy-secret")], ids=["bare string", "token"])
@pytest.mark.parametrize(
    "build",
    [
        lambda **settings: RequestyChatGenerator(model="a/b", **settings),
        lambda **settings: RequestyFallbackChatGenerator(models=["a/b", "c/d"], **settings),
        lambda **settings: RequestyTextEmbedder(model="a/b", **settings),
        lambda **settings: RequestyDocumentEmbedder(model="a/b", **settings),
    ],
    ids=["generator", "chain", "text embedder", "document embedder"],
)
def test_a_key_given_as_such_is_not_saved(build: Any, key: Any) -> None:
    component = build(api_key=key)
    with pytest.raises(ValueError, match=r"[Tt]oken"):
        component.to_dict()
    pipeline = Pipeline()
    pipeline.add_component("one", component)
    with pytest.raises(ValueError, match=r"[Tt]oken"):
        pipeline.dumps()
    data = pickle.dumps(component)
    assert b"rqy-secret" not in data
    # Where it wakes up, the key is that of the environment.
    assert pickle.loads(data).api_key == Secret.from_env_var("REQUESTY_API_KEY")


def test_a_bare_string_is_a_key(make: Any, gw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTY_API_KEY")
    assert make(api_key=gw.api_key).run("x")["replies"]
    assert gw.last_request.headers["authorization"] == f"Bearer {gw.api_key}"


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"model": ""}, "model"),
        ({"region": "mars"}, "region"),
        ({"max_retries": -1}, "max_retries"),
        ({"timeout": -1}, "timeout"),
        ({"api_base_url": "nonsense"}, "api_base_url: 'nonsense'"),
        ({"fallbacks": [{"name": "x"}]}, "fallbacks"),
        ({"options": {"tag": "x"}}, "options"),
        ({"extra_headers": {"Authorization": "x"}}, "extra_headers"),
    ],
    ids=str,
)
def test_unusable_settings_are_one_clear_line(make: Any, settings: Any, word: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RequestyChatGenerator(**{"model": "a/b", **settings})
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)
