from __future__ import annotations

import json

import httpx
import pytest

from requesty_emulator import GatewayEmulator

PATH = "/v1/messages"
MODEL = "anthropic/claude-sonnet-4-5"
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def ask(text: object = "hello", **fields: object) -> dict:
    return {"model": MODEL, "max_tokens": 1000, "messages": [{"role": "user", "content": text}], **fields}


def post(http: httpx.Client, **fields: object) -> dict:
    response = http.post(PATH, json=ask(**fields))
    assert response.status_code == 200, response.text
    body: dict = response.json()
    return body


def named_events(text: str) -> list[tuple[str, dict]]:
    found = []
    for block in text.strip().split("\n\n"):
        name, data = block.split("\n")
        found.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return found


def test_the_reply_has_the_documented_shape(http: httpx.Client, gw: GatewayEmulator) -> None:
    body = post(http, system="Paris is the capital of France.", text="What is the capital of France?")
    assert body["type"] == "message"
    assert body["role"] == "assistant"
    assert body["content"] == [{"type": "text", "text": "Paris is the capital of France."}]
    assert (body["stop_reason"], body["stop_sequence"]) == ("end_turn", None)
    assert body["usage"]["input_tokens"] > 0
    assert body["usage"]["cost"] == float(gw.billed) > 0


@pytest.mark.parametrize("header", ["x-api-key", "authorization"])
def test_both_ways_to_send_the_key(gw: GatewayEmulator, header: str) -> None:
    value = gw.api_key if header == "x-api-key" else f"Bearer {gw.api_key}"
    response = httpx.post(
        gw.base_url + "/messages", json=ask(), headers={header: value, "anthropic-version": "2023-06-01"}
    )
    assert response.status_code == 200


def test_errors_have_a_type(gw: GatewayEmulator, http: httpx.Client) -> None:
    response = httpx.post(gw.base_url + "/messages", json=ask())
    assert response.status_code == 401
    assert response.json()["error"] == {"type": "authentication_error", "message": "Unauthorized"}
    gw.fail_next(529)
    assert http.post(PATH, json=ask()).json()["error"]["type"] == "overloaded_error"


@pytest.mark.parametrize(
    ("fields", "reason", "word"),
    [({"max_tokens": 1}, "max_tokens", None), ({"stop_sequences": ["help"]}, "stop_sequence", "help")],
)
def test_stop_reasons(http: httpx.Client, fields: dict, reason: str, word: str | None) -> None:
    body = post(http, **fields)
    assert (body["stop_reason"], body["stop_sequence"]) == (reason, word)


def test_a_tool_loop_with_thinking(http: httpx.Client) -> None:
    fields = {"tools": [WEATHER], "thinking": {"type": "enabled", "budget_tokens": 500}}
    body = post(http, text="Weather in Oslo?", **fields)
    assert [block["type"] for block in body["content"]] == ["thinking", "tool_use"]
    assert body["content"][0]["signature"]
    use = body["content"][1]
    assert (use["name"], use["input"]) == ("get_weather", {"city": "Oslo"})
    assert body["stop_reason"] == "tool_use"
    messages = [
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": body["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use["id"], "content": "Rain"}]},
    ]
    body = http.post(PATH, json=ask(messages=messages, **fields)).json()
    assert "Rain" in body["content"][-1]["text"]


@pytest.mark.parametrize(
    ("choice", "kind"),
    [({"type": "any"}, "tool_use"), ({"type": "tool", "name": "get_weather"}, "tool_use"), ({"type": "none"}, "text")],
)
def test_tool_choice(http: httpx.Client, choice: dict, kind: str) -> None:
    assert post(http, tools=[WEATHER], tool_choice=choice)["content"][-1]["type"] == kind


def test_streams_send_anthropic_events(http: httpx.Client) -> None:
    fields = {"tools": [WEATHER], "thinking": {"type": "enabled", "budget_tokens": 500}, "stream": True}
    found = named_events(http.post(PATH, json=ask("Weather in Oslo?", **fields)).text)
    names = [name for name, _ in found]
    assert names[0] == "message_start"
    assert names[-2:] == ["message_delta", "message_stop"]
    assert "ping" in names
    assert all(payload["type"] == name for name, payload in found)
    deltas = [payload["delta"] for name, payload in found if name == "content_block_delta"]
    arguments = "".join(delta["partial_json"] for delta in deltas if delta["type"] == "input_json_delta")
    assert json.loads(arguments) == {"city": "Oslo"}
    assert [delta["type"] for delta in deltas].count("signature_delta") == 1
    last = found[-2][1]
    assert last["delta"]["stop_reason"] == "tool_use"
    assert last["usage"]["output_tokens"] > 0
    assert last["usage"]["cost"] > 0


def test_errors_inside_a_stream_are_error_events(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(error_event="broke", error_after_chunks=3)
    found = named_events(http.post(PATH, json=ask(stream=True)).text)
    assert found[-1] == ("error", {"type": "error", "error": {"type": "api_error", "message": "broke"}})


def test_cache_marks(http: httpx.Client) -> None:
    system = [{"type": "text", "text": "word " * 2000, "cache_control": {"type": "ephemeral"}}]
    first, second = post(http, system=system)["usage"], post(http, system=system)["usage"]
    assert first["cache_creation_input_tokens"] == second["cache_read_input_tokens"] > 1024
    assert second["input_tokens"] < 100


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].type"),
        ({"messages": [{"role": "user", "content": [{"type": "tool_result", "tool_use_id": "x"}]}]}, "tool_use_id"),
        (
            {
                "messages": [
                    {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]}
                ]
            },
            "tool_use ids without tool_result",
        ),
        ({"tools": [{"name": "f"}]}, "tools[0].input_schema"),
        ({"tool_choice": {"type": "auto"}}, "tool_choice"),
        ({"tools": [WEATHER], "tool_choice": {"type": "tool", "name": "g"}}, "tool_choice.name"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"temperature": 3}, "temperature"),
    ],
)
def test_malformed_requests_name_the_field(http: httpx.Client, body: dict, names: str) -> None:
    response = http.post(PATH, json={**ask(), **body})
    assert response.status_code == 400
    assert names in response.json()["error"]["message"]


def test_images_documents_and_server_tools_pass(http: httpx.Client) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "aaaa"}
    document = {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}
    content = [{"type": "text", "text": "look"}, {"type": "image", "source": source}, document]
    tools = [{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}]
    assert post(http, text=content, tools=tools)["content"]


@pytest.mark.parametrize("content", ["Answer in French.", [{"type": "text", "text": "Answer in French."}]])
def test_instructions_may_stand_between_the_turns(http: httpx.Client, content: object) -> None:
    """As Claude Code sends them to newer models."""
    question = {"role": "user", "content": "The light is 31 metres high. How high is the light?"}
    body = {**ask(), "messages": [question, {"role": "system", "content": content}]}
    answer = http.post(PATH, json=body).json()
    assert "31 metres" in answer["content"][0]["text"]


def test_instructions_do_not_come_before_a_tools_result(http: httpx.Client) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}}
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [call]}]
    for content, said in (("Be brief.", "tool_use ids without tool_result"), ([{"type": "image"}], "type must be")):
        wrong = http.post(PATH, json={**ask(), "messages": [*turns, {"role": "system", "content": content}]})
        assert wrong.status_code == 400
        assert said in wrong.json()["error"]["message"]
