"""What a caller's own transport lets through where its connection fails, as a typed error, on every path."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import httpx2
import pytest

from requesty_core import AsyncRequestyClient, RequestyClient, RequestyError, RetryPolicy
from requesty_core.errors import ErrorKind
from requesty_core.retry.policy import FallbackPolicy

CALL: dict[str, Any] = {"model": "a/b", "messages": [{"role": "user", "content": "hi"}]}
CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":null}]}\n\n'
POLICY = FallbackPolicy(retry=RetryPolicy(base=0.001, cap=0.001))
BROKEN = (
    *(ConnectionResetError("gone"), BrokenPipeError("gone"), TimeoutError("late"), socket.gaierror(-2, "unknown name")),
    *(ssl.SSLError("bad record"), ssl.SSLEOFError("cut"), EOFError("cut"), httpx.ReadError("gone")),
)


class Fails:
    """A transport of either library; ``place`` tells when it fails."""

    def __init__(self, library: Any, error: Exception, place: str) -> None:
        self.library, self.error, self.place = library, error, place
        self.requests = 0

    def answer(self, *, is_async: bool) -> Any:
        self.requests += 1
        if self.place == "before the head":
            raise self.error
        parts = [CHUNK] if self.place == "in the body" else []

        def body() -> Iterator[bytes]:
            yield from parts
            raise self.error

        async def body_async() -> AsyncIterator[bytes]:
            for part in body():
                yield part

        headers = {"content-type": "text/event-stream"}
        return self.library.Response(200, headers=headers, content=body_async() if is_async else body())

    def sync(self) -> Any:
        return self.library.Client(transport=self.library.MockTransport(lambda _: self.answer(is_async=False)))

    def aio(self) -> Any:
        async def handler(_: Any) -> Any:
            return self.answer(is_async=True)

        return self.library.AsyncClient(transport=self.library.MockTransport(handler))


def ask(fails: Fails, mode: str) -> None:
    if mode in ("sync", "stream"):
        client = RequestyClient(api_key="k", transport=fails.sync(), fallback_policy=POLICY, max_retries=1)
        if mode == "sync":
            client.chat(**CALL)
        else:
            list(client.stream(**CALL))
        return

    async def run() -> None:
        client = AsyncRequestyClient(api_key="k", transport=fails.aio(), fallback_policy=POLICY, max_retries=1)
        if mode == "async":
            await client.chat(**CALL)
        else:
            async for _ in client.stream(**CALL):
                pass

    asyncio.run(run())


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("place", ["before the head", "before the body", "in the body"])
@pytest.mark.parametrize("mode", ["sync", "stream", "async", "async_stream"])
@pytest.mark.parametrize("error", BROKEN, ids=lambda error: type(error).__name__)
def test_no_failure_of_a_transport_is_bare(library: Any, error: Exception, mode: str, place: str) -> None:
    if isinstance(error, httpx.ReadError):
        error = library.ReadError("gone")
    fails = Fails(library, error, place)
    with pytest.raises(RequestyError) as caught:
        ask(fails, mode)
    wanted = {ErrorKind.TIMEOUT} if isinstance(error, TimeoutError) else {ErrorKind.CONNECTION, ErrorKind.TRUNCATED}
    assert caught.value.kind in wanted
    assert len(caught.value.attempts) == fails.requests
    # Output that was seen is not asked for again.
    is_seen = place == "in the body" and "stream" in mode
    assert fails.requests == (1 if is_seen else 2)
    if is_seen:
        assert caught.value.partial is not None
        assert caught.value.partial.text == "hello"


def test_a_fault_of_the_transports_own_is_raised_as_it_is() -> None:
    fails = Fails(httpx, TypeError("a bug"), "before the head")
    with pytest.raises(TypeError, match="a bug"):
        ask(fails, "sync")
    assert fails.requests == 1
