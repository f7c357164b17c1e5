"""An emulated gateway, models bound to it, and a gateway that answers with given bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic_ai.direct import model_request, model_request_stream
from pydantic_ai.messages import ModelRequest, ModelResponse
from tests.support.gateway import gateway, gw, requesty_gateway, requesty_gateway_server
from tests.support.wire import Wire
from tests.support.wire import canned as canned_wire

from pydantic_ai_requesty import RequestyModel, RequestyProvider
from requesty_emulator import GatewayEmulator

__all__ = ["gateway", "gw", "requesty_gateway", "requesty_gateway_server"]

MODEL = "openai/gpt-4o-mini"


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
def canned() -> Callable[..., tuple[RequestyModel, Wire]]:
    """A model whose gateway answers with the given bodies (a list is a stream), and that gateway."""

    def build(*bodies: Any, model: str = MODEL, **settings: Any) -> tuple[RequestyModel, Wire]:
        wire = canned_wire(*bodies)
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
