"""Over real sockets: hedged calls race, and who loses is cut off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.support.socket_answers import drip, unstreamed, whole
from tests.support.sockets import WAIT, full, no_tls
from tests.support.waiting import PATIENCE, aeventually, eventually
from tests.support.ways import MESSAGES
from tests.support.wire import Wire, answer, pieces

from requesty_core import (
    AsyncRequestyClient,
    CallCommitted,
    ConfigurationError,
    CostLedger,
    FallbackExhaustedError,
    FallbackPolicy,
    RequestyClient,
    RequestyError,
)
from requesty_core.network.aio import LoopTransport

HEDGE = FallbackPolicy(hedge_after=0.03, cooldown=0)


def by_model(scripts: dict[bytes, Callable[[], list[Any]]]) -> Callable[[Any], Any]:
    """A script that depends on the model asked for."""

    def make(server: list[Any]) -> Callable[[int], Any]:
        def script(number: int) -> Iterator[Any]:
            request = server[0].requests[-1]
            model = next(m for m in scripts if b'"model":"' + m + b'"' in request)
            return iter(scripts[model]())

        return script

    return make


def hedged(serve: Any, way: Any, scripts: dict[bytes, Callable[[], list[Any]]], **more: Any) -> Any:
    holder: list[Any] = []
    holder.append(serve(by_model(scripts)(holder)))
    settings = {"base_url": holder[0].base_url, "fallback_policy": HEDGE, "fallbacks": ["b/2"], **more}
    return holder[0], lambda: way(None, settings, model="a/1")


def good(way: Any, text: str, pause: float = 0.0) -> Callable[[], list[Any]]:
    return lambda: whole(text, pause) if way.streams else unstreamed(text, pause)


def test_a_silent_model_is_overtaken_and_cut_off(serve: Any, way: Any) -> None:
    events: list[Any] = []
    server, ask = hedged(serve, way, {b"a/1": lambda: [WAIT], b"b/2": good(way, "two")}, on_event=events.append)
    reply = ask()
    assert reply.text == "two"
    assert [(a.model, a.outcome) for a in reply.attempts if a.outcome == "ok"] == [("b/2", "ok")]
    assert server.hung_up.wait(PATIENCE), "the loser is cut off at once"
    assert [e.model for e in events if isinstance(e, CallCommitted)] == (["b/2"] if way.streams else [])


def test_a_model_that_starts_but_says_nothing_is_overtaken(serve: Any, streaming: Any) -> None:
    server, ask = hedged(serve, streaming, {b"a/1": lambda: drip(), b"b/2": good(streaming, "two")})
    assert ask().text == "two"
    assert server.hung_up.wait(PATIENCE)


def test_the_first_may_still_win(serve: Any, way: Any) -> None:
    server, ask = hedged(serve, way, {b"a/1": good(way, "one", 0.1), b"b/2": lambda: [WAIT]})
    assert ask().text == "one"
    assert server.hung_up.wait(PATIENCE)
    assert len(server.requests) == 2


def test_a_quick_answer_starts_no_hedge(serve: Any, way: Any) -> None:
    server, ask = hedged(
        serve,
        way,
        {b"a/1": good(way, "one")},
        fallback_policy=FallbackPolicy(hedge_after=5),
    )
    assert ask().text == "one"
    assert len(server.requests) == 1


def test_a_failure_in_a_race_leaves_the_other_running(serve: Any, way: Any) -> None:
    late_error = [0.08, full(b'{"error": {"message": "busy"}}', status="503 Busy")]
    _, ask = hedged(serve, way, {b"a/1": lambda: late_error, b"b/2": good(way, "two", 0.2)})
    reply = ask()
    assert reply.text == "two"
    assert [(a.model, a.outcome) for a in reply.attempts] == [("a/1", "error"), ("b/2", "ok")]


def test_a_quick_failure_goes_on_without_waiting(serve: Any, way: Any) -> None:
    error = full(b'{"error": {"message": "busy"}}', status="503 Busy")
    _, ask = hedged(
        serve,
        way,
        {b"a/1": lambda: [error], b"b/2": good(way, "two")},
        fallback_policy=FallbackPolicy(hedge_after=5),
    )
    assert [a.outcome for a in ask().attempts] == ["error", "ok"]


def test_when_every_contender_fails_all_are_told_of(serve: Any, way: Any) -> None:
    error = full(b'{"error": {"message": "busy"}}', status="503 Busy")
    _, ask = hedged(serve, way, {b"a/1": lambda: [0.1, error], b"b/2": lambda: [0.1, error]})
    with pytest.raises(FallbackExhaustedError) as caught:
        ask()
    assert {a.model for a in caught.value.attempts} == {"a/1", "b/2"}


def test_an_error_no_other_model_can_mend_ends_the_race(serve: Any, way: Any) -> None:
    error = full(b'{"error": {"message": "bad key"}}', status="401 No")
    server, ask = hedged(serve, way, {b"a/1": lambda: [error], b"b/2": lambda: [WAIT]})
    with pytest.raises(RequestyError) as caught:
        ask()
    assert caught.value.status == 401
    assert len(server.requests) == 1


def test_a_hook_that_fails_ends_the_race(serve: Any, way: Any) -> None:
    def hook(event: Any) -> None:
        if getattr(event, "model", None) == "b/2":
            raise KeyError("mine")

    server, ask = hedged(serve, way, {b"a/1": lambda: [WAIT], b"b/2": good(way, "two")}, on_event=hook)
    with pytest.raises(KeyError):
        ask()
    assert server.hung_up.wait(PATIENCE)


async def test_a_cancelled_race_leaves_nothing_open(serve: Any) -> None:
    server = serve(lambda n: [WAIT])
    transport = LoopTransport(no_tls)
    client = AsyncRequestyClient(
        api_key="k", base_url=server.base_url, transport=transport, fallback_policy=HEDGE, fallbacks=["b/2"]
    )
    task = asyncio.create_task(client.chat(model="a/1", messages=MESSAGES))
    assert await aeventually(lambda: transport.in_flight == 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert transport.in_flight == 0


def test_a_race_over_a_callers_own_transport(way: Any) -> None:
    wire = Wire(answer("one"))
    reply = way(wire, {"fallback_policy": FallbackPolicy(hedge_after=5), "fallbacks": ["b/2"]})
    assert reply.text == "one"


class Together(httpx.AsyncBaseTransport, httpx.BaseTransport):
    """Holds every answer back until ``number`` requests are there; then all of them come at once."""

    def __init__(self, number: int, streams: bool) -> None:
        self._number = number
        self._streams = streams
        self._lock = threading.Lock()
        self._all = threading.Event()
        self._aall = asyncio.Event()
        self.bodies: list[Any] = []

    def _answer(self) -> httpx.Response:
        content = answer("Hello")(self._streams).content
        response = pieces(content)(self._streams)
        self.bodies.append(response.stream)
        assert isinstance(response, httpx.Response)
        return response

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self._number -= 1
            if self._number == 0:
                self._all.set()
        assert self._all.wait(5)
        with self._lock:
            return self._answer()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._number -= 1
        if self._number == 0:
            self._aall.set()
        await self._aall.wait()
        return self._answer()


def test_when_two_answer_in_the_same_moment_one_is_kept_and_the_other_closed(way: Any) -> None:
    transport = Together(2, way.streams)
    ledger = CostLedger()
    reply = way(transport, {"fallback_policy": HEDGE, "fallbacks": ["b/2"], "ledger": ledger}, model="a/1")
    assert reply.text == "Hello"
    if way.is_async and not way.streams:
        assert ledger.total.calls == 2, "both were answered, so both were billed"
    assert [a.outcome for a in reply.attempts if a.outcome == "ok"] == ["ok"]
    assert eventually(lambda: len(transport.bodies) == 2 and all(b.closed for b in transport.bodies))


@pytest.mark.parametrize("hedge_after", [None, 5.0])
@pytest.mark.parametrize("raised", [KeyError("mine"), ConfigurationError("transport: not set up")])
def test_what_a_callers_own_transport_raises_ends_the_call(
    way: Any, raised: Exception, hedge_after: float | None
) -> None:
    wire = Wire(raised)
    policy = FallbackPolicy(hedge_after=hedge_after)
    with pytest.raises(type(raised)) as caught:
        way(wire, {"fallback_policy": policy, "fallbacks": ["b/2"], "max_retries": 3})
    assert caught.value is raised
    assert len(wire.requests) == 1


def test_a_loser_that_answers_late_is_closed() -> None:
    late = threading.Event()
    body = pieces(answer("late")(True).content)(True)

    def handle(request: httpx.Request) -> httpx.Response:
        if b"a/1" in request.content:
            assert late.wait(5)
            return body
        return answer("two")(True)

    client = RequestyClient(
        api_key="k", transport=httpx.MockTransport(handle), fallback_policy=HEDGE, fallbacks=["b/2"]
    )
    assert "".join(client.stream(model="a/1", messages=MESSAGES).text_stream) == "two"
    late.set()
    assert eventually(lambda: body.stream.closed)
