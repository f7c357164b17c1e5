"""What ``httpx`` makes of an answer, and what our transport makes of it: the same, unless the table says why not.

``make vectors`` prints the table.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator

import httpx
import pytest

from requesty_core.network.sync import SocketTransport

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

SAME = ""
ANSWERS: dict[str, tuple[bytes, str]] = {
    "a length": (OK + b"Content-Length: 2\r\n\r\nok", SAME),
    "no length": (OK + b"\r\nok", SAME),
    "chunks": (CHUNKED + b"2\r\nok\r\n0\r\n\r\n", SAME),
    "chunks with extensions": (CHUNKED + b"2;a=b\r\nok\r\n0;c\r\n\r\n", SAME),
    "chunks with trailers": (CHUNKED + b"2\r\nok\r\n0\r\nA: b\r\n\r\n", SAME),
    "upper-case chunk length": (CHUNKED + b"A\r\n0123456789\r\n0\r\n\r\n", SAME),
    "leading zeros in a chunk length": (CHUNKED + b"0002\r\nok\r\n0\r\n\r\n", SAME),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", SAME),
    "no reason": (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", SAME),
    "an empty reason": (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", SAME),
    "no body with 204": (b"HTTP/1.1 204 No Content\r\n\r\n", SAME),
    "no body with 304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", SAME),
    "interim responses": (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok", SAME),
    "lines that end in LF": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", SAME),
    "a folded header": (OK + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\nok", SAME),
    "equal lengths": (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", "httpx makes one header of them"),
    "Latin-1 in a header": (OK + b"X: \xe9\r\nContent-Length: 2\r\n\r\nok", SAME),
    "spaces around a value": (OK + b"X: \t a \r\nContent-Length:2\r\n\r\nok", SAME),
    "both framings": (OK + b"Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", SAME),
    "different lengths": (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok", SAME),
    "a negative length": (OK + b"Content-Length: -2\r\n\r\nok", SAME),
    "a length with a sign": (OK + b"Content-Length: +2\r\n\r\nok", SAME),
    "a length that is no number": (OK + b"Content-Length: two\r\n\r\nok", SAME),
    "a chunk without a length": (CHUNKED + b"\r\nok\r\n0\r\n\r\n", SAME),
    "a chunk length with a sign": (CHUNKED + b"+2\r\nok\r\n0\r\n\r\n", SAME),
    "a chunk length with 0x": (CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n", SAME),
    "a chunk that is longer than it says": (CHUNKED + b"1\r\nok\r\n0\r\n\r\n", SAME),
    "a body that is cut": (OK + b"Content-Length: 9\r\n\r\nok", SAME),
    "chunks that are cut": (CHUNKED + b"9\r\nok", SAME),
    "headers that are cut": (OK + b"Content-Le", SAME),
    "nothing": (b"", SAME),
    "another protocol": (b"SSH-2.0-OpenSSH_9.0\r\n\r\n", SAME),
    "HTTP/2": (b"HTTP/2 200 OK\r\n\r\n", SAME),
    "an unknown coding of the transfer": (OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", SAME),
    "a space before the colon": (OK + b"Content-Length : 2\r\n\r\nok", SAME),
    "a header without a colon": (OK + b"nonsense\r\nContent-Length: 2\r\n\r\nok", SAME),
    "NUL in a header": (OK + b"X: a\0b\r\nContent-Length: 2\r\n\r\nok", SAME),
    "CR in a header": (OK + b"X: a\rb\r\nContent-Length: 2\r\n\r\nok", SAME),
    "another protocol's switch": (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", SAME),
    "a control character in a header": (
        OK + b"X: \x1b[31m\r\nContent-Length: 2\r\n\r\nok",
        "it would reach logs and terminals: refused",
    ),
    "a control character in the reason": (
        b"HTTP/1.1 200 O\x07K\r\nContent-Length: 2\r\n\r\nok",
        "it would reach logs and terminals: refused",
    ),
    "200 KB of one header": (
        OK + b"X: " + b"y" * 200_000 + b"\r\nContent-Length: 2\r\n\r\nok",
        "httpx refuses heads above 100 KB, we above 256 KB",
    ),
    "long chunk extensions": (
        CHUNKED + (b"1;" + b"e" * 5000 + b"\r\no\r\n") + b"0\r\n\r\n",
        "nothing reads them: refused above 4 KB",
    ),
}


@pytest.fixture(scope="module")
def plain() -> Iterator[httpx.Client]:
    with httpx.Client(trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def ours() -> Iterator[httpx.Client]:
    with httpx.Client(transport=own_transport(), trust_env=False) as client:
        yield client


def own_transport() -> SocketTransport:
    """Our transport, alone."""
    return SocketTransport(ssl.create_default_context)


def outcome(client: httpx.Client, answer: bytes) -> str | tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of the answer, or that it was refused."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            conn, _ = listener.accept()
            with conn:
                conn.recv(65536)
                conn.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            response = client.get(f"http://127.0.0.1:{listener.getsockname()[1]}/")
        except httpx.TransportError:
            return "refused"
        finally:
            thread.join()
        return response.status_code, sorted(response.headers.multi_items()), response.content


@pytest.mark.parametrize("name", list(ANSWERS))
def test_an_answer_is_what_httpx_makes_of_it(plain: httpx.Client, ours: httpx.Client, name: str) -> None:
    answer, reason = ANSWERS[name]
    theirs, own = outcome(plain, answer), outcome(ours, answer)
    if reason == SAME:
        assert own == theirs
    else:
        assert own != theirs, "no difference any more: the table is out of date"
