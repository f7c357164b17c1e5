"""No request whatever makes the emulator fail: bodies of agents' shapes, whole, mutated, recursive, huge and deep."""

from __future__ import annotations

import copy
import json
import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from requesty_emulator import GatewayEmulator

FINE = (200, 204, 400, 401, 403, 404, 405, 409, 412, 413, 422)
TEXT = {"type": "string"}


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayEmulator]:
    with GatewayEmulator() as running:
        yield running


@pytest.fixture(scope="module")
def http(gateway: GatewayEmulator) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {gateway.api_key}", "content-type": "application/json"}
    with httpx.Client(base_url=gateway.management_url, headers=headers, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture(autouse=True)
def no_failure_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.ERROR, "requesty_emulator"):
        yield
    assert caplog.records == []


# --- agents' bodies ---------------------------------------------------------------------------------------------------

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "path": {"type": "string", "description": "Absolute path", "minLength": 1, "pattern": "^/[a-z]+$"},
        "mode": {"enum": ["read", "list", None]},
        "limit": {"type": ["integer", "null"], "minimum": 1, "maximum": 2000, "multipleOf": 5, "default": None},
        "edits": {
            "type": "array",
            "items": {"$ref": "#/$defs/edit"},
            "minItems": 1,
            "maxItems": 3,
            "uniqueItems": True,
        },
        "either": {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "boolean"}]},
        "both": {"allOf": [{"$ref": "#/$defs/edit"}, {"required": ["new"]}]},
    },
    "required": ["path", "edits"],
    "additionalProperties": False,
    "$defs": {
        "edit": {"type": "object", "properties": {"old": TEXT, "new": TEXT, "next": {"$ref": "#/$defs/edit"}}},
    },
}
CALL = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"path": "/a"}'}}
CHAT: dict[str, Any] = {
    "model": "openai/gpt-4o-mini",
    "messages": [
        {
            "role": "system",
            "content": [{"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}}],
        },
        {
            "role": "user",
            "content": [{"type": "text", "text": "<env>linux</env>"}, {"type": "text", "text": "Look up the path /a"}],
        },
        {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "Let me look."},
        {"role": "tool", "tool_call_id": "c1", "content": "It is there."},
        {"role": "user", "content": "Thanks. Now add 3 and 4 and look_up the mode."},
    ],
    "tools": [
        {
            "type": "function",
            "function": {"name": "look_up", "description": "Looks up a path", "parameters": SCHEMA, "strict": False},
        },
        {
            "type": "function",
            "function": {
                "name": "bash",
                "description": "Runs a command",
                "parameters": {"type": "object", "properties": {"command": TEXT}},
            },
        },
        {"type": "custom", "custom": {"name": "apply_patch"}},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "max_tokens": 400,
    "temperature": 0.5,
    "n": 1,
    "stop": ["END"],
    "stream": False,
    "reasoning": {"effort": "low", "max_tokens": 100},
    "reasoning_effort": "2048",
    "thinking": {"type": "disabled"},
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}},
    "logprobs": True,
    "top_logprobs": 2,
    "modalities": ["text"],
    "web_search_options": {},
    "metadata": {"a": "b"},
    "requesty": {"tags": ["a"], "user_id": "u", "trace_id": "t", "extra": {"k": 1}, "auto_cache": True},
}
MESSAGES: dict[str, Any] = {
    "model": "anthropic/claude-sonnet-4-5",
    "max_tokens": 500,
    "system": [{"type": "text", "text": "You are an agent.", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "<system-reminder>Use Read.</system-reminder>"},
                {"type": "text", "text": "Look up the path"},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
                {"type": "tool_use", "id": "t1", "name": "look_up", "input": {"path": "/a"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "x"}]}],
        },
    ],
    "tools": [
        {"name": "look_up", "description": "Looks up a path", "input_schema": SCHEMA},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "web_search_20250305", "name": "web_search"},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "adaptive"},
    "stop_sequences": ["END"],
    "metadata": {"user_id": "u"},
    "output_config": {"effort": "high"},
    "stream": True,
}
RESPONSES: dict[str, Any] = {
    "model": "openai/gpt-5",
    "instructions": "You are an agent.",
    "input": [
        {
            "type": "message",
            "role": "developer",
            "content": [{"type": "input_text", "text": "<permissions>x</permissions>"}],
        },
        {
            "type": "message",
            "role": "user",
            "content": [
                {"type": "input_text", "text": "Look up the path"},
                {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
            ],
        },
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": "x"},
        {"type": "function_call", "call_id": "c1", "name": "look_up", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "x"},
        {"type": "custom_tool_call", "call_id": "c2", "name": "apply_patch", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "x"}]},
        {"type": "local_shell_call", "call_id": "c3", "action": {"type": "exec", "command": ["ls"]}},
    ],
    "tools": [
        {
            "type": "function",
            "name": "look_up",
            "description": "Looks up a path",
            "parameters": SCHEMA,
            "strict": False,
        },
        {"type": "local_shell"},
        {"type": "web_search"},
        {"type": "custom", "name": "apply_patch"},
        {"type": "namespace", "name": "n", "tools": []},
    ],
    "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look_up"}]},
    "reasoning": {"effort": "medium", "summary": "auto"},
    "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "x", "schema": SCHEMA}},
    "include": ["reasoning.encrypted_content"],
    "previous_response_id": None,
    "store": False,
    "stream": True,
}
MANAGED = "/v1/manage/"
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": CHAT,
    "/v1/messages": MESSAGES,
    "/v1/responses": RESPONSES,
    "/v1/embeddings": {
        "model": "openai/text-embedding-3-small",
        "input": ["a", "b"],
        "dimensions": 8,
        "encoding_format": "base64",
    },
    "/v1/images/generations": {
        "model": "openai/gpt-image-1",
        "prompt": "a cat",
        "n": 1,
        "quality": "low",
        "response_format": "url",
    },
    "/v1/audio/speech": {"model": "openai/tts-1", "input": "hi", "voice": "alloy", "speed": 1, "stream_format": "sse"},
    "/v1/feedback": {"request_id": "x", "rating": "thumbs_up"},
    "/feedback/x": {"data": {"score": 1}},
    MANAGED + "apikey": {
        "name": "k",
        "monthly_limit": "5.5",
        "permissions": {"manage": "read", "completions": "write"},
    },
    MANAGED + "apikey/self/limit": {"monthly_limit": 0},
    MANAGED + "apikey/self/label": {"labels": {"a": "b"}},
    MANAGED + "apikey/nobody/expiry": {"expires_at": "2030-01-01T00:00:00Z"},
    MANAGED + "group": {"name": "g", "monthly_limit": 1},
    MANAGED + "access-list": {"name": "l", "auto_approve": True, "chat": ["openai/gpt-4o-mini"]},
}
MODELS = [
    *("openai/gpt-4o-mini", "openai/gpt-5", "openai/o3", "anthropic/claude-sonnet-4-5", "vertex/gemini-2.5-pro"),
    *(
        "google/gemini-2.5-pro",
        "deepseek/deepseek-reasoner",
        "policy/none",
        "nobody/nothing",
        "coding/claude-sonnet-4-5",
    ),
]
ODD: list[Any] = [
    *(None, True, False, 0, -1, 3.7, 10**13, 2**70, 10**400, 1e308, -1e308, 1e-300),
    *(
        "",
        " ",
        "x" * 3000,
        "9" * 5000,
        "²",
        "\u0000",
        "1e999999999",
        "NaN",
        "9999-12-31T23:59:59Z",
        "0001-01-01T00:00:00+14:00",
    ),
    *(
        [],
        {},
        [[]],
        [None],
        [1],
        ["a"],
        [{}],
        {"a": {}},
        {"type": None},
        {"type": "object"},
        {"$ref": "#"},
        {"anyOf": [1]},
    ),
    *("(((((((", "(a+)+$", "[z-a]", "a{99999999}", "#/$defs/edit", "high", "auto", "required", "image", "function"),
]
_KEYWORDS = (
    "type enum const required properties items anyOf allOf oneOf $ref pattern format minLength maxLength minItems "
    "maxItems minimum maximum multipleOf minProperties prefixItems additionalProperties default"
)
KEYWORDS = _KEYWORDS.split()


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*at, key))


def mutate(body: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A copy with one to three places replaced, removed, doubled, or swapped for another part of the body."""
    copied: Any = copy.deepcopy(body)
    for _ in range(chance.randint(1, 3)):
        places = [at for at in paths(copied) if at]
        if not places:
            break
        *way, last = chance.choice(places)
        parent = copied
        for step in way:
            parent = parent[step]
        act = chance.randrange(6)
        if act == 0:
            del parent[last]
        elif act == 1 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        elif act == 2 and isinstance(parent, dict):
            parent[chance.choice(KEYWORDS)] = copy.deepcopy(chance.choice(ODD))
        elif act == 3:
            other: Any = copied
            for step in chance.choice(places):
                other = other[step] if isinstance(other, (dict, list)) and _has(other, step) else other
            parent[last] = copy.deepcopy(other)
        else:
            parent[last] = copy.deepcopy(chance.choice(ODD))
    return dict(copied)


def _has(value: Any, step: Any) -> bool:
    return step in value if isinstance(value, dict) else isinstance(step, int) and step < len(value)


def answered(http: httpx.Client, path: str, content: bytes, **headers: str) -> httpx.Response:
    response = http.post(path, content=content, headers=headers)
    assert response.status_code in FINE, (path, response.status_code, content[:2000])
    if response.status_code >= 400:
        assert response.json()["error"], (path, content[:2000])
    return response


@pytest.mark.parametrize("path", BODIES)
def test_the_agents_bodies_are_valid(http: httpx.Client, path: str) -> None:
    response = http.post(path, json=BODIES[path])
    assert response.status_code in (200, 204, 404), response.text
    assert (response.status_code == 404) == ("nobody" in path)


@pytest.mark.parametrize("path", BODIES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), model=st.sampled_from([None, *MODELS]), streams=st.sampled_from([None, True, False]))
def test_mutated_bodies_are_answered_or_refused(
    http: httpx.Client, gateway: GatewayEmulator, path: str, seed: int, model: str | None, streams: bool | None
) -> None:
    gateway.reset()
    body = dict(BODIES[path])
    if model is not None and "model" in body:
        body["model"] = model
    if streams is not None and "stream" in body:
        body["stream"] = streams
    chance = random.Random(seed)
    gateway.settings.guardrails = chance.random() < 0.2
    data = json.dumps(mutate(body, chance)).encode()
    if chance.random() < 0.1:
        data = data[: chance.randrange(len(data))]
    answered(http, path, data)


JSON = st.recursive(
    st.sampled_from(ODD),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYWORDS), inner),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schema=st.dictionaries(st.sampled_from(KEYWORDS), JSON, max_size=6), forced=st.booleans())
def test_any_schema_is_filled(
    http: httpx.Client, gateway: GatewayEmulator, schema: dict[str, Any], forced: bool
) -> None:
    gateway.clear()
    body: dict[str, Any] = {
        "model": "openai/gpt-4o-mini",
        "messages": [{"role": "user", "content": "Call f with 'a' in Oslo"}],
    }
    if forced:
        function = {"name": "f", "parameters": {**schema, "type": "object"}}
        body |= {"tools": [{"type": "function", "function": function}], "tool_choice": "required"}
    else:
        body["response_format"] = {"type": "json_schema", "json_schema": {"name": "f", "schema": schema}}
    answered(http, "/v1/chat/completions", json.dumps(body).encode())


# --- recursion, sizes, depth ------------------------------------------------------------------------------------------


def nested(levels: int, kind: str) -> str:
    opening, closing = ('{"a":', "}") if kind == "objects" else ("[", "]")
    return opening * levels + "1" + closing * levels


def tree(width: int) -> dict[str, Any]:
    names = [f"child{index}" for index in range(width)]
    return {"type": "object", "properties": {name: {"$ref": "#"} for name in names}, "required": names}


RECURSIVE: dict[str, dict[str, Any]] = {
    "requires itself": tree(1),
    "requires itself often": tree(12),
    "is its own part": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
    "is its own choice": {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
    "refers to itself": {"$ref": "#"},
    "refers in a circle": {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
    "lists itself": {"type": "array", "items": {"$ref": "#"}, "minItems": 3},
    "has itself as more": {"type": "object", "additionalProperties": {"$ref": "#"}, "minProperties": 4},
    "has a tuple of itself": {"type": "array", "prefixItems": [{"$ref": "#"}, {"$ref": "#"}]},
    "wants too much": {"type": "array", "items": TEXT, "minItems": 10**15},
    "wants too long a text": {"type": "string", "minLength": 2**60},
    "wants a long pattern": {"type": "string", "pattern": "(a{9999}){9999}"},
    "stalls a search": {"type": "string", "pattern": "^(\\w+\\s?)+:$"},
    "stalls a search by repeats": {"type": "string", "pattern": "a*a*a*a*a*a*a*a*b"},
    "nests a pattern": {"type": "string", "pattern": "(" * 5000},
}
ROUTES: dict[str, Callable[[dict[str, Any], str], dict[str, Any]]] = {
    "/v1/chat/completions": lambda schema, text: {
        "model": "openai/gpt-4o-mini",
        "messages": [{"role": "user", "content": text}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": schema}}],
        "tool_choice": "required",
    },
    "/v1/messages": lambda schema, text: {
        "model": "anthropic/claude-sonnet-4-5",
        "max_tokens": 100,
        "messages": [{"role": "user", "content": text}],
        "tools": [{"name": "f", "input_schema": schema}],
        "tool_choice": {"type": "any"},
    },
    "/v1/responses": lambda schema, text: {
        "model": "openai/gpt-4o-mini",
        "input": text,
        "tools": [{"type": "function", "name": "f", "parameters": schema}],
        "tool_choice": "required",
    },
}
ROUTES["/v1/chat/completions "] = lambda schema, text: {
    "model": "openai/gpt-4o-mini",
    "messages": [{"role": "user", "content": text}],
    "response_format": {"type": "json_schema", "json_schema": {"name": "f", "schema": schema}},
}


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("schema", RECURSIVE.values(), ids=RECURSIVE)
def test_endless_schemas_get_a_bounded_answer(http: httpx.Client, path: str, schema: dict[str, Any]) -> None:
    inside = schema if schema.get("type", "object") == "object" else {"properties": {"x": schema}, "required": ["x"]}
    if inside is not schema and "$ref" in json.dumps(schema):
        inside = json.loads(json.dumps(inside).replace('"#"', '"#/properties/x"'))
    response = http.post(path.strip(), json=ROUTES[path](inside, "a" * 5000 + " call f"))
    assert response.status_code == 200, response.text[:300]
    assert len(response.content) < 3_000_000


@pytest.mark.parametrize("path", [*BODIES, MANAGED + "org/usage"])
@pytest.mark.parametrize("kind", ["objects", "arrays"])
@pytest.mark.parametrize("levels", [300, 900, 100_000])
def test_deep_bodies_are_refused(
    http: httpx.Client, gateway: GatewayEmulator, path: str, kind: str, levels: int
) -> None:
    for guarded in (False, True):
        gateway.settings.guardrails = guarded
        for body in (nested(levels, kind), f'{{"model":"openai/gpt-4o-mini","requesty":{nested(levels, kind)}}}'):
            method = "GET" if path.endswith("usage") else "POST"
            refused = http.request(method, path, content=body.encode()).status_code
            assert refused == (404 if "nobody" in path else 400)
    gateway.settings.guardrails = False


UNITS = [
    *(
        "{",
        '{"a":',
        "[",
        "“",
        "「",
        "(",
        "<a-b>",
        "`",
        "1",
        "1-",
        "A-",
        "a.b@",
        "Tool Name: ",
        "\n",
        "the ",
        "and ",
        "say 'x' ",
    ),
    *(
        "Action Input:\nTool Name: a\nTool Description: ",
        'schema {"properties":{}} ',
        "subject: x\n",
        "\u200d",
        "x_" * 50 + " ",
    ),
]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("role", ["user", "system"])
def test_long_prompts_are_answered_soon(http: httpx.Client, gateway: GatewayEmulator, unit: str, role: str) -> None:
    tools = [ROUTES["/v1/chat/completions"](SCHEMA, "")["tools"][0]]
    tools += [
        {
            "type": "function",
            "function": {"name": f"tool_{n}", "description": "the subject and more " * 40, "parameters": SCHEMA},
        }
        for n in range(60)
    ]
    messages = [{"role": role, "content": unit * (200_000 // len(unit))}, {"role": "user", "content": "schema?"}]
    if role == "user":
        messages.pop()
    body: dict[str, Any] = {"model": "vertex/gemini-2.5-pro", "messages": messages}
    started = time.perf_counter()
    for extra in (
        {},
        {"tools": tools},
        {"tools": tools, "tool_choice": "required"},
        {"response_format": {"type": "json_object"}},
    ):
        assert http.post("/v1/chat/completions", json={**body, **extra}).status_code == 200
    # No measure of speed: quadratic time would take minutes.
    assert time.perf_counter() - started < 40


def test_many_long_answers_are_cut(http: httpx.Client) -> None:
    body = {"model": "openai/gpt-4o-mini", "n": 128, "stream": True}
    body["messages"] = [{"role": "user", "content": "Write 20000 words about anything"}]
    response = http.post("/v1/chat/completions", json=body)
    assert response.status_code == 200
    assert len(response.content) < 100_000_000


def test_embeddings_have_a_limit_in_all(http: httpx.Client) -> None:
    body = {"model": "openai/text-embedding-3-small", "input": ["word " * 5000] * 60}
    response = http.post("/v1/embeddings", json=body)
    assert response.status_code == 400
    assert "300000" in response.text


# --- other shapes -----------------------------------------------------------------------------------------------------

PART = '--b\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
FORM = "".join(
    [
        PART.format("model", "", "openai/whisper-1"),
        PART.format("prompt", "", "a cat"),
        PART.format("n", "", "1"),
        PART.format("file", '; filename="a.wav"', "RIFF"),
        "--b--\r\n",
    ]
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), path=st.sampled_from(["/v1/audio/transcriptions", "/v1/images/edits"]))
def test_mutated_forms_are_answered_or_refused(http: httpx.Client, seed: int, path: str) -> None:
    chance = random.Random(seed)
    data = bytearray(FORM.encode())
    for _ in range(chance.randint(0, 4)):
        at = chance.randrange(len(data))
        odd = [b"", b"\r\n", b'"', b";", b"*0*=utf-9''%ff", bytes([chance.randrange(256)]), b"--b", b"9" * 5000]
        data[at : at + chance.randrange(6)] = chance.choice(odd)
    kinds = [
        "multipart/form-data; boundary=b",
        "multipart/form-data",
        "multipart/form-data; boundary*=x''b",
        "text/plain",
    ]
    answered(http, path, bytes(data), **{"content-type": chance.choice([kinds[0], kinds[0], *kinds])})


def test_a_nested_form_is_refused(http: httpx.Client) -> None:
    levels = range(1500)
    head = "".join(f"--b{n}\r\ncontent-type: multipart/mixed; boundary=b{n + 1}\r\n\r\n" for n in levels)
    response = answered(
        http, "/v1/audio/transcriptions", head.encode(), **{"content-type": "multipart/form-data; boundary=b0"}
    )
    assert response.status_code == 400


TIMES = [
    "",
    "x",
    "2025-01-01",
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+23:59",
    "2025-01-01T00:00:00Z",
]


@pytest.mark.parametrize(
    "path", ["apikey", "apikey/self", "org", "org/member", "group", "group/x", "access-list", "access-list/x"]
)
def test_reads_take_any_query(http: httpx.Client, path: str) -> None:
    for query in ("", "a=b", "%ff=%00", "limit=" + "9" * 5000):
        assert http.get(f"{MANAGED}{path}?{query}").status_code in FINE


@pytest.mark.parametrize("start", TIMES)
@pytest.mark.parametrize("end", [None, *TIMES])
def test_usage_takes_any_time(http: httpx.Client, start: str, end: str | None) -> None:
    for path in ("org/usage", "apikey/self/usage"):
        params = {"start": start, "resolution": "hour", **({} if end is None else {"end": end})}
        assert http.get(MANAGED + path, params=params).status_code in FINE
        assert http.request("GET", MANAGED + path, content=json.dumps(params)).status_code in FINE
