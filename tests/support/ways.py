"""Four ways of making the same call of the core: sync and async, complete and streamed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from tests.support.wire import Wire

from requesty_core import (
    AsyncRequestyClient,
    ChatReply,
    FallbackPolicy,
    RequestyClient,
    RetryPolicy,
    StreamEvent,
)

KEY = "rqy_SECRET-key-0123456789"
BASE_URL = "https://gateway.test/v1"
MODEL = "openai/gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "Hi"}]
FAST = FallbackPolicy(retry=RetryPolicy(base=1e-6, cap=1e-6))
"""Retries without a noticeable wait."""


Connection = Wire | httpx.BaseTransport | httpx.AsyncBaseTransport | None
"""Where a client sends to; ``None`` is real sockets."""


@dataclass(frozen=True)
class Way:
    """One of the four ways to make the same call; ``events`` of the last call are kept."""

    is_async: bool
    streams: bool
    events: list[StreamEvent] = field(default_factory=list)

    def client(self, wire: Connection, **settings: Any) -> RequestyClient | AsyncRequestyClient:
        """A client on the wire (or on real sockets, for ``None``)."""
        cls: type[RequestyClient | AsyncRequestyClient] = AsyncRequestyClient if self.is_async else RequestyClient
        transport = wire.transport if isinstance(wire, Wire) else wire
        defaults: dict[str, Any] = {"api_key": KEY, "base_url": BASE_URL, "fallback_policy": FAST}
        return cls(**{"transport": transport, **defaults, **settings})

    def ask(self, client: RequestyClient | AsyncRequestyClient, **params: Any) -> ChatReply:
        """Make the call, and read the stream to its end if it is one."""
        self.events.clear()
        params = {"model": MODEL, "messages": MESSAGES, **params}
        if isinstance(client, AsyncRequestyClient):
            return asyncio.run(self._ask_async(client, params))
        if not self.streams:
            return client.chat(**params)
        with client.stream(**params) as stream:
            self.events.extend(stream)
        return stream.message

    async def _ask_async(self, client: AsyncRequestyClient, params: dict[str, Any]) -> ChatReply:
        if not self.streams:
            return await client.chat(**params)
        async with client.stream(**params) as stream:
            async for event in stream:
                self.events.append(event)
        return stream.message

    def run(self, client: Any, call: Callable[[Any], Any]) -> Any:
        """What ``call`` makes of the client, awaited where it is a coroutine."""
        if not self.is_async:
            return call(client)

        async def main() -> Any:
            return await call(client)

        return asyncio.run(main())

    def __call__(self, wire: Connection, settings: Mapping[str, Any] | None = None, **params: Any) -> ChatReply:
        """One call with a client of its own."""
        return self.ask(self.client(wire, **(settings or {})), **params)


def _way_name(way: Way) -> str:
    return f"{'async' if way.is_async else 'sync'}-{'stream' if way.streams else 'unary'}"


@pytest.fixture(params=[Way(a, s) for a in (False, True) for s in (False, True)], ids=_way_name)
def way(request: pytest.FixtureRequest) -> Way:
    """Each of {sync, async} x {unary, stream}."""
    return Way(request.param.is_async, request.param.streams)


@pytest.fixture(params=[Way(False, True), Way(True, True)], ids=_way_name)
def streaming(request: pytest.FixtureRequest) -> Way:
    """Both ways of streaming."""
    return Way(request.param.is_async, True)


@pytest.fixture(params=[Way(False, False), Way(True, False)], ids=_way_name)
def unary(request: pytest.FixtureRequest) -> Way:
    """Both ways of asking for a complete answer."""
    return Way(request.param.is_async, False)
