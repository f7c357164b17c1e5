"""Cassettes: what a server answered is answered again, byte for byte, by any adapter, without a secret."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from tests.conformance.matrix import drivers
from tests.conformance.model import Ask, Driver

from requesty_emulator import Cassette, ConfigError, Fault, GatewayEmulator, Recorder, Replayer
from requesty_emulator.cassettes.tape import Answer, Chunk, Exchange, Question
from requesty_emulator.gateway.redact import Redaction

CHAT = "/v1/chat/completions"
ASK: dict[str, Any] = {"model": "openai/gpt-4o-mini", "messages": [{"role": "user", "content": "Say hello."}]}
TOOL = {
    "type": "function",
    "function": {"name": "tide", "description": "x", "parameters": {"type": "object", "properties": {}}},
}
SECRET = "rqsty-sk-0123456789abcdef0123456789abcdef"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassette.json"


@pytest.fixture
def upstream() -> Iterator[GatewayEmulator]:
    with GatewayEmulator(api_key=SECRET, chunk_delay=0.002) as running:
        yield running


def client(server: Recorder | Replayer | GatewayEmulator, key: str = SECRET) -> httpx.Client:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.Client(base_url=server.management_url, headers=headers, timeout=20, trust_env=False)


def pieces_of(http: httpx.Client, body: dict[str, Any]) -> tuple[int, list[bytes], bool]:
    """Status and HTTP chunks of an answer as they are framed on the wire, and whether it was whole."""
    url = http.base_url
    sent = json.dumps(body).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nhost: {url.host}\r\nconnection: close\r\ncontent-type: application/json\r\n"
    head += f"authorization: {http.headers['authorization']}\r\ncontent-length: {len(sent)}\r\n\r\n"
    data = b""
    with socket.create_connection((url.host, url.port or 80), timeout=20) as sock:
        sock.sendall(head.encode() + sent)
        try:
            while got := sock.recv(65536):
                data += got
        except ConnectionResetError:
            pass
    top, _, rest = data.partition(b"\r\n\r\n")
    chunks = []
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if size == b"0":
            return int(top.split()[1]), chunks, True
        chunks.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return int(top.split()[1]), chunks, False


# --- byte for byte ----------------------------------------------------------------------------------------------------


def test_chunks_are_replayed_as_they_came(upstream: GatewayEmulator, path: Path) -> None:
    upstream.say("one two three", times=2)
    with Recorder(path, upstream.base_url) as recorder, client(recorder) as http:
        recorded = pieces_of(http, {**ASK, "stream": True})
    assert len(recorded[1]) >= 5
    with Replayer(path) as replayer, client(replayer, "any") as http:
        assert pieces_of(http, {**ASK, "stream": True}) == recorded


@pytest.mark.parametrize("fault", [Fault(cut_after_chunks=3), Fault(cut_after_bytes=700), Fault(crlf=True)])
def test_how_a_stream_ends_is_replayed(upstream: GatewayEmulator, path: Path, fault: Fault) -> None:
    upstream.say("one two three four five six")
    upstream.fail_next(fault=fault)
    with Recorder(path, upstream.base_url) as recorder, client(recorder) as http:
        recorded = pieces_of(http, {**ASK, "stream": True})
    assert recorded[2] is fault.crlf
    with Replayer(path) as replayer, client(replayer) as http:
        assert pieces_of(http, {**ASK, "stream": True}) == recorded


def test_status_headers_and_body_of_every_kind_of_answer(upstream: GatewayEmulator, path: Path) -> None:
    speech = {"model": "openai/gpt-4o-mini-tts", "input": "hi", "voice": "alloy"}
    requests: list[tuple[str, str, Any]] = [
        ("POST", CHAT, ASK),
        ("POST", CHAT, {**ASK, "model": "openai/none"}),
        ("POST", CHAT, {**ASK, "temperature": 9}),
        ("POST", "/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": ["a", "b"]}),
        ("POST", "/v1/messages", {**ASK, "max_tokens": 9}),
        ("POST", "/v1/responses", {"model": ASK["model"], "input": "hi"}),
        ("POST", "/v1/audio/speech", speech),
        ("GET", "/v1/models/managed?a=1&b=%20x", None),
        ("GET", "/v1/nothing", None),
        ("DELETE", "/v1/manage/apikey/none", None),
        ("POST", "/feedback/abc%2Fd", {"data": {"rating": 1}}),
    ]

    def answers(http: httpx.Client) -> list[tuple[int, bytes, list[tuple[str, str]]]]:
        got = []
        for method, target, body in requests:
            reply = http.request(method, target, json=body)
            shown = [(name, value) for name, value in reply.headers.items() if name != "date"]
            got.append((reply.status_code, reply.content, sorted(shown)))
        return got

    upstream.fail_next(429, retry_after=7, path=CHAT)
    with Recorder(path, upstream.base_url) as recorder, client(recorder) as http:
        recorded = answers(http)
    assert {status for status, *_ in recorded} >= {200, 400, 404, 429}
    assert "base64" in path.read_text()
    with Replayer(path) as replayer, client(replayer, "another") as http:
        assert answers(http) == recorded
        assert (replayer.unknown, replayer.unused) == ([], [])


def test_an_empty_204(upstream: GatewayEmulator, path: Path) -> None:
    key = upstream.add_key("spare")
    with Recorder(path, upstream.base_url) as recorder, client(recorder) as http:
        assert http.delete(f"/v1/manage/apikey/{key.id}").status_code == 204
    with Replayer(path) as replayer, client(replayer) as http:
        again = http.delete(f"/v1/manage/apikey/{key.id}")
        assert (again.status_code, again.content, "content-length" in again.headers) == (204, b"", False)


def test_a_multipart_boundary_does_not_count(upstream: GatewayEmulator, path: Path) -> None:
    def transcribe(http: httpx.Client, data: bytes = b"RIFF\xff\x00") -> httpx.Response:
        return http.post(
            "/v1/audio/transcriptions", data={"model": "openai/whisper-1"}, files={"file": ("a.wav", data)}
        )

    with Recorder(path, upstream.base_url) as recorder, client(recorder) as http:
        recorded = transcribe(http)
        assert recorded.status_code == 200
    with Replayer(path) as replayer, client(replayer) as http:
        assert transcribe(http).content == recorded.content
        assert transcribe(http, b"RIFF\xff\x01").status_code == 400


def test_repeated_requests_are_replayed_in_their_order(upstream: GatewayEmulator, path: Path) -> None:
    for text in ("first", "second"):
        upstream.say(text)
    with Recorder(path, upstream.base_url) as recorder, client(recorder) as http:
        recorded = [http.post(CHAT, json=ASK).content for _ in range(2)]
    assert recorded[0] != recorded[1]
    with Replayer(path) as replayer, client(replayer) as http:
        assert [http.post(CHAT, json=ASK).content for _ in range(2)] == recorded
        over = http.post(CHAT, json=ASK)
        assert (over.status_code, over.json()["error"]["type"]) == (400, "cassette_used_up")
        assert "was recorded 2 times" in over.json()["error"]["message"]
        replayer.rewind()
        assert http.post(CHAT, json=ASK).content == recorded[0]
    with Replayer(path, repeat=True) as replayer, client(replayer) as http:
        assert [http.post(CHAT, json=ASK).content for _ in range(3)] == [*recorded, recorded[0]]


def test_the_recorded_waits_are_kept_and_scaled() -> None:
    """The server waits for what the cassette says: asked of a connection that only notes it."""
    from requesty_emulator.cassettes.replay import play

    waits: list[float | None] = []

    class Noted:
        lost = False

        async def pause(self, seconds: float | None) -> bool:
            waits.append(seconds)
            return True

        def abort(self) -> None: ...

        async def write(self, send: object, data: bytes) -> bool:
            return True

    async def send(message: object) -> None: ...

    answer = Answer(200, (), (Chunk(0.5, b"a"), Chunk(2.0, b"b")), chunked=True, wait=3.0)
    asyncio.run(play(answer, 2.0, Noted(), send))
    assert waits == [6.0, 1.0, 3.0]
    waits.clear()
    asyncio.run(play(answer, 0.0, Noted(), send))
    assert waits == []


# --- every adapter ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=range(len(drivers())), ids=[one.name for one in drivers()])
def driver(request: pytest.FixtureRequest) -> Driver:
    found: Driver = drivers()[request.param]
    return found


FAULTS = (Fault(status=503, message="down"), Fault(error_event={"message": "it broke"}, error_after_chunks=3))


def scenes(driver: Driver, server: Recorder | Replayer, key: str, upstream: GatewayEmulator | None) -> list[Any]:
    """What a user of the adapter sees of chat, stream, tools, embeddings, an error, and one inside a stream."""
    settings = {"api_key": key, "base_url": server.base_url, "max_retries": 0}
    built = driver.build(ASK["model"], **settings)
    asked = Ask(ASK["messages"])
    chat, stream = driver.call(built, asked), driver.stream(built, asked)
    tools = driver.call(built, Ask([{"role": "user", "content": "Use tide."}], tools=[TOOL]))
    seen: list[Any] = [
        (one.text, one.pieces, [(c.name, c.arguments, c.id) for c in one.calls], one.cost, one.served, one.request_id)
        for one in (chat, stream, tools)
    ]
    seen.append(driver.embed(["a", "b"], settings).vectors)
    for call, text, fault in zip((driver.call, driver.stream), ("Fail.", "Fail midway."), FAULTS, strict=True):
        if upstream is not None:
            upstream.fail_next(fault=fault)
        with pytest.raises(Exception) as caught:
            call(built, Ask([{"role": "user", "content": text}]))
        failure = driver.failure(caught.value)
        seen.append((failure.kind, failure.status, failure.partial))
    return seen


def test_every_adapter_reads_the_same_from_a_cassette(driver: Driver, upstream: GatewayEmulator, path: Path) -> None:
    upstream.say("one two three", times=2)
    upstream.say(tool_calls=[{"name": "tide", "arguments": {"harbour": "Oslo"}}])
    upstream.say("one two three four", times=2)
    with Recorder(path, upstream.base_url) as recorder:
        recorded = scenes(driver, recorder, SECRET, upstream)
    upstream.stop()
    assert recorded[0][0] == "one two three"
    assert "".join(recorded[1][1]) == "one two three"
    assert recorded[2][2][0][:2] == ("tide", {"harbour": "Oslo"})
    assert recorded[4][1] == 503
    assert recorded[5][2] == "one two "
    with Replayer(path) as replayer:
        assert scenes(driver, replayer, "rqy-other", None) == recorded
        assert (replayer.unknown, replayer.unused) == ([], [])
    assert SECRET not in path.read_text()


# --- secrets ----------------------------------------------------------------------------------------------------------

SECRETS = {
    "authorization": SECRET,
    "the cookie": "s3cr3t-session-cookie",
    "another key": "sk-proj-abcdefghijklmnopqrstuvwx",
    "a token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLW9mLWl0",
    "the organisation": "org-ABCDEFGHIJKLMNOPQRST",
    "a password": "hunter2-hunter2",
}


@pytest.mark.parametrize("stream", [False, True])
def test_no_secret_gets_into_the_file(upstream: GatewayEmulator, path: Path, stream: bool) -> None:
    said = f"You are {SECRET}, of {SECRETS['the organisation']}; use {SECRETS['another key']} or {SECRETS['a token']}."
    upstream.say(said, pieces=["You are rq", SECRET[2:9], SECRET[9:20], SECRET[20:], *re.findall(r"\S+\s*", said)])
    upstream.say(tool_calls=[{"name": "tide", "arguments": {"password": SECRETS["a password"]}}])
    body = {**ASK, "messages": [{"role": "user", "content": f"My key is {SECRET}"}], "stream": stream}
    headers = {"cookie": f"sid={SECRETS['the cookie']}", "x-internal": SECRETS["the cookie"], "x-title": SECRET}
    with Recorder(path, upstream.base_url) as recorder, client(recorder) as http:
        http.post(CHAT, json=body, headers=headers)
        http.post(CHAT, json={**ASK, "tools": [TOOL]}, headers=headers)
        http.get("/v1/models", params={"key": SECRET}, headers={"x-api-key": SECRET})
        made = http.post("/v1/manage/apikey", json={"name": "new"}).json()
        http.get("/v1/manage/apikey")
        http.get("/v1/manage/org/member")
    text = path.read_text()
    for secret in (*SECRETS.values(), made["api_key"], "owner@example.com", SECRET[9:20]):
        assert secret not in text
    assert "REDACTED" in text
    joined = "".join(re.findall(r'"content\\":\\"(.*?)\\"', text))
    assert SECRET not in joined
    with Replayer(path) as replayer, client(replayer, "rqy-a-key-of-mine") as http:
        mine = {**body, "messages": [{"role": "user", "content": "My key is rqy-a-key-of-mine"}]}
        assert http.post(CHAT, json=mine).status_code == 200


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"api_key": "abc", "apiKey":"d\\"e"}', b'{"api_key": "REDACTED", "apiKey":"REDACTED"}'),
        (b'{"arguments": "{\\"password\\": \\"p\\"}"}', b'{"arguments": "{\\"password\\": \\"REDACTED\\"}"}'),
        (b'{"account_id": 12345, "id": 6}', b'{"account_id": 0, "id": 6}'),
        (b"Use Bearer abcdefghijkl!", b"Use Bearer REDACTED!"),
        (b'{"a": "key\\/of\\/mine", "b": "key/of/mine"}', b'{"a": "REDACTED", "b": "REDACTED"}'),
        (b'{"properties": {"password": {"type": "string"}}, "token": "Hi"}', None),
        (b'{"email": "a@example.com", "user_id": "ada", "secretary": "Bob"}', None),
    ],
)
def test_what_is_taken_out_of_a_body(body: bytes, kept: bytes | None) -> None:
    assert Redaction({"x-api-key": "key/of/mine"}, CHAT).data(body) == (body if kept is None else kept)


def test_people_and_accounts_are_taken_out_on_management_routes() -> None:
    body = b'{"user_id": "u1", "members": [{"id": "a@b.de", "email": "a@b.de"}], "created_by": {"id": "u2"}}'
    kept = body.replace(b"u1", b"REDACTED").replace(b"a@b.de", b"REDACTED").replace(b"u2", b"REDACTED")
    assert Redaction({}, "/v1/manage/org/member").data(body) == kept


def test_what_only_looks_like_a_secret_stays(upstream: GatewayEmulator, path: Path) -> None:
    texts = "The token is a word; ask-for-a-skating-lesson, rqsty-cmpl-7d4d4572, risk-free-evenings, e@example.com."
    upstream.say(texts)
    with Recorder(path, upstream.base_url) as recorder, client(recorder) as http:
        recorded = http.post(CHAT, json={**ASK, "logprobs": True, "user": "ada"})
    assert texts in recorded.text
    answer = Cassette.load(path).exchanges[0].answer
    assert answer.body == recorded.content


# --- requests that were not recorded ----------------------------------------------------------------------------------


@pytest.fixture
def replayer() -> Iterator[Replayer]:
    def exchange(text: str, **more: Any) -> Exchange:
        body = {**ASK, "messages": [{"role": "user", "content": text}], **more}
        return Exchange(Question("POST", CHAT, body=body, is_json=True), Answer(200, (), (Chunk(0, b"{}"),)))

    with Replayer(Cassette([exchange("Hello."), exchange("Good morning.", temperature=0)])) as running:
        yield running


def test_the_nearest_recorded_request_is_named(replayer: Replayer) -> None:
    with client(replayer) as http:
        body = {**ASK, "messages": [{"role": "user", "content": "Good evening."}], "temperature": 1, "seed": 3}
        refused = http.post(CHAT, json=body)
    error = refused.json()["error"]
    assert (refused.status_code, error["origin"], error["type"]) == (400, "cassette", "cassette_unknown")
    assert error["nearest"] == {"exchange": 1, "method": "POST", "path": CHAT}
    assert error["differences"] == [
        {"where": "body.messages[0].content", "recorded": '"Good morning."', "sent": '"Good evening."'},
        {"where": "body.temperature", "recorded": "0", "sent": "1"},
        {"where": "body.seed", "recorded": "nothing", "sent": "3"},
    ]
    assert "body.temperature: recorded 0, sent 1" in error["message"]
    assert replayer.unknown == [error["message"]]
    assert len(replayer.unused) == 2


def test_another_path_and_a_body_that_is_no_json(replayer: Replayer) -> None:
    with client(replayer) as http:
        refused = http.post("/v1/embeddings", content=b"\xff\xfe not json")
    shown = {one["where"]: one["sent"] for one in refused.json()["error"]["differences"]}
    assert shown["path"] == "/v1/embeddings"
    assert shown["body"].startswith("11 bytes that begin with fffe")


def test_the_order_of_keys_and_the_headers_do_not_count(replayer: Replayer) -> None:
    body = dict(reversed({**ASK, "messages": [{"content": "Hello.", "role": "user"}]}.items()))
    with client(replayer, "no-key") as http:
        assert http.post(CHAT, json=body, headers={"x-stainless-lang": "zig"}).status_code == 200


def test_mixed_lets_the_emulator_answer_the_rest(replayer: Replayer) -> None:
    cassette = replayer.cassette
    with Replayer(cassette, mixed=True) as mixed, client(mixed, mixed.api_key) as http:
        assert http.post(CHAT, json={**ASK, "messages": [{"role": "user", "content": "Hello."}]}).text == "{}"
        other = http.post(CHAT, json={**ASK, "stream": True, "messages": [{"role": "user", "content": "Hi there."}]})
        assert other.text.endswith("data: [DONE]\n\n")
        assert len(mixed.unknown) == 1
        assert mixed.emulator is not None
        assert mixed.emulator.last_request.stream


def test_a_recorder_whose_upstream_goes_away_says_so(upstream: GatewayEmulator, path: Path) -> None:
    with Recorder(path, upstream.base_url) as recorder, client(recorder) as http:
        upstream.stop()
        refused = http.post(CHAT, json=ASK)
    assert (refused.status_code, refused.json()["error"]["origin"]) == (502, "cassette")
    assert f"127.0.0.1:{upstream.port}" in refused.json()["error"]["message"]
    assert Cassette.load(path).exchanges == []


@pytest.fixture
def tls_upstream(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    """A server behind TLS whose maker the environment trusts, streaming in pieces of its own."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for data in (b"data: {}\n\n", b"data: [DONE]\n\n", b""):
                self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

        def log_message(self, *args: object) -> None: ...

    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://localhost:{server.server_port}/v1"
        server.shutdown()
        thread.join()


def test_an_upstream_behind_tls(tls_upstream: str, path: Path) -> None:
    with Recorder(path, tls_upstream) as recorder, client(recorder) as http:
        recorded = pieces_of(http, {**ASK, "stream": True})
    assert recorded == (200, [b"data: {}\n\n", b"data: [DONE]\n\n"], True)
    with Replayer(path) as replayer, client(replayer) as http:
        assert pieces_of(http, {**ASK, "stream": True}) == recorded


def test_an_upstream_that_nobody_vouches_for(tls_upstream: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trustme.CA().cert_pem.write_to_path(path.with_name("other.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(path.with_name("other.pem")))
    with Recorder(path, tls_upstream) as recorder, client(recorder) as http:
        refused = http.post(CHAT, json=ASK)
    assert refused.status_code == 502
    assert "certificate" in refused.json()["error"]["message"].lower()


def test_a_client_that_leaves_ends_the_upstream_answer(upstream: GatewayEmulator, path: Path) -> None:
    with Recorder(path, upstream.base_url) as recorder, client(recorder) as http:
        # Some leave while the upstream is silent, some while it writes.
        for stalls, number in itertools.product((3, 400), range(10)):
            upstream.say(" ".join(["word"] * 2_000))
            upstream.fail_next(fault=Fault(stall_after_chunks=stalls))
            body = {**ASK, "stream": True, "messages": [{"role": "user", "content": str(number)}]}
            with http.stream("POST", CHAT, json=body) as reply:
                chunks = reply.iter_raw()
                assert next(chunks)
            assert upstream.wait_idle(10)


# --- bad input --------------------------------------------------------------------------------------------------------

GOOD: dict[str, Any] = {"kind": "requesty-cassette", "version": 1, "exchanges": []}
REQUEST = {"method": "GET", "path": "/v1/models"}
BAD: list[tuple[str, str]] = [
    ("{", "is not JSON"),
    ("[]", "is no cassette"),
    ('{"log": {"version": "1.2"}}', "is no cassette"),
    (json.dumps({**GOOD, "version": 2}), "has version 2, this package reads 1; upgrade requesty-adapters"),
    (json.dumps({**GOOD, "version": None}), "has version None"),
    (json.dumps({**GOOD, "exchanges": [{"request": REQUEST}]}), r"exchanges\[0\]: 'response' is missing"),
    (json.dumps({**GOOD, "exchanges": [{"request": REQUEST, "response": {"status": 99, "text": ""}}]}), "from 200"),
    (json.dumps({**GOOD, "exchanges": [{"request": REQUEST, "response": {"status": 200, "base64": "?"}}]}), "exchang"),
    (json.dumps({**GOOD, "exchanges": [{"request": REQUEST, "response": {"status": 200, "text": 1}}]}), "a string"),
    (json.dumps({**GOOD, "exchanges": [3]}), r"exchanges\[0\]"),
    *(
        (
            json.dumps({**GOOD, "exchanges": [{"request": REQUEST, "response": {"status": 200, "text": "", **more}}]}),
            told,
        )
        for more, told in (
            ({"wait": -1}, "wait must be seconds from 0, not -1"),
            ({"chunks": [{"at": "soon", "text": ""}]}, "at must be seconds from 0"),
            ({"length": -3}, "length must be a number of bytes"),
            ({"ending": "soon"}, "ending must be complete or cut"),
            ({"headers": [["x-a", "b\r\nset-cookie: c"]]}, "is no value of x-a"),
            ({"headers": [["x a", "b"]]}, "'x a' is no name of a header"),
            ({"headers": [["x-a", "\u20ac"]]}, "is no value of x-a"),
        )
    ),
]


@pytest.mark.parametrize(("text", "told"), BAD)
def test_a_file_that_is_no_cassette(path: Path, text: str, told: str) -> None:
    path.write_text(text)
    with pytest.raises(ConfigError, match=told) as caught:
        Replayer(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Replayer(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="is not JSON"):
        Replayer(path)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("router.requesty.ai/v1", "must begin with https"),
        ("ftp://host/v1", "must begin with https"),
        ("http://", "name a host"),
        ("http://host:port/v1", "is no URL"),
        ("https://user:pw@host/v1", "plain URL"),
        ("https://host/v1?key=x", "plain URL"),
    ],
)
def test_a_wrong_upstream(path: Path, url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Recorder(path, url)


def test_an_upstream_that_nobody_serves(path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConfigError, match=f"127.0.0.1:{port}: cannot connect"):
        Recorder(path, f"http://127.0.0.1:{port}/v1").start()
    assert not path.exists()


def test_a_file_that_exists_or_cannot_be_written(upstream: GatewayEmulator, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text("mine")
    with pytest.raises(ConfigError, match="exists already"):
        Recorder(tmp_path / "old.json", upstream.base_url)
    with pytest.raises(ConfigError, match="cannot be written"):
        Recorder(tmp_path / "none" / "new.json", upstream.base_url).start()
    assert (tmp_path / "old.json").read_text() == "mine"


@pytest.mark.parametrize("timing", [-1, float("nan"), float("inf"), True, "1"])
def test_a_wrong_timing(timing: Any) -> None:
    with pytest.raises(ConfigError, match="timing must be a number from 0"):
        Replayer(Cassette(), timing=timing)


def test_a_taken_port(upstream: GatewayEmulator, path: Path) -> None:
    servers: list[Callable[[], Any]] = [
        lambda: Replayer(Cassette(), port=upstream.port),
        lambda: Recorder(path, upstream.base_url, port=upstream.port),
    ]
    for make in servers:
        with pytest.raises(ConfigError, match=f"cannot listen on 127.0.0.1:{upstream.port}"):
            make().start()
