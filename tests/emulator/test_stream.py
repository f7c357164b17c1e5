from __future__ import annotations

import json
import time

import httpx
import pytest

from requesty_emulator import GatewayEmulator

from .wire import CHAT, ask, chat, joined, stream, tool


def test_chunks_have_the_documented_shape(http: httpx.Client) -> None:
    chunks = stream(http, "Count from 1 to 5")
    assert chunks[-1] == "[DONE]"
    choices = [chunk["choices"][0] for chunk in chunks[:-1]]
    assert all(chunk["object"] == "chat.completion.chunk" for chunk in chunks[:-1])
    assert {chunk["id"] for chunk in chunks[:-1]} == {chunks[0]["id"]}
    assert all(choice["delta"]["role"] == "assistant" for choice in choices)
    assert ["finish_reason" in choice for choice in choices] == [False] * (len(choices) - 1) + [True]
    assert choices[-1]["finish_reason"] == "stop"
    assert joined(chunks) == "1, 2, 3, 4, 5"
    assert not any("usage" in chunk for chunk in chunks[:-1])


def test_streamed_and_whole_answers_agree(http: httpx.Client) -> None:
    question = "Berlin is large. Paris is pretty. Which city is pretty?"
    whole = chat(http, question)
    chunks = stream(http, question, stream_options={"include_usage": True})
    assert joined(chunks) == whole["choices"][0]["message"]["content"] == "Paris is pretty."
    assert chunks[-2]["usage"] == whole["usage"]


@pytest.mark.parametrize(
    ("style", "last"),
    [("last_empty_choices", []), ("last_empty_delta", [{"index": 0, "delta": {}}]), ("last_no_choices", None)],
)
def test_where_usage_sits(http: httpx.Client, gw: GatewayEmulator, style: str, last: object) -> None:
    gw.fault(usage=style)
    chunks = stream(http, stream_options={"include_usage": True})
    assert chunks[-2].get("choices") == last
    assert chunks[-2]["usage"]["cost"] > 0
    assert sum("usage" in chunk for chunk in chunks[:-1]) == 1


def test_usage_on_every_chunk_is_cumulative(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(usage="every_chunk")
    chunks = stream(http, "Count from 1 to 20")[:-1]
    counts = [chunk["usage"]["completion_tokens"] for chunk in chunks]
    assert counts == sorted(counts)
    assert "cost" in chunks[-1]["usage"]


@pytest.mark.parametrize(
    ("style", "expected"), [("no_cost", "missing"), ("null_cost", None), ("zero_cost", 0), ("string_cost", str)]
)
@pytest.mark.parametrize("streamed", [True, False])
def test_variations_of_cost(
    http: httpx.Client, gw: GatewayEmulator, style: str, expected: object, streamed: bool
) -> None:
    gw.fault(usage=style)
    usage = stream(http, stream_options={"include_usage": True})[-2]["usage"] if streamed else chat(http)["usage"]
    cost = usage.get("cost", "missing")
    assert isinstance(cost, str) if expected is str else cost == expected
    assert gw.billed > 0


def test_usage_can_be_absent(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(usage="none")
    assert "usage" not in chat(http)
    assert not any("usage" in chunk for chunk in stream(http, stream_options={"include_usage": True})[:-1])


def test_tool_arguments_come_in_pieces(http: httpx.Client) -> None:
    chunks = stream(http, "Weather in Oslo please", tools=[tool("get_weather", city={"type": "string"})])
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    pieces = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert pieces[0]["function"] == {"name": "get_weather", "arguments": ""}
    assert pieces[0]["id"]
    assert len(pieces) > 2
    assert all("id" not in piece and "name" not in piece["function"] for piece in pieces[1:])
    assert json.loads("".join(piece["function"]["arguments"] for piece in pieces)) == {"city": "Oslo"}
    assert chunks[-2]["choices"][0]["finish_reason"] == "tool_calls"


def test_tool_without_arguments_still_sends_an_object(http: httpx.Client) -> None:
    chunks = stream(http, "Ping the server", tools=[tool("ping")])
    pieces = [chunk["choices"][0]["delta"].get("tool_calls") for chunk in chunks[:-1]]
    assert "".join(piece[0]["function"]["arguments"] for piece in pieces if piece) == "{}"


def test_reasoning_comes_before_text_with_its_signature_last(http: httpx.Client) -> None:
    chunks = stream(http, "Why?", model="anthropic/claude-sonnet-4-5", reasoning_effort="low")
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    kinds = ["reasoning" if "reasoning_content" in delta else "text" for delta in deltas[1:]]
    assert kinds == sorted(kinds)
    signatures = [delta["reasoning_signature"] for delta in deltas if "reasoning_content" in delta]
    assert signatures[-1]
    assert not any(signatures[:-1])


def test_streams_are_paced(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.settings.chunk_delay = 0.02
    started = time.perf_counter()
    chunks = stream(http, "Count from 1 to 10")
    assert time.perf_counter() - started >= 0.02 * (len(chunks) - 1)


def test_a_client_that_leaves_frees_its_stream(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.settings.chunk_delay = 0.02
    with http.stream("POST", CHAT, json=ask("Write 500 words", stream=True)) as response:
        received = response.iter_bytes()
        next(received)
        assert gw.active_streams == 1
    assert gw.wait_idle()
    assert gw.active_streams == 0
    seen = gw.last_request
    assert seen.disconnected
    assert seen.usage is not None
    assert 0 < seen.usage["completion_tokens"] < 200
    assert seen.cost is not None
    assert seen.cost == gw.billed


def test_several_choices_stream_with_their_index(http: httpx.Client) -> None:
    chunks = stream(http, "hello", n=2)
    assert {choice["index"] for chunk in chunks[:-1] for choice in chunk["choices"]} == {0, 1}


def test_citations_stream(http: httpx.Client) -> None:
    chunks = stream(http, "News?", model="anthropic/claude-sonnet-4-5", tools=[{"type": "web_search"}])
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks[:-1]]
    found = [delta for delta in deltas if "annotations" in delta]
    assert found[0]["web_search"]["content"][0]["url"]
