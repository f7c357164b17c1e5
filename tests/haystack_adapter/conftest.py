"""An emulated gateway, components bound to it, and a gateway that answers with given bodies."""

from __future__ import annotations

import os

os.environ["HAYSTACK_TELEMETRY_ENABLED"] = "false"

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from haystack.dataclasses import ChatMessage, StreamingChunk
from haystack.utils import Secret

from haystack_integrations.components.generators.requesty import RequestyChatGenerator
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"


@pytest.fixture
def gw(monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayEmulator]:
    with GatewayEmulator() as gateway:
        monkeypatch.setenv("REQUESTY_API_KEY", gateway.api_key)
        yield gateway


@pytest.fixture
def make(gw: GatewayEmulator) -> Callable[..., RequestyChatGenerator]:
    """A generator of the emulated gateway."""

    def build(model: str = MODEL, **settings: Any) -> RequestyChatGenerator:
        return RequestyChatGenerator(model=model, **{"api_base_url": gw.base_url, "max_retries": 0, **settings})

    return build


class Canned:
    """A mock gateway: answers with the given bodies in turn, the last one for good, and keeps the requests."""

    def __init__(self, *bodies: Any) -> None:
        self._bodies = list(bodies)
        self.requests: list[httpx.Request] = []
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        body = self._bodies.pop(0) if len(self._bodies) > 1 else self._bodies[0]
        if isinstance(body, list):
            lines = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in body) + "data: [DONE]\n\n"
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=lines.encode())
        return httpx.Response(200, json=body)

    @property
    def body(self) -> dict[str, Any]:
        """The last request's body."""
        return dict(json.loads(self.requests[-1].content))


@pytest.fixture
def canned() -> Callable[..., tuple[RequestyChatGenerator, Canned]]:
    """A generator whose gateway answers with the given bodies (a list is a stream), and that gateway."""

    def build(*bodies: Any, **settings: Any) -> tuple[RequestyChatGenerator, Canned]:
        wire = Canned(*bodies)
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
