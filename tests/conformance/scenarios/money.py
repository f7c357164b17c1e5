"""Money: what a call cost, wherever it went."""

from __future__ import annotations

import pytest

from requesty_core import Budget, CostLedger
from requesty_core.errors import ErrorKind

from ..model import BOTH, STREAMS, Case, scenario

GROUP = "Money"


@scenario(GROUP, "tokens and cost of a call are the gateway's bill")
def cost(case: Case) -> None:
    got = case.ask()
    usage = case.gw.last_request.usage
    assert usage is not None
    assert (got.input_tokens, got.output_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert got.cost == pytest.approx(float(case.gw.billed))


@scenario(GROUP, "streams ask for usage by themselves", modes=STREAMS)
def asked_for(case: Case) -> None:
    case.ask()
    assert case.body["stream_options"]["include_usage"] is True


@scenario(GROUP, "usage wherever it stands in a stream", modes=STREAMS)
def places(case: Case) -> None:
    for style in ("last_empty_choices", "last_empty_delta", "last_no_choices"):
        case.gw.clear()
        case.gw.fault(usage=style, times=1)
        assert case.ask().cost == pytest.approx(float(case.gw.billed)), style


@scenario(GROUP, "cumulative usage on every chunk is not added up", modes=STREAMS)
def cumulative(case: Case) -> None:
    case.gw.say(text="one two three", pieces=["one ", "two ", "three"])
    case.gw.fault(usage="every_chunk")
    got = case.ask()
    usage = case.gw.last_request.usage
    assert usage is not None
    assert (got.input_tokens, got.output_tokens) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert got.cost == pytest.approx(float(case.gw.billed))


@scenario(GROUP, "a free answer costs zero, not nothing")
def zero(case: Case) -> None:
    case.gw.fault(usage="zero_cost")
    assert case.ask().cost == 0


@scenario(GROUP, "unknown cost stays unknown")
def unknown(case: Case) -> None:
    for style in ("no_cost", "null_cost"):
        case.gw.fault(usage=style, times=1)
        ledger = CostLedger()
        assert case.ask(ledger=ledger).cost is None, style
        assert ledger.total.unknown == 1


@scenario(GROUP, "cost as a string")
def as_string(case: Case) -> None:
    case.gw.fault(usage="string_cost")
    assert case.ask().cost == pytest.approx(float(case.gw.billed))


@scenario(GROUP, "cached tokens")
def cached(case: Case) -> None:
    case.gw.say(
        text="ok",
        usage={
            "prompt_tokens": 100,
            "completion_tokens": 5,
            "total_tokens": 105,
            "prompt_tokens_details": {"cached_tokens": 80, "caching_tokens": 10},
            "cost": 0.25,
        },
    )
    got = case.ask()
    assert (got.input_tokens, got.output_tokens, got.cached_tokens, got.cost) == (100, 5, 80, 0.25)


@scenario(GROUP, "a total above the sum of both sides is left as it is")
def odd_total(case: Case) -> None:
    case.gw.say(text="ok", usage={"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 1251, "cost": 0.5})
    got = case.ask()
    assert (got.input_tokens, got.output_tokens, got.cost) == (11, 7, 0.5)


@scenario(GROUP, "the ledger equals the gateway's bill over several calls")
def ledger(case: Case) -> None:
    book = CostLedger()
    built = case.build(ledger=book, options={"tags": ["a"], "trace_id": "t"})
    for _ in range(3):
        case.ask_of(built)
    assert book.total.calls == 3
    assert book.total.cost == case.gw.billed
    snapshot = book.snapshot()
    assert snapshot.by_tag["a"].cost == snapshot.by_trace["t"].cost == case.gw.billed


@scenario(GROUP, "after a fallback the failed attempt's cost is in the ledger too", modes=STREAMS)
def failed_attempt(case: Case) -> None:
    role = {"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant"}}]}
    usage = {"prompt_tokens": 5, "completion_tokens": 0, "total_tokens": 5, "cost": 0.125}
    case.gw.say(
        chunks=[role, {"id": "x", "model": "m", "choices": [], "usage": usage}, {"error": {"message": "broke"}}],
        model="openai/gpt-4o",
    )
    book = CostLedger()
    got = case.ask(model="openai/gpt-4o", fallbacks=["openai/gpt-4o-mini"], ledger=book)
    assert got.requested == "openai/gpt-4o-mini"
    assert float(book.snapshot().by_model["openai/gpt-4o"].cost) == 0.125
    assert float(book.total.cost) == pytest.approx(0.125 + (got.cost or 0))


@scenario(GROUP, "a spent budget refuses the next call before any request")
def budget(case: Case) -> None:
    built = case.build(budget=Budget("0.0000000001"))
    case.ask_of(built)
    assert case.fail_of(built).kind is ErrorKind.BUDGET
    assert len(case.gw.requests) == 1


@scenario(GROUP, "embeddings: vectors in order, tokens and cost", modes=BOTH, needs="embeddings")
def embeddings(case: Case) -> None:
    case.gw.settings.embedding_cost = True
    case.gw.fault(reorder_embeddings=True)
    texts = ["the first text", "something else", "a third"]
    book = CostLedger()
    got = case.embed(texts, ledger=book)
    assert len(got.vectors) == 3
    alone = case.embed(texts[1:2])
    assert got.vectors[1] == pytest.approx(alone.vectors[0])
    first = case.gw.requests[0]
    assert first.usage is not None
    assert got.input_tokens == first.usage["prompt_tokens"]
    assert got.cost == pytest.approx(float(first.cost or 0))
    assert book.total.cost == first.cost
