"""An emulated gateway, models and embeddings bound to it, and transports that answer with given bytes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from llama_index.core import Settings
from llama_index.core.bridge.pydantic import Field
from llama_index.core.callbacks import CallbackManager
from llama_index_instrumentation import get_dispatcher
from llama_index_instrumentation.event_handlers import BaseEventHandler
from llama_index_instrumentation.span_handlers import SimpleSpanHandler
from tests.support.gateway import gateway, gw, requesty_gateway, requesty_gateway_server
from tests.support.wire import Wire
from tests.support.wire import canned as canned_wire

from llama_index.embeddings.requesty import RequestyEmbedding
from llama_index.llms.requesty import Requesty, RequestyFallback
from requesty_emulator import GatewayEmulator

__all__ = ["gateway", "gw", "requesty_gateway", "requesty_gateway_server"]

MODEL = "openai/gpt-4o-mini"


@pytest.fixture
def make(gw: GatewayEmulator) -> Callable[..., Requesty]:
    """A model of the emulated gateway; ``models=`` makes it a fallback."""

    def build(model: str = MODEL, **kwargs: Any) -> Requesty:
        settings = {"base_url": gw.base_url, "api_key": gw.api_key, "max_retries": 0, **kwargs}
        return RequestyFallback(**settings) if "models" in settings else Requesty(model=model, **settings)

    return build


@pytest.fixture
def embed_model(gw: GatewayEmulator) -> RequestyEmbedding:
    return RequestyEmbedding(model="openai/text-embedding-3-small", base_url=gw.base_url, api_key=gw.api_key)


@pytest.fixture
def canned() -> Callable[..., tuple[Requesty, Wire]]:
    """A model whose gateway answers with the given bodies (a list is a stream), and that gateway."""

    def build(*bodies: Any, **kwargs: Any) -> tuple[Requesty, Wire]:
        wire = canned_wire(*bodies)
        settings: dict[str, Any] = {"model": MODEL, "api_key": "k", "base_url": "http://gateway.test/v1", **kwargs}
        return Requesty(http_client=wire.transport, async_http_client=wire.transport, **settings), wire

    return build


class _Events(BaseEventHandler):
    seen: list[Any] = Field(default_factory=list)

    @classmethod
    def class_name(cls) -> str:
        return "TestEvents"

    def handle(self, event: Any, **kwargs: Any) -> None:
        self.seen.append(event)


@pytest.fixture
def events() -> Iterator[list[Any]]:
    """Every instrumentation event of the test."""
    root, handler = get_dispatcher(), _Events()
    root.add_event_handler(handler)
    yield handler.seen
    root.event_handlers.remove(handler)


@pytest.fixture
def spans() -> Iterator[SimpleSpanHandler]:
    """Every span of the test."""
    root, handler = get_dispatcher(), SimpleSpanHandler()
    root.add_span_handler(handler)
    yield handler
    root.span_handlers.remove(handler)


@pytest.fixture
def settings() -> Iterator[Any]:
    """``Settings``, put back afterwards."""
    names = ("_llm", "_embed_model", "_callback_manager", "_prompt_helper", "_chat_prompt_helper")
    before = {name: getattr(Settings, name) for name in names}
    for name in names:
        setattr(Settings, name, None)
    Settings.callback_manager = CallbackManager()
    yield Settings
    for name, value in before.items():
        setattr(Settings, name, value)


async def collect(stream: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in stream]


@pytest.fixture
def run_method() -> Callable[..., Any]:
    """Calls one of the eight methods by name and gives every response; sync ones give lists too."""

    async def call(llm: Requesty, name: str, *args: Any, **kwargs: Any) -> list[Any]:
        result = getattr(llm, name)(*args, **kwargs)
        if name.startswith("a"):
            result = await result
            return await collect(result) if "stream" in name else [result]
        return list(result) if "stream" in name else [result]

    return call
