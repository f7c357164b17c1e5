"""A server of pre-rendered bytes on loopback, so that a benchmark measures the client and nothing else.

Run as a program it prints its port and serves until its standard input closes.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
import sys
from typing import Any

CHUNKS = 2000
VECTORS, DIMENSIONS = 100, 1536
USAGE = {
    "prompt_tokens": 130,
    "completion_tokens": 2000,
    "total_tokens": 2130,
    "prompt_tokens_details": {"cached_tokens": 0, "caching_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
    "cost": 0.0012195,
}
HEADERS = "x-requesty-provider: openai\r\nx-requesty-request-id: 6f0d\r\nx-requesty-latency-ms: 12\r\n"


def _chunk(delta: dict[str, object], **more: object) -> bytes:
    body = {
        "id": "rqsty-cmpl-7f0c1f0e-5a0e-4c57-9a7d-0b1a3c5d7e9f",
        "object": "chat.completion.chunk",
        "created": 1753000000,
        "model": "gpt-4o-mini-2024-07-18",
        "system_fingerprint": "fp_51e1070cf2",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, **more}],
    }
    return f"data: {json.dumps(body)}\n\n".encode()


def render_stream(chunks: int = CHUNKS, tool: bool = False) -> bytes:
    """An event stream of ``chunks`` text pieces, or of one tool call whose arguments come in ``chunks`` pieces."""
    parts = [_chunk({"role": "assistant", "content": ""})]
    if tool:
        call = {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": "write", "arguments": '{"text": "'},
        }
        parts.append(_chunk({"tool_calls": [call]}))
        piece = {"index": 0, "function": {"arguments": "lorem "}}
        parts += [_chunk({"tool_calls": [piece]})] * chunks
        parts.append(_chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"}'}}]}))
    else:
        parts += [_chunk({"role": "assistant", "content": f"word{i % 10} "}) for i in range(chunks)]
    parts.append(_chunk({}, finish_reason="tool_calls" if tool else "stop"))
    last = {"id": "rqsty-cmpl-7f0c", "object": "chat.completion.chunk", "created": 1, "choices": [], "usage": USAGE}
    parts.append(f"data: {json.dumps(last)}\n\ndata: [DONE]\n\n".encode())
    return b"".join(parts)


def _response(body: bytes, content_type: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n{HEADERS}\r\n"
    return head.encode() + body


def _unary() -> bytes:
    message = {"role": "assistant", "content": "The light can be seen from eighteen sea miles away. " * 4}
    body = {
        "id": "rqsty-cmpl-7f0c",
        "object": "chat.completion",
        "created": 1753000000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "finish_reason": "stop", "logprobs": None, "message": message}],
        "usage": USAGE,
    }
    return json.dumps(body).encode()


def _chunked(events: bytes) -> bytes:
    """The response as gateways send it: chunked transfer, one HTTP chunk per event."""
    head = f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n{HEADERS}\r\n"
    parts = [event + b"\n\n" for event in events.split(b"\n\n")[:-1]]
    return head.encode() + b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in parts) + b"0\r\n\r\n"


def _packed() -> list[tuple[str, list[float]]]:
    """Vectors as base64 and as numbers."""
    vectors = [[math.sin(i * 1.1 + d * 0.7) for d in range(DIMENSIONS)] for i in range(VECTORS)]
    return [(base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *v)).decode(), v) for v in vectors]


def _embeddings(entries: list[bytes], count: int) -> bytes:
    """The answer to so many inputs."""
    data = b",".join(
        b'{"object": "embedding", "index": %d, "embedding": %s}' % (i, entries[i % VECTORS]) for i in range(count)
    )
    usage = {"prompt_tokens": 9 * count, "total_tokens": 9 * count, "cost": 1.8e-7 * count}
    tail = json.dumps({"model": "openai/text-embedding-3-small", "usage": usage})[1:].encode()
    return b'{"object": "list", "data": [' + data + b"], " + tail


def replies() -> dict[str, bytes]:
    """Complete HTTP responses by the model id that asks for them."""
    table = {"bench/unary": _response(_unary(), "application/json")}
    for chunks in (50, 200, 500, CHUNKS, 8000):
        table[f"bench/stream-{chunks}"] = _chunked(render_stream(chunks))
        table[f"bench/tool-{chunks}"] = _chunked(render_stream(chunks, tool=True))
    for name, entries in embeddings().items():
        table[name] = _response(_embeddings(entries, VECTORS), "application/json")
    return table


def embeddings() -> dict[str, list[bytes]]:
    """Vectors in the transfer form of each embedding model, for answers of any length."""
    vectors = _packed()
    return {
        "bench/base64": [json.dumps(text).encode() for text, _ in vectors],
        "bench/floats": [json.dumps(numbers).encode() for _, numbers in vectors],
    }


class Replay(asyncio.Protocol):
    """Answers each request of a connection with the bytes its model id asks for."""

    def __init__(self, table: dict[str, bytes], vectors: dict[str, list[bytes]]) -> None:
        self._table = table
        self._vectors = vectors
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            self._transport.write(self._answer(json.loads(body)))  # type: ignore[attr-defined]

    def _answer(self, body: dict[str, Any]) -> bytes:
        entries = self._vectors.get(body["model"])
        if entries is None or len(body["input"]) == VECTORS:
            return self._table[body["model"]]
        return _response(_embeddings(entries, len(body["input"])), "application/json")


async def main() -> None:
    """Serve until standard input closes."""
    table, vectors = replies(), embeddings()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Replay(table, vectors), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
