from __future__ import annotations

import json
import time

import httpx
import pytest

from requesty_emulator import GatewayEmulator
from requesty_emulator.answers.retrieve import arithmetic, find_question

from .wire import CHAT, MODEL, called, said, tool

CONTEXT = (
    "The Eiffel Tower was completed in 1889. The Colosseum stands in Rome. "
    "Marie Curie discovered polonium. Bananas are yellow."
)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("When was the Eiffel Tower completed?", "The Eiffel Tower was completed in 1889."),
        ("What did Marie Curie discover?", "Marie Curie discovered polonium."),
        ("Where is the Colosseum standing?", "The Colosseum stands in Rome."),
        ("Which colour do bananas have?", "Bananas are yellow."),
    ],
)
@pytest.mark.parametrize(
    "template",
    [
        "Context information is below.\n---------------------\n{context}\n---------------------\nGiven the context "
        "information and not prior knowledge, answer the query.\nQuery: {question}\nAnswer: ",
        "Given these documents, answer the question.\nDocuments:\n{context}\nQuestion: {question}\nAnswer:",
        "{context}\n\n{question}",
    ],
    ids=["llama-index", "haystack", "plain"],
)
def test_the_fitting_sentence_of_the_context_answers(
    http: httpx.Client, template: str, question: str, expected: str
) -> None:
    assert said(http, template.format(context=CONTEXT, question=question)) == expected


def test_the_context_may_be_a_system_message(http: httpx.Client) -> None:
    messages = [{"role": "system", "content": f"You are helpful. {CONTEXT}"}]
    messages.append({"role": "user", "content": "When was the Eiffel Tower completed?"})
    body = http.post(CHAT, json={"model": MODEL, "messages": messages}).json()
    assert body["choices"][0]["message"]["content"] == "The Eiffel Tower was completed in 1889."


def test_facts_of_earlier_turns_are_remembered(http: httpx.Client) -> None:
    messages = [
        {"role": "user", "content": "My name is Ada and my favourite colour is green."},
        {"role": "assistant", "content": "Nice to meet you."},
        {"role": "user", "content": "What is my favourite colour?"},
    ]
    body = http.post(CHAT, json={"model": MODEL, "messages": messages}).json()
    assert "green" in body["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("What is 2 + 2?", "2 + 2 = 4"),
        ("What is (3 + 4) * 2?", "(3 + 4) * 2 = 14"),
        ("Count from 1 to 3", "1, 2, 3"),
        ("Say 'good night'", "good night"),
        ("Reply with exactly: pong", "pong"),
        ('Please repeat "a b c" for me', "a b c"),
        ("Summarize: The meeting is on Friday.", "The meeting is on Friday."),
        ("Who are you?", "I am the emulated model of a local Requesty gateway."),
    ],
)
def test_direct_requests(http: httpx.Client, prompt: str, expected: str) -> None:
    assert said(http, prompt) == expected


@pytest.mark.parametrize(
    "template",
    [
        "Rephrase the follow up question to be a standalone question.\nChat History:\nuser: hi\nFollow Up Input: {}\n"
        "Standalone question:",
        "Rewrite the message to be a standalone question.\n\n<Chat History>\nhi\n\n<Follow Up Message>\n{}\n\n"
        "<Standalone question>",
    ],
)
def test_condensing_keeps_the_question(http: httpx.Client, template: str) -> None:
    assert said(http, template.format("Where is the Colosseum?")) == "Where is the Colosseum?"


def test_refining_keeps_or_betters_the_answer(http: httpx.Client) -> None:
    prompt = (
        "The original query is as follows: Where is the Colosseum?\nWe have provided an existing answer: {}\n"
        "We have the opportunity to refine the existing answer (only if needed) with some more context below.\n"
        "------------\n{}\n------------\nGiven the new context, refine the original answer.\nRefined Answer: "
    )
    assert said(http, prompt.format("The Colosseum is in Rome.", "Bananas are yellow.")) == "The Colosseum is in Rome."


def test_text_of_a_given_length(http: httpx.Client) -> None:
    assert len(said(http, "Write 250 words about anything").split()) == 250


def test_unanswerable_questions_still_get_a_reply(http: httpx.Client) -> None:
    assert "emulated" in said(http, "Who won the chess tournament?")


@pytest.mark.parametrize(
    "unit", ["word ", "a", "\n", "Name ", "1 ", "1+", "say ", "'", "a.", "Query: x\n", "( ", "A1@"]
)
@pytest.mark.parametrize("guarded", [False, True])
def test_a_huge_prompt_is_answered_at_once(http: httpx.Client, gw: GatewayEmulator, unit: str, guarded: bool) -> None:
    gw.settings.guardrails = guarded
    fields = {"model": "vertex/gemini-2.5-pro", "tools": [WEATHER], "tool_choice": "required"}
    for extra in ({}, fields):
        started = time.perf_counter()
        said(http, f"say {unit * (200_000 // len(unit))}", **{"model": "vertex/gemini-2.5-pro", **extra})
        assert time.perf_counter() - started < 10


@pytest.mark.parametrize(
    ("text", "value"),
    [("1/4", "0.25"), ("2-1", None), ("2025-11-15", None), ("555-123-4567", None), ("1 / 0", None), ("2 - 1", "1")],
)
def test_arithmetic(text: str, value: str | None) -> None:
    assert arithmetic(text) == value


def test_the_last_question_counts() -> None:
    assert find_question("Is it on? Yes.\nWhere is it?") == "Where is it?"
    assert find_question("Query: why me?\nAnswer:") == "why me?"


# tools


WEATHER = tool("get_weather", "Current weather of a city", city={"type": "string"})
TIME = tool("get_time", "Current time in a place", location={"type": "string"})
ADD = tool("add", "Add two numbers", a={"type": "integer"}, b={"type": "integer"})
MAGIC = tool("magic_function", "Applies a magic function to an input.", input={"type": "integer"})
TOOLS = [WEATHER, TIME, ADD]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("What is the weather in Paris?", [("get_weather", {"city": "Paris"})]),
        ("What time is it in New York?", [("get_time", {"location": "New York"})]),
        ("Please add 3 and 4.", [("add", {"a": 3, "b": 4})]),
        (
            "What is the weather in Paris and what is the time in Tokyo?",
            [("get_weather", {"city": "Paris"}), ("get_time", {"location": "Tokyo"})],
        ),
    ],
)
def test_the_fitting_tool_is_called(http: httpx.Client, prompt: str, expected: list) -> None:
    assert called(http, prompt, TOOLS) == expected


def test_parallel_calls_can_be_turned_off(http: httpx.Client) -> None:
    prompt = "What is the weather in Paris and what is the time in Tokyo?"
    assert len(called(http, prompt, TOOLS, parallel_tool_calls=False)) == 1


def test_the_magic_function(http: httpx.Client) -> None:
    assert called(http, "What is the value of magic_function(3)? Use the tool.", [MAGIC]) == [
        ("magic_function", {"input": 3})
    ]


@pytest.mark.parametrize(
    ("choice", "names"),
    [
        ("none", []),
        ("auto", []),
        ("required", ["get_weather"]),
        ({"type": "function", "function": {"name": "add"}}, ["add"]),
    ],
)
def test_tool_choice_with_a_greeting(http: httpx.Client, choice: object, names: list[str]) -> None:
    assert [name for name, _ in called(http, "Hello!", TOOLS, tool_choice=choice)] == names


def test_a_quoted_name_fills_a_name_field(http: httpx.Client) -> None:
    customer = tool("unicode_customer", "Create a customer", customer_name={"type": "string"})
    prompt = "Create a customer named '你好啊集团' - it is important that the name is exact."
    assert called(http, prompt, [customer]) == [("unicode_customer", {"customer_name": "你好啊集团"})]


def loop(http: httpx.Client, prompt: str, tools: list, results: dict[str, str], **fields: object) -> list:
    """Run an agent loop of at most five turns; the names called, then the last text."""
    messages: list = [{"role": "user", "content": prompt}]
    trail: list = []
    for _ in range(5):
        body = {"model": MODEL, "messages": messages, "tools": tools, **fields}
        message = http.post(CHAT, json=body).json()["choices"][0]["message"]
        if not message.get("tool_calls"):
            return [*trail, message["content"]]
        messages.append(message)
        for call in message["tool_calls"]:
            trail.append(call["function"]["name"])
            result = results[call["function"]["name"]]
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
        if trail[-1] == "final_result":
            return trail
    return trail


def test_a_tool_loop_ends_with_the_result(http: httpx.Client) -> None:
    trail = loop(http, "What is the weather in Oslo?", TOOLS, {"get_weather": "Rain, 8 degrees"})
    assert trail == ["get_weather", "According to get weather: Rain, 8 degrees"]


def test_two_asked_for_tools_are_called_one_after_the_other(http: httpx.Client) -> None:
    results = {"get_weather": "Rain", "get_time": "noon"}
    prompt = "What is the weather in Paris and what is the time in Tokyo?"
    trail = loop(http, prompt, TOOLS, results, parallel_tool_calls=False)
    assert trail[:2] == ["get_weather", "get_time"]
    assert "Rain" in trail[2]
    assert "noon" in trail[2]


def test_a_forced_loop_ends_with_the_output_tool(http: httpx.Client) -> None:
    final = tool("final_result", "The final response which ends this conversation", answer={"type": "string"})
    results = {"get_weather": "Rain", "final_result": "ok"}
    trail = loop(http, "What is the weather in Oslo?", [WEATHER, final], results, tool_choice="required")
    assert trail == ["get_weather", "final_result"]


def test_a_loop_with_a_schema_calls_the_tool_first(http: httpx.Client) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string"}, "temperature": {"type": "number"}},
        "required": ["city", "temperature"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "report", "schema": schema}}
    results = {"get_weather": "It is 21.5 degrees"}
    trail = loop(http, "What is the weather in Oslo?", [WEATHER], results, response_format=form)
    assert trail[0] == "get_weather"
    assert json.loads(trail[1]) == {"city": "Oslo", "temperature": 21.5}


def test_json_mode_uses_the_keys_of_the_prompt(http: httpx.Client) -> None:
    prompt = "Tell me a joke about cats. Return the result as a JSON with 'setup' and 'punchline' keys."
    value = json.loads(said(http, prompt, response_format={"type": "json_object"}))
    assert set(value) == {"setup", "punchline"}


def test_a_schema_in_the_prompt_is_followed(http: httpx.Client) -> None:
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}, "required": ["age"]}
    prompt = f"Tom is 42 years old.\nHere's a JSON schema to follow:\n{json.dumps(schema)}\nOutput a valid JSON object."
    assert json.loads(said(http, prompt)) == {"age": 42}


def test_a_prompt_described_tool_loop(http: httpx.Client) -> None:
    system = (
        "You have access to the following tools:\n> Tool Name: add\nTool Description: Add two numbers\nTool Args: "
        '{"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}'
        "\n\nThought: ...\nAction: tool name\nAction Input: the input\n"
    )
    messages = [{"role": "system", "content": system}, {"role": "user", "content": "What is 3 plus 4?"}]
    text = http.post(CHAT, json={"model": MODEL, "messages": messages}).json()["choices"][0]["message"]["content"]
    assert 'Action: add\nAction Input: {"a": 3, "b": 4}' in text
    messages += [{"role": "assistant", "content": text}, {"role": "user", "content": "Observation: 7"}]
    text = http.post(CHAT, json={"model": MODEL, "messages": messages}).json()["choices"][0]["message"]["content"]
    assert text.endswith("Answer: 7")
