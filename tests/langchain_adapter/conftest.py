"""The emulator, over sockets and without them."""

from __future__ import annotations

import asyncio
import base64
import concurrent.futures
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.support.gateway import gateway, requesty_gateway, requesty_gateway_server

from requesty_emulator import GatewayEmulator

__all__ = ["gateway", "requesty_gateway", "requesty_gateway_server"]

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def settings(gateway: GatewayEmulator) -> dict[str, Any]:
    """Constructor arguments that point at the gateway."""
    return {"base_url": gateway.base_url, "api_key": gateway.api_key}


@pytest.fixture
def no_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The framework's suite downloads its pictures; a pixel serves as well."""

    def get(url: str, **_: Any) -> httpx.Response:
        return httpx.Response(200, content=PIXEL, request=httpx.Request("GET", url))

    monkeypatch.setattr("langchain_tests.integration_tests.chat_models.httpx.get", get)


async def _in_process(app: Any, request: httpx.Request) -> httpx.Response:
    transport = httpx.ASGITransport(app=app)
    url = request.url.copy_with(scheme="http", host="gateway.test", port=None)
    inner = httpx.Request(request.method, url, headers=request.headers, content=request.content)
    response = await transport.handle_async_request(inner)
    content = b"".join([part async for part in response.aiter_raw()])
    headers = [(k, v) for k, v in response.headers.raw if k.lower() not in (b"transfer-encoding",)]
    return httpx.Response(response.status_code, headers=headers, content=content)


@pytest.fixture
def socketless() -> Iterator[Callable[[GatewayEmulator], dict[str, Any]]]:
    """Transports that hand requests to an emulator's application without any socket."""
    with concurrent.futures.ThreadPoolExecutor(4) as pool:

        def build(gateway: GatewayEmulator) -> dict[str, Any]:
            def handle(request: httpx.Request) -> httpx.Response:
                request.read()
                return pool.submit(lambda: asyncio.run(_in_process(gateway.app, request))).result(30)

            async def ahandle(request: httpx.Request) -> httpx.Response:
                await request.aread()
                return await _in_process(gateway.app, request)

            return {"http_client": httpx.MockTransport(handle), "http_async_client": httpx.MockTransport(ahandle)}

        yield build
