"""Over real sockets: time limits hold, and no server is an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.bodies import chunk, sse
from tests.support.socket_answers import drip, whole
from tests.support.sockets import CLOSE, RESET, WAIT, closed_port, head, http_chunk
from tests.support.waiting import PATIENCE
from tests.support.ways import MODEL

from requesty_core import (
    ConnectionFailedError,
    RequestTimeoutError,
    Step,
    Timeouts,
)
from requesty_core.network.alarm import set_alarm

LIMITS: list[tuple[str, Timeouts, Callable[[Any], list[Any]], str]] = [
    ("no headers", Timeouts(read=0.05), lambda: [WAIT], "timeout.read"),
    ("no headers in total", Timeouts(total=0.05), lambda: [WAIT], "timeout"),
    ("silence in the middle", Timeouts(read=0.05), lambda: [head(length=99) + b"{", WAIT], "timeout.read"),
    (
        "drops in the middle",
        Timeouts(total=0.15),
        lambda: [head(length=999), *[x for _ in range(100) for x in (b" ", 0.02)], WAIT],
        "timeout: the attempt took longer than 0.15 s",
    ),
    (
        "drops without a length",
        Timeouts(total=0.15),
        lambda: [head(), *[x for _ in range(100) for x in (b"\n", 0.02)], WAIT],
        "timeout: the attempt took longer than 0.15 s",
    ),
    (
        "an error that does not end",
        Timeouts(total=0.15),
        lambda: [head(status="500 No", length=9999), *[x for _ in range(100) for x in (b" ", 0.02)], WAIT],
        "timeout: the attempt took longer than 0.15 s",
    ),
]


@pytest.mark.parametrize(("what", "timeout", "script", "words"), LIMITS, ids=[x[0] for x in LIMITS])
def test_time_limits(serve: Any, way: Any, what: str, timeout: Timeouts, script: Any, words: str) -> None:
    server = serve(lambda n: script())
    begun = time.monotonic()
    with pytest.raises(RequestTimeoutError) as caught:
        way(None, {"base_url": server.base_url, "timeout": timeout, "max_retries": 0})
    assert words in str(caught.value)
    assert time.monotonic() - begun < 10
    assert server.hung_up.wait(PATIENCE)


def test_the_first_token_has_a_limit_of_its_own(serve: Any, streaming: Any) -> None:
    server = serve(lambda n: drip() if n == 1 else whole())
    reply = streaming(
        None,
        {"base_url": server.base_url, "fallbacks": ["b/2"]},
        model=Step(MODEL, first_token_timeout=0.1),
    )
    assert reply.text == "Hello"
    assert "first_token_timeout" in str(reply.attempts[0].error)


def test_a_slow_stream_is_cut_in_the_middle_with_what_had_arrived(serve: Any, streaming: Any) -> None:
    text = http_chunk(sse(chunk({"content": "x"}), done=False))
    server = serve(lambda n: [head(chunked=True), *[x for _ in range(100) for x in (text, 0.02)], WAIT])
    with pytest.raises(RequestTimeoutError) as caught:
        streaming(None, {"base_url": server.base_url, "timeout": Timeouts(total=0.2), "max_retries": 0})
    assert caught.value.partial is not None
    assert set(caught.value.partial.text) == {"x"}


def test_an_answer_that_ended_does_not_wait_for_the_connection(serve: Any, streaming: Any) -> None:
    body = sse(chunk({"content": "Hello"}), chunk(finish="stop"))
    server = serve(lambda n: [head(chunked=True) + http_chunk(body), WAIT])
    assert streaming(None, {"base_url": server.base_url, "timeout": Timeouts(total=30)}).text == "Hello"
    assert server.hung_up.wait(3)


def test_a_connection_cut_after_the_answer_does_not_matter(serve: Any, streaming: Any) -> None:
    body = sse(chunk({"content": "Hello"}), chunk(finish="stop"), done=False)
    for end in (RESET, CLOSE):
        server = serve(lambda n, end=end: [head(chunked=True) + http_chunk(body), 0.05, end])
        assert streaming(None, {"base_url": server.base_url, "timeout": Timeouts(total=5)}).text == "Hello"


def test_no_server_is_a_connection_error(way: Any) -> None:
    base_url = f"http://127.0.0.1:{closed_port()}/v1"
    with pytest.raises(ConnectionFailedError):
        way(None, {"base_url": base_url, "max_retries": 1})


def test_alarms_ring_in_order_unless_cancelled() -> None:
    rung: list[int] = []
    done = threading.Event()
    late = set_alarm(0.06, lambda: (rung.append(3), done.set()))
    never = set_alarm(0.03, lambda: rung.append(2))
    early = set_alarm(0.01, lambda: rung.append(1))
    never.cancel()
    assert done.wait(PATIENCE)
    assert rung == [1, 3]
    assert (early.went_off, never.went_off, late.went_off) == (True, False, True)
