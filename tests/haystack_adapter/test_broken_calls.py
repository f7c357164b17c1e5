"""Tool calls whose arguments are no JSON object, inside an agent: the model is told, and mends them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from haystack.components.agents import Agent
from haystack.dataclasses import ChatMessage, ToolCall
from haystack.tools import create_tool_from_function

BROKEN = '{"city": "Os'


@pytest.fixture
def ran() -> list[str]:
    """The cities the tool was run for."""
    return []


@pytest.fixture
def weather(ran: list[str]) -> Any:
    def weather(city: str = "nowhere") -> str:
        """The weather of a city."""
        ran.append(city)
        return f"sunny in {city}"

    return create_tool_from_function(weather)


def call(arguments: str, call_id: str) -> dict[str, Any]:
    return {"name": "weather", "arguments": arguments, "id": call_id}


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_an_agents_model_is_told_and_mends_its_call(
    make: Any, gw: Any, weather: Any, ran: list[str], is_async: bool, streams: bool
) -> None:
    gw.say(tool_calls=[call(BROKEN, "c1")])
    gw.say(tool_calls=[call('{"city": "Oslo"}', "c2")])
    gw.say(text="Sunny.")
    agent = Agent(chat_generator=make(streaming_callback=(lambda chunk: None) if streams else None), tools=[weather])
    messages = [ChatMessage.from_user("Weather of Oslo?")]
    result = asyncio.run(agent.run_async(messages=messages)) if is_async else agent.run(messages=messages)
    assert (result["last_message"].text, result["step_count"], result["exit_reason"]) == ("Sunny.", 3, "text")
    assert ran == ["Oslo"]
    _, turn, told, *rest = gw.requests[1].body["messages"]
    assert rest == []
    assert turn["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": BROKEN}}
    ]
    assert turn["content"] is None
    assert (told["role"], told["tool_call_id"]) == ("tool", "c1")
    assert told["content"].startswith("Error: weather was not run: ")
    assert told["content"].endswith("Call it again with arguments that are one JSON object.")


def test_a_whole_call_beside_a_broken_one_runs_and_both_are_answered(
    make: Any, gw: Any, weather: Any, ran: list[str]
) -> None:
    gw.say(tool_calls=[call('{"city": "Rome"}', "c1"), call(BROKEN, "c2")])
    gw.say(text="Sunny.")
    Agent(chat_generator=make(), tools=[weather]).run(messages=[ChatMessage.from_user("Weather?")])
    assert ran == ["Rome"]
    _, turn, *results = gw.last_request.body["messages"]
    assert [one["id"] for one in turn["tool_calls"]] == ["c1", "c2"]
    assert sorted((one["tool_call_id"], one["content"][:5]) for one in results) == [("c1", "sunny"), ("c2", "Error")]


def test_an_answer_of_the_callers_own_is_the_only_one(make: Any, gw: Any, weather: Any) -> None:
    gw.say(tool_calls=[call(BROKEN, "c1")])
    generator = make(tools=[weather])
    question = ChatMessage.from_user("Weather?")
    [reply] = generator.run([question])["replies"]
    own = ChatMessage.from_tool("That was cut off.", ToolCall("weather", {}, "c1"), error=True)
    # Histories are saved and read between two turns.
    generator.run([ChatMessage.from_dict(one.to_dict()) for one in (question, reply, own)])
    results = [one for one in gw.last_request.body["messages"] if one["role"] == "tool"]
    assert [one["content"] for one in results] == ["That was cut off."]


@pytest.mark.parametrize(
    "odd", [None, "x", [None], [{"name": "f"}], [{"name": 1, "id": "c"}], [{"name": "f", "id": ""}]], ids=repr
)
def test_what_is_no_call_in_meta_is_no_call_on_the_wire(make: Any, gw: Any, odd: Any) -> None:
    turn = ChatMessage.from_assistant("Hm.", meta={"invalid_tool_calls": odd})
    make().run([ChatMessage.from_user("a"), turn, ChatMessage.from_user("b")])
    assert gw.last_request.body["messages"][1] == {"role": "assistant", "content": "Hm."}
