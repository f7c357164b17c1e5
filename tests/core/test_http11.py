"""The HTTP/1.1 parser against an independent one, and the transports on it over real and TLS sockets."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import h11
import httpx
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from requesty_core.network import aio as http_async
from requesty_core.network import idle
from requesty_core.network import sync as http_sync
from requesty_core.network.aio import LoopTransport
from requesty_core.network.http11 import MAX_HEAD_BYTES, ResponseParser, encode_head
from requesty_core.network.sync import SocketTransport


def parse(pieces: list[bytes], *, method: str = "POST", ends: bool = False) -> tuple[int, list, bytes, bool, bool]:
    parser = ResponseParser(method)
    body = b"".join(parser.feed(p) for p in pieces)
    if ends or parser.failure is not None:
        parser.close()
    return parser.status, parser.headers, body, parser.done, parser.keeps_alive


def parse_with_h11(data: bytes) -> tuple[int, list, bytes]:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="POST", target="/", headers=[("host", "x"), ("content-length", "0")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    body, status, headers = b"", 0, []
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Response):
            status, headers = event.status_code, event.headers.raw_items()
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return status, headers, body


def cut(data: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({p % (len(data) + 1) for p in places})
    return [data[a:b] for a, b in zip([0, *marks], [*marks, len(data)], strict=True)]


CHUNKS = st.lists(st.binary(min_size=1, max_size=40), max_size=8)
EXTENSIONS = st.sampled_from([b"", b";a=b", b";x", b';q="1"'])


@given(CHUNKS, EXTENSIONS, st.booleans(), st.lists(st.integers(0, 2000), max_size=12), st.booleans())
def test_a_chunked_body_is_the_same_however_the_bytes_are_cut(
    chunks: list[bytes], extension: bytes, trailer: bool, places: list[int], upper: bool
) -> None:
    size = b"%X" if upper else b"%x"
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A:  b \r\n\r\n"
    body = b"".join(size % len(c) + extension + b"\r\n" + c + b"\r\n" for c in chunks)
    data = head + body + b"0\r\n" + (b"X-Trailer: t\r\n" if trailer else b"") + b"\r\n"
    status, headers, got, done, alive = parse(cut(data, places))
    assert (status, got, done, alive) == (200, b"".join(chunks), True, True)
    assert headers == [(b"Transfer-Encoding", b"chunked"), (b"X-A", b"b")]
    reference_status, reference_headers, reference_body = parse_with_h11(data)
    assert (status, got) == (reference_status, reference_body)
    assert [(n.lower(), v) for n, v in headers] == [(n.lower(), v) for n, v in reference_headers]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"1;" + b"e" * 5000 + b"\r\n", "longer than 4096 bytes"),
        (b"1;" + b"e" * 5000, "longer than 4096 bytes"),
        (b"0" * 5000 + b"\r\n", "longer than 4096 bytes"),
        (b"one\r\n", "not a number: b'one'"),
        (b"1 2\r\n", "not a number: b'1 2'"),
    ],
)
@pytest.mark.parametrize("step", [7, 10_000])
def test_a_chunk_size_that_cannot_be_read_is_refused_for_what_it_is(line: bytes, words: str, step: int) -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + line
    with pytest.raises(httpx.RemoteProtocolError, match=words):
        parse([data[at : at + step] for at in range(0, len(data), step)])


@given(st.binary(max_size=300), st.lists(st.integers(0, 500), max_size=8))
def test_a_body_of_known_length_is_the_same_however_the_bytes_are_cut(body: bytes, places: list[int]) -> None:
    data = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    assert parse(cut(data, places))[2:] == (body, True, True)


@given(st.binary(max_size=200), st.lists(st.integers(0, 300), max_size=8))
def test_anything_else_is_an_error_or_a_response_but_never_another_exception(noise: bytes, places: list[int]) -> None:
    for prefix in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"):
        with contextlib.suppress(httpx.RemoteProtocolError):
            parse(cut(prefix + noise, places), ends=True)


@given(
    st.lists(st.sampled_from([b"1\r\n", b"a\r\n", b"0", b"\r\n", b"2;x\r\nok\r\n", b"z", b"\n"]), max_size=12),
    st.data(),
)
def test_what_came_before_an_error_is_the_same_however_the_bytes_are_cut(
    noise: list[bytes], data: st.DataObject
) -> None:
    wire = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n" + b"".join(noise)
    outcomes = []
    for pieces in ([wire], cut(wire, data.draw(st.lists(st.integers(0, 200), max_size=8)))):
        parser = ResponseParser()
        body = b"".join(parser.feed(piece) for piece in pieces)
        outcomes.append((parser.status, body, parser.done, parser.keeps_alive, repr(parser.failure)))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][1].startswith(b"ok")


KEEP = [
    (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", True),
    (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", False),
    (b"HTTP/1.1 200 OK\r\nConnection: Keep-Alive, Close\r\ncontent-length: 0\r\n\r\n", False),
    (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", False),
    (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n", True),
    (b"HTTP/1.1 204 No Content\r\n\r\n", True),
    (b"HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", True),
    (b"HTTP/1.1 200 OK\ncontent-length: 0\n\n", True),
    (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 X\r\n\r\n", True),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nsurplus", False),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nsurplus", False),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokay", False),
]


@pytest.mark.parametrize(("data", "alive"), KEEP)
def test_when_a_connection_may_be_used_again(data: bytes, alive: bool) -> None:
    assert parse([data])[3:] == (True, alive)
    assert parse([data[i : i + 1] for i in range(len(data))])[3] is True


REFUSED = [
    (b"SSH-2.0-OpenSSH\r\n\r\n", "did not answer with HTTP"),
    (b"HTTP/2 200\r\n\r\n", "did not answer with HTTP"),
    (b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n", "header is malformed"),
    (b"HTTP/1.1 200 OK\r\nna me: x\r\n\r\n", "header is malformed"),
    (b"HTTP/1.1 101 Switching\r\n\r\n", "switched protocols"),
    (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", "content length"),
    (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "content length"),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", "transfer encoding"),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "chunk size"),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + b"1" * 5000, "chunk size"),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nabcd\r\n", "longer than it says"),
    (b"HTTP/1.1 200 OK\r\n" + b"x" * (MAX_HEAD_BYTES + 1), "longer than"),
    (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n" + b"a: b\r\n" * 50_000, "trailers"),
]


@pytest.mark.parametrize(("data", "words"), REFUSED)
def test_what_is_not_http_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match=words):
        parse([data])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "without sending a response"),
        (b"HTTP/1.1 200", "in the middle of the response headers"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc", "before the body was complete"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc", "before the body was complete"),
    ],
)
def test_a_connection_that_ends_too_early_is_an_error(data: bytes, words: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match=words):
        parse([data], ends=True)


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    assert parse([b"HTTP/1.1 200 OK\r\n\r\nabc"], ends=True)[2:] == (b"abc", True, False)
    assert parse([b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"], method="HEAD")[3:] == (True, True)


def test_a_folded_header_is_one_header() -> None:
    assert parse([b"HTTP/1.1 204 X\r\na: b\r\n  c\r\n\r\n"])[1] == [(b"a", b"b c")]


@pytest.mark.parametrize("value", [b"a\r\nInjected: 1", b"a\nb", b"a\rb", b"a\0b"])
def test_a_header_that_would_be_two_is_never_sent(value: bytes) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        encode_head("POST", b"/", b"x", [(b"x-label", value)], 0)


# --- transports -------------------------------------------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@dataclass
class Server:
    """A threaded socket server that hands each connection to ``script``; counts connections."""

    script: Callable[[socket.socket], None]
    tls: ssl.SSLContext | None = None
    connections: int = 0
    port: int = 0
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Server:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self.tls is not None:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with sock:
                self.script(sock)

    def __exit__(self, *exc: object) -> None:
        self._listener.close()

    def url(self, scheme: str = "http") -> str:
        return f"{scheme}://localhost:{self.port}/v1"


def read_request(sock: socket.socket) -> bytes:
    """One request with its body; empty at the end of the connection."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return b""
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


def answer_all(sock: socket.socket) -> None:
    while read_request(sock):
        sock.sendall(OK)


def answer_once(sock: socket.socket) -> None:
    read_request(sock)
    sock.sendall(OK)


def request(url: str, *, size: int = 2, **timeouts: float) -> httpx.Request:
    content = b"{}" if size == 2 else b"x" * size
    return httpx.Request(
        "POST", url, content=content, extensions={"timeout": {"connect": 5, "read": 5, "write": 5, **timeouts}}
    )


@pytest.fixture(scope="module")
def authority() -> Iterator[tuple[ssl.SSLContext, ssl.SSLContext]]:
    """Server and client TLS contexts of a made-up authority."""
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(server)
    client = ssl.create_default_context()
    ca.configure_trust(client)
    return server, client


class Sync:
    """The synchronous transport behind the interface the tests use."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.transport = SocketTransport(lambda: tls or ssl.create_default_context())

    async def send(self, url: str, **timeouts: float) -> bytes:
        return await asyncio.to_thread(self._send, url, timeouts)

    def _send(self, url: str, timeouts: dict[str, float]) -> bytes:
        response = self.transport.handle_request(request(url, **timeouts))
        try:
            return response.read()
        finally:
            response.close()

    async def close(self) -> None:
        self.transport.close()


class Async:
    """The asynchronous one."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.transport = LoopTransport(lambda: tls or ssl.create_default_context())

    async def send(self, url: str, **timeouts: float) -> bytes:
        response = await self.transport.handle_async_request(request(url, **timeouts))
        try:
            return await response.aread()
        finally:
            await response.aclose()

    async def close(self) -> None:
        await self.transport.aclose()


BOTH = pytest.mark.parametrize("kind", [Sync, Async])


@BOTH
async def test_a_connection_is_used_again(kind: type[Sync | Async]) -> None:
    with Server(answer_all) as server:
        transport = kind()
        for _ in range(3):
            assert await transport.send(server.url()) == b"ok"
        assert (server.connections, transport.transport.idle, transport.transport.in_flight) == (1, 1, 0)
        await transport.close()
        assert transport.transport.idle == 0


@BOTH
async def test_a_connection_closed_meanwhile_is_replaced(kind: type[Sync | Async]) -> None:
    closed = threading.Event()

    def script(sock: socket.socket) -> None:
        answer_once(sock)
        sock.shutdown(socket.SHUT_RDWR)
        closed.set()

    with Server(script) as server:
        transport = kind()
        for _ in range(3):
            assert await transport.send(server.url()) == b"ok"
            assert await asyncio.to_thread(closed.wait, 5)
            closed.clear()
            await asyncio.sleep(0.02)
        assert server.connections == 3
        await transport.close()


@BOTH
async def test_tls_is_verified_against_the_given_authority(
    kind: type[Sync | Async], authority: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    server_side, trusting = authority
    with Server(answer_all, tls=server_side) as server:
        transport = kind(trusting)
        assert await transport.send(server.url("https")) == b"ok"
        assert await transport.send(server.url("https")) == b"ok"
        assert server.connections == 1
        await transport.close()
        stranger = kind()
        with pytest.raises(httpx.ConnectError, match="certificate"):
            await stranger.send(server.url("https"))
        with pytest.raises(httpx.ConnectError):
            await kind(trusting).send(f"https://127.0.0.1:{server.port}/v1")
        assert stranger.transport.in_flight == 0


@BOTH
async def test_silence_is_a_read_timeout_and_frees_the_connection(kind: type[Sync | Async]) -> None:
    over = threading.Event()

    def script(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab")
        over.wait(5)

    with Server(script) as server:
        transport = kind()
        with pytest.raises(httpx.ReadTimeout):
            await transport.send(server.url(), read=0.05)
        over.set()
        assert (transport.transport.in_flight, transport.transport.idle) == (0, 0)


@BOTH
async def test_a_large_request_and_a_large_answer_pass_whole(kind: type[Sync | Async]) -> None:
    size = 3_000_000

    def script(sock: socket.socket) -> None:
        got = read_request(sock)
        body = b"x" * size
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nx-got: %d\r\n\r\n" % (size, len(got)) + body)

    with Server(script) as server:
        transport = kind()
        assert await transport.send(server.url()) == b"x" * size
        await transport.close()


@BOTH
async def test_the_request_is_written_as_http(kind: type[Sync | Async]) -> None:
    seen: list[bytes] = []

    def script(sock: socket.socket) -> None:
        seen.append(read_request(sock))
        sock.sendall(OK)

    with Server(script) as server:
        await kind().send(server.url() + "/a%20b?c=d")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /v1/a%20b?c=d HTTP/1.1"
    assert b"Host: localhost:%d" % server.port in lines
    assert b"Content-Length: 2" in lines
    assert body == b"{}"


@BOTH
async def test_no_server_is_a_connect_error(kind: type[Sync | Async]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(httpx.ConnectError):
        await kind().send(f"http://127.0.0.1:{port}/")


def hold(sock: socket.socket) -> None:
    """Read nothing, say nothing, until the client hangs up."""
    hung_up = select.poll()
    hung_up.register(sock, select.POLLHUP | getattr(select, "POLLRDHUP", 0))
    hung_up.poll(30_000)


@BOTH
async def test_a_server_that_never_finishes_the_handshake_is_a_connect_timeout(kind: type[Sync | Async]) -> None:
    with Server(hold) as server:
        transport = kind()
        with pytest.raises(httpx.ConnectTimeout):
            await transport.send(server.url("https"), connect=0.05)
        assert transport.transport.in_flight == 0


@BOTH
async def test_a_server_that_does_not_read_is_a_write_timeout(kind: type[Sync | Async]) -> None:
    with Server(hold) as server:
        transport = kind()
        with pytest.raises(httpx.WriteTimeout):
            await transport.send(server.url(), write=0.05, size=30_000_000)
        assert transport.transport.in_flight == 0


@BOTH
async def test_a_server_that_reads_slowly_gets_everything(kind: type[Sync | Async]) -> None:
    def script(sock: socket.socket) -> None:
        time.sleep(0.05)
        assert read_request(sock).endswith(b"x" * 1000)
        sock.sendall(OK)

    with Server(script) as server:
        assert await kind().send(server.url(), size=5_000_000) == b"ok"


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@BOTH
@pytest.mark.parametrize("when", ["before the answer", "in the middle", "while sending"])
async def test_a_reset_is_an_error_of_the_connection(kind: type[Sync | Async], when: str) -> None:
    def script(sock: socket.socket) -> None:
        if when == "while sending":
            sock.recv(10)
        else:
            read_request(sock)
            if when == "in the middle":
                sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab")
                time.sleep(0.05)
        reset(sock)

    with Server(script) as server:
        transport = kind()
        with pytest.raises((httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)):
            await transport.send(server.url(), size=30_000_000 if when == "while sending" else 2)
        assert (transport.transport.in_flight, transport.transport.idle) == (0, 0)


@BOTH
async def test_a_slow_reader_holds_the_server_back_and_loses_nothing(kind: type[Sync | Async]) -> None:
    size = 30_000_000
    sent = threading.Event()

    def script(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        sock.sendall(b"x" * size)
        sent.set()

    with Server(script) as server:
        transport = kind()
        if isinstance(transport, Async):
            response = await transport.transport.handle_async_request(request(server.url()))
            await asyncio.sleep(0.2)
            assert not sent.is_set(), "what is not read is not taken from the server"
            assert len(await response.aread()) == size
            await response.aclose()
        else:
            assert len(await transport.send(server.url())) == size


@BOTH
@pytest.mark.parametrize("limit", ["KEEP_SECONDS", "KEEP_CONNECTIONS"])
async def test_idle_connections_are_kept_only_so_long_and_so_many(
    kind: type[Sync | Async], limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (idle if limit == "KEEP_SECONDS" else http_sync, http_async):
        monkeypatch.setattr(module, limit, -1.0 if limit == "KEEP_SECONDS" else 0)
    with Server(answer_all) as server:
        transport = kind()
        for _ in range(2):
            assert await transport.send(server.url()) == b"ok"
        assert server.connections == 2
        await transport.close()


async def test_a_later_request_with_a_shorter_limit_does_not_wait_for_the_longer_one() -> None:
    def script(sock: socket.socket) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab")
        hold(sock)

    with Server(script) as server:
        transport = LoopTransport(ssl.create_default_context)
        asked = request(server.url(), read=60)
        response = await transport.handle_async_request(asked)
        asked.extensions["timeout"]["read"] = 60
        body = aiter(response.stream)  # type: ignore[arg-type]
        assert await anext(body) == b"ab"
        waiting = asyncio.ensure_future(anext(body))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        asked.extensions["timeout"]["read"] = 0.03
        with pytest.raises(httpx.ReadTimeout):
            await anext(aiter(response.stream))  # type: ignore[arg-type]
        await response.aclose()
        assert transport.in_flight == 0


BETWEEN = [b"a", b"\r\n1\r\n", b"\r\n0\r\n", b"x\r\nff\r\ny", b"\r\n", b"data: {}\n\n", b"\r\n3\r\nabc\r\n"]
"""Bodies that look like what stands between chunks."""


@given(
    st.lists(st.sampled_from(BETWEEN), max_size=20),
    st.lists(st.integers(0, 400), max_size=6),
    st.sampled_from([b"", b";a=b", b"  "]),
)
def test_bodies_that_look_like_chunks_are_bodies(chunks: list[bytes], places: list[int], extension: bytes) -> None:
    data = b"".join(b"%x%b\r\n%b\r\n" % (len(chunk), extension, chunk) for chunk in chunks) + b"0\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    for pieces in ([head + data], [head, data], cut(head + data, places)):
        status, _, body, done, alive = parse(pieces)
        assert (status, body, done, alive) == (200, b"".join(chunks), True, True)


@pytest.mark.parametrize(
    "chunks",
    [
        b"3\r\nabc\r\n2\r\nabc\r\n1\r\na\r\n",
        b"3\r\nabc\r\n4\r\nabc\r\n1\r\na\r\n",
        b"3\r\nabc\r\n3\r\nabc\n\n1\r\na\r\n",
        b"3\r\nabc\r\n-1\r\nabc\r\n1\r\na\r\n",
    ],
)
def test_a_wrong_length_among_many_chunks_is_refused_and_never_guessed(chunks: bytes) -> None:
    data = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    with pytest.raises(httpx.RemoteProtocolError):
        parse([data], ends=True)
