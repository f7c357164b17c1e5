"""What the gateway adds: ids, routing, caching, metadata."""

from __future__ import annotations

import json

from requesty_emulator import Policy

from ..model import UNARY, Ask, Case, scenario

GROUP = "Gateway"
IDS = (
    "openai/gpt-4o-mini",
    "coding/claude-4-sonnet",
    "bedrock/claude-sonnet-4-5@eu-central-1",
    "openai/o3-mini:high",
    "claude-sonnet-4-5",
    "vertex/google/gemini-2.5-pro",
)


@scenario(GROUP, "every form of model id is sent untouched")
def ids(case: Case) -> None:
    for model in IDS:
        case.gw.say(text="ok")
        got = case.ask(model=model)
        assert case.body["model"] == model
        assert got.requested == model


@scenario(GROUP, "a policy names the model that answered")
def policy(case: Case) -> None:
    case.gw.policies["fast"] = Policy(models=["openai/gpt-4o-mini"])
    got = case.ask(model="policy/fast")
    assert case.body["model"] == "policy/fast"
    assert (got.requested, got.served) == ("policy/fast", "gpt-4o-mini")


@scenario(GROUP, "auto_cache makes the second call cheaper, and says how much was read from the cache", modes=UNARY)
def auto_cache(case: Case) -> None:
    turns = [{"role": "system", "content": "A long preamble. " * 800}, {"role": "user", "content": "Go."}]
    first, second = (
        case.ask(Ask(messages=turns), model="anthropic/claude-sonnet-4-5", options={"auto_cache": True})
        for _ in range(2)
    )
    assert case.body["requesty"] == {"auto_cache": True}
    assert first.cost is not None
    assert second.cost is not None
    assert second.cost < first.cost
    assert second.cached_tokens


@scenario(GROUP, "cache marks are kept", needs="cache_control")
def cache_control(case: Case) -> None:
    mark = {"type": "ephemeral"}
    turns = [
        {"role": "system", "content": [{"type": "text", "text": "A preamble.", "cache_control": mark}]},
        {"role": "user", "content": [{"type": "text", "text": "Go.", "cache_control": mark}]},
    ]
    case.ask(Ask(messages=turns))
    assert json.dumps(case.body["messages"]).count('"ephemeral"') == 2


@scenario(GROUP, "tags, user, trace and extra arrive")
def metadata(case: Case) -> None:
    options = {"tags": ["a", "b"], "user_id": "u", "trace_id": "t", "extra": {"team": "search"}}
    case.ask(options=options)
    assert case.body["requesty"] == options


@scenario(GROUP, "analytics headers and attribution arrive")
def headers(case: Case) -> None:
    case.ask(extra_headers={"X-Requesty-Team": "search"}, app_url="https://app.test", app_title="App")
    sent = case.gw.last_request.headers
    assert sent["x-requesty-team"] == "search"
    assert (sent["http-referer"], sent["x-title"]) == ("https://app.test", "App")


@scenario(GROUP, "nothing is attributed unless asked for")
def no_attribution(case: Case) -> None:
    case.ask()
    assert not {"http-referer", "x-title"} & case.gw.last_request.headers.keys()


@scenario(GROUP, "body fields of one's own arrive")
def extra_body(case: Case) -> None:
    case.ask(extra_body={"brand_new": {"a": 1}})
    assert case.body["brand_new"] == {"a": 1}


@scenario(GROUP, "text masked by a guardrail comes back masked")
def guardrail(case: Case) -> None:
    case.gw.settings.guardrails = True
    case.ask(Ask(messages=[{"role": "user", "content": "Write to ada@example.com please."}]))
    assert case.gw.last_request.status == 200


@scenario(GROUP, "unknown response fields do no harm")
def unknown_fields(case: Case) -> None:
    body = {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "novel": {"a": 1},
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "novel": 1,
                "message": {"role": "assistant", "content": "hi", "mood": 1},
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": 0.5, "novel": [1]},
    }
    chunk = {
        **body,
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": {"content": "hi", "mood": 1}, "finish_reason": "stop"}],
    }
    case.gw.say(body=body, chunks=[chunk])
    got = case.ask()
    assert got.text == "hi"
    assert got.cost == 0.5
