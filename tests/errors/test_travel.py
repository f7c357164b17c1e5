"""Errors of every adapter cross process borders: pickled and copied they keep class, words and details."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from llama_index.core.base.llms.types import ChatMessage, ChatResponse

from langchain_requesty._errors import RequestyRefusalError, langchain_errors
from llama_index.llms.requesty._structured import StructuredOutputError
from openai_requesty.errors import sdk_error
from pydantic_ai_requesty._errors import pydantic_ai_errors
from requesty_cli.problems import ExtraMissingError
from requesty_core import errors as core
from requesty_core.catalog.requirements import UnmetRequirementError
from requesty_core.errors import ErrorKind, ErrorResponse, FallbackExhaustedError, RequestyError
from requesty_core.money.usage import Usage
from requesty_core.network.decoding import BodyTooLargeError
from requesty_core.replies.attempts import Attempt
from requesty_core.replies.reply import ChatReply, Message, ToolCall
from requesty_core.schemas import AnswerFormatError
from requesty_core.schemas.strict_values import NoStrictFormError
from requesty_core.wire.plain import NotJSONError
from requesty_emulator.errors import GatewayError

TRAVEL: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda error: pickle.loads(pickle.dumps(error)),
}
PACKAGES = [
    "langchain_requesty",
    "llama_index.llms.requesty",
    "llama_index.embeddings.requesty",
    "haystack_integrations.common.requesty",
    "haystack_integrations.components.generators.requesty",
    "haystack_integrations.components.embedders.requesty",
    "openai_requesty",
    "pydantic_ai_requesty",
    "requesty_cli",
    "requesty_core",
    "requesty_emulator",
]


def concrete() -> dict[ErrorKind, type[RequestyError]]:
    found: dict[ErrorKind, type[RequestyError]] = {}
    for name in core.__all__:
        cls = getattr(core, name)
        if isinstance(cls, type) and issubclass(cls, RequestyError) and hasattr(cls, "kind"):
            found.setdefault(cls.kind, cls)
    assert set(found) == set(ErrorKind)
    return found


def full(cls: type[RequestyError], status: int | None) -> RequestyError:
    """An error with everything an error can carry."""
    usage = Usage(input_tokens=3, output_tokens=2, cost=Decimal("0.5"), raw={"prompt_tokens": 3})
    partial = ChatReply(Message(text="Hel", tool_calls=(ToolCall("f", "{", "c"),)), usage=usage)
    error = cls(
        "it failed",
        status=status,
        origin="router",
        request_id="r",
        response=None if status is None else ErrorResponse(status, {"retry-after": "2"}, b'{"error": "x"}'),
        body={"error": {"message": "x", "code": "c"}},
        retry_after=2.0,
        partial=partial,
        requested_model="a/b",
        attempts=[Attempt("a/b", 1, "error", error="x", error_kind=cls.kind, latency=0.1)],
    )
    if isinstance(error, FallbackExhaustedError):
        error.errors = (core.RateLimitError("slow", status=429),)
    return error


def raised(within: Any, error: RequestyError) -> RequestyError:
    with pytest.raises(RequestyError) as caught, within:
        raise error
    return caught.value


ADAPTERS: dict[str, Callable[[RequestyError], RequestyError]] = {
    "core": lambda error: error,
    "langchain": lambda error: raised(langchain_errors(), error),
    "pydantic_ai": lambda error: raised(pydantic_ai_errors("a/b"), error),
    "openai": lambda error: sdk_error(error, httpx.Request("POST", "http://gateway.test/v1")),
}


@pytest.mark.parametrize("travel", TRAVEL.values(), ids=TRAVEL)
@pytest.mark.parametrize("status", [None, 429])
@pytest.mark.parametrize("kind", list(ErrorKind), ids=str)
@pytest.mark.parametrize("adapter", ADAPTERS.values(), ids=ADAPTERS)
def test_errors_travel_whole(
    adapter: Callable[[RequestyError], RequestyError], kind: ErrorKind, status: int | None, travel: Callable[[Any], Any]
) -> None:
    error = adapter(full(concrete()[kind], status))
    twin = travel(error)
    assert type(twin) is type(error)
    assert (str(twin), twin.kind, twin.args) == (str(error), error.kind, error.args)
    for name in ("status", "origin", "request_id", "retry_after", "partial", "requested_model", "attempts"):
        assert getattr(twin, name) == getattr(error, name), name
    assert set(vars(twin)) == set(vars(error))
    if isinstance(error, FallbackExhaustedError):
        assert [type(part) for part in twin.errors] == [core.RateLimitError]


OTHERS: list[tuple[Exception, tuple[str, ...]]] = [
    (AnswerFormatError("no JSON", text="x", request_id="r"), ("text", "request_id", "message")),
    (RequestyRefusalError("no"), ("refusal",)),
    (
        StructuredOutputError("m", reason="invalid", response=ChatResponse(message=ChatMessage(content="x"))),
        ("reason", "response"),
    ),
    (NotJSONError("messages[0].content", "cannot be sent as JSON"), ("path", "reason")),
    (UnmetRequirementError("no", model="a/b", unmet=("training",)), ("model", "unmet")),
    (ExtraMissingError("rich", "cli"), ()),
    (BodyTooLargeError(5), ()),
    (NoStrictFormError("$", "no"), ()),
    (GatewayError(429, "slow", "provider", headers={"a": "b"}, body={"x": 1}), ("status", "origin", "headers", "body")),
]


@pytest.mark.parametrize("travel", TRAVEL.values(), ids=TRAVEL)
@pytest.mark.parametrize(("error", "names"), OTHERS, ids=lambda value: type(value).__name__)
def test_errors_of_their_own_making_travel_too(error: Exception, names: tuple[str, ...], travel: Any) -> None:
    twin = travel(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert [getattr(twin, name) for name in names] == [getattr(error, name) for name in names]


def test_the_tables_above_know_every_error() -> None:
    known = {type(error) for error, _ in OTHERS}
    for package in PACKAGES:
        for info in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if info.name.endswith(".__main__"):
                continue
            for value in vars(importlib.import_module(info.name)).values():
                if not isinstance(value, type) or not issubclass(value, Exception) or value in known:
                    continue
                # What is caught where it is raised, and private by its name, goes nowhere.
                inner = value.__name__.startswith("_")
                if value.__module__.startswith(package) and not issubclass(value, RequestyError) and not inner:
                    # One that adds nothing to its base travels as that does.
                    assert not {"__init__", "__new__"} & vars(value).keys(), f"{value} is in no table"


def test_costs_survive() -> None:
    attempt = Attempt("a/b", 1, "error", usage=Usage(cost=Decimal("0.5")))
    error = core.RateLimitError("slow", attempts=[attempt])
    assert pickle.loads(pickle.dumps(error)).attempts[0].cost == Decimal("0.5")
