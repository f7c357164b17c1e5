"""What a user reads off a response, complete and streamed, for usual and odd shapes of the wire."""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Any

import pytest
from pydantic_ai.messages import FilePart, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from requesty_core.errors import RequestyError
from requesty_emulator import Fault

PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n").decode()
TOOLS = ModelRequestParameters(
    function_tools=[ToolDefinition(name=name, parameters_json_schema={"type": "object"}) for name in ("f", "g")]
)


async def test_text_with_usage_and_cost_as_billed(ask: Any, make: Any, gw: Any) -> None:
    response = await ask(make())
    assert response.usage.cost == gw.billed > 0
    assert response.usage.input_tokens == gw.last_request.usage["prompt_tokens"]
    assert response.usage.output_tokens == gw.last_request.usage["completion_tokens"]
    assert (response.provider_name, response.finish_reason, response.state) == ("requesty", "stop", "complete")
    assert response.model_name == "gpt-4o-mini"
    assert response.provider_url == gw.base_url
    assert response.failed_attempts is None
    details = response.provider_details
    assert details["requested_model"] == "openai/gpt-4o-mini"
    assert details["downstream_provider"] == "openai"
    assert details["request_id"] == gw.last_request.request_id
    assert details["cost"] == float(gw.billed)
    assert [attempt["outcome"] for attempt in details["attempts"]] == ["ok"]


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0}, Decimal(0)),
        ({"cost": "0.0125"}, Decimal("0.0125")),
        ({"cost": None}, None),
    ],
    ids=["zero", "text", "null"],
)
async def test_cost_is_what_the_gateway_says(ask: Any, make: Any, gw: Any, usage: Any, cost: Any) -> None:
    gw.say(text="a", usage=usage)
    response = await ask(make())
    assert response.usage.cost == cost
    assert (cost is None) == (response.usage.cost is None)


async def test_usage_the_gateway_left_out_is_unmeasured_not_zero(ask: Any, make: Any, gw: Any) -> None:
    gw.settings.usage = "none"
    assert (await ask(make())).usage.unmeasured_requests == 1


@pytest.mark.parametrize("style", ["last_empty_choices", "last_empty_delta", "last_no_choices", "every_chunk"])
async def test_usage_of_every_style_is_counted_once(make: Any, ask: Any, gw: Any, style: str) -> None:
    gw.settings.usage = style
    response = await ask(make())
    assert response.usage.cost == gw.billed
    assert response.usage.output_tokens == gw.last_request.usage["completion_tokens"]


async def test_reasoning_with_signature(ask: Any, make: Any, gw: Any) -> None:
    gw.say(reasoning="Let me think.", signature="sig", text="Done.")
    thought, text = (await ask(make("anthropic/claude-sonnet-4-5"))).parts
    assert thought == ThinkingPart("Let me think.", id="reasoning_content", signature="sig", provider_name="requesty")
    assert text.content == "Done."


async def test_thinking_tags_in_text_are_taken_apart(ask: Any, make: Any, gw: Any) -> None:
    gw.say(text="<think>hm</think>Done.", pieces=["<think>", "hm", "</think>", "Done."])
    thought, text = (await ask(make())).parts
    assert (thought.content, text.content) == ("hm", "Done.")


async def test_tool_calls(ask: Any, make: Any, gw: Any) -> None:
    calls = [{"name": "f", "arguments": '{"a":1}', "id": "c1"}, {"name": "g", "arguments": "{}", "id": "c2"}]
    gw.say(text="I will.", tool_calls=calls)
    response = await ask(make(), model_request_parameters=TOOLS)
    assert response.finish_reason == "tool_call"
    assert response.parts == [
        TextPart("I will."),
        ToolCallPart("f", '{"a":1}', "c1"),
        ToolCallPart("g", "{}", "c2"),
    ]


async def test_invalid_tool_arguments_stay_as_they_came(ask: Any, make: Any, gw: Any) -> None:
    gw.say(tool_calls=[{"name": "f", "arguments": '{"a": ', "id": "c"}])
    [call] = (await ask(make(), model_request_parameters=TOOLS)).parts
    assert call.args == '{"a": '


async def test_generated_image_is_a_file(ask: Any, make: Any, gw: Any) -> None:
    far = {"type": "image_url", "image_url": {"url": "https://images.test/a.png"}}
    gw.say(text="Here.", images=[{"type": "image_url", "image_url": {"url": PNG}}, far])
    response = await ask(make())
    [file] = [part for part in response.parts if isinstance(part, FilePart)]
    assert (file.content.data, file.content.media_type) == (b"\x89PNG\r\n", "image/png")
    assert response.provider_details["images"] == [far]


async def test_citations(ask: Any, make: Any, gw: Any) -> None:
    text = "It rained [1]."
    cited = {"url": "https://weather.test", "title": "Weather", "start_index": 10, "end_index": 13}
    note = {"type": "url_citation", "url_citation": cited}
    gw.say(text=text, annotations=[note, {"type": "file_citation", "file": "x"}])
    response = await ask(make())
    [part] = response.parts
    assert part.content == text
    [citation] = part.citations
    assert citation.sources[0].url == "https://weather.test"
    assert (citation.anchor.start, citation.anchor.end) == (10, 13)
    assert response.provider_details["annotations"][0] == note


async def test_refusal_is_a_content_filter_with_its_words(ask: Any, make: Any, gw: Any) -> None:
    gw.say(refusal="I will not.")
    response = await ask(make())
    assert (response.parts, response.finish_reason) == ([], "content_filter")
    assert response.provider_details["refusal"] == "I will not."


async def test_logprobs(ask: Any, make: Any) -> None:
    response = await ask(make(), model_settings={"openai_logprobs": True})
    words = [entry["token"] for entry in response.provider_details["logprobs"]]
    assert "".join(words) == response.parts[0].content


# --- odd shapes -------------------------------------------------------------------------------------------------------


def body(message: dict[str, Any], finish: Any = "stop", **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "finish_reason": finish, "message": message}
    return {"id": "i", "object": "chat.completion", "choices": [choice], **more}


def chunks(*deltas: dict[str, Any], finish: Any = "stop", **more: Any) -> list[dict[str, Any]]:
    parts = [{"id": "i", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    return [*parts, {"id": "i", "choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **more}]


CALL = {"id": "c", "function": {"name": "f", "arguments": None}}


@pytest.mark.parametrize(
    ("whole", "stream", "expected", "finish"),
    [
        (
            body({"role": "assistant", "content": "a", "tool_calls": None, "refusal": None}, model=None, created=None),
            chunks({"content": "a", "tool_calls": None, "refusal": None}, model=None, created=None),
            [TextPart("a")],
            "stop",
        ),
        (
            body({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
            chunks({"content": [{"type": "text", "text": "a"}]}, {"content": "b"}),
            [TextPart("ab")],
            "stop",
        ),
        (
            body({"content": None, "tool_calls": [CALL]}, "tool_calls"),
            chunks({"tool_calls": [{"index": 0, **CALL}]}, finish="tool_calls"),
            [ToolCallPart("f", "", "c")],
            "tool_call",
        ),
        (body({"content": "a"}, "brand_new"), chunks({"content": "a"}, finish="brand_new"), [TextPart("a")], None),
        (
            body({"reasoning": "hm", "content": "a"}),
            chunks({"reasoning": "hm"}, {"content": "a"}),
            [ThinkingPart("hm", id="reasoning_content", provider_name="requesty"), TextPart("a")],
            "stop",
        ),
    ],
    ids=["nulls", "content parts", "call without type and arguments", "unknown finish", "other spelling"],
)
async def test_odd_shapes(ask: Any, canned: Any, whole: Any, stream: Any, expected: Any, finish: Any) -> None:
    model, _ = canned(stream if ask.streams else whole)
    response = await ask(model, model_request_parameters=TOOLS)
    assert response.parts == expected
    assert response.finish_reason == finish
    if finish is None:
        assert response.provider_details["finish_reason"] == "brand_new"
    assert "downstream_provider" not in response.provider_details


async def test_fields_nobody_knows_are_kept(ask: Any, canned: Any) -> None:
    whole = body({"content": "a"}, model="m", brand_new={"x": 1})
    model, _ = canned(chunks({"content": "a"}, model="m", brand_new={"x": 1}) if ask.streams else whole)
    assert (await ask(model)).provider_details["extra"]["brand_new"] == {"x": 1}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(error_in_200="boom"),
        Fault(empty_choices=True),
        Fault(status=200, html=True),
        Fault(malformed_json=True),
    ],
    ids=["error body", "no choices", "html", "broken json"],
)
async def test_what_is_no_answer_is_an_api_error(ask: Any, make: Any, gw: Any, fault: Any) -> None:
    from pydantic_ai.exceptions import ModelAPIError

    gw.fail_next(fault=fault)
    with pytest.raises(ModelAPIError) as caught:
        await ask(make())
    assert isinstance(caught.value, RequestyError)
    assert caught.value.model_name == "openai/gpt-4o-mini"


async def test_long_arguments_arrive_whole(make: Any, gw: Any) -> None:
    from pydantic_ai.direct import model_request_stream
    from pydantic_ai.messages import ModelRequest

    pieces = [f'"{number}",' for number in range(2000)]
    text = "[" + "".join(pieces) + "0]"
    first = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": "["}}
    deltas: list[Any] = [{"tool_calls": [first]}]
    deltas += [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in [*pieces, "0]"]]
    gw.say(chunks=chunks(*deltas, finish="tool_calls"))
    async with model_request_stream(
        make(), [ModelRequest.user_text_prompt("x")], model_request_parameters=TOOLS
    ) as stream:
        events = [event async for event in stream]
    assert len(events) >= 2000
    [call] = stream.get().parts
    assert call.args == text
