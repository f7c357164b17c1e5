"""Which recorded request a request is, and if it is none: which is the nearest, and how it differs. Without IO."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from requesty_emulator.cassettes.tape import Question
from requesty_emulator.gateway.bounds import MAX_NESTING, too_deep
from requesty_emulator.gateway.redact import Redaction, kept_request_headers

__all__ = ["Difference", "asked", "differences", "fingerprint", "nearest"]

#: Differences that are looked for; more of them say nothing more.
MOST = 50
#: Recorded requests that are compared with one that is not recorded; the server answers no other meanwhile.
COMPARED = 1_000
_BOUNDARY = re.compile(r'boundary="?([^";,]+)"?')
Difference = tuple[str, str, str]
"""Where, what was recorded, what was sent."""


def asked(method: str, path: str, query: str, headers: Mapping[str, str], raw: bytes) -> Question:
    """A request as a cassette has it: redacted, its query in order, JSON decoded, a multipart boundary made the same.

    ``query`` is the text after the question mark; ``headers`` have lower-case names.
    """
    redaction = Redaction(headers, path)
    kept = {name: redaction.text(value) for name, value in kept_request_headers(headers).items()}
    pairs = sorted((name, redaction.text(value)) for name, value in parse_qsl(query, keep_blank_values=True))
    kind = headers.get("content-type", "")
    boundary = _BOUNDARY.search(kind)
    if boundary is not None and kind.startswith("multipart/"):
        # Clients draw it by lot for every request.
        raw = raw.replace(boundary[1].encode("latin-1"), b"BOUNDARY")
        kept["content-type"] = kind.replace(boundary[1], "BOUNDARY")
    data = redaction.data(raw)
    body, is_json = _decoded(data)
    return Question(method, redaction.text(path), tuple(pairs), kept, body if is_json else data, is_json)


def _decoded(data: bytes) -> tuple[Any, bool]:
    try:
        body = json.loads(data)
        # What no file can hold in UTF-8, and what is not one and the same when read again, stays bytes.
        json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except (ValueError, RecursionError):
        return None, False
    # Deeper ones are compared as bytes: finding where two of them differ would have no end.
    return (None, False) if too_deep(body, MAX_NESTING) else (body, True)


def fingerprint(question: Question) -> str:
    """The same text for the same request: the order of a JSON object's keys and the headers do not count."""
    body = json.dumps(question.body, sort_keys=True) if question.is_json else question.body.hex()
    return json.dumps([question.method, question.path, question.query, question.is_json, body])


def nearest(question: Question, recorded: Sequence[Question]) -> int | None:
    """The number of the recorded request that differs least; of the same route if there is one. None of none."""
    best: tuple[float, int] | None = None
    routes = [(one.path != question.path, one.method != question.method) for one in recorded]
    closest = min(routes, default=(False, False))
    near = [number for number, route in enumerate(routes) if route == closest]
    for number in near[:COMPARED]:
        cost = sum(_weight(found) for found in differences(recorded[number], question))
        if best is None or cost < best[0]:
            best = cost, number
    return None if best is None else best[1]


def _weight(found: Difference) -> float:
    _, before, now = found
    same = next((at for at, (a, b) in enumerate(zip(before, now, strict=False)) if a != b), min(len(before), len(now)))
    return 2.0 - same / max(len(before), len(now), 1)


def differences(recorded: Question, sent: Question) -> list[Difference]:
    """How a sent request differs from a recorded one: at most 50 places, in the order of the request."""
    found: list[Difference] = []
    for where in ("method", "path"):
        before, now = getattr(recorded, where), getattr(sent, where)
        if before != now:
            found.append((where, before, now))
    if recorded.query != sent.query:
        found += _between("query", _query(recorded), _query(sent))
    if recorded.is_json and sent.is_json:
        found += _between("body", recorded.body, sent.body)
    elif (recorded.is_json, recorded.body) != (sent.is_json, sent.body):
        found.append(("body", _body(recorded), _body(sent)))
    return found[:MOST]


def _query(question: Question) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for name, value in question.query:
        values.setdefault(name, []).append(value)
    return values


def _body(question: Question) -> str:
    if question.is_json:
        return json.dumps(question.body, ensure_ascii=False)
    try:
        return str(question.body.decode("utf-8"))
    except UnicodeDecodeError:
        return f"{len(question.body)} bytes that begin with {question.body[:16].hex()}"


def _between(where: str, before: Any, now: Any) -> list[Difference]:
    found: list[Difference] = []
    for difference in _walk(where, before, now):
        found.append(difference)
        if len(found) >= MOST:
            break
    return found


def _walk(where: str, before: Any, now: Any) -> Iterator[Difference]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in [*before, *(name for name in now if name not in before)]:
            here = f"{where}.{name}"
            if name not in now:
                yield here, _text(before[name]), "nothing"
            elif name not in before:
                yield here, "nothing", _text(now[name])
            else:
                yield from _walk(here, before[name], now[name])
    elif isinstance(before, list) and isinstance(now, list):
        for at in range(max(len(before), len(now))):
            here = f"{where}[{at}]"
            if at >= len(now):
                yield here, _text(before[at]), "nothing"
            elif at >= len(before):
                yield here, "nothing", _text(now[at])
            else:
                yield from _walk(here, before[at], now[at])
    elif _text(before) != _text(now):
        yield where, _text(before), _text(now)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
