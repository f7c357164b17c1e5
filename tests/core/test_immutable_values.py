"""Values that calls make and give back: immutable, comparable, and taken by whatever takes a dataclass."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import pickle
import pkgutil
import pprint
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pydantic
import pytest

import requesty_core
from requesty_core import Attempt, ChatReply, Message, ModelId, ToolCall, Usage
from requesty_core.calls.route import CallOptions, Route
from requesty_core.catalog.prices import EstimatedUsage
from requesty_core.errors import ErrorResponse
from requesty_core.money.entries import LedgerEntry, LedgerSnapshot
from requesty_core.network.http import URL, Headers
from requesty_core.network.settings import NetworkSettings
from requesty_core.retry.policy import FallbackPolicy
from requesty_core.retry.steps import Step
from requesty_core.settings.config import Config, Timeouts
from requesty_core.settings.options import RequestyOptions
from requesty_core.values import Value

SECRET = "sk-a-secret-of-the-caller"

USAGE = Usage(3, 4, 7, cost=Decimal("0.25"), raw={"prompt_tokens": 3})
ATTEMPT = Attempt("openai/gpt-4o-mini", 1, "ok", status=200, usage=USAGE)
MESSAGE = Message(text="Yes.", tool_calls=(ToolCall("f", "{}", "c1"),))
REPLY = ChatReply(MESSAGE, id="r", usage=USAGE, attempts=(ATTEMPT,), headers={"x-a": "b"}, choices=(MESSAGE,))
VALUES = [
    USAGE,
    ATTEMPT,
    MESSAGE,
    REPLY,
    MESSAGE.tool_calls[0],
    EstimatedUsage(1, 2, 3, cost=Decimal(1)),
    ErrorResponse(429, {"retry-after": "1"}, b"{}"),
    ModelId.parse("openai/gpt-4o-mini:flex@eu"),
]


def every_class() -> Iterator[type[Value]]:
    for module in pkgutil.walk_packages(requesty_core.__path__, "requesty_core."):
        importlib.import_module(module.name)
    waiting = [Value]
    while waiting:
        found = waiting.pop().__subclasses__()
        waiting += found
        yield from found


def test_every_class_has_the_fields_of_a_dataclass() -> None:
    classes = list(every_class())
    assert len(classes) > 15
    for cls in classes:
        fields = dataclasses.fields(cls)
        assert [field.name for field in fields] == list(cls.__struct_fields__), cls
        bare = [field.name for field in fields if field.default is field.default_factory is dataclasses.MISSING]
        assert bare == list(cls.__struct_fields__[: len(bare)]), cls
        assert not cls.__dict__.get("_unshown", frozenset()) - set(cls.__struct_fields__), cls


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_a_value_stays_as_it_is(value: Value) -> None:
    name = value.__struct_fields__[0]
    with pytest.raises(AttributeError, match="immutable"):
        setattr(value, name, None)
    with pytest.raises(AttributeError):
        value.another = 1
    for twin in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert twin == value
        assert type(twin) is type(value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_the_functions_of_dataclasses_take_it(value: Any) -> None:
    assert dataclasses.is_dataclass(value)
    assert dataclasses.replace(value) == value
    assert list(dataclasses.asdict(value)) == list(value.__struct_fields__)
    assert dataclasses.astuple(value) is not None
    changed = {value.__struct_fields__[0]: None}
    assert dataclasses.replace(value, **changed) == msgspec.structs.replace(value, **changed)
    assert value.__replace__(**changed) == dataclasses.replace(value, **changed)
    with pytest.raises(TypeError, match="nowhere"):
        dataclasses.replace(value, nowhere=1)


def test_nested_values_become_dicts() -> None:
    plain = dataclasses.asdict(REPLY)
    assert plain["usage"]["cost"] == Decimal("0.25")
    assert plain["attempts"][0]["usage"]["raw"] == {"prompt_tokens": 3}
    assert plain["message"]["tool_calls"][0] == dataclasses.asdict(MESSAGE.tool_calls[0])


def test_a_tracer_gets_what_repr_shows() -> None:
    plain = REPLY.to_dict()
    assert list(plain) == [name for name in REPLY.__struct_fields__ if name not in ("headers", "choices")]
    assert plain["message"]["tool_calls"] == [MESSAGE.tool_calls[0].to_dict()]
    assert plain["attempts"][0]["usage"]["cost"] == Decimal("0.25")
    assert "raw" not in plain["usage"]
    entry = LedgerEntry(calls=1)
    assert LedgerSnapshot(entry, {"a/b": entry}, {}, {}).to_dict()["by_model"] == {"a/b": entry.to_dict()}


def test_values_of_different_classes_are_not_equal() -> None:
    assert Usage(1) != EstimatedUsage(1)
    assert Usage(1) == Usage(1)
    assert Usage(1) != Usage(2)
    assert len({ModelId.parse("a/b"), ModelId.parse("a/b"), ModelId.parse("a/c")}) == 2


def test_json_has_every_field() -> None:
    assert msgspec.json.decode(msgspec.json.encode(USAGE))["raw"] == {"prompt_tokens": 3}
    assert msgspec.json.decode(msgspec.json.encode(USAGE), type=Usage) == USAGE


class Kept(pydantic.BaseModel):
    """As an application keeps what a call was."""

    usage: Usage
    reply: ChatReply | None = None
    attempts: list[Attempt] = []
    call: ToolCall | None = None


def test_pydantic_keeps_writes_and_reads_values() -> None:
    kept = Kept(usage=USAGE, reply=REPLY, attempts=[ATTEMPT], call=MESSAGE.tool_calls[0])
    assert kept.usage is USAGE
    assert kept.reply is REPLY
    plain = kept.model_dump()
    assert plain["usage"] == dataclasses.asdict(USAGE)
    assert plain["reply"]["message"]["tool_calls"][0]["name"] == "f"
    assert Kept.model_validate(plain) == kept
    again = Kept.model_validate_json(kept.model_dump_json())
    # JSON has one kind of sequence.
    assert again.reply is not None
    assert (again.usage, again.attempts, again.call) == (kept.usage, kept.attempts, kept.call)
    assert msgspec.structs.replace(again.reply, attempts=tuple(again.reply.attempts), choices=(MESSAGE,)) == REPLY
    assert Kept.model_validate({"usage": {"input_tokens": 5}}).usage == Usage(5)


def test_pydantic_writes_a_subclass_as_what_its_place_says() -> None:
    estimated = EstimatedUsage(1, 2, 3, cost=Decimal(1), estimated=True)
    kept = Kept(usage=estimated)
    assert kept.usage is estimated
    assert kept.model_dump()["usage"].keys() == set(Usage.__struct_fields__)
    assert Kept.model_validate_json(kept.model_dump_json()).usage == Usage(1, 2, 3, cost=Decimal(1), estimated=True)


def test_pydantic_refuses_what_is_no_value() -> None:
    for wrong in ({"input_tokens": "many"}, ATTEMPT, "x"):
        with pytest.raises(pydantic.ValidationError):
            Kept.model_validate({"usage": wrong})


def test_pydantic_knows_the_schema() -> None:
    for mode in ("validation", "serialization"):
        schema = Kept.model_json_schema(mode=mode)
        assert schema["$defs"]["Usage"]["properties"]["input_tokens"]["type"] == "integer"
        assert {"Attempt", "ChatReply", "Message", "ToolCall", "Usage"} <= schema["$defs"].keys()


def test_a_long_value_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    pprint.pprint(REPLY, width=40)
    assert "Message(text='Yes.'" in capsys.readouterr().out


@pytest.mark.parametrize(
    "value",
    [
        Config("k", "u", "m", Timeouts(), 0, headers={"X-Proxy-Token": SECRET}),
        NetworkSettings(proxy=f"http://user:{SECRET}@proxy.test"),
        Route("POST", URL("http://gateway.test"), head=Headers({"X-Token": SECRET})),
        CallOptions((Step("m"),), FallbackPolicy(), Timeouts(), 0, RequestyOptions(), {"X-Token": SECRET}, {}),
        ChatReply(MESSAGE, headers={"set-cookie": SECRET}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_may_be_secret_is_not_shown(value: Value) -> None:
    assert SECRET not in repr(value)
    assert SECRET not in str(value)
    assert SECRET not in str(value.to_dict())
