"""What a caller sees, and what it costs, when attempts fail: hold-back, commitment, booking, hooks."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.support.bodies import USAGE, chunk, completion, sse
from tests.support.ways import MESSAGES, MODEL, Way
from tests.support.wire import Wire, answer, http, pieces, router_error

from requesty_core import (
    Attempt,
    AttemptFinished,
    AttemptStarted,
    BadRequestError,
    Budget,
    BudgetExceededError,
    CallCommitted,
    CallEvent,
    ConfigurationError,
    CostLedger,
    FallbackExhaustedError,
    FallbackPolicy,
    FellBack,
    MessageEnd,
    MessageStart,
    MissingKeyError,
    RateLimitError,
    ReasoningDelta,
    RequestTimeoutError,
    RequestyError,
    RetryPolicy,
    StreamError,
    TextDelta,
    ToolCallDelta,
    TruncatedStreamError,
)
from requesty_core.client import ChatStream

ERROR = {"error": {"origin": "router", "message": "There was a problem with the provider stream"}}
TOOL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
SIGNATURE = {"role": "assistant", "reasoning_signature": "sig"}

# What the first attempt sends before it fails, and whether the caller has then seen something of it.
PREFIXES: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "nothing": ([], False),
    "role only": ([{"role": "assistant"}], False),
    "role and empty text": ([{"role": "assistant", "content": ""}], False),
    "role and null text": ([{"role": "assistant", "content": None}], False),
    "empty reasoning": ([{"role": "assistant", "reasoning_content": ""}], False),
    "a bare signature": ([SIGNATURE], False),
    "a call without a name yet": ([{"tool_calls": [{"index": 0, "id": "c", "function": {"arguments": "{"}}]}], False),
    "text": ([{"role": "assistant"}, {"content": "Hel"}], True),
    "reasoning": ([{"reasoning_content": "Hm"}], True),
    "a tool call's name": ([{"tool_calls": [TOOL]}], True),
    "a refusal": ([{"refusal": "No"}], True),
    "an image": ([{"images": [{"type": "image_url", "image_url": {"url": "data:,"}}]}], True),
    "a citation": ([{"annotations": [{"type": "url_citation"}]}], True),
}
FAILURES = {
    "error object": lambda: [sse(ERROR, done=False)],
    "error string": lambda: [sse({"error": "boom"}, done=False)],
    "error event": lambda: [b'event: error\ndata: {"message": "boom"}\n\n'],
    "end without [DONE]": list,
    "connection lost": lambda: [httpx.RemoteProtocolError("peer closed connection")],
    "silence": lambda: [httpx.ReadTimeout("timed out")],
    "finish reason error": lambda: [sse(chunk(finish="error"))],
    "broken JSON": lambda: [b"data: {broken\n\n"],
    "cut inside an event": lambda: [b'data: {"choices": [{"delta": {"con'],
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_failure_is_invisible_until_something_was_delivered(streaming: Any, prefix: str, failure: str) -> None:
    deltas, visible = PREFIXES[prefix]
    first = pieces(sse(*map(chunk, deltas), done=False), *FAILURES[failure]())
    wire = Wire(first, answer("Hello"))
    client = streaming.client(wire, max_retries=0, fallbacks=["anthropic/claude-sonnet-4-5"])
    if not visible:
        reply = streaming.ask(client, tools=TOOLS)
        assert reply.text == "Hello"
        assert [type(e) for e in streaming.events] == [MessageStart, TextDelta, MessageEnd]
        assert wire.models == [MODEL, "anthropic/claude-sonnet-4-5"]
        assert [a.outcome for a in reply.attempts] == ["error", "ok"]
        assert reply.requested_model == "anthropic/claude-sonnet-4-5"
        return
    with pytest.raises(RequestyError) as caught:
        streaming.ask(client, tools=TOOLS)
    error = caught.value
    assert not isinstance(error, FallbackExhaustedError)
    assert len(wire.requests) == 1
    assert error.partial is not None
    assert error.partial.served_model == "gpt-4o-mini"
    if prefix == "text":
        assert error.partial.text == "Hel"
        assert streaming.events[-1] == TextDelta("Hel")
    assert [a.outcome for a in error.attempts] == ["error"]
    assert not any(isinstance(e, MessageEnd) for e in streaming.events)


@pytest.mark.parametrize(
    ("delta", "event"),
    [
        ({"reasoning_content": "Hm"}, ReasoningDelta("Hm")),
        ({"tool_calls": [TOOL]}, ToolCallDelta(0, "call_1", "f", "")),
    ],
    ids=["reasoning", "tool name"],
)
def test_reasoning_and_a_tool_name_commit(streaming: Any, delta: Any, event: Any) -> None:
    seen: list[CallEvent] = []
    body = [chunk({"role": "assistant"}), chunk(delta), chunk(finish="stop")]
    streaming(Wire(pieces(sse(*body))), {"on_event": seen.append}, tools=TOOLS)
    assert streaming.events[1] == event
    assert CallCommitted(MODEL, 1) in seen


def test_an_error_after_text_carries_what_had_arrived_and_its_usage(streaming: Any) -> None:
    ledger = CostLedger()
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "cost": "0.02"}
    body = sse(chunk({"content": "Hel"}, usage=usage), ERROR, done=False)
    with pytest.raises(StreamError, match="problem with the provider stream") as caught:
        streaming(Wire(pieces(body)), {"ledger": ledger})
    error = caught.value
    assert error.partial is not None
    assert error.partial.text == "Hel"
    assert error.partial.usage is not None
    assert error.partial.usage.cost == Decimal("0.02")
    assert error.origin == "router"
    assert error.in_stream
    assert error.attempts[0].cost == Decimal("0.02")
    assert ledger.total.cost == Decimal("0.02")


def test_a_finish_reason_error_before_the_connection_breaks_is_an_attempt_like_any_other(streaming: Any) -> None:
    first = pieces(sse(chunk(finish="error"), done=False), httpx.RemoteProtocolError("cut"))
    reply = streaming(Wire(first, answer("ok")), {"max_retries": 1})
    assert reply.text == "ok"
    assert [a.error_class for a in reply.attempts] == ["StreamError", None]


def test_an_answer_that_had_ended_survives_a_bad_goodbye(streaming: Any) -> None:
    body = sse(chunk({"content": "Hi"}, usage=USAGE), chunk(finish="stop"), done=False)
    reply = streaming(Wire(pieces(body, httpx.RemoteProtocolError("cut"))), {"max_retries": 0})
    assert reply.text == "Hi"
    assert reply.usage is not None
    assert reply.usage.cost == Decimal("0.001")


@pytest.mark.parametrize("body", [b"data: [DONE]\n\n", b'data: {"choices": []}\n\ndata: [DONE]\n\n', b"data: {}\n\n"])
def test_a_stream_without_choices_is_recovered_unseen(streaming: Any, body: bytes) -> None:
    reply = streaming(Wire(pieces(body), answer("ok")), {"max_retries": 1})
    assert [type(e) for e in streaming.events] == [MessageStart, TextDelta, MessageEnd]
    assert len(reply.attempts) == 2


@pytest.mark.parametrize("cut", [1, 5, 6, 7, 8, 20])
def test_a_stream_cut_before_its_first_brace_is_still_a_stream(streaming: Any, cut: int) -> None:
    body = sse(chunk({"content": "Hi"}), chunk(finish="stop"))
    assert streaming(Wire(pieces(b"\n", body[:cut], body[cut:])), {"max_retries": 0}).text == "Hi"


@pytest.mark.parametrize("parts", [1, 3])
def test_a_whole_completion_in_answer_to_a_stream_is_streamed(streaming: Any, parts: int) -> None:
    body = httpx.Response(200, json=completion({"content": "Whole"}, usage=USAGE)).content
    step = len(body) // parts + 1
    reply = streaming(Wire(pieces(b" ", *(body[i : i + step] for i in range(0, len(body), step)))))
    assert reply.text == "Whole"
    assert [type(e) for e in streaming.events] == [MessageStart, TextDelta, MessageEnd]


# --- money ------------------------------------------------------------------------------------------------------------


def test_failed_attempts_that_were_billed_are_booked(way: Any) -> None:
    ledger, budget = CostLedger(), Budget("1")
    billed = http(502, {"error": {"message": "down"}, "usage": {"prompt_tokens": 9, "cost": 0.25}})
    wire = Wire(billed, answer("ok", usage={"prompt_tokens": 1, "cost": 0.5}))
    reply = way(wire, {"ledger": ledger, "budget": budget, "options": {"tags": ["t"], "trace_id": "x"}}, max_retries=1)
    assert [a.cost for a in reply.attempts] == [Decimal("0.25"), Decimal("0.5")]
    assert ledger.total.cost == budget.spent == Decimal("0.75")
    assert ledger.total.calls == 2
    snapshot = ledger.snapshot()
    assert snapshot.by_model[MODEL].input_tokens == 10
    assert snapshot.by_tag["t"] == snapshot.by_trace["x"] == snapshot.total
    assert reply.usage is not None
    assert reply.usage.cost == Decimal("0.5"), "the reply's own usage is that of its own attempt"


def test_an_answer_without_usage_is_unknown_not_free(way: Any) -> None:
    ledger = CostLedger()
    reply = way(Wire(answer("ok", usage=None)), {"ledger": ledger})
    assert reply.usage is None
    assert (ledger.total.cost, ledger.total.unknown, ledger.total.calls) == (0, 1, 1)


def test_a_free_answer_is_free_not_unknown(way: Any) -> None:
    ledger = CostLedger()
    reply = way(Wire(answer("ok", usage={"prompt_tokens": 1, "cost": 0})), {"ledger": ledger})
    assert reply.usage is not None
    assert reply.usage.cost == 0
    assert ledger.total.unknown == 0


def test_a_spent_budget_refuses_before_any_request(way: Any) -> None:
    budget = Budget("0.001")
    wire = Wire(answer("ok"))
    client = way.client(wire, budget=budget)
    way.ask(client)
    with pytest.raises(BudgetExceededError, match=r"budget: 0.001 of 0.001 USD is spent; raise the limit"):
        way.ask(client)
    assert len(wire.requests) == 1


def test_a_stream_given_up_books_what_was_told(streaming: Any) -> None:
    ledger = CostLedger()
    seen: list[CallEvent] = []
    body = sse(chunk({"content": "a"}, usage=USAGE), chunk({"content": "b"}), chunk(finish="stop"))
    client = streaming.client(Wire(pieces(body)), ledger=ledger, on_event=seen.append)
    stream = client.stream(model=MODEL, messages=MESSAGES)

    async def main() -> None:
        async for event in stream:
            if isinstance(event, TextDelta):
                break
        await stream.close()

    if streaming.is_async:
        asyncio.run(main())
    else:
        next(e for e in stream if isinstance(e, TextDelta))
        stream.close()
    assert ledger.total.cost == Decimal("0.001")
    finished = [e.attempt.outcome for e in seen if isinstance(e, AttemptFinished)]
    assert finished == ["cancelled"]
    with pytest.raises(ConfigurationError, match="the stream has not ended"):
        _ = stream.message


# --- hooks ------------------------------------------------------------------------------------------------------------


def _shape(event: CallEvent) -> tuple[Any, ...]:
    match event:
        case AttemptStarted(model, number):
            return "started", model, number
        case AttemptFinished(Attempt() as attempt):
            return "finished", attempt.model, attempt.outcome
        case FellBack(a, b):
            return "fell back", a, b
        case CallCommitted(model, number):
            return "committed", model, number
    raise AssertionError(event)


def test_observers_hear_of_everything_in_order(way: Any) -> None:
    seen: list[CallEvent] = []
    wire = Wire(http(503), http(429), answer("ok"))
    way(wire, {"on_event": seen.append}, model="a/1", fallbacks=[{"model": "b/2", "retries": 1}])
    committed = [("committed", "b/2", 3)] if way.streams else []
    assert [_shape(e) for e in seen] == [
        ("started", "a/1", 1),
        ("finished", "a/1", "error"),
        ("fell back", "a/1", "b/2"),
        ("started", "b/2", 2),
        ("finished", "b/2", "error"),
        ("started", "b/2", 3),
        *committed,
        ("finished", "b/2", "ok"),
    ]


HOOK_ERRORS = [
    ValueError("mine"),
    TimeoutError("mine"),
    httpx.ReadError("mine"),
    RateLimitError("mine"),
    EOFError("mine"),
]


@pytest.mark.parametrize("raised", HOOK_ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("at", [AttemptStarted, CallCommitted, AttemptFinished], ids=lambda c: c.__name__)
def test_an_error_of_the_callers_hook_ends_the_call_and_is_not_retried(way: Any, raised: Exception, at: type) -> None:
    def hook(event: CallEvent) -> None:
        if isinstance(event, at):
            raise raised

    wire = Wire(answer("ok"))
    if at is CallCommitted and not way.streams:
        assert way(wire, {"on_event": hook}).text == "ok", "only streams commit"
        return
    with pytest.raises(type(raised), match="mine") as caught:
        way(wire, {"on_event": hook, "max_retries": 3, "fallbacks": ["b/2"]})
    assert caught.value is raised
    assert len(wire.requests) == (0 if at is AttemptStarted else 1)


@pytest.mark.parametrize("raised", HOOK_ERRORS, ids=lambda e: type(e).__name__)
def test_an_error_of_the_callers_key_function_is_not_retried(way: Any, raised: Exception) -> None:
    def key() -> str:
        raise raised

    wire = Wire()
    with pytest.raises(type(raised)) as caught:
        way(wire, {"api_key": key, "max_retries": 3, "fallbacks": ["b/2"]})
    assert caught.value is raised
    assert wire.requests == []


# --- probes -----------------------------------------------------------------------------------------------------------

BRIEF = FallbackPolicy(retry=RetryPolicy(base=1e-6), cooldown=0.01)


def _half_open(way: Any, wire: Any, **settings: Any) -> Any:
    """A client whose first model has just come out of its cool-down."""
    client = way.client(wire, fallbacks=["b/2"], fallback_policy=BRIEF, **settings)
    client.settings.health.failed("a/1", time.monotonic() - 1, BRIEF, RateLimitError("busy"))
    assert client.settings.health.state("a/1", time.monotonic()) == "half_open"
    return client


def _state(client: Any) -> str:
    state: str = client.settings.health.state("a/1", time.monotonic())
    return state


def test_a_stream_that_is_never_read_takes_no_probe(streaming: Any) -> None:
    client = _half_open(streaming, Wire())
    stream = client.stream(model="a/1", messages=MESSAGES)
    assert _state(client) == "half_open"
    if isinstance(stream, ChatStream):
        stream.close()
    else:
        asyncio.run(stream.close())
    del stream
    gc.collect()
    assert _state(client) == "half_open"


def test_a_call_that_cannot_be_sent_gives_its_probe_back(way: Any) -> None:
    client = _half_open(way, Wire(), api_key=None)
    with pytest.raises(MissingKeyError):
        way.ask(client, model="a/1")
    assert _state(client) == "half_open"


def test_a_failure_after_commitment_takes_no_probe_of_the_next_step(streaming: Any) -> None:
    body = sse(chunk({"content": "Hel"}), ERROR, done=False)
    client = _half_open(streaming, Wire(pieces(body)))
    with pytest.raises(StreamError):
        streaming.ask(client, model="b/2", fallbacks=["a/1"])
    assert _state(client) == "half_open"


def test_a_cancelled_call_gives_its_probe_back_and_is_recorded() -> None:
    seen: list[CallEvent] = []

    async def hang(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(30)
        raise AssertionError

    async def main(stream: bool) -> None:
        way = Way(True, stream)
        client = _half_open(way, httpx.MockTransport(hang), on_event=seen.append)
        params = {"model": "a/1", "messages": MESSAGES}

        async def call() -> None:
            if stream:
                async for _ in client.stream(**params):
                    pass
            else:
                await client.chat(**params)

        task = asyncio.create_task(call())
        await asyncio.sleep(0.01)
        assert _state(client) == "open", "the probe is under way"
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert _state(client) == "half_open"

    for stream in (False, True):
        seen.clear()
        asyncio.run(main(stream))
        assert [_shape(e) for e in seen] == [("started", "a/1", 1), ("finished", "a/1", "cancelled")]


# --- what the caller gets when nothing worked -------------------------------------------------------------------------


def test_when_every_step_failed_the_error_holds_each_of_them(way: Any) -> None:
    wire = Wire(
        router_error(429, "Too many requests", "provider", x_requesty_request_id="r1"),
        router_error(502, "Provider is down: Bad Gateway", "provider", x_requesty_request_id="r2"),
    )
    with pytest.raises(FallbackExhaustedError, match="all 2 attempts on 2 model") as caught:
        way(wire, {"fallbacks": ["b/2"]}, model="a/1")
    error = caught.value
    assert [e.status for e in error.errors] == [429, 502]
    assert [e.requested_model for e in error.errors] == ["a/1", "b/2"]
    assert [(a.model, a.status, a.request_id) for a in error.attempts] == [("a/1", 429, "r1"), ("b/2", 502, "r2")]
    assert error.__cause__ is error.errors[-1]
    assert (error.status, error.origin, error.request_id) == (502, "provider", "r2")


def test_an_error_no_other_model_can_mend_is_raised_as_itself(way: Any) -> None:
    wire = Wire(router_error(503, "The provider timed out"), router_error(400, "bad field"))
    with pytest.raises(BadRequestError, match="bad field") as caught:
        way(wire, {"fallbacks": ["b/2", "c/3"]}, model="a/1")
    assert [a.status for a in caught.value.attempts] == [503, 400]


def test_silence_in_one_model_is_answered_by_the_next(way: Any) -> None:
    wire = Wire(httpx.ReadTimeout("timed out"), httpx.ConnectError("refused"), answer("ok"))
    reply = way(wire, {"fallbacks": ["b/2", "c/3"]}, model="a/1")
    assert reply.served_model == "gpt-4o-mini"
    assert [a.error_class for a in reply.attempts] == ["RequestTimeoutError", "ConnectionFailedError", None]
    assert wire.models == ["a/1", "b/2", "c/3"]


def test_partial_of_a_truncated_stream_counts_every_choice(streaming: Any) -> None:
    two = {"id": "x", "choices": [{"index": 1, "delta": {"content": "B"}}, {"index": 0, "delta": {"content": "A"}}]}
    with pytest.raises(TruncatedStreamError) as caught:
        streaming(Wire(pieces(sse(two, done=False))))
    assert caught.value.partial is not None
    assert [m.text for m in caught.value.partial.choices] == ["A", "B"]


def test_a_first_token_limit_does_not_hide_as_another_error(streaming: Any) -> None:
    with pytest.raises(RequestTimeoutError):
        streaming(Wire(httpx.ReadTimeout("timed out")), {"max_retries": 0})


@pytest.mark.parametrize("end", [b"", b"\n", b"\r"])
def test_a_last_line_without_its_blank_line_is_delivered_too(streaming: Any, end: bytes) -> None:
    first = sse(chunk({"content": "Hel"}), done=False)
    last = sse(chunk({"content": "lo"}, finish="stop"), done=False).rstrip() + end
    reply = streaming(Wire(pieces(first, last)))
    assert "".join(e.text for e in streaming.events if isinstance(e, TextDelta)) == reply.text == "Hello"
    done = sse(chunk({"content": "lo"})).rstrip() + end
    assert streaming(Wire(pieces(first, done))).text == "Hello"
