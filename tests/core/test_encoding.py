"""What leaves: every value that JSON can hold goes out as it is, everything else is refused with its place."""

from __future__ import annotations

import datetime
import json
import uuid
from collections import OrderedDict, defaultdict
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from requesty_core import ConfigurationError, RequestyClient
from requesty_core.exchange.body import encode_body
from requesty_core.wire.plain import is_plain, plain_json


class Text(str):
    """Like LangChain's ``message.text``."""

    __slots__ = ()

    def __str__(self) -> str:
        return "not what it is"


class Whole(int):
    """A whole number."""


class Real(float):
    """A number."""


class Colour(Enum):
    """Plain values."""

    RED = "red"
    PAIR = (1, 2)


class Word(StrEnum):
    """Texts."""

    A = "a"


class Level(IntEnum):
    """Numbers."""

    LOW = 1


class Point(NamedTuple):
    """A tuple."""

    x: int
    y: int


GOOD: list[tuple[Any, Any]] = [
    (Text("hi"), "hi"),
    (Whole(3), 3),
    (Real(0.5), 0.5),
    (True, True),
    (None, None),
    (2**80, 2**80),
    (Word.A, "a"),
    (Level.LOW, 1),
    (Colour.RED, "red"),
    (Colour.PAIR, [1, 2]),
    ((1, "a"), [1, "a"]),
    (Point(1, 2), [1, 2]),
    (OrderedDict(a=1), {"a": 1}),
    (defaultdict(list, a=[1]), {"a": [1]}),
    (MappingProxyType({"a": 1}), {"a": 1}),
    ({1: "a", None: "b", False: "c", 0.5: "d"}, {"1": "a", "null": "b", "false": "c", "0.5": "d"}),
    ({Word.A: 1, Text("b"): 2, Level.LOW: 3}, {"a": 1, "b": 2, "1": 3}),
    (np.float64(0.5), 0.5),
    (np.float32(0.5), 0.5),
    (np.int64(5), 5),
    (np.uint8(5), 5),
    (np.bool_(True), True),
    (np.str_("hi"), "hi"),
    (np.array(0.5), 0.5),
    ("half a pair \ud83d", "half a pair \ud83d"),
    ([[[]]], [[[]]]),
]
NAN, INF = float("nan"), float("inf")
BAD: list[tuple[Any, str]] = [
    (NAN, r"it is nan; give a finite number"),
    (INF, r"it is inf"),
    (-INF, r"it is -inf"),
    (Real("nan"), r"it is nan"),
    (np.float64("nan"), r"it is nan"),
    (np.float32("inf"), r"it is inf"),
    (b"x", r"type bytes; give text, or base64"),
    (bytearray(b"x"), r"type bytearray"),
    (memoryview(b"x"), r"type memoryview"),
    ({1}, r"type set; give a list"),
    (frozenset({1}), r"type frozenset; give a list"),
    (Decimal("0.5"), r"type Decimal; give a float, or text"),
    (Fraction(1, 2), r"type Fraction"),
    (datetime.datetime(2026, 1, 1), r"type datetime; give text"),
    (datetime.date(2026, 1, 1), r"type date; give text"),
    (datetime.timedelta(1), r"type timedelta; give a number of seconds"),
    (uuid.UUID(int=0), r"type UUID; give text"),
    (1j, r"type complex"),
    (object(), r"type object"),
    (iter(()), r"type tuple_iterator"),
    ((i for i in ()), r"type generator; give a list"),
    (range(2), r"type range"),
    (np.array([1.0]), r"type ndarray; give a list: \.tolist\(\)"),
    (np.datetime64("2026-01-01"), r"type date"),
    ({b"k": 1}, r"a key is of type bytes"),
    ({(1, 2): 1}, r"a key is of type tuple"),
    ({NAN: 1}, r"it is nan"),
    ({1: 1, "1": 2}, r"two of its keys are '1' as text"),
]


@pytest.mark.parametrize(("value", "sent"), GOOD)
@pytest.mark.parametrize("place", ["top", "deep"])
def test_sent_as_it_is(value: Any, sent: Any, place: str) -> None:
    put = {"top": lambda v: {"v": v}, "deep": lambda v: {"a": [{"b": (1, v)}]}}[place]
    assert json.loads(encode_body(put(value))) == json.loads(json.dumps(put(sent)))


@pytest.mark.parametrize(("value", "says"), BAD)
@pytest.mark.parametrize("place", ["top", "deep"])
def test_refused_with_its_place(value: Any, says: str, place: str) -> None:
    put = {"top": lambda v: {"v": v}, "deep": lambda v: {"a": [{"b": (1, v)}]}}[place]
    path = {"top": r"v", "deep": r"a\[0\]\.b\[1\]"}[place]
    with pytest.raises(ConfigurationError, match=rf"^{path}: cannot be sent as JSON: .*{says}") as caught:
        encode_body(put(value))
    assert "\n" not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values, max_size=5))
def test_plain_bodies_are_plain_and_go_out_unchanged(body: dict[str, Any]) -> None:
    assert is_plain(body)
    assert plain_json(body) == body
    assert json.loads(encode_body(body)) == body


@given(st.dictionaries(st.text(), json_values, max_size=5), st.data())
def test_one_odd_value_anywhere_is_noticed(body: dict[str, Any], data: st.DataObject) -> None:
    value, _ = data.draw(st.sampled_from(BAD))
    containers: list[Any] = [body]
    for container in containers:
        items = container.values() if isinstance(container, dict) else container
        containers += [item for item in items if isinstance(item, (dict, list))]
    target = data.draw(st.sampled_from(containers))
    if isinstance(target, dict):
        target["odd"] = value
    else:
        target.append(value)
    with pytest.raises(ConfigurationError):
        encode_body(body)


@pytest.mark.parametrize("field", ["temperature", "messages", "tools", "metadata", "extra_body", "options"])
def test_nothing_leaves_where_something_cannot_be_sent(field: str) -> None:
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(500)

    value: Any = {
        "temperature": NAN,
        "messages": [{"role": "user", "content": {1}}],
        "tools": [{"type": "function", "function": {"name": "f", "parameters": {"minimum": NAN}}}],
        "metadata": {"when": datetime.date(2026, 1, 1)},
        "extra_body": {"x": Decimal(1)},
        "options": {"extra": {"score": INF}},
    }[field]
    call: dict[str, Any] = {"model": "a/b", "messages": [{"role": "user", "content": "Hi"}], field: value}
    client = RequestyClient(api_key="k" * 20, transport=httpx.MockTransport(handle), max_retries=0)
    with pytest.raises(ConfigurationError, match="cannot be sent as JSON"):
        client.chat(**call)
    with pytest.raises(ConfigurationError, match="cannot be sent as JSON"):
        list(client.stream(**call))
    assert sent == []
