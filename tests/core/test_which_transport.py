"""Which transport a request goes over, and what it makes of proxies, compression and failures."""

from __future__ import annotations

import gzip
import json
import ssl
from typing import Any

import httpx
import pytest
from tests.support.bodies import chunk, completion, sse
from tests.support.socket_answers import unstreamed, whole
from tests.support.wire import Wire, pieces

from requesty_core import (
    ConnectionFailedError,
    RequestTimeoutError,
    RequestyError,
    Timeouts,
    TruncatedStreamError,
)
from requesty_core.network import shared
from requesty_core.network.aio import LoopTransport
from requesty_core.network.shared import make_async_transport, make_transport, shared_transport
from requesty_core.network.sync import SocketTransport


def test_a_proxy_of_the_environment_is_left_to_httpx(serve: Any, way: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = serve(lambda n: whole() if way.streams else unstreamed())
    monkeypatch.setenv("http_proxy", proxy.base_url.removesuffix("/v1"))
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    transport = make_transport("http")
    assert not isinstance(transport, SocketTransport)
    if way.is_async:
        reply = way(None, {"base_url": "http://gateway.invalid/v1"})
    else:
        reply = way(transport, {"base_url": "http://gateway.invalid/v1"})
        transport.close()
    assert reply.text == "Hello"
    assert proxy.requests[0].startswith(b"POST http://gateway.invalid/v1/chat/completions HTTP/1.1\r\n")


async def test_the_transports_of_each_scheme() -> None:
    assert isinstance(make_transport("https"), SocketTransport)
    assert isinstance(make_async_transport("https"), LoopTransport)
    assert shared_transport("https") is shared_transport("https") is not shared_transport("http")


def test_a_compressed_body_is_decoded(way: Any) -> None:
    body = sse(chunk({"content": "Hello"}), chunk(finish="stop"))
    if not way.streams:
        body = json.dumps(completion({"content": "Hello"})).encode()
    wire = Wire(pieces(gzip.compress(body), headers={"content-encoding": "gzip"}))
    assert way(wire).text == "Hello"
    wire = Wire(pieces(b"not gzip", headers={"content-encoding": "gzip"}))
    with pytest.raises(RequestyError):
        way(wire, {"max_retries": 0})


def test_transport_errors_of_httpx_are_typed(way: Any) -> None:
    for raised, cls in (
        (httpx.ConnectTimeout("x"), RequestTimeoutError),
        (httpx.PoolTimeout(""), RequestTimeoutError),
        (httpx.ConnectError("refused"), ConnectionFailedError),
        (httpx.ProxyError("proxy"), ConnectionFailedError),
    ):
        with pytest.raises(cls):
            way(Wire(raised), {"max_retries": 0})
    with pytest.raises(TruncatedStreamError):
        way(Wire(pieces(b"{", httpx.ReadError("cut"))), {"max_retries": 0})


def test_the_shared_transport_is_made_anew_after_it_was_closed() -> None:
    first = shared_transport("http")
    shared._close()
    second = shared_transport("http")
    assert first is not second
    shared._forget()
    assert shared_transport("http") is not second


def test_https_uses_one_context_that_verifies(serve: Any, way: Any) -> None:
    server = serve(lambda n: [])
    base_url = f"https://127.0.0.1:{server.port}/v1"
    with pytest.raises(RequestyError):
        way(None, {"base_url": base_url, "timeout": Timeouts(connect=0.1), "max_retries": 0})
    assert shared._tls() is shared._tls()
    assert shared._tls().verify_mode is ssl.CERT_REQUIRED
    assert shared._tls().check_hostname
