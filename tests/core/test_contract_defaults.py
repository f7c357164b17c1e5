"""The gateway contract's emulator defaults and switches (section 20), row by row."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from requesty_core import (
    AuthenticationError,
    CostLedger,
    EmptyChoicesError,
    ErrorBodyError,
    InsufficientBalanceError,
    NotFoundError,
    OverloadedError,
    RateLimitError,
    RequestyError,
    ServerError,
    SpendLimitError,
    StreamError,
    TruncatedStreamError,
    UpstreamFormatError,
)
from requesty_core.network import shared
from requesty_emulator import Fault, Policy
from requesty_emulator.gateway.settings import USAGE_STYLES


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
