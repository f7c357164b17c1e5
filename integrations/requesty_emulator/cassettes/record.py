"""Passing requests on to a server, and writing down what was asked and answered."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from starlette.types import Receive, Scope, Send

from requesty_emulator.cassettes.matching import asked
from requesty_emulator.cassettes.serving import CassetteServer, read_body, refuse
from requesty_emulator.cassettes.tape import Answer, Cassette, Chunk, Ending, Exchange
from requesty_emulator.cassettes.upstream import Fetch, Head, Part, Request, Upstream
from requesty_emulator.errors import ConfigError
from requesty_emulator.gateway.connection import connection_of
from requesty_emulator.gateway.redact import Redaction, kept_response_headers

__all__ = ["Recorder"]

logger = logging.getLogger("requesty_emulator")

MOST_BYTES = 256 * 1024 * 1024
MOST_EXCHANGES = 10_000
#: The file is written again at most this often, in seconds, and when the recorder stops.
_EVERY = 1.0
#: Chat completions, messages and responses end with these; a client may close the connection when it has read them.
_LAST_EVENT = re.compile(
    rb"^(?:data: ?\[DONE\]|event: ?(?:message_stop|response\.(?:completed|incomplete|failed)))\r?$", re.MULTILINE
)
_BETWEEN_EVENTS = re.compile(rb"\r?\n\r?\n")
#: Bytes in which it is looked for: the last event of a response repeats the whole answer.
_LONGEST_END = 4 * 1024 * 1024
#: Of the answer: what the next hop makes anew.
_HOP = frozenset(["connection", "keep-alive", "transfer-encoding", "trailer", "upgrade", "content-length", "date"])


class Recorder(CassetteServer):
    """A loopback server that passes every request on to ``upstream`` and writes a cassette to ``path``.

    The client gets the answer as it arrives. ``on_exchange`` is called from the server's thread with each finished one.
    At most 10,000 exchanges of 256 MiB together are recorded; a request beyond that gets an error. Raises
    :class:`~requesty_emulator.errors.ConfigError` for an unusable upstream, or a ``path`` that cannot be written or
    holds something already (unless ``overwrite``).
    """

    def __init__(
        self,
        path: str | Path,
        upstream: str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        overwrite: bool = False,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        super().__init__(host, port)
        self.path = Path(path)
        self._upstream = Upstream(upstream)
        if self.path.exists() and not overwrite:
            raise ConfigError(f"cassette {path}: exists already; remove it, or record into another file")
        self._on_exchange = on_exchange
        self._lock = threading.Lock()
        # By the number under which a request arrived: answers end in another order.
        self._done: dict[int, Exchange] = {}
        self._open: set[Fetch] = set()
        self._idle = threading.Condition()
        self._arrived = 0
        self._size = 0
        self._next_write = 0.0

    def start(self) -> Recorder:
        """Check that the upstream and the file can be reached, then listen."""
        self._upstream.check()
        self._write()
        return super().start()

    def stop(self) -> None:
        """Stop, and write what was recorded; an answer still under way after a second is cut there."""
        running = self._thread is not None
        self._catch_up()
        with self._idle:
            # One that its client has left, or read to the end, is about to be kept.
            if not self._idle.wait_for(lambda: not self._open, 1.0):
                for fetch in self._open:
                    fetch.leave()
                self._idle.wait_for(lambda: not self._open, 5.0)
        super().stop()
        if running:
            self._write()

    @property
    def cassette(self) -> Cassette:
        """What was recorded so far, in the order of the requests' arrival.

        Answers under way are waited for, a second at most: a client has its answer a moment before it is recorded.
        """
        with self._idle:
            self._idle.wait_for(lambda: not self._open, 1.0)
        return self._tape()

    def _tape(self) -> Cassette:
        with self._lock:
            return Cassette([self._done[number] for number in sorted(self._done)])

    def _write(self) -> None:
        started = time.monotonic()
        self._tape().save(self.path)
        # The answers under way wait meanwhile: a large file is written less often.
        self._next_write = time.monotonic() + max(_EVERY, 20 * (time.monotonic() - started))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        raw = await read_body(receive)
        if raw is None:
            await refuse(send, 413, "the request has more than 32 MiB, which is not recorded")
            return
        with self._lock:
            number, full = self._arrived, self._size > MOST_BYTES or self._arrived >= MOST_EXCHANGES
            self._arrived += not full
        if full:
            await refuse(send, 400, f"the cassette {self.path.name} is full; record into another file")
            return
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        request = Request(scope["method"], self._upstream.target(path, query), tuple(headers), raw)
        lowered = {name.lower(): value for name, value in headers}
        question = asked(scope["method"], scope["path"], query, lowered, raw)
        fetch = Fetch(self._upstream, request)
        watch = asyncio.create_task(_leave_with(receive, fetch))
        with self._idle:
            self._open.add(fetch)
        try:
            answer = await self._passed(fetch, scope, send)
            if answer is not None:
                self._keep(number, Exchange(question, _redacted(answer, Redaction(lowered, scope["path"]))))
        finally:
            watch.cancel()
            # A failed write can be the first to know that the client has gone.
            fetch.leave()
            with self._idle:
                self._open.discard(fetch)
                self._idle.notify_all()

    async def _passed(self, fetch: Fetch, scope: Scope, send: Send) -> Answer | None:
        """Hand the answer on while it arrives; None if there was none."""
        connection, started = connection_of(scope), time.perf_counter()
        head = await fetch.parts.get()
        if isinstance(head, Part):
            await refuse(send, 502, f"the upstream did not answer: {head.failed}")
            return None
        if connection.lost:
            # Nobody saw an answer, so there is none to replay.
            return None
        wait, chunked = time.perf_counter() - started, head.length is None
        await send({"type": "http.response.start", "status": head.status, "headers": _forwarded(head)})
        chunks: list[Chunk] = []
        missing = head.length
        ending: Ending | None = None
        while ending is None:
            part = await fetch.parts.get()
            assert isinstance(part, Part)
            ending = part.ending
            if not part.data:
                continue
            chunks.append(Chunk(part.at, part.data))
            missing = None if missing is None else missing - len(part.data)
            if chunked:
                alive = await connection.write(send, part.data)
            else:
                await send({"type": "http.response.body", "body": part.data, "more_body": True})
                alive = not connection.lost
            if not alive:
                ending = "cut"
        if ending == "cut" and (missing == 0 or (chunked and _has_ended(chunks))):
            # The client had all there was, and left before the upstream's own end was heard of.
            ending = "complete"
        if ending == "complete":
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        elif not connection.lost:
            connection.abort()
        length = head.length if ending == "cut" and not chunked else None
        return Answer(head.status, head.headers, tuple(chunks), chunked, wait, ending, length)

    def _keep(self, number: int, exchange: Exchange) -> None:
        with self._lock:
            self._done[number] = exchange
            self._size += len(exchange.answer.body) + len(str(exchange.question.body))
        if time.monotonic() > self._next_write:
            try:
                self._write()
            except ConfigError:
                # The answer was delivered; the same error ends the recorder when it stops.
                logger.exception("the cassette cannot be written")
        if self._on_exchange is not None:
            self._on_exchange(exchange)


async def _leave_with(receive: Receive, fetch: Fetch) -> None:
    """Give the request up once the client has gone: its body was read, so nothing else comes from it."""
    while (await receive())["type"] != "http.disconnect":
        continue
    fetch.leave()


def _has_ended(chunks: list[Chunk]) -> bool:
    """Whether a stream's last whole event is the one after which clients read no further."""
    pieces: list[bytes] = []
    size = 0
    for chunk in reversed(chunks):
        pieces.append(chunk.data)
        size += len(chunk.data)
        if size > _LONGEST_END:
            break
    events = _BETWEEN_EVENTS.split(b"".join(reversed(pieces)))
    return len(events) > 1 and not events[-1].strip() and _LAST_EVENT.search(events[-2]) is not None


def _forwarded(head: Head) -> list[tuple[bytes, bytes]]:
    kept = [(name.lower(), value) for name, value in head.headers if name.lower() not in _HOP]
    if head.length is not None and head.status not in (204, 304):
        kept.append(("content-length", str(head.length)))
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept]


def _redacted(answer: Answer, redaction: Redaction) -> Answer:
    headers = tuple((name, redaction.text(value)) for name, value in kept_response_headers(answer.headers))
    chunks = answer.chunks if answer.chunked else (Chunk(0.0, answer.body),)
    pieces = zip(chunks, redaction.pieces([chunk.data for chunk in chunks]), strict=True)
    return Answer(
        answer.status,
        headers,
        tuple(Chunk(chunk.at, data) for chunk, data in pieces if data or not chunk.data),
        answer.chunked,
        answer.wait,
        answer.ending,
        answer.length,
    )
