"""Time limits of one asynchronous attempt: until the first token, and in total."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Literal, TypeVar

from requesty_core.settings.config import Timeouts

__all__ = ["Limits"]

T = TypeVar("T")


class Limits:
    """Deadlines on the running loop's clock; waiting is free of charge where none is set."""

    __slots__ = ("_first", "_loop", "_total", "expired")

    def __init__(self, timeouts: Timeouts, *, first_token: bool = True) -> None:
        self._loop = asyncio.get_running_loop()
        now = self._loop.time()
        self._first = None if timeouts.first_token is None or not first_token else now + timeouts.first_token
        self._total = None if timeouts.total is None else now + timeouts.total
        self.expired: Literal["first_token", "total"] | None = None
        """Which limit passed, once one did."""

    def first_token_came(self) -> None:
        """Only the total counts from now on."""
        self._first = None

    def drain(self, seconds: float) -> None:
        """Nothing but the end of the body is awaited any more, and not for long."""
        self._total = self._loop.time() + seconds

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Await within the limits. Raises ``TimeoutError`` and notes in ``expired`` which one passed."""
        first, total = self._first, self._total
        if first is None and total is None:
            return await awaitable
        nearest = min(t for t in (first, total) if t is not None)
        try:
            async with asyncio.timeout_at(nearest):
                return await awaitable
        except TimeoutError:
            if self._loop.time() >= nearest:
                self.expired = "first_token" if nearest == first else "total"
            raise

    def iterate(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks, each awaited within the limits that hold by then."""
        return _Limited(self, chunks)

    @property
    def is_free(self) -> bool:
        """Whether no limit is set at the moment."""
        return self._first is None and self._total is None


class _Limited:
    __slots__ = ("_chunks", "_limits")

    def __init__(self, limits: Limits, chunks: AsyncIterator[bytes]) -> None:
        self._limits = limits
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        if self._limits.is_free:
            return self._chunks.__anext__()
        return self._limits.wait(self._chunks.__anext__())
