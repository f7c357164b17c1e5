"""What the core's tests share: a scripted wire, four ways of making a call, and a raw socket server.

Nothing here patches the package: the wire is an ``httpx`` transport, the server a real socket on the loopback.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from requesty_core import (
    AsyncRequestyClient,
    ChatReply,
    FallbackPolicy,
    RequestyClient,
    RetryPolicy,
    StreamEvent,
)
from requesty_emulator import GatewayEmulator

if os.environ.get("REQUESTY_TEST_LOOP") == "uvloop":
    # Everything here that runs on an event loop runs on this one instead of asyncio's.
    import uvloop

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())

KEY = "rqy_SECRET-key-0123456789"
BASE_URL = "https://gateway.test/v1"
MODEL = "openai/gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "Hi"}]
USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10, "cost": 0.001}
FAST = FallbackPolicy(retry=RetryPolicy(base=1e-6, cap=1e-6, max_retry_after=1e-6))
"""Retries without a noticeable wait."""


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test, and reading an ``OPENAI_*`` variable would be noticed."""
    for name in ("API_KEY", "BASE_URL", "API_BASE", "APP_URL", "APP_TITLE"):
        monkeypatch.delenv(f"REQUESTY_{name}", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai-must-never-be-read")
    monkeypatch.setenv("OPENAI_BASE_URL", "https://openai.invalid/v1")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-openai")


# --- bodies -----------------------------------------------------------------------------------------------------------


def sse(*chunks: Any, done: bool = True) -> bytes:
    """The bytes of an event stream: dicts as JSON, bytes as they are."""
    lines = [c if isinstance(c, bytes) else b"data: " + json.dumps(c).encode() + b"\n\n" for c in chunks]
    return b"".join(lines) + (b"data: [DONE]\n\n" if done else b"")


def chunk(delta: Mapping[str, Any] | None = None, *, finish: str | None = None, **top: Any) -> dict[str, Any]:
    """One chunk of a stream with a single choice."""
    choice: dict[str, Any] = {"index": 0, "delta": dict(delta or {})}
    if finish is not None:
        choice["finish_reason"] = finish
    head = {"id": "rqsty-cmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    return {**head, "choices": [choice], **top}


def completion(message: Mapping[str, Any], *, finish: str | None = "stop", **top: Any) -> dict[str, Any]:
    """A complete body with a single choice."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    head = {"id": "rqsty-cmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-mini"}
    return {**head, "choices": [choice], **top}


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that arrives in given pieces; an exception among them is raised in its place."""

    def __init__(self, pieces: Iterable[bytes | Exception]) -> None:
        self._pieces = list(pieces)
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


Scripted = Callable[[bool], httpx.Response]
"""An answer: given whether the request asked for a stream, the response."""


def answer(
    message: Mapping[str, Any] | str = "Hello",
    *,
    finish: str = "stop",
    usage: Any = USAGE,
    headers: Mapping[str, str] | None = None,
    **top: Any,
) -> Scripted:
    """The same good answer for a unary and a streamed call."""
    body = {"content": message} if isinstance(message, str) else dict(message)
    tail = {} if usage is None else {"usage": usage}

    def render(stream: bool) -> httpx.Response:
        if stream:
            chunks = [chunk({"role": "assistant"}, **top), chunk(body, **top), chunk(finish=finish, **top)]
            content = sse(*chunks, {"id": "rqsty-cmpl-1", "choices": [], **tail})
            return httpx.Response(
                200, headers={"content-type": "text/event-stream", **(headers or {})}, content=content
            )
        return httpx.Response(200, headers=headers, json=completion(body, finish=finish, **tail, **top))

    return render


def http(status: int, body: Any = b"", **headers: str) -> Scripted:
    """A response with this status: bytes and text as they are, anything else as JSON. ``a_b`` means header ``a-b``."""
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda stream: httpx.Response(status, headers=named, content=content)


def pieces(*parts: bytes | Exception, status: int = 200, headers: Mapping[str, str] | None = None) -> Scripted:
    """A response whose body arrives in these parts."""
    return lambda stream: httpx.Response(status, headers=headers, stream=Pieces(parts))


def router_error(status: int, message: str, origin: str = "router", **headers: str) -> Scripted:
    """An error in the gateway's own envelope."""
    return http(status, {"error": {"origin": origin, "message": message}}, **headers)


class Wire:
    """A transport that gives scripted answers in order and keeps every request. An unplanned request fails the test."""

    def __init__(self, *answers: Scripted | Exception) -> None:
        self._answers = list(answers)
        self._lock = threading.Lock()
        self.requests: list[httpx.Request] = []
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
            assert number <= len(self._answers), f"request {number} was not planned: {request.content!r}"
        scripted = self._answers[number - 1]
        if isinstance(scripted, Exception):
            raise scripted
        return scripted(b'"stream":true' in request.content)

    def body(self, index: int = -1) -> dict[str, Any]:
        """The decoded body of a request."""
        body = json.loads(self.requests[index].content)
        assert isinstance(body, dict)
        return body

    @property
    def models(self) -> list[str]:
        """The models asked for, in order."""
        return [self.body(i)["model"] for i in range(len(self.requests))]


# --- ways of calling --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One of the four ways to make the same call; ``events`` of the last call are kept."""

    is_async: bool
    streams: bool
    events: list[StreamEvent] = field(default_factory=list)

    def client(self, wire: Any, **settings: Any) -> RequestyClient | AsyncRequestyClient:
        """A client on the wire (or on real sockets, for ``None``)."""
        cls = AsyncRequestyClient if self.is_async else RequestyClient
        defaults = {"api_key": KEY, "base_url": BASE_URL, "fallback_policy": FAST}
        transport = wire.transport if isinstance(wire, Wire) else wire
        return cls(transport=transport, **{**defaults, **settings})

    def ask(self, client: Any, **params: Any) -> ChatReply:
        """Make the call, and read the stream to its end if it is one."""
        self.events.clear()
        params = {"model": MODEL, "messages": MESSAGES, **params}
        if not self.is_async:
            if not self.streams:
                return client.chat(**params)
            with client.stream(**params) as stream:
                self.events.extend(stream)
            return stream.message

        async def main() -> ChatReply:
            if not self.streams:
                return await client.chat(**params)
            async with client.stream(**params) as stream:
                async for event in stream:
                    self.events.append(event)
            return stream.message

        return asyncio.run(main())

    def run(self, client: Any, call: Callable[[Any], Any]) -> Any:
        """What ``call`` makes of the client, awaited where it is a coroutine."""
        if not self.is_async:
            return call(client)

        async def main() -> Any:
            return await call(client)

        return asyncio.run(main())

    def __call__(self, wire: Any, settings: Mapping[str, Any] | None = None, **params: Any) -> ChatReply:
        """One call with a client of its own."""
        return self.ask(self.client(wire, **(settings or {})), **params)


def _way_name(way: Way) -> str:
    return f"{'async' if way.is_async else 'sync'}-{'stream' if way.streams else 'unary'}"


@pytest.fixture(params=[Way(a, s) for a in (False, True) for s in (False, True)], ids=_way_name)
def way(request: pytest.FixtureRequest) -> Way:
    """Each of {sync, async} x {unary, stream}."""
    return Way(request.param.is_async, request.param.streams)


@pytest.fixture(params=[Way(False, True), Way(True, True)], ids=_way_name)
def streaming(request: pytest.FixtureRequest) -> Way:
    """Both ways of streaming."""
    return Way(request.param.is_async, True)


@pytest.fixture(params=[Way(False, False), Way(True, False)], ids=_way_name)
def unary(request: pytest.FixtureRequest) -> Way:
    """Both ways of asking for a complete answer."""
    return Way(request.param.is_async, False)


# --- a server ---------------------------------------------------------------------------------------------------------

WAIT = "wait for the client to hang up"
CLOSE = "close the connection"
RESET = "reset the connection"
Action = bytes | float | str


class RawServer:
    """A socket server that answers each request with the actions its script gives: bytes, a pause, or a hang-up.

    It runs in a thread of its own, on one event loop, so hundreds of connections cost nothing.
    """

    def __init__(self, script: Callable[[int], Iterable[Action]], *, limit: int = 1000) -> None:
        self._script = script
        self._limit = limit
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.connections = 0
        self.requests: list[bytes] = []
        self.hung_up = threading.Event()
        """Set when a client hung up in the middle of an answer."""
        self._thread = threading.Thread(target=self._run, name="raw-server")
        self._thread.start()
        assert self._ready.wait(5)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        assert self.connections <= self._limit
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-length")), 0
        )
        self.requests.append(head + await reader.readexactly(length))
        for action in self._script(len(self.requests)):
            if isinstance(action, bytes):
                writer.write(action)
                try:
                    await writer.drain()
                except ConnectionError:
                    self.hung_up.set()
                    raise
            elif isinstance(action, float):
                await asyncio.sleep(action)
            elif action == WAIT:
                with contextlib.suppress(ConnectionError):
                    assert await reader.read(1) == b""
                self.hung_up.set()
                return False
            else:
                if action == RESET:
                    writer.transport.abort()
                return False
        return True

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(5)
        assert not self._thread.is_alive()


@pytest.fixture
def serve() -> Iterator[Callable[..., RawServer]]:
    """Start raw servers; they are stopped after the test."""
    servers: list[RawServer] = []

    def start(script: Callable[[int], Iterable[Action]], **options: Any) -> RawServer:
        servers.append(RawServer(script, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def head(
    *, status: str = "200 OK", length: int | None = None, chunked: bool = False, headers: Sequence[str] = ()
) -> bytes:
    """A response head; without length and chunks the body lasts until the connection is closed."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: text/event-stream", *headers]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def http_chunk(data: bytes) -> bytes:
    """One chunk of the chunked transfer coding; empty data is the last chunk."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def full(body: bytes, **options: Any) -> bytes:
    """A whole response with its length."""
    return head(length=len(body), **options) + body


def eventually(holds: Callable[[], bool], seconds: float = 1.0) -> bool:
    """Whether a condition comes true within the given time."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True


async def aeventually(holds: Callable[[], bool], seconds: float = 1.0) -> bool:
    """The same on an event loop."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(0.002)
    return True


def closed_port() -> int:
    """A loopback port nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        assert isinstance(port, int)
        return port


@pytest.fixture(scope="session")
def _emulator() -> Iterator[GatewayEmulator]:
    with GatewayEmulator() as emulator:
        yield emulator


@pytest.fixture
def gateway(_emulator: GatewayEmulator) -> GatewayEmulator:
    """A gateway as the contract describes it, empty at the start of each test."""
    _emulator.reset()
    return _emulator


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """The helpers above, by name: test modules cannot import this file."""
    return SimpleNamespace(
        KEY=KEY,
        BASE_URL=BASE_URL,
        MODEL=MODEL,
        MESSAGES=MESSAGES,
        USAGE=USAGE,
        FAST=FAST,
        WAIT=WAIT,
        CLOSE=CLOSE,
        RESET=RESET,
        Wire=Wire,
        Way=Way,
        aeventually=aeventually,
        answer=answer,
        chunk=chunk,
        closed_port=closed_port,
        completion=completion,
        eventually=eventually,
        full=full,
        head=head,
        http=http,
        http_chunk=http_chunk,
        pieces=pieces,
        router_error=router_error,
        sse=sse,
    )
