"""What is whole is given, what is not is marked or an error, and nothing of a paid answer is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.base.llms.types import ChatMessage, ImageBlock
from llama_index.core.tools import BaseTool, FunctionTool, ToolMetadata, ToolOutput
from tests.support.bodies import chunk, completion

from requesty_core import CostLedger
from requesty_core.errors import ErrorKind, MalformedResponseError

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "cost": 0.5}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
METHODS = ["chat", "achat", "stream_chat", "astream_chat"]
COMPLETE = ["complete", "acomplete", "stream_complete", "astream_complete"]


def both(message: dict[str, Any], finish: str = "stop", **top: Any) -> dict[str, Any]:
    """The same answer as one body and as a stream."""
    whole = completion({"content": None, **message}, finish=finish, usage=USAGE, **top)
    streamed = [chunk(message, **top), chunk(finish=finish, usage=USAGE, **top)]
    return {"unary": whole, "stream": streamed}


def of(answer: dict[str, Any], name: str) -> Any:
    return answer["stream" if "stream" in name else "unary"]


def call(arguments: str, name: str = "f", **more: Any) -> dict[str, Any]:
    return {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}, **more}


async def last(canned: Any, run_method: Any, name: str, answer: dict[str, Any], **kwargs: Any) -> Any:
    llm, _ = canned(of(answer, name))
    argument = [ChatMessage("x")] if name in METHODS else "x"
    return (await run_method(llm, name, argument, **kwargs))[-1]


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("arguments", "finish", "kwargs", "error"),
    [
        ('{"city":"Os', "length", {"invalid_arguments_json": '{"city":"Os'}, "not valid JSON"),
        ("", "length", {"invalid_arguments_json": ""}, "ended before the arguments"),
        ("[1]", "tool_calls", {"invalid_arguments_json": "[1]"}, "not a JSON object but a list"),
        ('{"city":"Oslo"}', "length", {"city": "Oslo"}, None),
        ("null", "tool_calls", {}, None),
        ("", "tool_calls", {}, None),
    ],
)
async def test_calls_are_whole_or_marked(
    name: str, arguments: str, finish: str, kwargs: dict[str, Any], error: str | None, canned: Any, run_method: Any
) -> None:
    answer = both({"tool_calls": [call(arguments)]}, finish)
    llm, _ = canned(of(answer, name))
    response = (await run_method(llm, name, [ChatMessage("x")], tools=[TOOL]))[-1]
    [selection] = llm.get_tool_calls_from_response(response)
    assert (selection.tool_name, selection.tool_kwargs) == ("f", kwargs)
    invalid = response.message.additional_kwargs.get("invalid_tool_calls", [])
    assert [bad["arguments"] for bad in invalid] == ([arguments] if error else [])
    assert error is None or error in invalid[0]["error"]


class Anything(BaseTool):
    """A tool that runs with whatever it is given, as core's query engine and retriever tools do."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    @property
    def metadata(self) -> ToolMetadata:
        return ToolMetadata("Asks.", name="f")

    def __call__(self, *args: Any, **kwargs: Any) -> ToolOutput:
        self.seen.append((args, kwargs))
        return ToolOutput(content="done", tool_name="f", raw_input=kwargs, raw_output="done")


def _tools() -> list[tuple[BaseTool, list[Any]]]:
    seen_one: list[Any] = []
    seen_any: list[Any] = []

    def one(city: str) -> str:
        """One parameter."""
        seen_one.append(city)
        return "done"

    def keywords(**kwargs: Any) -> str:
        """Any."""
        seen_any.append(kwargs)
        return "done"

    anything = Anything()
    return [
        (FunctionTool.from_defaults(one, name="f"), seen_one),
        (FunctionTool.from_defaults(keywords, name="f"), seen_any),
        (anything, anything.seen),
    ]


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["one parameter", "**kwargs", "a tool of another class"])
@pytest.mark.parametrize("arguments", ['{"city": "Os', ""])
@pytest.mark.parametrize("way", ["predict", "apredict", "agent", "streaming agent"])
async def test_no_tool_runs_with_what_was_cut(kind: int, arguments: str, way: str, make: Any, gw: Any) -> None:
    tool, seen = _tools()[kind]
    gw.say(tool_calls=[{"name": "f", "arguments": arguments, "id": "a"}], finish_reason="length")
    gw.say(text="I could not.")
    llm = make()
    if way == "predict":
        said = llm.predict_and_call([tool], "x")
    elif way == "apredict":
        said = await llm.apredict_and_call([tool], "x")
    else:
        said = await FunctionAgent(llm=llm, tools=[tool], streaming="streaming" in way).run("x")
        told = gw.last_request.body["messages"][-1]
        assert told["role"] == "tool"
        assert "not run" in str(told["content"]) or "invalid_arguments_json" in str(told["content"])
    assert seen == []
    assert ("I could not" if "agent" in way else "was not run") in str(said) or "not run" in str(said)


async def test_predict_and_call_tells_of_unknown_tools_and_of_failures(make: Any, gw: Any, canned: Any) -> None:
    tool, seen = _tools()[0]
    gw.say(tool_calls=[{"name": "g", "arguments": "{}", "id": "a"}], times=2)
    assert "'g', which is not one of the tools" in str(make().predict_and_call([tool], "x"))
    with pytest.raises(ValueError, match="'g', which is not one"):
        await make().apredict_and_call([tool], "x", error_on_tool_error=True)
    gw.say(text="No tool.", times=2)
    assert str(make().predict_and_call([tool], "x", error_on_no_tool_call=False)) == "No tool."
    assert (
        str(await make().apredict_and_call([tool], "x", error_on_no_tool_call=False, allow_parallel_tool_calls=True))
        == "No tool."
    )
    assert seen == []


@pytest.mark.parametrize("name", COMPLETE)
async def test_completions_keep_what_is_no_text(name: str, canned: Any, run_method: Any) -> None:
    note = {"type": "url_citation", "url_citation": {"url": "https://a.test"}}
    answer = both({"refusal": "I will not.", "annotations": [note]}, "content_filter")
    response = await last(canned, run_method, name, answer)
    assert response.text == ""
    assert response.additional_kwargs["refusal"] == "I will not."
    assert response.additional_kwargs["annotations"] == [note]
    assert response.additional_kwargs["finish_reason"] == "content_filter"
    assert response.raw["choices"][0]["message"]["refusal"] == "I will not."


@pytest.mark.parametrize("name", METHODS)
async def test_unknown_fields_are_kept_and_a_calls_own_go_back(name: str, canned: Any, run_method: Any) -> None:
    signed = call("{}", extra_content={"google": {"thought_signature": "sig"}})
    written = {"index": 1, "id": "c2", "type": "custom", "custom": {"name": "grep", "input": "a{b"}}
    message = {"tool_calls": [signed, written], "verdict": 7, "extra_content": {"google": {"thought_signature": "t"}}}
    answer = both(message, "tool_calls", service_tier="flex", region="eu")
    llm, wire = canned(of(answer, name), of(both({"content": "ok"}), "chat"))
    tools = [TOOL, {"type": "custom", "custom": {"name": "grep"}}]
    response = (await run_method(llm, name, [ChatMessage("x")], tools=tools))[-1]
    assert response.raw["service_tier"] == response.additional_kwargs["service_tier"] == "flex"
    assert response.raw["region"] == "eu"
    assert response.raw["choices"][0]["message"]["verdict"] == 7
    first, second = llm.get_tool_calls_from_response(response)
    assert (first.tool_kwargs, second.tool_name, second.tool_kwargs) == ({}, "grep", {"input": "a{b"})
    kept = ChatMessage.model_validate_json(response.message.model_dump_json())
    results = [ChatMessage("r", role="tool", additional_kwargs={"tool_call_id": i}) for i in ("c1", "c2")]
    llm.chat([ChatMessage("x"), kept, *results])
    assert wire.body()["messages"][1]["extra_content"] == message["extra_content"]
    assert wire.body()["messages"][1]["tool_calls"] == [
        {key: value for key, value in signed.items() if key != "index"},
        {key: value for key, value in written.items() if key != "index"},
    ]


@pytest.mark.parametrize("name", METHODS)
async def test_choices_are_never_mixed(name: str, canned: Any, run_method: Any) -> None:
    def choice(index: int, text: str, part: str, finish: str | None = None) -> dict[str, Any]:
        return {"index": index, part: {"content": text}, "finish_reason": finish}

    whole = {"choices": [choice(0, "one", "message", "stop"), choice(1, "two", "message", "stop")], "usage": USAGE}
    stream = [
        {"choices": [choice(1, "t", "delta")]},
        {"choices": [choice(0, "o", "delta"), choice(1, "wo", "delta")]},
        {"choices": [choice(0, "ne", "delta", "stop"), choice(1, "", "delta", "stop")], "usage": USAGE},
    ]
    llm, _ = canned(stream if "stream" in name else whole)
    responses = await run_method(llm, name, [ChatMessage("x")], n=2)
    assert responses[-1].message.content == "one"
    assert "".join(response.delta or "" for response in responses) == ("one" if "stream" in name else "")
    assert [c["message"]["content"] for c in responses[-1].raw["choices"]] == ["one", "two"]


@pytest.mark.parametrize("name", METHODS)
async def test_images_in_any_form_arrive_or_stay_in_raw(name: str, canned: Any, run_method: Any) -> None:
    urls = [
        "data:image/png;base64,iVBORw0KGgo",
        "https://a.test/i.png",
        "no address at all",
        "data:image/png;base64,%%",
    ]
    images = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    response = await last(canned, run_method, name, both({"images": images}))
    blocks = [block for block in response.message.blocks if isinstance(block, ImageBlock)]
    assert blocks[0].resolve_image().read() == b"\x89PNG\r\n\x1a\n"
    assert str(blocks[1].url) == urls[1]
    assert response.raw["choices"][0]["message"]["images"] == images


@pytest.mark.parametrize("name", METHODS + COMPLETE)
async def test_what_the_classes_do_not_take_is_a_typed_error_with_the_answer(
    name: str, canned: Any, run_method: Any
) -> None:
    # LogProb takes no text for a number.
    message = {"content": "paid"}
    answer = both(message)
    logprobs = {"content": [{"token": "paid", "logprob": "x"}]}
    answer["unary"]["choices"][0]["logprobs"] = answer["stream"][0]["choices"][0]["logprobs"] = logprobs
    ledger = CostLedger()
    llm, _ = canned(of(answer, name), ledger=ledger)
    with pytest.raises(MalformedResponseError) as caught:
        await run_method(llm, name, [ChatMessage("x")] if name in METHODS else "x")
    error = caught.value
    assert "\n" not in str(error)
    assert (error.kind, error.partial.text, float(error.partial.usage.cost)) == (ErrorKind.MALFORMED, "paid", 0.5)
    assert float(ledger.total.cost or 0) == 0.5


def test_a_stream_of_calls_shows_ever_more_of_them(canned: Any) -> None:
    text = json.dumps({"city": "Oslo", "days": [1, 2, 3]})
    pieces = [text[i : i + 3] for i in range(0, len(text), 3)]
    stream = [chunk({"tool_calls": [call("")]})]
    stream += [chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in pieces]
    llm, _ = canned([*stream, chunk(finish="tool_calls", usage=USAGE)])
    seen = [
        llm.get_tool_calls_from_response(r)[0].tool_kwargs for r in llm.stream_chat([ChatMessage("x")], tools=[TOOL])
    ]
    assert seen[0] == {}
    assert seen[-1] == json.loads(text)
    assert not any("invalid_arguments_json" in kwargs for kwargs in seen)
