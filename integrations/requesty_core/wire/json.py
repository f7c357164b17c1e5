"""What the gateway sends and accepts: JSON in and out.

Its replies vary by provider and change often, so nothing is validated against a shape: readers accept every variant
that the wire contract lists as seen or in conflict, and unknown fields stay in the decoded object.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec

__all__ = [
    "UNREADABLE",
    "JSONDecodeError",
    "decode_directly",
    "decode_json",
    "decode_strictly",
    "encode_json",
]


class JSONDecodeError(ValueError):
    """The bytes are not one JSON document in UTF-8."""


decode_directly = msgspec.json.Decoder().decode
"""As :func:`decode_json` where each call counts; raises :data:`UNREADABLE`, also for what that one reads after all."""

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError, ValueError)

_encoder = msgspec.json.Encoder()


def decode_json(data: bytes | bytearray | memoryview | str) -> Any:
    """Decode one JSON document. Raises :class:`JSONDecodeError` for anything else, however broken.

    A byte-order mark and escaped halves of surrogate pairs are read, as RFC 8259 allows (sections 8.1 and 8.2); relays
    written in JavaScript send both.
    """
    try:
        return decode_directly(data)
    except UNREADABLE as exc:
        reason = str(exc)
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else bytes(data)
    # msgspec reads neither; only what holds one of them is worth a second and slower look.
    if not (raw.startswith(_BYTE_ORDER_MARK) or b"\\ud" in raw.lower()):
        raise JSONDecodeError(reason)
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise JSONDecodeError(reason) from None


def decode_strictly(text: str) -> Any:
    """Decode one JSON document in which no object gives one key twice.

    Raises :class:`JSONDecodeError`. Of two equal keys one would be lost without a word.
    """
    value = decode_json(text)
    if isinstance(value, (dict, list)):
        try:
            json.loads(text.removeprefix("\ufeff"), object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            raise JSONDecodeError(str(error)) from None
    return value


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) < len(pairs):
        names = [key for key, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} is given twice")


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def _refuse_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def encode_json(value: Any) -> bytes:
    """Encode to compact UTF-8 JSON. Raises ``TypeError`` or ``ValueError`` for values JSON cannot hold."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        # Half of a surrogate pair, as an answer may hold one: it goes out escaped, as it came.
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
