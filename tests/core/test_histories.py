"""Turns that other providers made: what each of their blocks is here, what stays behind, and what is refused."""

from __future__ import annotations

from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requesty_core import ConfigurationError, ToolCall
from requesty_core.adapters import (
    AssistantTurn,
    CallIds,
    assistant_turn,
    content_parts,
    media_part,
    read_block,
    result_content,
    user_content,
)
from requesty_core.histories.items import CacheMark, LeftOut, Part, Refusal, Result, Thought

PNG = "iVBORw0KGgo="
DATA = "data:image/png;base64,iVBORw0KGgo="
IMAGE = {"type": "image_url", "image_url": {"url": DATA}}
PDF = {
    "type": "input_file",
    "file_data": "data:application/pdf;base64,JVBERg==",
    "filename": "a.pdf",
    "mime_type": "application/pdf",
}
AUDIO = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "mp3"}}
WEB = "https://a.test/x"


def text(words: str, **more: Any) -> Part:
    return Part({"type": "text", "text": words, **more})


def image(url: str, **more: Any) -> Part:
    return Part({"type": "image_url", "image_url": {"url": url, **more}})


def document(data: str, name: str = "file.pdf", **more: Any) -> Part:
    return Part({"type": "input_file", "file_data": data, "filename": name, **more})


# Grouped by the provider or format whose block it is.
BLOCKS: dict[str, tuple[Any, list[Any]]] = {
    # a text
    "string": ("hi", [text("hi")]),
    "text": ({"type": "text", "text": "hi"}, [text("hi")]),
    "text with a cache mark": (
        {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}},
        [text("hi", cache_control={"type": "ephemeral"})],
    ),
    "cache mark in extras": (
        {"type": "text", "text": "hi", "extras": {"cache_control": {"type": "ephemeral"}}},
        [text("hi", cache_control={"type": "ephemeral"})],
    ),
    "responses input": ({"type": "input_text", "text": "hi"}, [text("hi")]),
    "responses output": ({"type": "output_text", "text": "hi", "annotations": []}, [text("hi")]),
    "assistants text": ({"type": "text", "text": {"value": "hi", "annotations": []}}, [text("hi")]),
    "converse text": ({"text": "hi"}, [text("hi")]),
    "converse guard": ({"guardContent": {"text": {"text": "hi"}}}, [text("hi")]),
    "plain text": ({"type": "text-plain", "text": "hi", "mime_type": "text/plain"}, [text("hi")]),
    "plain text under a title": ({"type": "text-plain", "text": "hi", "title": "T"}, [text("T\n\nhi")]),
    "plain text in base64": (
        {"type": "text-plain", "base64": "aGk=", "mime_type": "text/plain"},
        [document("data:text/plain;base64,aGk=", "file.plain", mime_type="text/plain")],
    ),
    "non-standard": ({"type": "non_standard", "value": {"type": "input_text", "text": "hi"}}, [text("hi")]),
    "search result": (
        {"type": "search_result", "title": "T", "source": WEB, "content": [{"type": "text", "text": "hi"}]},
        [text(f"T {WEB}"), text("hi")],
    ),
    "mcp resource": ({"type": "resource", "resource": {"uri": "f:///x", "text": "hi"}}, [text("hi")]),
    "mcp link": ({"type": "resource_link", "name": "n", "uri": WEB}, [text(f"n: {WEB}")]),
    "converse json": ({"json": {"a": 1}}, [text('{"a":1}')]),
    "gemini code": (
        {"type": "executable_code", "executable_code": "print(1)", "language": "PYTHON"},
        [text("```\nprint(1)\n```")],
    ),
    "gemini code, own form": ({"executableCode": {"code": "print(1)"}}, [text("```\nprint(1)\n```")]),
    "gemini output": ({"type": "code_execution_result", "code_execution_result": "1\n"}, [text("```\n1\n```")]),
    "gemini output, own form": ({"codeExecutionResult": {"outcome": "OK", "output": "1"}}, [text("```\n1\n```")]),
    "responses code": (
        {"type": "code_interpreter_call", "code": "print(1)", "outputs": [{"type": "logs", "logs": "1"}]},
        [text("```\nprint(1)\n```\n```\n1\n```")],
    ),
    # images
    "standard image": ({"type": "image", "base64": PNG, "mime_type": "image/png"}, [image(DATA)]),
    "standard image by URL": (
        {"type": "image", "url": WEB, "mime_type": "image/png"},
        [image(WEB, mime_type="image/png")],
    ),
    "image with detail": ({"type": "image", "url": WEB, "detail": "low"}, [image(WEB, detail="low")]),
    "a data URL for base64": ({"type": "image", "base64": DATA}, [image(DATA)]),
    "percent-encoded data": (
        {"type": "image", "url": "data:image/svg+xml,%3Csvg/%3E"},
        [image("data:image/svg+xml;base64,PHN2Zy8+")],
    ),
    "older image": (
        {"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"},
        [image(DATA)],
    ),
    "openai image": ({"type": "image_url", "image_url": {"url": WEB, "detail": "high"}}, [image(WEB, detail="high")]),
    "openai image as a string": ({"type": "image_url", "image_url": WEB}, [image(WEB)]),
    "responses image": (
        {"type": "input_image", "image_url": WEB, "detail": "low"},
        [image(WEB, detail="low")],
    ),
    "anthropic image": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        [image(DATA)],
    ),
    "anthropic image by URL": ({"type": "image", "source": {"type": "url", "url": WEB}}, [image(WEB)]),
    "converse image": ({"image": {"format": "png", "source": {"bytes": b"\x89PNG\r\n\x1a\n"}}}, [image(DATA)]),
    "mcp image": ({"type": "image", "data": PNG, "mimeType": "image/png"}, [image(DATA)]),
    "ai sdk image": ({"type": "image", "image": DATA}, [image(DATA)]),
    "gemini image": ({"inline_data": {"mime_type": "image/png", "data": PNG}}, [image(DATA)]),
    "gemini media": ({"type": "media", "mime_type": "image/png", "data": PNG}, [image(DATA)]),
    "generated image": ({"type": "image_generation_call", "id": "ig_1", "result": PNG}, [image(DATA)]),
    # documents, audio, video
    "standard file": (
        {"type": "file", "base64": "JVBERg==", "mime_type": "application/pdf", "filename": "a.pdf"},
        [Part(PDF)],
    ),
    "file by URL": ({"type": "file", "url": WEB}, [document(WEB)]),
    "file by id": ({"type": "file", "file_id": "f1"}, [Part({"type": "file", "file": {"file_id": "f1"}})]),
    "older file by id": (
        {"type": "file", "source_type": "id", "id": "f1"},
        [Part({"type": "file", "file": {"file_id": "f1"}})],
    ),
    "openai file": (
        {"type": "file", "file": {"file_data": "data:x/y;base64,AA==", "filename": "a"}},
        [Part({"type": "file", "file": {"file_data": "data:x/y;base64,AA==", "filename": "a"}})],
    ),
    "responses file by URL": ({"type": "input_file", "file_url": WEB, "filename": "a.pdf"}, [document(WEB, "a.pdf")]),
    "responses file by id": (
        {"type": "input_file", "file_id": "f1"},
        [Part({"type": "file", "file": {"file_id": "f1"}})],
    ),
    "the gateway's own": (PDF, [Part(PDF)]),
    "anthropic document": (
        {
            "type": "document",
            "title": "a.pdf",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERg=="},
        },
        [Part(PDF)],
    ),
    "anthropic document by id": (
        {"type": "document", "source": {"type": "file", "file_id": "f1"}},
        [Part({"type": "file", "file": {"file_id": "f1"}})],
    ),
    "anthropic document of text": (
        {"type": "document", "title": "T", "context": "C", "source": {"type": "text", "data": "hi"}},
        [text("T\nC\n\nhi")],
    ),
    "anthropic document of blocks": (
        {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "hi"}]}},
        [text("hi")],
    ),
    "converse document": (
        {"document": {"format": "pdf", "name": "a.pdf", "source": {"bytes": b"%PDF"}}},
        [Part(PDF)],
    ),
    "converse document of text": (
        {"document": {"format": "txt", "name": "n", "source": {"text": "hi"}}},
        [text("n\n\nhi")],
    ),
    "mistral document": (
        {"type": "document_url", "document_url": WEB, "document_name": "d.pdf"},
        [document(WEB, "d.pdf")],
    ),
    "standard audio": ({"type": "audio", "base64": "UklGRg==", "mime_type": "audio/mpeg"}, [Part(AUDIO)]),
    "openai audio": (AUDIO, [Part(AUDIO)]),
    "mistral audio": (
        {"type": "input_audio", "input_audio": "data:audio/mpeg;base64,UklGRg=="},
        [Part(AUDIO)],
    ),
    "audio as a data URL": ({"type": "audio", "url": "data:audio/mpeg;base64,UklGRg=="}, [Part(AUDIO)]),
    "gemini audio": ({"inlineData": {"mimeType": "audio/mpeg", "data": "UklGRg=="}}, [Part(AUDIO)]),
    "standard video": (
        {"type": "video", "base64": "AAAA", "mime_type": "video/mp4"},
        [document("data:video/mp4;base64,AAAA", "video.mp4", mime_type="video/mp4")],
    ),
    "video by URL": ({"type": "video_url", "video_url": {"url": WEB}}, [document(WEB, "video.mp4")]),
    "gemini video": (
        {"file_data": {"file_uri": WEB, "mime_type": "video/mp4"}},
        [document(WEB, "video.mp4", mime_type="video/mp4")],
    ),
    # thoughts and refusals
    "standard reasoning": (
        {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "s"}},
        [Thought("hm", "s")],
    ),
    "responses reasoning": (
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        [Thought("hm")],
    ),
    "anthropic thinking": ({"type": "thinking", "thinking": "hm", "signature": "s"}, [Thought("hm", "s")]),
    "mistral thinking": ({"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, [Thought("hm")]),
    "converse reasoning": (
        {"type": "reasoning_content", "reasoning_content": {"text": "hm", "signature": "s"}},
        [Thought("hm", "s")],
    ),
    "converse reasoning, own form": (
        {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "s"}}},
        [Thought("hm", "s")],
    ),
    "gemini thought": ({"text": "hm", "thought": True, "thoughtSignature": "s"}, [Thought("hm", "s")]),
    "refusal": ({"type": "refusal", "refusal": "No."}, [Refusal("No.")]),
    # calls
    "standard call": (
        {"type": "tool_call", "id": "c", "name": "f", "args": {"a": 1}},
        [ToolCall("f", '{"a": 1}', "c")],
    ),
    "standard call with a signature": (
        {"type": "tool_call", "id": "c", "name": "f", "args": {}, "extras": {"extra_content": {"google": 1}}},
        [ToolCall("f", "{}", "c", extra={"extra_content": {"google": 1}})],
    ),
    "broken call": (
        {"type": "invalid_tool_call", "id": "c", "name": "f", "args": '{"a', "error": "cut"},
        [ToolCall("f", '{"a', "c")],
    ),
    "responses call": (
        {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"},
        [ToolCall("f", "{}", "c")],
    ),
    "responses custom call": (
        {"type": "custom_tool_call", "id": "i", "call_id": "c", "name": "f", "input": "ls"},
        [ToolCall("f", "ls", "c", "custom")],
    ),
    "anthropic call": ({"type": "tool_use", "id": "c", "name": "f", "input": {}}, [ToolCall("f", "{}", "c")]),
    "converse call": (
        {"toolUse": {"toolUseId": "c", "name": "f", "input": {"a": "Ø"}}},
        [ToolCall("f", '{"a": "Ø"}', "c")],
    ),
    "gemini call": ({"functionCall": {"name": "f", "args": {}}}, [ToolCall("f", "{}", "")]),
    # results
    "anthropic result": ({"type": "tool_result", "tool_use_id": "c", "content": "r"}, [Result("c", None, "r")]),
    "anthropic result of blocks": (
        {"type": "tool_result", "tool_use_id": "c", "content": [{"type": "text", "text": "r"}]},
        [Result("c", None, [{"type": "text", "text": "r"}])],
    ),
    "responses result": ({"type": "function_call_output", "call_id": "c", "output": "r"}, [Result("c", None, "r")]),
    "converse result": (
        {"toolResult": {"toolUseId": "c", "content": [{"json": {"a": 1}}, {"text": "r"}]}},
        [Result("c", None, [{"type": "text", "text": '{"a":1}'}, {"type": "text", "text": "r"}])],
    ),
    "gemini result": ({"functionResponse": {"name": "f", "response": {"a": 1}}}, [Result("", "f", '{"a":1}')]),
    "converse cache mark": ({"cachePoint": {"type": "default"}}, [CacheMark({"type": "ephemeral"})]),
}


@pytest.mark.parametrize(("block", "items"), BLOCKS.values(), ids=BLOCKS)
def test_what_a_block_is(block: Any, items: list[Any]) -> None:
    assert list(read_block(block, "here")) == items


BEHIND = [
    {"type": "redacted_thinking", "data": "x"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"},
    {"reasoningContent": {"redactedContent": b"x"}},
    {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}},
    {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
    {"type": "code_execution_tool_result", "tool_use_id": "s", "content": {}},
    {"type": "server_tool_call", "id": "s", "name": "web_search", "args": {}},
    {"type": "server_tool_result", "tool_call_id": "s", "status": "success"},
    {"type": "web_search_call", "id": "ws_1", "status": "completed"},
    {"type": "file_search_call", "id": "fs_1"},
    {"type": "mcp_call", "id": "m_1", "output": "x"},
    {"type": "mcp_tool_use", "id": "m", "name": "x"},
    {"type": "mcp_tool_result", "tool_use_id": "m", "content": []},
    {"type": "computer_call", "id": "cc_1"},
    {"type": "function_call_signature", "signature": "x"},
    {"type": "reference", "reference_ids": [1]},
    {"type": "input_json_delta", "partial_json": "{"},
    {"type": "non_standard", "value": {"type": "web_search_call"}},
]


@pytest.mark.parametrize("block", BEHIND, ids=lambda block: str(block.get("type")))
def test_marks_of_a_provider_stay_behind_with_a_reason_and_are_refused_of_a_user(block: dict[str, Any]) -> None:
    (item,) = read_block(block, "messages[1].content[0]")
    assert isinstance(item, LeftOut)
    assert item.reason.startswith("messages[1].content[0]: ")
    turn = assistant_turn([block, "I look."], "messages[1].content")
    assert (turn.parts, turn.left_out) == ([{"type": "text", "text": "I look."}], (item,))
    with pytest.raises(ConfigurationError, match=r"^messages\[1\]\.content\[0\]: a .* block belongs in an assistant"):
        user_content([block], "messages[1].content")


REFUSED: list[tuple[Any, str]] = [
    ({"type": "hologram"}, "a block of type 'hologram' cannot be sent"),
    ({}, "a block of type None cannot be sent"),
    ({"type": 3}, "a block of type 3 cannot be sent"),
    (3, "int is not a content block"),
    (None, "NoneType is not a content block"),
    ({"type": "text"}, "the text block has no 'text'"),
    ({"type": "text", "text": None}, "the text block has no 'text'"),
    ({"type": "text", "text": 3}, "the text block has no 'text'"),
    ({"type": "image"}, "the image block has neither 'url' nor 'base64'"),
    ({"type": "image", "file_id": "f1"}, "an image given by id cannot be sent; give 'base64' or 'url'"),
    ({"type": "input_image", "file_id": "f1"}, "an image given by id cannot be sent"),
    ({"type": "image_file", "image_file": {"file_id": "f1"}}, "an image given by id cannot be sent"),
    ({"type": "image", "base64": PNG}, "base64 data needs 'mime_type'"),
    ({"type": "image", "url": "a.png"}, "a relative address cannot be sent"),
    ({"type": "image", "url": "file:///a.png"}, "a file address cannot be sent"),
    ({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}}, "a s3 address cannot be sent"),
    ({"type": "image", "url": "data:image/png"}, "the data URL of the image has no data"),
    ({"type": "image_url"}, "the image_url block has no 'url'"),
    ({"type": "audio", "url": WEB}, "audio by URL cannot be sent; give 'base64'"),
    ({"type": "audio", "file_id": "f1"}, "an audio given by id cannot be sent; give 'base64'"),
    ({"type": "input_audio", "input_audio": {}}, "the input_audio block has no 'data'"),
    ({"type": "file"}, "the file block has neither 'url' nor 'base64'"),
    ({"type": "file", "file": {}}, "the file block has neither 'file_id' nor 'file_data'"),
    ({"type": "video"}, "the video block has neither 'url' nor 'base64'"),
    ({"type": "document", "source": {"type": "text", "data": ""}}, "the document has no text"),
    ({"type": "refusal"}, "the refusal block has no 'refusal'"),
    ({"type": "tool_use", "id": "c"}, "the tool_use block has no 'name'"),
    (
        {"type": "tool_use", "id": "c", "name": "f", "input": {"a": {1}}},
        "the arguments of the call cannot be sent as JSON",
    ),
]


@pytest.mark.parametrize(("block", "line"), REFUSED)
def test_what_a_user_may_not_send_is_one_line_and_what_a_model_said_stays_behind(block: Any, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        user_content([block], "messages[2].content")
    assert str(caught.value).startswith(f"messages[2].content[0]: {line}")
    assert "\n" not in str(caught.value)
    turn = assistant_turn([block, "said"], "messages[2].content")
    assert turn.parts == [{"type": "text", "text": "said"}]
    assert [one.reason for one in turn.left_out] == [str(caught.value)]


TURNS: dict[str, tuple[Any, tuple[ToolCall, ...], dict[str, Any]]] = {
    "text": ("hi", (), {"content": "hi"}),
    "nothing": ("", (), {"content": ""}),
    "none": (None, (), {"content": ""}),
    "one text block": ([{"type": "text", "text": "hi"}], (), {"content": "hi"}),
    "empty texts": ([{"type": "text", "text": ""}, {"type": "text", "text": "hi"}], (), {"content": "hi"}),
    "a call that the framework has read": (
        [{"type": "tool_use", "id": "c", "name": "f", "input": {}}],
        (ToolCall("f", "{}", "c"),),
        {"content": None, "tool_calls": [ToolCall("f", "{}", "c").to_wire()]},
    ),
    "a call in a block only": (
        [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}],
        (),
        {"content": None, "tool_calls": [ToolCall("f", "{}", "c").to_wire()]},
    ),
    "calls without ids": (
        [{"functionCall": {"name": "f", "args": {}}}, {"functionCall": {"name": "f", "args": {"a": 1}}}],
        (),
        {
            "content": None,
            "tool_calls": [
                ToolCall("f", "{}", "call_0001_history").to_wire(),
                ToolCall("f", '{"a": 1}', "call_0002_history").to_wire(),
            ],
        },
    ),
    "thoughts": (
        [{"type": "thinking", "thinking": "h", "signature": "s"}, {"type": "thinking", "thinking": "m"}, "hi"],
        (),
        {"content": "hi", "reasoning_content": "hm", "reasoning_signature": "s"},
    ),
    "a cache mark": (
        ["hi", {"cachePoint": {"type": "default"}}],
        (),
        {"content": [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}]},
    ),
    "an image": ([{"type": "image_generation_call", "result": PNG}], (), {"content": [IMAGE]}),
    "speech": (
        [{"type": "audio", "base64": "AAAA", "transcript": "hi"}],
        (),
        {"content": "hi"},
    ),
    "nothing but marks": (
        [{"type": "web_search_call"}, {"type": "web_search_call"}],
        (),
        {"content": "[web_search_call]"},
    ),
}


@pytest.mark.parametrize(("content", "calls", "wire"), TURNS.values(), ids=TURNS)
def test_a_turn_of_a_model(content: Any, calls: tuple[ToolCall, ...], wire: dict[str, Any]) -> None:
    assert assistant_turn(content, "messages[0].content", calls=calls).to_wire() == {"role": "assistant", **wire}


def test_a_user_turn_with_results_and_cache_marks() -> None:
    mark = {"type": "ephemeral"}
    results, parts = user_content(
        [
            {"type": "tool_result", "tool_use_id": "c", "content": "r", "cache_control": mark},
            "",
            {"text": "And now?"},
            {"cachePoint": {"type": "default"}},
        ],
        "messages[0].content",
    )
    assert results == [Result("c", None, [{"type": "text", "text": "r", "cache_control": mark}])]
    assert parts == [{"type": "text", "text": "And now?", "cache_control": mark}]
    with pytest.raises(ConfigurationError, match="a cache point marks the block before it"):
        content_parts([{"cachePoint": {"type": "default"}}], "x")
    with pytest.raises(ConfigurationError, match="a tool_result block belongs in a user message"):
        content_parts([{"type": "tool_result", "tool_use_id": "c", "content": "r"}], "x")


def test_ids_of_calls_that_had_none() -> None:
    ids = CallIds()
    first, second, other = ids.called("f"), ids.called("f"), ids.called("g")
    assert len({first, second, other}) == 3
    assert [ids.answered("g"), ids.answered("f"), ids.answered("f")] == [other, first, second]
    assert (ids.answered("f"), ids.answered("h"), ids.answered(None)) == (None, None, None)
    again = CallIds()
    assert again.called("f") == first


@pytest.mark.parametrize(
    ("value", "content"),
    [
        (None, ""),
        ("r", "r"),
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ([1, 2], [{"type": "text", "text": "1"}, {"type": "text", "text": "2"}]),
        ([{"rows": 3}], [{"type": "text", "text": '{"rows":3}'}]),
        ({"type": "text", "text": "r"}, [{"type": "text", "text": "r"}]),
        ([{"type": "image", "base64": PNG, "mime_type": "image/png"}], [IMAGE]),
        (True, "true"),
    ],
)
def test_results_of_tools(value: Any, content: Any) -> None:
    assert result_content(value, "x") == content


def test_media_by_bytes() -> None:
    data = b"\x00\x01"
    made = media_part("file", "x", data=data, media_type="text/csv", filename="a.csv")
    assert made["file_data"] == f"data:text/csv;base64,{b64encode(data).decode()}"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_KINDS = sorted({str(block["type"]) for block, _ in BLOCKS.values() if isinstance(block, dict) and "type" in block})
_FIELDS = sorted({key for block, _ in BLOCKS.values() if isinstance(block, dict) for key in block})
ODD = st.dictionaries(st.sampled_from(_FIELDS), JSON, max_size=4) | st.builds(
    lambda kind, rest: {**rest, "type": kind}, st.sampled_from(_KINDS), st.dictionaries(st.sampled_from(_FIELDS), JSON)
)


@given(st.lists(ODD | JSON, max_size=4))
def test_whatever_a_history_holds_it_is_read_or_refused_and_never_an_empty_text(blocks: list[Any]) -> None:
    turn = assistant_turn(blocks, "x")
    assert isinstance(turn, AssistantTurn)
    assert all(part.get("text") != "" for part in turn.parts)
    assert all(call.id for call in turn.calls)
    turn.to_wire()
    with suppress(ConfigurationError):
        assert all(part["type"] != "text" or isinstance(part["text"], str) for part in user_content(blocks, "x").parts)
