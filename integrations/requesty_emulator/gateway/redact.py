"""What is never shown or written down: keys, cookies, account ids. Decided on bytes, without IO.

It is taken out of cassettes and of the page of requests. Headers are kept by name, so that one nobody thought of is
left out. In bodies three things go: the key and the cookies that the request itself carried, whatever looks like a key,
and the values of fields whose names say so. What is left is every other byte as it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import msgspec

__all__ = ["PLACEHOLDER", "Redaction", "kept_request_headers", "kept_response_headers"]

Edit = tuple[int, int, bytes]
PLACEHOLDER = b"REDACTED"
#: A shorter secret would be found in ordinary words.
SHORTEST = 6

_CREDENTIALS = ("authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "cookie")
_REQUEST_HEADERS = re.compile(r"accept|content-type|user-agent|anthropic-version|anthropic-beta|x-title")
_RESPONSE_HEADERS = re.compile(
    r"content-type|content-disposition|cache-control|vary|retry-after(-ms)?|www-authenticate|allow"
    r"|request-id|x-request-id|fly-request-id|x-should-retry|x-requesty-[a-z-]+|(x|anthropic)-ratelimit-[a-z-]+"
)
_LOOKS_LIKE_A_KEY = re.compile(
    rb"(?:\brqsty-(?!cmpl-)|\brqy[_-]|\bsk[_-]|\bpk[_-]|\bxai-|\bgsk_|\bghp_|\bAIza)[A-Za-z0-9_\-]{12,}"
    rb"|\bsk-[A-Za-z0-9_\-]*\*{3,}[A-Za-z0-9_\-]*"
    rb"|\beyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]+"
    rb"|\b(?:org-|proj_|acct_)[A-Za-z0-9]{16,}"
    rb"|(?<=[Bb]earer )[A-Za-z0-9_\-.=+/]{8,}"
)
_SECRET_FIELDS = (
    rb"api[_-]?key|apikey|x-api-key|secret|client_secret|password|access_token|refresh_token|id_token|authorization"
    rb"|cookie|set-cookie|organization_id|org_id|account_id"
)
#: Fields that name people and accounts on the management routes, and anything at all elsewhere.
_MANAGEMENT_FIELDS = _SECRET_FIELDS + rb"|email|created_by|user_id|organization"


def _fields(names: bytes) -> re.Pattern[bytes]:
    plain = rb'"(?:' + names + rb')"\s*:\s*"(?P<plain>(?:[^"\\]|\\.)*)"'
    # Inside JSON that is itself text, as the arguments of tools are, every quote has a backslash.
    within = rb'\\"(?:' + names + rb')\\"\s*:\s*\\"(?P<within>(?:[^"\\]|\\[^"])*)\\"'
    return re.compile(rb"(?is)" + plain + rb"|" + within)


_NUMBERS = re.compile(rb'(?i)\\?"(?:organization_id|org_id|account_id|user_id)\\?"\s*:\s*(\d+)(?=\s*[,}\]])')
_IN_BODIES = _fields(_SECRET_FIELDS)
_IN_MANAGEMENT = _fields(_MANAGEMENT_FIELDS)
_OWNER = re.compile(rb'"created_by"\s*:\s*\{[^{}]*?"id"\s*:\s*"([^"]*)"')
_MEMBERS = re.compile(rb'"id"\s*:\s*"([^"]*@[^"]*)"')


def kept_request_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a request that a cassette shows."""
    return {name: value for name, value in sorted(headers.items()) if _REQUEST_HEADERS.fullmatch(name)}


def kept_response_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The headers of an answer that are replayed, in their order; the length follows from the body."""
    return tuple((name.lower(), value) for name, value in headers if _RESPONSE_HEADERS.fullmatch(name.lower()))


class Redaction:
    """What to take out of one exchange, whose request had these ``headers`` (lower-case names) and ``path``.

    ``also`` are further secrets, such as the keys that the server knows.
    """

    def __init__(self, headers: Mapping[str, str], path: str, also: Iterable[str] = ()) -> None:
        self._secrets = _secrets(headers, also)
        self._management = path.startswith(("/v1/manage", "/v1/auth"))

    def text(self, text: str) -> str:
        """A path, a query's value, a header."""
        return self.data(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")

    def data(self, data: bytes) -> bytes:
        """A body."""
        return b"".join(_edited([data], self._edits(data)))

    def pieces(self, pieces: Sequence[bytes]) -> list[bytes]:
        """The pieces of a body: a secret is also found where it was cut in two, by the wire or by the model's words."""
        pieces = _edited(pieces, said_in_pieces(b"".join(pieces), self._secrets))
        return _edited(pieces, self._edits(b"".join(pieces)))

    def _edits(self, data: bytes) -> list[Edit]:
        edits = [(start, end, PLACEHOLDER) for start, end in _merged([*self._spans(data)])]
        # A number stays one, so that the body stays JSON.
        numbers = [found.span(1) for found in _NUMBERS.finditer(data)]
        free = [span for span in numbers if not any(span[0] < end and span[1] > start for start, end, _ in edits)]
        return sorted([*edits, *((start, end, b"0") for start, end in free)])

    def _spans(self, data: bytes) -> Iterable[tuple[int, int]]:
        for secret in self._secrets:
            for at in _places(data, secret):
                yield at, at + len(secret)
        for found in _LOOKS_LIKE_A_KEY.finditer(data):
            yield found.span()
        for found in (_IN_MANAGEMENT if self._management else _IN_BODIES).finditer(data):
            yield found.span("plain" if found["plain"] is not None else "within")
        for pattern in (_OWNER, _MEMBERS) if self._management else ():
            for found in pattern.finditer(data):
                yield found.span(1)


def _secrets(headers: Mapping[str, str], also: Iterable[str]) -> list[bytes]:
    found: set[str] = set(also)
    for name in _CREDENTIALS:
        value = headers.get(name, "")
        if name == "cookie":
            found |= {part.partition("=")[2].strip() for part in value.split(";")}
        else:
            found |= {value, value.partition(" ")[2].strip()} if "authorization" in name else {value}
    # As a URL has it, and as an encoder of JSON may have it.
    found |= {quote(one, safe="") for one in found} | {one.replace("/", "\\/") for one in found}
    return sorted((one.encode("utf-8", "replace") for one in found if len(one) >= SHORTEST), key=len, reverse=True)


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if start == end:
            continue
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _edited(pieces: Sequence[bytes], edits: Sequence[Edit]) -> list[bytes]:
    """The pieces of a whole, edited where the whole is; what replaces a span stands where the span begins."""
    result, start, next_edit = [], 0, 0
    for piece in pieces:
        parts, at, end = [], 0, start + len(piece)
        while next_edit < len(edits) and edits[next_edit][1] <= start:
            next_edit += 1
        here = next_edit
        while here < len(edits) and edits[here][0] < end:
            first, last, new = edits[here]
            here += 1
            parts.append(piece[at : max(first - start, 0)])
            if first >= start:
                parts.append(new)
            at = min(last, end) - start
        result.append(b"".join([*parts, piece[at:]]))
        start = end
    return result


# a secret that a model says in several deltas

_LINE = re.compile(rb"^data: ?(\{[^\r\n]*\})", re.MULTILINE)


def said_in_pieces(data: bytes, secrets: Sequence[bytes]) -> list[Edit]:
    """Edits of a stream in whose events a secret's letters follow each other: those events' texts become empty.

    The texts of all events are joined by the place they have in their event, as whoever reads the stream joins them.
    """
    if not secrets:
        return []
    lines = [(found.span(1), _decoded(found[1])) for found in _LINE.finditer(data)]
    joined: dict[str, list[tuple[int, str]]] = {}
    for number, (_, event) in enumerate(lines):
        for place, text in _texts(event, ""):
            joined.setdefault(place, []).append((number, text))
    changed: set[int] = set()
    for place, parts in joined.items():
        whole = "".join(text for _, text in parts).encode("utf-8", "surrogatepass")
        hits = [(at, at + len(secret)) for secret in secrets for at in _places(whole, secret)]
        start = 0
        for number, text in parts:
            end = start + len(text.encode("utf-8", "surrogatepass"))
            # One that stands whole in a piece is found there as anywhere else.
            if any(first < end and last > start and not start <= first < last <= end for first, last in hits):
                _empty(lines[number][1], place, "")
                changed.add(number)
            start = end
    return [(*lines[number][0], msgspec.json.encode(lines[number][1])) for number in sorted(changed)]


def _decoded(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _places(data: bytes, secret: bytes) -> Iterator[int]:
    at = data.find(secret)
    while at >= 0:
        yield at
        at = data.find(secret, at + len(secret))


def _children(value: Any) -> Iterable[tuple[Any, Any]]:
    return value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    for name, child in _children(value):
        here = f"{place}.{name}"
        if isinstance(child, str):
            yield here, child
        else:
            yield from _texts(child, here)


def _empty(value: Any, wanted: str, place: str) -> None:
    for name, child in list(_children(value)):
        here = f"{place}.{name}"
        if here == wanted:
            value[name] = ""
        elif wanted.startswith(here + "."):
            _empty(child, wanted, here)
