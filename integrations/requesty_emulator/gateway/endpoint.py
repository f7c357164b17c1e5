"""The ASGI endpoint of one route: reads the request, runs the route's handler, sends its reply."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from requesty_emulator.errors import GatewayError, bad_request
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.connection import connection_of
from requesty_emulator.gateway.core import Core
from requesty_emulator.gateway.delivery import Reply, deliver, error_reply
from requesty_emulator.gateway.records import RecordedRequest

logger = logging.getLogger("requesty_emulator")
Handler = Callable[[Call], Awaitable[Reply]]


class Endpoint:
    """ASGI application of one route: records the request, runs the handler, delivers its reply."""

    def __init__(self, core: Core, handler: Handler, style: str = "openai") -> None:
        self.core = core
        self.handler = handler
        self.style = style

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; whatever happens, the answer is one of the documented bodies."""
        with self.core.in_flight():
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, doubled = _headers(scope)
        raw, too_large = await _read(receive, self.core.settings.max_body_bytes)
        record = RecordedRequest(
            method=scope["method"],
            path=scope["path"],
            headers=headers,
            raw=raw,
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            started=time.time(),
            request_id=self.core.state.new_id(),
        )
        call = Call(self.core, record, connection_of(scope), scope.get("path_params") or {}, self.style)
        call.query_string = scope["query_string"].decode("latin-1")
        self.core.opened(record)
        try:
            reply = await self._reply(call, doubled, too_large)
            await deliver(call, reply, send)
        finally:
            self.core.closed(record)

    async def _reply(self, call: Call, doubled: str | None, too_large: bool) -> Reply:
        try:
            if too_large:
                raise GatewayError(413)
            if doubled:
                raise bad_request(f"header {doubled!r} is sent more than once")
            return await self.handler(call)
        except GatewayError as error:
            self.core.retry_headers(error)
            call.record.error = error.message
            call.record.error_origin = "fault" if call.fault.is_error else error.origin
            return error_reply(error, self.style)
        except Exception:
            logger.exception("the emulator failed on %s %s", call.record.method, call.record.path)
            return error_reply(GatewayError(500, "The emulator failed; see its log"), self.style)


def _headers(scope: Scope) -> tuple[dict[str, str], str | None]:
    headers: dict[str, str] = {}
    doubled = None
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        if key in headers and key in ("authorization", "x-api-key", "content-type"):
            doubled = key
        headers[key] = f"{headers[key]}, {value.decode('latin-1')}" if key in headers else value.decode("latin-1")
    return headers, doubled


async def _read(receive: Receive, limit: int) -> tuple[bytes, bool]:
    """The body up to ``limit`` bytes; the rest is read and dropped so that the answer reaches the client."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body = message.get("body", b"")
        size += len(body)
        if size <= limit:
            parts.append(body)
        if not message.get("more_body"):
            break
    return b"".join(parts), size > limit
