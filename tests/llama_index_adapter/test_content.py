"""Content blocks, and histories of other integrations, as they are sent."""

from __future__ import annotations

import base64
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

from requesty_core.errors import ConfigurationError

RAW = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
DATA = base64.b64encode(RAW).decode()
PDF = base64.b64encode(b"%PDF-1.4").decode()


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (TextBlock(text="a"), {"type": "text", "text": "a"}),
        (
            ImageBlock(image=base64.b64encode(RAW), image_mimetype="image/png", detail="low"),
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}", "detail": "low"}},
        ),
        (
            ImageBlock(url="https://images.test/a.png", image_mimetype="image/png"),
            {"type": "image_url", "image_url": {"url": "https://images.test/a.png", "mime_type": "image/png"}},
        ),
        (
            DocumentBlock(data=b"%PDF-1.4", document_mimetype="application/pdf", title="a.pdf"),
            {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": f"data:application/pdf;base64,{PDF}",
                "mime_type": "application/pdf",
            },
        ),
        (
            AudioBlock(audio=base64.b64encode(b"x"), format="wav"),
            {"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}},
        ),
        (
            DocumentBlock(url="https://files.test/a.pdf", title="a.pdf"),
            {
                "type": "input_file",
                "filename": "a.pdf",
                "file_data": "https://files.test/a.pdf",
                "mime_type": "application/pdf",
            },
        ),
        (
            VideoBlock(video=base64.b64encode(b"v"), video_mimetype="video/mp4"),
            {
                "type": "input_file",
                "filename": "video.mp4",
                "file_data": "data:video/mp4;base64,dg==",
                "mime_type": "video/mp4",
            },
        ),
    ],
    ids=["text", "image", "image by url", "document", "audio", "document by url", "video"],
)
def test_blocks_become_parts(canned: Any, block: Any, part: Any) -> None:
    llm, wire = canned({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]})
    llm.chat(
        [
            ChatMessage(
                role="user", blocks=[TextBlock(text="Look"), block, CachePoint(cache_control={"type": "ephemeral"})]
            )
        ]
    )
    content = wire.body()["messages"][0]["content"]
    assert content == [{"type": "text", "text": "Look"}, {**part, "cache_control": {"type": "ephemeral"}}]


def test_files_are_read_and_named(canned: Any, tmp_path: Any) -> None:
    llm, wire = canned({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]})
    (tmp_path / "a.png").write_bytes(RAW)
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.4")
    llm.chat([ChatMessage(blocks=[ImageBlock(path=tmp_path / "a.png"), DocumentBlock(path=tmp_path / "b.pdf")])])
    image, document = wire.body()["messages"][0]["content"]
    assert image["image_url"]["url"] == f"data:image/png;base64,{DATA}"
    assert (document["filename"], document["file_data"]) == ("b.pdf", f"data:application/pdf;base64,{PDF}")
    gone = ImageBlock(path=tmp_path / "a.png")
    (tmp_path / "a.png").unlink()
    with pytest.raises(ConfigurationError, match="image"):
        llm.chat([ChatMessage(blocks=[gone])])


def test_sources_are_sent_with_their_title(canned: Any) -> None:
    llm, wire = canned({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]})
    llm.chat([ChatMessage(blocks=[CitableBlock(title="Tide", source="t.txt", content=[TextBlock(text="High at 9.")])])])
    assert wire.body()["messages"][0]["content"] == "Tide (t.txt):\nHigh at 9."


@pytest.mark.parametrize(
    ("role", "sent"), [("model", "assistant"), ("chatbot", "assistant"), ("developer", "developer")]
)
def test_roles_of_other_frameworks_are_translated(canned: Any, role: str, sent: str) -> None:
    llm, wire = canned({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]})
    llm.chat([ChatMessage(role=role, content="a"), ChatMessage("b")])
    assert wire.body()["messages"][0] == {"role": sent, "content": "a"}


def test_histories_of_other_integrations_keep_their_calls(canned: Any) -> None:
    llm, wire = canned({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]})
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    result = ChatMessage(role="tool", content="1", additional_kwargs={"tool_call_id": "c"})
    llm.chat([ChatMessage(role="assistant", additional_kwargs={"tool_calls": calls}), result])
    assert wire.body()["messages"][0] == {"role": "assistant", "content": None, "tool_calls": calls}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (ChatMessage(role="user", blocks=[CachePoint(cache_control={"type": "ephemeral"})]), "cache point"),
        (ChatMessage(role="user", blocks=[ThinkingBlock(content="x")]), "thinking"),
        (ChatMessage(role="user", blocks=[ToolCallBlock(tool_name="f", tool_kwargs={})]), "tool_call"),
        (ChatMessage(role="user", blocks=[AudioBlock(url="https://a.test/x.mp3")]), "audio"),
        (ChatMessage(role="user", blocks=[VideoBlock()]), "video"),
        (ChatMessage(role="function", content="x"), "function"),
        (ChatMessage(role="tool", content="x"), "tool_call_id"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_sent_is_named_before_anything_is(make: Any, gw: Any, message: ChatMessage, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        make().chat([message])
    assert gw.requests == []


def test_a_turn_with_thinking_calls_and_media_results_goes_back(canned: Any) -> None:
    llm, wire = canned({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]})
    thought = ThinkingBlock(content="hm", additional_information={"signature": "sig"})
    call = ToolCallBlock(tool_call_id="c", tool_name="f", tool_kwargs={"a": 1})
    image = ImageBlock(image=base64.b64encode(RAW), image_mimetype="image/png")
    cited = CitationBlock(cited_content=TextBlock(text="x"), source="s", title="t", additional_location_info={})
    llm.chat(
        [
            ChatMessage("x"),
            ChatMessage(role="assistant", blocks=[thought, TextBlock(text="I will."), cited, call]),
            ChatMessage(role="tool", blocks=[TextBlock(text="done"), image], additional_kwargs={"tool_call_id": "c"}),
        ]
    )
    _, turn, result = wire.body()["messages"]
    assert turn == {
        "role": "assistant",
        "content": "I will.",
        "reasoning_content": "hm",
        "reasoning_signature": "sig",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
    }
    assert [part["type"] for part in result["content"]] == ["text", "image_url"]
