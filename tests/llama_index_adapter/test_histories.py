"""Turns that other integrations made go on: nothing becomes empty, a Python object, or nothing at all."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    CitableBlock,
    CitationBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from llama_index.core.memory import Memory
from llama_index.core.utilities.token_counting import TokenCounter
from tests.support.bodies import completion

RAW = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{base64.b64encode(RAW).decode()}"}}
OK = completion({"content": "ok"})
TEXT = TextBlock(text="Yes.")
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def turn(*blocks: Any, **kwargs: Any) -> ChatMessage:
    return ChatMessage(role="assistant", blocks=list(blocks), additional_kwargs=kwargs)


def thought(text: str | None, **information: Any) -> ThinkingBlock:
    return ThinkingBlock(content=text, additional_information=information)


# a turn, the message it is sent as
TURNS: dict[str, tuple[ChatMessage, dict[str, Any]]] = {
    "signed thinking (Anthropic)": (
        turn(thought("hm", signature="s", type="thinking"), TEXT),
        {"content": "Yes.", "reasoning_content": "hm", "reasoning_signature": "s"},
    ),
    "redacted thinking": (turn(thought(None, data="opaque"), TEXT), {"content": "Yes."}),
    "nothing but redacted thinking": (turn(thought("")), {"content": "[thinking]"}),
    "thinking beside the blocks": (turn(TEXT, thinking="hm"), {"content": "Yes.", "reasoning_content": "hm"}),
    "a thinking block beside the blocks": (
        turn(TEXT, thinking={"thinking": "hm", "signature": "s"}),
        {"content": "Yes.", "reasoning_content": "hm", "reasoning_signature": "s"},
    ),
    "a summary of reasoning (OpenAI)": (
        turn(TEXT, reasoning={"id": "r", "summary": [{"type": "summary_text", "text": "hm"}]}),
        {"content": "Yes.", "reasoning_content": "hm"},
    ),
    "two texts": (turn(TEXT, TextBlock(text="No.")), {"content": "Yes.\nNo."}),
    "an image": (turn(ImageBlock(image=base64.b64encode(RAW), image_mimetype="image/png")), {"content": [PICTURE]}),
    "an image that is gone": (turn(TEXT, ImageBlock(path=None)), {"content": "Yes."}),
    "nothing but audio": (turn(AudioBlock(audio=base64.b64encode(b"x"), format="wav")), {"content": "[input_audio]"}),
    "nothing but a video": (turn(VideoBlock(url="https://a.test/v.mp4")), {"content": "[input_file]"}),
    "a document": (
        turn(TEXT, DocumentBlock(data=b"%PDF-1.4", document_mimetype="application/pdf")),
        {"content": "Yes."},
    ),
    "a citation": (
        turn(
            TEXT, CitationBlock(cited_content=TextBlock(text="x"), source="s", title="t", additional_location_info={})
        ),
        {"content": "Yes."},
    ),
    "a source": (turn(CitableBlock(title="T", source="s", content=[TEXT])), {"content": "T (s):\nYes."}),
    "a cache mark": (
        turn(TEXT, CachePoint(cache_control={"type": "ephemeral"})),
        {"content": [{"type": "text", "text": "Yes.", "cache_control": {"type": "ephemeral"}}]},
    ),
    "a refusal": (turn(refusal="No."), {"content": None, "refusal": "No."}),
    "a call": (
        turn(ToolCallBlock(tool_call_id="c", tool_name="f", tool_kwargs={"a": 1})),
        {"content": None, "tool_calls": [CALL]},
    ),
    "a call (OpenAI, in a dict)": (turn(tool_calls=[CALL]), {"content": None, "tool_calls": [CALL]}),
    "a call (OpenAI, an object)": (
        turn(tool_calls=[SimpleNamespace(model_dump=lambda: dict(CALL))]),
        {"content": None, "tool_calls": [CALL]},
    ),
    "a call (Anthropic)": (
        turn(TEXT, tool_calls=[{"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}]),
        {"content": "Yes.", "tool_calls": [CALL]},
    ),
    "a call (Bedrock)": (
        turn(tool_calls=[{"toolUseId": "c", "name": "f", "input": {"a": 1}}]),
        {"content": None, "tool_calls": [CALL]},
    ),
    "a call (Gemini)": (
        turn(tool_calls=[{"id": "c", "name": "f", "args": {"a": 1}}]),
        {"content": None, "tool_calls": [CALL]},
    ),
    "a call twice": (
        turn(ToolCallBlock(tool_call_id="c", tool_name="f", tool_kwargs='{"a": 1}'), tool_calls=[CALL]),
        {"content": None, "tool_calls": [CALL]},
    ),
    "a call with a signature": (
        turn(
            ToolCallBlock(tool_call_id="c", tool_name="f", tool_kwargs={"a": 1}),
            tool_calls=[{**CALL, "extra_content": 1}],
        ),
        {"content": None, "tool_calls": [{**CALL, "extra_content": 1}]},
    ),
}


@pytest.mark.parametrize("name", TURNS)
def test_a_turn_of_another_integration(name: str, canned: Any) -> None:
    message, expected = TURNS[name]
    llm, wire = canned(OK)
    results = (
        [ChatMessage("r", role="tool", additional_kwargs={"tool_call_id": "c"})] if "tool_calls" in expected else []
    )
    llm.chat([ChatMessage("x"), message, *results, ChatMessage("y")])
    assert wire.body()["messages"][1] == {"role": "assistant", **expected}


@pytest.mark.parametrize("role", ["function", "tool"])
def test_the_legacy_function_call_and_its_result_find_each_other(role: str, make: Any, gw: Any) -> None:
    legacy = {"name": "f", "arguments": '{"a": 1}'}
    make().chat(
        [
            ChatMessage("x"),
            turn(function_call=legacy),
            ChatMessage("one", role=role, additional_kwargs={"name": "f"}),
            turn(function_call=legacy),
            ChatMessage("two", role=role, additional_kwargs={"name": "f"}),
            ChatMessage("y"),
        ]
    )
    _, first, one, second, two, _ = gw.last_request.body["messages"]
    assert [first["tool_calls"][0]["function"], one["role"], one["content"]] == [legacy, "tool", "one"]
    assert one["tool_call_id"] == first["tool_calls"][0]["id"] != second["tool_calls"][0]["id"]
    assert two["tool_call_id"] == second["tool_calls"][0]["id"]


def test_counters_take_media_for_media(canned: Any) -> None:
    """LlamaIndex counts a message by its blocks and by the text of ``additional_kwargs``: no base64 may stand there."""
    data = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 300_000).decode()
    sound = {"id": "a", "data": data, "transcript": "Hi"}
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    llm, _ = canned(completion({"content": "Here.", "images": [image], "audio": sound}))
    message = llm.chat([ChatMessage("x")]).message
    assert TokenCounter().estimate_tokens_in_messages([message]) < 5_000
    assert Memory.from_defaults()._estimate_token_count(message) < 5_000
    pdf = DocumentBlock(data=b"%PDF-1.4" + b"\0" * 300_000, document_mimetype="application/pdf")
    asked = ChatMessage(blocks=[TextBlock(text="Read."), pdf])
    assert TokenCounter().estimate_tokens_in_messages([asked]) < 5_000
