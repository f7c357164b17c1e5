"""The transport on sockets: every deadline in every phase, broken servers, the pool, and loops that come and go."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import gzip
import json
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import trustme

from requesty_core import (
    AsyncRequestyClient,
    BadRequestError,
    ConfigurationError,
    FallbackPolicy,
    MalformedResponseError,
    RateLimitError,
    RequestTimeoutError,
    RequestyClient,
    RequestyError,
    Timeouts,
)
from requesty_core.loops import loop_transport
from requesty_core.network import alarm, shared
from requesty_core.network.aio import LoopTransport
from requesty_core.network.alarm import set_alarm
from requesty_core.network.connecting import connect, connect_on_loop
from requesty_core.network.decoding import Decoder
from requesty_core.network.http11 import ResponseParser, encode_head
from requesty_core.network.pool import Pool, default_limit
from requesty_core.network.shared import shared_transport
from requesty_core.network.sync import SocketTransport
from requesty_core.routes.requests import path_join

MODEL = "openai/gpt-4o-mini"
MESSAGES = [{"role": "user", "content": "Hi"}]
CHUNK = b'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'


def whole(text: str = "ok") -> bytes:
    message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    body = json.dumps({"id": "x", "model": "m", "choices": [message]}).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def read_request(conn: socket.socket) -> bytes:
    """One request with its body; empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = conn.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    while len(body) < length:
        body += conn.recv(1 << 20)
    return head + b"\r\n\r\n" + body


class Server:
    """Hands every connection to a script in a thread of its own."""

    def __init__(self, script: Callable[[socket.socket, int], None]) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.base_url = f"http://127.0.0.1:{self.port}/v1"
        self.connections = 0
        self.over = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                conn, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(conn, self.connections), daemon=True).start()

    def _serve(self, conn: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError), conn:
            self._script(conn, number)

    def close(self) -> None:
        self.over.set()
        self._listener.close()


@pytest.fixture
def server() -> Iterator[Callable[[Callable[[socket.socket, int], None]], Server]]:
    made: list[Server] = []

    def make(script: Callable[[socket.socket, int], None]) -> Server:
        made.append(Server(script))
        return made[-1]

    yield make
    for one in made:
        one.close()


def run_on(mode: str, main: Any) -> Any:
    """Run a coroutine function on the loop that the mode names."""
    if mode == "uvloop":
        uvloop = pytest.importorskip("uvloop", reason="uvloop has no files for this system")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(main())
    return asyncio.run(main())


def ask(mode: str, settings: dict[str, Any], *, streams: bool = False, **call: Any) -> str:
    """The text of an answer, by the client and loop that the mode names."""
    call = {"model": MODEL, "messages": MESSAGES, **call}
    settings = {"api_key": "k", "max_retries": 0, **settings}
    if mode == "sync":
        client = RequestyClient(**settings)
        return "".join(client.stream(**call).text_stream) if streams else client.chat(**call).text

    async def main() -> str:
        client = AsyncRequestyClient(**settings)
        if streams:
            return "".join([text async for text in client.stream(**call).text_stream])
        return (await client.chat(**call)).text

    return str(run_on(mode, main))


MODES = pytest.mark.parametrize("mode", ["sync", "asyncio", "uvloop"])

# --- deadlines: phase x limit x mode ----------------------------------------------------------------------------------


def drip(conn: socket.socket, first: bytes, again: bytes) -> None:
    """Something arrives all the time, and it never comes to an end."""
    conn.sendall(first)
    while True:
        time.sleep(0.02)
        conn.sendall(again)


def deaf(conn: socket.socket, number: int) -> None:
    time.sleep(20)


def head(conn: socket.socket, number: int) -> None:
    read_request(conn)
    drip(conn, b"HTTP/1.1 200 OK\r\n", b"X-Wait: 1\r\n")


def interim(conn: socket.socket, number: int) -> None:
    read_request(conn)
    drip(conn, b"", b"HTTP/1.1 102 Processing\r\n\r\n")


def body(conn: socket.socket, number: int) -> None:
    read_request(conn)
    drip(conn, b"HTTP/1.1 200 OK\r\n\r\n", b"\n")


def refusal(conn: socket.socket, number: int) -> None:
    read_request(conn)
    drip(conn, b"HTTP/1.1 500 No\r\n\r\n", b" ")


PHASES: dict[str, Callable[[socket.socket, int], None]] = {
    "look-up": deaf,
    "TLS": deaf,
    "upload": deaf,
    "head": head,
    "interim": interim,
    "body": body,
    "refusal": refusal,
}
LIMITS: dict[str, tuple[dict[str, Any], str]] = {
    "total": ({"timeout": Timeouts(total=0.15)}, "longer than 0.15 s"),
    "deadline": ({"fallback_policy": FallbackPolicy(deadline=0.15)}, "longer than 0.1"),
    "first_byte": ({"timeout": Timeouts(first_byte=0.15)}, "no response within 0.15 s"),
    "first_token": ({"timeout": Timeouts(first_token=0.15)}, "no first token within 0.15 s"),
    "connect": ({"timeout": Timeouts(connect=0.15)}, "timeout.connect"),
}


BEFORE_THE_HEAD = ("look-up", "TLS", "upload", "head", "interim")
ENDS = {"first_byte": BEFORE_THE_HEAD, "connect": ("look-up", "TLS")}
"""Limits that end some phases only."""


@MODES
@pytest.mark.parametrize(("phase", "limit"), [(p, n) for n in LIMITS for p in ENDS.get(n, tuple(PHASES))])
def test_every_deadline_ends_every_phase(
    server: Any, mode: str, phase: str, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server(PHASES[phase]).base_url
    over = threading.Event()
    if phase == "look-up":
        resolve = socket.getaddrinfo

        def slow(host: Any, *args: Any, **more: Any) -> Any:
            if host == "slow.test":
                over.wait(10)
            return resolve("127.0.0.1" if host == "slow.test" else host, *args, **more)

        monkeypatch.setattr(socket, "getaddrinfo", slow)
        url = url.replace("127.0.0.1", "slow.test")
    if phase == "TLS":
        url = url.replace("http:", "https:")
    settings, words = LIMITS[limit]
    more = {"messages": [{"role": "user", "content": "x" * (8 << 20)}]} if phase == "upload" else {}
    try:
        with pytest.raises(RequestTimeoutError, match=words):
            ask(mode, {"base_url": url, **settings}, streams=limit == "first_token", **more)
    finally:
        over.set()


@MODES
def test_a_stream_of_comments_is_silence(server: Any, mode: str) -> None:
    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        drip(conn, b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + CHUNK, b": keep-alive\n\n")

    timeout = Timeouts(silence=0.15)
    with pytest.raises(RequestTimeoutError, match=r"silence for 0.15 s") as caught:
        ask(mode, {"base_url": server(script).base_url, "timeout": timeout}, streams=True)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "Hel"


@MODES
def test_content_ends_a_silence(server: Any, mode: str) -> None:
    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        for _ in range(8):
            time.sleep(0.1)
            conn.sendall(CHUNK)
        conn.sendall(b"data: [DONE]\n\n")

    settings = {"base_url": server(script).base_url, "timeout": Timeouts(silence=0.6)}
    assert ask(mode, settings, streams=True) == "Hel" * 8


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("phase", ["interim", "body"])
def test_the_clients_of_a_caller_keep_the_deadlines_too(server: Any, streams: bool, phase: str) -> None:
    url = server(PHASES[phase]).base_url
    with httpx.Client() as own, pytest.raises(RequestTimeoutError, match=r"longer than 0.15 s"):
        ask("sync", {"base_url": url, "transport": own, "timeout": Timeouts(total=0.15)}, streams=streams)


# --- sending ----------------------------------------------------------------------------------------------------------


@MODES
def test_an_upload_that_moves_is_no_stall(server: Any, mode: str) -> None:
    def script(conn: socket.socket, number: int) -> None:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        data = conn.recv(65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]) - len(rest)
        while left > 0:
            left -= len(conn.recv(262144))
            time.sleep(0.01)
        conn.sendall(whole())

    settings = {"base_url": server(script).base_url, "timeout": Timeouts(write=0.6, read=10)}
    assert ask(mode, settings, messages=[{"role": "user", "content": "x" * (10 << 20)}]) == "ok"


@pytest.mark.parametrize("mode", ["sync", "asyncio", "uvloop"])
def test_a_large_upload_and_a_large_answer_over_tls(server: Any, mode: str) -> None:
    authority = trustme.CA()
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(ours)
    size = 6 << 20

    def script(conn: socket.socket, number: int) -> None:
        with ours.wrap_socket(conn, server_side=True) as secure:
            while request := read_request(secure):
                assert len(request) > size
                secure.sendall(whole("y" * size))

    with authority.cert_pem.tempfile() as path:
        settings = {"base_url": server(script).base_url.replace("http:", "https:"), "ca_bundle": path}
        text = ask(mode, settings, messages=[{"role": "user", "content": "x" * size}])
    assert text == "y" * size


@MODES
@pytest.mark.parametrize("closes", [False, True])
def test_an_answer_that_comes_during_the_upload_is_read_and_nothing_sent_again(
    server: Any, mode: str, closes: bool
) -> None:
    def script(conn: socket.socket, number: int) -> None:
        conn.recv(65536)
        conn.sendall(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 2\r\n\r\n{}")
        if not closes:
            time.sleep(5)

    one = server(script)
    with pytest.raises(RateLimitError) as caught:
        ask(mode, {"base_url": one.base_url}, messages=[{"role": "user", "content": "x" * (8 << 20)}])
    assert caught.value.retry_after == 7
    assert one.connections == 1


def test_framing_headers_of_the_caller_are_left_out(server: Any) -> None:
    seen: list[bytes] = []

    def script(conn: socket.socket, number: int) -> None:
        seen.append(read_request(conn))
        conn.sendall(whole())

    given = {"Content-Length": "3", "Transfer-Encoding": "chunked", "Host": "elsewhere", "Connection": "close"}
    one = server(script)
    assert ask("sync", {"base_url": one.base_url, "extra_headers": given}) == "ok"
    lines = seen[0].partition(b"\r\n\r\n")[0].lower().split(b"\r\n")
    assert [line for line in lines if line.startswith((b"host:", b"transfer-", b"connection:"))] == [
        b"host: 127.0.0.1:%d" % one.port
    ]
    assert sum(line.startswith(b"content-length:") for line in lines) == 1
    raw = encode_head("POST", b"/", b"h", [(b"content-length", b"3"), (b"HOST", b"x"), (b"A", b"1")], 5)
    assert raw == b"POST / HTTP/1.1\r\nHost: h\r\nA: 1\r\nContent-Length: 5\r\n\r\n"


@pytest.mark.parametrize("segment", ["..", ".", "", " ", "%2e%2e", "%252e.", "a/../b", "a//b", "/", "..\\", "..;x"])
def test_an_id_cannot_lead_to_another_route(segment: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^id: "):
        path_join("https://x/v1/keys", segment)


def test_other_ids_are_one_segment() -> None:
    assert path_join("https://x", "a/b?c#d", "é..") == "https://x/a%2Fb%3Fc%23d/%C3%A9.."


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        b"X: a\rb",
        b"X: a\0b",
        b"X: \x1b[31m",
        b"X: \x7f",
        b"X\r: a",
        b"HTTP/1.1 200 O\x01K",
        b"A: b\r\n\r c: d",
    ],
)
def test_control_characters_in_a_head_are_refused(head: bytes) -> None:
    lines = head if head.startswith(b"HTTP") else b"HTTP/1.1 200 OK\r\n" + head
    with pytest.raises(httpx.RemoteProtocolError):
        ResponseParser().feed(lines + b"\r\ncontent-length: 0\r\n\r\n")


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "data",
    [
        CHUNKED + b"0\r\na\x00b: c\r\n\r\n",
        CHUNKED + b"0\r\nno trailer\r\n\r\n",
        CHUNKED + b"1;\x00\r\n",
        CHUNKED + b"1;" + b"e" * 5000 + b"\r\n",
        b"HTTP/1.1 102 Wait\r\n\r\n" * 20_000,
    ],
)
def test_what_could_be_endless_or_hidden_is_refused(data: bytes) -> None:
    def read() -> None:
        parser.feed(data)
        parser.close()

    parser = ResponseParser()
    with pytest.raises(httpx.RemoteProtocolError):
        read()
    assert not parser.keeps_alive


def test_pieces_of_one_byte_are_read_in_linear_time() -> None:
    """Quadratic reading would take minutes here."""
    parser = ResponseParser()
    for byte in b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000 + b"\r\ntransfer-encoding: chunked\r\n\r\n0\r\n":
        parser.feed(bytes((byte,)))
    for byte in b"a: b\r\n" * 30_000 + b"\r\n":
        parser.feed(bytes((byte,)))
    assert parser.done
    assert parser.keeps_alive


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n",
    ],
)
def test_a_doubtful_answer_ends_its_connection(data: bytes) -> None:
    parser = ResponseParser()
    parser.feed(data)
    assert parser.done
    assert not parser.keeps_alive


@MODES
@pytest.mark.parametrize("streams", [False, True])
def test_after_a_malformed_answer_the_connection_is_not_used_again(server: Any, mode: str, streams: bool) -> None:
    """The rest of an answer whose length was given too short would be read as the next caller's."""

    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + b'{"id"')
        time.sleep(0.1)
        conn.sendall(whole("another call's"))
        time.sleep(1)

    one = server(script)
    for _ in range(2):
        with pytest.raises(RequestyError):
            ask(mode, {"base_url": one.base_url}, streams=streams)
    assert one.connections == 2


@MODES
@pytest.mark.parametrize("streams", [False, True])
def test_a_body_is_bounded_compressed_or_not(server: Any, mode: str, streams: bool) -> None:
    bomb = gzip.compress(b"data: " + b"x" * (8 << 20))

    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)

    one = server(script)
    with pytest.raises(MalformedResponseError, match="longer than 1000000 bytes") as caught:
        ask(mode, {"base_url": one.base_url, "max_response_bytes": 1_000_000, "max_retries": 2}, streams=streams)
    assert not caught.value.is_retryable
    assert one.connections == 1


# --- connections ------------------------------------------------------------------------------------------------------


@MODES
@pytest.mark.parametrize("streams", [False, True])
def test_a_kept_connection_that_ends_unanswered_is_no_fault_of_the_model(server: Any, mode: str, streams: bool) -> None:
    asked: list[str] = []
    text = CHUNK + b"data: [DONE]\n\n"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text if streams else whole("Hel")

    def script(conn: socket.socket, number: int) -> None:
        asked.append(json.loads(read_request(conn).partition(b"\r\n\r\n")[2])["model"])
        conn.sendall(answer)
        conn.recv(1)

    settings = {"base_url": server(script).base_url, "api_key": "k", "fallbacks": ["b/2"]}

    def check(replies: list[Any]) -> None:
        assert [reply.text for reply in replies] == ["Hel"] * 4
        assert [[a.outcome for a in reply.attempts] for reply in replies] == [["ok"]] * 4
        assert [reply.attempts[0].resent_after is not None for reply in replies] == [False, True, True, True]
        assert set(asked) == {"a/1"}

    if mode == "sync":
        transport = SocketTransport(shared._tls)
        client = RequestyClient(transport=transport, **settings)
        replies = []
        for _ in range(4):
            stream = client.stream(model="a/1", messages=MESSAGES)
            replies.append(([*stream], stream.message)[1] if streams else client.chat(model="a/1", messages=MESSAGES))
        check(replies)
        return

    async def main() -> None:
        client = AsyncRequestyClient(**settings)
        replies = []
        for _ in range(4):
            if streams:
                stream = client.stream(model="a/1", messages=MESSAGES)
                async for _ in stream:
                    pass
                replies.append(stream.message)
            else:
                replies.append(await client.chat(model="a/1", messages=MESSAGES))
        check(replies)

    run_on(mode, main)


def test_a_write_whose_answer_got_lost_is_not_sent_again(server: Any) -> None:
    seen: list[bytes] = []

    def script(conn: socket.socket, number: int) -> None:
        seen.append(read_request(conn))
        conn.sendall(whole())
        seen.append(read_request(conn))

    one = server(script)
    root = one.base_url.removesuffix("/v1")
    client = RequestyClient(api_key="k", base_url=one.base_url, management_url=root)
    client.chat(model=MODEL, messages=MESSAGES)
    with pytest.raises(RequestyError):
        client.management.keys.delete("key-1")
    assert [request[:4] for request in seen] == [b"POST", b"DELE"]


@MODES
def test_waiting_for_a_connection_has_a_limit_of_its_own(server: Any, mode: str) -> None:
    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        time.sleep(0.6)
        conn.sendall(whole())

    settings = {
        "base_url": server(script).base_url,
        "api_key": "k",
        "max_retries": 0,
        "max_connections": 1,
        "timeout": Timeouts(pool=0.1),
    }
    if mode == "sync":
        client = RequestyClient(**settings)
        with ThreadPoolExecutor(2) as threads:
            jobs = [threads.submit(client.chat, model=MODEL, messages=MESSAGES) for _ in range(2)]
        errors = [job.exception() for job in jobs]
    else:

        async def main() -> list[Any]:
            client = AsyncRequestyClient(**settings)
            calls = [client.chat(model=MODEL, messages=MESSAGES) for _ in range(2)]
            results = await asyncio.gather(*calls, return_exceptions=True)
            return [r if isinstance(r, BaseException) else None for r in results]

        errors = run_on(mode, main)
    assert sorted(map(type, errors), key=str) == sorted([type(None), RequestTimeoutError], key=str)
    failed = next(e for e in errors if e is not None)
    assert "timeout.pool" in str(failed)
    assert not failed.was_sent


@MODES
def test_more_calls_than_connections_wait_in_line(server: Any, mode: str) -> None:
    def script(conn: socket.socket, number: int) -> None:
        while read_request(conn):
            conn.sendall(whole())

    one = server(script)
    settings = {"base_url": one.base_url, "api_key": "k", "max_connections": 3}
    if mode == "sync":
        client = RequestyClient(**settings)
        with ThreadPoolExecutor(12) as threads:
            texts = list(threads.map(lambda _: client.chat(model=MODEL, messages=MESSAGES).text, range(60)))
    else:

        async def main() -> list[str]:
            client = AsyncRequestyClient(**settings)
            replies = await asyncio.gather(*(client.chat(model=MODEL, messages=MESSAGES) for _ in range(60)))
            return [reply.text for reply in replies]

        texts = run_on(mode, main)
    assert texts == ["ok"] * 60
    assert one.connections <= 3


class Kept:
    def __init__(self, since: float = 0.0) -> None:
        self.idle_since = since


A, B = ("http", "a", 1), ("http", "b", 1)


def test_the_pool_hands_over_in_order_and_never_exceeds_its_limit() -> None:
    pool: Pool[Kept] = Pool(2)
    woken: list[str] = []
    assert (pool.reserve(), pool.reserve(), pool.reserve()) == (True, True, False)
    first = pool.enqueue(A, lambda: woken.append("first"))
    second = pool.enqueue(B, lambda: woken.append("second"))
    third = pool.enqueue(A, lambda: woken.append("third"))
    one, two = Kept(), Kept()
    assert pool.give(A, one) is None
    assert first.connection is one
    assert pool.give(A, two) is two, "not the origin that the next in line wants"
    assert second.granted
    assert second.connection is None
    assert pool.leave(second) is None
    assert third.granted, "a turn that is not taken goes on"
    pool.drop()
    assert woken == ["first", "second", "third"]
    assert (pool.open, pool.idle_count) == (1, 0)


def test_a_process_without_descriptors_waits_for_what_is_open() -> None:
    pool: Pool[Kept] = Pool(10)
    assert all(pool.reserve() for _ in range(4))
    assert pool.starve()
    assert not pool.reserve()
    assert pool.limit == 3
    assert pool.give(A, Kept()) is None
    assert pool.reserve(), "the limit rises again"
    alone: Pool[Kept] = Pool(10)
    assert alone.reserve()
    assert not alone.starve()


def test_the_default_limit_is_below_the_file_limit() -> None:
    resource = pytest.importorskip("resource", reason="this system has no file limit")
    assert 8 <= default_limit() <= max(8, resource.getrlimit(resource.RLIMIT_NOFILE)[0])


def test_the_first_address_that_answers_wins_and_the_others_are_closed() -> None:
    """A host whose first address refuses and whose second is silent."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    closed = socket.create_server(("127.0.0.1", 0))
    refused = closed.getsockname()[1]
    closed.close()
    family = socket.AF_INET
    addresses: Any = [(family, socket.SOCK_STREAM, 0, ("127.0.0.1", p)) for p in (refused, port, refused)]
    before = descriptors()
    for _ in range(3):
        with connect(addresses, 5) as sock:
            assert sock.getpeername()[1] == port
    with pytest.raises(ConnectionRefusedError):
        connect([addresses[0], addresses[2]], 5)

    async def main() -> None:
        for _ in range(3):
            sock = await connect_on_loop(addresses)
            assert sock.getpeername()[1] == port
            sock.close()
        with pytest.raises(ConnectionRefusedError):
            await connect_on_loop([addresses[0], addresses[2]])

    asyncio.run(main())
    listener.close()
    assert descriptors() <= before


def descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


# --- loops ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["asyncio", "uvloop"])
@pytest.mark.parametrize("shuts_down", [True, False])
def test_a_loop_takes_what_is_its_own_with_it(server: Any, mode: str, shuts_down: bool) -> None:
    def script(conn: socket.socket, number: int) -> None:
        while read_request(conn):
            conn.sendall(whole())

    client = AsyncRequestyClient(api_key="k", base_url=server(script).base_url)
    if mode == "uvloop":
        make = pytest.importorskip("uvloop", reason="uvloop has no files for this system").new_event_loop
    else:
        make = asyncio.new_event_loop

    def job() -> None:
        loop = make()
        loop.run_until_complete(client.chat(model=MODEL, messages=MESSAGES))
        if shuts_down:
            loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    job()
    before, transports = descriptors(), live(LoopTransport)
    for _ in range(30):
        job()
    # A connection of the last loop, and the server's end of it, may be left.
    assert descriptors() <= before + 4
    assert live(LoopTransport) <= transports + 1


def live(kind: type) -> int:
    gc.collect()
    return sum(isinstance(thing, kind) for thing in gc.get_objects())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks(server: Any) -> None:
    def script(conn: socket.socket, number: int) -> None:
        while read_request(conn):
            conn.sendall(whole())

    client = AsyncRequestyClient(api_key="k", base_url=server(script).base_url.replace("127.0.0.1", "localhost"))

    async def main() -> None:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined]
        replies = await asyncio.gather(*(client.chat(model=MODEL, messages=MESSAGES) for _ in range(5)))
        assert [reply.text for reply in replies] == ["ok"] * 5

    asyncio.run(main())


def test_without_an_asyncio_loop_one_line_says_so() -> None:
    coroutine = loop_transport("http")
    with pytest.raises(ConfigurationError, match="no asyncio event loop is running"):
        coroutine.send(None)


@pytest.mark.parametrize("mode", ["asyncio", "uvloop"])
def test_an_idle_connection_that_ends_is_dropped_at_once(server: Any, mode: str) -> None:
    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        conn.sendall(whole())
        conn.shutdown(socket.SHUT_RDWR)

    client = AsyncRequestyClient(api_key="k", base_url=server(script).base_url)

    async def main() -> None:
        await client.chat(model=MODEL, messages=MESSAGES)
        transport = await loop_transport("http")
        for _ in range(200):
            if not transport.idle:  # type: ignore[attr-defined]
                break
            await asyncio.sleep(0.01)
        assert transport.idle == 0  # type: ignore[attr-defined]

    run_on(mode, main)


# --- which transport --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (RequestyClient, httpx.AsyncClient()),
        (RequestyClient, httpx.AsyncHTTPTransport()),
        (RequestyClient, httpx.Client),
        (RequestyClient, 3),
        (RequestyClient, "curl"),
        (AsyncRequestyClient, httpx.Client()),
        (AsyncRequestyClient, httpx.HTTPTransport()),
        (AsyncRequestyClient, object()),
    ],
)
def test_a_transport_of_the_wrong_kind_is_refused_at_construction(make: Any, given: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^transport: "):
        make(api_key="k", transport=given)


def test_the_clients_own_settings_are_honoured(server: Any) -> None:
    seen: list[bytes] = []

    def script(conn: socket.socket, number: int) -> None:
        while request := read_request(conn):
            seen.append(request)
            conn.sendall(whole())

    told: list[Any] = []
    with httpx.Client(
        headers={"X-Mine": "1"},
        params={"q": "2"},
        cookies={"c": "3"},
        timeout=7.0,
        event_hooks={
            "request": [lambda r: told.append(r.extensions["timeout"]["read"])],
            "response": [httpx.Response.read],
        },
    ) as own:
        assert ask("sync", {"base_url": server(script).base_url, "transport": own}) == "ok"
    head = seen[0].partition(b"\r\n\r\n")[0].lower()
    assert b"post /v1/chat/completions?q=2 http/1.1" in head
    assert b"x-mine: 1" in head
    assert b"cookie: c=3" in head
    assert told == [7.0]


@MODES
def test_httpx_can_be_told_to_send(server: Any, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def script(conn: socket.socket, number: int) -> None:
        while read_request(conn):
            conn.sendall(whole())

    url = server(script).base_url
    before = shared_transport("http")
    assert ask(mode, {"base_url": url, "transport": "httpx"}) == "ok"
    monkeypatch.setenv("REQUESTY_TRANSPORT", "httpx")
    assert ask(mode, {"base_url": url}) == "ok"
    assert not isinstance(shared_transport("http"), SocketTransport)
    monkeypatch.setenv("REQUESTY_TRANSPORT", "curl")
    with pytest.raises(ConfigurationError, match=r"^REQUESTY_TRANSPORT: 'curl' is unknown"):
        ask(mode, {"base_url": url})
    monkeypatch.delenv("REQUESTY_TRANSPORT")
    assert shared_transport("http") is before


@pytest.mark.parametrize(
    ("name", "value", "scheme"),
    [("ALL_PROXY", "socks://x:1", "http"), ("https_proxy", "gopher://x", "https"), ("SSL_CERT_FILE", "/none", "https")],
)
@MODES
def test_a_broken_environment_is_a_configuration_error(
    mode: str, name: str, value: str, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    shared._close()
    shared._tls.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=f"(?i)^{name}: "):
            ask(mode, {"base_url": f"{scheme}://127.0.0.1:1/v1"})
    finally:
        shared._close()
        shared._tls.cache_clear()


@pytest.mark.parametrize(
    "setting",
    [
        {"proxy": "x"},
        {"proxy": 3},
        {"ca_bundle": "/none"},
        {"ca_bundle": ""},
        {"client_cert": ("one",)},
        {"max_connections": 0},
        {"max_connections": True},
        {"max_response_bytes": 1.5},
    ],
)
def test_settings_of_the_network_refuse_nonsense(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"^{next(iter(setting))}: "):
        RequestyClient(api_key="k", **setting)


@pytest.mark.parametrize("name", ["first_byte", "silence", "pool"])
@pytest.mark.parametrize("value", [0, -1, "1", True, float("nan"), float("inf")])
def test_limits_refuse_nonsense(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^timeout.{name}: "):
        Timeouts(**{name: value})


def test_alarms_that_were_cancelled_leave_the_heap() -> None:
    for _ in range(2000):
        set_alarm(3600, print).cancel()
    assert len(alarm._clock._heap) < 200


@MODES
def test_an_answer_nobody_asked_for_does_not_shift_the_answers_that_follow(server: Any, mode: str) -> None:
    """It is taken for the answer of the request that is under way, so that one's own answer must not be the next's."""

    def script(conn: socket.socket, number: int) -> None:
        while request := read_request(conn):
            text = json.loads(request.partition(b"\r\n\r\n")[2])["messages"][0]["content"]
            if text == "first":
                conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                time.sleep(0.05)
            data = CHUNK.replace(b"Hel", text.encode()) + b"data: [DONE]\n\n"
            conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data)

    settings = {"base_url": server(script).base_url, "api_key": "k", "max_retries": 0}

    def asking(text: str) -> dict[str, Any]:
        return {"model": MODEL, "messages": [{"role": "user", "content": text}]}

    async def main() -> str:
        client = AsyncRequestyClient(**settings)
        with pytest.raises(RequestyError):
            [text async for text in client.stream(**asking("first")).text_stream]
        return "".join([text async for text in client.stream(**asking("second")).text_stream])

    if mode == "sync":
        with pytest.raises(RequestyError):
            ask(mode, settings, streams=True, **asking("first"))
        assert ask(mode, settings, streams=True, **asking("second")) == "second"
    else:
        assert run_on(mode, main) == "second"


@MODES
@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("coding", [b"br", b"zstd", b"gzip, gzip"])
def test_a_coding_that_was_not_asked_for_is_a_typed_error(server: Any, mode: str, streams: bool, coding: bytes) -> None:
    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + b"\r\nContent-Length: 2\r\n\r\n{}")

    with pytest.raises(MalformedResponseError, match="was not asked for"):
        ask(mode, {"base_url": server(script).base_url}, streams=streams)


@MODES
@pytest.mark.parametrize("head", [b"", b"Content-Encoding: br\r\n"])
@pytest.mark.parametrize("streams", [False, True])
def test_a_refusal_with_a_body_that_cannot_be_read_is_still_a_refusal(
    server: Any, mode: str, head: bytes, streams: bool
) -> None:
    def script(conn: socket.socket, number: int) -> None:
        while read_request(conn):
            conn.sendall(b"HTTP/1.1 429 No\r\n" + head + b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)

    one = server(script)
    for _ in range(2):
        with pytest.raises(RateLimitError):
            ask(mode, {"base_url": one.base_url, "max_response_bytes": 1000}, streams=streams)
    assert one.connections == 2, "what is left of the body is not read as the next answer"


@MODES
@pytest.mark.parametrize("body", [b'{"a": "' + b"x" * 3_000_000 + b'"}', b"data: " + b"x" * 3_000_000 + b"\n\n"])
def test_what_a_stream_must_keep_whole_is_bounded(server: Any, mode: str, body: bytes) -> None:
    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        conn.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + body)

    with pytest.raises(MalformedResponseError, match="longer than 1000000 bytes"):
        ask(mode, {"base_url": server(script).base_url, "max_response_bytes": 1_000_000}, streams=True)


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_a_gzip_file_of_several_members_is_read_whole(step: int) -> None:
    decoder = Decoder("gzip", 1000)
    data = gzip.compress(b"one") + gzip.compress(b"") + gzip.compress(b"two") + b"\0\0"
    assert b"".join(b"".join(decoder.feed(data[i : i + step])) for i in range(0, len(data), step)) == b"onetwo"
    decoder.close()
    short = Decoder("gzip", 1000)
    list(short.feed(data[: len(data) - 8]))
    with pytest.raises(httpx.DecodingError):
        short.close()


def test_chunk_extensions_cannot_outweigh_the_body() -> None:
    parser = ResponseParser()
    parser.feed(CHUNKED + (b"1;" + b"e" * 3000 + b"\r\nx\r\n") * 200)
    assert "extensions" in str(parser.failure)
    assert ResponseParser().feed(CHUNKED + (b"1;name=value\r\nx\r\n") * 5000) == b"x" * 5000


@pytest.mark.parametrize("value", ["http://", "http://[::1", "http://proxy:99999", "   ", "proxy:x"])
@MODES
def test_a_proxy_of_the_environment_that_is_none_is_a_configuration_error(
    mode: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", value)
    shared._close()
    try:
        with pytest.raises(ConfigurationError, match=r"^http_proxy: not the URL of a proxy"):
            ask(mode, {"base_url": "http://127.0.0.1:1/v1"})
        with pytest.raises(ConfigurationError, match=r"^proxy: not the URL of a proxy"):
            ask(mode, {"proxy": value})
    finally:
        shared._close()


@pytest.mark.parametrize(
    ("name", "words"), [("SSL_CERT_DIR", "no folder of this name"), ("SSLKEYLOGFILE", "cannot be written to")]
)
def test_paths_of_the_environment_are_named_by_their_variable(
    name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv(name, "/none/such")
    shared._close()
    shared._tls.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match=f"^{name}: {words}"):
            ask("sync", {"base_url": "https://127.0.0.1:1/v1"})
    finally:
        shared._close()
        shared._tls.cache_clear()


PACED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"


@pytest.mark.parametrize("given", ["own", "httpx"])
@MODES
def test_the_time_that_the_caller_takes_is_no_silence_of_the_server(server: Any, mode: str, given: str) -> None:
    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        conn.sendall(PACED)
        for _ in range(3):
            conn.sendall(CHUNK)
            time.sleep(0.05)
        conn.sendall(b"data: [DONE]\n\n")

    settings = {"base_url": server(script).base_url, "api_key": "k", "timeout": Timeouts(silence=0.3)}
    call = {"model": MODEL, "messages": MESSAGES}
    texts: list[str] = []

    async def main() -> None:
        own = httpx.AsyncClient() if given == "httpx" else None
        async for text in AsyncRequestyClient(transport=own, **settings).stream(**call).text_stream:
            texts.append(text)
            await asyncio.sleep(0.4)

    if mode == "sync":
        own = httpx.Client() if given == "httpx" else None
        for text in RequestyClient(transport=own, **settings).stream(**call).text_stream:
            texts.append(text)
            time.sleep(0.4)
    else:
        run_on(mode, main)
    assert texts == ["Hel"] * 3


def test_idle_connections_that_ended_are_closed_although_no_request_comes(server: Any) -> None:
    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        conn.sendall(whole())

    transport = SocketTransport(shared._tls)
    client = RequestyClient(api_key="k", base_url=server(script).base_url, transport=transport)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: client.chat(model=MODEL, messages=MESSAGES), range(4)))
    for _ in range(100):
        if not transport.idle:
            break
        time.sleep(0.1)
    assert transport.idle == 0
    assert client.chat(model=MODEL, messages=MESSAGES).text == "ok"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"timeout": Timeouts(total=3)},
        {"fallback_policy": FallbackPolicy(deadline=3)},
        {"fallbacks": ["b/2"], "fallback_policy": FallbackPolicy(hedge_after=0.1)},
    ],
    ids=["nothing set", "total", "deadline", "hedging"],
)
@pytest.mark.parametrize("what", ["chat", "stream", "embeddings"])
def test_every_call_without_an_asyncio_loop_ends_in_that_one_line(settings: dict[str, Any], what: str) -> None:
    client = AsyncRequestyClient(api_key="k", base_url="http://127.0.0.1:1/v1", **settings)
    coroutine: Any = {
        "chat": lambda: client.chat(model=MODEL, messages=MESSAGES),
        "stream": lambda: client.stream(model=MODEL, messages=MESSAGES).__anext__(),
        "embeddings": lambda: client.embeddings(model=MODEL, input=["a"]),
    }[what]()
    with pytest.raises(ConfigurationError, match="no asyncio event loop is running"):
        coroutine.send(None)


@MODES
@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize("framing", [b"Content-Length: 500\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_refusal_that_is_cut_off_is_still_a_refusal(server: Any, mode: str, streams: bool, framing: bytes) -> None:
    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        conn.sendall(b"HTTP/1.1 413 Too Large\r\n" + framing + b"\r\n")

    one = server(script)
    with pytest.raises(BadRequestError) as caught:
        ask(mode, {"base_url": one.base_url, "max_retries": 2}, streams=streams)
    assert caught.value.status == 413
    assert one.connections == 1
