"""Vectors of the asynchronous client as they come."""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Self

from requesty_core.calls.embedding import EmbeddingsCall
from requesty_core.money.usage import Usage
from requesty_core.replies.attempts import Attempt

__all__ = ["AsyncEmbeddingsStream"]


class AsyncEmbeddingsStream:
    """Pairs of position and vector in the order of the inputs: an asynchronous iterator and a context manager.

    A vector is an ``array`` of float32, or a list of floats where the gateway sent numbers. Inputs are read, and
    requests sent, only a few batches ahead of the reader. Leaving early ends the run: nothing more is sent.
    """

    def __init__(self, call: EmbeddingsCall, steps: AsyncGenerator[None]) -> None:
        self._call = call
        self._pairs = self._read(steps)

    async def _read(self, steps: AsyncGenerator[None]) -> AsyncGenerator[tuple[int, array[float] | list[float]]]:
        run, told = self._call.run, 0
        async with aclosing(steps):
            async for _ in steps:
                told = self._call.tell(told)
                for pair in run.results.take():
                    yield pair
        run.finish()

    def __aiter__(self) -> AsyncIterator[tuple[int, array[float] | list[float]]]:
        return self._pairs

    async def __anext__(self) -> tuple[int, array[float] | list[float]]:
        return await anext(self._pairs)

    @property
    def usage(self) -> Usage | None:
        """Tokens and cost so far."""
        return self._call.run.results.usage

    @property
    def served_model(self) -> str | None:
        """The model that the gateway names, once there was an answer."""
        return self._call.run.results.served_model

    @property
    def failed_attempts(self) -> tuple[Attempt, ...]:
        """Attempts that failed so far; those that succeeded are not kept."""
        return self._call.run.results.attempts

    async def close(self) -> None:
        """Stop; nothing more is sent."""
        await self._pairs.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()
