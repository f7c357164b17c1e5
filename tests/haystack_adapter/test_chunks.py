"""The chunks of a stream beside those that Haystack's own class makes of the same bytes."""

from __future__ import annotations

import asyncio
import json
import pickle
from typing import Any

import pytest
from haystack import Pipeline
from haystack.components.generators.chat import OpenAIChatGenerator
from haystack.components.generators.utils import print_streaming_chunk
from haystack.dataclasses import StreamingChunk
from haystack.tools import Tool
from haystack.utils import Secret
from tests.support.bodies import chunk
from tests.support.wire import canned as canned_wire

from haystack_integrations.components.generators.requesty import RequestyChatGenerator

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
ROLE = chunk({"role": "assistant", "content": ""})
CALL_ROLE = chunk({"role": "assistant", "content": None})
LAST = chunk(finish="stop")
CALLED = chunk(finish="tool_calls")
TOLD = {"id": "rqsty-cmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini", "choices": []}
TOLD["usage"] = USAGE


def call(index: int, name: str | None = None, arguments: str = "", **delta: Any) -> dict[str, Any]:
    """A chunk with a piece of a tool call; with a name it is the first one."""
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    piece: dict[str, Any] = {"index": index, "function": function}
    if name is not None:
        piece |= {"id": f"call_{index}", "type": "function"}
    return chunk({**delta, "tool_calls": [piece]})


TEXT = [chunk({"content": piece}) for piece in ("The ", "sea ", "is calm.")]
CITY = [call(0, arguments=piece) for piece in ('{"city"', ': "Oslo"}')]

# What OpenAI itself sends, and what Haystack's class is written for.
SAME = {
    "text": [ROLE, *TEXT, LAST],
    "text and usage": [ROLE, *TEXT, LAST, TOLD],
    "cut off": [ROLE, *TEXT, chunk(finish="length"), TOLD],
    "filtered": [ROLE, *TEXT, chunk(finish="content_filter"), TOLD],
    "one tool": [CALL_ROLE, call(0, "weather"), *CITY, CALLED, TOLD],
    "one tool in the first chunk": [call(0, "weather", role="assistant", content=None), *CITY, CALLED, TOLD],
    "one tool without arguments yet whole": [CALL_ROLE, call(0, "weather", '{"city": "Oslo"}'), CALLED, TOLD],
    "two tools": [
        CALL_ROLE,
        call(0, "weather"),
        *CITY,
        call(1, "time"),
        call(1, arguments='{"zone": 1}'),
        CALLED,
        TOLD,
    ],
    "interleaved tools": [
        CALL_ROLE,
        call(0, "weather"),
        call(1, "time"),
        call(0, arguments='{"city"'),
        call(1, arguments='{"zone"'),
        call(0, arguments=': "Oslo"}'),
        call(1, arguments=": 1}"),
        CALLED,
        TOLD,
    ],
    "text and then a tool": [ROLE, *TEXT, call(0, "weather"), *CITY, CALLED, TOLD],
    "refusal": [ROLE, chunk({"refusal": "I would "}), chunk({"refusal": "rather not."}), LAST, TOLD],
}

THOUGHT = [chunk({"reasoning_content": piece}) for piece in ("Hm. ", "Yes.")]

TOOLS = [
    Tool(name=name, description="A tool.", parameters={"type": "object", "properties": {}}, function=print)
    for name in ("weather", "time")
]
MORE_META = {"requested_model", "refusal"}
"""What our chunks say besides."""


def streamed(cls: Any, chunks: list[dict[str, Any]], *, is_async: bool) -> list[StreamingChunk]:
    """The chunks a generator in a pipeline makes of a stream."""
    wire = canned_wire(chunks)
    generator = cls(
        model="openai/gpt-4o-mini",
        api_key=Secret.from_token("k"),
        api_base_url="http://gateway.test/v1",
        http_client_kwargs={"transport": wire.transport},
        tools=TOOLS,
    )
    pipeline = Pipeline()
    pipeline.add_component("llm", generator)
    seen: list[StreamingChunk] = []
    if is_async:

        async def take(one: StreamingChunk) -> None:
            seen.append(one)

        asyncio.run(generator.run_async("How?", streaming_callback=take))
    else:
        generator.run("How?", streaming_callback=seen.append)
    return seen


def plain(one: StreamingChunk) -> dict[str, Any]:
    """A chunk as data, without its clock and its class, and without the nulls of the SDK's objects."""
    data = dict(vars(one))
    meta = {key: value for key, value in one.meta.items() if key not in MORE_META}
    assert isinstance(meta.pop("received_at"), str)
    pieces = meta.get("tool_calls") or ()
    meta["tool_calls"] = [
        (piece.index, piece.id, piece.function.name, piece.function.arguments, piece.type) for piece in pieces
    ]
    meta["usage"] = {key: value for key, value in (meta.get("usage") or {}).items() if value is not None}
    assert one.component_info is not None
    return {**data, "meta": meta, "component_info": one.component_info.name}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("chunks", SAME.values(), ids=SAME)
def test_every_chunk_is_haystacks_own(chunks: list[dict[str, Any]], is_async: bool) -> None:
    ours = streamed(RequestyChatGenerator, chunks, is_async=is_async)
    theirs = streamed(OpenAIChatGenerator, chunks, is_async=is_async)
    assert [plain(one) for one in ours] == [plain(one) for one in theirs]
    assert {key for one in ours for key in one.meta} - {key for one in theirs for key in one.meta} <= MORE_META


def test_the_component_is_named_and_typed_as_haystack_does() -> None:
    info = streamed(RequestyChatGenerator, SAME["text"], is_async=False)[0].component_info
    assert info is not None
    module = "haystack_integrations.components.generators.requesty.chat_generator"
    assert (info.name, info.type) == ("llm", f"{module}.RequestyChatGenerator")


def test_reasoning_is_the_first_block_and_moves_the_others() -> None:
    chunks = [CALL_ROLE, *THOUGHT, *TEXT, call(0, "weather"), *CITY, CALLED, TOLD]
    shown = [
        (
            one.reasoning.reasoning_text if one.reasoning else one.content or (one.tool_calls and "call"),
            one.index,
            one.start,
        )
        for one in streamed(RequestyChatGenerator, chunks, is_async=False)
        if one.index is not None
    ]
    assert shown == [
        ("Hm. ", 0, True),
        ("Yes.", 0, False),
        ("The ", 1, True),
        ("sea ", 1, False),
        ("is calm.", 1, False),
        ("call", 1, True),
        ("call", 1, False),
        ("call", 1, False),
    ]


# What Haystack's class takes for the second chunk of every stream, or refuses.
ODD = {
    "the role in every chunk": [chunk({"role": "assistant", "content": piece}) for piece in ("The ", "sea.")] + [LAST],
    "no role": [chunk({"content": piece}) for piece in ("The ", "sea.")] + [LAST],
    "text with the last word": [ROLE, chunk({"content": "The "}), chunk({"content": "sea."}, finish="stop")],
    "usage beside text": [ROLE, chunk({"content": "The "}), chunk({"content": "sea."}, usage=USAGE), LAST],
}


@pytest.mark.parametrize("chunks", ODD.values(), ids=ODD)
def test_text_starts_with_its_first_piece_however_the_provider_cuts(chunks: list[dict[str, Any]]) -> None:
    seen = streamed(RequestyChatGenerator, chunks, is_async=False)
    texts = [(one.content, one.index, one.start) for one in seen if one.content]
    assert texts == [("The ", 0, True), ("sea.", 0, False)]
    assert [one.finish_reason for one in seen if one.finish_reason] == ["stop"]


def test_interleaved_calls_are_printed_with_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    for one in streamed(RequestyChatGenerator, SAME["interleaved tools"], is_async=False):
        print_streaming_chunk(one)
    shown = capsys.readouterr().out
    assert shown.count("Tool: weather") == shown.count("Tool: time") == 1
    assert "Tool: None" not in shown


def test_pieces_of_calls_are_data_and_objects() -> None:
    [piece] = streamed(RequestyChatGenerator, SAME["one tool"], is_async=False)[1].meta["tool_calls"]
    assert (piece.function.name, piece["function"]["name"]) == ("weather", "weather")
    assert json.loads(json.dumps(piece)) == piece == pickle.loads(pickle.dumps(piece))
    with pytest.raises(AttributeError, match=r"^a piece of a tool call has no 'model_dump'"):
        _ = piece.model_dump
