"""Any valid request the core can build is answered, and any broken one is refused: never a 500, never a traceback."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from requesty_core import RequestyClient
from requesty_emulator import GatewayEmulator

MODELS = ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5", "google/gemini-2.5-pro", "openai/gpt-4o-mini@eu"]

texts = st.text(min_size=1, max_size=40)
names = st.from_regex(r"[a-z][a-z0-9_]{0,15}", fullmatch=True)
schemas = st.dictionaries(
    names,
    st.sampled_from([{"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"type": "number"}]),
    max_size=4,
).map(lambda fields: {"type": "object", "properties": fields, "required": sorted(fields)})
tools = st.lists(
    st.builds(
        lambda name, schema: {"type": "function", "function": {"name": name, "description": "x", "parameters": schema}},
        names,
        schemas,
    ),
    max_size=3,
    unique_by=lambda tool: tool["function"]["name"],
)
image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
content = st.one_of(
    texts, st.lists(st.one_of(texts.map(lambda t: {"type": "text", "text": t}), st.just(image)), min_size=1, max_size=3)
)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A valid history that ends with the user or with tool results."""
    turns: list[dict[str, Any]] = []
    if draw(st.booleans()):
        turns.append({"role": "system", "content": draw(texts)})
    for number in range(draw(st.integers(0, 2))):
        turns.append({"role": "user", "content": draw(content)})
        if draw(st.booleans()):
            ids = [f"c{number}{index}" for index in range(draw(st.integers(1, 2)))]
            calls = [{"id": i, "type": "function", "function": {"name": "look", "arguments": "{}"}} for i in ids]
            turns.append({"role": "assistant", "content": None, "tool_calls": calls})
            turns += [{"role": "tool", "tool_call_id": i, "content": draw(texts)} for i in ids]
        turns.append({"role": "assistant", "content": draw(texts)})
    turns.append({"role": "user", "content": draw(content)})
    return turns


parameters = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_tokens": st.integers(1, 4000),
        "seed": st.integers(0, 2**31),
        "stop": st.lists(texts, min_size=1, max_size=4),
        "n": st.integers(1, 3),
        "presence_penalty": st.floats(-2, 2),
        "user": texts,
        "reasoning_effort": st.sampled_from(["low", "medium", "high", "4096"]),
        "options": st.fixed_dictionaries(
            {}, optional={"auto_cache": st.booleans(), "tags": st.lists(texts, max_size=2)}
        ),
    },
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayEmulator]:
    # Which fields a model's maker refuses is another test's subject.
    with GatewayEmulator(upstream_rules=False) as running:
        yield running


@pytest.fixture(scope="module")
def core(gateway: GatewayEmulator) -> RequestyClient:
    return RequestyClient(base_url=gateway.base_url, api_key=gateway.api_key, max_retries=0)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(model=st.sampled_from(MODELS), messages=conversations(), offered=tools, params=parameters, streams=st.booleans())
def test_any_valid_request_is_answered(
    gateway: GatewayEmulator,
    core: RequestyClient,
    model: str,
    messages: list[dict[str, Any]],
    offered: list[dict[str, Any]],
    params: dict[str, Any],
    streams: bool,
) -> None:
    params = {**params, "tools": offered}
    if streams:
        with core.stream(model=model, messages=messages, **params) as stream:
            for _ in stream:
                pass
            reply = stream.message
    else:
        reply = core.chat(model=model, messages=messages, **params)
    request = gateway.last_request
    assert request.status == 200
    assert request.body["messages"] == json.loads(json.dumps(messages))
    assert reply.usage is not None
    assert reply.usage.cost == request.cost
    assert reply.finish_reason in ("stop", "length", "tool_calls")
    assert len(reply.choices or (reply.message,)) == params.get("n", 1)
    declared = {tool["function"]["name"] for tool in offered}
    assert {call.name for call in reply.tool_calls} <= declared
    for call in reply.tool_calls:
        json.loads(call.arguments)


# --- broken requests --------------------------------------------------------------------------------------------------

VALID: dict[str, Any] = {
    "model": "openai/gpt-4o-mini",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}, image]}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}],
    "temperature": 0.5,
    "stream": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}},
    "requesty": {"tags": ["a"], "extra": {"k": 1}},
}
ODD = [None, True, -1, 1e309, 2**70, "", "x" * 5000, [], {}, [[]], {"a": {}}, "\ud800", [None], {"type": None}]
ROUTES = ["chat/completions", "messages", "responses", "embeddings", "images/generations", "audio/speech"]


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*at, key))


def replaced(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    if not at:
        return new
    head, *rest = at
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[head] = replaced(value[head], tuple(rest), new)
    return copy


def broken(seed: int) -> tuple[str, bytes]:
    """A route and a body that is odd in one or two places, or cut."""
    chance = random.Random(seed)
    body: Any = {**VALID, "input": ["a"], "max_tokens": 5, "prompt": "x", "voice": "alloy"}
    for _ in range(chance.randint(1, 2)):
        at = chance.choice(list(paths(body)))
        if at:
            body = replaced(body, at, chance.choice(ODD))
    data = json.dumps(body).encode("utf-8", "surrogatepass")
    if chance.random() < 0.2:
        data = data[: chance.randrange(len(data))]
    if chance.random() < 0.1:
        data = bytes(chance.randrange(256) for _ in range(40))
    return chance.choice(ROUTES), data


def test_broken_requests_are_refused_in_the_contracts_form(
    gateway: GatewayEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    headers = {"Authorization": f"Bearer {gateway.api_key}", "Content-Type": "application/json"}
    with httpx.Client(base_url=gateway.base_url, headers=headers) as http, caplog.at_level(logging.ERROR):
        for seed in range(1500):
            route, data = broken(seed)
            response = http.post(f"/{route}", content=data)
            assert response.status_code in (200, 400, 403, 404, 413, 422), (route, data, response.text[:300])
            if response.status_code >= 400:
                assert response.json()["error"], (route, data)
    assert caplog.records == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("route", ROUTES)
def test_a_wrong_method_or_route_is_said(gateway: GatewayEmulator, method: str, route: str) -> None:
    headers = {"Authorization": f"Bearer {gateway.api_key}"}
    for path in (route, f"{route}/nowhere"):
        response = httpx.request(method, f"{gateway.base_url}/{path}", headers=headers)
        assert response.status_code in (404, 405)


def test_an_oversized_request_is_refused(gateway: GatewayEmulator) -> None:
    headers = {"Authorization": f"Bearer {gateway.api_key}", "Content-Type": "application/json"}
    body = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "word " * 200_000}]}
    response = httpx.post(f"{gateway.base_url}/chat/completions", headers=headers, json=body)
    assert response.status_code in (400, 413)
    assert "context" in response.text or "large" in response.text
