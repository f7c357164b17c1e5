"""Turns that a model made, here or with another provider's generator, go on: nothing of them vanishes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from haystack.dataclasses import ChatMessage, ImageContent, ReasoningContent, ToolCall
from haystack.utils import Secret
from tests.support.wire import Wire, answer

from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from requesty_core.errors import ConfigurationError
from requesty_emulator import GatewayEmulator

from .conftest import MODEL, Way

USER = ChatMessage.from_user("hi")
TOOLS = {
    "tools": [
        {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}},
        {"type": "custom", "custom": {"name": "run"}},
    ]
}
SIGNATURE = {"google": {"thought_signature": "c2lnbmVk"}}
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


@pytest.fixture
def generator(gateway: GatewayEmulator) -> RequestyChatGenerator:
    return RequestyChatGenerator(
        api_key=Secret.from_token(gateway.api_key), model=MODEL, api_base_url=gateway.base_url, max_retries=0
    )


def answering(message: dict[str, Any]) -> tuple[RequestyChatGenerator, Wire]:
    """A generator whose gateway calls a tool once and then speaks."""
    wire = Wire(answer(message, finish="tool_calls"), answer())
    generator = RequestyChatGenerator(
        model=MODEL,
        api_key=Secret.from_token("k"),
        api_base_url="http://gateway.test/v1",
        http_client_kwargs={"transport": wire.transport},
        generation_kwargs=TOOLS,
    )
    return generator, wire


def sent(gateway: GatewayEmulator) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = gateway.last_request.body["messages"]
    return messages


def calls_of(message: dict[str, Any]) -> list[tuple[str, str]]:
    return [(call["id"], call["function"]["name"]) for call in message["tool_calls"]]


def test_calls_without_ids_and_their_results_find_each_other(
    generator: RequestyChatGenerator, gateway: GatewayEmulator
) -> None:
    """Other providers' calls may have none; ids are never used twice."""
    oslo, rome, time = (
        ToolCall("weather", {"city": "Oslo"}),
        ToolCall("weather", {"city": "Rome"}),
        ToolCall("time", {}),
    )
    history = [
        USER,
        ChatMessage.from_assistant(tool_calls=[oslo, rome, time]),
        ChatMessage.from_tool("12:00", origin=time),
        ChatMessage.from_tool("sun", origin=rome),
        ChatMessage.from_tool("snow", origin=oslo),
        ChatMessage.from_assistant(tool_calls=[oslo]),
        ChatMessage.from_tool("rain", origin=ToolCall("weather", {"city": "Oslo", "unit": "C"})),
    ]
    generator.run(history)
    _, first, *results, second, last = sent(gateway)
    assert len({*(i for i, _ in calls_of(first)), *(i for i, _ in calls_of(second))}) == 4
    by_id = {call["id"]: call["function"] for call in (*first["tool_calls"], *second["tool_calls"])}
    told = {result["content"]: by_id[result["tool_call_id"]] for result in (*results, last)}
    assert told["12:00"]["name"] == "time"
    assert json.loads(told["sun"]["arguments"]) == {"city": "Rome"}
    assert json.loads(told["snow"]["arguments"]) == {"city": "Oslo"}
    assert last["tool_call_id"] == second["tool_calls"][0]["id"]


def test_a_result_without_its_call_is_one_line(generator: RequestyChatGenerator, gateway: GatewayEmulator) -> None:
    history = [USER, ChatMessage.from_tool("sun", origin=ToolCall("weather", {}))]
    line = r"^messages\[1\]: no call of 'weather' stands before this result; give its id$"
    with pytest.raises(ConfigurationError, match=line):
        generator.run(history)
    assert gateway.requests == []


def test_what_a_call_carries_goes_back_with_it(ask: Way) -> None:
    """Gemini refuses a call that comes back without its signature; a dumped history keeps it."""
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    signed = {**call, "extra_content": SIGNATURE}
    generator, wire = answering({"content": None, "tool_calls": [signed]})
    (reply,) = ask.result(generator, [USER])["replies"]
    reply = ChatMessage.from_dict(json.loads(json.dumps(reply.to_dict())))
    ask.result(generator, [USER, reply, ChatMessage.from_tool("sun", origin=reply.tool_calls[0])])
    assert wire.body(1)["messages"][1]["tool_calls"] == [signed]


def test_a_call_of_a_custom_tool_is_a_call_and_goes_back_as_one(ask: Way) -> None:
    custom = {"id": "c1", "type": "custom", "custom": {"name": "run", "input": "print(1)"}}
    generator, wire = answering({"content": None, "tool_calls": [custom]})
    (reply,) = ask.result(generator, [USER])["replies"]
    (call,) = reply.tool_calls
    assert (call.tool_name, call.arguments, call.id) == ("run", {"input": "print(1)"}, "c1")
    ask.result(generator, [USER, reply, ChatMessage.from_tool("1", origin=call)])
    assert wire.body(1)["messages"][1]["tool_calls"] == [custom]


def test_pictures_that_a_model_drew_stay_in_the_history(
    generator: RequestyChatGenerator, gateway: GatewayEmulator
) -> None:
    drawn = ChatMessage.from_assistant("Here.", meta={"images": [PICTURE]})
    own = ChatMessage.from_assistant("There.")
    own._content.append(ImageContent(base64_image="iVBORw0KGgo=", mime_type="image/png", validation=False))
    alone = ChatMessage.from_assistant(meta={"images": [PICTURE]})
    generator.run([USER, drawn, USER, own, USER, alone, USER])
    assistants = [m["content"] for m in sent(gateway) if m["role"] == "assistant"]
    assert assistants == [
        [{"type": "text", "text": "Here."}, PICTURE],
        [{"type": "text", "text": "There."}, PICTURE],
        [PICTURE],
    ]


def test_fields_that_go_back_with_a_message(generator: RequestyChatGenerator, gateway: GatewayEmulator) -> None:
    details = [{"type": "reasoning.encrypted", "data": "x"}]
    turn = ChatMessage.from_assistant("a", meta={"message_extra": {"reasoning_details": details, "other": 1}})
    generator.run([USER, turn, USER])
    assert sent(gateway)[1] == {"role": "assistant", "content": "a", "reasoning_details": details}


def test_other_providers_own_marks_stay_behind(generator: RequestyChatGenerator, gateway: GatewayEmulator) -> None:
    """As Anthropic's and Google's generators leave them."""
    foreign = {"reasoning_contents": [{"reasoning_content": {"reasoning_text": {"text": "hm", "signature": "s"}}}]}
    turn = ChatMessage.from_assistant(
        "a",
        reasoning=ReasoningContent("hm", extra=foreign),
        tool_calls=[ToolCall("weather", {}, id="t1", extra={"thought_signature": "s"})],
    )
    generator.run([USER, turn, ChatMessage.from_tool("sun", origin=turn.tool_calls[0])])
    assert sent(gateway)[1] == {
        "role": "assistant",
        "content": "a",
        "reasoning_content": "hm",
        "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
    }
