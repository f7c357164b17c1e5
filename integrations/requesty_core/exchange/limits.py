"""Keeping the deadlines of an asynchronous attempt, also where its transport does not keep them itself."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

from requesty_core.network.deadlines import EXTENSION, Deadlines
from requesty_core.network.http import Request
from requesty_core.network.loops import running_loop

__all__ = ["Limits"]

T = TypeVar("T")


class Limits:
    """The deadlines on the running loop; waiting is free of charge where none is set."""

    __slots__ = ("deadlines",)

    def __init__(self, request: Request, deadlines: Deadlines) -> None:
        self.deadlines = deadlines
        request.extensions[EXTENSION] = deadlines
        if deadlines.next != math.inf or deadlines.has_silence:
            running_loop()

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Await within the deadlines. Raises ``TimeoutError``; the deadlines then know which one passed."""
        deadline = self.deadlines.next
        if deadline == math.inf:
            return await awaitable
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await awaitable
        except TimeoutError:
            self.deadlines.has_passed()
            raise

    def iterate(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The chunks, each awaited within the deadlines that hold by then."""
        # The package's own transports keep them with every wait.
        return chunks if self.deadlines.observed else _Limited(self, chunks)


class _Limited:
    __slots__ = ("_chunks", "_limits")

    def __init__(self, limits: Limits, chunks: AsyncIterator[bytes]) -> None:
        self._limits = limits
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    def __anext__(self) -> Awaitable[bytes]:
        if self._limits.deadlines.next == math.inf:
            return self._chunks.__anext__()
        return self._limits.wait(self._chunks.__anext__())
