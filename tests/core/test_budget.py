"""Budgets under concurrency, and how far each attempt came."""

from __future__ import annotations

import asyncio
import json
import pickle
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import httpx
import pytest
from tests.support.bodies import sse
from tests.support.ways import FAST

from requesty_core import (
    AsyncRequestyClient,
    Budget,
    BudgetExceededError,
    CostLedger,
    FallbackPolicy,
    RequestyClient,
    RequestyError,
)

CALL: dict[str, Any] = {"model": "a/b", "messages": [{"role": "user", "content": "Hi"}]}


def answer(cost: float | None) -> dict[str, Any]:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, **({} if cost is None else {"cost": cost})}
    message = {"role": "assistant", "content": "ok"}
    return {"id": "x", "choices": [{"index": 0, "finish_reason": "stop", "message": message}], "usage": usage}


def stream_of(cost: float) -> bytes:
    chunks = [
        {"choices": [{"index": 0, "delta": {"content": "ok"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": cost}},
    ]
    return sse(*chunks)


def client(handle: Callable[[httpx.Request], httpx.Response], **settings: Any) -> RequestyClient:
    return RequestyClient(api_key="k" * 20, transport=httpx.MockTransport(handle), fallback_policy=FAST, **settings)


@pytest.mark.parametrize("model", ["a/b", "openai/gpt-4o-mini"], ids=["no price known", "price known"])
def test_two_hundred_calls_at_once_stay_near_the_limit(model: str) -> None:
    inside, most, lock = 0, 0, threading.Lock()
    gate = threading.Semaphore(0)

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        gate.acquire(timeout=0.01)
        with lock:
            inside -= 1
        return httpx.Response(200, json=answer(0.05))

    budget, ledger = Budget(1), CostLedger()
    asked = client(handle, budget=budget, ledger=ledger)

    def call(_: int) -> bool:
        try:
            asked.chat(**{**CALL, "model": model})
        except BudgetExceededError:
            return False
        return True

    with ThreadPoolExecutor(200) as pool:
        served = sum(pool.map(call, range(200)))
    assert budget.spent == ledger.total.cost == served * Decimal("0.05")
    assert budget.reserved == 0
    # What is in flight when the limit is reached ends well; nothing begins after it.
    assert budget.spent <= budget.limit + most * Decimal("0.05")
    with pytest.raises(BudgetExceededError) if budget.spent >= 1 else _nothing():
        asked.chat(**CALL)


@contextmanager
def _nothing() -> Iterator[None]:
    yield


def test_estimates_hold_back_what_would_not_fit() -> None:
    budget = Budget("1")
    first = budget.reserve(Decimal("0.6"))
    with pytest.raises(BudgetExceededError, match=r"0 of 1 USD is spent and 0\.6 is reserved for calls under way"):
        budget.reserve(Decimal("0.6"))
    second = budget.reserve(Decimal("0.4"))
    budget.release(first)
    budget.release(second)
    # One alone is let in as long as anything is left: an estimate is no bill.
    budget.release(budget.reserve(Decimal(5)))
    assert budget.reserved == 0


def test_streams_made_ahead_are_checked_when_they_begin() -> None:
    sent: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=stream_of(1.0))

    asked = client(handle, budget=Budget(1))
    streams = [asked.stream(**CALL) for _ in range(3)]
    list(streams[0])
    for stream in streams[1:]:
        with pytest.raises(BudgetExceededError) as caught:
            list(stream)
        assert caught.value.attempts == ()
    assert len(sent) == 1


def test_a_retry_is_checked_too_and_tells_what_was_tried() -> None:
    responses = iter([httpx.Response(503, json={"error": {"message": "busy"}, "usage": {"cost": 2}})])
    asked = client(lambda _: next(responses), budget=Budget(1), max_retries=2)
    with pytest.raises(BudgetExceededError) as caught:
        asked.chat(**CALL)
    assert [(a.phase, a.cost) for a in caught.value.attempts] == [("refused", 2)]


def test_a_pickled_budget_keeps_what_was_spent_and_reserves_nothing() -> None:
    budget = Budget(1)
    budget.reserve(Decimal("0.5"))
    budget.record(None)
    twin = pickle.loads(pickle.dumps(budget))
    assert (twin.limit, twin.spent, twin.unknown, twin.reserved) == (1, 0, 1, 0)


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that hands each connection to ``talk``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def loop() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    talk(connection)

        threading.Thread(target=loop, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        listener.shutdown(socket.SHUT_RDWR)


def closed(connection: socket.socket) -> None:
    connection.recv(65536)


def cut(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def cut_stream(connection: socket.socket) -> None:
    connection.recv(65536)
    event = b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 999\r\n\r\n" + event)


def refused(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\n{}")


@pytest.mark.parametrize(
    ("talk", "stream", "phase", "unknown"),
    [
        (closed, False, "sent", 1),
        (cut, False, "sent", 1),
        (cut_stream, True, "answering", 1),
        (refused, False, "refused", 0),
    ],
    ids=["closed", "cut", "cut stream", "refused"],
)
def test_how_far_an_attempt_came(talk: Any, stream: bool, phase: str, unknown: int) -> None:
    ledger, budget = CostLedger(), Budget(1)
    with server(talk) as base_url:
        asked = RequestyClient(base_url=base_url, api_key="k" * 20, max_retries=0, ledger=ledger, budget=budget)
        call = {**CALL, "model": "openai/gpt-4o-mini"}
        with pytest.raises(RequestyError) as caught:
            list(asked.stream(**call)) if stream else asked.chat(**call)
    (attempt,) = caught.value.attempts
    assert attempt.phase == phase
    assert (ledger.total.calls, ledger.total.unknown, budget.unknown, budget.reserved) == (unknown, unknown, unknown, 0)
    assert (attempt.estimate is not None) == bool(unknown)
    assert ledger.total.estimated == (attempt.estimate or 0)


def test_without_a_connection_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ledger = CostLedger()
    asked = RequestyClient(base_url=f"http://127.0.0.1:{port}/v1", api_key="k" * 20, max_retries=0, ledger=ledger)
    with pytest.raises(RequestyError) as caught:
        asked.chat(**CALL)
    assert caught.value.attempts[0].phase == "not_sent"
    assert not caught.value.was_sent
    assert ledger.total.calls == 0


def full() -> tuple[socket.socket, list[socket.socket]]:
    """A port whose queue of connections is full, so that nobody gets one; and what fills it."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    fill = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(listener.getsockname())
        fill.append(one)
    return listener, fill


async def test_a_call_given_up_while_it_connects_has_sent_nothing() -> None:
    listener, fill = full()
    ledger, budget = CostLedger(), Budget(1)
    client = AsyncRequestyClient(
        base_url=f"http://127.0.0.1:{listener.getsockname()[1]}/v1",
        api_key="sk-test-12345",
        ledger=ledger,
        budget=budget,
    )
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.chat(**CALL)
    finally:
        for one in (*fill, listener):
            one.close()
    assert (ledger.total.calls, budget.unknown, budget.reserved) == (0, 0, Decimal(0))


def test_what_was_sent_on_a_kept_connection_is_unknown_though_no_other_was_to_be_had() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    asked = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        connection.recv(65536)
        body = json.dumps(answer(0.5)).encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        # The second request arrives whole; then the server is gone, and nobody takes its place.
        connection.recv(65536)
        listener.close()
        connection.close()
        asked.set()

    threading.Thread(target=serve, daemon=True).start()
    ledger = CostLedger()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    client = RequestyClient(base_url=url, api_key="sk-test-12345", ledger=ledger, max_retries=0)
    client.chat(**CALL)
    with pytest.raises(RequestyError) as caught:
        client.chat(**CALL)
    assert asked.wait(5)
    (attempt,) = caught.value.attempts
    assert attempt.resent_after
    assert attempt.phase == "sent"
    assert (ledger.total.calls, ledger.total.unknown) == (2, 1)


def test_a_hook_that_raises_at_the_start_leaves_nothing_reserved() -> None:
    def hook(event: object) -> None:
        raise LookupError("the hook's own")

    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json=answer(0.1))

    budget = Budget(1)
    with pytest.raises(LookupError, match="the hook's own"):
        client(handle, budget=budget, on_event=hook).chat(**{**CALL, "model": "openai/gpt-4o", "max_tokens": 10_000})
    assert (budget.spent, budget.reserved, asked) == (0, 0, [])


def test_a_hedge_that_does_not_fit_leaves_the_first_alone() -> None:
    # 0.6 each of a limit of 1: the second is refused because of what the first has reserved.
    reserved: list[Decimal] = []
    budget = Budget(1)

    def handle(request: httpx.Request) -> httpx.Response:
        time.sleep(0.2)
        reserved.append(budget.reserved)
        return httpx.Response(200, json=answer(0.1))

    asking = RequestyClient(
        api_key="k" * 20,
        transport=httpx.MockTransport(handle),
        budget=budget,
        fallbacks=["openai/gpt-4o-2024-11-20"],
        fallback_policy=FallbackPolicy(hedge_after=0.05),
    )
    big = {**CALL, "model": "openai/gpt-4o", "max_tokens": 60_000}
    assert asking.chat(**big).text == "ok"
    assert len(reserved) == 1
    assert reserved[0] > Decimal("0.5")
    assert (budget.spent, budget.reserved) == (Decimal("0.1"), 0)
