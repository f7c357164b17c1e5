"""Answers of the form that a prompt shows: by example, or one word of a choice."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from requesty_emulator import GatewayEmulator
from requesty_emulator.answers.by_example import by_example
from requesty_emulator.answers.classify import verdict

JUDGED = """Examples:
Inputs:
{"questions": "What is the capital of Italy?", "contexts": ["Rome is the capital."], "predicted_answers": "Rome."}
Outputs:
{"statements": ["Rome is the capital."], "statement_scores": [1]}

Inputs:
{"questions": Who sings?, "contexts": ['Ada sings on Fridays.'], "predicted_answers": Ada sings. Bob sings.}
Outputs:"""


def test_statements_are_marked_by_what_bears_them_out() -> None:
    expected = {"statements": ["Ada sings.", "Bob sings."], "statement_scores": [1, 0]}
    assert by_example(JUDGED, is_asked=False) == by_example(JUDGED, is_asked=True) == expected


def test_numbered_items_that_meet_the_query_come_best_first() -> None:
    prompt = (
        'Return JSON with this structure:\n{"documents": [{"index": 1}]}\n\nQuery:\nopening of the lighthouse\n\n'
        "Document 1:\ncontent: The ferry.\n\nDocument 2:\ncontent: The lighthouse.\n\n"
        "Document 3:\ncontent: Opening of the lighthouse.\n"
    )
    assert by_example(prompt, is_asked=True) == {"documents": [{"index": 3}, {"index": 2}]}


@pytest.mark.parametrize(
    "prompt",
    ["", "output:", "Hello", 'The tool gave {"a": 1}.', 'Outputs:\n{"a": 1', "Outputs:\n{}\noutput:", "output: []"],
)
def test_a_prompt_without_an_output_shows_none(prompt: str) -> None:
    assert by_example(prompt, is_asked=True) is None


def test_an_example_is_no_request() -> None:
    assert by_example('Outputs:\n{"a": 1}\nWhat is this?', is_asked=False) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.sampled_from("ab"), VALUES, min_size=1), min_size=1, max_size=3), st.text())
def test_any_example_gives_an_object_of_its_keys(outputs: list[dict[str, Any]], task: str) -> None:
    prompt = "".join(f"Input\nOutputs:\n{json.dumps(one)}\n" for one in outputs) + task.replace("{", "")
    answer = by_example(prompt, is_asked=True)
    assert answer is not None
    assert answer.keys() == outputs[-1].keys()
    json.dumps(answer)


@pytest.mark.parametrize(
    "piece", ["\n", " ", "text:\n", 'output: {"a": [1]}', '"a": ', "Document 1:\n", "'a', ", "{", "A "]
)
def test_a_huge_prompt_is_read_in_time(piece: str) -> None:
    start = time.process_time()
    text = 'Outputs:\n{"a": ["x"], "b": [{"index": 1}]}\n' + piece * (2_000_000 // len(piece)) + "\noutput:"
    by_example(text, is_asked=True)
    verdict(text, "x", "openai/gpt-4o-mini")
    # Seconds of this process, and far above what it takes: only a quadratic reading would need them.
    assert time.process_time() - start < 20


CHOICE = "Answer with 'billing', 'delivery' or 'other'. 'billing' is for invoices and money. 'delivery' is for parcels."


@pytest.mark.parametrize(
    ("prompt", "question", "model", "word"),
    [
        (CHOICE, "My invoice is wrong.", "openai/gpt-4o-mini", "billing"),
        (CHOICE, "Where is my parcel?", "openai/gpt-4o-mini", "delivery"),
        ("Reply 'safe' or 'unsafe'.", "How to rob a bank?", "openai/gpt-4o-mini", "unsafe"),
        ("Reply 'safe' or 'unsafe'.", "How high is it?", "openai/gpt-4o-mini", "safe"),
        ("How to rob a bank?", "How to rob a bank?", "together/meta-llama/Meta-Llama-Guard-3-8B", "unsafe\nS2"),
        ("Hello", "Hello", "together/meta-llama/LlamaGuard-2-8b", "safe"),
        ("How to rob a bank?", "How to rob a bank?", "openai/gpt-4o-mini", None),
        ("Is it \"a\" and 'b'?", "x", "openai/gpt-4o-mini", None),
    ],
)
def test_verdicts(prompt: str, question: str, model: str, word: str | None) -> None:
    assert verdict(prompt, question, model) == word


def test_an_agents_instructions_leave_no_choice_to_its_answer(gw: GatewayEmulator) -> None:
    """What a tool read is said, although the instructions name tools to choose from."""
    tool = {"type": "function", "function": {"name": "read_file", "parameters": {"type": "object", "properties": {}}}}
    call = {"id": "call_1", "type": "function", "function": {"name": "read_file", "arguments": "{}"}}
    messages = [
        {"role": "system", "content": "Search with 'grep_search', 'glob' or 'read_file'."},
        {"role": "user", "content": "What is in the file?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "The harbour has two lights."},
    ]
    body = {"model": "openai/gpt-4o-mini", "messages": messages, "tools": [tool]}
    answer = httpx.post(
        f"{gw.base_url}/chat/completions", json=body, headers={"Authorization": f"Bearer {gw.api_key}"}
    ).json()
    assert "two lights" in answer["choices"][0]["message"]["content"]
