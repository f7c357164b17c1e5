"""A race between attempts on an event loop: each is a task, the first answer wins, the others are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Generic, Protocol, TypeVar

from requesty_core.errors import BudgetExceededError, ConfigurationError, RequestyError
from requesty_core.money.usage import Usage
from requesty_core.network.http import Request
from requesty_core.network.loops import running_loop
from requesty_core.retry.fallback import Send

from .aside import abegin
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
    racing = _Race(exchange, prepare, attempt)
    await racing.start(first)
    try:
        return await racing.winner()
    finally:
        await racing.end()


class _Race(Generic[H]):
    """The attempts of one race that are under way, each a task."""

    def __init__(
        self, exchange: Exchange, prepare: AsyncPrepare, attempt: Callable[[Request, RunningAttempt], Awaitable[H]]
    ) -> None:
        self._exchange = exchange
        self._prepare = prepare
        self._attempt = attempt
        self._running: dict[asyncio.Task[H], RunningAttempt] = {}
        # A budget in a store may wait for its database; an answer that comes meanwhile is not held up by it.
        self._starting: asyncio.Task[None] | None = None
        self._pause = exchange.hedge_after

    async def start(self, send: Send) -> None:
        """Begin an attempt in a task of its own."""
        request = await self._prepare(send)
        run = await abegin(self._exchange, send, request)
        self._running[asyncio.ensure_future(_as_coroutine(self._attempt(request, run)))] = run

    async def winner(self) -> H | None:
        """What answers first, more attempts being started meanwhile; ``None`` if every attempt failed."""
        winner: H | None = None
        while (self._running or self._starting) and winner is None:
            starting = self._starting
            tasks: set[asyncio.Task[Any]] = {*self._running} if starting is None else {*self._running, starting}
            pause = self._pause if starting is None else None
            done, _ = await asyncio.wait(tasks, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                self._hedge()
            if starting is not None and starting in done:
                done.discard(starting)
                self._started(starting)
            for task in done:
                if task.exception() is None and winner is not None:
                    continue  # Finished in the same moment as the winner: closed with the losers below.
                run = self._running.pop(task)
                error = task.exception()
                if error is None:
                    winner = task.result()
                elif isinstance(error, RequestyError) and not isinstance(error, ConfigurationError):
                    others = bool(self._running) or self._starting is not None or winner is not None
                    self._exchange.fail(run, error, others_running=others)
                else:
                    raise error
        return winner

    def _hedge(self) -> None:
        more = self._exchange.hedge()
        if more is None:
            self._pause = None
        else:
            self._starting = asyncio.ensure_future(self.start(more))

    def _started(self, task: asyncio.Task[None]) -> None:
        self._starting = None
        if isinstance(task.exception(), BudgetExceededError):
            # What is under way goes on alone.
            self._pause = None
        else:
            task.result()

    async def end(self) -> None:
        """Cancel whatever is still under way."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.gather(self._starting, return_exceptions=True)
        for task in self._running:
            task.cancel()
        outcomes = await asyncio.gather(*self._running, return_exceptions=True)
        for run, outcome in zip(self._running.values(), outcomes, strict=True):
            if isinstance(outcome, BaseException):
                self._exchange.cancel(run)
            else:
                # Ready in the same moment as the winner, so it was billed as well.
                self._exchange.cancel(run, outcome.usage)
                await outcome.aclose()


async def _as_coroutine(awaitable: Awaitable[H]) -> H:
    return await awaitable
