"""The SDK's own usage patterns: what is sent, what comes back, and what it cost."""

from __future__ import annotations

import asyncio
import base64
import struct
from decimal import Decimal
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI, call_details
from requesty_core import CostLedger

MODEL = "openai/gpt-4o-mini"
USER: list[Any] = [{"role": "user", "content": "How are you?"}]
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}


def test_they_are_the_sdks_own(gw: Any) -> None:
    settings = {"base_url": gw.base_url, "api_key": gw.api_key}
    assert isinstance(RequestyOpenAI(**settings), openai.OpenAI)
    assert isinstance(AsyncRequestyOpenAI(**settings), openai.AsyncOpenAI)


def test_create(way: Any, gw: Any) -> None:
    client = way.client()
    answer = way(lambda: client.chat.completions.create(model=MODEL, messages=USER, temperature=0.5, seed=7))
    assert type(answer) is openai.types.chat.ChatCompletion
    assert answer.choices[0].message.content
    assert answer.usage.prompt_tokens == gw.last_request.usage["prompt_tokens"]
    assert answer.usage.cost == float(gw.billed) > 0
    details = call_details(answer)
    assert details.cost == gw.billed
    assert details.request_id == gw.last_request.request_id
    assert (details.requested_model, details.served_model) == (MODEL, "gpt-4o-mini")
    assert [attempt.outcome for attempt in details.attempts] == ["ok"]
    assert gw.last_request.body == {"model": MODEL, "messages": USER, "temperature": 0.5, "seed": 7}
    sent = gw.last_request.headers
    assert sent["authorization"] == f"Bearer {gw.api_key}"
    assert not [name for name in sent if name.startswith(("x-stainless", "openai-"))]


def test_stream(way: Any, gw: Any) -> None:
    gw.say(text="one two three")
    client = way.client()
    chunks, stream = way.read(lambda: client.chat.completions.create(model=MODEL, messages=USER, stream=True))
    assert all(type(chunk) is openai.types.chat.ChatCompletionChunk for chunk in chunks)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "one two three"
    assert chunks[-1].usage.cost == float(gw.billed)
    assert stream.details.cost == gw.billed
    assert [attempt.outcome for attempt in stream.details.attempts] == ["ok"]
    assert gw.last_request.body["stream_options"] == {"include_usage": True}


def test_stream_helper(way: Any, gw: Any) -> None:
    gw.say(tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "c"}])
    client = way.client()
    manager = client.chat.completions.stream(model=MODEL, messages=USER, tools=[TOOL])
    kinds: list[str] = []
    if way.is_async:

        async def run() -> Any:
            async with manager as stream:
                async for event in stream:
                    kinds.append(event.type)
                return await stream.get_final_completion(), call_details(stream)

        final, details = asyncio.run(run())
    else:
        with manager as stream:
            kinds += [event.type for event in stream]
            final, details = stream.get_final_completion(), call_details(stream)
    assert "tool_calls.function.arguments.delta" in kinds
    [call] = final.choices[0].message.tool_calls
    assert (call.id, call.function.name, call.function.arguments) == ("c", "weather", '{"city": "Oslo"}')
    assert details.cost == gw.billed


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


def test_parse(way: Any, gw: Any) -> None:
    gw.say(text='{"name": "Ada", "age": 36}')
    client = way.client()
    answer = way(lambda: client.chat.completions.parse(model=MODEL, messages=USER, response_format=Person))
    assert answer.choices[0].message.parsed == Person(name="Ada", age=36)
    assert call_details(answer).cost == gw.billed
    form = gw.last_request.body["response_format"]["json_schema"]
    assert form["strict"] is True
    assert form["schema"]["additionalProperties"] is False


def test_a_tool_loop_with_the_sdks_own_messages(way: Any, gw: Any) -> None:
    gw.say(tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "c"}], reasoning="hm", signature="sig")
    client = way.client()
    first = way(lambda: client.chat.completions.create(model=MODEL, messages=USER, tools=[TOOL]))
    message = first.choices[0].message
    assert message.reasoning_content == "hm"
    result: Any = {"role": "tool", "tool_call_id": "c", "content": "sunny"}
    way(lambda: client.chat.completions.create(model=MODEL, messages=[*USER, message, result], tools=[TOOL]))
    _, turn, answer = gw.last_request.body["messages"]
    assert turn["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Oslo"}'}
    assert (turn["reasoning_content"], turn["reasoning_signature"]) == ("hm", "sig")
    assert answer == result


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
def test_embeddings(way: Any, gw: Any, encoding: Any) -> None:
    gw.settings.embedding_cost = True
    gw.fault(reorder_embeddings=True)
    client = way.client()
    more = {} if encoding is None else {"encoding_format": encoding}
    model = "openai/text-embedding-3-small"
    answer = way(lambda: client.embeddings.create(model=model, input=["a", "b"], dimensions=4, **more))
    vectors = [item.embedding for item in answer.data]
    if encoding == "base64":
        vectors = [list(struct.unpack("<4f", base64.b64decode(vector))) for vector in vectors]
    assert [len(vector) for vector in vectors] == [4, 4]
    assert [item.index for item in answer.data] == [0, 1]
    assert call_details(answer).cost == gw.billed > 0


def test_models(way: Any, gw: Any) -> None:
    client = way.client()
    page = way(lambda: client.models.list())
    assert MODEL in [model.id for model in page.data]


def test_responses(way: Any, gw: Any) -> None:
    client = way.client()
    answer = way(lambda: client.responses.create(model=MODEL, input="How are you?"))
    assert answer.output_text
    assert call_details(answer).cost == gw.billed > 0
    events, stream = way.read(lambda: client.responses.create(model=MODEL, input="How are you?", stream=True))
    assert events[-1].type == "response.completed"
    assert call_details(stream).cost == gw.last_request.cost


def test_raw_responses(way: Any, gw: Any) -> None:
    client = way.client()
    raw = way(lambda: client.chat.completions.with_raw_response.create(model=MODEL, messages=USER))
    assert raw.status_code == 200
    assert raw.headers["x-requesty-request-id"] == gw.last_request.request_id
    assert raw.parse().choices[0].message.content
    assert call_details(raw).cost == gw.billed


def test_streaming_responses(way: Any, gw: Any) -> None:
    gw.say(text="one two")
    client = way.client()
    manager = client.chat.completions.with_streaming_response.create(model=MODEL, messages=USER, stream=True)
    if way.is_async:

        async def run() -> str:
            async with manager as response:
                return "".join([line async for line in response.iter_lines()])

        text = asyncio.run(run())
    else:
        with manager as response:
            text = "".join(response.iter_lines())
    assert "data: [DONE]" in text
    assert '"cost"' in text


def test_copies_share_ledger_and_connections(way: Any, gw: Any) -> None:
    ledger = CostLedger()
    client = way.client(ledger=ledger, extra_headers={"X-Requesty-Team": "a"})
    other = client.with_options(timeout=5, max_retries=1, default_headers={"X-Requesty-Run": "7"})
    assert (type(other), other.max_retries, client.max_retries) == (type(client), 1, 0)
    gw.fail_next(503, retry_after=0)
    way(lambda: other.chat.completions.create(model=MODEL, messages=USER))
    assert len(gw.requests) == 2
    assert (gw.last_request.headers["x-requesty-team"], gw.last_request.headers["x-requesty-run"]) == ("a", "7")
    assert ledger.total.cost == gw.billed > Decimal(0)


def test_options_of_one_call_go_in_the_extra_body(way: Any, gw: Any) -> None:
    gw.fail_next(503, model=MODEL)
    client = way.client(options={"tags": ["t"]})
    extra = {"fallbacks": ["anthropic/claude-sonnet-4-5"], "options": {"user_id": "u"}, "top_k": 5}
    answer = way(lambda: client.chat.completions.create(model=MODEL, messages=USER, extra_body=extra))
    assert call_details(answer).requested_model == "anthropic/claude-sonnet-4-5"
    body = gw.last_request.body
    assert body["requesty"] == {"tags": ["t"], "user_id": "u"}
    assert body["top_k"] == 5
    assert not {"fallbacks", "options"} & body.keys()


def test_the_callers_messages_are_left_alone(way: Any, gw: Any) -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "x"}]}]
    before = str(messages)
    client = way.client()
    way(lambda: client.chat.completions.create(model=MODEL, messages=messages))
    assert str(messages) == before
