"""Clients of the emulated gateway, with an environment that must not leak in."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from tests.support.environment import clean_environment
from tests.support.gateway import gateway, gw, requesty_gateway, requesty_gateway_server

from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI
from requesty_emulator import GatewayEmulator

__all__ = ["clean_environment", "gateway", "gw", "requesty_gateway", "requesty_gateway_server"]


class Way:
    """The same calls on the sync or the async client.

    Called with a function, or asked to ``read`` one's stream, it runs an event loop of its own where it needs one;
    ``get``, ``all`` and ``helper`` are for tests that are coroutines.
    """

    def __init__(self, gw: GatewayEmulator, *, is_async: bool) -> None:
        self.gw = gw
        self.is_async = is_async

    def client(self, **settings: Any) -> Any:
        """A client of the emulated gateway."""
        make = AsyncRequestyOpenAI if self.is_async else RequestyOpenAI
        return make(**{"base_url": self.gw.base_url, "api_key": self.gw.api_key, "max_retries": 0, **settings})

    def __call__(self, call: Callable[[], Any]) -> Any:
        """The result of a call, awaited if there is something to await."""
        if not self.is_async:
            return call()

        async def run() -> Any:
            return await self.get(call())

        return asyncio.run(run())

    def read(self, call: Callable[[], Any]) -> tuple[list[Any], Any]:
        """The items of a stream, and the stream."""
        if not self.is_async:
            stream = call()
            return list(stream), stream

        async def run() -> tuple[list[Any], Any]:
            stream = await call()
            return await self.all(stream), stream

        return asyncio.run(run())

    async def get(self, value: Any) -> Any:
        """The result of a call."""
        return await value if inspect.isawaitable(value) else value

    async def all(self, stream: Any) -> list[Any]:
        """Every item of a stream or of all pages."""
        if self.is_async and not hasattr(stream, "__aiter__"):
            stream = await stream
        return [item async for item in stream] if self.is_async else list(stream)

    async def helper(self, manager: Any) -> tuple[list[Any], Any, Any]:
        """Events, final answer and stream of a stream helper."""
        if not self.is_async:
            with manager as stream:
                events = list(stream)
                return events, _final(stream)(), stream
        async with manager as stream:
            events = [event async for event in stream]
            return events, await _final(stream)(), stream


def _final(stream: Any) -> Any:
    return getattr(stream, "get_final_completion", None) or stream.get_final_response


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def way(request: pytest.FixtureRequest, gw: GatewayEmulator) -> Way:
    return Way(gw, is_async=request.param)
