"""A gateway that breaks in every way, chosen by a seeded die, and keeps the bill of what it answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
import threading
from collections import Counter
from decimal import Decimal
from typing import Any

COST = Decimal("0.0001")

FAULTS = (
    *("well",) * 10,
    *("reset", "close", "late_reset", "stall", "truncated", "garbage", "wrong_length", "control"),
    *("refused", "limited", "early", "redirect", "interim", "stray", "last", "error_body", "slow"),
)
"""What may happen to a request."""

WELL = frozenset({"well", "interim", "stray", "last", "slow"})
"""What ends in a complete answer."""


class BrokenGateway:
    """Listens on the loopback in a thread of its own; ``bill`` is what it sent complete answers for."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.bill = Decimal(0)
        self.happened: Counter[str] = Counter()
        self._connections: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> BrokenGateway:
        self._thread.start()
        self._ready.wait()
        return self

    def _run(self) -> None:
        async def start() -> None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=256)
            self.base_url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

        self._loop.run_until_complete(start())
        self._ready.set()
        self._loop.run_forever()
        # Its streams complain about tasks that are cancelled before they began.
        self._loop.set_exception_handler(lambda loop, context: None)
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        for writer in self._connections:
            writer.transport.abort()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._answer(reader, writer):
                    pass
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        fault = self._dice.choice(FAULTS)
        self.happened[fault] += 1
        if fault == "early":
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}")
            await writer.drain()
            await asyncio.sleep(0.02)
            return False
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        await asyncio.sleep(self._dice.random() * 0.01)
        if fault in WELL:
            return await self._well(writer, body, fault)
        return await self._badly(writer, body, fault)

    async def _well(self, writer: asyncio.StreamWriter, body: dict[str, Any], fault: str) -> bool:
        raw = b"HTTP/1.1 102 Processing\r\n\r\n" * 3 if fault == "interim" else b""
        raw += self._response(body, b"Connection: close\r\n" if fault == "last" else b"")
        step = self._dice.randrange(16, 400)
        for at in range(0, len(raw), step):
            if writer.is_closing():
                return False
            if at + step >= len(raw):
                self.bill += COST
            writer.write(raw[at : at + step])
            if fault == "slow" or self._dice.random() < 0.05:
                await writer.drain()
                await asyncio.sleep(0.001)
        await writer.drain()
        if fault == "stray":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        # Sometimes an idle connection ends by itself.
        return fault != "last" and self._dice.random() < 0.9

    async def _badly(self, writer: asyncio.StreamWriter, body: dict[str, Any], fault: str) -> bool:
        whole = self._response({**body, "unbilled": True})
        if fault == "stall":
            writer.write(whole[: self._dice.randrange(60)])
            await asyncio.sleep(2.5)
        elif fault in ("reset", "late_reset"):
            if fault == "late_reset":
                writer.write(whole[: len(whole) // 2])
                await writer.drain()
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif fault == "truncated":
            writer.write(whole[: len(whole) * 2 // 3])
        elif fault in _ANSWERS:
            writer.write(_ANSWERS[fault])
            await writer.drain()
            return fault in ("refused", "limited", "redirect", "error_body")
        return False

    def _response(self, body: dict[str, Any], more: bytes = b"") -> bytes:
        text = body["messages"][-1]["content"][:16]
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2, "cost": float(COST)}
        base = {"id": "x", "model": body["model"], "created": 1}
        if not body.get("stream"):
            message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            data = json.dumps({**base, "object": "chat.completion", "choices": [message], "usage": usage}).encode()
            return b"HTTP/1.1 200 OK\r\n" + more + b"Content-Length: %d\r\n\r\n" % len(data) + data
        deltas: list[dict[str, Any]] = [{"delta": {"role": "assistant", "content": letter}} for letter in text]
        deltas.append({"delta": {}, "finish_reason": "stop"})
        events = [{**base, "choices": [{"index": 0, "finish_reason": None, **delta}]} for delta in deltas]
        told = [json.dumps(event).encode() for event in [*events, {**base, "choices": [], "usage": usage}]]
        chunks = b"".join(_chunk(b": wait\n\ndata: " + event + b"\n\n") for event in [*told, b"[DONE]"])
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n" + more
        return head + b"\r\n" + chunks + b"0\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n" % len(data) + data + b"\r\n"


def _json(status: bytes, data: bytes, more: bytes = b"") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + more + b"Content-Length: %d\r\n\r\n" % len(data) + data


_ANSWERS = {
    "garbage": b"SSH-2.0-OpenSSH_9.0\r\n\r\n",
    "wrong_length": b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{"id": "x"}',
    "control": b"HTTP/1.1 200 OK\r\nX: \x00\r\nContent-Length: 0\r\n\r\n",
    "refused": _json(b"503 No", b'{"error": {"message": "no"}}'),
    "limited": _json(b"429 Slow", b'{"error": {"message": "slow"}}', b"Retry-After: 0\r\n"),
    "redirect": _json(b"308 Moved", b"", b"Location: https://elsewhere.invalid/\r\n"),
    "error_body": _json(b"200 OK", b'{"error": {"message": "broke"}}'),
}
