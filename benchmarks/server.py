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


def _embeddings(as_base64: bool) -> bytes:
    vectors = [[math.sin(i * 1.1 + d * 0.7) for d in range(DIMENSIONS)] for i in range(VECTORS)]
    data = []
    for i, vector in enumerate(vectors):
        packed = base64.b64encode(struct.pack(f"<{DIMENSIONS}f", *vector)).decode()
        data.append({"object": "embedding", "index": i, "embedding": packed if as_base64 else vector})
    usage = {"prompt_tokens": 900, "total_tokens": 900, "cost": 0.000018}
    body = {"object": "list", "data": data, "model": "openai/text-embedding-3-small", "usage": usage}
    return json.dumps(body).encode()


def replies() -> dict[str, bytes]:
    """Complete HTTP responses by the model id that asks for them."""
    table = {"bench/unary": _response(_unary(), "application/json")}
    for chunks in (500, CHUNKS, 8000):
        table[f"bench/stream-{chunks}"] = _chunked(render_stream(chunks))
        table[f"bench/tool-{chunks}"] = _chunked(render_stream(chunks, tool=True))
    table["bench/floats"] = _response(_embeddings(False), "application/json")
    table["bench/base64"] = _response(_embeddings(True), "application/json")
    return table


class Replay(asyncio.Protocol):
    """Answers each request of a connection with the bytes its model id asks for."""

    def __init__(self, table: dict[str, bytes]) -> None:
        self._table = table
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
            self._transport.write(self._table[json.loads(body)["model"]])  # type: ignore[attr-defined]


async def main() -> None:
    """Serve until standard input closes."""
    table = replies()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Replay(table), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
