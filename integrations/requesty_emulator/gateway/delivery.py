"""Sending replies, with every scripted disturbance of the wire."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.types import Send

from requesty_emulator.errors import GatewayError
from requesty_emulator.gateway.bad_vectors import spoil
from requesty_emulator.gateway.call import Call
from requesty_emulator.gateway.faults import Fault
from requesty_emulator.gateway.guardrails import mask_json

_HTML = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>\n"
)
#: Unpaced streams are written in slices of about this many bytes.
_SLICE = 32_768


@dataclass(slots=True)
class Reply:
    """An answer: ``body`` is JSON unless ``content_type`` says otherwise; ``events`` makes it a stream."""

    body: Any = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    events: list[bytes] | None = None
    billable: bool = False
    dialect: str = "chat"


def encode(value: Any) -> bytes:
    """JSON bytes; bytes pass through."""
    return value if isinstance(value, bytes) else msgspec.json.encode(value)


def error_reply(error: GatewayError, style: str) -> Reply:
    """The answer for a refused request."""
    return Reply(error.envelope(style), error.status, dict(error.headers))


async def deliver(call: Call, reply: Reply, send: Send) -> None:
    """Send a reply, disturbed as the call's fault says."""
    fault, connection = call.fault, call.connection
    # What ends in an error is not billed, however far it came.
    is_error = fault.html or fault.error_in_200 is not None or (reply.events is not None and bool(fault.error_event))
    if reply.billable and not is_error:
        call.work()
    if not await connection.pause(fault.delay + call.settings.delay):
        call.record.disconnected = True
        return
    if fault.drop_connection:
        connection.abort()
        return
    reply = _disturb(call, reply)
    call.record.status = reply.status
    headers = _headers(call, reply)
    if reply.events is not None:
        await _stream(call, reply, headers, send)
        return
    data = b"" if reply.body is None else encode(mask_json(reply.body) if call.settings.guardrails else reply.body)
    if reply.billable:
        call.settle()
    await _send_whole(call, reply.status, data, headers, send)


async def _send_whole(call: Call, status: int, data: bytes, headers: dict[str, str], send: Send) -> None:
    fault, connection = call.fault, call.connection
    if status != 204:
        headers["content-length"] = str(len(data))
    call.record.sent.headers = headers
    await send({"type": "http.response.start", "status": status, "headers": _raw(headers)})
    cut = fault.cut_after_bytes
    sent = data if cut is None else data[:cut]
    step = fault.slow_bytes or len(sent) or 1
    pace = (fault.chunk_delay or 0.0) if fault.slow_bytes else 0.0
    for at in range(0, len(sent), step):
        if at and not await connection.pause(pace):
            call.record.disconnected = True
            return
        await send({"type": "http.response.body", "body": sent[at : at + step], "more_body": True})
        call.core.sent(call.record, sent[at : at + step])
    if cut is not None and cut < len(data):
        connection.abort()
        return
    await send({"type": "http.response.body", "body": b"", "more_body": False})
    if not fault.malformed_json and not connection.lost:
        call.delivered()


def _disturb(call: Call, reply: Reply) -> Reply:
    fault = call.fault
    if fault.html:
        status = fault.status or (502 if reply.status < 300 else reply.status)
        return Reply(_HTML, status, reply.headers, "text/html")
    if fault.error_in_200 is not None:
        return Reply({"error": fault.error_in_200}, 200, reply.headers)
    if fault.malformed_json and reply.events is None:
        data = encode(reply.body)
        return Reply(data[: max(1, len(data) // 2)], reply.status, reply.headers, reply.content_type)
    if reply.status < 300 and reply.events is None and isinstance(reply.body, dict):
        if fault.empty_choices and "choices" in reply.body:
            reply.body = {**reply.body, "choices": []}
        if fault.reorder_embeddings and isinstance(reply.body.get("data"), list):
            reply.body = {**reply.body, "data": reply.body["data"][::-1]}
        if fault.bad_vectors is not None and call.record.path.endswith("/embeddings"):
            reply.body = spoil(fault.bad_vectors, reply.body)
    return reply


def _headers(call: Call, reply: Reply) -> dict[str, str]:
    """Content type plus the four documented ``x-requesty-*`` headers."""
    headers = {"content-type": reply.content_type, "vary": "Origin"}
    if reply.status == 204:
        del headers["content-type"]
    if call.settings.requesty_headers:
        headers["x-requesty-request-id"] = call.record.request_id
        headers["x-requesty-latency-ms"] = str(max(1, round((time.time() - call.record.started) * 1000)))
        if call.record.provider and reply.status < 300:
            headers["x-requesty-provider"] = call.record.provider
            headers["x-requesty-cache"] = "HIT" if call.usage.cached else "MISS"
    headers.update(call.fault.headers)
    if call.fault.retry_after is not None:
        headers["retry-after"] = str(call.fault.retry_after)
    headers.update(reply.headers)
    return headers


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def _stream(call: Call, reply: Reply, headers: dict[str, str], send: Send) -> None:
    fault, connection, core = call.fault, call.connection, call.core
    events, ending = _script(fault, reply.events or [], reply.dialect)
    pace = call.settings.chunk_delay if fault.chunk_delay is None else fault.chunk_delay
    writes = _writes(fault, events, pace)
    headers.setdefault("cache-control", "no-cache")
    # A stream that dies in an error is not billed; one that merely ends early looks complete to the gateway.
    completes = reply.billable and ending == "end" and fault.error_event is None
    core.streams += 1
    call.record.sent.headers = headers
    try:
        await send({"type": "http.response.start", "status": reply.status, "headers": _raw(headers)})
        last = len(writes) - 1
        for index, data in enumerate(writes):
            if index and pace and not await connection.pause(pace):
                break
            if index == last and completes:
                call.settle()
            if not await connection.write(send, data):
                break
            core.sent(call.record, data)
        else:
            if ending == "end":
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                if completes and fault.truncate_after_chunks is None and not fault.malformed_json:
                    call.delivered()
                return
            if ending == "abort":
                connection.abort()
                return
            index = len(writes)
            await connection.pause(None)
        call.record.disconnected = True
        if reply.billable:
            delivered = index / max(len(writes), 1) * len(events) / max(len(reply.events or ()), 1)
            call.settle(min(delivered, 1.0))
    finally:
        core.streams -= 1


def _script(fault: Fault, events: list[bytes], dialect: str) -> tuple[list[bytes], str]:
    """The events really sent, and how the stream ends: ``end``, ``abort`` or ``stall``."""
    ending = "end"
    if fault.no_done and events and events[-1].startswith(b"data: [DONE]"):
        events = events[:-1]
    if fault.error_event is not None:
        events = [*events[: fault.error_after_chunks], error_event(fault.error_event, dialect)]
    if fault.malformed_json:
        middle = len(events) // 2
        events = [*events[:middle], events[middle][: len(events[middle]) // 2] + b"\n\n", *events[middle + 1 :]]
    if fault.truncate_after_chunks is not None:
        events = events[: fault.truncate_after_chunks]
    if fault.cut_after_chunks is not None:
        events, ending = events[: fault.cut_after_chunks], "abort"
    if fault.stall_after_chunks is not None:
        events, ending = events[: fault.stall_after_chunks], "stall"
    if fault.event_lines:
        events = [event if event.startswith(b"event:") else b"event: message\n" + event for event in events]
    if fault.comments:
        events = [b": keep-alive\n\n" + event for event in events]
    if fault.crlf:
        events = [event.replace(b"\n", b"\r\n") for event in events]
    if fault.cut_after_bytes is not None:
        data = b"".join(events)
        if fault.cut_after_bytes < len(data):
            events, ending = [data[: fault.cut_after_bytes]], "abort"
    return events, ending


def error_event(error: dict[str, Any] | str, dialect: str = "chat") -> bytes:
    """An error inside a stream: a chunk with top-level ``error`` on chat, an ``error`` event on the other routes."""
    if dialect == "chat":
        return b"data: " + encode({"error": error}) + b"\n\n"
    inner = {"message": error} if isinstance(error, str) else dict(error)
    if dialect == "messages":
        inner.setdefault("type", "api_error")
        return b"event: error\ndata: " + encode({"type": "error", "error": inner}) + b"\n\n"
    payload = {"type": "error", "code": inner.get("code"), "message": inner.get("message"), "param": None}
    return b"event: error\ndata: " + encode({**payload, "sequence_number": 0}) + b"\n\n"


def _writes(fault: Fault, events: list[bytes], pace: float) -> list[bytes]:
    if fault.slow_bytes:
        data = b"".join(events)
        return [data[at : at + fault.slow_bytes] for at in range(0, len(data), fault.slow_bytes)]
    if pace:
        return events
    writes, batch, size = [], [], 0
    for event in events:
        batch.append(event)
        size += len(event)
        if size >= _SLICE:
            writes.append(b"".join(batch))
            batch, size = [], 0
    if batch:
        writes.append(b"".join(batch))
    return writes
