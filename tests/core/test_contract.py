"""The gateway contract's conflicts (section 19), emulator defaults and switches (20) and unknowns (21), row by row.

Section 13 is the table of ``test_errors.py``.
"""

from __future__ import annotations

import base64
import struct
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from requesty_core import (
    AuthenticationError,
    BadRequestError,
    CostLedger,
    EmptyChoicesError,
    ErrorBodyError,
    InsufficientBalanceError,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    RequestyClient,
    RequestyError,
    RequestyOptions,
    ServerError,
    SpendLimitError,
    StreamError,
    TruncatedStreamError,
    UpstreamFormatError,
)
from requesty_core.catalog.catalog import read_models
from requesty_core.network import shared
from requesty_emulator import Fault, Policy
from requesty_emulator.gateway.settings import USAGE_STYLES

# --- 19: conflicts between sources ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"region": "eu"}, "https://router.eu.requesty.ai/v1/chat/completions"),
        ({"base_url": "https://eu.router.requesty.ai/v1"}, "https://eu.router.requesty.ai/v1/chat/completions"),
        ({"base_url": "https://my.proxy/deep/path/"}, "https://my.proxy/deep/path/chat/completions"),
    ],
)
def test_19_01_the_base_url_is_taken_verbatim(kit: SimpleNamespace, way: Any, settings: Any, url: str) -> None:
    wire = kit.Wire(kit.answer())
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
def test_19_04_both_statuses_of_a_bad_key(kit: SimpleNamespace, way: Any, status: int, text: str) -> None:
    with pytest.raises(AuthenticationError):
        way(kit.Wire(kit.router_error(status, text)), {"fallbacks": ["b/2"]})


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
def test_19_05_every_shape_of_an_error_is_read(kit: SimpleNamespace, way: Any, body: Any) -> None:
    with pytest.raises(BadRequestError) as caught:
        way(kit.Wire(kit.http(400, body)))
    assert caught.value.message == "HTTP 400: bad thing"


@pytest.mark.parametrize("identity", ["rqsty-cmpl-3c1f", "chatcmpl-1", "msg_1", "anything at all"])
def test_19_06_the_response_id_is_opaque(kit: SimpleNamespace, way: Any, identity: str) -> None:
    def scripted(stream: bool) -> Any:
        response = kit.answer("Hello")(stream)
        content = response.content.replace(b"rqsty-cmpl-1", identity.encode())
        return kit.http(200, content)(stream)

    assert way(kit.Wire(scripted)).id == identity


@pytest.mark.parametrize("served", ["gpt-4o-mini", "openai/gpt-4o-mini", "gpt-4o-mini-2024-07-18", "other/model"])
def test_19_07_requested_and_served_model_are_kept_apart(kit: SimpleNamespace, way: Any, served: str) -> None:
    reply = way(kit.Wire(kit.answer(model=served)), model="policy/mine")
    assert (reply.requested_model, reply.served_model) == ("policy/mine", served)


def ended(kit: SimpleNamespace, *tail: Any) -> Any:
    return lambda stream: kit.http(200, kit.sse(kit.chunk({"content": "Hi"}), kit.chunk(finish="stop"), *tail))(stream)


def test_19_08_usage_on_every_chunk_is_cumulative(kit: SimpleNamespace, streaming: Any) -> None:
    chunks = [kit.chunk({"content": c}, usage={"prompt_tokens": 5, "completion_tokens": i, "cost": 0.5 * i})
              for i, c in enumerate("abc", 1)]  # fmt: skip
    body = kit.sse(*chunks, kit.chunk(finish="stop", usage=None))
    reply = streaming(kit.Wire(kit.http(200, body)))
    assert (reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.cost) == (5, 3, Decimal("1.5"))


@pytest.mark.parametrize("choices", [{"choices": [{"index": 0, "delta": {}}]}, {"choices": []}, {"choices": None}, {}])
def test_19_09_choices_of_the_last_chunk(kit: SimpleNamespace, streaming: Any, choices: Any) -> None:
    reply = streaming(kit.Wire(ended(kit, {"id": "x", **choices, "usage": kit.USAGE})))
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
    kit: SimpleNamespace, way: Any, usage: Any, cost: Decimal | None
) -> None:
    ledger = CostLedger()
    assert way(kit.Wire(kit.answer(usage=usage)), {"ledger": ledger}).usage.cost == cost
    assert ledger.total.unknown == (cost is None)


def test_19_12_cached_tokens_were_read_and_caching_tokens_written(kit: SimpleNamespace, way: Any) -> None:
    details = {"cached_tokens": 4, "caching_tokens": 6, "caching_token_details": {"caching_5m_tokens": 6}}
    usage = way(kit.Wire(kit.answer(usage={"prompt_tokens": 20, "prompt_tokens_details": details}))).usage
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
def test_19_13_every_form_of_a_reasoning_request_passes(kit: SimpleNamespace, way: Any, params: Any) -> None:
    wire = kit.Wire(kit.answer())
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
def test_19_14_reasoning_of_a_reply(kit: SimpleNamespace, way: Any, message: Any, reasoning: str) -> None:
    assert way(kit.Wire(kit.answer(message))).reasoning == reasoning


PARTS = [
    {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
    {"type": "file_input", "filename": "a.pdf", "file_data": "AAAA"},
    {"type": "file", "file": {"filename": "a.pdf", "file_data": "AAAA"}},
]


@pytest.mark.parametrize("part", PARTS)
def test_19_15_every_form_of_a_pdf_passes_and_the_emulator_takes_them(
    kit: SimpleNamespace, gateway: Any, way: Any, part: Any
) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "Read"}, part]}]
    wire = kit.Wire(kit.answer())
    way(wire, messages=messages)
    assert wire.body()["messages"] == messages
    settings = {"base_url": gateway.base_url, "api_key": gateway.api_key}
    assert way(None, settings, model="anthropic/claude-sonnet-4-5", messages=messages).text


@pytest.mark.parametrize("tool", ["web_search", "web_search_preview", "web_search_20250305"])
def test_19_16_every_name_of_the_search_tool_passes(kit: SimpleNamespace, way: Any, tool: str) -> None:
    wire = kit.Wire(kit.answer())
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


def test_19_20_feedback_falls_back_to_its_other_form(kit: SimpleNamespace, unary: Any) -> None:
    wire = kit.Wire(kit.http(404), kit.http(200))
    client = unary.client(wire)
    assert unary.run(client, lambda c: c.feedback.send("rqsty-cmpl-1", rating="thumbs_up"))
    assert [r.url.path for r in wire.requests] == ["/feedback/rqsty-cmpl-1", "/v1/feedback"]


def test_19_21_the_messages_path_follows_the_base_url(kit: SimpleNamespace, unary: Any) -> None:
    body = {"id": "m", "content": [{"type": "text", "text": "Hi"}]}
    for base in ("https://router.requesty.ai/v1", "https://router.requesty.ai/anthropic/v1"):
        wire = kit.Wire(kit.http(200, body))
        client = unary.client(wire, base_url=base)
        unary.run(client, lambda c: c.messages(model="m", max_tokens=1, messages=kit.MESSAGES))
        assert str(wire.requests[0].url) == f"{base}/messages"


def test_19_22_a_model_is_required(kit: SimpleNamespace, unary: Any) -> None:
    with pytest.raises(TypeError, match="model"):
        unary.run(unary.client(kit.Wire()), lambda c: c.chat(messages=kit.MESSAGES))
    with pytest.raises(RequestyError, match="model"):
        unary.run(unary.client(kit.Wire()), lambda c: c.chat(model="", messages=kit.MESSAGES))


@pytest.mark.parametrize("limit", [500, "500", 500.0, "500.00"])
def test_19_23_limits_are_numbers_or_text(kit: SimpleNamespace, unary: Any, limit: Any) -> None:
    wire = kit.Wire(kit.http(200, {"id": "k", "monthly_limit": limit}))
    key = unary.run(unary.client(wire), lambda c: c.management.keys.get())
    assert key.monthly_limit == Decimal(500)


def test_19_24_the_path_of_a_role_change(kit: SimpleNamespace, unary: Any) -> None:
    wire = kit.Wire(kit.http(405), kit.http(204))
    unary.run(unary.client(wire), lambda c: c.management.groups.set_role("g", "u", "admin"))
    assert [r.url.path for r in wire.requests] == [
        "/v1/manage/group/g/member/u/role",
        "/v1/manage/group/g/member",
    ]


@pytest.mark.parametrize("status", [200, 201])
def test_19_25_any_2xx_makes_a_key(kit: SimpleNamespace, unary: Any, status: int) -> None:
    wire = kit.Wire(kit.http(status, {"api_key_id": "k", "api_key": "s"}))
    assert unary.run(unary.client(wire), lambda c: c.management.keys.create("n")).secret == "s"
    assert wire.requests[0].method == "POST"


def test_19_26_caching_is_the_providers_so_every_call_is_sent(kit: SimpleNamespace, way: Any) -> None:
    wire = kit.Wire(kit.answer(), kit.answer())
    client = way.client(wire, options=RequestyOptions(auto_cache=True))
    way.ask(client)
    way.ask(client)
    assert len(wire.requests) == 2
    assert wire.body()["requesty"] == {"auto_cache": True}


def test_19_28_a_429_is_handled_whoever_sent_it(kit: SimpleNamespace, way: Any) -> None:
    for origin in ("router", "provider"):
        wire = kit.Wire(kit.router_error(429, "Too many requests", origin), kit.answer("ok"))
        assert way(wire, {"max_retries": 1}).text == "ok"


@pytest.mark.parametrize("status", [424, 529])
def test_19_29_what_only_one_table_lists_is_retried(kit: SimpleNamespace, way: Any, status: int) -> None:
    wire = kit.Wire(kit.router_error(status, "x"), kit.answer("ok"))
    assert way(wire, {"max_retries": 1}).text == "ok"


@pytest.mark.parametrize("text", ["Provider and/or model not supported", "Model and/or policy not supported", "?"])
def test_19_30_the_words_of_a_404_do_not_matter(kit: SimpleNamespace, way: Any, text: str) -> None:
    with pytest.raises(NotFoundError):
        way(kit.Wire(kit.router_error(404, text)))
    wire = kit.Wire(kit.router_error(404, text), kit.answer("ok"))
    assert way(wire, {"fallbacks": ["b/2"]}).text == "ok"


def test_19_31_the_cost_is_what_the_gateway_says(kit: SimpleNamespace, way: Any) -> None:
    reply = way(kit.Wire(kit.answer(usage={"prompt_tokens": 1, "completion_tokens": 1, "cost": 99})))
    assert (reply.usage.cost, reply.usage.estimated) == (Decimal(99), False)


@pytest.mark.parametrize("key", ["rqy_a", "rqsty-a", "rqsty-sk-a", "sk-a", "anything"])
def test_19_33_the_text_of_a_key_is_not_judged(kit: SimpleNamespace, way: Any, key: str) -> None:
    wire = kit.Wire(kit.answer())
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


# --- 20: the emulator's defaults and switches -------------------------------------------------------------------------


def ask(way: Any, gateway: Any, settings: Any = None, **params: Any) -> Any:
    given = {"base_url": gateway.base_url, "api_key": gateway.api_key, "max_retries": 0, **(settings or {})}
    return way(None, given, **params)


def test_20_defaults(gateway: Any, way: Any) -> None:
    ledger = CostLedger()
    reply = ask(way, gateway, {"ledger": ledger}, model="openai/gpt-4o-mini")
    assert reply.id.startswith("rqsty-cmpl-")
    assert (reply.requested_model, reply.served_model, reply.provider) == (
        "openai/gpt-4o-mini",
        "gpt-4o-mini",
        "openai",
    )
    assert reply.usage.cost == ledger.total.cost == gateway.billed > 0
    assert {"prompt_tokens_details", "completion_tokens_details", "cost"} <= reply.usage.raw.keys()
    assert reply.request_id == reply.headers["x-requesty-request-id"]
    assert {"x-requesty-cache", "x-requesty-latency-ms"} <= reply.headers.keys()


def test_20_a_bad_key_comes_before_an_unknown_model(gateway: Any, way: Any) -> None:
    with pytest.raises(AuthenticationError) as caught:
        ask(way, gateway, {"api_key": "bad"}, model="no/such-model")
    assert (caught.value.status, caught.value.origin) == (403, "router")
    with pytest.raises(NotFoundError):
        ask(way, gateway, model="no/such-model")


@pytest.mark.parametrize("style", USAGE_STYLES)
def test_20_usage_in_every_place(gateway: Any, way: Any, style: str) -> None:
    gateway.settings.usage = style
    reply = ask(way, gateway)
    if style == "none":
        assert reply.usage is None
    else:
        known = {"null_cost": None, "no_cost": None, "zero_cost": Decimal(0)}
        assert reply.usage.cost == known.get(style, gateway.billed)
        assert reply.usage.total_tokens > 0


FORMS = [{"crlf": True}, {"comments": True}, {"event_lines": True}, {"no_done": True}, {"slow_bytes": 7}]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_20_forms_of_a_stream(gateway: Any, streaming: Any, form: Any) -> None:
    gateway.say(text="Hello there, all of you", times=2)
    gateway.fault(times=1, **form)
    assert ask(streaming, gateway).text == "Hello there, all of you"


DISTURBED: list[tuple[dict[str, Any], type[RequestyError]]] = [
    ({"error_event": {"origin": "router", "message": "There was a problem"}, "error_after_chunks": 2}, StreamError),
    ({"error_event": "a string", "error_after_chunks": 2}, StreamError),
    ({"truncate_after_chunks": 2}, TruncatedStreamError),
    ({"cut_after_chunks": 2}, TruncatedStreamError),
]


@pytest.mark.parametrize(("fault", "cls"), DISTURBED, ids=[f"{d[1].__name__}-{i}" for i, d in enumerate(DISTURBED)])
def test_20_streams_that_break_carry_what_had_arrived(gateway: Any, streaming: Any, fault: Any, cls: Any) -> None:
    gateway.say(pieces=["one ", "two ", "three ", "four"])
    gateway.fail_next(fault=Fault(**fault))
    with pytest.raises(cls) as caught:
        ask(streaming, gateway, {"fallbacks": ["openai/gpt-4o"]})
    assert caught.value.partial is not None
    assert "one two three four".startswith(caught.value.partial.text)
    assert caught.value.partial.text


STATUSES = [
    (424, UpstreamFormatError),
    (429, RateLimitError),
    (502, ServerError),
    (503, OverloadedError),
    (529, OverloadedError),
]
AFTER = [None, 0, "Wed, 21 Oct 2015 07:28:00 GMT"]
BROKEN: list[tuple[dict[str, Any], type[RequestyError]]] = [
    ({"html": True}, ServerError),
    ({"error_in_200": {"origin": "provider", "message": "no"}}, ErrorBodyError),
    ({"error_in_200": "no"}, ErrorBodyError),
    ({"drop_connection": True}, RequestyError),
    *(({"status": status, "retry_after": after}, cls) for status, cls in STATUSES for after in AFTER),
]


@pytest.mark.parametrize(("fault", "cls"), BROKEN, ids=[f"{d[1].__name__}-{i}" for i, d in enumerate(BROKEN)])
def test_20_failures_are_typed_retried_and_recovered_by_a_chain(gateway: Any, way: Any, fault: Any, cls: Any) -> None:
    # A kept connection that is dropped is replaced by a new one, which is no failure.
    shared._close()
    gateway.fail_next(fault=Fault(**fault))
    with pytest.raises(cls):
        ask(way, gateway)
    shared._close()
    gateway.fail_next(fault=Fault(**fault))
    assert ask(way, gateway, {"max_retries": 1}).text
    shared._close()
    gateway.fail_next(fault=Fault(**fault))
    reply = ask(way, gateway, {"fallbacks": ["openai/gpt-4o"]})
    assert [a.outcome for a in reply.attempts] == ["error", "ok"]
    assert reply.requested_model == "openai/gpt-4o"


def test_20_empty_choices_of_a_whole_answer(gateway: Any, unary: Any) -> None:
    # Streams without choices are in test_holdback: the emulator's switch is about whole answers.
    gateway.fail_next(fault=Fault(empty_choices=True), times=2)
    with pytest.raises(EmptyChoicesError):
        ask(unary, gateway)
    assert ask(unary, gateway, {"max_retries": 1}).text


@pytest.mark.parametrize(("status", "cls"), [(402, InsufficientBalanceError), (412, SpendLimitError)])
def test_20_billing_stops_are_never_retried(gateway: Any, way: Any, status: int, cls: Any) -> None:
    gateway.fail_next(status, times=2)
    with pytest.raises(cls):
        ask(way, gateway, {"max_retries": 3})
    assert len(gateway.chat_requests) == 1


def test_20_masked_text_prefixed_ids_policies_and_server_tools(gateway: Any, way: Any) -> None:
    gateway.settings.guardrails = True
    gateway.settings.prefixed_model = True
    gateway.say(text="Write to ann@example.com")
    reply = ask(way, gateway)
    assert reply.text == "Write to [EMAIL REDACTED]"
    assert reply.served_model == "openai/gpt-4o-mini"
    gateway.policies["mine"] = Policy(models=["anthropic/claude-sonnet-4-5"])
    reply = ask(way, gateway, model="policy/mine")
    assert (reply.requested_model, reply.served_model) == ("policy/mine", "anthropic/claude-sonnet-4-5")
    gateway.settings.server_tools = True
    reply = ask(way, gateway, model="anthropic/claude-sonnet-4-5", tools=[{"type": "web_search"}])
    assert (reply.tool_calls, reply.finish_reason) == ((), "stop")
    assert reply.message.annotations


@pytest.mark.parametrize("encoding", ["base64", "float"])
def test_20_embeddings_in_both_encodings_and_any_order(gateway: Any, unary: Any, encoding: str) -> None:
    client = unary.client(None, base_url=gateway.base_url, api_key=gateway.api_key)
    texts = ["a", "b", "c"]
    model = "openai/text-embedding-3-small"
    straight = unary.run(client, lambda c: c.embeddings(model=model, input=texts, dimensions=16))
    gateway.fail_next(fault=Fault(reorder_embeddings=True))
    other = unary.run(client, lambda c: c.embeddings(model=model, input=texts, dimensions=16, encoding_format=encoding))
    assert other.vectors == [pytest.approx(v, abs=1e-6) for v in straight.vectors]


# --- 21: unknowns an adapter must tolerate ----------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"retry-after": "soon"}, {"x-ratelimit-remaining": "0"}])
def test_21_01_retry_after_and_limits_may_never_come(kit: SimpleNamespace, way: Any, headers: Any) -> None:
    wire = kit.Wire(
        kit.http(429, {"error": {"message": "x"}}, **{k.replace("-", "_"): v for k, v in headers.items()}),
        kit.pieces(b": keep-alive\n\n", kit.answer("ok")(True).content) if way.streams else kit.answer("ok"),
    )
    assert way(wire, {"max_retries": 1}).text == "ok"


@pytest.mark.parametrize("headers", [{}, {"x-requesty-provider": "azure"}, {"x-requesty-latency-ms": "soon"}])
def test_21_02_any_of_the_gateways_headers_may_be_missing(kit: SimpleNamespace, way: Any, headers: Any) -> None:
    reply = way(kit.Wire(kit.answer(headers=headers)))
    assert reply.provider == headers.get("x-requesty-provider")
    assert reply.request_id is None


def test_21_03_to_05_only_what_the_caller_set_is_sent_and_all_of_it(kit: SimpleNamespace, way: Any) -> None:
    wire = kit.Wire(kit.answer(), kit.answer())
    way(wire)
    always = {"model", "messages", "stream", "stream_options"} if way.streams else {"model", "messages"}
    assert wire.body().keys() == always
    params = {"models": ["a/b"], "include_reasoning": True, "top_k": 5, "user": "u", "field_of_the_future": {"x": 1}}
    way(wire, **params, options={"user_id": "v"})
    assert wire.body().keys() == always | params.keys() | {"requesty"}


@pytest.mark.parametrize("usage", [None, {}, {"cost": 1}, {"prompt_tokens": None}, {"prompt_tokens": "7"}, "odd", 5])
def test_21_06_usage_may_be_anything(kit: SimpleNamespace, way: Any, usage: Any) -> None:
    reply = way(kit.Wire(kit.answer("Hello", usage=usage)))
    assert reply.text == "Hello"
    assert (reply.usage is None) == (not isinstance(usage, dict))


@pytest.mark.parametrize(
    "change",
    [
        {"id": None}, {"created": None}, {"created": "today"}, {"model": None}, {"object": None}, {"extra": {"x": 1}},
    ],
)  # fmt: skip
def test_21_07_heads_may_miss_anything(kit: SimpleNamespace, way: Any, change: Any) -> None:
    def scripted(stream: bool) -> Any:
        if stream:
            chunks = [kit.chunk({"content": "Hello"}, **change), kit.chunk(finish="stop", **change)]
            return kit.http(200, kit.sse(*chunks))(stream)
        return kit.http(200, kit.completion({"content": "Hello"}, **change))(stream)

    assert way(kit.Wire(scripted)).text == "Hello"


def test_21_07_a_missing_or_unknown_finish_reason(kit: SimpleNamespace, way: Any) -> None:
    def scripted(reason: str | None) -> Any:
        def render(stream: bool) -> Any:
            if stream:
                return kit.http(200, kit.sse(kit.chunk({"content": "Hi"}), kit.chunk(finish=reason)))(stream)
            return kit.http(200, kit.completion({"content": "Hi"}, finish=reason))(stream)

        return render

    assert way(kit.Wire(scripted(None))).text == "Hi"
    reply = way(kit.Wire(scripted("bored")))
    assert (reply.finish_reason, reply.message.raw_finish_reason) == ("bored", "bored")


def piece(arguments: Any, **more: Any) -> dict[str, Any]:
    return {"index": 0, "id": "a", **more, "function": {"name": "f", "arguments": arguments}}


CALLS: list[tuple[str, list[dict[str, Any]], list[tuple[str, str]]]] = [
    ("no indexes", [piece("{}", index=None), piece("[]", index=None, id="b")], [("f", "{}"), ("f", "[]")]),
    ("equal indexes", [piece("1"), piece("2", id="b")], [("f", "1"), ("f", "2")]),
    ("an object", [piece({"x": 1})], [("f", '{"x":1}')]),
    ("no JSON", [piece("{oops")], [("f", "{oops")]),
    ("no id", [piece("{}", id=None)], [("f", "{}")]),
]


@pytest.mark.parametrize(("what", "calls", "expected"), CALLS, ids=[c[0] for c in CALLS])
def test_21_08_tool_calls_of_every_form(kit: SimpleNamespace, way: Any, what: str, calls: Any, expected: Any) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    reply = way(kit.Wire(kit.answer({"content": None, "tool_calls": calls}, finish="tool_calls")), tools=tools)
    assert [(c.name, c.arguments.replace(" ", "")) for c in reply.tool_calls] == expected
    assert len({c.id for c in reply.tool_calls}) == len(expected)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"content": "x", "reasoning_content": "a"}, ("a", None)),
        ({"content": "x", "reasoning_signature": "s"}, ("", "s")),
        ({"content": "x", "reasoning_content": "a", "reasoning_signature": "s"}, ("a", "s")),
    ],
)
def test_21_09_reasoning_with_and_without_signature(
    kit: SimpleNamespace, way: Any, message: Any, expected: Any
) -> None:
    reply = way(kit.Wire(kit.answer(message)))
    assert (reply.reasoning, reply.reasoning_signature) == expected


def test_21_10_citations_of_any_shape_and_searches_nobody_declared(kit: SimpleNamespace, way: Any) -> None:
    citation = {"type": "a_shape_of_the_future", "where": 1}
    search = {"index": 0, "id": "srvtoolu_1", "type": "function", "function": {"name": "web_search", "arguments": "{}"}}
    message = {"content": "x", "annotations": [citation], "tool_calls": [search]}
    reply = way(kit.Wire(kit.answer(message, finish="tool_calls")))
    assert reply.message.annotations == (citation,)
    assert (reply.tool_calls, reply.finish_reason) == ((), "stop")
    assert [c.name for c in reply.message.server_tool_calls] == ["web_search"]


def test_21_11_catalogue_entries_come_and_go(kit: SimpleNamespace, unary: Any) -> None:
    entries = [{"id": "new/x:turbo@moon", "api": "video", "geolocation": "moon"}, {"id": "bare"}]
    wire = kit.Wire(kit.http(200, {"data": entries}), kit.http(404))
    catalog = unary.run(unary.client(wire), lambda c: c.models.catalog())
    assert catalog["new/x:turbo@moon"].geolocation == "moon"
    assert catalog["bare"].input_price is None


def test_21_12_prompt_and_answer_may_have_been_changed_on_the_way(kit: SimpleNamespace, way: Any) -> None:
    usage = {"prompt_tokens": 5000, "completion_tokens": 1, "cost": 1}
    reply = way(kit.Wire(kit.answer("[SSN REDACTED]", usage=usage)))
    assert (reply.text, reply.usage.input_tokens) == ("[SSN REDACTED]", 5000)


def test_21_13_is_section_13(kit: SimpleNamespace, way: Any) -> None:
    for body in (b"<html>", b"\xff", b"", b"null"):
        with pytest.raises(ServerError):
            way(kit.Wire(kit.http(502, body)), {"max_retries": 0})
    with pytest.raises(ErrorBodyError):
        way(kit.Wire(kit.http(200, {"error": "x"})), {"max_retries": 0})


def test_21_14_a_conversation_keeps_its_trace(kit: SimpleNamespace, way: Any) -> None:
    wire = kit.Wire(kit.answer(model="a"), kit.answer(model="b"))
    client = way.client(wire, options=RequestyOptions.conversation(tags=["t"]))
    served = [way.ask(client, model="policy/mine").served_model for _ in range(2)]
    assert served == ["a", "b"], "the policy may switch all the same"
    assert wire.body(0)["requesty"]["trace_id"] == wire.body(1)["requesty"]["trace_id"]
    assert RequestyOptions.conversation().trace_id != RequestyOptions.conversation().trace_id


def test_21_15_embedding_limits_are_the_callers_to_set(kit: SimpleNamespace, unary: Any) -> None:
    packed = base64.b64encode(struct.pack("<2f", 1, 2)).decode()
    one = kit.http(200, {"data": [{"embedding": packed}]})
    wire = kit.Wire(one, one, kit.router_error(400, "dimensions not supported", "provider"))
    client = unary.client(wire)
    reply = unary.run(client, lambda c: c.embeddings(model="cohere/any-id", input=["a", "b"], batch_size=1))
    assert reply.vectors == [[1.0, 2.0]] * 2
    assert "dimensions" not in wire.body(0)
    with pytest.raises(BadRequestError, match="dimensions"):
        unary.run(client, lambda c: c.embeddings(model="cohere/any-id", input="a", dimensions=3))


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"OK", b'{"ok": true}'])
def test_21_16_bodies_of_writes_are_not_read(kit: SimpleNamespace, unary: Any, body: bytes) -> None:
    wire = kit.Wire(kit.http(202, body), kit.http(202, body))
    client = unary.client(wire)
    assert unary.run(client, lambda c: c.feedback.send("id", rating=1))
    unary.run(client, lambda c: c.management.keys.delete("k"))


@pytest.mark.parametrize("region", ["us", "ap"])
def test_21_17_regions_and_their_hosts_can_be_set(kit: SimpleNamespace, unary: Any, region: str) -> None:
    wire = kit.Wire(kit.http(200, {"keys": []}))
    client = unary.client(wire, base_url=None, region=region, management_url="https://manage.test")
    assert client.base_url == f"https://router.{region}.requesty.ai/v1"
    unary.run(client, lambda c: c.management.keys.list())
    assert wire.requests[0].url.host == "manage.test"


def test_21_is_complete() -> None:
    numbers = {int(name[8:10]) for name in globals() if name.startswith("test_21_") and name[8:10].isdigit()}
    assert numbers | {4, 5} == set(range(1, 18))
