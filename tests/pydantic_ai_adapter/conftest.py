"""An emulated gateway, models bound to it, and a gateway that answers with given bodies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse

from pydantic_ai_requesty import RequestyModel, RequestyProvider
from requesty_emulator import GatewayEmulator

MODEL = "openai/gpt-4o-mini"


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
def gw() -> Iterator[GatewayEmulator]:
    with GatewayEmulator() as gateway:
        yield gateway


@pytest.fixture
def provider(gw: GatewayEmulator) -> Callable[..., RequestyProvider]:
    """A provider of the emulated gateway."""

    def build(**settings: Any) -> RequestyProvider:
        return RequestyProvider(**{"base_url": gw.base_url, "api_key": gw.api_key, "max_retries": 0, **settings})

    return build


@pytest.fixture
def make(provider: Callable[..., RequestyProvider]) -> Callable[..., RequestyModel]:
    """A model of the emulated gateway; settings it does not know go to its provider."""

    def build(model: str = MODEL, **settings: Any) -> RequestyModel:
        own = {
            name: settings.pop(name)
            for name in ("fallbacks", "fallback_policy", "settings", "profile")
            if name in settings
        }
        return RequestyModel(model, provider=provider(**settings), **own)

    return build


@pytest.fixture
def canned() -> Callable[..., tuple[RequestyModel, Canned]]:
    """A model whose gateway answers with the given bodies (a list is a stream), and that gateway."""

    def build(*bodies: Any, model: str = MODEL, **settings: Any) -> tuple[RequestyModel, Canned]:
        wire = Canned(*bodies)
        source = RequestyProvider(
            api_key="k", base_url="http://gateway.test/v1", max_retries=0, http_client=wire.transport, **settings
        )
        return RequestyModel(model, provider=source), wire

    return build


class Ways:
    """One request through the direct API, complete or streamed."""

    def __init__(self, *, streams: bool) -> None:
        self.streams = streams

    async def __call__(self, model: RequestyModel, prompt: Any = "How are you?", **arguments: Any) -> ModelResponse:
        messages = prompt if isinstance(prompt, list) else [ModelRequest.user_text_prompt(prompt)]
        if not self.streams:
            return await model_request(model, messages, **arguments)
        async with model_request_stream(model, messages, **arguments) as stream:
            async for _ in stream:
                pass
            return stream.get()


@pytest.fixture(params=[False, True], ids=["complete", "streamed"])
def ask(request: pytest.FixtureRequest) -> Ways:
    return Ways(streams=request.param)
