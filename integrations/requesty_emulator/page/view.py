"""A request as the page gets it: objects for JSON, with every key taken out and long texts shortened. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from requesty_emulator.gateway.core import usage_tokens
from requesty_emulator.gateway.records import RecordedRequest
from requesty_emulator.gateway.redact import Redaction

from .reading import answer_of, prompt_of, tools_of

__all__ = ["detail", "related", "summary"]

#: Characters of one text that the page is sent.
LONGEST = 20_000
#: Pieces of a conversation, and marks on a time line, that it is sent.
MOST_SAID, MOST_MARKS = 400, 2_000
#: Seconds between two requests of the same call: the longest wait that a client is told to make.
_SAME_CALL = 120.0
#: Requests before and after one that are looked at for it.
_NEAR = 200
_HIDDEN = ("authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie", "set-cookie")


def summary(record: RecordedRequest, secrets: Iterable[str] = ()) -> dict[str, Any]:
    """The row of a request. Times are Unix seconds, ``ms`` milliseconds, ``cost`` USD as a string; null is unknown."""
    clean = Redaction(record.headers, record.path, secrets)
    tokens = usage_tokens(record.usage) if record.usage else (None, None)
    return {
        "id": record.request_id,
        "at": record.started,
        "method": record.method,
        "path": clean.text(record.path),
        "model": None if record.model is None else clean.text(record.model),
        "served": record.response_model,
        "provider": record.provider,
        "status": record.status,
        "state": "left" if record.disconnected else "open" if record.finished is None else "done",
        "stream": record.stream,
        "ms": None if record.duration is None else round(record.duration * 1000, 1),
        "tokens_in": tokens[0],
        "tokens_out": tokens[1],
        "cost": None if record.cost is None else f"{record.cost:f}",
        "attempts": len(record.attempts),
        "asked": clean.text(record.asked),
        "error": None if record.error is None else clean.text(record.error),
        "error_origin": record.error_origin,
    }


def detail(
    record: RecordedRequest, others: Sequence[RecordedRequest] = (), secrets: Iterable[str] = ()
) -> dict[str, Any]:
    """All that the page shows of a request; ``others`` are those of the same call, itself among them."""
    secrets = tuple(secrets)
    clean = Redaction(record.headers, record.path, secrets)
    raw = clean.data(record.raw)
    body = _json(raw) if record.is_json else record.form
    answer = clean.pieces([bytes(record.sent.data)])[0]
    kind = record.sent.headers.get("content-type", "")
    said, replied = prompt_of(body), answer_of(answer, kind)
    return {
        **summary(record, secrets),
        "prompt": [_short(one, clean) for one in said[:MOST_SAID]],
        "prompt_left_out": max(len(said) - MOST_SAID, 0),
        "answer": [_short(one, clean) for one in replied[:MOST_SAID]],
        "tools": [_short(tool, clean) for tool in tools_of(body)],
        "unknown_fields": [clean.text(name) for name in record.unknown_fields],
        "usage": record.usage,
        "key_id": record.key_id,
        "response_id": record.response_id,
        "tries": [
            {"model": name, "status": status, "from": _ms(record, start), "to": _ms(record, end)}
            for (name, status), (start, end) in zip(record.attempts, record.attempt_spans, strict=False)
        ],
        "writes": [[_ms(record, at), size] for at, size in list(record.sent.writes)[:MOST_MARKS]],
        "answer_bytes": record.sent.size,
        "answer_kept": len(record.sent.data),
        "same_call": [
            {**summary(other, secrets), "from": _ms(record, other.started), "to": _end(record, other)}
            for other in others
        ],
        "headers": _headers(record.headers, clean),
        "answer_headers": _headers(record.sent.headers, clean),
        "body": _cut(raw.decode("utf-8", "replace")),
        "answer_body": _cut(answer.decode("utf-8", "replace")),
    }


def related(record: RecordedRequest, records: Sequence[RecordedRequest]) -> list[RecordedRequest]:
    """The requests of one call in order: retries, fallbacks and hedges ask the same, each soon after the one before.

    They have the path, the key and all of the body in common but the model and what follows from it.
    """
    if record.method != "POST":
        return [record]
    here = next((number for number, other in enumerate(records) if other is record), None)
    if here is None:
        return [record]
    wanted = _asked(record)
    near = records[max(here - _NEAR, 0) : here + _NEAR]
    alike = [
        other
        for other in near
        if other is record or ((other.path, other.asked) == (record.path, record.asked) and _asked(other) == wanted)
    ]
    at = alike.index(record)
    first = last = at
    while first and alike[first].started - _over(alike[first - 1]) < _SAME_CALL:
        first -= 1
    while last + 1 < len(alike) and alike[last + 1].started - _over(alike[last]) < _SAME_CALL:
        last += 1
    return alike[first : last + 1]


def _asked(record: RecordedRequest) -> bytes:
    body = record.body if record.is_json else None
    if not isinstance(body, dict):
        return record.raw
    meta = record.requesty
    same = [body.get("messages"), body.get("input"), body.get("prompt"), record.key_id, meta.get("trace_id")]
    return blake2b(msgspec.json.encode(same), digest_size=16).digest()


def _over(record: RecordedRequest) -> float:
    return record.started if record.finished is None else record.finished


def _ms(record: RecordedRequest, at: float) -> float:
    return round((at - record.started) * 1000, 1)


def _end(record: RecordedRequest, other: RecordedRequest) -> float | None:
    return None if other.finished is None else _ms(record, other.finished)


def _headers(headers: dict[str, str], clean: Redaction) -> dict[str, str]:
    shown = {}
    for name, value in sorted(headers.items()):
        shown[name] = "(not shown)" if name in _HIDDEN else _cut(clean.text(value))
    return shown


def _short(said: dict[str, str], clean: Redaction) -> dict[str, str]:
    # A stream may have said a key in pieces that only here stand together.
    return {name: _cut(clean.text(text)) for name, text in said.items()}


def _cut(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]} … ({len(text) - LONGEST} more characters)"
    # A lone surrogate, which a body may have as an escape, is no text that can be sent.
    return text.encode("utf-8", "replace").decode()


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
