"""Values that are not quite JSON, wherever a value can enter, through every adapter: sent as what they stand for, or
refused in one line with their place, before anything is sent. Nothing is sent as something else."""

from __future__ import annotations

import datetime
import decimal
import enum
import fractions
import pathlib
import types
import uuid
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from collections.abc import Callable
from typing import Any

import numpy
import pytest

from requesty_core.errors import ErrorKind
from requesty_emulator import GatewayEmulator

from .matrix import drivers
from .model import Ask, Case, Driver, Mode

REFUSED = object()


class Text(str):
    """As LangChain's ``message.text`` and Markup are."""


class Number(int):
    pass


class Level(enum.StrEnum):
    HIGH = "high"


class Size(enum.IntEnum):
    TWO = 2


class Odd(enum.Enum):
    SET = frozenset((1,))
    WORD = "word"


class Items(list[Any]):
    pass


Point = namedtuple("Point", "x y")


def holding_itself() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def deep(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


VALUES: dict[str, tuple[Any, Any]] = {
    "str subclass": (Text("a"), "a"),
    "int subclass": (Number(3), 3),
    "StrEnum": (Level.HIGH, "high"),
    "IntEnum": (Size.TWO, 2),
    "Enum of text": (Odd.WORD, "word"),
    "Enum of a set": (Odd.SET, REFUSED),
    "numpy text": (numpy.str_("a"), "a"),
    "numpy int": (numpy.int64(5), 5),
    "numpy uint8": (numpy.uint8(5), 5),
    "numpy float64": (numpy.float64(0.5), 0.5),
    "numpy float32": (numpy.float32(0.5), 0.5),
    "numpy bool": (numpy.bool_(True), True),
    "numpy nan": (numpy.float64("nan"), REFUSED),
    "numpy 0-d array": (numpy.array(7), 7),
    "numpy array": (numpy.array([1, 2]), REFUSED),
    "numpy date": (numpy.datetime64("2026-01-01"), REFUSED),
    "tuple": ((1, "a"), [1, "a"]),
    "namedtuple": (Point(1, 2), [1, 2]),
    "list subclass": (Items([1]), [1]),
    "OrderedDict": (OrderedDict(a=1), {"a": 1}),
    "defaultdict": (defaultdict(int, a=1), {"a": 1}),
    "UserDict": (UserDict(a=1), {"a": 1}),
    "mapping proxy": (types.MappingProxyType({"a": 1}), {"a": 1}),
    "int keys": ({1: "a"}, {"1": "a"}),
    "bytes keys": ({b"a": 1}, REFUSED),
    "keys that become one": ({1: "a", "1": "b"}, REFUSED),
    "nan": (float("nan"), REFUSED),
    "infinity": (float("inf"), REFUSED),
    "minus infinity": (float("-inf"), REFUSED),
    "Decimal": (decimal.Decimal("1.5"), REFUSED),
    "Fraction": (fractions.Fraction(1, 2), REFUSED),
    "complex": (1j, REFUSED),
    "bytes": (b"a", REFUSED),
    "bytearray": (bytearray(b"a"), REFUSED),
    "set": ({1}, REFUSED),
    "frozenset": (frozenset((1,)), REFUSED),
    "range": (range(3), REFUSED),
    "generator": ((i for i in ()), REFUSED),
    "dict keys": ({"a": 1}.keys(), REFUSED),
    "date": (datetime.date(2026, 1, 1), REFUSED),
    "datetime": (datetime.datetime(2026, 1, 1), REFUSED),
    "timedelta": (datetime.timedelta(seconds=1), REFUSED),
    "UUID": (uuid.UUID(int=1), REFUSED),
    "Path": (pathlib.PurePosixPath("a"), REFUSED),
    "object": (object(), REFUSED),
    "function": (deep, REFUSED),
    "class": (Text, REFUSED),
    "holds itself": (holding_itself(), REFUSED),
}

Enter = Callable[[Case, Any], Any]


def of_tool(value: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"odd": {"type": "string", "default": value}}}
    return {"type": "function", "function": {"name": "look", "description": "Look.", "parameters": schema}}


def body(case: Case) -> Any:
    return case.gw.last_request.body


PLACES: dict[str, tuple[Enter, Callable[[Any], Any]]] = {
    "extra_body of a chat model": (lambda case, v: case.ask(extra_body={"x_odd": v}), lambda sent: sent["x_odd"]),
    "deep in extra_body": (
        lambda case, v: case.ask(extra_body={"x_odd": {"a": [0, v]}}),
        lambda sent: sent["x_odd"]["a"][1],
    ),
    "extra_body of an embedder": (
        lambda case, v: case.embed(["a"], extra_body={"x_odd": v}),
        lambda sent: sent["x_odd"],
    ),
    "options": (
        lambda case, v: case.ask(options={"extra": {"odd": [v]}}),
        lambda sent: sent["requesty"]["extra"]["odd"][0],
    ),
    "a tool's schema": (
        lambda case, v: case.ask(Ask(tools=[of_tool(v)])),
        lambda sent: sent["tools"][0]["function"]["parameters"]["properties"]["odd"]["default"],
    ),
}


OF_THE_FRAMEWORK = {("Pydantic AI", "a tool's schema"), ("OpenAI SDK", "a tool's schema")}
"""Where the framework looks at a value before it is ours, and refuses what it does not take with its own error."""


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("driver", drivers(), ids=lambda driver: driver.name)
def test_odd_values(driver: Driver, place: str, gw: GatewayEmulator) -> None:
    enter, found = PLACES[place]
    case = Case(driver, Mode.SYNC, gw)
    wrong: list[str] = []
    for name, (value, expected) in VALUES.items():
        if (driver.name, place) in OF_THE_FRAMEWORK and (expected is REFUSED or name == "mapping proxy"):
            continue
        gw.clear()
        failure = None
        try:
            enter(case, value)
        except Exception as error:  # noqa: BLE001 -- each driver knows its own
            failure = case.driver.failure(error)
        if expected is REFUSED:
            if gw.requests:
                wrong.append(f"{name}: sent as {gw.last_request.raw[-60:]!r}")
            elif failure is None or failure.kind is not ErrorKind.CONFIGURATION or "\n" in str(failure.error):
                wrong.append(f"{name}: {failure and failure.error!r}")
            elif "odd" not in str(failure.error):
                wrong.append(f"{name}: no place in {failure.error}")
        elif not gw.requests:
            wrong.append(f"{name}: {failure and failure.error!r}")
        elif found(body(case)) != expected:
            wrong.append(f"{name}: sent {found(body(case))!r}")
    assert wrong == []
