"""A client may leave as soon as it has the whole answer: what is recorded is whole all the same."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from requesty_emulator import Cassette, GatewayEmulator, Recorder, Replayer
from requesty_emulator.cassettes.tape import Exchange

CHAT = "/v1/chat/completions"
ASK: dict[str, Any] = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello."}]}


class Waiting(ThreadingHTTPServer):
    """Sends a stream's pieces, and keeps the end of its chunks until its client has gone."""

    pieces: list[bytes]
    left: threading.Event


@pytest.fixture
def upstream() -> Iterator[Waiting]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server: Waiting

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for data in self.server.pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
            self.connection.settimeout(20)
            assert self.rfile.read(1) == b""
            self.server.left.set()
            self.close_connection = True

        def log_message(self, *args: object) -> None: ...

    with Waiting(("127.0.0.1", 0), Handler) as server:
        server.left = threading.Event()
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def read_and_leave(recorder: Recorder, whole: bytes) -> None:
    """Close the connection in the moment in which the whole body has come."""
    connection = http.client.HTTPConnection("127.0.0.1", recorder.port, timeout=20)
    connection.request("POST", CHAT, json.dumps({**ASK, "stream": True}))
    # http.client lets go of the socket once the answer has it.
    with contextlib.closing(connection), connection.getresponse() as response:
        received = b""
        while received != whole:
            data = response.read1(65536)
            assert data
            received += data


@pytest.mark.parametrize(
    ("pieces", "ending"),
    [
        ([b"data: {}\n\n", b"data: [DONE]\n\n"], "complete"),
        ([b"data: {}\r\n\r\ndata:[DO", b"NE]\r\n\r\n"], "complete"),
        ([b"event: message_stop\ndata: {}\n", b"\n"], "complete"),
        ([b'event: response.completed\ndata: {"type":"response.completed"}\n\n'], "complete"),
        ([b"event: response.failed\ndata: {}\n\n"], "complete"),
        ([b"data: [DONE]\n\n", b"data: {}\n\n"], "cut"),
        ([b"data: {}\n\n", b"data: [DONE]"], "cut"),
        ([b'data: {"a":"data: [DONE]"}\n\n'], "cut"),
        ([b"event: response.created\ndata: {}\n\n"], "cut"),
    ],
)
def test_a_stream_is_whole_after_its_last_event(
    upstream: Waiting, tmp_path: Path, pieces: list[bytes], ending: str
) -> None:
    upstream.pieces = pieces
    path = tmp_path / "cassette.json"
    with Recorder(path, f"http://127.0.0.1:{upstream.server_port}/v1") as recorder:
        read_and_leave(recorder, b"".join(pieces))
        assert upstream.left.wait(20)
    (exchange,) = Cassette.load(path).exchanges
    assert (exchange.answer.ending, exchange.answer.body) == (ending, b"".join(pieces))
    with Replayer(path) as replayer, httpx.Client(base_url=replayer.management_url, trust_env=False) as client:
        if ending == "complete":
            assert client.post(CHAT, json={**ASK, "stream": True}).content == b"".join(pieces)
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                client.post(CHAT, json={**ASK, "stream": True})


@contextlib.contextmanager
def answering(sent: bytes) -> Iterator[int]:
    """The port of a server that announces ten bytes and sends these; then it waits for its client to leave."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            conn, _ = listener.accept()
            with conn:
                conn.settimeout(20)
                while not conn.recv(65536).endswith(b"}"):
                    continue
                conn.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n" + sent)
                assert conn.recv(1) == b""

        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.parametrize(("taken", "ending"), [("all", "complete"), ("part", "cut")])
def test_an_answer_with_a_length_is_whole_when_its_bytes_are(tmp_path: Path, taken: str, ending: str) -> None:
    """The connection is lost in the moment in which the client has the last byte, or while bytes are missing."""
    path = tmp_path / "cassette.json"
    body = json.dumps(ASK).encode()

    class Leaving:
        lost = False

        def abort(self) -> None: ...

    async def ask(recorder: Recorder) -> None:
        connection, gone = Leaving(), asyncio.Event()
        requests = iter([{"type": "http.request", "body": body, "more_body": False}])

        async def receive() -> Any:
            for message in requests:
                return message
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message.get("body"):
                connection.lost = True
                gone.set()
                # The recorder hears of it before it can hear of the upstream's end.
                await asyncio.sleep(0.05)

        scope: dict[str, Any] = {"type": "http", "method": "POST", "path": CHAT, "query_string": b"", "headers": []}
        await recorder({**scope, "state": {"connection": connection}}, receive, send)

    with answering(b"0123456789" if taken == "all" else b"01234") as port:
        recorder = Recorder(path, f"http://127.0.0.1:{port}/v1")
        asyncio.run(ask(recorder))
    (exchange,) = recorder.cassette.exchanges
    assert exchange.answer.ending == ending
    assert exchange.answer.length == (None if ending == "complete" else 10)


def test_what_was_sent_before_a_replayer_stops_is_told() -> None:
    """Who sends it may not wait for the answer, and the server may not have read it yet."""
    busy, go_on = threading.Event(), threading.Event()

    def hold(told: str) -> None:
        busy.set()
        assert go_on.wait(10)

    request = b"GET /v1/%b HTTP/1.1\r\nhost: x\r\n\r\n"
    for _ in range(20):
        busy.clear()
        go_on.clear()
        with Replayer(Cassette()) as replayer:
            replayer.on_unknown = hold
            with socket.create_connection((replayer.host, replayer.port)) as known:
                known.sendall(request % b"one")
                assert busy.wait(10)
                with socket.create_connection((replayer.host, replayer.port)) as fresh:
                    fresh.sendall(request % b"two")
            replayer.on_unknown = None
            go_on.set()
        assert [told.split()[1] for told in replayer.unknown] == ["/v1/one", "/v1/two"]


def test_what_was_sent_before_a_recorder_stops_is_recorded(tmp_path: Path) -> None:
    busy, go_on = threading.Event(), threading.Event()

    def hold(exchange: Exchange) -> None:
        busy.set()
        assert go_on.wait(10)

    request = b"GET /v1/models/managed HTTP/1.1\r\nhost: x\r\n\r\n"
    with GatewayEmulator() as gateway:
        for number in range(20):
            busy.clear()
            go_on.clear()
            recorder = Recorder(tmp_path / f"{number}.json", gateway.management_url, on_exchange=hold).start()
            with (
                socket.create_connection((recorder.host, recorder.port)) as known,
                socket.create_connection((recorder.host, recorder.port)) as fresh,
            ):
                known.sendall(request)
                assert busy.wait(10)
                fresh.sendall(request)
                go_on.set()
                recorder.stop()
            assert len(recorder.cassette.exchanges) == 2
