from __future__ import annotations

import json

import httpx
import pytest

from requesty_emulator import GatewayEmulator

from .wire import error

PATH = "/v1/responses"
WEATHER = {
    "type": "function",
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


def ask(text: object = "hello", **fields: object) -> dict:
    return {"model": "openai/gpt-5-mini", "input": text, **fields}


def post(http: httpx.Client, **fields: object) -> dict:
    response = http.post(PATH, json=ask(**fields))
    assert response.status_code == 200, response.text
    body: dict = response.json()
    return body


def text_of(response: dict) -> str:
    return "".join(part["text"] for item in response["output"] if item["type"] == "message" for part in item["content"])


def read(text: str) -> list[dict]:
    blocks = [block.split("\n") for block in text.strip().split("\n\n")]
    found = [json.loads(data.removeprefix("data: ")) for _, data in blocks]
    assert [name.removeprefix("event: ") for name, _ in blocks] == [event["type"] for event in found]
    return found


def test_the_reply_has_the_documented_shape(http: httpx.Client, gw: GatewayEmulator) -> None:
    body = post(http, text="Count from 1 to 3", instructions="be brief", metadata={"a": "b"})
    assert body["object"] == "response"
    assert body["status"] == "completed"
    assert body["id"].startswith("resp_")
    assert text_of(body) == "1, 2, 3"
    assert body["usage"]["cost"] == float(gw.billed) > 0
    assert body["usage"]["output_tokens_details"]["reasoning_tokens"] > 0
    assert post(http, model="anthropic/claude-sonnet-4-5")["id"].startswith("rqsty-cmpl-")


def test_a_length_stop_is_incomplete(http: httpx.Client) -> None:
    body = post(http, max_output_tokens=1)
    assert body["status"] == "incomplete"
    assert body["incomplete_details"] == {"reason": "max_output_tokens"}


def test_function_calls_and_their_output(http: httpx.Client) -> None:
    call = next(
        item
        for item in post(http, text="Weather in Oslo?", tools=[WEATHER])["output"]
        if item["type"] == "function_call"
    )
    assert (call["name"], json.loads(call["arguments"])) == ("get_weather", {"city": "Oslo"})
    history = [
        {"role": "user", "content": [{"type": "input_text", "text": "Weather in Oslo?"}]},
        call,
        {"type": "function_call_output", "call_id": call["call_id"], "output": "Rain"},
    ]
    assert "Rain" in text_of(post(http, text=history, tools=[WEATHER]))


def test_structured_output(http: httpx.Client) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    response = http.post(
        PATH, json={**ask("Tom is 42"), "text": {"format": {"type": "json_schema", "name": "p", "schema": schema}}}
    )
    assert json.loads(text_of(response.json())) == {"age": 42}


def test_previous_responses_continue_on_openai_only(http: httpx.Client) -> None:
    first = post(http, text="My favourite colour is green.")
    body = post(http, text="What is my favourite colour?", previous_response_id=first["id"])
    assert "green" in text_of(body)
    response = http.post(PATH, json=ask(model="anthropic/claude-sonnet-4-5", previous_response_id=first["id"]))
    assert response.status_code == 400
    assert http.post(PATH, json=ask(previous_response_id="resp_unknown")).status_code == 404


def test_streams_send_response_events(http: httpx.Client) -> None:
    found = read(http.post(PATH, json=ask("Count from 1 to 3", stream=True)).text)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    assert found[0]["type"] == "response.created"
    assert found[-1]["type"] == "response.completed"
    deltas = [event["delta"] for event in found if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == "1, 2, 3" == text_of(found[-1]["response"])
    assert found[-1]["response"]["usage"]["cost"] > 0


def test_reasoning_and_arguments_stream(http: httpx.Client) -> None:
    body = ask(
        "Weather in Oslo?",
        model="anthropic/claude-sonnet-4-5",
        tools=[WEATHER],
        stream=True,
        reasoning={"effort": "low"},
    )
    found = read(http.post(PATH, json=body).text)
    pieces = [event["delta"] for event in found if event["type"] == "response.function_call_arguments.delta"]
    assert len(pieces) > 1
    assert json.loads("".join(pieces)) == {"city": "Oslo"}
    assert any(event["type"] == "response.reasoning_summary_text.delta" for event in found)


def test_errors_inside_a_stream_are_error_events(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.fault(error_event={"code": "502", "message": "broke"}, error_after_chunks=2)
    assert read(http.post(PATH, json=ask(stream=True)).text)[-1]["message"] == "broke"


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"input": None}, "input"),
        ({"input": []}, "input"),
        ({"input": [{"role": "tool", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "image_url"}]}]}, "input[0].content[0].type"),
        ({"input": [{"type": "mystery"}]}, "input[0].type"),
        ({"input": [{"type": "function_call_output", "call_id": "x", "output": "y"}]}, "tool_call_id"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].function.name"),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "name": "g"}}, "tool_choice.name"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
    ],
)
def test_malformed_requests_name_the_field(http: httpx.Client, fields: dict, names: str) -> None:
    response = http.post(PATH, json={**ask(), **fields})
    assert response.status_code == 400
    assert names in error(response)["message"]
