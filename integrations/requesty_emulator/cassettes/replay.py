"""Answering from a cassette: the recorded bytes in their pieces, in the order of the recording, and nothing else."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from requesty_emulator.cassettes.matching import Difference, asked, differences, fingerprint, nearest
from requesty_emulator.cassettes.serving import CassetteServer, read_body, refuse
from requesty_emulator.cassettes.tape import Answer, Cassette, Exchange, Question
from requesty_emulator.errors import ConfigError
from requesty_emulator.gateway.connection import Connection, connection_of
from requesty_emulator.server.server import GatewayEmulator

__all__ = ["Replayer"]

#: Status for a request that was not recorded: one that no client tries again.
UNKNOWN = 400
#: Lines that are kept of requests that were not recorded.
MOST_UNKNOWN = 1_000
_SHOWN = 8


class Replayer(CassetteServer):
    """A loopback server that answers from a cassette.

    A request that was recorded several times gets those answers in their order. One that was not recorded, or more
    often than it was, gets a 400 whose JSON body names the nearest recorded request and the differences; with
    ``mixed`` an emulator answers it (a new one, or the one given, which need not be started). With ``repeat`` the
    answers of a request begin again from the first. ``timing`` is the factor on the recorded waits between pieces: 0
    sends them at once. Headers, keys included, are not compared. Raises
    :class:`~requesty_emulator.errors.ConfigError` for an unusable file or setting.
    """

    def __init__(
        self,
        cassette: str | Path | Cassette,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        timing: float = 0.0,
        mixed: bool | GatewayEmulator = False,
        repeat: bool = False,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        super().__init__(host, port)
        if isinstance(timing, bool) or not isinstance(timing, (int, float)) or not 0 <= timing < math.inf:
            raise ConfigError(f"timing must be a number from 0, not {timing!r}; 1 waits as long as was recorded")
        self.cassette = cassette if isinstance(cassette, Cassette) else Cassette.load(cassette)
        self.timing = timing
        self._repeat = repeat
        self._on_exchange = on_exchange
        self._emulator = GatewayEmulator(api_key=self.api_key) if mixed is True else mixed or None
        if self._emulator is not None:
            self.api_key = self._emulator.api_key
        self._questions = [one.question for one in self.cassette.exchanges]
        self._by_print: dict[str, list[int]] = {}
        for number, question in enumerate(self._questions):
            self._by_print.setdefault(fingerprint(question), []).append(number)
        self._used: dict[str, int] = {}
        self._lock = threading.Lock()
        #: Called from the server's thread with each of the lines of :attr:`unknown`.
        self.on_unknown: Callable[[str], None] | None = None
        #: What was asked and not recorded, a line each, the first 1,000; with ``mixed`` the emulator answered it.
        self.unknown: list[str] = []

    @property
    def emulator(self) -> GatewayEmulator | None:
        """The emulator behind ``mixed``, to script; it is reached through this server only."""
        return self._emulator

    @property
    def unused(self) -> list[Question]:
        """Recorded requests that have not been asked yet, in their order."""
        with self._lock:
            asked_for = {n for key, count in self._used.items() for n in self._by_print[key][:count]}
        return [question for number, question in enumerate(self._questions) if number not in asked_for]

    def rewind(self) -> None:
        """Begin again: every answer can be had once more, and no request is unknown."""
        with self._lock:
            self._used.clear()
            self.unknown.clear()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        raw = await read_body(receive)
        if raw is None:
            await refuse(send, 413, "the request has more than 32 MiB, which no cassette has")
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        question = asked(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, raw)
        exchange = self._next(question)
        if exchange is not None:
            await play(exchange.answer, self.timing, connection_of(scope), send)
            if self._on_exchange is not None:
                self._on_exchange(exchange)
            return
        told, body = self._explained(question)
        with self._lock:
            if len(self.unknown) < MOST_UNKNOWN:
                self.unknown.append(told)
        if self.on_unknown is not None:
            self.on_unknown(told)
        if self._emulator is not None:
            await cast(ASGIApp, self._emulator.app)(scope, _again(raw, receive), send)
            return
        await refuse(send, UNKNOWN, told, **body)

    def _next(self, question: Question) -> Exchange | None:
        key = fingerprint(question)
        with self._lock:
            numbers, used = self._by_print.get(key, []), self._used.get(key, 0)
            if not numbers or (used >= len(numbers) and not self._repeat):
                return None
            self._used[key] = used + 1
        return self.cassette.exchanges[numbers[used % len(numbers)]]

    def _explained(self, question: Question) -> tuple[str, dict[str, Any]]:
        """Why a request has no answer: a line, and the same for programs."""
        asked_for = f"{question.method} {question.path}"
        numbers = self._by_print.get(fingerprint(question))
        if numbers is not None:
            times = "once" if len(numbers) == 1 else f"{len(numbers)} times"
            told = f"{asked_for} was recorded {times} and has been replayed as often (exchanges {_list(numbers)})"
            return f"{told}; record it again, or replay with repeat", {"type": "cassette_used_up", "recorded": numbers}
        number = nearest(question, self._questions)
        if number is None:
            return f"{asked_for} is not recorded: the cassette is empty", {"type": "cassette_unknown"}
        near = self._questions[number]
        found = differences(near, question)
        told = (
            f"{asked_for} is not recorded; the nearest is exchange {number}, {near.method} {near.path}: {_lines(found)}"
        )
        shown = [{"where": where, "recorded": before, "sent": now} for where, before, now in found]
        body = {"exchange": number, "method": near.method, "path": near.path}
        return told, {"type": "cassette_unknown", "nearest": body, "differences": shown}


def _list(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:_SHOWN])) + (", …" if len(numbers) > _SHOWN else "")


def _lines(found: Sequence[Difference]) -> str:
    shown = [f"{where}: recorded {_short(*pair)}, sent {_short(*pair[::-1])}" for where, *pair in found[:_SHOWN]]
    return "; ".join([*shown, *([f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else [])])


def _short(value: str, other: str) -> str:
    """At most 80 characters, from just before the place where the two begin to differ."""
    same = next((at for at, (a, b) in enumerate(zip(value, other, strict=False)) if a != b), 0)
    start = max(0, same - 30) if len(value) > 80 else 0
    cut = value[start : start + 80]
    return ("…" if start else "") + cut + ("…" if start + 80 < len(value) else "")


def _again(raw: bytes, receive: Receive) -> Receive:
    """The body that has been read, for whoever reads it now."""
    sent = False

    async def body() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": raw, "more_body": False}

    return body


async def play(answer: Answer, timing: float, connection: Connection, send: Send) -> None:
    if timing and not await connection.pause(answer.wait * timing):
        return
    headers = list(answer.headers)
    if not answer.chunked and answer.status not in (204, 304):
        length = len(answer.body) if answer.length is None else answer.length
        headers.append(("content-length", str(length)))
    shown = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": shown})
    at = 0.0
    for chunk in answer.chunks:
        if timing and not await connection.pause((chunk.at - at) * timing):
            return
        at = chunk.at
        if not answer.chunked:
            await send({"type": "http.response.body", "body": chunk.data, "more_body": True})
        elif not await connection.write(send, chunk.data):
            return
    if answer.ending == "cut":
        connection.abort()
        return
    await send({"type": "http.response.body", "body": b"", "more_body": False})
