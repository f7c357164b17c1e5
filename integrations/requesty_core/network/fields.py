"""Header fields of HTTP/1.1, of a head or of trailers: how long they may be, and what they are made of."""

from __future__ import annotations

import re

from .http import RemoteProtocolError

__all__ = ["CONTROL", "MAX_HEAD_BYTES", "MAX_LINE_BYTES", "TOKEN", "read_headers"]

MAX_HEAD_BYTES = 256 * 1024
"""Longest status line and headers accepted, interim responses included; trailers too."""
MAX_LINE_BYTES = 4 * 1024
"""Longest chunk-size line (with its extension) and longest trailer accepted."""
TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


def read_headers(lines: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Names and values of header lines. Raises ``RemoteProtocolError`` for a malformed one."""
    headers: list[tuple[bytes, bytes]] = []
    folded: list[bytes] = []
    for line in lines:
        if line[:1] in (b" ", b"\t") and headers:
            folded.append(line.strip())
            continue
        if folded:
            headers[-1] = (headers[-1][0], b" ".join((headers[-1][1], *folded)))
            folded.clear()
        name, colon, value = line.partition(b":")
        if not colon or TOKEN.fullmatch(name) is None:
            raise RemoteProtocolError(f"a response header is malformed: {line[:80]!r}")
        headers.append((name, value.strip(b" \t")))
    if folded:
        headers[-1] = (headers[-1][0], b" ".join((headers[-1][1], *folded)))
    return headers
