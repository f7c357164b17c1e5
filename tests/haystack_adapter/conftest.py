"""An emulated gateway, components bound to it, and a gateway that answers with given bodies."""

from __future__ import annotations

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack.utils import Secret
from tests.support.gateway import gateway, requesty_gateway, requesty_gateway_server
from tests.support.wire import Wire
from tests.support.wire import canned as canned_wire

from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from requesty_emulator import GatewayEmulator

__all__ = ["gateway", "requesty_gateway", "requesty_gateway_server"]

MODEL = "openai/gpt-4o-mini"


@pytest.fixture
def gw(gateway: GatewayEmulator, monkeypatch: pytest.MonkeyPatch) -> GatewayEmulator:
    """A gateway whose key is in the environment, where components look for it."""
    monkeypatch.setenv("REQUESTY_API_KEY", gateway.api_key)
    return gateway


@pytest.fixture
def make(gw: GatewayEmulator) -> Callable[..., RequestyChatGenerator]:
    """A generator of the emulated gateway."""

    def build(model: str = MODEL, **settings: Any) -> RequestyChatGenerator:
        return RequestyChatGenerator(model=model, **{"api_base_url": gw.base_url, "max_retries": 0, **settings})

    return build


@pytest.fixture
def canned() -> Callable[..., tuple[RequestyChatGenerator, Wire]]:
    """A generator whose gateway answers with the given bodies (a list is a stream), and that gateway."""

    def build(*bodies: Any, **settings: Any) -> tuple[RequestyChatGenerator, Wire]:
        wire = canned_wire(*bodies)
        generator = RequestyChatGenerator(
            model=MODEL,
            api_key=Secret.from_token("k"),
            api_base_url="http://gateway.test/v1",
            http_client_kwargs={"transport": wire.transport},
            **settings,
        )
        return generator, wire

    return build


class Way:
    """Run a generator sync or async, streamed or not; ``chunks`` has what was streamed."""

    def __init__(self, *, is_async: bool, streams: bool) -> None:
        self.is_async = is_async
        self.streams = streams
        self.chunks: list[StreamingChunk] = []

    @property
    def callback(self) -> Any:
        """The streaming callback of this way, if it streams."""
        if not self.streams:
            return None
        if not self.is_async:
            return self.chunks.append

        async def take(chunk: StreamingChunk) -> None:
            self.chunks.append(chunk)

        return take

    def result(self, generator: Any, messages: Any = "How are you?", **arguments: Any) -> dict[str, Any]:
        """What the run returns."""
        arguments = {"messages": messages, "streaming_callback": self.callback, **arguments}
        if self.is_async:
            return dict(asyncio.run(generator.run_async(**arguments)))
        return dict(generator.run(**arguments))

    def __call__(self, generator: Any, messages: Any = "How are you?", **arguments: Any) -> ChatMessage:
        reply: ChatMessage = self.result(generator, messages, **arguments)["replies"][0]
        return reply


@pytest.fixture(
    params=[(False, False), (False, True), (True, False), (True, True)],
    ids=["sync", "sync streamed", "async", "async streamed"],
)
def ask(request: pytest.FixtureRequest) -> Way:
    is_async, streams = request.param
    return Way(is_async=is_async, streams=streams)
