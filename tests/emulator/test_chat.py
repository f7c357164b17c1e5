from __future__ import annotations

import re
from decimal import Decimal

import httpx
import pytest

from requesty_emulator import GatewayEmulator

from .wire import CHAT, ask, chat, error, said, tool


def test_the_reply_has_the_documented_shape(http: httpx.Client, gw: GatewayEmulator) -> None:
    response = http.post(CHAT, json=ask("hello"))
    body = response.json()
    assert re.fullmatch(r"rqsty-cmpl-[0-9a-f-]{36}", body["id"])
    assert body["object"] == "chat.completion"
    assert body["model"] == "gpt-4o-mini"
    assert isinstance(body["created"], int)
    choice = body["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert choice["logprobs"] is None
    assert choice["message"]["role"] == "assistant"
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert usage["prompt_tokens_details"] == {"cached_tokens": 0, "caching_tokens": 0}
    assert usage["completion_tokens_details"] == {"reasoning_tokens": 0}
    for name in ("provider", "cache", "latency-ms", "request-id"):
        assert response.headers[f"x-requesty-{name}"]
    assert response.headers["x-requesty-provider"] == "openai"


def test_cost_is_tokens_times_catalogue_prices(http: httpx.Client, gw: GatewayEmulator) -> None:
    usage = chat(http, "hello there, how are you?")["usage"]
    expected = usage["prompt_tokens"] * Decimal("0.00000015") + usage["completion_tokens"] * Decimal("0.0000006")
    assert Decimal(str(usage["cost"])) == expected == gw.last_request.cost == gw.billed
    assert gw.spend() == {"openai/gpt-4o-mini": expected}


def test_requests_are_recorded(http: httpx.Client, gw: GatewayEmulator) -> None:
    response = http.post(CHAT, json=ask("hello"), headers={"X-Title": "My App"})
    seen = gw.last_request
    assert (seen.method, seen.path, seen.status, seen.model) == ("POST", CHAT, 200, "openai/gpt-4o-mini")
    assert seen.body == ask("hello")
    assert seen.headers["x-title"] == "My App"
    assert seen.request_id == response.headers["x-requesty-request-id"]
    assert seen.response_id == response.json()["id"]
    assert seen.usage == response.json()["usage"]
    assert gw.chat_requests == [seen]
    assert gw.wait_idle()
    assert seen.finished is not None
    assert seen.finished >= seen.started
    assert gw.api_key not in repr(seen)
    gw.clear()
    assert gw.requests == []
    assert gw.billed == 0
    with pytest.raises(LookupError):
        _ = gw.last_request


def test_equal_requests_get_equal_answers(http: httpx.Client) -> None:
    assert said(http, "What is love?") == said(http, "What is love?")


@pytest.mark.parametrize(
    ("fields", "finish", "check"),
    [
        ({"max_tokens": 2}, "length", lambda text: len(text) <= 8),
        ({"max_completion_tokens": 1}, "length", lambda text: len(text) <= 4),
        ({"stop": "help"}, "stop", lambda text: "help" not in text),
        ({"stop": ["zzz", "you"]}, "stop", lambda text: "you" not in text),
        ({"seed": 7, "temperature": 0, "top_p": 1, "top_k": 4, "user": "u"}, "stop", lambda text: len(text) > 8),
    ],
)
def test_generation_limits(http: httpx.Client, fields: dict, finish: str, check) -> None:
    choice = chat(http, "hello", **fields)["choices"][0]
    assert choice["finish_reason"] == finish
    assert check(choice["message"]["content"])


def test_n_makes_several_choices(http: httpx.Client) -> None:
    body = chat(http, "Tell me something about the moon", n=3)
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in body["choices"]}) == 3


def test_logprobs(http: httpx.Client) -> None:
    [choice] = chat(http, "hello", logprobs=True, top_logprobs=1)["choices"]
    content = choice["logprobs"]["content"]
    assert "".join(entry["token"] for entry in content) == choice["message"]["content"]
    assert len(content[0]["top_logprobs"]) == 1


@pytest.mark.parametrize(
    ("model", "fields", "shows"),
    [
        ("anthropic/claude-sonnet-4-5", {"reasoning_effort": "high"}, True),
        ("anthropic/claude-sonnet-4-5", {"thinking": {"type": "enabled", "budget_tokens": 2000}}, True),
        ("anthropic/claude-sonnet-4-5", {"reasoning_effort": "12000"}, True),
        ("anthropic/claude-sonnet-4-5", {}, False),
        ("cline/claude-3-7-sonnet:high", {}, True),
        ("deepseek/deepseek-reasoner", {}, True),
        ("openai/o3-mini:high", {}, False),
        ("openai/gpt-5", {"reasoning_effort": "high"}, False),
    ],
)
def test_reasoning_text_by_family(http: httpx.Client, model: str, fields: dict, shows: bool) -> None:
    body = chat(http, "Why is the sky blue?", model=model, **fields)
    message = body["choices"][0]["message"]
    assert ("reasoning_content" in message) is shows
    if model.startswith("anthropic") and shows:
        assert message["reasoning_signature"]
    tokens = body["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert (tokens > 0) is (shows or model.startswith("openai/"))
    assert body["usage"]["completion_tokens"] > tokens


CLAUDE = "anthropic/claude-sonnet-4-5"
LONG = "The quick brown fox jumps over the lazy dog. " * 120


@pytest.mark.parametrize(
    ("model", "fields", "writes"),
    [
        ("anthropic/claude-sonnet-4-5", {"requesty": {"auto_cache": True}}, True),
        ("coding/claude-4-sonnet", {}, True),
        ("openai/gpt-4o", {}, False),
    ],
)
def test_the_second_call_reads_the_prompt_cache(http: httpx.Client, model: str, fields: dict, writes: bool) -> None:
    first = chat(http, LONG, model=model, **fields)["usage"]
    response = http.post(CHAT, json=ask(LONG, model=model, **fields))
    second = response.json()["usage"]
    assert (first["prompt_tokens_details"]["caching_tokens"] > 0) is writes
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert second["prompt_tokens_details"]["cached_tokens"] > 1024
    assert second["prompt_tokens_details"]["caching_tokens"] == 0
    assert second["cost"] < first["cost"]
    assert response.headers["x-requesty-cache"] == "HIT"
    if writes:
        assert first["prompt_tokens_details"]["caching_token_details"]["caching_5m_tokens"] > 0


def test_hand_placed_cache_marks(http: httpx.Client) -> None:
    system = [{"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}]
    body = ask(model="anthropic/claude-sonnet-4-5")
    body["messages"] = [{"role": "system", "content": system}, {"role": "user", "content": "What jumps?"}]
    first = http.post(CHAT, json=body).json()["usage"]["prompt_tokens_details"]
    body["messages"][1]["content"] = "Who is lazy?"
    second = http.post(CHAT, json=body).json()["usage"]["prompt_tokens_details"]
    assert first["caching_tokens"] == second["cached_tokens"] > 1024


def test_the_shortest_cached_prefix_is_a_switch(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.settings.cache_min_tokens = 5
    for _ in range(2):
        usage = chat(http, "a short but repeated prompt", requesty={"auto_cache": True}, model=CLAUDE)["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] > 5


def test_no_cache_without_asking(http: httpx.Client) -> None:
    for _ in range(2):
        details = chat(http, LONG, model="anthropic/claude-sonnet-4-5")["usage"]["prompt_tokens_details"]
        assert details == {"cached_tokens": 0, "caching_tokens": 0}


def test_web_search_brings_citations(http: httpx.Client, gw: GatewayEmulator) -> None:
    fields = {"model": "anthropic/claude-sonnet-4-5", "tools": [{"type": "web_search"}]}
    message = chat(http, "What happened today?", **fields)["choices"][0]["message"]
    assert message["annotations"][0]["url_citation"]["url"].startswith("https://")
    assert "tool_calls" not in message
    gw.settings.server_tools = True
    choice = chat(http, "What happened today?", **fields)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["id"].startswith("srvtoolu_")
    assert choice["message"]["content"]


def test_image_models_draw(http: httpx.Client) -> None:
    message = chat(http, "A cat", model="google/gemini-2.5-flash-image")["choices"][0]["message"]
    assert message["images"][0]["image_url"]["url"].startswith("data:image/png;base64,")


@pytest.mark.parametrize(
    ("key", "status", "message"),
    [(None, 401, "Unauthorized"), ("", 401, "Unauthorized"), ("nonsense", 403, "Invalid authorization token")],
)
def test_keys_are_checked_before_the_model(gw: GatewayEmulator, key: str | None, status: int, message: str) -> None:
    headers = {} if key is None else {"authorization": f"Bearer {key}".strip()}
    response = httpx.post(gw.base_url + "/chat/completions", json=ask(model="no/such-model"), headers=headers)
    assert response.status_code == status
    assert error(response) == {"origin": "router", "message": message}


@pytest.mark.parametrize("model", ["openai/nope", "nope", "policy/nope", "openai/gpt-4o:bogus", "nope/gpt-4o@eu"])
def test_unknown_models_are_404(http: httpx.Client, model: str) -> None:
    response = http.post(CHAT, json=ask(model=model))
    assert response.status_code == 404
    assert "not supported" in error(response)["message"]


@pytest.mark.parametrize("model", ["openai/gpt-4o:free", "/gpt-4o", "openai/", " "])
def test_malformed_model_ids_are_400(http: httpx.Client, model: str) -> None:
    response = http.post(CHAT, json=ask(model=model))
    assert response.status_code == 400
    assert 'expected: "provider/model"' in error(response)["message"]


@pytest.mark.parametrize(
    ("model", "served", "provider"),
    [
        ("bedrock/claude-sonnet-4-5@eu-central-1", "claude-sonnet-4-5", "bedrock"),
        ("openai/gpt-4o@eu", "gpt-4o", "openai"),
        ("openai/o3-mini:high", "o3-mini", "openai"),
        ("openai/o4-mini:flex", "o4-mini", "openai"),
        ("deepinfra/Qwen/QwQ-32B", "QwQ-32B", "deepinfra"),
        ("coding/claude-4-sonnet", "claude-4-sonnet", "coding"),
        ("openai-responses/gpt-4o", "gpt-4o", "openai-responses"),
        ("claude-sonnet-4-5@eu", "claude-sonnet-4-5", "anthropic"),
        ("gpt-5-mini", "gpt-5-mini", "openai"),
    ],
)
def test_every_form_of_model_id(http: httpx.Client, model: str, served: str, provider: str) -> None:
    response = http.post(CHAT, json=ask(model=model))
    assert response.json()["model"] == served
    assert response.headers["x-requesty-provider"] == provider


def test_the_model_can_be_prefixed_or_echoed(http: httpx.Client, gw: GatewayEmulator) -> None:
    gw.settings.prefixed_model = True
    assert chat(http)["model"] == "openai/gpt-4o-mini"
    gw.settings.prefixed_model, gw.settings.echo_model = False, True
    assert chat(http, model="gpt-5-mini@eu")["model"] == "gpt-5-mini@eu"


@pytest.mark.parametrize(("method", "path", "status"), [("GET", CHAT, 405), ("POST", "/v1/completions", 404)])
def test_wrong_paths_and_methods_answer_in_the_error_body(
    http: httpx.Client, method: str, path: str, status: int
) -> None:
    response = http.request(method, path)
    assert response.status_code == status
    assert error(response)["origin"] == "router"


def test_a_prompt_beyond_the_window_is_refused(http: httpx.Client) -> None:
    response = http.post(CHAT, json=ask("word " * 120_000))
    assert response.status_code == 400
    assert error(response)["origin"] == "provider"
    assert "maximum context length" in error(response)["message"]


def test_one_tool_call_and_then_its_result(http: httpx.Client) -> None:
    weather = tool("get_weather", "Get the weather in a city", city={"type": "string"})
    body = ask("What is the weather in San Francisco, CA?", tools=[weather])
    choice = http.post(CHAT, json=body).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    call = choice["message"]["tool_calls"][0]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city": "San Francisco, CA"}'}
    body["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "It is sunny."},
    ]
    choice = http.post(CHAT, json=body).json()["choices"][0]
    assert choice["finish_reason"] == "stop"
    assert "It is sunny." in choice["message"]["content"]
