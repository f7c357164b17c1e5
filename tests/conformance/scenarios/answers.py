"""Answers: text in, text out, with every way an answer can end."""

from __future__ import annotations

from ..model import STREAMS, UNARY, Ask, Case, scenario

GROUP = "Answers"


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


@scenario(GROUP, "plain answer, with the served and the requested model")
def plain(case: Case) -> None:
    got = case.ask()
    assert got.text
    assert got.served == "gpt-4o-mini"
    assert got.requested == "openai/gpt-4o-mini"
    assert got.finish_reason == "stop"
    assert got.request_id == case.gw.last_request.request_id
    assert case.body["messages"] == [user("How are you?")]
    assert len(case.gw.requests) == 1


@scenario(GROUP, "text arrives piece by piece", modes=STREAMS)
def pieces(case: Case) -> None:
    case.gw.say(text="one two three", pieces=["one ", "two ", "three"])
    got = case.ask()
    assert got.pieces == ["one ", "two ", "three"]
    assert got.text == "one two three"


@scenario(GROUP, "several turns and a system prompt reach the gateway in order")
def multi_turn(case: Case) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        user("My name is Ada."),
        {"role": "assistant", "content": "Hello Ada."},
        user("What is my name?"),
    ]
    assert case.ask(Ask(messages=turns)).text
    assert [(m["role"], _plain(m["content"])) for m in case.body["messages"]] == [
        (m["role"], m["content"]) for m in turns
    ]


def _plain(content: object) -> object:
    """A single text part means the same as a string."""
    if isinstance(content, list) and len(content) == 1 and content[0].get("type") == "text":
        return content[0]["text"]
    return content


@scenario(GROUP, "characters outside ASCII, cut inside by the network")
def unicode_text(case: Case) -> None:
    text = "Ærøskøbing 日本語 🚢👩‍👩‍👧 ñ"
    case.gw.say(text=text)
    case.gw.fault(slow_bytes=7)
    assert case.ask().text == text


@scenario(GROUP, "an answer of one megabyte")
def megabyte(case: Case) -> None:
    text = "x" * 1_000_000
    case.gw.say(text=text, pieces=[text[i : i + 50_000] for i in range(0, len(text), 50_000)])
    assert case.ask().text == text


@scenario(GROUP, "stop sequences are sent")
def stop(case: Case) -> None:
    case.ask(Ask(params={"stop": ["END"]}))
    assert case.body["stop"] in (["END"], "END")


@scenario(GROUP, "max_tokens cuts the answer and says so")
def length(case: Case) -> None:
    case.gw.say(text="Once upon", finish_reason="length")
    got = case.ask(Ask(params={"max_tokens": 3}))
    assert case.body["max_tokens"] == 3
    assert got.finish_reason == "length"
    assert got.text == "Once upon"


@scenario(GROUP, "sampling settings and a seed are sent as given")
def sampling(case: Case) -> None:
    case.ask(Ask(params={"temperature": 0.0, "top_p": 0.5, "seed": 7}))
    assert (case.body["temperature"], case.body["top_p"], case.body["seed"]) == (0.0, 0.5, 7)


@scenario(GROUP, "unset settings are not sent")
def nothing_extra(case: Case) -> None:
    case.ask()
    allowed = {"model", "messages", "stream", "stream_options"}
    assert set(case.body) <= allowed


@scenario(GROUP, "several answers at once", modes=UNARY, needs="n")
def several(case: Case) -> None:
    assert case.ask(Ask(params={"n": 2})).choices == 2


@scenario(GROUP, "log probabilities", needs="logprobs")
def logprobs(case: Case) -> None:
    got = case.ask(Ask(params={"logprobs": True}))
    assert got.logprobs


@scenario(GROUP, "odd finish words become the usual ones")
def finish_words(case: Case) -> None:
    case.gw.say(text="Done.", finish_reason="end_turn")
    assert case.ask().finish_reason == "stop"


@scenario(GROUP, "no [DONE] after a complete answer is complete", modes=STREAMS)
def no_done(case: Case) -> None:
    case.gw.fault(no_done=True)
    assert case.ask().finish_reason == "stop"


@scenario(GROUP, "CRLF lines, comments and event lines", modes=STREAMS)
def stream_dialects(case: Case) -> None:
    case.gw.say(text="one two", pieces=["one ", "two"])
    case.gw.fault(crlf=True, comments=True, event_lines=True)
    assert case.ask().text == "one two"
