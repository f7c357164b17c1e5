"""Whole LlamaIndex applications against the strict emulator: the wire requests they cost and no more, to the cent."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from llama_index.core import Document, VectorStoreIndex
from llama_index.core.agent.workflow import AgentStream, AgentWorkflow, FunctionAgent, ReActAgent
from llama_index.core.bridge.pydantic import BaseModel, Field
from llama_index.core.callbacks import CallbackManager, TokenCountingHandler
from llama_index.core.chat_engine import SimpleChatEngine
from llama_index.core.instrumentation.events.llm import LLMChatEndEvent, LLMCompletionEndEvent
from llama_index.core.llms import ChatMessage
from llama_index.core.program import FunctionCallingProgram
from llama_index.core.prompts import PromptTemplate
from llama_index.core.rate_limiter import BaseRateLimiter
from llama_index.core.response_synthesizers import ResponseMode
from llama_index.core.tools import FunctionTool

from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.llms.requesty import StructuredOutputError
from requesty_core.catalog.catalog import Catalog, ModelInfo

TEXTS = ["The lighthouse opens at nine.", "The harbour closes at noon."]
QUESTION = "When does the lighthouse open?"


def paths(gw: Any) -> list[str]:
    return [request.path.rpartition("/v1/")[2] for request in gw.requests]


@pytest.fixture
def index(embed_model: RequestyEmbedding) -> VectorStoreIndex:
    return VectorStoreIndex.from_documents([Document(text=text) for text in TEXTS], embed_model=embed_model)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
async def test_rag(index: VectorStoreIndex, make: Any, gw: Any, streaming: bool, is_async: bool) -> None:
    assert paths(gw) == ["embeddings"]
    assert len(gw.last_request.body["input"]) == 2
    llm = make()
    engine = index.as_query_engine(llm=llm, streaming=streaming)
    gw.clear()
    if is_async:
        answer = await engine.aquery(QUESTION)
        if streaming:
            await answer.get_response()
    else:
        answer = await asyncio.to_thread(engine.query, QUESTION)
        if streaming:
            await asyncio.to_thread(answer.get_response)
    assert "nine" in str(answer)
    assert paths(gw) == ["embeddings", "chat/completions"]
    assert gw.last_request.body.get("stream", False) is streaming
    assert TEXTS[0] in str(gw.last_request.body["messages"])
    assert llm.ledger.total.cost == gw.requests[-1].cost


@pytest.mark.parametrize(
    ("mode", "requests"),
    [
        (ResponseMode.REFINE, 3),
        (ResponseMode.TREE_SUMMARIZE, 2),
        (ResponseMode.ACCUMULATE, 3),
        (ResponseMode.COMPACT_ACCUMULATE, 2),
        (ResponseMode.SIMPLE_SUMMARIZE, 2),
    ],
)
def test_response_modes(index: VectorStoreIndex, make: Any, gw: Any, mode: ResponseMode, requests: int) -> None:
    engine = index.as_query_engine(llm=make(), response_mode=mode)
    gw.clear()
    assert str(engine.query(QUESTION))
    assert len(gw.requests) == requests


def test_the_window_of_the_catalogue_packs_the_context_into_one_call(
    embed_model: Any, make: Any, gw: Any, settings: Any
) -> None:
    # Core 0.14.23 packs for the model of `Settings`, whichever the engine is given.
    settings.llm = make()
    words = "The lighthouse opens at nine. " * 300
    index = VectorStoreIndex.from_documents([Document(text=words) for _ in range(6)], embed_model=embed_model)
    gw.clear()
    index.as_query_engine(similarity_top_k=6).query(QUESTION)
    assert paths(gw) == ["embeddings", "chat/completions"]


@pytest.mark.parametrize("streaming", [False, True])
async def test_function_agent_runs_two_parallel_tools(make: Any, gw: Any, streaming: bool) -> None:
    seen: list[str] = []

    def weather(city: str) -> str:
        """The weather of a city."""
        seen.append(city)
        return "sunny"

    def population(city: str) -> int:
        """The population of a city."""
        seen.append(city)
        return 2

    gw.say(
        tool_calls=[
            {"name": "weather", "arguments": {"city": "Paris"}, "id": "a"},
            {"name": "population", "arguments": {"city": "Rome"}, "id": "b"},
        ]
    )
    gw.say(text="Sunny, and 2.")
    llm = make()
    agent = FunctionAgent(llm=llm, tools=[weather, population], streaming=streaming)
    assert str(await agent.run("Weather of Paris and population of Rome?")) == "Sunny, and 2."
    assert sorted(seen) == ["Paris", "Rome"]
    first, second = (request.body for request in gw.requests)
    assert first.get("stream", False) is streaming
    assert first["tool_choice"] == "auto"
    assert first["parallel_tool_calls"] is True
    assert [tool["function"]["name"] for tool in first["tools"]] == ["weather", "population"]
    turn, *results = second["messages"][-3:]
    assert turn["content"] is None
    assert [call["id"] for call in turn["tool_calls"]] == ["a", "b"]
    assert {(m["tool_call_id"], m["content"]) for m in results} == {("a", "sunny"), ("b", "2")}
    assert llm.ledger.total.cost == gw.billed


async def test_two_calls_in_one_chunk_both_run(make: Any, gw: Any) -> None:
    seen: list[str] = []

    def note(text: str) -> str:
        """Writes a text down."""
        seen.append(text)
        return "done"

    def call(index: int, text: str) -> dict[str, Any]:
        function = {"name": "note", "arguments": '{"text":"' + text + '"}'}
        return {"index": index, "id": f"c{index}", "type": "function", "function": function}

    delta = {"role": "assistant", "tool_calls": [call(0, "x"), call(1, "y")]}
    finish = {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}
    gw.say(chunks=[{"id": "i", "choices": [{"index": 0, "delta": delta}]}, finish])
    gw.say(text="Done.")
    assert str(await FunctionAgent(llm=make(), tools=[note]).run("Note x and y")) == "Done."
    assert sorted(seen) == ["x", "y"]


async def test_arguments_that_are_no_json_are_refused_not_guessed(make: Any, gw: Any) -> None:
    seen: list[Any] = []

    def note(text: str = "nothing") -> str:
        """Writes a text down."""
        seen.append(text)
        return "done"

    gw.say(tool_calls=[{"name": "note", "arguments": '{"text": "x', "id": "a"}])
    gw.say(text="I could not.")
    assert str(await FunctionAgent(llm=make(), tools=[note]).run("Note x")) == "I could not."
    assert seen == []
    assert "invalid_arguments_json" in str(gw.last_request.body["messages"][-1]["content"])


@pytest.mark.parametrize("parallel", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
async def test_predict_and_call_runs_one_tool_or_all(make: Any, gw: Any, parallel: bool, is_async: bool) -> None:
    seen: list[str] = []

    def note(text: str) -> str:
        """Writes a text down."""
        seen.append(text)
        return text

    calls = [{"name": "note", "arguments": {"text": text}, "id": text} for text in ("x", "y")]
    gw.say(tool_calls=calls)
    llm, tool = make(), FunctionTool.from_defaults(note)
    if is_async:
        await llm.apredict_and_call([tool], "Note x and y", allow_parallel_tool_calls=parallel)
    else:
        await asyncio.to_thread(llm.predict_and_call, [tool], "Note x and y", allow_parallel_tool_calls=parallel)
    assert sorted(seen) == (["x", "y"] if parallel else ["x"])
    assert gw.last_request.body["parallel_tool_calls"] is parallel
    assert len(gw.requests) == 1


async def test_an_agent_streams_its_thoughts_and_keeps_their_signature(make: Any, gw: Any) -> None:
    def weather(city: str) -> str:
        """The weather of a city."""
        return "sunny"

    gw.say(
        reasoning="I look it up.",
        signature="sig",
        tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "a"}],
    )
    gw.say(text="Sunny.")
    handler = FunctionAgent(llm=make("anthropic/claude-sonnet-4-5"), tools=[weather]).run("Oslo?")
    thoughts = [event.thinking_delta async for event in handler.stream_events() if isinstance(event, AgentStream)]
    assert str(await handler) == "Sunny."
    assert "".join(thought or "" for thought in thoughts) == "I look it up."
    [turn] = [message for message in gw.last_request.body["messages"] if message["role"] == "assistant"]
    assert (turn["reasoning_content"], turn["reasoning_signature"]) == ("I look it up.", "sig")


@pytest.mark.parametrize("limited", ["chat", "astream_chat"])
async def test_a_rate_limiter_is_asked_once_per_call(make: Any, run_method: Any, limited: str) -> None:
    asked: list[str] = []

    class Limiter(BaseRateLimiter):
        def acquire(self) -> None:
            asked.append("sync")

        async def async_acquire(self) -> None:
            asked.append("async")

    await run_method(make(rate_limiter=Limiter()), limited, [ChatMessage("x")])
    assert asked == ["async" if limited.startswith("a") else "sync"]


async def test_react_agent_needs_no_tools_on_the_wire(make: Any, gw: Any) -> None:
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"sunny in {city}"

    gw.say(text='Thought: I need the weather.\nAction: weather\nAction Input: {"city": "Oslo"}')
    gw.say(text="Thought: I can answer without using any more tools.\nAnswer: Sunny.")
    assert str(await ReActAgent(llm=make(), tools=[weather]).run("Weather of Oslo?")) == "Sunny."
    for request in gw.requests:
        assert request.body["stream"] is True
        assert "tools" not in request.body
        assert "stop" not in request.body
    assert "sunny in Oslo" in str(gw.last_request.body["messages"])


async def test_agent_workflow_hands_off(make: Any, gw: Any) -> None:
    def weather(city: str) -> str:
        """The weather of a city."""
        return "sunny"

    first = FunctionAgent(name="first", description="Greets.", llm=make(), can_handoff_to=["second"])
    second = FunctionAgent(name="second", description="Knows the weather.", llm=make(), tools=[weather])
    gw.say(tool_calls=[{"name": "handoff", "arguments": {"to_agent": "second", "reason": "weather"}, "id": "a"}])
    gw.say(tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "b"}])
    gw.say(text="Sunny.")
    assert str(await AgentWorkflow(agents=[first, second], root_agent="first").run("Weather of Oslo?")) == "Sunny."
    assert len(gw.requests) == 3


@pytest.mark.parametrize(
    ("mode", "first", "later"),
    [
        ("simple", ["chat/completions"], ["chat/completions"]),
        ("context", ["embeddings", "chat/completions"], ["embeddings", "chat/completions"]),
        (
            "condense_question",
            ["embeddings", "chat/completions"],
            ["chat/completions", "embeddings", "chat/completions"],
        ),
        (
            "best",
            ["embeddings", "chat/completions"],
            ["chat/completions", "embeddings", "chat/completions"],
        ),
        (
            "condense_plus_context",
            ["embeddings", "chat/completions"],
            ["chat/completions", "embeddings", "chat/completions"],
        ),
    ],
)
@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
async def test_chat_engines(
    index: VectorStoreIndex,
    make: Any,
    gw: Any,
    mode: Any,
    first: list[str],
    later: list[str],
    streams: bool,
    is_async: bool,
) -> None:
    llm = make()
    engine = SimpleChatEngine.from_defaults(llm=llm) if mode == "simple" else index.as_chat_engine(mode, llm=llm)
    turns = (QUESTION, "And when does the harbour close?")
    for turn, expected in zip(turns, (first, later), strict=True):
        gw.clear()
        if is_async and streams:
            answer = await engine.astream_chat(turn)
            assert "".join([piece async for piece in answer.async_response_gen()])
        elif is_async:
            assert str(await engine.achat(turn))
        elif streams:
            answer = await asyncio.to_thread(engine.stream_chat, turn)
            assert "".join(await asyncio.to_thread(list, answer.response_gen))
        else:
            assert str(await asyncio.to_thread(engine.chat, turn))
        assert paths(gw) == expected
        assert gw.last_request.body.get("stream", False) is streams
    # The first turn is part of what the model reads in the second.
    assert QUESTION in str([request.body.get("messages") for request in gw.requests])


# --- counters ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("streaming", [False, True])
def test_token_counting_handler_and_ledger_equal_the_bill(
    gw: Any, make: Any, embed_model: Any, settings: Any, streaming: bool
) -> None:
    counter = TokenCountingHandler(tokenizer=lambda text: text.split())
    settings.callback_manager = CallbackManager([counter])
    settings.llm = llm = make()
    index = VectorStoreIndex.from_documents([Document(text=text) for text in TEXTS], embed_model=embed_model)
    counter.reset_counts()
    gw.clear()
    answer = index.as_query_engine(streaming=streaming).query(QUESTION)
    if streaming:
        answer.get_response()
    chat = gw.last_request
    assert counter.prompt_llm_token_count == chat.usage["prompt_tokens"]
    assert counter.completion_llm_token_count == chat.usage["completion_tokens"]
    total = llm.ledger.total
    assert (total.input_tokens, total.output_tokens) == (chat.usage["prompt_tokens"], chat.usage["completion_tokens"])
    assert total.cost == chat.cost


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


@pytest.mark.parametrize("mode", ["json_schema", "tools", "prompt"])
async def test_structured_prediction(make: Any, gw: Any, mode: str) -> None:
    llm = make(structured_output=mode)
    template = PromptTemplate("{name} is 36 years old. Answer in json.")
    ada = Person(name="Ada", age=36)

    def say() -> None:
        if mode == "tools":
            gw.say(tool_calls=[{"name": "Person", "arguments": {"name": "Ada", "age": 36}, "id": "a"}])
        else:
            gw.say(text='{"name": "Ada", "age": 36}', pieces=['{"name": "Ada",', ' "age": 36}'])

    say()
    assert llm.structured_predict(Person, template, name="Ada") == ada
    wire = gw.last_request.body
    if mode == "json_schema":
        assert wire["response_format"]["json_schema"]["strict"] is True
    elif mode == "tools":
        assert wire["tool_choice"] in ("required", {"type": "function", "function": {"name": "Person"}})
    else:
        assert not {"tools", "response_format"} & wire.keys()
        assert "Person" in str(wire["messages"]) or "age" in str(wire["messages"])
    say()
    assert await llm.astructured_predict(Person, template, name="Ada") == ada
    say()
    assert list(llm.stream_structured_predict(Person, template, name="Ada"))[-1].model_dump() == ada.model_dump()
    say()
    stream = await llm.astream_structured_predict(Person, template, name="Ada")
    assert [item async for item in stream][-1].model_dump() == ada.model_dump()
    say()
    structured = llm.as_structured_llm(Person)
    assert structured.chat([ChatMessage("Ada is 36. Answer in json.")]).raw == ada
    assert len(gw.requests) == 5
    for request in gw.requests:
        # Streams too: an unforced tool lets the model answer in prose.
        assert request.body.get("tool_choice") == ("required" if mode == "tools" else None)
        assert ("response_format" in request.body) is (mode == "json_schema")
    assert llm.ledger.total.cost == gw.billed


STRUCTURED = ["chat", "achat", "stream_chat", "astream_chat", "complete", "acomplete", "stream_complete"]


@pytest.mark.parametrize("mode", ["json_schema", "tools", "prompt"])
@pytest.mark.parametrize("name", [*STRUCTURED, "astream_complete"])
async def test_a_structured_llm_is_counted_once(
    make: Any, gw: Any, settings: Any, run_method: Any, events: list[Any], name: str, mode: str
) -> None:
    counter = TokenCountingHandler(tokenizer=lambda text: text.split())
    settings.llm = make(structured_output=mode).as_structured_llm(Person)
    settings.callback_manager = CallbackManager([counter])
    if mode == "tools":
        gw.say(tool_calls=[{"name": "Person", "arguments": {"name": "Ada", "age": 36}, "id": "a"}])
    else:
        gw.say(text='{"name": "Ada", "age": 36}', pieces=['{"name": "Ada",', ' "age": 36}'])
    text = 'Ada is 36, {"so": "said"} {her}. Answer in json.'
    last = (await run_method(settings.llm, name, [ChatMessage(text)] if "chat" in name else text))[-1]
    assert last.raw.model_dump() == {"name": "Ada", "age": 36}
    assert Person.model_validate_json(last.message.content if "chat" in name else last.text).age == 36
    assert text in gw.last_request.body["messages"][-1]["content"]
    usage = gw.last_request.usage
    assert counter.prompt_llm_token_count == usage["prompt_tokens"]
    assert counter.completion_llm_token_count == usage["completion_tokens"]
    [end] = [event for event in events if isinstance(event, (LLMChatEndEvent, LLMCompletionEndEvent))]
    assert end.response.raw["usage"]["cost"] == gw.last_request.usage["cost"]
    assert len(gw.requests) == 1


def _tool_call(arguments: str) -> dict[str, Any]:
    return {"tool_calls": [{"name": "Person", "arguments": arguments, "id": "a"}]}


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("mode", ["json_schema", "tools", "prompt"])
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"refusal": "I will not."}, "refusal"),
        ({"text": '{"name": "A', "finish_reason": "length"}, "length"),
        ({"text": '{"name": "Ada"', "finish_reason": "content_filter"}, "content_filter"),
        ({"text": ""}, "missing"),
        ({"text": '{"name": "Ada", "age": "old"}'}, "invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_no_object_is_an_error_that_tells_why(
    make: Any, gw: Any, mode: str, answer: dict[str, Any], reason: str, streaming: bool
) -> None:
    llm = make(structured_output=mode)
    gw.say(**answer)
    ask = llm.stream_structured_predict if streaming else llm.structured_predict
    with pytest.raises(StructuredOutputError) as caught:
        list(ask(Person, PromptTemplate("Ada as json")))
    assert caught.value.reason == reason
    assert caught.value.response.raw["usage"]["cost"] == float(gw.billed)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        # Core's text program takes what lies between the first and the last brace.
        ("prompt", {"text": 'Here: {"name": "Ada", "age": 36} and {"name": "Bob", "age": 1}'}),
        ("prompt", {"text": 'Ada is 36: {"name": "Ada", "age": 36}'}),
        ("json_schema", {"text": '{"name": "Ada", "age": 36'}),
        ("tools", _tool_call('{"name": "Ada", "age": 36')),
        ("tools", _tool_call('{"name": "Ada", "age": 36} {}')),
        ("tools", _tool_call("[1]")),
        ("tools", _tool_call("") | {"finish_reason": "length"}),
    ],
)
def test_half_an_object_is_never_one(make: Any, gw: Any, mode: str, answer: dict[str, Any], streaming: bool) -> None:
    llm = make(structured_output=mode)
    gw.say(**answer)
    ask = llm.stream_structured_predict if streaming else llm.structured_predict
    with pytest.raises(StructuredOutputError):
        list(ask(Person, PromptTemplate("Ada as json")))


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        ("prompt", {"text": '{"name": "Ada", "age": 36}'}),
        ("prompt", {"text": '```json\n{"name": "Ada", "age": 36}\n```'}),
        ("json_schema", {"text": '{"name": "Ada", "age": 36}', "finish_reason": "length"}),
        ("tools", _tool_call('{"name": "Ada", "age": 36}') | {"finish_reason": "length"}),
    ],
)
def test_a_whole_object_is_one_however_its_answer_ended(
    make: Any, gw: Any, mode: str, answer: dict[str, Any], streaming: bool
) -> None:
    llm = make(structured_output=mode)
    gw.say(**answer)
    prompt = PromptTemplate("Ada as json")
    if streaming:
        made = list(llm.stream_structured_predict(Person, prompt))[-1]
    else:
        made = llm.structured_predict(Person, prompt)
    assert made == Person(name="Ada", age=36)
    assert prompt.output_parser is None


SCHEMA = Catalog([ModelInfo(id="openai/gpt-4o-mini", supports_json_schema=True)])
FORCED = {"tools", "tool_choice", "parallel_tool_calls"}


@pytest.mark.parametrize(
    ("model", "settings_", "sent"),
    [
        ("openai/gpt-4o-mini", {}, {"response_format"}),
        ("openai/gpt-4", {}, FORCED),
        ("openai/gpt-4o-mini", {"catalog": SCHEMA}, {"response_format"}),
        ("openai/gpt-4o-mini", {"catalog": SCHEMA, "fallbacks": ["policy/x"]}, FORCED),
        ("policy/mine", {}, FORCED),
        ("policy/mine", {"is_function_calling_model": False}, set()),
        ("openai/gpt-4o-mini", {"pydantic_program_mode": "function"}, FORCED),
        ("openai/gpt-4o-mini", {"pydantic_program_mode": "llm"}, set()),
    ],
)
def test_auto_asks_in_the_best_way_the_model_knows(
    canned: Any, model: str, settings_: dict[str, Any], sent: set[str]
) -> None:
    function = {"name": "Person", "arguments": '{"name": "Ada", "age": 36}'}
    message: dict[str, Any] = {"content": '{"name": "Ada", "age": 36}'}
    if "tools" in sent:
        message = {"content": None, "tool_calls": [{"id": "a", "type": "function", "function": function}]}
    llm, wire = canned({"choices": [{"message": message, "finish_reason": "stop"}]}, model=model, **settings_)
    assert llm.structured_predict(Person, PromptTemplate("Ada, json")) == Person(name="Ada", age=36)
    assert wire.body().keys() - {"model", "messages"} == sent


class Team(BaseModel):
    """A team with nested people and an optional motto."""

    lead: Person
    members: list[Person] = Field(default_factory=list)
    motto: str | None = None


class Ages(BaseModel):
    """Free keys."""

    ages: dict[str, int]


def test_schemas_are_closed_for_strict_mode_or_sent_open(canned: Any) -> None:
    text = '{"lead": {"name": "Ada", "age": 36}, "members": [], "motto": null}'
    native = {"structured_output": "json_schema"}
    llm, wire = canned({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}, **native)
    assert llm.structured_predict(Team, PromptTemplate("json")).lead.name == "Ada"
    sent = wire.body()["response_format"]["json_schema"]
    assert sent["strict"] is True
    assert sent["schema"]["required"] == ["lead", "members", "motto"]
    for node in (sent["schema"], sent["schema"]["$defs"]["Person"]):
        assert node["additionalProperties"] is False
    assert "default" not in str(sent["schema"])
    llm, wire = canned({"choices": [{"message": {"content": '{"ages": {"a": 1}}'}, "finish_reason": "stop"}]}, **native)
    assert llm.structured_predict(Ages, PromptTemplate("json")).ages == {"a": 1}
    assert "strict" not in wire.body()["response_format"]["json_schema"]


def test_partial_objects_grow(make: Any, gw: Any) -> None:
    for mode in ("json_schema", "tools"):
        text = '{"name": "Ada Lovelace", "age": 36}'
        if mode == "tools":
            gw.say(tool_calls=[{"name": "Person", "arguments": text, "id": "a"}])
        else:
            gw.say(text=text, pieces=[text[:12], text[12:24], text[24:]])
        seen = list(make(structured_output=mode).stream_structured_predict(Person, PromptTemplate("json")))
        assert len(seen) >= 2
        assert seen[0].model_dump().get("age") is None
        assert seen[-1].model_dump() == {"name": "Ada Lovelace", "age": 36}


def test_cores_own_program_streams_objects_from_our_calls(make: Any, gw: Any) -> None:
    program = FunctionCallingProgram.from_defaults(
        output_cls=Person, llm=make(), prompt=PromptTemplate("Ada is 36."), allow_parallel_tool_calls=False
    )
    gw.say(tool_calls=[{"name": "Person", "arguments": '{"name": "Ada", "age": 36}', "id": "a"}], times=2)
    assert program() == Person(name="Ada", age=36)
    assert gw.last_request.body["tool_choice"] == "required"
    assert list(program.stream_call())[-1].model_dump() == {"name": "Ada", "age": 36}


async def test_agents_are_counted_to_the_token_and_the_cent(make: Any, gw: Any, settings: Any) -> None:
    counter = TokenCountingHandler(tokenizer=lambda text: text.split())
    settings.callback_manager = CallbackManager([counter])
    settings.llm = make(models=["openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5"])

    def weather(city: str) -> str:
        """The weather of a city."""
        return "sunny"

    gw.fail_next(503)
    gw.say(tool_calls=[{"name": "weather", "arguments": {"city": "Oslo"}, "id": "a"}])
    gw.say(text="Sunny.")
    result = await FunctionAgent(llm=settings.llm, tools=[weather], initial_tool_choice="weather").run("Oslo?")
    assert result.raw["usage"]["cost"] == gw.last_request.usage["cost"]
    answered = [request for request in gw.requests if request.usage]
    assert len(gw.requests) == 3
    assert len(answered) == 2
    assert answered[0].body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert counter.prompt_llm_token_count == sum(request.usage["prompt_tokens"] for request in answered)
    assert counter.completion_llm_token_count == sum(request.usage["completion_tokens"] for request in answered)
    total = settings.llm.ledger.total
    assert total.input_tokens == counter.prompt_llm_token_count
    assert total.cost == gw.billed > 0


async def test_an_agent_with_an_output_class_makes_one_more_request(make: Any, gw: Any) -> None:
    def weather(city: str) -> str:
        """The weather of a city."""
        return "sunny"

    gw.say(text="Ada is 36.")
    gw.say(text='{"name": "Ada", "age": 36}')
    agent = FunctionAgent(llm=make(structured_output="json_schema"), tools=[weather], output_cls=Person)
    result = await agent.run("Who? Answer in json.")
    assert result.get_pydantic_model(Person) == Person(name="Ada", age=36)
    first, second = (request.body for request in gw.requests)
    assert first["stream"] is True
    assert "stream" not in second
    assert second["response_format"]["type"] == "json_schema"


def test_the_prompt_of_the_caller_is_left_as_it_is(make: Any, gw: Any) -> None:
    template = PromptTemplate("{name} is 36 years old. Answer in json.")
    before = template.model_dump_json()
    gw.say(text='{"name": "Ada", "age": 36}')
    make(structured_output="prompt").structured_predict(Person, template, name="Ada")
    assert template.model_dump_json() == before


def test_nothing_is_logged_or_warned_in_a_plain_run(
    index: VectorStoreIndex, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        index.as_query_engine(llm=make()).query(QUESTION)
    assert caplog.records == []
