"""Every reply, whole and cut at every event, through every path: one result, or one typed error with one partial."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.bodies import sse

from requesty_core.errors import RequestyError
from requesty_core.replies.reply import ChatReply

from ..model import Ask, Outcome
from .paths import TOOLS, Path, Told, facts, facts_of, id_of, paths, reading
from .replies import REPLIES, SAYS, Reply

PATHS = paths()
_TEXT = ("text", "refusal", "finish", "cost")
# Words of the framework's own, and what it has no word for.
_KNOWN_ENDS = ("stop", "length", "tool_calls", "content_filter")


def expected_of(path: Path, reply: ChatReply) -> dict[str, Any]:
    """What a path must say of a reply."""
    told = facts(reply)
    if path.driver.name == "Pydantic AI":
        told["finish"] = (
            "content_filter" if reply.refusal else told["finish"] if told["finish"] in _KNOWN_ENDS else None
        )
    if path.driver.name == "OpenAI SDK":
        # The SDK hands arguments on as text; reading them is its user's affair, and no text is no JSON.
        told["calls"] = [(call.name, call.arguments, id_of(call.id)) for call in reply.tool_calls]
    return {key: told[key] for key in _TEXT} if path.text_only else told


def seen_by(path: Path, outcome: Any) -> dict[str, Any]:
    told = facts_of(outcome)
    if path.driver.name == "OpenAI SDK":
        message = outcome.native.choices[0].message
        told["calls"] = [
            (call.function.name, call.function.arguments, id_of(call.id)) for call in message.tool_calls or ()
        ]
    return {key: told[key] for key in _TEXT} if path.text_only else told


def check(path: Path, built: Any, ask: Ask, right: ChatReply | RequestyError, where: str) -> None:
    """One way through: the same facts, or the same error with the same partial."""
    outcome = _run(path, built, ask)
    if isinstance(right, ChatReply):
        assert not isinstance(outcome, Exception), f"{where}: {outcome!r} for a good reply"
        assert seen_by(path, outcome) == expected_of(path, right), where
        return
    assert isinstance(outcome, Exception), f"{where}: no error but {facts_of(outcome)}"
    assert path.driver.failure(outcome).kind is right.kind, f"{where}: {outcome!r} instead of {right!r}"
    assert _partial(_core_error(outcome).partial) == _partial(right.partial), where


def _run(path: Path, built: Any, ask: Ask) -> Outcome | Exception:
    try:
        return path.run(built, ask)
    except Exception as error:  # noqa: BLE001 -- what it must be is checked
        return error


def _core_error(error: BaseException) -> RequestyError:
    found: BaseException | None = error
    while not isinstance(found, RequestyError):
        assert found is not None
        found = found.__cause__
    return found


def _partial(reply: ChatReply | None) -> dict[str, Any] | None:
    return None if reply is None else facts(reply)


def cuts(reply: Reply) -> Iterator[tuple[str, bytes, Any, bool]]:
    """Every way in which the stream may end: (where, bytes, events that arrived, whether it ended by ``[DONE]``)."""
    events = reply.stream()
    yield "whole", sse(*events), events, True
    for length in range(len(events)):
        yield f"after {length} events", sse(*events[:length], done=False), events[:length], False
    for length in range(len(events)):
        half = b"data: " + json.dumps(events[length]).encode()
        yield (
            f"within event {length}",
            sse(*events[:length], half[: len(half) // 2], done=False),
            events[:length],
            False,
        )


@pytest.mark.parametrize("path", [path for path in PATHS if path.streams], ids=str)
@pytest.mark.parametrize("reply", [r for r in REPLIES if r.events or r.message], ids=lambda r: r.name.replace(" ", "_"))
def test_a_stream_cut_anywhere(reply: Reply, path: Path) -> None:
    if path.driver.name in reply.not_for:
        pytest.skip(reply.not_for[path.driver.name])
    told = Told()
    built, ask = path.build(told), Ask(tools=TOOLS)
    for where, content, events, done in cuts(reply):
        told.content = content
        right = reading(events, streams=True, done=done)
        check(path, built, ask, right, where)


@pytest.mark.parametrize("path", [path for path in PATHS if not path.streams], ids=str)
@pytest.mark.parametrize("reply", [r for r in REPLIES if r.whole()], ids=lambda r: r.name.replace(" ", "_"))
def test_a_complete_answer(reply: Reply, path: Path) -> None:
    if path.driver.name in reply.not_for:
        pytest.skip(reply.not_for[path.driver.name])
    told = Told()
    built, ask = path.build(told), Ask(tools=TOOLS)
    told.content = json.dumps(reply.whole()).encode()
    check(path, built, ask, reading(reply.whole(), streams=False), "complete")


@pytest.mark.parametrize("form", ["core-whole", "core-stream"])
@pytest.mark.parametrize("reply", [r for r in REPLIES if r.name in SAYS], ids=lambda r: r.name.replace(" ", "_"))
def test_the_reader_itself(reply: Reply, form: str) -> None:
    streams = form == "core-stream"
    if not streams and reply.whole() is None:
        pytest.skip("only a stream can be that")
    if streams and not (reply.events or reply.message):
        pytest.skip("only a body can be that")
    right = reading(reply.stream() if streams else reply.whole(), streams=streams)
    says = SAYS[reply.name]
    if "error" in says:
        assert isinstance(right, RequestyError)
        assert right.kind is says["error"]
    else:
        assert isinstance(right, ChatReply), right
        told = facts(right)
        assert {key: told[key] for key in says} == says


AGENTS = [path for path in PATHS if path.name == "acall" and "agent" not in path.driver.lacks]


@pytest.mark.parametrize("path", AGENTS, ids=lambda path: path.driver.name)
@pytest.mark.parametrize("reply", [r for r in REPLIES if r.message], ids=lambda r: r.name.replace(" ", "_"))
def test_an_agent_runs_whole_calls_only(reply: Reply, path: Path) -> None:
    told, ran = Told(), []

    def f(city: str = "nowhere") -> str:
        """A tool that would run without arguments, too."""
        ran.append(city)
        return "fine"

    done = Reply("done", {"content": "Done."})
    bodies = [(json.dumps(each.whole()).encode(), sse(*each.stream())) for each in (reply, done)]
    told.script(bodies)
    right = reading(reply.whole(), streams=False)
    assert isinstance(right, ChatReply)
    wanted = [arguments for name, arguments, _ in facts(right)["calls"] if name == "f" and arguments is not None]
    with contextlib.suppress(Exception):
        # Pydantic AI gives up at some of these; what counts is what ran.
        asyncio.run(path.driver.agent(path.build(told), f, "x"))
    assert sorted(ran) == sorted(arguments.get("city", "nowhere") for arguments in wanted)


@pytest.mark.parametrize("reply", [r for r in REPLIES if r.message], ids=lambda r: r.name.replace(" ", "_"))
def test_the_two_forms_of_the_table_say_the_same(reply: Reply) -> None:
    whole, streamed = reading(reply.whole(), streams=False), reading(reply.stream(), streams=True)
    assert isinstance(whole, ChatReply)
    assert isinstance(streamed, ChatReply)
    first, second = facts(whole), facts(streamed)
    assert first == second
