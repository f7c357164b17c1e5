"""What adapters share: asking members in turn, tool calls and their arguments, addresses, citations, error classes."""

from __future__ import annotations

import asyncio
import importlib
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import requesty_core.adapters as face
from requesty_core import Attempt, ChatReply, FallbackPolicy, Message
from requesty_core.adapters import (
    Answered,
    Asking,
    HealthBoard,
    ask_in_turn,
    audio_format,
    check_positive,
    data_url,
    error_classes,
    image_address,
    perform,
    perform_async,
    plain_options,
    plain_steps,
    raising_as,
    read_arguments,
    split_data_url,
    url_citation,
    wire_tool_call,
)
from requesty_core.errors import (
    BadRequestError,
    ConfigurationError,
    ErrorKind,
    FallbackExhaustedError,
    MissingKeyError,
    RateLimitError,
    RequestyError,
    ServerError,
)
from requesty_core.retry.fallback import Wait

Outcome = str | Exception
ATTEMPT = Attempt(model="a", number=1, outcome="error")


class ForeignError(Exception):
    """An error of somebody else's client."""


def classify(position: int, error: Exception) -> RequestyError | None:
    if isinstance(error, ForeignError):
        return ServerError(str(error))
    return error if isinstance(error, RequestyError) else None


def sync_way(names: Sequence[str], outcomes: Sequence[Outcome], policy: FallbackPolicy) -> tuple[Any, list[int]]:
    asked: list[int] = []

    def ask(position: int) -> str:
        asked.append(position)
        outcome = outcomes[position]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return perform(ask_in_turn(names, policy, HealthBoard(), classify), ask), asked


def async_way(names: Sequence[str], outcomes: Sequence[Outcome], policy: FallbackPolicy) -> tuple[Any, list[int]]:
    asked: list[int] = []

    async def ask(position: int) -> str:
        asked.append(position)
        await asyncio.sleep(0)
        outcome = outcomes[position]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return asyncio.run(perform_async(ask_in_turn(names, policy, HealthBoard(), classify), ask)), asked


ways = pytest.mark.parametrize("way", [sync_way, async_way], ids=["sync", "async"])
Way = Callable[[Sequence[str], Sequence[Outcome], FallbackPolicy], tuple[Any, list[int]]]
RECORD = {"model": "a", "outcome": "error", "error": "x", "error_class": "ForeignError"}


@ways
@pytest.mark.parametrize(
    ("outcomes", "position", "failed"),
    [
        (["one", "two"], 0, ()),
        ([RateLimitError("x", attempts=[ATTEMPT]), "two"], 1, (face.attempts_of([ATTEMPT])[0],)),
        ([ForeignError("x"), "two"], 1, (RECORD,)),
        ([ForeignError("x"), ForeignError("y"), "three"], 2, (RECORD, {**RECORD, "model": "b", "error": "y"})),
        # What a member returns is its own matter, even if it is nothing.
        (["", "two"], 0, ()),
    ],
    ids=["the first", "on record", "a foreign one", "two", "an empty answer"],
)
def test_members_are_asked_in_turn(way: Way, outcomes: list[Outcome], position: int, failed: Any) -> None:
    answered, asked = way("abc"[: len(outcomes)], outcomes, FallbackPolicy())
    assert answered == Answered(outcomes[position], position, failed, tuple(range(position)))
    assert asked == list(range(position + 1))


SEEN = ServerError("x", partial=ChatReply(message=Message(text="half"), requested_model="a"))


@ways
@pytest.mark.parametrize(
    "error", [KeyError("bug"), BadRequestError("x"), SEEN], ids=["a bug", "a bad request", "after output"]
)
def test_errors_that_no_other_member_can_help_with_are_raised_as_they_are(way: Way, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        way("ab", [error, "two"], FallbackPolicy())
    assert caught.value is error


@ways
@pytest.mark.parametrize("error", [ForeignError("x"), RateLimitError("x")], ids=["foreign", "own"])
def test_the_error_of_a_single_member_is_its_own(way: Way, error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        way("a", [error], FallbackPolicy())
    assert caught.value is error


@ways
def test_when_all_failed_the_last_error_is_the_cause(way: Way) -> None:
    last = ForeignError("y")
    with pytest.raises(FallbackExhaustedError) as caught:
        way("ab", [ForeignError("x"), last], FallbackPolicy())
    assert caught.value.__cause__ is last
    assert [error.kind for error in caught.value.errors] == [ErrorKind.SERVER, ErrorKind.SERVER]


def waits_then_asks() -> Asking[str]:
    assert (yield Wait(0.001)) is None
    outcome = yield 1
    return Answered(outcome[0], 1)


def test_waits_are_performed_and_nothing_is_asked_in_them() -> None:
    async def ask(position: int) -> str:
        return f"member {position}"

    expected = Answered("member 1", 1)
    assert perform(waits_then_asks(), lambda position: f"member {position}") == expected
    assert asyncio.run(perform_async(waits_then_asks(), ask)) == expected


def test_a_cancelled_run_ends_the_decisions() -> None:
    ended: list[str] = []

    def asking() -> Asking[str]:
        try:
            yield 0
        finally:
            ended.append("yes")
        raise AssertionError("asked again after a cancellation")

    async def ask(position: int) -> str:
        raise asyncio.CancelledError

    async def run() -> None:
        with pytest.raises(asyncio.CancelledError):
            await perform_async(asking(), ask)
        assert ended == ["yes"]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("", {}),
        (" \n", {}),
        ("null", {}),
        ("{}", {}),
        ('{"a": 1}', {"a": 1}),
        ('{"a": 1', None),
        ("[1]", None),
        ('"a"', None),
        ('{"a": NaN}', None),
        ('{"a": 1} {"b": 2}', None),
    ],
)
def test_arguments_are_one_json_object_or_refused(text: str, arguments: Any) -> None:
    value, problem = read_arguments(text)
    assert value == arguments
    assert (problem is None) == (arguments is not None)


def test_a_call_in_wire_form() -> None:
    assert wire_tool_call(None, "f", "{}") == {
        "id": "",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
    }


@given(st.from_regex(r"[a-z]+/[a-z0-9.+-]+", fullmatch=True), st.binary().map(lambda data: data.hex()))
def test_data_urls_round_trip(media_type: str, payload: str) -> None:
    assert split_data_url(data_url(media_type, payload)) == (media_type, payload)


@pytest.mark.parametrize("url", ["https://a.test/x;base64,y", "data:text/plain,hi", "data:", ""])
def test_other_addresses_are_no_data(url: str) -> None:
    assert split_data_url(url) is None


@pytest.mark.parametrize(
    ("media_type", "name"), [("audio/mpeg", "mp3"), ("audio/x-wav", "wav"), ("audio/wav", "wav"), ("audio/ogg", "ogg")]
)
def test_audio_formats(media_type: str, name: str) -> None:
    assert audio_format(media_type) == name


@pytest.mark.parametrize(
    ("image", "url"),
    [
        ({"image_url": {"url": "https://a.test"}}, "https://a.test"),
        ({"image_url": "https://a.test"}, "https://a.test"),
        ({"image_url": None}, None),
        ({"image_url": {}}, None),
        ({}, None),
    ],
)
def test_addresses_of_images(image: dict[str, Any], url: str | None) -> None:
    assert image_address(image) == url


@pytest.mark.parametrize(
    ("cited", "passage", "title"),
    [
        ({"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 3}, "one", "A"),
        ({"url": "https://a.test"}, "", "https://a.test"),
        ({"url": "https://a.test", "start_index": 4}, "", "https://a.test"),
        ({"url": "https://a.test", "start_index": "0", "end_index": "3"}, "", "https://a.test"),
    ],
)
def test_citations(cited: dict[str, Any], passage: str, title: str) -> None:
    found = url_citation({"type": "url_citation", "url_citation": cited})
    assert found is not None
    assert (found.passage("one two"), found.title, found.url) == (passage, title, "https://a.test")


@pytest.mark.parametrize("note", [{}, {"url_citation": None}, {"url_citation": {"url": 1}}, {"type": "file_citation"}])
def test_other_annotations_are_no_citations(note: dict[str, Any]) -> None:
    assert url_citation(note) is None


@pytest.mark.parametrize("given", ["openai/gpt-4o", {"model": "a"}, 3])
def test_what_is_no_list_of_steps_stays_for_its_check(given: Any) -> None:
    assert plain_steps(given) == given


def test_unset_settings_are_plain() -> None:
    assert plain_steps(None) == []
    assert plain_options(None) is None
    assert plain_options("x") == "x"


def test_counts_of_zero_are_refused_by_name() -> None:
    check_positive(batch_size=1)
    with pytest.raises(ConfigurationError, match=r"^batch_size: 0 is too small"):
        check_positive(chunk=2, batch_size=0)


class FrameworkError(Exception):
    """The base of some framework's errors."""


class FrameworkRateLimit(FrameworkError):
    """One of its errors."""


CLASSES = error_classes(__name__, {ErrorKind.RATE_LIMIT: FrameworkRateLimit, ErrorKind.CONFIGURATION: FrameworkError})
globals().update({cls.__name__: cls for cls in CLASSES.values()})


def test_error_classes_are_the_cores_and_the_frameworks() -> None:
    cls = CLASSES[ErrorKind.RATE_LIMIT]
    assert (cls.__name__, cls.__doc__) == ("RequestyRateLimitError", RateLimitError.__doc__)
    with pytest.raises(FrameworkRateLimit) as caught, raising_as(CLASSES):
        raise RateLimitError("slow down", retry_after=2.0)
    error = caught.value
    assert isinstance(error, RateLimitError)
    assert error.retry_after == 2.0
    assert type(error) is cls
    twin = pickle.loads(pickle.dumps(CLASSES[ErrorKind.CONFIGURATION]("x")))
    assert type(twin).__module__ == __name__


def test_kinds_without_a_class_leave_as_they_are() -> None:
    with pytest.raises(ServerError) as caught, raising_as(CLASSES):
        raise ServerError("x")
    assert type(caught.value) is ServerError


def test_a_subclass_of_a_kind_leaves_as_its_class() -> None:
    with pytest.raises(FrameworkError), raising_as(CLASSES):
        raise MissingKeyError("api_key: none")


def test_what_the_face_names_is_public_where_it_comes_from() -> None:
    for module, names in face.NAMES.items():
        home = importlib.import_module(module, face.__name__)
        for name in names:
            assert name in getattr(home, "__all__", ()) or name.isupper() or name.startswith("check_")
