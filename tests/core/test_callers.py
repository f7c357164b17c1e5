"""Clients and transports of the caller's own, of both libraries: how they were set up holds, and so do deadlines."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest

from requesty_core import (
    AsyncRequestyClient,
    AuthenticationError,
    FallbackPolicy,
    RequestTimeoutError,
    RequestyClient,
    RequestyError,
    Timeouts,
)

MESSAGES = [{"role": "user", "content": "Hi"}]
MESSAGE = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "ok"}}
ANSWER = {"id": "x", "model": "m", "choices": [MESSAGE]}
LIBRARIES = pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
MODES = pytest.mark.parametrize("mode", ["sync", "async"])


def ask(mode: str, transport: Any, *, streams: bool = False, **settings: Any) -> str:
    """The text of an answer."""
    settings = {"api_key": "k", "base_url": "http://gateway.test/v1", "max_retries": 0, **settings}
    call: dict[str, Any] = {"model": "a/b", "messages": MESSAGES}
    if mode == "sync":
        client = RequestyClient(transport=transport, **settings)
        return "".join(client.stream(**call).text_stream) if streams else client.chat(**call).text

    async def main() -> str:
        aio = AsyncRequestyClient(transport=transport, **settings)
        if streams:
            return "".join([text async for text in aio.stream(**call).text_stream])
        return (await aio.chat(**call)).text

    return asyncio.run(main())


def made(library: Any, mode: str, **settings: Any) -> Any:
    return library.Client(**settings) if mode == "sync" else library.AsyncClient(**settings)


def hooked(mode: str, reads: bool) -> Callable[[Any], Any]:
    """A hook that raises for what is no success, as many have."""

    def hook(response: Any) -> None:
        if reads:
            response.read()
        response.raise_for_status()

    async def ahook(response: Any) -> None:
        if reads:
            await response.aread()
        response.raise_for_status()

    return hook if mode == "sync" else ahook


@LIBRARIES
@MODES
@pytest.mark.parametrize("reads", [False, True])
@pytest.mark.parametrize("streams", [False, True])
def test_what_a_hook_raises_for_a_status_is_the_error_of_that_status(
    library: Any, mode: str, reads: bool, streams: bool
) -> None:
    asked: list[Any] = []

    def handler(request: Any) -> Any:
        asked.append(request)
        return library.Response(401, json={"error": {"message": "no such key"}}, headers={"x-requesty-request-id": "7"})

    own = made(library, mode, transport=library.MockTransport(handler), event_hooks={"response": [hooked(mode, reads)]})
    with pytest.raises(AuthenticationError) as caught:
        ask(mode, own, streams=streams, max_retries=3)
    assert caught.value.status == 401
    assert len(asked) == 1
    if reads:
        assert "no such key" in str(caught.value)


@LIBRARIES
@MODES
def test_the_program_that_a_client_names_is_the_one_that_is_told(library: Any, mode: str) -> None:
    seen: list[str] = []

    def handler(request: Any) -> Any:
        seen.append(request.headers["user-agent"])
        return library.Response(200, json=ANSWER)

    transport = library.MockTransport(handler)
    for headers, more in (
        ({"User-Agent": "mine/1"}, {}),
        ({}, {}),
        ({"User-Agent": "mine/1"}, {"extra_headers": {"User-Agent": "this/2"}}),
    ):
        assert ask(mode, made(library, mode, transport=transport, headers=headers), **more) == "ok"
    assert seen[0] == "mine/1"
    assert seen[1].startswith("requesty-adapters/")
    assert seen[2] == "this/2"


@LIBRARIES
@MODES
def test_mounts_auth_params_and_cookies_of_a_client_are_used(library: Any, mode: str) -> None:
    seen: list[Any] = []

    def handler(request: Any) -> Any:
        seen.append(request)
        return library.Response(200, json=ANSWER)

    mounts = {"http://gateway.test": library.MockTransport(handler)}
    own = made(library, mode, mounts=mounts, auth=("u", "p"), params={"q": "1"}, cookies={"c": "2"})
    assert ask(mode, own) == "ok"
    assert seen[0].url.params["q"] == "1"
    assert seen[0].headers["cookie"] == "c=2"
    assert seen[0].headers["authorization"].startswith("Basic ")


@LIBRARIES
@MODES
@pytest.mark.parametrize("name", ["InvalidURL", "StreamClosed", "UnsupportedProtocol", "ReadError"])
def test_every_error_of_a_library_is_typed(library: Any, mode: str, name: str) -> None:
    cls = getattr(library, name)

    def handler(request: Any) -> Any:
        raise cls() if name == "StreamClosed" else cls("broken")

    with pytest.raises(RequestyError):
        ask(mode, made(library, mode, transport=library.MockTransport(handler)))


# --- deadlines that httpx does not have -------------------------------------------------------------------------------


def deaf(conn: socket.socket) -> None:
    time.sleep(5)


def drips_headers(conn: socket.socket) -> None:
    conn.recv(65536)
    conn.sendall(b"HTTP/1.1 200 OK\r\n")
    for _ in range(200):
        time.sleep(0.02)
        conn.sendall(b"X-Wait: 1\r\n")


def drips_after_an_answer(conn: socket.socket) -> None:
    """The second request comes over a connection that was used before."""
    # The libraries send head and body apart, and what is left of the first request is not the second.
    got = b""
    while b"}" not in got.partition(b"\r\n\r\n")[2][-1:]:
        got += conn.recv(65536)
    body = b'{"id":"x","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"content":"ok"}}]}'
    conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    drips_headers(conn)


def drips_a_refusal(conn: socket.socket) -> None:
    conn.recv(65536)
    conn.sendall(b"HTTP/1.1 500 No\r\n\r\n")
    for _ in range(200):
        time.sleep(0.02)
        conn.sendall(b" ")


@pytest.fixture
def serve() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    listeners: list[socket.socket] = []

    def start(script: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def one(conn: socket.socket) -> None:
            try:
                with conn:
                    script(conn)
            except OSError:
                return

        def accept() -> None:
            try:
                while True:
                    threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()
            except OSError:
                return

        threading.Thread(target=accept, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1"

    yield start
    for listener in listeners:
        listener.close()


LIMITS: dict[str, dict[str, Any]] = {
    "total": {"timeout": Timeouts(total=0.2)},
    "first_byte": {"timeout": Timeouts(first_byte=0.2)},
    "first_token": {"timeout": Timeouts(first_token=0.2)},
    "deadline": {"fallback_policy": FallbackPolicy(deadline=0.2)},
}


@LIBRARIES
@MODES
@pytest.mark.parametrize(
    ("limit", "phase"),
    [(n, p) for n in LIMITS for p in ("TLS", "head", "refusal") if (n, p) != ("first_byte", "refusal")],
)
def test_deadlines_hold_with_a_client_of_the_callers(
    serve: Any, library: Any, mode: str, limit: str, phase: str
) -> None:
    url = serve({"TLS": deaf, "head": drips_headers, "refusal": drips_a_refusal}[phase])
    begun = time.monotonic()
    with pytest.raises(RequestTimeoutError):
        ask(
            mode,
            made(library, mode),
            streams=limit == "first_token" or phase == "refusal",
            base_url=url.replace("http:", "https:") if phase == "TLS" else url,
            **LIMITS[limit],
        )
    assert time.monotonic() - begun < 5


@LIBRARIES
def test_a_deadline_holds_while_a_name_is_looked_up(serve: Any, library: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    over, resolve = threading.Event(), socket.getaddrinfo

    def slow(host: Any, *args: Any, **more: Any) -> Any:
        if host in ("slow.test", b"slow.test"):
            over.wait(10)
            host = "127.0.0.1"
        return resolve(host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    url = serve(drips_headers).replace("127.0.0.1", "slow.test")
    begun = time.monotonic()
    try:
        with pytest.raises(RequestTimeoutError, match=r"longer than 0.2 s"):
            ask("sync", library.Client(), base_url=url, timeout=Timeouts(total=0.2))
        assert time.monotonic() - begun < 5
    finally:
        over.set()


@LIBRARIES
def test_a_deadline_holds_on_a_connection_that_was_used_before(serve: Any, library: Any) -> None:
    url = serve(drips_after_an_answer)
    with library.Client() as own:
        assert ask("sync", own, base_url=url) == "ok"
        begun = time.monotonic()
        with pytest.raises(RequestTimeoutError, match=r"longer than 0.2 s"):
            ask("sync", own, base_url=url, timeout=Timeouts(total=0.2))
        assert time.monotonic() - begun < 5


def test_a_response_that_comes_too_late_is_closed(serve: Any) -> None:
    class Late(httpx.BaseTransport):
        def __init__(self) -> None:
            self.closed = threading.Event()

        def handle_request(self, request: httpx.Request) -> httpx.Response:
            time.sleep(0.3)
            late = self

            class Body(httpx.SyncByteStream):
                def __iter__(self) -> Iterator[bytes]:
                    yield b"{}"

                def close(self) -> None:
                    late.closed.set()

            return httpx.Response(200, stream=Body())

    transport = Late()
    with pytest.raises(RequestTimeoutError):
        ask("sync", transport, timeout=Timeouts(total=0.05))
    assert transport.closed.wait(5)


@LIBRARIES
@MODES
def test_headers_of_a_client_cannot_frame_a_request_otherwise(library: Any, mode: str) -> None:
    """Two lengths in one request are how one caller's bytes become another's request."""
    seen: list[Any] = []

    def handler(request: Any) -> Any:
        seen.append((request.headers, request.content if mode == "sync" else None))
        return library.Response(200, json=ANSWER)

    framing = {"Content-Length": "3", "Transfer-Encoding": "chunked", "TE": "trailers", "Expect": "100-continue"}
    own = made(library, mode, transport=library.MockTransport(handler), headers=framing)
    assert ask(mode, own, extra_headers={"Keep-Alive": "1", "Proxy-Connection": "x", **framing}) == "ok"
    headers, content = seen[0]
    assert not headers.keys() & {"transfer-encoding", "te", "expect", "proxy-connection"}
    assert headers["content-length"] == str(len(content)) if content else int(headers["content-length"]) > 3


@LIBRARIES
@MODES
@pytest.mark.parametrize("hedge_after", [None, 5.0])
@pytest.mark.parametrize("streams", [False, True])
def test_a_transport_gets_a_request_with_its_length_and_a_body_that_was_read(
    library: Any, mode: str, hedge_after: float | None, streams: bool
) -> None:
    seen: list[tuple[Any, ...]] = []

    def answer(request: Any) -> Any:
        seen.append((request.headers["content-length"], len(request.content), "transfer-encoding" in request.headers))
        return library.Response(200, json=ANSWER)

    class Transport(library.BaseTransport):
        def handle_request(self, request: Any) -> Any:
            return answer(request)

    class AsyncTransport(library.AsyncBaseTransport):
        async def handle_async_request(self, request: Any) -> Any:
            return answer(request)

    transport = Transport() if mode == "sync" else AsyncTransport()
    policy = FallbackPolicy(hedge_after=hedge_after)
    assert ask(mode, transport, streams=streams, fallbacks=["b/2"], fallback_policy=policy) == "ok"
    assert seen == [(str(seen[0][1]), seen[0][1], False)]
    assert seen[0][1] > 0
