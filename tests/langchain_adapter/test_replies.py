"""What the user gets: messages, metadata, usage, cost, content blocks; the same for all four ways to call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from tests.support.langchain_tools import weather

from langchain_requesty import ChatRequesty, CostLedger
from requesty_emulator import Fault, GatewayEmulator

MODEL = "openai/gpt-4o-mini"
Ask = Callable[..., AIMessage]


def whole(chunks: list[AIMessageChunk]) -> AIMessageChunk:
    total = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    return total


@pytest.fixture(params=["invoke", "ainvoke", "stream", "astream"])
def ask(request: pytest.FixtureRequest) -> Ask:
    """One way to call a model; streams are added up."""

    def call(llm: Any, prompt: Any = "hi", **kwargs: Any) -> AIMessage:
        async def astream() -> AIMessage:
            return whole([chunk async for chunk in llm.astream(prompt, **kwargs)])

        if request.param == "invoke":
            return llm.invoke(prompt, **kwargs)  # type: ignore[no-any-return]
        if request.param == "ainvoke":
            return asyncio.run(llm.ainvoke(prompt, **kwargs))
        if request.param == "stream":
            return whole(list(llm.stream(prompt, **kwargs)))
        return asyncio.run(astream())

    return call


def test_everything_of_a_reply(gateway: GatewayEmulator, settings: dict[str, Any], ask: Ask) -> None:
    citation = {"type": "url_citation", "url_citation": {"url": "https://x.test", "title": "X", "start_index": 0}}
    gateway.say(
        text="Yes, indeed.",
        reasoning="Let me think.",
        signature="sig",
        annotations=[citation],
        images=[{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
        usage={
            "prompt_tokens": 50,
            "completion_tokens": 20,
            "total_tokens": 90,
            "prompt_tokens_details": {"cached_tokens": 10, "caching_tokens": 5},
            "completion_tokens_details": {"reasoning_tokens": 7},
            "cost": 0.25,
            "brand_new": {"x": 1},
        },
    )
    ledger = CostLedger()
    message = ask(ChatRequesty(model=MODEL, ledger=ledger, include_response_headers=True, **settings))
    assert message.text == "Yes, indeed."
    assert message.additional_kwargs["reasoning_content"] == "Let me think."
    assert message.additional_kwargs["reasoning_signature"] == "sig"
    assert message.additional_kwargs["annotations"] == [citation]
    assert message.usage_metadata == {
        "input_tokens": 50,
        "output_tokens": 20,
        "total_tokens": 90,
        "input_token_details": {"cache_read": 10, "cache_creation": 5},
        "output_token_details": {"reasoning": 7},
    }
    metadata = message.response_metadata
    assert metadata["cost"] == 0.25
    assert metadata["token_usage"]["brand_new"] == {"x": 1}
    assert metadata["model_name"] == "gpt-4o-mini"
    assert metadata["requested_model"] == MODEL
    assert metadata["model_provider"] == "requesty"
    assert metadata["finish_reason"] == "stop"
    assert metadata["request_id"] == gateway.last_request.request_id
    assert metadata["headers"]["content-type"].startswith(("application/json", "text/event-stream"))
    (attempt,) = metadata["requesty"]["attempts"]
    assert (attempt["model"], attempt["outcome"], attempt["cost"]) == (MODEL, "ok", 0.25)
    assert float(ledger.total.cost) == 0.25
    kinds = [block["type"] for block in message.content_blocks]
    assert kinds == ["reasoning", "text", "image"]
    reasoning, text, image = message.content_blocks
    assert reasoning["reasoning"] == "Let me think."
    assert reasoning["extras"] == {"signature": "sig"}  # type: ignore[typeddict-item]
    assert text["annotations"] == [  # type: ignore[typeddict-item]
        {"type": "citation", "url": "https://x.test", "title": "X", "start_index": 0}
    ]
    assert image["base64"] == "AAAA"  # type: ignore[typeddict-item]


COSTS: list[tuple[str, float | None]] = [
    ("zero_cost", 0.0),
    ("no_cost", None),
    ("null_cost", None),
    ("every_chunk", ...),  # type: ignore[list-item]
    ("last_empty_delta", ...),  # type: ignore[list-item]
    ("last_no_choices", ...),  # type: ignore[list-item]
    ("string_cost", ...),  # type: ignore[list-item]
]


@pytest.mark.parametrize(("style", "cost"), COSTS)
def test_cost_in_every_spelling(
    gateway: GatewayEmulator, settings: dict[str, Any], ask: Ask, style: str, cost: Any
) -> None:
    gateway.fault(usage=style)
    message = ask(ChatRequesty(model=MODEL, **settings))
    expected = float(gateway.billed) if cost is ... else cost
    assert message.response_metadata.get("cost") == (pytest.approx(expected) if expected else expected)
    usage = gateway.last_request.usage
    assert usage is not None
    assert message.usage_metadata is not None
    assert message.usage_metadata["input_tokens"] == usage["prompt_tokens"]
    assert message.usage_metadata["output_tokens"] == usage["completion_tokens"]


def test_tool_calls(gateway: GatewayEmulator, settings: dict[str, Any], ask: Ask) -> None:
    gateway.say(
        text="Let me check.",
        reasoning="Two cities.",
        tool_calls=[
            {"name": "weather", "arguments": {"city": "Oslo"}, "id": "a"},
            {"name": "weather", "arguments": {"city": "Bergen"}, "id": "b"},
        ],
    )
    message = ask(ChatRequesty(model=MODEL, **settings).bind_tools([weather]))
    assert [(c["name"], c["args"], c["id"]) for c in message.tool_calls] == [
        ("weather", {"city": "Oslo"}, "a"),
        ("weather", {"city": "Bergen"}, "b"),
    ]
    assert message.response_metadata["finish_reason"] == "tool_calls"
    assert [block["type"] for block in message.content_blocks] == ["reasoning", "text", "tool_call", "tool_call"]


@pytest.mark.parametrize("preamble", ["text", "reasoning", "both", "none"])
def test_v1_blocks_keep_a_preamble_and_the_tool_call_apart(
    gateway: GatewayEmulator, settings: dict[str, Any], ask: Ask, preamble: str
) -> None:
    gateway.say(
        text="Let me check." if preamble in ("text", "both") else None,
        reasoning="Hm." if preamble in ("reasoning", "both") else None,
        tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "a"}],
    )
    llm = ChatRequesty(model=MODEL, output_version="v1", **settings)
    message = ask(llm.bind_tools([weather]))
    blocks = [{k: v for k, v in block.items() if k != "index"} for block in message.content_blocks]
    expected: list[dict[str, Any]] = [
        {"type": "tool_call", "name": "weather", "args": {"city": "Oslo"}, "id": "a"},
    ]
    if preamble in ("text", "both"):
        expected.insert(0, {"type": "text", "text": "Let me check."})
    if preamble in ("reasoning", "both"):
        expected.insert(0, {"type": "reasoning", "reasoning": "Hm."})
    assert blocks == expected
    assert message.content == message.content_blocks


def test_events_v3(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(
        text="Let me check.",
        reasoning="Hm.",
        signature="sig",
        tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "a"}],
    )
    stream = ChatRequesty(model=MODEL, **settings).bind_tools([weather]).stream_events("hi", version="v3")
    assert list(stream)
    message = stream.output
    kinds = [block["type"] for block in message.content_blocks]
    assert kinds == ["reasoning", "text", "tool_call"]
    assert message.tool_calls[0]["args"] == {"city": "Oslo"}
    assert message.response_metadata["cost"] == pytest.approx(float(gateway.billed))


def test_invalid_arguments(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(tool_calls=[{"name": "weather", "arguments": '{"city": oops', "id": "a"}])
    message = ChatRequesty(model=MODEL, **settings).bind_tools([weather]).invoke("hi")
    (bad,) = message.invalid_tool_calls
    assert (bad["name"], bad["args"], bad["id"]) == ("weather", '{"city": oops', "a")
    assert bad["error"] is not None
    assert "not valid JSON" in bad["error"]


def test_the_last_chunk_says_so_and_text_streams_piece_by_piece(
    gateway: GatewayEmulator, settings: dict[str, Any]
) -> None:
    gateway.say(text="one two three", pieces=["one ", "two ", "three"])
    chunks = list(ChatRequesty(model=MODEL, **settings).stream("hi"))
    assert [chunk.text for chunk in chunks] == ["one ", "two ", "three", ""]
    assert [chunk.chunk_position for chunk in chunks] == [None, None, None, "last"]
    assert [("cost" in chunk.response_metadata) for chunk in chunks] == [False, False, False, True]
    assert [chunk.usage_metadata is not None for chunk in chunks] == [False, False, False, True]


def test_callbacks_count_usage_over_calls(gateway: GatewayEmulator, settings: dict[str, Any], ask: Ask) -> None:
    counter = UsageMetadataCallbackHandler()
    llm = ChatRequesty(model=MODEL, **settings)
    for _ in range(2):
        ask(llm, "count me", config={"callbacks": [counter]})
    total = sum(r.usage["prompt_tokens"] for r in gateway.requests if r.usage)
    assert counter.usage_metadata["gpt-4o-mini"]["input_tokens"] == total


def test_totals_of_generate(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    result = ChatRequesty(model=MODEL, **settings).generate([[HumanMessage("one")], [HumanMessage("two")]])
    assert result.llm_output is not None
    assert result.llm_output["cost"] == pytest.approx(float(gateway.billed))
    assert result.llm_output["token_usage"]["prompt_tokens"] == sum(
        r.usage["prompt_tokens"] for r in gateway.requests if r.usage
    )


def test_refusal_is_a_block(gateway: GatewayEmulator, settings: dict[str, Any], ask: Ask) -> None:
    gateway.say(refusal="I cannot.")
    message = ask(ChatRequesty(model=MODEL, **settings))
    assert message.additional_kwargs["refusal"] == "I cannot."
    assert any("I cannot." in str(block) and block["type"] != "text" for block in message.content_blocks)


def test_unknown_fields_are_kept(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(
        body={
            "id": "x",
            "object": "chat.completion",
            "model": "m",
            "novel": [1],
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "eos",
                    "message": {"role": "assistant", "content": "hi", "mood": "sunny"},
                }
            ],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": "0.5", "cost_details": {"upstream": 0.4}},
        }
    )
    message = ChatRequesty(model=MODEL, **settings).invoke("hi")
    assert message.response_metadata["requesty"]["extra"] == {"novel": [1]}
    assert message.additional_kwargs["mood"] == "sunny"
    assert message.response_metadata["cost_details"] == {"upstream": 0.4}
    assert (message.response_metadata["finish_reason"], message.response_metadata["native_finish_reason"]) == (
        "stop",
        "eos",
    )


def test_server_side_searches_are_no_tool_calls(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.say(text="Found.", tool_calls=[{"name": "web_search", "arguments": {"q": "x"}, "id": "srvtoolu_1"}])
    message = ChatRequesty(model=MODEL, **settings).bind_tools([{"type": "web_search"}]).invoke("hi")
    assert message.tool_calls == []
    assert message.response_metadata["finish_reason"] == "stop"
    assert message.response_metadata["server_tool_calls"][0]["id"] == "srvtoolu_1"


def test_a_closed_stream_frees_its_connection(gateway: GatewayEmulator, settings: dict[str, Any]) -> None:
    gateway.fault(chunk_delay=0.05)
    stream = ChatRequesty(model=MODEL, **settings).stream("Tell me a long story about a lighthouse, please")
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert gateway.wait_idle()
    assert gateway.last_request.disconnected or gateway.last_request.finished is not None


def test_logprobs(gateway: GatewayEmulator, settings: dict[str, Any], ask: Ask) -> None:
    message = ask(ChatRequesty(model=MODEL, logprobs=True, **settings))
    logprobs = message.response_metadata["logprobs"]["content"]
    assert "".join(item["token"] for item in logprobs).replace(" ", "") == message.text.replace(" ", "")


def test_slow_first_byte_then_answer(gateway: GatewayEmulator, settings: dict[str, Any], ask: Ask) -> None:
    gateway.fail_next(fault=Fault(delay=0.05, comments=True, crlf=True, event_lines=True))
    assert ask(ChatRequesty(model=MODEL, **settings)).text
