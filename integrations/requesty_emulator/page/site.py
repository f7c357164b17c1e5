"""The page's addresses: ``/``, its files, the requests as JSON, and a stream of what changes.

Like a browser's own tools it is for whoever sits at this machine: it answers only where the address that was asked for
is a loopback one, so that no page of another site reaches it by a name of its own, and it allows no other site to read.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from importlib.resources import files
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from requesty_emulator.gateway.core import Core
from requesty_emulator.gateway.records import RecordedRequest

from .view import detail, related, summary

__all__ = ["PREFIX", "page_routes"]

PREFIX = "/_emulator"
#: Rows that a page is sent at once, and seconds between two tellings of changes.
MOST_ROWS, PAUSE = 1_000, 0.1
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_SAFE = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}
_Answer = Callable[[Request], Awaitable[Response]]


def page_routes(core: Core) -> list[Route]:
    """The routes of the page; what is asked of them is not in the request log."""
    shown = Shown(core)
    return [
        Route("/", _local(_file("index.html")), methods=["GET"]),
        Route(f"{PREFIX}/requests", _local(shown.requests), methods=["GET"]),
        Route(f"{PREFIX}/requests/{{id}}", _local(shown.request), methods=["GET"]),
        Route(f"{PREFIX}/events", _local(shown.events), methods=["GET"]),
        *(
            Route(f"{PREFIX}/{one.name}", _local(_file(one.name)), methods=["GET"])
            for one in files(__package__).joinpath("static").iterdir()
            if one.name.rpartition(".")[2] in _KINDS
        ),
    ]


class Shown:
    """What the page asks for."""

    def __init__(self, core: Core) -> None:
        self._core = core

    async def requests(self, request: Request) -> Response:
        """The newest requests, oldest first, with totals; ``limit`` says how many."""
        text = request.query_params.get("limit", str(MOST_ROWS))
        if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= 100_000:
            return _json({"error": f"limit must be a number from 1 to 100000, not {text[:40]!r}"}, 400)
        return _json(self._all(int(text)))

    async def request(self, request: Request) -> Response:
        """One request with all there is to see."""
        identity = request.path_params["id"]
        records = list(self._core.requests)
        found = next((one for one in reversed(records) if one.request_id == identity), None)
        if found is None:
            return _json({"error": "this request is not kept any more"}, 404)
        return _json(detail(found, related(found, records), self._secrets()))

    async def events(self, request: Request) -> Response:
        """Server-sent events: ``all`` first and whenever the log was cleared, then ``some`` with what changed."""
        return StreamingResponse(self._changes(), media_type="text/event-stream")

    async def _changes(self) -> AsyncIterator[bytes]:
        watcher = self._core.feed.watch()
        try:
            yield b"retry: 1000\n\n" + _event("all", self._all(MOST_ROWS))
            while True:
                await watcher.wait()
                # What comes in the same moment is told together.
                await asyncio.sleep(PAUSE)
                cleared, changed = watcher.take()
                yield _event("all", self._all(MOST_ROWS)) if cleared else self._some(changed)
        finally:
            self._core.feed.leave(watcher)

    def _secrets(self) -> list[str]:
        return [key.secret for key in list(self._core.state.keys.values())]

    def _all(self, limit: int) -> dict[str, Any]:
        secrets = self._secrets()
        newest = list(self._core.requests)[-limit:]
        return {"requests": [summary(one, secrets) for one in newest], **self._totals()}

    def _some(self, changed: list[RecordedRequest]) -> bytes:
        secrets = self._secrets()
        newest = sorted(changed, key=lambda one: one.started)[-MOST_ROWS:]
        return _event("some", {"requests": [summary(one, secrets) for one in newest], **self._totals()})

    def _totals(self) -> dict[str, Any]:
        core = self._core
        return {"total": len(core.requests) + core.forgotten, "billed": f"{core.state.billed:f}"}


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), msgspec.json.encode(data))


def _file(name: str) -> _Answer:
    async def answer(request: Request) -> Response:
        data = files(__package__).joinpath("static", name).read_bytes()
        return Response(data, media_type=_KINDS[name.rpartition(".")[2]])

    return answer


def _json(data: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(data), status, media_type="application/json")


def _local(answer: _Answer) -> _Answer:
    """Only for requests to a loopback address, and with the headers that keep other sites out."""

    async def guarded(request: Request) -> Response:
        if is_loopback(request.headers.get("host", "")):
            response = await answer(request)
        else:
            response = Response("This page is shown at its loopback address only.\n", 403, media_type="text/plain")
        response.headers.update(_SAFE)
        return response

    return guarded


def is_loopback(host: str) -> bool:
    """Whether a ``Host`` header names this machine."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    if name.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
