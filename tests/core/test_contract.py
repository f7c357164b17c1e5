"""The gateway contract's conflicts (section 19), row by row; section 13 is the table of ``test_errors.py``."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from tests.support.bodies import USAGE, chunk, sse
from tests.support.ways import MESSAGES
from tests.support.wire import Wire, answer, http, router_error

from requesty_core import (
    AuthenticationError,
    BadRequestError,
    CostLedger,
    NotFoundError,
    RequestyClient,
    RequestyError,
    RequestyOptions,
)
from requesty_core.catalog.catalog import read_models


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"region": "eu"}, "https://router.eu.requesty.ai/v1/chat/completions"),
        ({"base_url": "https://eu.router.requesty.ai/v1"}, "https://eu.router.requesty.ai/v1/chat/completions"),
        ({"base_url": "https://my.proxy/deep/path/"}, "https://my.proxy/deep/path/chat/completions"),
    ],
)
def test_19_01_the_base_url_is_taken_verbatim(way: Any, settings: Any, url: str) -> None:
    wire = Wire(answer())
    way(wire, {"base_url": None, **settings})
    assert str(wire.requests[0].url) == url


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({}, "https://api-v2.requesty.ai"),
        ({"region": "eu"}, "https://api-v2.requesty.ai"),
        ({"base_url": "https://router.corp.test/v1"}, "https://api-v2.corp.test"),
        ({"management_url": "https://api.requesty.ai"}, "https://api.requesty.ai"),
    ],
)
def test_19_02_the_management_host_is_a_setting_of_its_own(settings: Any, host: str) -> None:
    assert RequestyClient(api_key="k", **settings).settings.config.management_url == host


@pytest.mark.parametrize("strict", [False, True])
def test_19_03_a_bad_key_may_see_the_public_catalogue_so_keys_are_checked_elsewhere(
    gateway: Any, unary: Any, strict: bool
) -> None:
    gateway.settings.models_need_valid_key = strict
    client = unary.client(
        None, base_url=gateway.base_url, api_key="bad", management_url=gateway.management_url, max_retries=0
    )
    if strict:
        with pytest.raises(AuthenticationError):
            unary.run(client, lambda c: c.models.list())
    else:
        assert unary.run(client, lambda c: c.models.list())
    with pytest.raises(AuthenticationError):
        unary.run(client, lambda c: c.management.check_auth())


@pytest.mark.parametrize(("status", "text"), [(403, "Invalid authorization token"), (401, "Unauthorized")])
def test_19_04_both_statuses_of_a_bad_key(way: Any, status: int, text: str) -> None:
    with pytest.raises(AuthenticationError):
        way(Wire(router_error(status, text)), {"fallbacks": ["b/2"]})


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"origin": "router", "message": "bad thing"}},
        {"error": {"message": "bad thing", "type": "invalid_request_error", "param": None, "code": None}},
        {"error": {"type": "invalid_request_error", "message": "bad thing"}},
        {"error": "bad thing"},
        "bad thing",
    ],
)
def test_19_05_every_shape_of_an_error_is_read(way: Any, body: Any) -> None:
    with pytest.raises(BadRequestError) as caught:
        way(Wire(http(400, body)))
    assert caught.value.message == "HTTP 400: bad thing"


@pytest.mark.parametrize("identity", ["rqsty-cmpl-3c1f", "chatcmpl-1", "msg_1", "anything at all"])
def test_19_06_the_response_id_is_opaque(way: Any, identity: str) -> None:
    def scripted(stream: bool) -> Any:
        response = answer("Hello")(stream)
        content = response.content.replace(b"rqsty-cmpl-1", identity.encode())
        return http(200, content)(stream)

    assert way(Wire(scripted)).id == identity


@pytest.mark.parametrize("served", ["gpt-4o-mini", "openai/gpt-4o-mini", "gpt-4o-mini-2024-07-18", "other/model"])
def test_19_07_requested_and_served_model_are_kept_apart(way: Any, served: str) -> None:
    reply = way(Wire(answer(model=served)), model="policy/mine")
    assert (reply.requested_model, reply.served_model) == ("policy/mine", served)


def ended(*tail: Any) -> Any:
    return lambda stream: http(200, sse(chunk({"content": "Hi"}), chunk(finish="stop"), *tail))(stream)


def test_19_08_usage_on_every_chunk_is_cumulative(streaming: Any) -> None:
    chunks = [chunk({"content": c}, usage={"prompt_tokens": 5, "completion_tokens": i, "cost": 0.5 * i})
              for i, c in enumerate("abc", 1)]  # fmt: skip
    body = sse(*chunks, chunk(finish="stop", usage=None))
    reply = streaming(Wire(http(200, body)))
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cost) == (5, 3, Decimal("1.5"))


@pytest.mark.parametrize("choices", [{"choices": [{"index": 0, "delta": {}}]}, {"choices": []}, {"choices": None}, {}])
def test_19_09_choices_of_the_last_chunk(streaming: Any, choices: Any) -> None:
    reply = streaming(Wire(ended({"id": "x", **choices, "usage": USAGE})))
    assert (reply.text, reply.usage.cost) == ("Hi", Decimal("0.001"))


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"prompt_tokens": 1}, None),
        ({"prompt_tokens": 1, "cost": None}, None),
        ({"prompt_tokens": 1, "cost": 0}, Decimal(0)),
        ({"prompt_tokens": 1, "total_cost": 0.25}, Decimal("0.25")),
        ({"prompt_tokens": 1, "cost": 0.5, "total_cost": 0.25}, Decimal("0.5")),
        ({"prompt_tokens": 1, "cost": "0.0005208"}, Decimal("0.0005208")),
    ],
)
def test_19_10_and_11_cost_is_optional_and_has_two_names_and_two_types(
    way: Any, usage: Any, cost: Decimal | None
) -> None:
    ledger = CostLedger()
    assert way(Wire(answer(usage=usage)), {"ledger": ledger}).usage.cost == cost
    assert ledger.total.unknown == (cost is None)


def test_19_12_cached_tokens_were_read_and_caching_tokens_written(way: Any) -> None:
    details = {"cached_tokens": 4, "caching_tokens": 6, "caching_token_details": {"caching_5m_tokens": 6}}
    usage = way(Wire(answer(usage={"prompt_tokens": 20, "prompt_tokens_details": details}))).usage
    assert (usage.input_tokens, usage.cached_tokens, usage.caching_tokens) == (20, 4, 6)


@pytest.mark.parametrize(
    "params",
    [
        {"reasoning_effort": "high"},
        {"reasoning_effort": "8192"},
        {"reasoning_effort": "an effort of the future"},
        {"reasoning": {"effort": "low"}},
        {"thinking": {"type": "enabled", "budget_tokens": 1024}},
    ],
)
def test_19_13_every_form_of_a_reasoning_request_passes(way: Any, params: Any) -> None:
    wire = Wire(answer())
    way(wire, **params)
    assert {k: wire.body()[k] for k in params} == params


@pytest.mark.parametrize(
    ("message", "reasoning"),
    [
        ({"content": "x", "reasoning_content": "a"}, "a"),
        ({"content": "x", "reasoning": "b"}, "b"),
        ({"content": "x", "reasoning_content": "a", "reasoning": "b"}, "a"),
        ({"content": "x", "reasoning_content": None, "reasoning": "b"}, "b"),
    ],
)
def test_19_14_reasoning_of_a_reply(way: Any, message: Any, reasoning: str) -> None:
    assert way(Wire(answer(message))).reasoning == reasoning


PARTS = [
    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
    {"type": "file_input", "filename": "a.pdf", "file_data": "AAAA"},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}},
]


@pytest.mark.parametrize("part", PARTS)
def test_19_15_every_form_of_a_pdf_passes_and_the_emulator_takes_them(gateway: Any, way: Any, part: Any) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "Read"}, part]}]
    wire = Wire(answer())
    way(wire, messages=messages)
    assert wire.body()["messages"] == messages
    settings = {"base_url": gateway.base_url, "api_key": gateway.api_key}
    assert way(None, settings, model="anthropic/claude-sonnet-4-5", messages=messages).text


@pytest.mark.parametrize("tool", ["web_search", "web_search_preview", "web_search_20250305"])
def test_19_16_every_name_of_the_search_tool_passes(way: Any, tool: str) -> None:
    wire = Wire(answer())
    way(wire, tools=[{"type": tool}])
    assert wire.body()["tools"] == [{"type": tool}]


def test_19_17_to_19_the_models_list() -> None:
    old, new = read_models(
        {
            "data": [
                {"id": "a/b", "supports_json_schema": True, "input_price": 3e-6},
                {"id": "a/c", "supports_output_json_schema": True},
            ]
        }
    )
    assert old.supports_json_schema
    assert new.supports_json_schema
    assert old.input_price == Decimal("0.000003"), "a price is for one token"
    assert (old.api, old.context_window, old.geolocation) == ("chat", None, None)


def test_19_20_feedback_falls_back_to_its_other_form(unary: Any) -> None:
    wire = Wire(http(404), http(200))
    client = unary.client(wire)
    assert unary.run(client, lambda c: c.feedback.send("rqsty-cmpl-1", rating="thumbs_up"))
    assert [r.url.path for r in wire.requests] == ["/feedback/rqsty-cmpl-1", "/v1/feedback"]


def test_19_21_the_messages_path_follows_the_base_url(unary: Any) -> None:
    body = {"id": "m", "content": [{"type": "text", "text": "Hi"}]}
    for base in ("https://router.requesty.ai/v1", "https://router.requesty.ai/anthropic/v1"):
        wire = Wire(http(200, body))
        client = unary.client(wire, base_url=base)
        unary.run(client, lambda c: c.messages(model="m", max_tokens=1, messages=MESSAGES))
        assert str(wire.requests[0].url) == f"{base}/messages"


def test_19_22_a_model_is_required(unary: Any) -> None:
    with pytest.raises(TypeError, match="model"):
        unary.run(unary.client(Wire()), lambda c: c.chat(messages=MESSAGES))
    with pytest.raises(RequestyError, match="model"):
        unary.run(unary.client(Wire()), lambda c: c.chat(model="", messages=MESSAGES))


@pytest.mark.parametrize("limit", [500, "500", 500.0, "500.00"])
def test_19_23_limits_are_numbers_or_text(unary: Any, limit: Any) -> None:
    wire = Wire(http(200, {"id": "k", "monthly_limit": limit}))
    key = unary.run(unary.client(wire), lambda c: c.management.keys.get())
    assert key.monthly_limit == Decimal(500)


def test_19_24_the_path_of_a_role_change(unary: Any) -> None:
    wire = Wire(http(405), http(204))
    unary.run(unary.client(wire), lambda c: c.management.groups.set_role("g", "u", "admin"))
    assert [r.url.path for r in wire.requests] == [
        "/v1/manage/group/g/member/u/role",
        "/v1/manage/group/g/member",
    ]


@pytest.mark.parametrize("status", [200, 201])
def test_19_25_any_2xx_makes_a_key(unary: Any, status: int) -> None:
    wire = Wire(http(status, {"api_key_id": "k", "api_key": "s"}))
    assert unary.run(unary.client(wire), lambda c: c.management.keys.create("n")).secret == "s"
    assert wire.requests[0].method == "POST"


def test_19_26_caching_is_the_providers_so_every_call_is_sent(way: Any) -> None:
    wire = Wire(answer(), answer())
    client = way.client(wire, options=RequestyOptions(auto_cache=True))
    way.ask(client)
    way.ask(client)
    assert len(wire.requests) == 2
    assert wire.body()["requesty"] == {"auto_cache": True}


def test_19_28_a_429_is_handled_whoever_sent_it(way: Any) -> None:
    for origin in ("router", "provider"):
        wire = Wire(router_error(429, "Too many requests", origin), answer("ok"))
        assert way(wire, {"max_retries": 1}).text == "ok"


@pytest.mark.parametrize("status", [424, 529])
def test_19_29_what_only_one_table_lists_is_retried(way: Any, status: int) -> None:
    wire = Wire(router_error(status, "x"), answer("ok"))
    assert way(wire, {"max_retries": 1}).text == "ok"


@pytest.mark.parametrize("text", ["Provider and/or model not supported", "Model and/or policy not supported", "?"])
def test_19_30_the_words_of_a_404_do_not_matter(way: Any, text: str) -> None:
    with pytest.raises(NotFoundError):
        way(Wire(router_error(404, text)))
    wire = Wire(router_error(404, text), answer("ok"))
    assert way(wire, {"fallbacks": ["b/2"]}).text == "ok"


def test_19_31_the_cost_is_what_the_gateway_says(way: Any) -> None:
    reply = way(Wire(answer(usage={"prompt_tokens": 1, "completion_tokens": 1, "cost": 99})))
    assert (reply.usage.cost, reply.usage.estimated) == (Decimal(99), False)


@pytest.mark.parametrize("key", ["rqy_a", "rqsty-a", "rqsty-sk-a", "sk-a", "anything"])
def test_19_33_the_text_of_a_key_is_not_judged(way: Any, key: str) -> None:
    wire = Wire(answer())
    way(wire, {"api_key": key})
    assert wire.requests[0].headers["authorization"] == f"Bearer {key}"


def test_19_is_complete() -> None:
    # 27 (what latency policies are based on) and 32 (the name of an npm package) have no effect on a client.
    numbers = {
        int(part)
        for name in globals()
        if name.startswith("test_19_")
        for part in name.split("_")[2:3]
        if part.isdigit()
    }
    assert numbers | {11, 18, 19} | {27, 32} == set(range(1, 34))
