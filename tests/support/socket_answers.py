"""What a socket server plays: answers that start and stay silent, whole ones, and ones that only drip."""

from __future__ import annotations

import json

from tests.support.bodies import USAGE, chunk, completion, sse
from tests.support.sockets import WAIT, Action, full, head, http_chunk


def started() -> list[Action]:
    """An answer that begins and then stays silent until the client hangs up."""
    first = sse(chunk({"role": "assistant", "content": "Hel"}), done=False)
    return [head(chunked=True) + http_chunk(first), WAIT]


def whole(text: str = "Hello", pause: float = 0.0) -> list[Action]:
    """A streamed answer, after a pause in seconds."""
    body = sse(chunk({"content": text}), chunk(finish="stop"), chunk({}, usage=USAGE))
    return [pause, head(chunked=True) + http_chunk(body) + http_chunk(b"")]


def unstreamed(text: str = "Hello", pause: float = 0.0) -> list[Action]:
    """A complete answer, after a pause in seconds."""
    return [pause, full(json.dumps(completion({"content": text}, usage=USAGE)).encode())]


def drip() -> list[Action]:
    """Keeps the connection busy without a meaningful word."""
    role = http_chunk(sse(chunk({"role": "assistant"}), done=False))
    return [head(chunked=True), *[x for _ in range(100) for x in (role, 0.02)], WAIT]
