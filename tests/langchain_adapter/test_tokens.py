"""Tokens counted offline: media as media, text as LangChain counts it."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage, trim_messages
from langchain_core.messages.utils import count_tokens_approximately
from pydantic import SecretStr

from langchain_requesty import ChatRequesty
from requesty_core.calls.tokens import MEDIA_TOKENS

BASE64 = "A" * 400_000
IMAGE = MEDIA_TOKENS["image_url"]
FILE = MEDIA_TOKENS["input_file"]
AUDIO = MEDIA_TOKENS["input_audio"]
LLM = ChatRequesty(model="openai/gpt-4o-mini", api_key=SecretStr("key"))

BLOCKS: list[tuple[dict[str, Any], int]] = [
    ({"type": "image", "base64": BASE64, "mime_type": "image/png"}, IMAGE),
    ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}"}}, IMAGE),
    ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}", "detail": "low"}}, 85),
    ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": BASE64}}, IMAGE),
    ({"type": "image", "url": "https://a.test/x.png"}, IMAGE),
    ({"type": "file", "base64": BASE64, "mime_type": "application/pdf"}, FILE),
    ({"type": "file", "file_id": "f1"}, FILE),
    ({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": BASE64}}, FILE),
    ({"type": "audio", "base64": BASE64, "mime_type": "audio/wav"}, AUDIO),
    ({"type": "video", "base64": BASE64, "mime_type": "video/mp4"}, FILE),
    ({"type": "media", "mime_type": "image/png", "data": BASE64}, IMAGE),
    (
        {
            "type": "tool_result",
            "tool_use_id": "c",
            "content": [{"type": "image", "base64": BASE64, "mime_type": "image/png"}],
        },
        IMAGE,
    ),
]


@pytest.mark.parametrize(("block", "tokens"), BLOCKS)
@pytest.mark.parametrize("role", [HumanMessage, AIMessage, lambda content: ToolMessage(content, tool_call_id="c")])
def test_media_count_by_their_kind(block: dict[str, Any], tokens: int, role: Any) -> None:
    words = {"type": "text", "text": "What is it?"}
    plain = LLM.get_num_tokens_from_messages([role([words])])
    assert LLM.get_num_tokens_from_messages([role([words, block])]) == plain + tokens


def test_text_counts_as_langchain_counts_it() -> None:
    messages: list[BaseMessage] = [
        HumanMessage("What is it?"),
        AIMessage([{"type": "text", "text": "A light."}], usage_metadata=None),
        HumanMessage(["One more", {"type": "text", "text": "word"}]),
    ]
    expected = count_tokens_approximately(messages, use_usage_metadata_scaling=True)
    assert LLM.get_num_tokens_from_messages(messages) == expected


def test_trimming_keeps_a_message_with_a_large_document() -> None:
    paper = HumanMessage(
        [
            {"type": "text", "text": "Read it."},
            {"type": "file", "base64": BASE64, "mime_type": "application/pdf", "filename": "a.pdf"},
        ]
    )
    old = HumanMessage("word " * 4000)
    kept = trim_messages([old, AIMessage("ok"), paper], max_tokens=3000, token_counter=LLM, start_on="human")
    assert kept == [paper]


def test_generated_images_count_too() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{BASE64}"}}
    drawn = AIMessage("Here.", additional_kwargs={"images": [image]})
    assert LLM.get_num_tokens_from_messages([drawn]) == LLM.get_num_tokens_from_messages([AIMessage("Here.")]) + IMAGE
