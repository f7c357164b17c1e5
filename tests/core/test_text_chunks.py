"""The short way for chunks of text says what the long way says, whatever comes between them and however bytes arrive.

A field of null that no reader looks at (``service_tier``) leads a chunk the long way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
from hypothesis import example, given
from hypothesis import strategies as st

from requesty_core import RequestyClient, RequestyError

MODEL = "openai/gpt-4o-mini"
HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 1753000000, "model": "gpt-4o-mini-2024-07-18"}


def chunk(delta: Any, index: Any = 0, **more: Any) -> dict[str, Any]:
    return {**HEAD, "choices": [{"index": index, "delta": delta, **more}]}


texts = st.text(st.characters(exclude_categories=()), max_size=4) | st.sampled_from(
    ["灯，", "\U0001f6a2", "\ud83d", "\ude00b"]
)
rare = [
    chunk({"content": None}),
    chunk({"content": 3}),
    chunk({"content": "x", "reasoning_content": "why"}),
    chunk({"reasoning_content": "why"}),
    chunk({"content": "x", "refusal": None}),
    chunk({"content": "x", "role": 3}),
    chunk({"content": "x", "unknown": [1]}),
    chunk({"content": [{"type": "text", "text": "x"}]}),
    chunk({"tool_calls": [{"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}]}),
    chunk({"content": "x"}, index=1),
    chunk({"content": "x"}, index=True),
    chunk({"content": "x"}, index="0"),
    chunk({"content": "x"}, finish_reason=""),
    chunk({"content": "x"}, finish_reason="length"),
    chunk({"content": "x"}, logprobs={"content": [{"token": "x", "logprob": -1.0}]}),
    chunk({"content": "x"}, native_finish_reason=None),
    chunk({}),
    chunk(None),
    {**HEAD, "choices": []},
    {**HEAD, "choices": None},
    {
        **chunk({"content": "x"}),
        "choices": [chunk({"content": "a"})["choices"][0], chunk({"content": "b"}, 1)["choices"][0]],
    },
    {**HEAD, "choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "cost": 0.01}},
    {**chunk({"content": "x"}), "usage": {"prompt_tokens": 3, "completion_tokens": 1, "cost": 0.01}},
    {**chunk({"content": "x"}), "citations": ["https://example.org"]},
    {**chunk({"content": "x"}), "id": None},
    {**chunk({"content": "x"}), "id": 7},
    {**chunk({"content": "x"}), "created": 1.5},
    {**chunk({"content": "x"}), "created": "now"},
    {**chunk({"content": "x"}), "error": None},
    {"error": {"message": "overloaded", "code": 529}},
]
chunks = st.lists(
    st.builds(
        lambda text, index: chunk({"role": "assistant", "content": text}, index), texts, st.sampled_from([0, 0, 1])
    )
    | st.sampled_from(rare),
    max_size=12,
)


def ask(answer: list[dict[str, Any]], cut: int) -> tuple[list[Any], Any]:
    """Events and reply, or the error's class, message and what it has of the answer."""
    events = [json.dumps(one) for one in answer]
    body = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode()

    class Body(httpx.SyncByteStream):
        def __iter__(self) -> Iterator[bytes]:
            yield from (body[at : at + cut] for at in range(0, len(body), cut))

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Body())

    client = RequestyClient(api_key="k" * 20, transport=httpx.MockTransport(handle), max_retries=0)
    seen: list[Any] = []
    try:
        for event in client.stream(model=MODEL, messages=[{"role": "user", "content": "x"}]):
            seen.append(event)
    except RequestyError as error:
        partial = None if error.partial is None else (error.partial.message, error.partial.usage)
        return [repr(event) for event in seen], (type(error), str(error), repr(partial))
    reply = seen.pop().reply
    return [repr(event) for event in seen], [
        repr((reply.choices, reply.usage, reply.id, reply.created, reply.served_model, reply.extra))
    ]


@given(chunks, st.sampled_from([7, 150, 1_000, 100_000]))
@example([chunk({"content": text}) for text in ("a", "b", "\ud83d", "\ude00", "c", "d")], 100_000)
@example(
    [
        chunk({"content": text}, index)
        for text, index in (("a", 0), ("b", 1), ("\ud83d", 0), ("c", 1), ("d", 1), ("e", 0))
    ],
    99_999,
)
@example([chunk({"content": "a"}), chunk({"content": "b"}), *rare], 100_000)
def test_both_ways_say_the_same(answer: list[dict[str, Any]], cut: int) -> None:
    assert ask(answer, cut) == ask([{**one, "service_tier": None} for one in answer], 1_000)


def test_each_kind_of_chunk_after_text() -> None:
    for odd in rare:
        answer = [
            chunk({"content": "a"}),
            chunk({"content": "b"}),
            odd,
            chunk({"content": "c"}),
            chunk({"content": "d"}),
        ]
        assert ask(answer, 100_000) == ask([{**one, "service_tier": None} for one in answer], 100_000), odd
