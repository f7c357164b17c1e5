"""Content blocks, tool merging, metadata, embeddings, chains, and models as objects."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import pickle
import subprocess
import sys
from decimal import Decimal
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
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.embeddings.loading import load_embed_model
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.instrumentation.events.embedding import EmbeddingEndEvent, EmbeddingStartEvent
from llama_index.core.instrumentation.events.exception import ExceptionEvent
from llama_index.core.instrumentation.events.llm import (
    LLMChatEndEvent,
    LLMChatStartEvent,
    LLMCompletionEndEvent,
    LLMCompletionStartEvent,
)
from llama_index.core.llms.loading import load_llm
from llama_index.core.schema import TextNode
from llama_index.core.tools import FunctionTool

import llama_index.embeddings.requesty as embeddings_package
import llama_index.llms.requesty as llms_package
from llama_index.embeddings.requesty import RequestyEmbedding, RequestyEmbeddingUsageEvent
from llama_index.llms.requesty import Requesty, RequestyFallback
from requesty_core.catalog.catalog import bundled
from requesty_core.errors import ConfigurationError, ErrorKind, FallbackExhaustedError, RequestyError
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_emulator import Fault

A, B = "openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"
RAW = b"\x89PNG\r\n\x1a\n" + b"\0" * 16
DATA = base64.b64encode(RAW).decode()
PDF = base64.b64encode(b"%PDF-1.4").decode()

# --- content ----------------------------------------------------------------------------------------------------------


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
    content = wire.body["messages"][0]["content"]
    assert content == [{"type": "text", "text": "Look"}, {**part, "cache_control": {"type": "ephemeral"}}]


def test_files_are_read_and_named(canned: Any, tmp_path: Any) -> None:
    llm, wire = canned({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]})
    (tmp_path / "a.png").write_bytes(RAW)
    (tmp_path / "b.pdf").write_bytes(b"%PDF-1.4")
    llm.chat([ChatMessage(blocks=[ImageBlock(path=tmp_path / "a.png"), DocumentBlock(path=tmp_path / "b.pdf")])])
    image, document = wire.body["messages"][0]["content"]
    assert image["image_url"]["url"] == f"data:image/png;base64,{DATA}"
    assert (document["filename"], document["file_data"]) == ("b.pdf", f"data:application/pdf;base64,{PDF}")
    gone = ImageBlock(path=tmp_path / "a.png")
    (tmp_path / "a.png").unlink()
    with pytest.raises(ConfigurationError, match="image"):
        llm.chat([ChatMessage(blocks=[gone])])


def test_sources_are_sent_with_their_title(canned: Any) -> None:
    llm, wire = canned({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]})
    llm.chat([ChatMessage(blocks=[CitableBlock(title="Tide", source="t.txt", content=[TextBlock(text="High at 9.")])])])
    assert wire.body["messages"][0]["content"] == "Tide (t.txt):\nHigh at 9."


@pytest.mark.parametrize(
    ("role", "sent"), [("model", "assistant"), ("chatbot", "assistant"), ("developer", "developer")]
)
def test_roles_of_other_frameworks_are_translated(canned: Any, role: str, sent: str) -> None:
    llm, wire = canned({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]})
    llm.chat([ChatMessage(role=role, content="a"), ChatMessage("b")])
    assert wire.body["messages"][0] == {"role": sent, "content": "a"}


def test_histories_of_other_integrations_keep_their_calls(canned: Any) -> None:
    llm, wire = canned({"choices": [{"message": {"content": "ok"}, "finish_reason": "stop"}]})
    calls = [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    result = ChatMessage(role="tool", content="1", additional_kwargs={"tool_call_id": "c"})
    llm.chat([ChatMessage(role="assistant", additional_kwargs={"tool_calls": calls}), result])
    assert wire.body["messages"][0] == {"role": "assistant", "content": None, "tool_calls": calls}


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
    _, turn, result = wire.body["messages"]
    assert turn == {
        "role": "assistant",
        "content": "I will.",
        "reasoning_content": "hm",
        "reasoning_signature": "sig",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
    }
    assert [part["type"] for part in result["content"]] == ["text", "image_url"]


# --- tools ------------------------------------------------------------------------------------------------------------


def piece(arguments: str, **fields: Any) -> dict[str, Any]:
    name = fields.pop("name", None)
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return {**fields, "function": function}


def chunks(*deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    made = [{"id": "i", "choices": [{"index": 0, "delta": {"tool_calls": calls}}]} for calls in deltas]
    return [*made, {"id": "i", "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}]


ONE, TWO = '{"a": 1}', '{"b": 2}'
TWO_CALLS = [("a", "f", {"a": 1}), ("b", "g", {"b": 2})]
TOOLS = [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in ("f", "g")]


@pytest.mark.parametrize(
    "stream",
    [
        chunks([piece(ONE, index=0, id="a", name="f"), piece(TWO, index=1, id="b", name="g")]),
        chunks(
            [piece("", index=0, id="a", name="f")],
            [piece("", index=1, id="b", name="g")],
            [piece(ONE[:4], index=0)],
            [piece(TWO[:4], index=1)],
            [piece(ONE[4:], index=0)],
            [piece(TWO[4:], index=1)],
        ),
        chunks([piece(ONE, id="a", name="f")], [piece(TWO, id="b", name="g")]),
        chunks(
            [piece(ONE[:4], index=0, id="a", name="f")],
            [piece(ONE[4:], index=0, id="a", name="f")],
            [piece(TWO, index=1, id="b", name="g")],
        ),
    ],
    ids=["in one chunk", "interleaved", "without index", "repeated id and name"],
)
def test_calls_are_merged(canned: Any, stream: Any) -> None:
    llm, _ = canned(stream)
    last = list(llm.stream_chat([ChatMessage("x")], tools=TOOLS))[-1]
    calls = llm.get_tool_calls_from_response(last)
    assert [(call.tool_id, call.tool_name, call.tool_kwargs) for call in calls] == TWO_CALLS


def test_a_long_argument_is_read_a_bounded_number_of_times(canned: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from llama_index.llms.requesty import _replies

    parses: list[int] = []
    parse = _replies.parse_partial_json
    monkeypatch.setattr(_replies, "parse_partial_json", lambda text: parses.append(len(text)) or parse(text))
    pieces = [f'"{number:04}",' for number in range(2000)]
    text = '{"a": [' + "".join(pieces) + "0]}"
    llm, _ = canned(
        chunks(
            [piece('{"a": [', index=0, id="a", name="f")],
            *[[piece(p, index=0)] for p in pieces],
            [piece("0]}", index=0)],
        )
    )
    responses = list(llm.stream_chat([ChatMessage("x")], tools=TOOLS))
    assert len(responses) > 2000
    [call] = llm.get_tool_calls_from_response(responses[-1])
    assert call.tool_kwargs == json.loads(text)
    # Lengths that grow by a quarter: what is read in all stays below five times the text, not 2,000 times.
    assert sum(parses) < 5 * len(text)


def test_chat_with_tools_leaves_the_callers_history_alone(make: Any, gw: Any) -> None:
    def f(a: int) -> int:
        """F."""
        return a

    history = [ChatMessage("before")]
    tool = FunctionTool.from_defaults(f)
    llm = make()
    gw.say(
        tool_calls=[{"name": "f", "arguments": {"a": 1}, "id": "a"}, {"name": "f", "arguments": {"a": 2}, "id": "b"}]
    )
    response = llm.chat_with_tools([tool], user_msg="x", chat_history=history)
    assert len(history) == 1
    assert len(llm.get_tool_calls_from_response(response)) == 1
    body = gw.last_request.body
    assert body["parallel_tool_calls"] is False
    assert "strict" not in body["tools"][0]["function"]
    assert "additionalProperties" not in body["tools"][0]["function"]["parameters"]
    gw.say(text="No.")
    with pytest.raises(ValueError, match="No"):
        llm.get_tool_calls_from_response(llm.chat_with_tools([tool], user_msg="x", tool_choice="none"))
    assert gw.last_request.body["tool_choice"] == "none"
    with pytest.raises(ConfigurationError, match="tool_choice"):
        llm.chat_with_tools([tool], user_msg="x", tool_choice="h")
    llm.chat_with_tools([tool], user_msg="x", tool_required=True, strict=True)
    function = gw.last_request.body["tools"][0]["function"]
    assert function["strict"] is True
    assert function["parameters"]["additionalProperties"] is False
    assert gw.last_request.body["tool_choice"] == "required"


# --- metadata ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [A, f"{A}@eu", "openai/o3-mini:high"])
def test_metadata_is_the_catalogues(model: str) -> None:
    info = bundled().lookup(model)
    metadata = Requesty(model=model, api_key="k").metadata
    assert info is not None
    assert metadata.context_window == info.context_window
    assert metadata.is_function_calling_model == (info.supports_tool_calling is not False)
    assert (metadata.model_name, metadata.is_chat_model) == (model, True)


def test_metadata_can_be_overruled_and_a_chain_honours_its_smallest_member() -> None:
    own = Requesty(model="policy/x", api_key="k", context_window=5, max_tokens=7, is_function_calling_model=False)
    assert (own.metadata.context_window, own.metadata.num_output) == (5, 7)
    assert own.metadata.is_function_calling_model is False
    chain = RequestyFallback(models=["openai/gpt-4.1", "openai/gpt-4o"], api_key="k")
    windows = [bundled()[model].context_window or 0 for model in ("openai/gpt-4.1", "openai/gpt-4o")]
    assert chain.metadata.context_window == min(windows)


# --- embeddings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
def test_embeddings_tell_what_they_cost(gw: Any, events: list[Any], is_async: bool) -> None:
    gw.settings.embedding_cost = True
    gw.fault(reorder_embeddings=True)
    model = RequestyEmbedding(
        model="openai/text-embedding-3-small",
        base_url=gw.base_url,
        api_key=gw.api_key,
        embed_batch_size=2,
        dimensions=8,
        text_prefix="doc: ",
    )
    texts = ["a b", "c d", "e f", "g h", "i j"]
    run = model.aget_text_embedding_batch(texts) if is_async else None
    vectors = model.get_text_embedding_batch(texts) if run is None else asyncio.run(run)
    assert [len(vector) for vector in vectors] == [8] * 5
    sent = [request.body["input"] for request in gw.requests]
    assert sorted(text for batch in sent for text in batch) == [f"doc: {text}" for text in texts]
    told = [event for event in events if isinstance(event, RequestyEmbeddingUsageEvent)]
    assert sum(event.inputs for event in told) == 5
    assert sum(event.cost for event in told) == pytest.approx(float(gw.billed))
    assert model.ledger.total.cost == gw.billed > 0
    assert any(isinstance(event, EmbeddingStartEvent) for event in events)
    assert any(isinstance(event, EmbeddingEndEvent) for event in events)
    assert model.get_text_embedding("c d") == pytest.approx(vectors[1], abs=1e-6)


def test_an_empty_text_is_refused_before_anything_is_billed(embed_model: RequestyEmbedding, gw: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"texts\[1\]"):
        embed_model.get_text_embedding_batch(["a", ""])
    assert gw.requests == []
    assert embed_model.get_text_embedding_batch([]) == []
    assert gw.requests == []


def test_texts_and_settings_are_left_as_they_are(gw: Any) -> None:
    extra = {"user": "u"}
    model = RequestyEmbedding(
        model_name="openai/text-embedding-3-small", api_base=gw.base_url, api_key=gw.api_key, additional_kwargs=extra
    )
    text = "line one\n\nline  two \n"
    assert model.get_query_embedding(text)
    assert gw.last_request.body["input"] == [text]
    assert gw.last_request.body["user"] == "u"
    assert extra == {"user": "u"} == model.additional_kwargs


@pytest.mark.parametrize("retries", [0, 2])
def test_embedding_retries_are_literal(gw: Any, retries: int) -> None:
    gw.fail_next(429, times=9, retry_after=0)
    model = RequestyEmbedding("openai/e", base_url=gw.base_url, api_key=gw.api_key, max_retries=retries)
    with pytest.raises(RequestyError) as caught:
        model.get_text_embedding("x")
    assert caught.value.status == 429
    assert len(gw.requests) == 1 + retries


def test_embeddings_send_no_other_vendors_key(monkeypatch: pytest.MonkeyPatch, gw: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.delenv("REQUESTY_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="REQUESTY_API_KEY"):
        RequestyEmbedding("openai/text-embedding-3-small", base_url=gw.base_url).get_text_embedding("x")
    assert gw.requests == []


def test_embeddings_in_one_event_loop_after_another(embed_model: RequestyEmbedding, gw: Any) -> None:
    vectors = [asyncio.run(embed_model.aget_text_embedding("x")) for _ in range(3)]
    assert vectors[0] == vectors[1] == vectors[2]
    assert len(gw.requests) == 3


def test_nodes_are_embedded_in_a_pipeline(embed_model: RequestyEmbedding, gw: Any) -> None:
    nodes = IngestionPipeline(transformations=[embed_model]).run(nodes=[TextNode(text="a"), TextNode(text="b")])
    assert all(node.embedding for node in nodes)
    assert len(gw.requests) == 1
    twin = RequestyEmbedding.from_dict(embed_model.to_dict())
    # What a pipeline hashes for its cache.
    assert twin.to_dict() == embed_model.to_dict()


# --- chains -----------------------------------------------------------------------------------------------------------

METHODS = ["chat", "achat", "stream_chat", "astream_chat"]


@pytest.mark.parametrize("name", METHODS)
async def test_a_chain_is_one_llm_with_one_span_and_one_pair_of_events(
    make: Any, gw: Any, run_method: Any, events: list[Any], spans: Any, name: str
) -> None:
    gw.fail_next(503, model=A)
    chain = make(models=[A, Step(B, retries=1)])
    last = (await run_method(chain, name, [ChatMessage("x")]))[-1]
    assert last.additional_kwargs["requested_model"] == B
    assert [(a["model"], a["outcome"]) for a in last.additional_kwargs["attempts"]] == [(A, "error"), (B, "ok")]
    assert len([event for event in events if isinstance(event, LLMChatStartEvent)]) == 1
    assert len([event for event in events if isinstance(event, LLMChatEndEvent)]) == 1
    assert len([span for span in spans.completed_spans if f".{name}-" in span.id_]) == 1
    assert chain.ledger.total.cost == gw.billed


@pytest.mark.parametrize("name", ["stream_chat", "astream_chat"])
async def test_before_the_first_token_unseen_after_it_with_what_came(
    make: Any, gw: Any, run_method: Any, name: str
) -> None:
    gw.fail_next(fault=Fault(error_event={"message": "boom", "code": 502}, error_after_chunks=1), model=A)
    policy = FallbackPolicy(cooldown=0)
    chain = make(models=[A, B], fallback_policy=policy)
    assert (await run_method(chain, name, [ChatMessage("x")]))[-1].additional_kwargs["requested_model"] == B
    gw.say(text="one two three", model=A)
    gw.fail_next(fault=Fault(error_event={"message": "boom", "code": 502}, error_after_chunks=3), model=A)
    with pytest.raises(RequestyError, match="boom") as caught:
        await run_method(chain, name, [ChatMessage("x")])
    assert caught.value.partial is not None
    assert caught.value.partial.text == "one two "


@pytest.mark.parametrize("status", [400, 401, 412])
def test_what_no_other_model_can_mend_is_raised(make: Any, gw: Any, status: int) -> None:
    gw.fail_next(status)
    with pytest.raises(RequestyError):
        make(models=[A, B]).complete("x")
    assert len(gw.requests) == 1


def test_all_failed(make: Any, gw: Any) -> None:
    gw.fault(status=503)
    with pytest.raises(FallbackExhaustedError) as caught:
        make(models=[A, B]).complete("x")
    assert caught.value.kind is ErrorKind.EXHAUSTED
    assert [attempt.model for attempt in caught.value.attempts] == [A, B]


def test_members_lend_their_settings_and_must_agree(make: Any, gw: Any) -> None:
    chain = RequestyFallback(models=[make(A, temperature=0.1), make(B, temperature=0.1)])
    assert chain.complete("x").text
    assert gw.last_request.body["temperature"] == 0.1
    with pytest.raises(ConfigurationError, match="temperature"):
        RequestyFallback(models=[make(A, temperature=0.1), make(B, temperature=0.2)])


def test_settings_reach_the_chain(make: Any, gw: Any, settings: Any, events: list[Any]) -> None:
    gw.fail_next(503, model=A)
    counter = TokenCountingHandler(tokenizer=lambda text: text.split())
    settings.callback_manager = CallbackManager([counter])
    settings.llm = make(models=[make(A), make(B)])
    assert settings.llm.callback_manager is settings.callback_manager
    assert settings.llm.complete("x").additional_kwargs["requested_model"] == B
    usage = gw.last_request.usage
    assert (counter.prompt_llm_token_count, counter.completion_llm_token_count) == (
        usage["prompt_tokens"],
        usage["completion_tokens"],
    )
    assert len([event for event in events if isinstance(event, LLMCompletionStartEvent)]) == 1


def test_the_models_of_a_chain_are_changed_together(make: Any, gw: Any) -> None:
    chain = make(models=[A, B])
    chain.models = [B, A]
    assert (chain.model, chain.fallbacks, chain.metadata.model_name) == (B, [A], B)
    other = chain.model_copy(update={"models": [A]})
    assert (other.model, other.fallbacks) == (A, [])
    assert chain.complete("x").additional_kwargs["requested_model"] == B
    assert other.complete("x").additional_kwargs["requested_model"] == A
    with pytest.raises(ConfigurationError, match="set models"):
        chain.model = A
    with pytest.raises(ConfigurationError, match="set models"):
        chain.model_copy(update={"fallbacks": []})
    for nothing in ([], None, A):
        with pytest.raises(ConfigurationError, match="models"):
            chain.models = nothing


@pytest.mark.parametrize("name", [*METHODS, "complete", "acomplete", "stream_complete", "astream_complete"])
async def test_one_call_is_one_span_and_one_pair_of_events(
    make: Any, run_method: Any, events: list[Any], spans: Any, name: str
) -> None:
    await run_method(make(), name, "x" if "complete" in name else [ChatMessage("x")])
    starts = (LLMChatStartEvent, LLMCompletionStartEvent)
    assert len([event for event in events if isinstance(event, starts)]) == 1
    assert len([event for event in events if isinstance(event, (LLMChatEndEvent, LLMCompletionEndEvent))]) == 1
    assert len([span for span in spans.completed_spans if f".{name}-" in span.id_]) == 1


@pytest.mark.parametrize("name", ["stream_chat", "astream_chat"])
async def test_a_stream_left_early_ends_its_events_and_its_connection(
    make: Any, gw: Any, events: list[Any], name: str
) -> None:
    gw.say(text="one two three four five six")
    llm = make()
    if name == "stream_chat":
        stream = llm.stream_chat([ChatMessage("x")])
        next(stream)
        stream.close()
    else:
        astream = await llm.astream_chat([ChatMessage("x")])
        await anext(astream)
        await astream.aclose()
    assert [event for event in events if isinstance(event, ExceptionEvent)]
    assert not [event for event in events if isinstance(event, LLMChatEndEvent)]
    assert llm.complete("again").text


# --- objects ----------------------------------------------------------------------------------------------------------


def test_stored_and_loaded_without_the_key(make: Any, gw: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    llms_package.register()
    embeddings_package.register()
    monkeypatch.setenv("REQUESTY_API_KEY", gw.api_key)
    policy = FallbackPolicy(cooldown=3)
    for llm in (
        make(temperature=0.2, options={"tags": ["t"]}),
        make(models=[A, Step(B, retries=1)], fallback_policy=policy),
    ):
        stored = json.loads(json.dumps(llm.to_dict()))
        assert gw.api_key not in json.dumps(stored)
        again = load_llm(stored)
        assert type(again) is type(llm)
        assert again.to_dict() == llm.to_dict()
        assert again.complete("x").text
        data = pickle.dumps(llm)
        assert gw.api_key.encode() not in data
        assert llm.api_key is not None
        assert pickle.loads(data).complete("x").text
    embedder = RequestyEmbedding(model="openai/text-embedding-3-small", base_url=gw.base_url, api_key=gw.api_key)
    stored = json.loads(embedder.to_json())
    assert gw.api_key not in str(stored)
    assert len(load_embed_model(stored).get_text_embedding("x")) == 1536


def test_copies_keep_the_key_and_share_the_ledger(make: Any, gw: Any) -> None:
    llm = make()
    llm.complete("x")
    asyncio.run(llm.acomplete("x"))
    twin = copy.deepcopy(llm)
    assert twin.complete("x").text
    assert llm.ledger.total.cost == gw.billed > Decimal(0)
    other = llm.model_copy(update={"model": B})
    assert other.complete("x").additional_kwargs["requested_model"] == B


def test_shown_without_the_key(make: Any, gw: Any) -> None:
    llm = make()
    for text in (repr(llm), str(llm), llm.model_dump_json(), str(llm.to_dict())):
        assert gw.api_key not in text


def test_importing_loads_no_other_vendors_package() -> None:
    code = (
        "import sys, llama_index.llms.requesty, llama_index.embeddings.requesty;"
        "print([name for name in ('openai', 'tiktoken', 'llama_index.core.llms.loading') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_one_event_loop_after_another(make: Any) -> None:
    llm = make()
    assert len({asyncio.run(llm.acomplete("x")).text for _ in range(3)}) == 1
