"""Reading structured answers, and names as the wire takes them."""

from __future__ import annotations

import copy
import json
import pickle
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from requesty_core import RequestyError
from requesty_core.schemas import AnswerFormatError, legal_name, legal_names, read_answer

JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)


@given(
    JSON,
    st.sampled_from(["{}", " {}\n", "```json\n{}\n```", "```\n{}\n```", "\n```JSON \r\n{}\r\n```\n", "```json\n{}```"]),
)
def test_json_alone_or_in_one_fenced_block(value: Any, around: str) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert read_answer(around.replace("{}", text)) == value


def test_a_fence_inside_a_text_is_text() -> None:
    value = {"code": "```python\nx\n```"}
    assert read_answer(json.dumps(value)) == value
    assert read_answer(f"```json\n{json.dumps(value)}\n```") == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "truncated"),
        ("Here it is: {}", "malformed"),
        ("```json\n{}\n```\nDone.", "malformed"),
        ("Sure:\n```json\n{}\n```", "malformed"),
        ("```json\n{}\n```\n```json\n{}\n```", "malformed"),
        ("```python\n{}\n```", "malformed"),
        ("```json\n{}", "malformed"),
        ('{"a": 1', "truncated"),
        ('{"a": 1} {"a": 2}', "trailing"),
        ('{"a": NaN}', "invalid"),
        ('{"a": Infinity}', "invalid"),
        ('{"a": 1e999}', "range"),
        ("{'a': 1}", "malformed"),
        ('{"a": 1,}', "trailing comma"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "the key 'c' is given twice"),
        ('```json\n{"a": 1, "a": 1}\n```', "the key 'a' is given twice"),
        ("[" * 100_000, ""),
    ],
)
def test_anything_else_is_an_error_with_the_text(text: str, said: str) -> None:
    with pytest.raises(AnswerFormatError) as caught:
        read_answer(text)
    error = caught.value
    assert error.text == text
    assert said in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 500
    assert isinstance(error, RequestyError)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(again) is AnswerFormatError
        assert (str(again), again.text, again.kind) == (str(error), text, error.kind)


@pytest.mark.parametrize(
    ("name", "legal"),
    [
        ("get_weather", "get_weather"),
        ("Page[int]", "Page_int"),
        ("a.b/c", "a_b_c"),
        ("größe", "gr_e"),
        ("", "response"),
    ],
)
def test_legal_names(name: str, legal: str) -> None:
    assert legal_name(name) == legal


@given(st.lists(st.text(max_size=80), max_size=8))
def test_names_are_legal_distinct_and_come_back(names: list[str]) -> None:
    legal = legal_names(names)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in legal.values())
    back = {made: name for name, made in legal.items()}
    assert [back[legal[name]] for name in names] == names
    assert all(legal[name] == name for name in names if re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name))
