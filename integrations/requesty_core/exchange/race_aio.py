"""A race between attempts on an event loop: each is a task, the first answer wins, the others are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from requesty_core.errors import ConfigurationError, RequestyError
from requesty_core.money.usage import Usage
from requesty_core.network.http import Request
from requesty_core.network.loops import running_loop
from requesty_core.retry.fallback import Send

from .attempt import RunningAttempt
from .exchange import Exchange

__all__ = ["AsyncClosable", "AsyncPrepare", "race"]

AsyncPrepare = Callable[[Send], Awaitable[Request]]


class AsyncClosable(Protocol):
    """What an attempt gives back."""

    @property
    def usage(self) -> Usage | None:
        """What the attempt is known to have used so far."""

    async def aclose(self) -> None:
        """Free the connection."""


H = TypeVar("H", bound=AsyncClosable)


async def race(
    exchange: Exchange, first: Send, prepare: AsyncPrepare, attempt: Callable[[Request, RunningAttempt], Awaitable[H]]
) -> H | None:
    """Start the next step whenever ``hedge_after`` passes; keep the attempt that answers first, cancel the others."""
    running_loop()
    running: dict[asyncio.Task[H], RunningAttempt] = {}

    async def start(send: Send) -> None:
        request = await prepare(send)
        run = exchange.begin(send, request)
        running[asyncio.ensure_future(_as_coroutine(attempt(request, run)))] = run

    await start(first)
    pause = exchange.hedge_after
    winner: H | None = None
    try:
        while running and winner is None:
            done, _ = await asyncio.wait(running, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                more = exchange.hedge()
                if more is None:
                    pause = None
                else:
                    await start(more)
            for task in done:
                if task.exception() is None and winner is not None:
                    continue  # Finished in the same moment as the winner: closed with the losers below.
                run = running.pop(task)
                error = task.exception()
                if error is None:
                    winner = task.result()
                elif isinstance(error, RequestyError) and not isinstance(error, ConfigurationError):
                    exchange.fail(run, error, others_running=bool(running) or winner is not None)
                else:
                    raise error
        return winner
    finally:
        for task in running:
            task.cancel()
        outcomes = await asyncio.gather(*running, return_exceptions=True)
        for run, outcome in zip(running.values(), outcomes, strict=True):
            if isinstance(outcome, BaseException):
                exchange.cancel(run)
            else:
                # Ready in the same moment as the winner, so it was billed as well.
                exchange.cancel(run, outcome.usage)
                await outcome.aclose()


async def _as_coroutine(awaitable: Awaitable[H]) -> H:
    return await awaitable
