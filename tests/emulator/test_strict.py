from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from requesty_emulator import GatewayEmulator

from .wire import CHAT, MODEL, ask, error, tool

USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CALLING = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "ok"}
F = tool("f")


def messages(*items: Any) -> dict[str, Any]:
    return {"model": MODEL, "messages": list(items)}


def content(part: Any, role: str = "user") -> dict[str, Any]:
    return messages({"role": role, "content": [part]})


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("no model", {"messages": [USER]}, "model"),
    ("no messages", {"model": MODEL}, "messages"),
    ("prompt only", {"model": MODEL, "prompt": "hi"}, "messages"),
    ("empty messages", messages(), "messages"),
    ("model number", {"model": 1, "messages": [USER]}, "model"),
    ("messages object", {"model": MODEL, "messages": {}}, "messages"),
    ("message string", messages("hi"), "messages[0]"),
    ("unknown role", messages({"role": "human", "content": "hi"}), "messages[0].role"),
    ("missing role", messages({"content": "hi"}), "messages[0].role"),
    ("missing content", messages({"role": "user"}), "messages[0].content"),
    ("number content", messages({"role": "user", "content": 1}), "messages[0].content"),
    ("empty parts", messages({"role": "user", "content": []}), "messages[0].content"),
    ("part string", content("hi"), "messages[0].content[0]"),
    ("part type", content({"type": "image", "source": {}}), "messages[0].content[0].type"),
    ("UNKNOWN part", content({"type": "UNKNOWN", "raw": {}, "is_unknown": True}), "messages[0].content[0].type"),
    ("text part without text", content({"type": "text"}), "messages[0].content[0].text"),
    ("image in system", content({"type": "image_url", "image_url": {"url": "https://x/y"}}, "system"), "[0].type"),
    ("image url string", content({"type": "image_url", "image_url": "https://x/y"}), "image_url"),
    ("image url scheme", content({"type": "image_url", "image_url": {"url": "file:///x"}}), "image_url.url"),
    ("image bad base64", content({"type": "image_url", "image_url": {"url": "data:image/png;base64,%%"}}), "base64"),
    ("image not an image", content({"type": "image_url", "image_url": {"url": "data:text/plain;base64,aa=="}}), "url"),
    ("file without data", content({"type": "input_file", "filename": "a.pdf"}), "file_data"),
    ("file shape", content({"type": "file", "file_data": "x"}), "file"),
    ("audio shape", content({"type": "input_audio", "input_audio": {"data": "aa"}}), "format"),
    ("cache control", content({"type": "text", "text": "x", "cache_control": {"type": "forever"}}), "cache_control"),
    ("orphan tool message", messages(USER, RESULT), "tool_call_id"),
    ("tool message without id", messages(USER, CALLING, {"role": "tool", "content": "x"}), "tool_call_id"),
    ("unanswered call", messages(USER, CALLING), "c1"),
    ("unanswered call before user", messages(USER, CALLING, USER), "c1"),
    ("answered twice", messages(USER, CALLING, RESULT, RESULT), "tool_call_id"),
    ("call without id", messages({**CALLING, "tool_calls": [{**CALL, "id": None}]}), "tool_calls[0].id"),
    ("call without type", messages({**CALLING, "tool_calls": [{**CALL, "type": None}]}), "tool_calls[0].type"),
    (
        "call arguments object",
        messages({**CALLING, "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]}),
        "function.arguments",
    ),
    ("equal call ids", messages({**CALLING, "tool_calls": [CALL, CALL]}), "used twice"),
    ("empty tool_calls", messages({"role": "assistant", "tool_calls": []}), "tool_calls"),
    ("empty assistant", messages(USER, {"role": "assistant"}), "messages[1].content"),
    ("signature number", messages({"role": "assistant", "content": "x", "reasoning_signature": 1}), "signature"),
    ("empty tools", ask(tools=[]), "tools"),
    ("tool type", ask(tools=[{"type": "retrieval"}]), "tools[0].type"),
    ("tool without function", ask(tools=[{"type": "function", "name": "f"}]), "tools[0].function"),
    ("tool name", ask(tools=[tool("not a name")]), "tools[0].function.name"),
    ("tools twice", ask(tools=[F, F]), "used twice"),
    (
        "tool parameters",
        ask(tools=[{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}]),
        "parameters",
    ),
    ("tool_choice without tools", ask(tool_choice="auto"), "tool_choice"),
    ("tool_choice any", ask(tools=[F], tool_choice="any"), "tool_choice"),
    (
        "tool_choice name",
        ask(tools=[F], tool_choice={"type": "function", "function": {"name": "g"}}),
        "tool_choice.function.name",
    ),
    ("tool_choice shape", ask(tools=[F], tool_choice={"name": "f"}), "tool_choice.type"),
    ("n zero", ask(n=0), "n "),
    ("n string", ask(n="1"), "n "),
    ("temperature", ask(temperature=3), "temperature"),
    ("temperature string", ask(temperature="0"), "temperature"),
    ("top_p", ask(top_p=1.5), "top_p"),
    ("max_tokens", ask(max_tokens=0), "max_tokens"),
    ("stream string", ask(stream="true"), "stream"),
    ("stop numbers", ask(stop=[1]), "stop[0]"),
    ("top_logprobs alone", ask(top_logprobs=2), "top_logprobs"),
    ("stream_options without stream", ask(stream_options={"include_usage": True}), "stream_options"),
    ("include_usage", ask(stream=True, stream_options={"include_usage": 1}), "include_usage"),
    ("response_format type", ask(response_format={"type": "json"}), "response_format.type"),
    ("response_format string", ask(response_format="json_object"), "response_format"),
    ("schema missing", ask(response_format={"type": "json_schema", "json_schema": {"name": "x"}}), "schema"),
    ("schema name", ask(response_format={"type": "json_schema", "json_schema": {"schema": {}}}), "name"),
    ("reasoning_effort", ask(reasoning_effort="extreme"), "reasoning_effort"),
    ("reasoning_effort number", ask(reasoning_effort=1024), "reasoning_effort"),
    ("thinking", ask(thinking={"type": "enabled"}), "thinking.budget_tokens"),
    ("requesty string", ask(requesty="x"), "requesty"),
    ("auto_cache", ask(requesty={"auto_cache": "yes"}), "requesty.auto_cache"),
    ("tags", ask(requesty={"tags": "a"}), "requesty.tags"),
    ("trace_id", ask(requesty={"trace_id": 1}), "requesty.trace_id"),
    ("extra", ask(requesty={"extra": []}), "requesty.extra"),
    ("logit_bias", ask(logit_bias=[]), "logit_bias"),
]


@pytest.mark.parametrize(("body", "names"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_malformed_requests_name_the_field(http: httpx.Client, body: dict[str, Any], names: str) -> None:
    response = http.post(CHAT, json=body)
    assert response.status_code == 400, response.text
    assert error(response)["origin"] == "router"
    assert names in error(response)["message"]


ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("tool loop", messages(USER, CALLING, RESULT)),
    ("developer", messages({"role": "developer", "content": "be kind"}, USER)),
    ("name", messages({**USER, "name": "example_user"})),
    ("null fields", ask(temperature=None, tools=None, tool_choice=None, stop=None, max_tokens=None, requesty=None)),
    ("reasoning history", messages(USER, {"role": "assistant", "content": "x", "reasoning_content": "y"}, USER)),
    ("refusal history", messages(USER, {"role": "assistant", "refusal": "no"}, USER)),
    ("text parts", content({"type": "text", "text": "hi"})),
    ("image", content({"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}})),
    ("image data", content({"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}})),
    ("input_file", content({"type": "input_file", "filename": "a.pdf", "file_data": "https://example.com/a.pdf"})),
    ("file_input", content({"type": "file_input", "filename": "a.pdf", "file_data": "aaaa"})),
    ("file", content({"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,aaaa"}})),
    ("tool result parts", messages(USER, CALLING, {**RESULT, "content": [{"type": "text", "text": "ok"}]})),
    (
        "many fields",
        ask(
            top_k=3,
            frequency_penalty=0,
            presence_penalty=0,
            logit_bias={},
            user="u",
            store=False,
            service_tier="auto",
            metadata={},
            verbosity="low",
            prompt_cache_key="k",
            include_reasoning=True,
            models=["openai/gpt-4o"],
            reasoning={"effort": "low"},
        ),
    ),
    (
        "requesty",
        ask(requesty={"auto_cache": False, "tags": ["a"], "user_id": "u", "trace_id": "t", "extra": {"k": 1}}),
    ),
    ("unknown field", ask(brand_new=1)),
]


@pytest.mark.parametrize("body", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_well_formed_requests_pass(http: httpx.Client, body: dict[str, Any]) -> None:
    response = http.post(CHAT, json=body)
    assert response.status_code == 200, response.text


def test_unknown_fields_are_recorded_and_refused_on_demand(http: httpx.Client, gw: GatewayEmulator) -> None:
    http.post(CHAT, json=ask(brand_new=1))
    assert gw.last_request.unknown_fields == ("brand_new",)
    gw.settings.strict_fields = True
    response = http.post(CHAT, json=ask(brand_new=1))
    assert response.status_code == 400
    assert "brand_new" in error(response)["message"]
    response = http.post(CHAT, json=messages({**USER, "additional_kwargs": {}}))
    assert "messages[0].additional_kwargs" in error(response)["message"]


@pytest.mark.parametrize(
    ("headers", "data"),
    [
        ({"content-type": "text/plain"}, b"{}"),
        ({"content-type": "application/json"}, b"{not json"),
        ({"content-type": "application/json"}, b"[]"),
        ({"content-type": "application/json"}, b"\xff\xfe"),
        ({"content-type": "application/json"}, b""),
        ({}, b"{}"),
    ],
)
def test_bodies_must_be_json_objects(http: httpx.Client, headers: dict[str, str], data: bytes) -> None:
    response = http.post(CHAT, headers=headers, content=data)
    assert response.status_code == 400
    assert error(response)["origin"] == "router"


def test_an_oversized_body_is_refused(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.settings.max_body_bytes = 1000
    assert http.post(CHAT, json=ask("x" * 2000)).status_code == 413


def test_a_doubled_authorization_header_is_refused(gw: GatewayEmulator) -> None:
    headers = [("authorization", f"Bearer {gw.api_key}"), ("authorization", "Bearer other")]
    response = httpx.post(gw.base_url + "/chat/completions", json=ask(), headers=headers)
    assert response.status_code == 400
    assert "authorization" in error(response)["message"]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (ask(response_format={"type": "json_object"}), "json"),
        (
            ask(model="vertex/google/gemini-2.5-pro", tools=[{"type": "web_search"}, F]),
            "web search",
        ),
        (ask(model="openai/gpt-5.6", tools=[F], reasoning_effort="low"), "reasoning_effort"),
        (
            ask(
                model="anthropic/claude-sonnet-4-5",
                max_tokens=100,
                thinking={"type": "enabled", "budget_tokens": 2000},
            ),
            "budget_tokens",
        ),
        (ask(model="openai/text-embedding-3-small"), "chat"),
    ],
)
def test_upstream_rules_have_the_provider_as_origin(http: httpx.Client, body: dict[str, Any], text: str) -> None:
    response = http.post(CHAT, json=body)
    assert response.status_code == 400
    assert error(response)["origin"] == "provider"
    assert text in error(response)["message"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("messages", "tools", "tool_choice", "response_format", "requesty", "thinking", "stop", "stream_options", "n")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(FIELDS), value=JSON)
def test_no_body_ever_breaks_the_gateway(http: httpx.Client, field: str, value: Any) -> None:
    response = http.post(CHAT, json={**ask("hi"), field: value})
    assert response.status_code in (200, 400)
    if response.status_code == 400:
        assert error(response)["message"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    message=st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "tool", "system"]), "content": JSON})
)
def test_no_message_ever_breaks_the_gateway(http: httpx.Client, message: dict[str, Any]) -> None:
    assert http.post(CHAT, json=messages(message)).status_code in (200, 400)
