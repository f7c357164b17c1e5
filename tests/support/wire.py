"""A scripted wire: an ``httpx`` transport that gives planned answers in order and keeps every request."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from typing import Any

import httpx
from tests.support.bodies import USAGE, chunk, completion, sse


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that arrives in given pieces; an exception among them is raised in its place."""

    def __init__(self, pieces: Iterable[bytes | Exception]) -> None:
        self._pieces = list(pieces)
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed = True

    async def aclose(self) -> None:
        self.closed = True


Scripted = Callable[[bool], httpx.Response]
"""An answer: given whether the request asked for a stream, the response."""


def answer(
    message: Mapping[str, Any] | str = "Hello",
    *,
    finish: str = "stop",
    usage: Any = USAGE,
    headers: Mapping[str, str] | None = None,
    **top: Any,
) -> Scripted:
    """The same good answer for a unary and a streamed call."""
    body = {"content": message} if isinstance(message, str) else dict(message)
    tail = {} if usage is None else {"usage": usage}

    def render(stream: bool) -> httpx.Response:
        if stream:
            chunks = [chunk({"role": "assistant"}, **top), chunk(body, **top), chunk(finish=finish, **top)]
            content = sse(*chunks, {"id": "rqsty-cmpl-1", "choices": [], **tail})
            return httpx.Response(
                200, headers={"content-type": "text/event-stream", **(headers or {})}, content=content
            )
        return httpx.Response(200, headers=headers, json=completion(body, finish=finish, **tail, **top))

    return render


def http(status: int, body: Any = b"", **headers: str) -> Scripted:
    """A response with this status: bytes and text as they are, anything else as JSON. ``a_b`` means header ``a-b``."""
    content = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda stream: httpx.Response(status, headers=named, content=content)


def pieces(*parts: bytes | Exception, status: int = 200, headers: Mapping[str, str] | None = None) -> Scripted:
    """A response whose body arrives in these parts."""
    return lambda stream: httpx.Response(status, headers=headers, stream=Pieces(parts))


def router_error(status: int, message: str, origin: str = "router", **headers: str) -> Scripted:
    """An error in the gateway's own envelope."""
    return http(status, {"error": {"origin": origin, "message": message}}, **headers)


class Wire:
    """A transport that gives scripted answers in order and keeps every request.

    An unplanned request fails the test, unless the last answer is given ``for_good``.
    """

    def __init__(self, *answers: Scripted | Exception, for_good: bool = False) -> None:
        self._answers = list(answers)
        self._for_good = for_good
        self._lock = threading.Lock()
        self.requests: list[httpx.Request] = []
        self.transport = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        planned = len(self._answers)
        assert number <= planned or self._for_good, f"request {number} was not planned: {request.content!r}"
        scripted = self._answers[min(number, planned) - 1]
        if isinstance(scripted, Exception):
            raise scripted
        return scripted(b'"stream":true' in request.content)

    def body(self, index: int = -1) -> dict[str, Any]:
        """The decoded body of a request."""
        body = json.loads(self.requests[index].content)
        assert isinstance(body, dict)
        return body

    @property
    def models(self) -> list[str]:
        """The models asked for, in order."""
        return [self.body(i)["model"] for i in range(len(self.requests))]


def canned(*bodies: Mapping[str, Any] | list[Any]) -> Wire:
    """A wire that answers with these bodies in turn and with the last one for good; a list is an event stream."""

    def scripted(body: Mapping[str, Any] | list[Any]) -> Scripted:
        if isinstance(body, list):
            return http(200, sse(*body), content_type="text/event-stream")
        return http(200, body, content_type="application/json")

    return Wire(*(scripted(body) for body in bodies), for_good=True)
