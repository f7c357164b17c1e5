from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from requesty_emulator import ConfigError, GatewayEmulator, RecordedRequest, serve

from .wire import CHAT, ask


def test_it_starts_and_stops_quickly() -> None:
    started = time.perf_counter()
    with GatewayEmulator() as gw:
        assert httpx.get(gw.base_url + "/models").status_code == 200
        stopping = time.perf_counter()
    assert stopping - started < 5
    assert time.perf_counter() - stopping < 3
    with pytest.raises(httpx.ConnectError):
        httpx.get(gw.base_url + "/models")


def test_it_stops_with_open_streams() -> None:
    gw = GatewayEmulator(chunk_delay=0.05).start()
    headers = {"authorization": f"Bearer {gw.api_key}"}
    with httpx.stream(
        "POST", gw.base_url + "/chat/completions", json=ask("Write 900 words", stream=True), headers=headers
    ) as response:
        received = response.iter_bytes()
        next(received)
        started = time.perf_counter()
        gw.stop()
        assert time.perf_counter() - started < 3
        with pytest.raises(httpx.RemoteProtocolError):
            list(received)
    assert gw.active_streams == 0
    gw.stop()


def test_it_can_start_again() -> None:
    gw = GatewayEmulator()
    for _ in range(2):
        with gw:
            assert httpx.get(gw.base_url + "/models/managed").status_code == 200
    with gw, pytest.raises(RuntimeError):
        gw.start()


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.com", "::", ""])
def test_only_loopback_is_served(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        GatewayEmulator(host=host)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strict": True}, "unknown switch 'strict'"),
        ({"strict_fields": "yes"}, "switch 'strict_fields' must be true or false"),
        ({"chunk_delay": -1}, "switch 'chunk_delay'"),
        ({"usage": "sometimes"}, "switch 'usage'"),
        ({"balance": "much"}, "switch 'balance'"),
        ({"retry_after": "soon"}, "switch 'retry_after'"),
        ({"port": 70000}, "port"),
    ],
)
def test_bad_settings_are_named_in_one_line(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        GatewayEmulator(**options)
    assert "\n" not in str(caught.value)


def test_a_busy_port_is_named() -> None:
    with GatewayEmulator() as gw, pytest.raises(ConfigError, match=str(gw.port)):
        GatewayEmulator(port=gw.port).start()


def test_localhost_and_a_chosen_key() -> None:
    with GatewayEmulator(host="localhost", api_key="my-key") as gw:
        response = httpx.post(gw.base_url + "/chat/completions", json=ask(), headers={"authorization": "Bearer my-key"})
    assert gw.api_key == "my-key"
    assert response.status_code == 200


def test_equal_seeds_give_equal_ids() -> None:
    def ids(seed: int) -> tuple[str, str]:
        with GatewayEmulator(seed=seed) as gw:
            headers = {"authorization": f"Bearer {gw.api_key}"}
            return gw.api_key, httpx.post(gw.base_url + "/chat/completions", json=ask(), headers=headers).json()["id"]

    assert ids(1) == ids(1) != ids(2)


def test_finished_requests_are_reported() -> None:
    seen: list[RecordedRequest] = []
    with GatewayEmulator(on_request=seen.append) as gw:
        httpx.get(gw.base_url + "/models/managed")
        assert gw.wait_idle()
    assert [(request.path, request.status) for request in seen] == [("/v1/models/managed", 200)]
    assert seen[0].duration is not None


def test_serve_runs_in_the_foreground() -> None:
    running = threading.Event()
    emulators: list[GatewayEmulator] = []

    def ready(gateway: GatewayEmulator) -> None:
        emulators.append(gateway)
        running.set()

    thread = threading.Thread(target=serve, kwargs={"port": 0, "ready": ready, "seed": 3}, daemon=True)
    thread.start()
    assert running.wait(5)
    assert httpx.get(emulators[0].base_url + "/models/managed").status_code == 200
    emulators[0].stop()
    thread.join(5)
    assert not thread.is_alive()


async def test_many_paced_streams_at_once() -> None:
    streams, chunks = 200, 20
    with GatewayEmulator(api_key="k", chunk_delay=0.05) as gw:
        gw.say(pieces=["word "] * chunks, times=streams)
        body = b'{"model":"openai/gpt-4o","stream":true,"messages":[{"role":"user","content":"hi"}]}'
        lines = [f"POST {CHAT} HTTP/1.1", "host: x", "authorization: Bearer k", "content-type: application/json"]
        lines += ["connection: close", f"content-length: {len(body)}", "", ""]
        request = "\r\n".join(lines).encode() + body

        async def one() -> int:
            reader, writer = await asyncio.open_connection("127.0.0.1", gw.port)
            writer.write(request)
            received = await reader.read()
            writer.close()
            return received.count(b'"content":"word "')

        started = time.perf_counter()
        counts = await asyncio.gather(*(one() for _ in range(streams)))
        elapsed = time.perf_counter() - started
    assert counts == [chunks] * streams
    # The pace alone takes 1.05 s; the rest is room for a busy machine.
    assert elapsed < 6


def test_importing_it_imports_no_client_code() -> None:
    code = (
        "import sys; from requesty_emulator import GatewayEmulator\n"
        "with GatewayEmulator(): pass\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('requesty_core', 'httpx', 'pytest')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert result.stdout.strip() == "[]"


def has_ipv6() -> bool:
    """Whether this machine has an IPv6 loopback, which containers often have not."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


NO_IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6 loopback")


class Gate:
    """As ``on_request``, keeps the server busy after a request until it is opened."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()
        self.opened.set()

    def __call__(self, record: RecordedRequest) -> None:
        self.reached.set()
        self.opened.wait(10)

    def close(self, gw: GatewayEmulator) -> None:
        """Return when the server is busy."""
        self.reached.clear()
        self.opened.clear()
        assert httpx.get(gw.base_url + "/models/managed").status_code == 200
        assert self.reached.wait(5)


@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("::1", marks=NO_IPV6)])
def test_waiting_for_idle_waits_for_what_has_not_been_read(host: str) -> None:
    body = b'{"model":"openai/gpt-4o","messages":[{"role":"user","content":"hi"}]}'
    lines = [f"POST {CHAT} HTTP/1.1", "host: x", "authorization: Bearer k", "content-type: application/json"]
    request = "\r\n".join([*lines, f"content-length: {len(body)}", "", ""]).encode() + body
    gate = Gate()
    emulator = GatewayEmulator(api_key="k", on_request=gate, host=host)
    with emulator as gw, socket.create_connection((gw.host, gw.port)) as known:
        known.sendall(request)
        assert gw.wait_idle()
        assert known.recv(65536).startswith(b"HTTP/1.1 200")
        for number in range(1, 51):
            gate.close(gw)
            # Over a connection that is known, and one that was not accepted yet, by somebody who does not stay.
            known.sendall(request)
            with socket.create_connection((gw.host, gw.port)) as fresh:
                fresh.sendall(request)
            gate.opened.set()
            assert gw.wait_idle()
            assert len(gw.chat_requests) == 1 + 2 * number
            assert known.recv(65536).startswith(b"HTTP/1.1 200")


def test_waiting_for_idle_gives_up_when_the_time_is_over() -> None:
    gate = Gate()
    with GatewayEmulator(on_request=gate) as gw:
        gate.close(gw)
        assert not gw.wait_idle(0.05)
        assert not gw.wait_idle(0)
        gate.opened.set()
        assert gw.wait_idle()
        assert gw.wait_idle(0)
    assert gw.wait_idle(), "what does not run has nothing in flight"
