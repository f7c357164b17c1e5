"""Fallback: unseen until something was seen."""

from __future__ import annotations

import pytest

from requesty_core import FallbackPolicy
from requesty_core.errors import ErrorKind as K

from ..model import ALL, SCENARIOS, STREAMS, Ask, Case, Mode, Scenario, run, scenario
from .structured import ADA, PROMPT, Person
from .tools import WEATHER

GROUP = "Fallback"
FIRST, SECOND, THIRD = "openai/gpt-4o", "anthropic/claude-sonnet-4-5", "openai/gpt-4o-mini"
CHAIN = {"model": FIRST, "fallbacks": [SECOND]}


def switched(case: Case, ask: Ask | None = None, *, dropped: bool = False, **more: object) -> None:
    """Ask the chain; the second model answered and both attempts are told."""
    got = case.ask(ask, **CHAIN, **more)  # type: ignore[arg-type]
    assert got.requested == SECOND
    assert got.attempts == [(FIRST, "error"), (SECOND, "ok")]
    # A kept connection that ends without an answer is replaced once, and the same model asked again.
    asked = [request.model for request in case.gw.requests]
    assert list(dict.fromkeys(asked)) == [FIRST, SECOND]
    assert len(asked) <= (3 if dropped else 2)
    assert got.cost == pytest.approx(float(case.gw.requests[-1].cost or 0))


def _recovers(status: int, case: Case) -> None:
    case.gw.fault(model=FIRST, status=status)
    switched(case)


def _never(status: int, case: Case) -> None:
    case.gw.fault(model=FIRST, status=status)
    assert case.fail(**CHAIN).status == status  # type: ignore[arg-type]
    assert len(case.gw.requests) == 1


for _status in (402, 404, 408, 424, 429, 500, 502, 503, 529):
    SCENARIOS.append(
        Scenario(f"after_{_status}", GROUP, f"after {_status}", lambda case, s=_status: _recovers(s, case), ALL)  # type: ignore[misc]
    )
for _status in (400, 401, 403, 412, 422):
    SCENARIOS.append(
        Scenario(
            f"never_after_{_status}", GROUP, f"never after {_status}", lambda case, s=_status: _never(s, case), ALL
        )  # type: ignore[misc]
    )


@scenario(GROUP, "after a dropped connection")
def after_drop(case: Case) -> None:
    case.gw.fault(model=FIRST, drop_connection=True)
    switched(case, dropped=True)


@scenario(GROUP, "after status 200 with an error body")
def after_error_body(case: Case) -> None:
    case.gw.fault(model=FIRST, error_in_200={"message": "broke"})
    switched(case)


@scenario(GROUP, "after the role and then an error, unseen", modes=STREAMS)
def after_role(case: Case) -> None:
    case.gw.fault(model=FIRST, error_event={"message": "broke"}, error_after_chunks=1)
    seen: list[str] = []
    switched(case, Ask(on_text=seen.append))
    assert "".join(seen)


@scenario(GROUP, "after the role and then silence", modes=STREAMS)
def after_truncation(case: Case) -> None:
    case.gw.fault(model=FIRST, truncate_after_chunks=1)
    switched(case)


@scenario(GROUP, "not after text: the error carries it", modes=STREAMS)
def after_text(case: Case) -> None:
    case.gw.say(text="one two three", pieces=["one ", "two ", "three"])
    case.gw.fault(model=FIRST, cut_after_chunks=3)
    failure = case.fail(**CHAIN)  # type: ignore[arg-type]
    assert failure.kind is K.TRUNCATED
    assert failure.partial.startswith("one ")
    assert len(case.gw.requests) == 1


@scenario(GROUP, "not after reasoning was shown", modes=STREAMS)
def after_reasoning(case: Case) -> None:
    chunk = {
        "id": "x",
        "model": "m",
        "choices": [{"index": 0, "delta": {"role": "assistant", "reasoning_content": "Hm"}}],
    }
    case.gw.say(chunks=[chunk, {"error": {"message": "broke"}}])
    failure = case.fail(**CHAIN)  # type: ignore[arg-type]
    assert failure.kind is K.STREAM
    assert len(case.gw.requests) == 1


@scenario(GROUP, "all fail: every attempt is told")
def all_fail(case: Case) -> None:
    case.gw.fault(status=503)
    failure = case.fail(model=FIRST, fallbacks=[SECOND, THIRD])
    assert failure.kind is K.EXHAUSTED
    assert failure.attempts == [(FIRST, "error"), (SECOND, "error"), (THIRD, "error")]


@scenario(GROUP, "a sick model is passed over by the next call")
def cool_down(case: Case) -> None:
    case.gw.fault(model=FIRST, status=503)
    built = case.build(**CHAIN)  # type: ignore[arg-type]
    case.ask_of(built)
    case.ask_of(built)
    assert [request.model for request in case.gw.requests] == [FIRST, SECOND, SECOND]


@scenario(GROUP, "the deadline ends the chain")
def deadline(case: Case) -> None:
    case.gw.fault(delay=2)
    policy = FallbackPolicy(deadline=0.3)
    failure = case.fail(model=FIRST, fallbacks=[SECOND, THIRD], fallback_policy=policy)
    assert failure.kind in (K.EXHAUSTED, K.TIMEOUT)
    assert len(case.gw.requests) < 3


@scenario(GROUP, "hedging keeps the faster one and cancels the other", modes=STREAMS)
def hedging(case: Case) -> None:
    case.gw.fault(model=FIRST, delay=3)
    policy = FallbackPolicy(hedge_after=0.1)
    got = case.ask(fallback_policy=policy, **CHAIN)  # type: ignore[arg-type]
    assert got.requested == SECOND
    assert sorted(got.attempts) == [(SECOND, "ok"), (FIRST, "cancelled")]
    assert case.gw.wait_idle()


@scenario(GROUP, "an error of the caller's own callback is his own", modes=STREAMS)
def callback(case: Case) -> None:
    def bug(_: str) -> None:
        raise KeyError("mine")

    failure = case.fail(Ask(on_text=bug), **CHAIN)  # type: ignore[arg-type]
    assert isinstance(failure.error, KeyError)
    assert len(case.gw.requests) == 1


@scenario(GROUP, "tools survive the switch")
def tools(case: Case) -> None:
    case.gw.fault(model=FIRST, status=503)
    ask = Ask(messages=[{"role": "user", "content": "What is the weather in Oslo?"}], tools=[WEATHER])
    switched(case, ask)
    assert case.body["tools"][0]["function"]["name"] == "weather"


@scenario(GROUP, "an agent continues", modes=(Mode.ASYNC,), needs="agent")
def agent(case: Case) -> None:
    asked: list[str] = []

    def weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "sunny"

    case.gw.fault(model=FIRST, status=503)
    case.gw.say(tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "c"}], model=SECOND)
    case.gw.say(text="It is sunny.", model=SECOND)
    built = case.build(**CHAIN)  # type: ignore[arg-type]
    answer = run(case.driver.agent(built, weather, "What is the weather in Oslo?"))
    assert answer == "It is sunny."
    assert asked == ["Oslo"]
    # The sick model is not asked again for the second turn.
    assert [request.model for request in case.gw.requests] == [FIRST, SECOND, SECOND]
    assert case.body["messages"][-1]["role"] == "tool"


@scenario(GROUP, "structured output survives the switch", needs="json_schema")
def structured(case: Case) -> None:
    case.gw.fault(model=FIRST, status=503)
    case.gw.say(text='{"name": "Ada", "age": 36}', model=SECOND)
    got = case.ask(Ask(messages=PROMPT, schema=Person, method="json_schema"), **CHAIN)  # type: ignore[arg-type]
    assert got.parsed == ADA
    assert got.attempts == [(FIRST, "error"), (SECOND, "ok")]


@scenario(GROUP, "a context overflow goes to a model with a larger window")
def larger_window(case: Case) -> None:
    case.gw.fault(model="openai/gpt-4o", status=400, message="maximum context length is 128000 tokens")
    got = case.ask(model="openai/gpt-4o", fallbacks=["openai/gpt-4o-mini", "google/gemini-2.5-pro"])
    assert got.requested == "google/gemini-2.5-pro"
    assert [request.model for request in case.gw.requests] == ["openai/gpt-4o", "google/gemini-2.5-pro"]
    # Where no other member can take it, it is the error, not an exhausted chain.
    failed = case.fail(model="openai/gpt-4o", fallbacks=["openai/gpt-4o-mini"])
    assert failed.kind is K.CONTEXT_OVERFLOW
    assert failed.attempts == [("openai/gpt-4o", "error")]
