"""Conversations that began with another provider, class or version: what of their turns goes out."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_requesty import ChatRequesty, RequestyConfigurationError
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"
PNG = "iVBORw0KGgo="
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
CALL = {"name": "tide", "args": {"at": "Oslo"}, "id": "c1"}
WIRE_CALL = {"id": "c1", "type": "function", "function": {"name": "tide", "arguments": '{"at": "Oslo"}'}}
SAID = [{"type": "text", "text": "I look."}]


def turn(content: Any, provider: str | None = None, **more: Any) -> AIMessage:
    metadata = {"model_provider": provider} if provider else {}
    return AIMessage(content, response_metadata=metadata, **more)


# provider and form: (the turn, the wire message)
TURNS: dict[str, tuple[BaseMessage, dict[str, Any]]] = {
    "openai responses": (
        turn(
            [
                {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
                {"type": "text", "text": "I look.", "annotations": [], "id": "msg_1"},
                {"type": "function_call", "name": "tide", "arguments": '{"at": "Oslo"}', "call_id": "c1", "id": "fc_1"},
            ],
            "openai",
            tool_calls=[CALL],
        ),
        {"content": SAID, "tool_calls": [WIRE_CALL], "reasoning_content": "hm"},
    ),
    "openai responses, encrypted": (
        turn(
            [
                {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
                {"type": "function_call", "name": "tide", "arguments": '{"at": "Oslo"}', "call_id": "c1"},
            ],
            "openai",
        ),
        {"content": None, "tool_calls": [WIRE_CALL]},
    ),
    "openai responses, searched": (
        turn([{"type": "web_search_call", "id": "ws_1"}, *SAID], "openai", tool_calls=[CALL]),
        {"content": SAID, "tool_calls": [WIRE_CALL]},
    ),
    "openai responses, older": (
        turn("I look.", "openai", tool_calls=[CALL], additional_kwargs={"reasoning": {"summary": [{"text": "hm"}]}}),
        {"content": "I look.", "tool_calls": [WIRE_CALL], "reasoning_content": "hm"},
    ),
    "openai image": (
        turn([{"type": "image_generation_call", "id": "ig_1", "result": PNG}, *SAID], "openai", tool_calls=[CALL]),
        {"content": [IMAGE, *SAID], "tool_calls": [WIRE_CALL]},
    ),
    "openai speech": (
        turn("", "openai", tool_calls=[CALL], additional_kwargs={"audio": {"id": "a", "transcript": "I look."}}),
        {"content": "I look.", "tool_calls": [WIRE_CALL]},
    ),
    "anthropic": (
        turn(
            [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "tide"}},
                {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []},
                {"type": "text", "text": "I look.", "citations": []},
                {"type": "tool_use", "id": "c1", "name": "tide", "input": {"at": "Oslo"}},
            ],
            "anthropic",
            tool_calls=[CALL],
        ),
        {
            "content": SAID,
            "tool_calls": [WIRE_CALL],
            "reasoning_content": "hm",
            "reasoning_signature": "c2ln",
        },
    ),
    "bedrock converse": (
        turn(
            [
                {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "c2ln"}},
                *SAID,
                {"type": "tool_use", "id": "c1", "name": "tide", "input": {"at": "Oslo"}},
            ],
            "bedrock_converse",
            tool_calls=[CALL],
        ),
        {
            "content": SAID,
            "tool_calls": [WIRE_CALL],
            "reasoning_content": "hm",
            "reasoning_signature": "c2ln",
        },
    ),
    "bedrock converse, its own form": (
        turn([{"text": "I look."}, {"toolUse": {"toolUseId": "c1", "name": "tide", "input": {"at": "Oslo"}}}]),
        {"content": SAID, "tool_calls": [WIRE_CALL]},
    ),
    "gemini": (
        turn(
            [*SAID, {"type": "function_call_signature", "signature": "c2ln", "index": 0}],
            "google_genai",
            tool_calls=[CALL],
        ),
        {"content": SAID, "tool_calls": [WIRE_CALL]},
    ),
    "gemini, code": (
        turn(
            [
                {"type": "executable_code", "executable_code": "print(1)", "language": "PYTHON"},
                {"type": "code_execution_result", "code_execution_result": "1"},
                *SAID,
            ],
            "google_genai",
            tool_calls=[CALL],
        ),
        {
            "content": [
                {"type": "text", "text": "```\nprint(1)\n```"},
                {"type": "text", "text": "```\n1\n```"},
                *SAID,
            ],
            "tool_calls": [WIRE_CALL],
        },
    ),
    "mistral": (
        turn([{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, *SAID], tool_calls=[CALL]),
        {"content": SAID, "tool_calls": [WIRE_CALL], "reasoning_content": "hm"},
    ),
    "standard blocks": (
        AIMessage(
            content_blocks=[
                {"type": "reasoning", "reasoning": "hm"},
                {"type": "server_tool_call", "id": "s", "name": "web_search", "args": {}},
                {"type": "server_tool_result", "tool_call_id": "s", "status": "success"},
                {"type": "text", "text": "I look."},
                {"type": "tool_call", **CALL},  # type: ignore[typeddict-item]
                {"type": "non_standard", "value": {"type": "compaction"}},
            ]
        ),
        {"content": SAID, "tool_calls": [WIRE_CALL], "reasoning_content": "hm"},
    ),
    "a call in the wire's form": (
        ChatMessage("I look.", role="assistant", additional_kwargs={"tool_calls": [WIRE_CALL]}),
        {"content": "I look.", "tool_calls": [WIRE_CALL]},
    ),
    "another word for the role": (
        ChatMessage("I look.", role="model", additional_kwargs={"tool_calls": [WIRE_CALL]}),
        {"content": "I look.", "tool_calls": [WIRE_CALL]},
    ),
    "a kind that nobody knows": (
        turn([{"type": "hologram", "data": 1}, *SAID], tool_calls=[CALL]),
        {"content": SAID, "tool_calls": [WIRE_CALL]},
    ),
    "a drawn image beside the text": (
        turn("I look.", "requesty", tool_calls=[CALL], additional_kwargs={"images": [IMAGE]}),
        {"content": [*SAID, IMAGE], "tool_calls": [WIRE_CALL]},
    ),
    "what the provider needs back": (
        turn("I look.", "requesty", tool_calls=[CALL], additional_kwargs={"extra_content": {"google": {"a": 1}}}),
        {"content": "I look.", "tool_calls": [WIRE_CALL], "extra_content": {"google": {"a": 1}}},
    ),
}


@pytest.mark.parametrize(("message", "wire"), TURNS.values(), ids=TURNS)
def test_a_turn_of_another_provider_goes_on(
    gateway: GatewayEmulator, settings: dict[str, Any], message: BaseMessage, wire: dict[str, Any]
) -> None:
    gateway.say(text="ok")
    messages = [HumanMessage("tide?"), message, ToolMessage("high", tool_call_id="c1")]
    ChatRequesty(model=MODEL, **settings).invoke(messages)
    assert gateway.last_request.body["messages"][1] == {"role": "assistant", **wire}


def test_what_stays_behind_is_in_the_log(
    gateway: GatewayEmulator, settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="requesty"):
        ChatRequesty(model=MODEL, **settings).invoke(
            [
                HumanMessage("a secret"),
                turn([{"type": "web_search_call", "query": "a secret"}, *SAID]),
                HumanMessage("b"),
            ]
        )
    told = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    reason = "a web_search_call block means something to its own provider only"
    assert told == [f"left out of the request: messages[1].content[0]: {reason}"]


def test_legacy_function_calls_and_their_results(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    legacy = {"function_call": {"name": "tide", "arguments": '{"at": "Oslo"}'}}
    messages = [
        HumanMessage("tide?"),
        AIMessage("", additional_kwargs=legacy),
        FunctionMessage("high", name="tide"),
        AIMessage("", additional_kwargs=legacy),
        ChatMessage("low", role="function", name="tide"),
        # As servers in Go write a field without a value.
        AIMessage("Both.", additional_kwargs={"function_call": {"name": "", "arguments": ""}}),
        HumanMessage("Thanks."),
    ]
    ChatRequesty(model=MODEL, **settings).invoke(messages)
    sent = gateway.last_request.body["messages"]
    first, second = sent[1]["tool_calls"][0], sent[3]["tool_calls"][0]
    assert [call["function"] for call in (first, second)] == [legacy["function_call"]] * 2
    assert first["id"] != second["id"]
    assert sent[2] == {"role": "tool", "tool_call_id": first["id"], "content": "high"}
    assert sent[4] == {"role": "tool", "tool_call_id": second["id"], "content": "low"}
    assert sent[5] == {"role": "assistant", "content": "Both."}


RESULTS: dict[str, tuple[Any, Any]] = {
    "converse": (
        [{"toolResult": {"toolUseId": "c1", "content": [{"json": {"level": 3}}]}}],
        [{"type": "text", "text": '{"level":3}'}],
    ),
    "gemini": ([{"functionResponse": {"name": "tide", "response": {"level": 3}}}], '{"level":3}'),
    "responses": ([{"type": "function_call_output", "call_id": "c1", "output": "high"}], "high"),
}


@pytest.mark.parametrize(("content", "sent"), RESULTS.values(), ids=RESULTS)
def test_results_in_a_users_turn(gateway: GatewayEmulator, settings: dict[str, Any], content: Any, sent: Any) -> None:
    asked = turn([{"functionCall": {"name": "tide", "args": {}}}]) if "functionResponse" in content[0] else turn("")
    if not asked.content:
        asked.tool_calls = [CALL]  # type: ignore[list-item]
    ChatRequesty(model=MODEL, **settings).invoke([HumanMessage("tide?"), asked, HumanMessage(content)])
    call, result = gateway.last_request.body["messages"][1:]
    assert result == {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": sent}


TOOL_RESULTS: list[tuple[Any, Any]] = [
    ([{"type": "custom_tool_call_output", "output": "high"}], [{"type": "text", "text": "high"}]),
    ([{"level": 3}], [{"type": "text", "text": '{"level":3}'}]),
    ([{"type": "json", "json": {"level": 3}}], [{"type": "text", "text": '{"level":3}'}]),
    ([{"type": "resource", "resource": {"uri": "f:///x", "text": "high"}}], [{"type": "text", "text": "high"}]),
    ([{"type": "image", "data": PNG, "mimeType": "image/png"}], [IMAGE]),
]


@pytest.mark.parametrize(("content", "sent"), TOOL_RESULTS)
def test_results_of_tools(gateway: GatewayEmulator, settings: dict[str, Any], content: Any, sent: Any) -> None:
    messages = [HumanMessage("tide?"), turn("", tool_calls=[CALL]), ToolMessage(content, tool_call_id="c1")]
    ChatRequesty(model=MODEL, **settings).invoke(messages)
    assert gateway.last_request.body["messages"][2]["content"] == sent


REFUSED: list[tuple[list[BaseMessage], str]] = [
    (
        [SystemMessage("s"), HumanMessage([{"type": "text", "text": "a"}, {"type": "hologram"}])],
        "messages[1].content[1]: a block of type 'hologram' cannot be sent",
    ),
    ([HumanMessage([{"type": "text"}])], "messages[0].content[0]: the text block has no 'text'"),
    ([HumanMessage([{"type": "text", "text": {"a": 1}}])], "messages[0].content[0]: the text block has no 'text'"),
    (
        [HumanMessage([{"type": "image", "file_id": "f"}])],
        "messages[0].content[0]: an image given by id cannot be sent",
    ),
    (
        [HumanMessage([{"type": "audio", "file_id": "f"}])],
        "messages[0].content[0]: an audio given by id cannot be sent",
    ),
    ([HumanMessage([{"type": "image", "url": "/a.png"}])], "messages[0].content[0]: a relative address cannot be sent"),
    (
        [HumanMessage([{"type": "reasoning", "reasoning": "hm"}])],
        "messages[0].content[0]: a reasoning block belongs in an assistant message",
    ),
    (
        [HumanMessage([{"type": "web_search_call"}])],
        "messages[0].content[0]: a web_search_call block belongs in an assistant message",
    ),
    (
        [SystemMessage([{"type": "tool_result", "tool_use_id": "c1", "content": "r"}])],
        "messages[0].content: a tool_result block belongs in a user message",
    ),
    (
        [HumanMessage([{"functionResponse": {"name": "tide", "response": {}}}])],
        "messages[0]: the result of a tool does not say of which call",
    ),
    ([FunctionMessage("high", name="tide")], "messages[0]: the result of 'tide' answers no function_call before it"),
    ([ChatMessage("high", role="tool")], "messages[0]: a tool message needs 'tool_call_id'; use ToolMessage"),
    (
        [HumanMessage("q"), turn("", tool_calls=[CALL]), ToolMessage([{"type": "hologram"}], tool_call_id="c1")],
        "messages[2].content[0]: a block of type 'hologram' cannot be sent",
    ),
    (
        [HumanMessage("q"), turn("", tool_calls=[{"name": "f", "args": {"a": {1}}, "id": "c"}])],
        "messages[1].tool_calls: the arguments of the call cannot be sent as JSON",
    ),
]


@pytest.mark.parametrize(("messages", "line"), REFUSED)
def test_what_a_user_wrote_is_sent_or_refused_in_one_line_that_names_it(
    gateway: GatewayEmulator, settings: dict[str, Any], messages: list[BaseMessage], line: str
) -> None:
    with pytest.raises(RequestyConfigurationError) as caught:
        ChatRequesty(model=MODEL, **settings).invoke(messages)
    assert str(caught.value).startswith(line)
    assert "\n" not in str(caught.value)
    assert gateway.requests == []
