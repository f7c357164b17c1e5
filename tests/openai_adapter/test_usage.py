"""The SDK's own ways of use, against the emulated gateway, in both clients."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from typing import Any

import httpx
import numpy
import openai
import pytest
from openai import pydantic_function_tool
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response
from pydantic import BaseModel

from openai_requesty import AsyncRequestyOpenAI, AsyncRequestyStream, RequestyOpenAI, RequestyStream, call_details

MODEL = "openai/gpt-4o-mini"
ASK = [{"role": "user", "content": "How far away is the lighthouse?"}]
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks things up",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"q": {"type": "string"}},
            "required": ["q"],
            "additionalProperties": False,
        },
    },
}


class Light(BaseModel):
    """A lighthouse."""

    name: str
    height: int


class LookUp(BaseModel):
    """Looks things up."""

    q: str


def test_the_clients_are_the_sdks_own(gw: Any) -> None:
    assert isinstance(RequestyOpenAI(), openai.OpenAI)
    assert isinstance(AsyncRequestyOpenAI(), openai.AsyncOpenAI)


async def test_create(way: Any, gw: Any) -> None:
    gw.say("Eighteen sea miles.", served_model="gpt-4o-mini-2024-07-18")
    answer = await way.get(way.client().chat.completions.create(model=MODEL, messages=ASK))
    assert type(answer) is ChatCompletion
    assert answer.choices[0].message.content == "Eighteen sea miles."
    assert answer.choices[0].finish_reason == "stop"
    assert gw.last_request.body == {"model": MODEL, "messages": ASK}
    details = call_details(answer)
    assert Decimal(str(answer.usage.cost)) == details.cost == gw.billed
    assert (details.requested_model, details.served_model) == (MODEL, answer.model)
    assert details.request_id == answer._request_id == gw.last_request.request_id
    assert [(a.model, a.outcome, a.cost) for a in details.attempts] == [(MODEL, "ok", gw.billed)]


async def test_create_streamed(way: Any, gw: Any) -> None:
    gw.say(pieces=["Eighteen ", "sea ", "miles."])
    stream = await way.get(
        way.client().chat.completions.create(
            model=MODEL, messages=ASK, stream=True, stream_options={"include_usage": True}
        )
    )
    assert isinstance(stream, AsyncRequestyStream if way.is_async else RequestyStream)
    assert isinstance(stream, openai.AsyncStream if way.is_async else openai.Stream)
    chunks = await way.all(stream)
    assert {type(chunk) for chunk in chunks} == {ChatCompletionChunk}
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == "Eighteen sea miles."
    usage = next(chunk.usage for chunk in reversed(chunks) if chunk.usage is not None)
    assert Decimal(str(usage.cost)) == stream.details.cost == gw.billed
    assert [a.outcome for a in stream.details.attempts] == ["ok"]
    assert stream.details.request_id == gw.last_request.request_id


@pytest.mark.parametrize("asked", [None, {"include_usage": False}])
async def test_usage_nobody_asked_for_is_booked_but_not_shown(way: Any, gw: Any, asked: Any) -> None:
    more = {} if asked is None else {"stream_options": asked}
    stream = await way.get(way.client().chat.completions.create(model=MODEL, messages=ASK, stream=True, **more))
    chunks = await way.all(stream)
    assert all(chunk.choices for chunk in chunks)
    if asked is None:
        assert gw.last_request.body["stream_options"] == {"include_usage": True}
        assert stream.details.cost == gw.billed


async def test_stream_helper(way: Any, gw: Any) -> None:
    gw.say(pieces=["Eighteen ", "sea ", "miles."])
    events, final, stream = await way.helper(way.client().chat.completions.stream(model=MODEL, messages=ASK))
    kinds = [event.type for event in events]
    assert kinds.count("content.delta") >= 3
    assert "content.done" in kinds
    assert final.choices[0].message.content == "Eighteen sea miles."
    assert call_details(stream).cost == gw.billed
    assert [a.outcome for a in call_details(stream).attempts] == ["ok"]


async def test_stream_helper_with_a_schema(way: Any, gw: Any) -> None:
    gw.say(pieces=['{"name": "Kullen",', ' "height": 15}'])
    _, final, _ = await way.helper(
        way.client().chat.completions.stream(model=MODEL, messages=ASK, response_format=Light)
    )
    assert final.choices[0].message.parsed == Light(name="Kullen", height=15)
    assert gw.last_request.body["response_format"]["json_schema"]["name"] == "Light"


async def test_parse(way: Any, gw: Any) -> None:
    gw.say('{"name": "Kullen", "height": 15}')
    answer = await way.get(way.client().chat.completions.parse(model=MODEL, messages=ASK, response_format=Light))
    assert answer.choices[0].message.parsed == Light(name="Kullen", height=15)
    sent = gw.last_request.body
    assert sent["messages"] == ASK
    assert sent["response_format"]["type"] == "json_schema"
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert call_details(answer).cost == gw.billed


async def test_parse_tools(way: Any, gw: Any) -> None:
    gw.say(tool_calls=[{"name": "LookUp", "arguments": {"q": "light"}}])
    answer = await way.get(
        way.client().chat.completions.parse(model=MODEL, messages=ASK, tools=[pydantic_function_tool(LookUp)])
    )
    assert answer.choices[0].message.tool_calls[0].function.parsed_arguments == LookUp(q="light")


async def test_a_truncated_structured_answer_is_the_sdks_length_error(way: Any, gw: Any) -> None:
    gw.say('{"name": "Kul', finish_reason="length")
    with pytest.raises(openai.LengthFinishReasonError) as caught:
        await way.get(way.client().chat.completions.parse(model=MODEL, messages=ASK, response_format=Light))
    assert caught.value.completion.choices[0].message.content == '{"name": "Kul'


async def test_tools_there_and_back(way: Any, gw: Any) -> None:
    client = way.client()
    gw.say(tool_calls=[{"id": "call_1", "name": "look_up", "arguments": {"q": "light"}}])
    answer = await way.get(client.chat.completions.create(model=MODEL, messages=ASK, tools=[TOOL]))
    message = answer.choices[0].message
    assert (message.tool_calls[0].id, message.tool_calls[0].function.name) == ("call_1", "look_up")
    assert json.loads(message.tool_calls[0].function.arguments) == {"q": "light"}
    assert answer.choices[0].finish_reason == "tool_calls"
    # The SDK's message object goes back as it is.
    history = [*ASK, message, {"role": "tool", "tool_call_id": "call_1", "content": "18"}]
    gw.say("Eighteen.")
    answer = await way.get(client.chat.completions.create(model=MODEL, messages=history, tools=[TOOL]))
    assert answer.choices[0].message.content == "Eighteen."
    sent = gw.last_request.body
    assert sent["tools"] == [TOOL]
    assert sent["messages"][1]["tool_calls"][0]["id"] == "call_1"
    assert sent["messages"][2] == history[2]


async def test_tools_streamed(way: Any, gw: Any) -> None:
    gw.say(tool_calls=[{"name": "look_up", "arguments": {"q": "a"}}, {"name": "look_up", "arguments": {"q": "b"}}])
    _, final, _ = await way.helper(
        way.client().chat.completions.stream(model=MODEL, messages=ASK, tools=[TOOL], parallel_tool_calls=True)
    )
    calls = final.choices[0].message.tool_calls
    assert [json.loads(call.function.arguments) for call in calls] == [{"q": "a"}, {"q": "b"}]
    assert len({call.id for call in calls}) == 2


async def test_reasoning_reaches_the_reader(way: Any, gw: Any) -> None:
    gw.say("Yes.", reasoning="Let me see.", signature="c2ln", times=2)
    client = way.client()
    answer = await way.get(client.chat.completions.create(model=MODEL, messages=ASK))
    assert answer.choices[0].message.reasoning_content == "Let me see."
    chunks = await way.all(client.chat.completions.create(model=MODEL, messages=ASK, stream=True))
    pieces = [getattr(c.delta, "reasoning_content", None) or "" for chunk in chunks for c in chunk.choices]
    assert "".join(pieces) == "Let me see."


@pytest.mark.parametrize("form", ["default", "float", "base64"])
async def test_embeddings(way: Any, gw: Any, form: str) -> None:
    gw.settings.embedding_cost = True
    more = {} if form == "default" else {"encoding_format": form}
    answer = await way.get(
        way.client().embeddings.create(model="openai/text-embedding-3-small", input=["sea", "light"], **more)
    )
    assert type(answer) is CreateEmbeddingResponse
    assert gw.last_request.body["encoding_format"] == ("float" if form == "float" else "base64")
    vectors = [item.embedding for item in answer.data]
    if form == "base64":
        assert all(isinstance(vector, str) for vector in vectors)
        vectors = [numpy.frombuffer(base64.b64decode(vector), dtype="<f4").tolist() for vector in vectors]
    assert [len(vector) for vector in vectors] == [1536, 1536]
    assert vectors[0] != vectors[1]
    assert sum(x * x for x in vectors[0]) == pytest.approx(1.0, abs=1e-3)
    assert call_details(answer).cost == gw.billed


async def test_models(way: Any, gw: Any) -> None:
    client = way.client()
    names = [model.id for model in await way.all(client.models.list())]
    assert MODEL in names
    page = await way.get(client.models.list())
    assert [attempt.outcome for attempt in call_details(page).attempts] == ["ok"]
    assert len(gw.requests) == 2


async def test_responses(way: Any, gw: Any) -> None:
    client = way.client()
    answer = await way.get(client.responses.create(model=MODEL, input="How far?"))
    assert type(answer) is Response
    assert answer.output_text
    assert answer.status == "completed"
    assert gw.last_request.body == {"model": MODEL, "input": "How far?"}
    assert Decimal(str(answer.usage.cost)) == call_details(answer).cost == gw.billed


async def test_responses_streamed(way: Any, gw: Any) -> None:
    client = way.client()
    stream = await way.get(client.responses.create(model=MODEL, input="How far?", stream=True))
    events = await way.all(stream)
    assert events[-1].type == "response.completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == events[-1].response.output_text
    assert text
    assert stream.details.cost == gw.billed
    assert [a.outcome for a in stream.details.attempts] == ["ok"]


async def test_responses_helper_and_parse(way: Any, gw: Any) -> None:
    client = way.client()
    _, final, stream = await way.helper(client.responses.stream(model=MODEL, input="How far?"))
    assert final.output_text
    assert call_details(stream).cost == gw.billed
    parsed = await way.get(client.responses.parse(model=MODEL, input="Which?", text_format=Light))
    assert isinstance(parsed.output_parsed, Light)


async def test_raw_response(way: Any, gw: Any) -> None:
    gw.say("Hello.")
    raw = await way.get(way.client().chat.completions.with_raw_response.create(model=MODEL, messages=ASK))
    assert raw.status_code == 200
    assert raw.headers["x-requesty-request-id"] == raw.request_id == gw.last_request.request_id
    assert json.loads(raw.text)["choices"][0]["message"]["content"] == "Hello."
    answer = await way.get(raw.parse())
    assert answer.choices[0].message.content == "Hello."
    assert call_details(raw).cost == call_details(answer).cost == gw.billed


async def test_raw_response_of_a_stream(way: Any, gw: Any) -> None:
    gw.say(pieces=["He", "llo."])
    raw = await way.get(way.client().chat.completions.with_raw_response.create(model=MODEL, messages=ASK, stream=True))
    chunks = await way.all(raw.parse())
    assert "".join(c.delta.content or "" for chunk in chunks for c in chunk.choices) == "Hello."
    assert call_details(raw).cost == gw.billed


async def test_streaming_response(way: Any, gw: Any) -> None:
    client = way.client()
    gw.say("Hello.", times=3)
    manager = client.chat.completions.with_streaming_response.create(model=MODEL, messages=ASK)
    if not way.is_async:
        with manager as response:
            assert response.headers["content-type"].startswith("application/json")
            assert json.loads(b"".join(response.iter_bytes()))["choices"][0]["message"]["content"] == "Hello."
        with client.chat.completions.with_streaming_response.create(model=MODEL, messages=ASK, stream=True) as response:
            lines = list(response.iter_lines())
    else:
        async with manager as response:
            body = b"".join([piece async for piece in response.iter_bytes()])
            assert json.loads(body)["choices"][0]["message"]["content"] == "Hello."
        async with client.chat.completions.with_streaming_response.create(
            model=MODEL, messages=ASK, stream=True
        ) as response:
            lines = [line async for line in response.iter_lines()]
    assert [line for line in lines if line][-1] == "data: [DONE]"
    assert [a.outcome for a in call_details(response).attempts] == ["ok"]
    assert gw.wait_idle()


async def test_with_options_and_copy(way: Any, gw: Any) -> None:
    client = way.client(options={"tags": ["a"]})
    twin = client.with_options(max_retries=2, timeout=7, default_headers={"X-Requesty-Team": "sea"})
    assert type(twin) is type(client)
    assert (client.max_retries, twin.max_retries, twin.copy().max_retries) == (0, 2, 2)
    gw.fail_next(503, times=2, retry_after=0)
    answer = await way.get(twin.chat.completions.create(model=MODEL, messages=ASK))
    assert [a.outcome for a in call_details(answer).attempts] == ["error", "error", "ok"]
    assert gw.last_request.headers["x-requesty-team"] == "sea"
    assert gw.last_request.body["requesty"] == {"tags": ["a"]}
    with pytest.raises(ValueError, match="mutually exclusive"):
        client.copy(default_headers={"a": "b"}, set_default_headers={"c": "d"})


async def test_other_routes_pass_through(way: Any, gw: Any) -> None:
    client = way.client()
    answer = await way.get(client.images.generate(model="openai/gpt-image-1", prompt="A light", n=1))
    assert answer.data
    speech = await way.get(client.audio.speech.create(model="openai/gpt-4o-mini-tts", input="Hello", voice="alloy"))
    assert speech.content
    raw = await way.get(client.get("/models", cast_to=httpx.Response))
    assert raw.status_code == 200


async def test_extra_fields_of_the_gateway(way: Any, gw: Any) -> None:
    await way.get(
        way.client().chat.completions.create(
            model=MODEL,
            messages=ASK,
            reasoning_effort="low",
            extra_body={"requesty": {"trace_id": "t1"}, "top_k": 5},
            extra_headers={"X-Requesty-User": "anna"},
        )
    )
    assert gw.last_request.body == {
        "model": MODEL,
        "messages": ASK,
        "reasoning_effort": "low",
        "requesty": {"trace_id": "t1"},
        "top_k": 5,
    }
    assert gw.last_request.headers["x-requesty-user"] == "anna"


async def test_a_key_that_a_server_echoes_is_in_no_error(way: Any, gw: Any) -> None:
    gw.fail_next(400, message=f"no luck with {gw.api_key}")
    with pytest.raises(openai.BadRequestError) as caught:
        await way.get(way.client().chat.completions.create(model=MODEL, messages=ASK))
    error = caught.value
    assert "no luck with **********" in str(error)
    assert gw.api_key not in f"{error!r} {error.body}"
