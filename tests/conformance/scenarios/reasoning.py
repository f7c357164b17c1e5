"""Reasoning: its text, its signature, and the way back."""

from __future__ import annotations

from ..model import STREAMS, Ask, Case, scenario
from .tools import WEATHER, loop

GROUP = "Reasoning"


@scenario(GROUP, "text and signature are told apart from the answer")
def text_and_signature(case: Case) -> None:
    case.gw.say(text="Yes.", reasoning="Let me think.", signature="sig-1")
    got = case.ask()
    assert (got.text, got.reasoning, got.signature) == ("Yes.", "Let me think.", "sig-1")


def chunk(**fields: object) -> dict[str, object]:
    return {"id": "x", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", **fields}}]}


END = {"id": "x", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}


@scenario(GROUP, "the other spelling, and both at once", modes=STREAMS, needs="both spellings")
def spellings(case: Case) -> None:
    case.gw.say(
        chunks=[
            chunk(reasoning="Let "),
            chunk(reasoning="me ", reasoning_content="me "),
            chunk(reasoning_content="think."),
            chunk(content="Yes."),
            END,
        ]
    )
    got = case.ask()
    assert (got.reasoning, got.text) == ("Let me think.", "Yes.")


@scenario(GROUP, "a signature without any text is kept", modes=STREAMS)
def signature_only(case: Case) -> None:
    case.gw.say(chunks=[chunk(content="Yes."), chunk(reasoning_signature="sig-2"), END])
    got = case.ask()
    assert (got.text, got.signature) == ("Yes.", "sig-2")


@scenario(GROUP, "text and signature go back through a tool loop")
def round_trip(case: Case) -> None:
    messages = loop("Sunny, 21 degrees")
    messages[1] |= {"reasoning_content": "Which city?", "reasoning_signature": "sig-3"}
    case.ask(Ask(messages=messages, tools=[WEATHER]))
    turn = case.body["messages"][1]
    assert (turn["reasoning_content"], turn["reasoning_signature"]) == ("Which city?", "sig-3")


@scenario(GROUP, "effort as a word and as a budget")
def effort(case: Case) -> None:
    for value in ("none", "low", "medium", "high", "max", "4096"):
        case.ask(Ask(params={"reasoning_effort": value}), model="anthropic/claude-sonnet-4-5")
        assert case.body["reasoning_effort"] == value
