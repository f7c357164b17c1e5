"""Header fields of HTTP/1.1, of a head or of trailers: how long they may be, and what they are made of."""

from __future__ import annotations

import re
from functools import lru_cache

from .http import RemoteProtocolError

__all__ = ["MAX_HEAD_BYTES", "MAX_LINE_BYTES", "has_control", "read_headers"]

MAX_HEAD_BYTES = 256 * 1024
"""Longest status line and headers accepted, interim responses included; trailers too."""
MAX_LINE_BYTES = 4 * 1024
"""Longest chunk-size line (with its extension) and longest trailer accepted."""
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = bytes((*range(9), *range(11, 32), 127))
"""Control characters but for the tab and the line feed."""


def has_control(data: bytes) -> bool:
    """Whether there is a control character that no head may hold."""
    return len(data.translate(None, _CONTROL)) < len(data)


def _is_name(name: bytes) -> bool:
    return _TOKEN.fullmatch(name) is not None


# Servers send the same names with every response.
_is_short_name = lru_cache(maxsize=256)(_is_name)
_SHORT = 64


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
        if not colon or not (_is_short_name(name) if len(name) <= _SHORT else _is_name(name)):
            raise RemoteProtocolError(f"a response header is malformed: {line[:80]!r}")
        headers.append((name, value.strip(b" \t")))
    if folded:
        headers[-1] = (headers[-1][0], b" ".join((headers[-1][1], *folded)))
    return headers
