"""A socket that a thread waits for: what is sent and read when time is over, and when the system has no room."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest
import trustme

from requesty_core.network.sync_connection import Connection

SIZE = 6 << 20


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's, and that of a client which trusts it."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(server)
    authority.configure_trust(client)
    return server, client


@contextlib.contextmanager
def pair(tls: bool) -> Iterator[tuple[Connection, socket.socket]]:
    """A connection and the other side of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname(), timeout=20)
        theirs, _ = listener.accept()
        theirs.settimeout(20)
        if tls:
            server, client = contexts()
            made: list[socket.socket] = []
            thread = threading.Thread(target=lambda: made.append(server.wrap_socket(theirs, server_side=True)))
            thread.start()
            ours = client.wrap_socket(ours, server_hostname="127.0.0.1")
            thread.join(20)
            theirs = made[0]
        with ours, theirs:
            yield Connection(ours), theirs


def send_all(connection: Connection, data: bytes, limit: float | None = 20.0) -> None:
    left = memoryview(data)
    while left:
        left = left[connection.send(left, limit) :]


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_nothing_is_sent_or_read_once_time_is_over(tls: bool, limit: float) -> None:
    with pair(tls) as (connection, theirs):
        theirs.sendall(b"x" * 20_000)
        # A part of it is read, so that TLS holds the rest.
        assert connection.receive(20.0, 10)
        with pytest.raises(TimeoutError):
            connection.receive(limit)
        with pytest.raises(TimeoutError):
            connection.send(memoryview(b"late"), limit)
        send_all(connection, b"in time")
        assert theirs.recv(100) == b"in time"


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("limit", [20.0, None])
def test_a_large_upload_waits_for_room_and_arrives_whole(tls: bool, limit: float | None) -> None:
    with pair(tls) as (connection, theirs):
        data, got = bytes(range(256)) * (SIZE // 256), bytearray()

        def read() -> None:
            while len(got) < SIZE:
                time.sleep(0.001)
                got.extend(theirs.recv(65536))

        thread = threading.Thread(target=read)
        thread.start()
        send_all(connection, data, limit)
        thread.join(60)
        assert bytes(got) == data


@pytest.mark.parametrize("tls", [False, True])
def test_waiting_for_room_and_for_bytes_is_limited(tls: bool) -> None:
    with pair(tls) as (connection, _):
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            connection.receive(0.05)
        with pytest.raises(TimeoutError):
            send_all(connection, bytes(64 << 20), 0.05)
        assert 0.1 <= time.monotonic() - started < 20


def test_a_record_that_comes_in_drips_is_waited_for_within_one_limit() -> None:
    """Each drip makes the socket readable, and TLS has nothing to give before the record is whole."""
    server, client = contexts()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    session = server.wrap_bio(incoming, outgoing, server_side=True)
    raw, theirs = socket.socketpair()
    with theirs, raw:
        thread = threading.Thread(target=shake, args=(session, incoming, outgoing, theirs))
        thread.start()
        ours = client.wrap_socket(raw, server_hostname="127.0.0.1")
        thread.join(20)
        session.write(b"y" * 1_000)
        record, over = outgoing.read(), threading.Event()

        def drip() -> None:
            for at in range(len(record)):
                theirs.sendall(record[at : at + 1])
                if over.wait(0.05):
                    theirs.sendall(record[at + 1 :])
                    return

        thread = threading.Thread(target=drip)
        with ours:
            connection = Connection(ours)
            thread.start()
            started = time.monotonic()
            with pytest.raises(TimeoutError):
                connection.receive(0.3)
            # The record takes fifty seconds.
            assert time.monotonic() - started < 25
            over.set()
            thread.join(20)
            assert connection.receive(20.0) == b"y" * 1_000


def shake(session: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, sock: socket.socket) -> None:
    """The server's half of a handshake, by hand."""
    sock.settimeout(20)
    for _ in range(20):
        try:
            session.do_handshake()
        except ssl.SSLWantReadError:
            sock.sendall(outgoing.read())
            incoming.write(sock.recv(65536))
        else:
            sock.sendall(outgoing.read())
            return
    raise AssertionError("no end of the handshake")
