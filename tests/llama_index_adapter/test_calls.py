"""The eight methods: bytes sent, responses, usage, and raw."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.llms import ChatMessage

from llama_index.llms.requesty import Requesty, RequestyFallback
from requesty_core.errors import ConfigurationError, RequestyError, TruncatedStreamError
from requesty_emulator import Fault

CHAT = ["chat", "achat", "stream_chat", "astream_chat"]
COMPLETE = ["complete", "acomplete", "stream_complete", "astream_complete"]

USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 4, "caching_tokens": 2},
    "completion_tokens_details": {"reasoning_tokens": 3},
    "cost": 0.00025,
}


def reply(message: dict[str, Any], finish: str = "stop", **top: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "i", "object": "chat.completion", "model": "m", "choices": [choice], "usage": USAGE, **top}


def chunk(delta: dict[str, Any], finish: str | None = None, **top: Any) -> dict[str, Any]:
    return {"id": "i", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **top}


def test_inherits() -> None:
    assert BaseLLM in Requesty.__mro__
    assert BaseLLM in RequestyFallback.__mro__


@pytest.mark.parametrize("name", CHAT + COMPLETE)
async def test_every_method_gives_text_usage_and_cost(name: str, make: Any, gw: Any, run_method: Any) -> None:
    llm = make()
    argument = [ChatMessage("Hello there")] if name in CHAT else "Hello there"
    responses = await run_method(llm, name, argument)
    last = responses[-1]
    text = last.message.content if name in CHAT else last.text
    assert text
    assert type(last.raw) is dict
    assert last.raw["usage"]["cost"] == float(gw.billed) > 0
    assert last.additional_kwargs["cost"] == float(gw.billed)
    assert last.additional_kwargs["prompt_tokens"] == last.raw["usage"]["prompt_tokens"] > 0
    assert last.additional_kwargs["total_tokens"] == last.raw["usage"]["total_tokens"] > 0
    assert last.additional_kwargs["request_id"]
    assert last.additional_kwargs["finish_reason"] == "stop"
    assert last.raw["requesty"]["requested_model"] == "openai/gpt-4o-mini"
    assert llm.ledger.total.cost == gw.billed
    if "stream" in name:
        assert len(responses) > 2
        assert "".join(r.delta for r in responses) == text
        assert gw.last_request.body["stream_options"] == {"include_usage": True}
    assert [m["content"] for m in gw.last_request.body["messages"]] == ["Hello there"]
    assert len(gw.requests) == 1


async def test_sync_and_async_streams_are_the_same_sequence(make: Any, gw: Any, run_method: Any) -> None:
    gw.say("one two three", reasoning="hm hm", times=2)
    first = await run_method(make(), "stream_chat", [ChatMessage("x")])
    second = await run_method(make(), "astream_chat", [ChatMessage("x")])
    shape = [
        [(r.delta, r.message.content, r.additional_kwargs.get("thinking_delta")) for r in s] for s in (first, second)
    ]
    assert shape[0] == shape[1]
    assert "".join(r.additional_kwargs.get("thinking_delta", "") for r in first) == "hm hm"
    # One text block, so that content has no newlines of its own.
    assert [type(b).__name__ for b in first[-1].message.blocks] == ["ThinkingBlock", "TextBlock"]


def test_exact_body_and_no_foreign_headers(canned: Any) -> None:
    llm, wire = canned(reply({"content": "ok"}), temperature=0.5, max_tokens=9, additional_kwargs={"user": "u"})
    llm.chat([ChatMessage("Hi", role="system"), ChatMessage("yo")], seed=3, temperature=None)
    assert wire.body() == {
        "model": "openai/gpt-4o-mini",
        "messages": [{"role": "system", "content": "Hi"}, {"role": "user", "content": "yo"}],
        "max_tokens": 9,
        "user": "u",
        "seed": 3,
    }
    headers = wire.requests[0].headers
    assert headers["authorization"] == "Bearer k"
    assert not [name for name in headers if name.startswith("x-stainless")]
    assert "OpenAI" not in headers["user-agent"]


@pytest.mark.parametrize("effort", ["high", "4096"])
def test_reasoning_effort_goes_out_for_any_id(effort: str, canned: Any) -> None:
    for model in ("anthropic/claude-sonnet-4-5", "policy/mine"):
        llm, wire = canned(reply({"content": "ok"}), model=model, reasoning_effort=effort)
        llm.complete("x")
        assert wire.body()["reasoning_effort"] == effort
        assert "max_tokens" not in wire.body()


def test_counters_of_every_kind_reach_additional_kwargs(canned: Any) -> None:
    llm, _ = canned(reply({"content": "ok"}))
    kwargs = llm.complete("x").additional_kwargs
    wanted = {"cached_tokens": 4, "caching_tokens": 2, "reasoning_tokens": 3, "cost": 0.00025, "total_tokens": 18}
    assert {key: kwargs[key] for key in wanted} == wanted


def test_unknown_cost_stays_unknown(canned: Any) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    llm, _ = canned(reply({"content": "ok"}, usage=usage))
    response = llm.complete("x")
    assert "cost" not in response.additional_kwargs
    assert "cost" not in response.raw["usage"]
    assert llm.ledger.total.unknown == 1


def test_everything_the_model_sent_arrives(canned: Any) -> None:
    note = {
        "type": "url_citation",
        "url_citation": {"url": "https://a.test/x", "title": "A", "start_index": 0, "end_index": 4},
    }
    message = {
        "content": "text and more",
        "reasoning_content": "because",
        "reasoning_signature": "sig",
        "annotations": [note],
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}],
    }
    llm, wire = canned(reply(message), reply({"content": "ok"}))
    response = llm.chat([ChatMessage("x")])
    thinking, text, image, citation = response.message.blocks
    assert (thinking.content, thinking.additional_information, thinking.num_tokens) == (
        "because",
        {"signature": "sig"},
        3,
    )
    assert text.text == "text and more"
    assert image.image_mimetype == "image/png"
    assert image.resolve_image().read().startswith(b"\x89PNG")
    assert (citation.source, citation.cited_content.text) == ("https://a.test/x", "text")
    assert response.message.additional_kwargs["annotations"] == [note]
    # The signature goes back with its reasoning, after a round trip through JSON.
    kept = ChatMessage.model_validate_json(response.message.model_dump_json())
    llm.chat([ChatMessage("x"), kept, ChatMessage("y")])
    turn = wire.body()["messages"][1]
    assert (turn["reasoning_content"], turn["reasoning_signature"]) == ("because", "sig")
    assert turn["content"][0] == {"type": "text", "text": "text and more"}


def test_refusal_is_kept_apart_from_text(canned: Any) -> None:
    llm, wire = canned(reply({"content": None, "refusal": "no"}))
    message = llm.chat([ChatMessage("x")]).message
    assert message.additional_kwargs["refusal"] == "no"
    assert not message.content
    llm.chat([ChatMessage("x"), message, ChatMessage("y")])
    assert wire.body()["messages"][1] == {"role": "assistant", "content": None, "refusal": "no"}


def test_logprobs(canned: Any) -> None:
    entry = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    body = reply({"content": "a"})
    body["choices"][0]["logprobs"] = {"content": [entry]}
    llm, _ = canned(body)
    [[top]] = llm.complete("x").logprobs
    assert (top.token, top.logprob, top.bytes) == ("a", -0.1, [97])


def test_streams_send_nothing_before_they_are_read(make: Any, gw: Any) -> None:
    stream = make().stream_complete("x")
    assert gw.requests == []
    next(stream)
    stream.close()
    assert len(gw.requests) == 1


@pytest.mark.parametrize("name", ["stream_chat", "astream_chat"])
async def test_cut_stream_is_an_error_with_what_arrived(name: str, make: Any, gw: Any, run_method: Any) -> None:
    gw.fail_next(fault=Fault(truncate_after_chunks=4))
    with pytest.raises(TruncatedStreamError) as caught:
        await run_method(make(), name, [ChatMessage("Tell me of the sea and the sky and the land")])
    assert caught.value.partial is not None
    assert caught.value.partial.text


@pytest.mark.parametrize(
    "fault",
    [Fault(error_in_200="boom"), Fault(empty_choices=True), Fault(html=True), Fault(status=503), Fault(status=401)],
    ids=lambda f: repr(f)[:40],
)
@pytest.mark.parametrize("name", CHAT)
async def test_failures_are_typed(fault: Fault, name: str, make: Any, gw: Any, run_method: Any) -> None:
    gw.fail_next(fault=fault)
    with pytest.raises(RequestyError) as caught:
        await run_method(make(), name, [ChatMessage("x")])
    assert caught.value.attempts
    # max_retries=0 is one request.
    assert len(gw.requests) == 1


def test_retries_are_literal(make: Any, gw: Any) -> None:
    gw.fail_next(429, times=9, retry_after=0)
    with pytest.raises(RequestyError):
        make(max_retries=2).complete("x")
    assert len(gw.requests) == 3


async def test_callers_arguments_are_left_as_they_are(make: Any) -> None:
    llm = make(additional_kwargs={"user": "u"})
    history, kwargs = [ChatMessage("a")], {"user": "u"}
    llm.chat_with_tools([], "b", chat_history=history)
    assert len(history) == 1
    assert kwargs == llm.additional_kwargs


def test_another_vendors_key_is_never_sent(monkeypatch: pytest.MonkeyPatch, canned: Any) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-other")
    monkeypatch.setenv("OPENAI_API_BASE", "http://other.test")
    monkeypatch.delenv("REQUESTY_API_KEY", raising=False)
    llm, wire = canned(reply({"content": "ok"}), api_key=None)
    with pytest.raises(ConfigurationError, match="REQUESTY_API_KEY"):
        llm.complete("x")
    assert wire.requests == []


@pytest.mark.parametrize(
    ("kwargs", "said"),
    [
        ({"model": ""}, "model"),
        ({"temprature": 1}, "temprature.*additional_kwargs"),
        ({"api_base": "http://a.test", "base_url": "http://b.test"}, "api_base"),
        ({"max_retries": -1}, "max_retries"),
        ({"region": "mars"}, "region"),
    ],
)
def test_bad_settings_are_named(kwargs: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Requesty(**{"model": "m", **kwargs})


def test_api_base_and_model_positional() -> None:
    assert Requesty("openai/x", api_base="http://a.test/v1").api_base == "http://a.test/v1"


def test_extra_settings_of_the_gateway_reach_the_wire(canned: Any) -> None:
    llm, wire = canned(
        reply({"content": "ok"}),
        options={"tags": ["t"]},
        extra_body={"x": 1},
        extra_headers={"X-Requesty-Trace": "z"},
    )
    llm.complete("x", options={"user_id": "u"})
    assert wire.body()["x"] == 1
    assert wire.body()["requesty"] == {"tags": ["t"], "user_id": "u"}
    assert wire.requests[0].headers["x-requesty-trace"] == "z"
    assert json.loads(wire.requests[0].content)["model"] == "openai/gpt-4o-mini"
