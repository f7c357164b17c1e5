"""What the relay's ``httpx`` transports take and return; the transports themselves are in ``aio`` and ``sync``.

Answers arrive as they were sent, HTTP errors as HTTP errors; what HTTP has no status for (a stream that breaks off, an
error under status 200) is raised as the ``httpx`` exception nearest to it, with the typed error in ``error``.
``response.extensions["requesty"]`` is the :class:`~requesty_core.relay.plan.Relayed` of the call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from requesty_core.errors import ErrorKind, RequestyError
from requesty_core.exchange.stream import StreamExchange
from requesty_core.network.http import (
    AsyncByteStream,
    ByteStream,
    ConnectError,
    ReadTimeout,
    RemoteProtocolError,
    Request,
    Response,
    SyncByteStream,
)
from requesty_core.replies.received import ReceivedResponse
from requesty_core.wire.json import JSONDecodeError, decode_json

from .details import Relayed
from .incoming import Incoming
from .plan import RelayCall

__all__ = [
    "EXTENSION",
    "RelayConnectionError",
    "RelayProtocolError",
    "RelayResponse",
    "RelayTimeoutError",
    "failed_response",
    "opened_response",
    "read_request",
    "relay_error",
    "whole_response",
]

EXTENSION = "requesty"
"""Key in ``response.extensions`` (the call's ``Relayed``) and in ``request.extensions`` (another core client)."""


class RelayTimeoutError(ReadTimeout):
    """A time limit passed; ``error`` is the typed error."""

    error: RequestyError


class RelayConnectionError(ConnectError):
    """No connection came about; ``error`` is the typed error."""

    error: RequestyError


class RelayProtocolError(RemoteProtocolError):
    """The answer is unusable or incomplete; ``error`` is the typed error."""

    error: RequestyError


_RAISED: Mapping[ErrorKind, type[RelayTimeoutError | RelayConnectionError | RelayProtocolError]] = {
    ErrorKind.TIMEOUT: RelayTimeoutError,
    ErrorKind.CONNECTION: RelayConnectionError,
}


def relay_error(error: RequestyError, request: Request) -> Exception:
    """The exception for a failure that has no HTTP status. Settings and budgets fail as what they are."""
    if error.kind in (ErrorKind.CONFIGURATION, ErrorKind.BUDGET):
        return error
    last = getattr(error, "errors", None) or (error,)
    raised = _RAISED.get(last[-1].kind, RelayProtocolError)(error.message, request=request)
    raised.error = error
    raised.__cause__ = error
    return raised


class RelayResponse(Response):
    """A response whose JSON was decoded on the way and is not decoded again."""

    def json(self, **kwargs: Any) -> Any:
        """The decoded body. Raises ``ValueError`` if it is not JSON."""
        if kwargs:
            return super().json(**kwargs)
        relayed = self.extensions.get(EXTENSION)
        data = relayed.data if isinstance(relayed, Relayed) else None
        if not isinstance(relayed, Relayed) or data is None:
            try:
                return decode_json(self.content)
            except JSONDecodeError:
                return super().json()
        # Handed out once: who changes it must not change what others read.
        relayed.data = None
        return data


def read_request(request: Request, content: bytes) -> Incoming:
    """A request in the other client's hands, as the relay reads it."""
    return Incoming(
        request.method,
        request.url,
        [(k.decode("latin-1"), v.decode("latin-1")) for k, v in request.headers.raw],
        content,
        request.extensions.get("timeout"),
    )


def _response(
    received: ReceivedResponse | Any,
    stream: SyncByteStream | AsyncByteStream,
    relayed: Relayed,
    status: int | None = None,
) -> Response:
    """A response in the other client's hands: the headers as sent, but for what no longer holds of the body."""
    headers = {k: v for k, v in received.headers.items() if k not in ("content-encoding", "transfer-encoding")}
    if isinstance(stream, ByteStream):
        headers["content-length"] = str(len(received.content))
    request_id = headers.get("x-requesty-request-id") or headers.get("fly-request-id")
    if request_id and "x-request-id" not in headers:
        # Clients of the OpenAI format look for the id there.
        headers["x-request-id"] = request_id
    return RelayResponse(
        received.status if status is None else status, headers=headers, stream=stream, extensions={EXTENSION: relayed}
    )


def whole_response(relayed: Relayed) -> Response:
    """The response of a complete answer."""
    assert relayed.received is not None
    return _response(relayed.received, ByteStream(relayed.received.content), relayed)


def opened_response(planned: RelayCall, stream: SyncByteStream | AsyncByteStream) -> Response:
    """The response of a stream that has begun."""
    assert isinstance(planned.exchange, StreamExchange)
    assert planned.exchange.committed is not None
    received = planned.exchange.committed.running.received
    response = _response(received, stream, planned.relayed)
    if planned.route.streams:
        response.headers["content-type"] = "text/event-stream"
        response.headers.pop("content-length", None)
    return response


def failed_response(error: RequestyError, planned: RelayCall, request: Request) -> Response:
    """The response that tells of a failure; raises where HTTP has no words for it."""
    got = error.response
    if got is None or got.status_code < 400:
        raise relay_error(error, request)
    planned.relayed.error = error
    return _response(got, ByteStream(got.content), planned.relayed, got.status_code)
