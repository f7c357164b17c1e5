"""Turns that other providers made go on: nothing becomes empty, and no turn vanishes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic_ai.direct import model_request
from pydantic_ai.messages import (
    BinaryContent,
    CompactionPart,
    FilePart,
    ModelRequest,
    ModelResponse,
    NativeToolCallPart,
    NativeToolReturnPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

PNG = "data:image/png;base64,iVBORw0KGgo="
IMAGE = FilePart(BinaryContent(b"\x89PNG\r\n\x1a\n", media_type="image/png"), provider_name="google")
CALL = NativeToolCallPart("web_search", {"query": "x"}, "w1", provider_name="anthropic")
RETURN = NativeToolReturnPart("web_search", [{"url": "https://a.test"}], "w1", provider_name="anthropic")
SIGNED = ThinkingPart("hm", id="t", signature="sig", provider_name="anthropic")
REDACTED = ThinkingPart("", id="redacted_thinking", signature="opaque", provider_name="anthropic")
PICTURE = {"type": "image_url", "image_url": {"url": PNG}}

# a response of another provider, the message it is sent as
TURNS: dict[str, tuple[ModelResponse, dict[str, Any]]] = {
    "text beside the provider's own search": (
        ModelResponse([CALL, RETURN, TextPart("Found.")], provider_name="anthropic"),
        {"content": "Found."},
    ),
    "nothing but the provider's own search": (
        ModelResponse([CALL, RETURN], provider_name="anthropic"),
        {"content": "[web_search]"},
    ),
    "an image": (ModelResponse([IMAGE], provider_name="google"), {"content": [PICTURE]}),
    "text and image": (
        ModelResponse([TextPart("Here:"), IMAGE], provider_name="google"),
        {"content": [{"type": "text", "text": "Here:"}, PICTURE]},
    ),
    "a readable summary": (
        ModelResponse([CompactionPart("So far: a light.", provider_name="anthropic")], provider_name="anthropic"),
        {"content": "So far: a light."},
    ),
    "an encrypted summary": (
        ModelResponse([CompactionPart(provider_name="openai", id="c")], provider_name="openai"),
        {"content": "[compaction]"},
    ),
    "redacted thinking before text": (
        ModelResponse([REDACTED, TextPart("Yes.")], provider_name="anthropic"),
        {"content": "Yes."},
    ),
    "another provider's signed thinking": (
        ModelResponse([SIGNED, TextPart("Yes.")], provider_name="anthropic"),
        {"content": "<think>\nhm\n</think>\n\nYes."},
    ),
    "a refusal": (
        ModelResponse([], provider_name="openai", provider_details={"refusal": "I will not."}),
        {"content": None, "refusal": "I will not."},
    ),
    "reasoning alone": (
        ModelResponse(
            [ThinkingPart("hm", id="reasoning_content", signature="s", provider_name="requesty")],
            provider_name="requesty",
        ),
        {"content": "", "reasoning_content": "hm", "reasoning_signature": "s"},
    ),
}


@pytest.mark.parametrize("name", TURNS)
async def test_a_turn_of_another_provider(name: str, make: Any, gw: Any) -> None:
    response, expected = TURNS[name]
    history = [ModelRequest.user_text_prompt("x"), response, ModelRequest.user_text_prompt("y")]
    await model_request(make(), history)
    assert [message["role"] for message in gw.last_request.body["messages"]] == ["user", "assistant", "user"]
    assert gw.last_request.body["messages"][1] == {"role": "assistant", **expected}


async def test_an_empty_response_is_no_turn(make: Any, gw: Any) -> None:
    history = [ModelRequest.user_text_prompt("x"), ModelResponse([]), ModelRequest.user_text_prompt("y")]
    await model_request(make(), history)
    assert [message["role"] for message in gw.last_request.body["messages"]] == ["user", "user"]


async def test_calls_of_another_provider_keep_their_results(make: Any, gw: Any) -> None:
    call = ToolCallPart("f", {"a": 1}, "c", provider_name="google", provider_details={"thought_signature": "x"})
    history = [
        ModelRequest.user_text_prompt("x"),
        ModelResponse([SIGNED, call, IMAGE], provider_name="google"),
        ModelRequest([ToolReturnPart("f", "done", "c")]),
    ]
    tool = ToolDefinition(name="f", parameters_json_schema={"type": "object", "properties": {}})
    await model_request(make(), history, model_request_parameters=ModelRequestParameters(function_tools=[tool]))
    turn = gw.last_request.body["messages"][1]
    # What only Google's own API understands stays behind; the call does not.
    function = {"name": "f", "arguments": '{"a":1}'}
    assert turn["tool_calls"] == [{"id": "c", "type": "function", "function": function}]
    assert PICTURE in turn["content"]
