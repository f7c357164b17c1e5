"""Runs that are left: what they had under way counts no longer against others that ask the same model."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from requesty_core import AsyncRequestyClient, RequestyClient, abulk_chat, bulk_chat
from requesty_core.bulk.limiter import Limiter, limiter_for
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"


@pytest.fixture
def limiter(gw: GatewayEmulator) -> Limiter:
    """The limit that every run of the test shares, as if one of them were still in memory."""
    return limiter_for(gw.base_url, MODEL)


def rows() -> list[str]:
    return [f"row {number}" for number in range(40)]


async def test_requests_that_had_not_begun_when_a_run_was_closed(gw: GatewayEmulator, limiter: Limiter) -> None:
    client = AsyncRequestyClient(api_key=gw.api_key, base_url=gw.base_url)
    for _ in range(10):
        run = abulk_chat(rows(), model=MODEL, client=client, concurrency=4)
        await anext(run)  # Rows were handed out, and the next requests made, in the loop's turn in which it is closed.
        await run.close()
        assert limiter.under_way == 0

    assert [item.row async for item in abulk_chat(rows(), model=MODEL, client=client)] == rows()


def test_synchronous_runs_closed_at_any_moment(client: RequestyClient, limiter: Limiter) -> None:
    for count in range(30):
        run = bulk_chat(rows(), model=MODEL, client=client, concurrency=4)
        for _ in range(count):
            next(run)
        run.close()
        assert limiter.under_way == 0

    assert [item.row for item in bulk_chat(rows(), model=MODEL, client=client)] == rows()


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_loop_that_ends_under_a_run_sends_nothing_more(gw: GatewayEmulator, limiter: Limiter) -> None:
    client = AsyncRequestyClient(api_key=gw.api_key, base_url=gw.base_url)
    left: list[Any] = []
    told: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        run = abulk_chat(rows(), model=MODEL, client=client, concurrency=4)
        left.append(run)
        await anext(run)
        await client.close()

    asyncio.run(main())
    gw.wait_idle()
    assert limiter.under_way == 0
    # What was under way, and nothing for the rows behind it.
    assert len(gw.chat_requests) <= 8
    assert told == []
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(_next(left[0]))


async def _next(run: Any) -> None:
    while True:
        await anext(run)


async def test_who_cancels_a_runs_requests_is_told(gw: GatewayEmulator, limiter: Limiter) -> None:
    client = AsyncRequestyClient(api_key=gw.api_key, base_url=gw.base_url)
    gw.fault(delay=5.0, times=8)
    run = abulk_chat(rows(), model=MODEL, client=client, concurrency=4)
    reader = asyncio.ensure_future(anext(run))
    for _ in range(10):
        await asyncio.sleep(0)
    assert limiter.under_way == 4
    for task in asyncio.all_tasks():
        if task is not asyncio.current_task() and task is not reader:
            task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader
    assert limiter.under_way == 0
    await run.close()
    await client.close()
