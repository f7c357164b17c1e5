"""Servers that end, begin or dribble as no client expects: what arrived is not lost, and nobody waits for nothing."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import trustme
from tests.core.test_transport import MODES, Server, ask, read_request, run_on, server, whole

from requesty_core import ConnectionFailedError, RateLimitError, RequestTimeoutError, Timeouts, TruncatedStreamError
from requesty_core.network.aio import LoopTransport
from requesty_core.network.decoding import Decoder
from requesty_core.network.sync import SocketTransport

__all__ = ["server"]

AUTHORITY = trustme.CA()
OURS, THEIRS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
AUTHORITY.issue_cert("127.0.0.1", "gateway.test").configure_cert(OURS)
AUTHORITY.configure_trust(THEIRS)


@pytest.fixture(scope="module")
def authority_file() -> Iterator[str]:
    with AUTHORITY.cert_pem.tempfile() as path:
        yield path


def request_to(one: Server) -> httpx.Request:
    url = one.base_url.replace("http:", "https:")
    return httpx.Request("POST", url, content=b"{}", extensions={"timeout": {"connect": 5, "read": 5, "write": 5}})


@pytest.mark.parametrize("mode", ["asyncio", "uvloop"])
@pytest.mark.parametrize("size", range(1_000_000, 1_600_000, 120_000))
def test_an_answer_that_is_read_slowly_is_whole_however_its_connection_ends(server: Any, mode: str, size: int) -> None:
    """The connection ends, without a word of TLS, while what came last still waits to be decrypted."""

    def script(conn: socket.socket, number: int) -> None:
        with OURS.wrap_socket(conn, server_side=True) as secure:
            read_request(secure)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"y" * size)

    one = server(script)

    async def main() -> int:
        transport, got = LoopTransport(lambda: THEIRS), 0
        try:
            response = await transport.handle_async_request(request_to(one))
            async for piece in response.stream:  # type: ignore[union-attr]
                if not got:
                    await asyncio.sleep(0.25)
                got += len(piece)
            await response.aclose()
        finally:
            await transport.aclose()
        return got

    assert run_on(mode, main) == size


@MODES
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_upload_that_trickles_is_no_stall(server: Any, mode: str, scheme: str, authority_file: str) -> None:
    """The system holds megabytes of it, and takes more only when a good part of them is gone."""

    def script(conn: socket.socket, number: int) -> None:
        conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with OURS.wrap_socket(conn, server_side=True) if scheme == "https" else conn as wire:
            end = time.monotonic() + 2
            while time.monotonic() < end:
                wire.recv(4096)
                time.sleep(0.005)
            wire.sendall(whole("read for two seconds"))
            wire.recv(1)

    url = server(script).base_url.replace("http:", f"{scheme}:")
    settings = {"base_url": url, "ca_bundle": authority_file, "timeout": Timeouts(write=0.6, read=10)}
    assert ask(mode, settings, messages=[{"role": "user", "content": "x" * (8 << 20)}]) == "read for two seconds"


@MODES
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("taken", [0, 1 << 20])
def test_an_upload_that_stands_still_is_a_stall(
    server: Any, mode: str, scheme: str, taken: int, authority_file: str
) -> None:
    over = threading.Event()

    def script(conn: socket.socket, number: int) -> None:
        with OURS.wrap_socket(conn, server_side=True) if scheme == "https" else conn as wire:
            left = taken
            while left > 0:
                left -= len(wire.recv(65536))
            over.wait(10)

    url = server(script).base_url.replace("http:", f"{scheme}:")
    settings = {"base_url": url, "ca_bundle": authority_file, "timeout": Timeouts(write=0.4, read=10)}
    started = time.monotonic()
    try:
        with pytest.raises(RequestTimeoutError, match=r"timeout\.write"):
            ask(mode, settings, messages=[{"role": "user", "content": "x" * (12 << 20)}])
        assert time.monotonic() - started < 3
    finally:
        over.set()


@MODES
@pytest.mark.parametrize(
    "greeting",
    [
        b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x80",  # HTTP/2
        b"\x15\x03\x01\x00\x02\x02\x46",  # TLS
        b"SSH-2.0-OpenSSH_9.0\r\n",
        b"220 mail.test",
        b"hello",  # HTTP/0.9
        b"HTTP/2 200 OK\r\n",
    ],
)
def test_another_protocol_is_seen_at_once(server: Any, mode: str, greeting: bytes) -> None:
    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        conn.sendall(greeting)
        conn.recv(1)

    started = time.monotonic()
    with pytest.raises(ConnectionFailedError, match=r"did not answer with HTTP/1\.1"):
        ask(mode, {"base_url": server(script).base_url, "timeout": Timeouts(read=8)})
    assert time.monotonic() - started < 4


EVENTS = [
    b'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n',
    b'data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"lo"},"finish_reason":"stop"}]}\n\n',
]
BROKEN = {
    "a length": b"ZZ\r\n",
    "an overlong chunk": b"1\r\nabc\r\n",
    "a trailer": b"0\r\nno trailer\r\n\r\n",
}


@MODES
@pytest.mark.parametrize("in_pieces", [False, True])
@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
def test_what_came_before_broken_chunks_is_not_lost(server: Any, mode: str, in_pieces: bool, broken: bytes) -> None:
    """Head, answer and the fault may come in one packet: they are judged as if they had come one after the other."""

    def script(conn: socket.socket, number: int) -> None:
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        read_request(conn)
        events = EVENTS[: 3 - number]
        wire = [b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"]
        wire += [b"%x\r\n%s\r\n" % (len(event), event) for event in events] + [broken]
        for piece in wire if in_pieces else [b"".join(wire)]:
            conn.sendall(piece)
            time.sleep(0.02)
        conn.recv(1)

    one = server(script)
    assert ask(mode, {"base_url": one.base_url}, streams=True) == "Hello"
    with pytest.raises(TruncatedStreamError) as caught:
        ask(mode, {"base_url": one.base_url}, streams=True)
    assert caught.value.partial is not None
    assert caught.value.partial.text.startswith("Hel")
    assert one.connections == 2


@MODES
def test_a_refusal_whose_body_is_broken_in_the_same_packet_is_that_refusal(server: Any, mode: str) -> None:
    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        conn.sendall(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n")
        conn.recv(1)

    with pytest.raises(RateLimitError) as caught:
        ask(mode, {"base_url": server(script).base_url})
    assert caught.value.retry_after == 7


def encoded(data: bytes, window: int) -> bytes:
    packer = zlib.compressobj(wbits=window)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("data", [b"", b"a", b"ok" * 500, os.urandom(50_000)], ids=len)
@pytest.mark.parametrize(
    ("coding", "window"), [("deflate", -15), ("deflate", 15), ("gzip", 31)], ids=["raw", "deflate", "gzip"]
)
def test_a_compressed_body_is_the_same_however_it_is_cut(coding: str, window: int, data: bytes, step: int) -> None:
    wire, decoder = encoded(data, window), Decoder(coding, 1 << 20)
    pieces = [piece for at in range(0, len(wire), step) for piece in decoder.feed(wire[at : at + step])]
    decoder.close()
    assert b"".join(pieces) == data


def test_half_a_header_of_deflate_is_no_whole_body() -> None:
    decoder = Decoder("deflate", 100)
    assert list(decoder.feed(b"\x78")) == []
    with pytest.raises(httpx.DecodingError, match="not complete"):
        decoder.close()


def test_a_compressed_body_of_nothing_costs_no_time_of_its_square() -> None:
    def seconds(size: int) -> float:
        member = gzip.compress(b"")
        started = time.thread_time()
        assert list(Decoder("gzip", 100).feed(member * (size // len(member)))) == []
        return time.thread_time() - started

    seconds(1 << 16)
    # Eight times as much: the square would be sixty-four times.
    assert seconds(1 << 21) < 24 * seconds(1 << 18)


@MODES
def test_session_tickets_do_not_end_a_connection_that_was_opened_ahead(server: Any, mode: str) -> None:
    def script(conn: socket.socket, number: int) -> None:
        with OURS.wrap_socket(conn, server_side=True) as secure:
            while read_request(secure):
                secure.sendall(whole())

    one = server(script)
    if mode == "sync":
        transport = SocketTransport(lambda: THEIRS)
        assert transport.warm(request_to(one), 1) == 1
        time.sleep(0.1)
        response = transport.handle_request(request_to(one))
        response.read()
        response.close()
        transport.close()
    else:

        async def main() -> None:
            transport = LoopTransport(lambda: THEIRS)
            assert await transport.warm(request_to(one), 1) == 1
            await asyncio.sleep(0.1)
            response = await transport.handle_async_request(request_to(one))
            await response.aread()
            await response.aclose()
            await transport.aclose()

        run_on(mode, main)
    assert one.connections == 1


def test_words_behind_a_tls_answer_end_a_kept_connection(server: Any) -> None:
    def script(conn: socket.socket, number: int) -> None:
        with OURS.wrap_socket(conn, server_side=True) as secure:
            secure.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            read_request(secure)
            secure.sendall(whole(str(number)))
            time.sleep(0.05)
            secure.sendall(whole("evil"))
            secure.recv(1)

    one, transport = server(script), SocketTransport(lambda: THEIRS)
    for number in (1, 2):
        response = transport.handle_request(request_to(one))
        response.read()
        assert response.json()["choices"][0]["message"]["content"] == str(number)
        response.close()
        time.sleep(0.15)
    transport.close()
    assert one.connections == 2


@MODES
def test_an_absolute_name_is_the_certificates_name(
    server: Any, mode: str, authority_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``gateway.test.``, with the dot that keeps search domains out."""
    names: list[Any] = []
    resolve = socket.getaddrinfo

    def lookup(host: Any, *args: Any, **more: Any) -> Any:
        names.append(host)
        return resolve("127.0.0.1" if host == "gateway.test." else host, *args, **more)

    monkeypatch.setattr(socket, "getaddrinfo", lookup)

    def script(conn: socket.socket, number: int) -> None:
        with OURS.wrap_socket(conn, server_side=True) as secure:
            assert b"\r\nHost: gateway.test.:" in read_request(secure)
            secure.sendall(whole())

    url = server(script).base_url.replace("http://127.0.0.1", "https://gateway.test.")
    assert ask(mode, {"base_url": url, "ca_bundle": authority_file}) == "ok"
    assert "gateway.test." in names
