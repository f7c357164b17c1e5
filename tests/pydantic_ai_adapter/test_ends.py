"""What is whole is given, what is not is an error, and nothing of a paid answer is lost."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import AgentRunError, ModelAPIError
from pydantic_ai.messages import FilePart, ModelRequest, ModelResponse, ToolReturnPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import Tool
from tests.support.bodies import chunk, completion

from requesty_core import CostLedger
from requesty_core.errors import ErrorKind, MalformedResponseError

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "cost": 0.5}


def call(arguments: str, name: str = "f", **more: Any) -> dict[str, Any]:
    return {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


def answer(message: dict[str, Any], finish: str = "stop", *, streams: bool, **top: Any) -> Any:
    if streams:
        return [chunk(message, **top), chunk(finish=finish, usage=USAGE, **top)]
    return completion({"content": None, **message}, finish=finish, usage=USAGE, **top)


def f() -> str:
    """A tool without parameters."""
    return "ran"


PARAMETERS = ModelRequestParameters(function_tools=[Tool(f).tool_def])


@pytest.mark.parametrize(
    ("arguments", "finish", "args"),
    [
        ('{"a":1}', "length", '{"a":1}'),
        ('{"a":', "length", '{"a":'),
        ("null", "tool_calls", ""),
        ("", "tool_calls", ""),
        ("", "length", "{"),
        ("{}", "content_filter", "{"),
    ],
)
async def test_arguments_are_whole_or_taken_by_no_tool(
    arguments: str, finish: str, args: str, ask: Any, canned: Any
) -> None:
    message = {"tool_calls": [call(arguments)]}
    model, _ = canned(answer(message, finish, streams=ask.streams))
    [part] = (await ask(model, model_request_parameters=PARAMETERS)).tool_calls
    assert part.args == args


class Light(BaseModel):
    """Every field has a default: nothing at all would be one."""

    name: str = "Skerry"
    height: int = 0


HALF = [
    (ToolOutput(Light), {"tool_calls": [call("", "final_result")]}),
    (ToolOutput(Light), {"tool_calls": [call('{"name":"Sk', "final_result")]}),
    (NativeOutput(Light), {"content": '{"name":"Skerry"'}),
    (PromptedOutput(Light), {"content": '{"name":"Skerry"'}),
    (NativeOutput(Light), {"content": 'It is {"name":"Skerry"}'}),
]


async def by_run(agent: Agent[None, Any]) -> list[Any]:
    return [(await agent.run("x")).output]


async def by_run_stream(agent: Agent[None, Any]) -> list[Any]:
    async with agent.run_stream("x") as result:
        return [await result.get_output()]


async def by_stream_output(agent: Agent[None, Any]) -> list[Any]:
    async with agent.run_stream("x") as result:
        return [output async for output in result.stream_output(debounce_by=None)]


async def by_iter(agent: Agent[None, Any]) -> list[Any]:
    async with agent.iter("x") as run:
        async for node in run:
            if Agent.is_model_request_node(node):
                async with node.stream(run.ctx) as stream:
                    async for _ in stream:
                        pass
        assert run.result is not None
        return [run.result.output]


WAYS = [by_run, by_run_stream, by_stream_output, by_iter]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("finish", ["length", "content_filter"])
@pytest.mark.parametrize("number", range(len(HALF)))
async def test_half_an_output_is_never_one(number: int, finish: str, way: Any, canned: Any) -> None:
    output, message = HALF[number]
    model, _ = canned(answer(message, finish, streams=way is not by_run))
    with pytest.raises(AgentRunError):
        await way(Agent(model, output_type=output, retries=0))


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize(
    ("output", "message"),
    [
        (ToolOutput(Light), {"tool_calls": [call('{"name":"Ness"}', "final_result")]}),
        (NativeOutput(Light), {"content": '{"name":"Ness"}'}),
        (PromptedOutput(Light), {"content": '```json\n{"name":"Ness"}\n```'}),
    ],
)
async def test_a_whole_output_is_one_however_the_answer_ended(output: Any, message: Any, way: Any, canned: Any) -> None:
    model, _ = canned(answer(message, "length", streams=way is not by_run))
    assert (await way(Agent(model, output_type=output, retries=0)))[-1] == Light(name="Ness")


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_a_tool_without_parameters_does_not_run_after_a_cut(way: Any, canned: Any) -> None:
    ran: list[int] = []

    def f() -> str:
        """A tool without parameters."""
        ran.append(1)
        return "ran"

    streams = way is not by_run
    cut = answer({"tool_calls": [call("")]}, "content_filter", streams=streams)
    model, wire = canned(cut, answer({"content": "Done."}, streams=streams))
    agent = Agent(model, tools=[f])
    if way in (by_run_stream, by_stream_output):
        assert (await way(agent))[-1] == "Done."
    else:
        assert await way(agent) == ["Done."]
    assert ran == []
    # The model is told, by Pydantic AI's own retry.
    assert "c1" in str(wire.body()["messages"][-1])


async def test_unknown_fields_and_custom_calls_come_back(ask: Any, canned: Any) -> None:
    signed = call("{}", extra_content={"google": {"thought_signature": "sig"}}, note=1)
    written = {"index": 1, "id": "c2", "type": "custom", "custom": {"name": "grep", "input": "a{b"}}
    message = {"tool_calls": [signed, written], "verdict": 7, "extra_content": {"google": {"thought_signature": "t"}}}
    first = answer(message, "tool_calls", streams=ask.streams, service_tier="flex")
    model, wire = canned(first, answer({"content": "ok"}, streams=False))
    tools = {"extra_body": {"tools": [{"type": "custom", "custom": {"name": "grep"}}, *_wire_tools()]}}
    response: ModelResponse = await ask(model, model_settings=tools)
    assert response.provider_details is not None
    assert response.provider_details["service_tier"] == "flex"
    assert response.provider_details["extra"]["verdict"] == 7
    one, two = response.tool_calls
    assert one.provider_details == {"extra_content": {"google": {"thought_signature": "sig"}}, "note": 1}
    assert (two.tool_name, two.args) == ("grep", {"input": "a{b"})
    returns = ModelRequest([ToolReturnPart("f", "r", "c1"), ToolReturnPart("grep", "r", "c2")])
    await model_request(model, [ModelRequest.user_text_prompt("x"), response, returns])
    turn = wire.body()["messages"][1]
    assert turn["extra_content"] == {"google": {"thought_signature": "t"}}
    assert "verdict" not in turn
    assert turn["tool_calls"] == [
        {key: value for key, value in signed.items() if key != "index"},
        {key: value for key, value in written.items() if key != "index"},
    ]


def _wire_tools() -> list[dict[str, Any]]:
    return [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]


async def test_choices_are_never_mixed(ask: Any, canned: Any) -> None:
    def choice(index: int, text: str, part: str) -> dict[str, Any]:
        return {"index": index, part: {"content": text}, "finish_reason": "stop"}

    whole = {"choices": [choice(0, "one", "message"), choice(1, "two", "message")], "usage": USAGE}
    stream = [{"choices": [choice(1, "two", "delta"), choice(0, "one", "delta")], "usage": USAGE}]
    model, _ = canned(stream if ask.streams else whole)
    response = await ask(model, model_settings={"extra_body": {"n": 2}})
    assert response.text == "one"
    assert [c["content"] for c in response.provider_details["choices"]] == ["one", "two"]


async def test_odd_images_and_times_are_no_errors(ask: Any, canned: Any) -> None:
    urls = ["data:image/png;base64,iVBORw0KGgo", "https://a.test/i.png", "data:image/png;base64,%%"]
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    model, _ = canned(answer({"images": images}, streams=ask.streams, created=-99_999_999_999))
    response = await ask(model)
    [file] = [part for part in response.parts if isinstance(part, FilePart)]
    assert file.content.data == b"\x89PNG\r\n\x1a\n"
    assert response.provider_details["images"] == images[1:]


async def test_what_the_classes_do_not_take_is_a_typed_error_with_the_answer(
    ask: Any, canned: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pydantic_ai_requesty import _replies, _stream

    def broken(*_: Any) -> Any:
        raise KeyError("a field of tomorrow")

    monkeypatch.setattr(_replies, "citations_of", broken)
    monkeypatch.setattr(_stream, "citations_of", broken)
    ledger = CostLedger()
    model, _ = canned(answer({"content": "paid"}, streams=ask.streams), ledger=ledger)
    with pytest.raises(ModelAPIError) as caught:
        await ask(model)
    error = caught.value
    assert isinstance(error, MalformedResponseError)
    assert (error.kind, error.partial.text, float(error.partial.usage.cost)) == (ErrorKind.MALFORMED, "paid", 0.5)  # type: ignore[union-attr, arg-type]
    assert float(ledger.total.cost or 0) == 0.5
