"""An emulated gateway and clients bound to it, with an environment that must not leak in."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from openai_requesty import AsyncRequestyOpenAI, RequestyOpenAI
from requesty_emulator import GatewayEmulator


@pytest.fixture
def gw(monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayEmulator]:
    monkeypatch.delenv("REQUESTY_API_KEY", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-must-not-be-used")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/must-not-be-used")
    with GatewayEmulator() as gateway:
        yield gateway


class Way:
    """The same steps with the sync or the async client."""

    def __init__(self, gw: GatewayEmulator, kind: str) -> None:
        self.gw = gw
        self.kind = kind

    def client(self, **settings: Any) -> Any:
        make = RequestyOpenAI if self.kind == "sync" else AsyncRequestyOpenAI
        return make(**{"base_url": self.gw.base_url, "api_key": self.gw.api_key, "max_retries": 0, **settings})

    async def get(self, value: Any) -> Any:
        """The result of a call."""
        return await value if inspect.isawaitable(value) else value

    async def all(self, stream: Any) -> list[Any]:
        """Every item of a stream or of all pages."""
        if self.kind == "async" and not hasattr(stream, "__aiter__"):
            stream = await stream
        return list(stream) if self.kind == "sync" else [item async for item in stream]

    async def helper(self, manager: Any) -> tuple[list[Any], Any, Any]:
        """Events, final answer and stream of a stream helper."""
        if self.kind == "sync":
            with manager as stream:
                events = list(stream)
                return events, _final(stream)(), stream
        async with manager as stream:
            events = [event async for event in stream]
            return events, await _final(stream)(), stream


def _final(stream: Any) -> Any:
    return getattr(stream, "get_final_completion", None) or stream.get_final_response


@pytest.fixture(params=["sync", "async"])
def way(request: pytest.FixtureRequest, gw: GatewayEmulator) -> Way:
    return Way(gw, request.param)
