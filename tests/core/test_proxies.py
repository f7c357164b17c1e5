"""Proxies: which hosts the environment keeps from them, and how long a tunnel may take to stand."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
from tests.core.test_transport import MODES, ask, read_request, server, whole

from requesty_core import ConnectionFailedError, RequestTimeoutError, Timeouts
from requesty_core.network.proxies import is_excluded

__all__ = ["server"]


def answering(text: str) -> Any:
    def script(conn: socket.socket, number: int) -> None:
        while read_request(conn):
            conn.sendall(whole(text))

    return script


@MODES
@pytest.mark.parametrize("by", ["requesty", "httpx"])
@pytest.mark.parametrize(
    ("entry", "way"),
    [
        ("127.0.0.1", "directly"),
        ("127.0.0.0/8", "directly"),
        ("fd00::/8, [::1], a:b:c, ä.test,127.0.0.1", "directly"),
        ("fd00::/8,[::1]", "by the proxy"),
        ("10.0.0.0/8", "by the proxy"),
        ("", "by the proxy"),
    ],
)
def test_hosts_that_are_kept_from_the_proxy(
    server: Any, mode: str, by: str, entry: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, proxy = server(answering("directly")), server(answering("by the proxy"))
    monkeypatch.setenv("http_proxy", f"127.0.0.1:{proxy.port}")
    monkeypatch.setenv("no_proxy", entry)
    # Settings of its own, so that no transport of another test is used.
    settings = {"base_url": gateway.base_url, "max_connections": proxy.port}
    if by == "httpx":
        monkeypatch.setenv("REQUESTY_TRANSPORT", by)
    assert ask(mode, settings) == way


@MODES
def test_a_proxy_that_was_set_in_code_is_for_every_host(
    server: Any, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, proxy = server(answering("directly")), server(answering("by the proxy"))
    monkeypatch.setenv("no_proxy", "*")
    settings = {"base_url": gateway.base_url, "proxy": f"http://127.0.0.1:{proxy.port}"}
    assert ask(mode, settings) == "by the proxy"


@pytest.mark.parametrize(
    ("entries", "host", "port", "excluded"),
    [
        ("*", "gateway.test", 443, True),
        ("gateway.test", "gateway.test", 443, True),
        ("gateway.test", "eu.gateway.test", 443, True),
        ("gateway.test", "mygateway.test", 443, False),
        (".gateway.test", "eu.gateway.test", 443, True),
        (".gateway.test", "gateway.test", 443, False),
        ("*.gateway.test", "eu.gateway.test", 443, True),
        ("GATEWAY.test.", "Gateway.Test.", 443, True),
        ("gateway.test:8443", "gateway.test", 8443, True),
        ("gateway.test:8443", "gateway.test", 443, False),
        ("https://gateway.test", "gateway.test", 443, True),
        ("other.test, gateway.test", "gateway.test", 443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.1.2.3/8", "10.9.9.9", 443, True),
        ("10.0.0.0/8:8080", "10.1.2.3", 8080, True),
        ("10.0.0.0/8", "gateway.test", 443, False),
        ("fd00::/8", "fd00::1", 443, True),
        ("fd00::/8", "fe80::1", 443, False),
        ("[::1]", "::1", 443, True),
        ("[::1]:8080", "::1", 8080, True),
        ("[::1]:8080", "::1", 443, False),
        ("::1", "127.0.0.1", 443, False),
        ("0.0.0.0/0", "::1", 443, False),
        ("", "gateway.test", 443, False),
        (".", "gateway.test", 443, False),
        (",,", "gateway.test", 443, False),
        (":", "gateway.test", 443, False),
    ],
)
def test_what_an_entry_matches(
    entries: str, host: str, port: int, excluded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", entries)
    assert is_excluded(host, port) is excluded


def says_nothing(conn: socket.socket) -> None:
    conn.recv(1)


def says_it_byte_by_byte(conn: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for byte in b"HTTP/1.1 200 Connection established\r\nX: " + b"a" * 200:
            conn.sendall(bytes([byte]))
            time.sleep(0.05)


def says_it_is_working(conn: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for _ in range(200):
            conn.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
            time.sleep(0.05)


@MODES
@pytest.mark.parametrize("answer", [says_nothing, says_it_byte_by_byte, says_it_is_working])
def test_a_tunnel_that_does_not_stand_in_time_ends_with_the_limit_of_connecting(
    server: Any, mode: str, answer: Callable[[socket.socket], None]
) -> None:
    def script(conn: socket.socket, number: int) -> None:
        assert conn.recv(65536).startswith(b"CONNECT gateway.test:443 ")
        answer(conn)

    settings = {
        "base_url": "https://gateway.test/v1",
        "proxy": f"http://127.0.0.1:{server(script).port}",
        "timeout": Timeouts(connect=0.2, read=8),
    }
    started = time.monotonic()
    with pytest.raises(RequestTimeoutError, match=r"timeout\.connect") as caught:
        ask(mode, settings)
    assert time.monotonic() - started < 4
    assert not caught.value.was_sent


@MODES
def test_a_tunnel_that_breaks_has_sent_nothing_to_the_gateway(server: Any, mode: str) -> None:
    def script(conn: socket.socket, number: int) -> None:
        conn.recv(65536)

    proxy = f"http://127.0.0.1:{server(script).port}"
    with pytest.raises(ConnectionFailedError, match="the proxy: ") as caught:
        ask(mode, {"base_url": "https://gateway.test/v1", "proxy": proxy})
    assert not caught.value.was_sent


@MODES
def test_the_limit_of_connecting_is_not_that_of_the_answer(server: Any, mode: str) -> None:
    """A plain request through a proxy has no tunnel, and its answer may take longer than connecting."""

    def script(conn: socket.socket, number: int) -> None:
        read_request(conn)
        time.sleep(0.4)
        conn.sendall(whole("late"))

    proxy = f"http://127.0.0.1:{server(script).port}"
    settings = {"base_url": "http://gateway.test/v1", "proxy": proxy, "timeout": Timeouts(connect=0.2, read=8)}
    assert ask(mode, settings) == "late"
