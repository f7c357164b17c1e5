"""An emulated gateway and clients bound to it, with an environment that must not leak in."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI
from requesty_emulator import GatewayEmulator


@pytest.fixture
def gw(monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayEmulator]:
    monkeypatch.delenv("REQUESTY_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-must-not-be-used")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-must-not-be-sent")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-must-not-be-sent")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/must-not-be-used")
    with GatewayEmulator() as gateway:
        yield gateway


class Way:
    """The same calls on the sync or the async client."""

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
            result = call()
            return await result if inspect.isawaitable(result) else result

        return asyncio.run(run())

    def read(self, call: Callable[[], Any]) -> tuple[list[Any], Any]:
        """The items of a stream, and the stream."""
        if not self.is_async:
            stream = call()
            return list(stream), stream

        async def run() -> tuple[list[Any], Any]:
            stream = await call()
            return [item async for item in stream], stream

        return asyncio.run(run())


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def way(request: pytest.FixtureRequest, gw: GatewayEmulator) -> Way:
    return Way(gw, is_async=request.param)
