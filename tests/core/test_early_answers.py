"""A server that refuses an upload before it has read it: however its connection ends, the refusal reaches the caller.

The system tells of a reset by the next thing that is sent; what the server said before waits behind it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from tests.core.test_transport import MODES, ask, server

from requesty_core import RateLimitError

__all__ = ["server"]

AUTHORITY = trustme.CA()
OURS = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
AUTHORITY.issue_cert("127.0.0.1").configure_cert(OURS)

#: How an answer says where it ends, and the body that says so.
FRAMINGS = {
    "until the end": (b"", b"{}"),
    "a length": (b"Content-Length: 2\r\n", b"{}"),
    "chunks": (b"Transfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "cut off": (b"Content-Length: 2\r\n", b"{"),
}


@pytest.fixture(scope="module")
def authority_file() -> Iterator[str]:
    with AUTHORITY.cert_pem.tempfile() as path:
        yield path


def close(conn: Any) -> None:
    """As a server does that has unread bytes: the system resets the connection."""
    conn.close()


def reset(conn: Any) -> None:
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    conn.close()


def reset_later(conn: Any) -> None:
    time.sleep(0.2)
    reset(conn)


def say_goodbye(conn: Any) -> None:
    if isinstance(conn, ssl.SSLSocket):
        with contextlib.suppress(OSError):
            conn.unwrap()
    conn.close()


@MODES
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("end", [close, reset, reset_later, say_goodbye], ids=lambda end: end.__name__)
@pytest.mark.parametrize("size", [8 << 20, 200 << 10], ids=["8 MB", "200 KB"])
def test_a_refusal_during_the_upload_arrives(
    server: Any, mode: str, scheme: str, framing: str, end: Any, size: int, authority_file: str
) -> None:
    header, body = FRAMINGS[framing]

    def script(conn: socket.socket, number: int) -> None:
        wire = OURS.wrap_socket(conn, server_side=True) if scheme == "https" else conn
        with wire:
            # Nothing of the answer may wait for a confirmation, or a reset takes it back.
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wire.recv(400)
            wire.sendall(b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\n" + header + b"\r\n" + body)
            end(wire)

    one = server(script)
    # The loop's own transport, which ends with the loop: a connection is kept where the system took the whole upload.
    settings = {"base_url": one.base_url.replace("http:", f"{scheme}:"), "ca_bundle": authority_file}
    with pytest.raises(RateLimitError) as caught:
        ask(mode, settings, messages=[{"role": "user", "content": "x" * size}])
    assert caught.value.retry_after == 7
    assert one.connections == 1
